"""A class on one server: so many learners run a notebook at once, as their browsers would.

    python tools/load_check.py [NOTEBOOK] --learners 3 [--stagger 2] [--json FILE]

Starts a Jupyter server on this machine, opens a kernel for each learner through its REST interface
and sends all cells over a web socket, each when the one before is done. Prints seconds, processor
seconds and peak memory of each learner and of the server, and what 30 and 300 of them would need.
Exit status 1 when a cell fails. The figures of docs/deploy.md come from here.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import psutil
from headless_lab import Server, code_cells, ran_cells, server_with

ROOT = Path(__file__).resolve().parents[1]
CLASSES = (30, 300)


@dataclass
class Learner:
    """What one learner's run took.

    Attributes:
      number: From 1.
      started: Seconds after the first learner's start.
      seconds: From opening the kernel to the last cell's end.
      cpu_seconds: Processor time of the kernel and its children.
      megabytes: Their largest resident memory.
      error: The first cell that failed; empty when all went well.
    """

    number: int
    started: float = 0.0
    seconds: float = math.nan
    cpu_seconds: float = 0.0
    megabytes: float = 0.0
    error: str = "did not finish"
    kernel: str = ""


def run_cells(server: Server, cells: list[str], learner: Learner) -> None:
    """Lets a learner run the cells, and notes kernel, seconds and what failed."""
    began = time.monotonic()
    name = f"learner-{learner.number}.ipynb"
    learner.error = ran_cells(server, cells, name, partial(setattr, learner, "kernel"))
    learner.seconds = time.monotonic() - began


class Watch:
    """Reads memory and processor time of the server and of each learner's kernel."""

    def __init__(self, server: Server, learners: list[Learner]):
        self.server, self.learners, self.server_megabytes = server, learners, 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watch:
        """Starts to watch."""
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        """Looks once more and ends."""
        self._over.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self._look()

    def _look(self) -> None:
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.server.process.pid)
            self.server_megabytes = max(self.server_megabytes, root.memory_info().rss / 1e6)
            for process in root.children():
                with suppress(psutil.NoSuchProcess):
                    self._note(process)

    def _note(self, process: psutil.Process) -> None:
        line = " ".join(process.cmdline())
        (learner,) = [one for one in self.learners if one.kernel and one.kernel in line] or [None]
        if learner is None:
            return
        megabytes = cpu = 0.0
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                megabytes += one.memory_info().rss / 1e6
                cpu += sum(one.cpu_times()[:2])
        learner.megabytes = max(learner.megabytes, megabytes)
        learner.cpu_seconds = max(learner.cpu_seconds, cpu)


def checked_load(notebook: Path, n_learners: int, stagger: float = 0.0) -> tuple[list, float]:
    """Lets learners run a notebook at once.

    Args:
      notebook: A copy of it is run.
      n_learners: How many.
      stagger: Seconds between the starts of two learners.

    Returns:
      The learners with what each took, and the server's own peak memory in MB.
    """
    cells = code_cells(notebook)
    learners = [Learner(number + 1, number * stagger) for number in range(n_learners)]
    with server_with(notebook) as server, Watch(server, learners) as watch:
        threads = []
        for learner in learners:
            threads.append(threading.Thread(target=run_cells, args=(server, cells, learner)))
            threads[-1].start()
            if learner is not learners[-1]:
                time.sleep(stagger)
        for thread in threads:
            thread.join()
    return learners, watch.server_megabytes


def busy_share(seconds: float = 1.0) -> float:
    """How much of the machine others use now, 0 to 1."""
    return psutil.cpu_percent(seconds) / 100


def advice(learners: list[Learner], server_megabytes: float) -> list[str]:
    """What classes of 30 and 300 need by these figures, a line each."""
    memory = max(one.megabytes for one in learners) + server_megabytes
    work = statistics.median(one.cpu_seconds for one in learners)
    return [
        f"{n} learners: {n * memory / 1e3:.0f} GB; all at once {n * work:.0f} processor seconds, "
        f"a minute on {math.ceil(n * work / 60)} cores"
        for n in CLASSES
    ]


def main() -> int:
    """Runs the check of the command line and prints its figures."""
    parser = argparse.ArgumentParser(description="How many learners does one machine carry?")
    parser.add_argument(
        "notebook", type=Path, nargs="?", default=ROOT / "notebooks" / "00_hear_it.ipynb"
    )
    parser.add_argument("--learners", type=int, default=2)
    parser.add_argument("--stagger", type=float, default=0.0, help="seconds between two starts")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    if not options.notebook.is_file():
        print(f"{options.notebook}: no such notebook", file=sys.stderr)
        return 2
    if options.learners < 1:
        print(f"--learners {options.learners}: take one at least", file=sys.stderr)
        return 2
    busy = busy_share()
    print(f"{os.cpu_count()} cores, {100 * busy:.0f} % of them busy with other things")
    learners, server_megabytes = checked_load(options.notebook, options.learners, options.stagger)
    print(f"{'learner':8}{'seconds':>9}{'CPU s':>8}{'peak MB':>9}")
    for one in learners:
        print(
            f"{one.number:<8}{one.seconds:9.1f}{one.cpu_seconds:8.1f}{one.megabytes:9.0f}"
            f"   {one.error or 'ok'}"
        )
    print(f"{'server':8}{'':17}{server_megabytes:9.0f}")
    print(*advice(learners, server_megabytes), sep="\n")
    if options.json:
        figures = {"busy_share": busy, "server_megabytes": server_megabytes}
        figures["learners"] = [asdict(one) for one in learners]
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return int(any(one.error for one in learners))


if __name__ == "__main__":
    sys.exit(main())
