"""A notebook in JupyterLab in Chromium, run to its end and photographed.

Used by `small_machine.py --pictures`: what a learner's page shows when memory is short.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headless_lab import PATIENCE_S, Server

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
READY = """() => {
  const context = window.jupyterapp?.shell?.currentWidget?.sessionContext;
  return Boolean(context?.isReady) && context.session?.kernel?.status === 'idle';
}"""
# Of code cells: how many there are, how many have run, and what the failed ones say.
OUTCOME = """() => {
  const cells = window.jupyterapp.shell.currentWidget.model.toJSON().cells;
  const code = cells.filter((cell) => cell.cell_type === 'code');
  const failed = code.flatMap((cell) => cell.outputs).filter((one) => one.output_type === 'error');
  return [code.length, code.filter((cell) => cell.execution_count).length,
    failed.map((one) => `${one.ename}: ${one.evalue}`)];
}"""
SCROLLED = """(part) => {
  const all = [...document.querySelectorAll('.jp-WindowedPanel-outer')];
  const pane = all.find((one) => one.offsetParent);
  pane.scrollTop = part * (pane.scrollHeight - pane.clientHeight);
}"""
PICTURES = 5  # of a notebook, from its top to its end


@contextmanager
def page_in_chromium() -> Iterator:
    """A page of a headless Chromium, a `playwright.sync_api.Page`; it collects its `problems`."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if program is None:
        raise SystemExit("Pictures need Chromium: install it.")
    with sync_playwright() as playwright:
        options = ["--headless", "--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        browser = playwright.chromium.launch(executable_path=program, args=options)
        page = browser.new_page(viewport={"width": 1100, "height": 1500})
        page.set_default_timeout(1000 * PATIENCE_S)
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        yield page
        browser.close()


def run_all(page, port: int, token: str, name: str, timeout_s: float) -> None:
    """Opens a notebook of a server on this machine and runs all cells to the end.

    Args:
      page: A `playwright.sync_api.Page`.
      port: The server's.
      token: The server's.
      name: Path of the notebook, as the server knows it.
      timeout_s: For the kernel to come, and once more for the cells.
    """
    page.goto(
        f"http://127.0.0.1:{port}/lab/tree/{name}?token={token}&reset",
        wait_until="domcontentloaded",
    )
    page.wait_for_function(READY, timeout=1000 * timeout_s, polling=250)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(READY, timeout=1000 * timeout_s, polling=250)


def ran_in_page(server: Server, notebook: Path, name: str, page, pictures: Path) -> str:
    """Opens a notebook, runs all its cells, and photographs it from top to end.

    Args:
      server: Has the notebook.
      notebook: Its file.
      name: By which the server knows it.
      page: Of `page_in_chromium`.
      pictures: Folder, made when it is missing.

    Returns:
      What went wrong; empty when all cells have run.
    """
    run_all(page, server.port, server.token, name, PATIENCE_S)
    pictures.mkdir(parents=True, exist_ok=True)
    for number in range(PICTURES):
        for _ in range(2):  # cells that come into sight are drawn, and lengthen the page
            page.evaluate(SCROLLED, 0.97 * number / (PICTURES - 1))
            page.wait_for_timeout(1000)
        page.screenshot(path=pictures / f"{notebook.stem}_{number + 1}.png")
    n_cells, n_run, failed = page.evaluate(OUTCOME)
    unrun = [f"{n_cells - n_run} cells have not run"] if n_run < n_cells else []
    wrong, page.problems[:] = [*failed, *unrun, *page.problems], []
    return "; ".join(wrong)
