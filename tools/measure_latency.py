"""Measure how soon a move of a slider is heard, in a real JupyterLab and a real Chromium.

    python tools/measure_latency.py [--widget explorer|hear_it] [--moves 200] [--long 1000]
        [--json FILE]

Keys on the openness slider, one after the other, while a phrase of about 4 s loops. The page's own
clock measures each move from the key's time stamp to the audio that is scheduled; the stations in
between tell where the time goes. Then many more moves tell whether memory grows. Prints a table;
`--json` writes one flat object of figures. Needs Chromium and the test packages.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from conftest import CHROMIUM_FLAGS, CHROMIUM_NAMES  # noqa: E402
from lab_server import PATIENCE_S, lab_with, write_notebook  # noqa: E402
from machine import slowness  # noqa: E402

CELLS = {
    "explorer": "from nmsynth_lib.widgets import explore\nexplore('string')",
    "hear_it": (
        "from nmsynth_lib.widgets import hear_it\nfrom nmsynth_lib.phrases import phrases\n"
        "hear_it('string', performances={'4 s': next(iter(phrases().values()))})"
    ),
}
OPENNESS = "Openness (CC55)"
ROOTS = {"explorer": "section.nmsynth-explorer", "hear_it": "section.nmsynth-hear"}
# Stations of a move, each with the one before.
PARTS = {
    "page_before": ("key", "sent"),  # from the key's time stamp to the message
    "to_kernel": ("sent", "received"),
    "synthesis": ("received", "made"),  # rendering, and making the message's values
    "to_page": ("made", "back"),
    "page_after": ("back", "scheduled"),  # decoding, and 4 ms ahead for a smooth fade
}
NAMES = {
    "page_before": "page: key to message",
    "to_kernel": "transfer: page to kernel",
    "synthesis": "synthesis",
    "to_page": "transfer: kernel to page",
    "page_after": "page: message to audio",
}
HEAP = "() => { window.gc?.(); return performance.memory.usedJSHeapSize; }"


def settings() -> Iterator[tuple[str, str]]:
    """Slider and key, again and again: no setting comes twice, or nothing would be computed."""
    for key in itertools.cycle(("ArrowLeft", "ArrowRight")):
        yield "Velocity", "ArrowLeft"
        yield from [(OPENNESS, key)] * 120


def moved(page, root, keys: Iterator[tuple[str, str]], count: int, pause_ms: int) -> list[dict]:
    """Presses keys on sliders, waits each time until it is heard; the stations of the moves."""
    root.evaluate("root => { root.nmsynth.moves.length = 0; root.nmsynth.latencies.length = 0; }")
    moves, focused = [], None
    for name, key in itertools.islice(keys, count):
        if name != focused:
            root.get_by_role("slider", name=name, exact=True).focus()
            focused = name
        page.keyboard.press(key)
        page.wait_for_function(
            "root => root.nmsynth.moves.length === 1", arg=root.element_handle(), polling=10
        )
        moves += root.evaluate("root => root.nmsynth.moves.splice(0)")
        page.wait_for_timeout(pause_ms)
    return moves


def figures(moves: list[dict]) -> dict[str, float]:
    """Median, 95th percentile and medians of the parts, ms; bytes of a move."""
    total = np.array([one["scheduled"] - one["key"] for one in moves])
    median, p95 = np.percentile(total, [50, 95])
    found = {"moves": len(moves), "slider_to_sound_ms": median, "slider_to_sound_ms_p95": p95}
    for name, (first, last) in PARTS.items():
        parts = [one[last] - one[first] for one in moves]
        found[f"{name}_ms"], found[f"{name}_ms_p95"] = np.percentile(parts, [50, 95])
    found["bytes_a_move"] = float(np.median([one["bytes"] for one in moves]))
    return {name: round(float(value), 1) for name, value in found.items()}


def kernel_process(lab) -> psutil.Process:
    """The one kernel below the server."""
    (kernel,) = [
        child
        for child in psutil.Process(lab.process.pid).children(recursive=True)
        if "ipykernel_launcher" in " ".join(child.cmdline())
    ]
    return kernel


def measured(widget: str, n_moves: int, n_long: int) -> dict[str, float]:
    """All figures of one widget."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        notebook = write_notebook(Path(scratch) / "latency.ipynb", CELLS[widget])
        flags = [*CHROMIUM_FLAGS, "--js-flags=--expose-gc", "--enable-precise-memory-info"]
        browser = playwright.chromium.launch(executable_path=chromium(), args=flags)
        with lab_with(notebook, Path(scratch) / "lab") as lab:
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            page.set_default_timeout(1000 * PATIENCE_S)
            lab.open_and_run(page, notebook.name)
            root = page.locator(ROOTS[widget]).first
            root.wait_for()
            root.scroll_into_view_if_needed()
            root.get_by_role("button", name="Play").click()
            page.wait_for_function("root => root.nmsynth.player.playing", arg=root.element_handle())
            root.get_by_role("slider", name=OPENNESS, exact=True).press("End")
            page.wait_for_timeout(3000)
            keys = settings()
            moved(page, root, keys, 20, 50)  # what is compiled at the first use does not count
            slow = [slowness()]
            found = figures(moved(page, root, keys, n_moves, 100))
            slow.append(slowness())
            found["slowness"] = round(float(np.mean(slow)), 2)
            print(table(widget, found), flush=True)
            if n_long:
                found |= memory(page, root, keys, kernel_process(lab), n_long)
            page.close()
        browser.close()
    return found


def memory(
    page, root, keys: Iterator[tuple[str, str]], kernel: psutil.Process, n_moves: int
) -> dict[str, float]:
    """What kernel and page hold before and after many moves, MB, and how it went on the way."""
    rss, heap = [], []
    quarter = max(1, n_moves // 4)
    for number in range(5):
        if number:
            moved(page, root, keys, quarter, 0)
        time.sleep(1.0)
        rss.append(kernel.memory_info().rss / 1e6)
        heap.append(page.evaluate(HEAP) / 1e6)
    return {
        "long_moves": 4 * quarter,
        **{f"kernel_mb_{i}": round(value, 1) for i, value in enumerate(rss)},
        **{f"page_mb_{i}": round(value, 1) for i, value in enumerate(heap)},
    }


def chromium() -> str:
    """Chromium's program."""
    found = os.environ.get("NMSYNTH_CHROMIUM") or next(
        filter(None, map(shutil.which, CHROMIUM_NAMES)), None
    )
    if not found:
        sys.exit("Needs Chromium: install it, or set NMSYNTH_CHROMIUM to its program.")
    return found


def table(widget: str, found: dict[str, float]) -> str:
    """The figures for people."""
    rows = [f"{widget}: {found['moves']:.0f} moves, {found['bytes_a_move'] / 1000:.0f} kB of sound"]
    rows.append(f"  on a machine {found['slowness']:.2f} times slower than when it is free")
    rows.append(f"  {'':26}{'median':>8}{'p95':>8}  ms")
    for name, words in {**NAMES, "slider_to_sound": "key to sound"}.items():
        rows.append(f"  {words:26}{found[f'{name}_ms']:8.1f}{found[f'{name}_ms_p95']:8.1f}")
    return "\n".join(rows)


def memory_lines(found: dict[str, float]) -> str:
    """How memory went, for people."""
    return "\n".join(
        f"  {what}, MB, over {found['long_moves']:.0f} moves: "
        + ", ".join(f"{found[f'{what}_mb_{i}']:.1f}" for i in range(5))
        for what in ("kernel", "page")
    )


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widget", choices=CELLS, action="append")
    parser.add_argument("--moves", type=int, default=200)
    parser.add_argument("--long", type=int, default=1000, help="moves between looks at memory")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    every = {}
    for widget in chosen.widget or list(CELLS):
        found = measured(widget, chosen.moves, chosen.long)
        if chosen.long:
            print(memory_lines(found), flush=True)
        every |= {f"{widget}_{name}": value for name, value in found.items()}
    if chosen.json:
        chosen.json.write_text(json.dumps(every, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
