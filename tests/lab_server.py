"""A real JupyterLab for the browser tests: own port, own settings, gone after the test."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from lab_page import run_all

SCREENSHOTS = Path(__file__).resolve().parents[1] / "build" / "screenshots"
PATIENCE_S = 180  # nothing takes so long, however busy the machine; it is stuck
PORT_TRIES = 5
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
BADGES = (
    "https://mybinder.org/badge_logo.svg",
    "https://colab.research.google.com/assets/colab-badge.svg",
)

# The style sheet has come: a light theme's page is light, its words are dark, and no colour moves.
THEMED = """(light) => {
  const style = getComputedStyle(document.body);
  const grey = (name) => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d');
    canvas.fillStyle = style.getPropertyValue(name).trim();
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data[1];
  };
  const settled = document.getAnimations().every((one) => one.playState !== 'running');
  return settled && (grey('--jp-layout-color0') > 128) === light
    && (grey('--jp-content-font-color1') < 128) === light;
}"""

# What went wrong in the code cells, and how many have shown something.
OUTCOME = """() => {
  const { model } = window.jupyterapp.shell.currentWidget.content;
  const outputs = [...model.cells].filter((cell) => cell.type === 'code')
    .map((cell) => [...Array(cell.outputs.length).keys()].map((i) => cell.outputs.get(i).toJSON()));
  return { shown: outputs.filter((one) => one.length).length,
    bad: outputs.flat().filter((one) => one.output_type === 'error' || one.name === 'stderr')
      .map((one) => JSON.stringify(one).slice(0, 300)) };
}"""
# The notebook alone, without the panels beside it, as on a small screen.
ALONE = """async () => {
  const { commands, shell } = window.jupyterapp;
  shell.collapseLeft();
  shell.collapseRight();
  for (const side of ['left', 'right']) {
    if (commands.isToggled('application:toggle-side-tabbar', { side })) {
      await commands.execute('application:toggle-side-tabbar', { side });
    }
  }
}"""


class Lab:
    """A running JupyterLab server on a copy of one notebook."""

    def __init__(self, folder: Path):
        """Starts the server; `folder` holds its notebooks, its settings, and its log."""
        self.token = secrets.token_hex(16)
        self.log = folder / "lab.log"
        for _ in range(PORT_TRIES):
            self._start(folder)
            if self._answers():
                return
            if "already in use" not in self.log.read_text():
                break  # else somebody was quicker to take the port
        raise AssertionError(f"JupyterLab did not start:\n{self.log.read_text()[-3000:]}")

    def _start(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        quiet = folder / "settings" / "@jupyterlab" / "apputils-extension"
        quiet.mkdir(parents=True, exist_ok=True)
        # No question about news may come up over what is tested.
        news = json.dumps({"fetchNews": "false", "checkForUpdates": False})
        (quiet / "notification.jupyterlab-settings").write_text(news)
        places = ("config", "data", "runtime", "ipython")
        variables = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
        environment = os.environ | {
            variable: str(folder / place) for variable, place in zip(variables, places, strict=True)
        }
        options = [
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            f"--port={self.port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            "--LabApp.expose_app_in_browser=True",
            f"--ServerApp.root_dir={folder / 'notebooks'}",
            f"--LabApp.workspaces_dir={folder / 'workspaces'}",
            f"--LabApp.user_settings_dir={folder / 'settings'}",
        ]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *options],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def get(self, path: str, method: str = "GET") -> object:
        """Asks the server's REST interface."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S / 3) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def kill_kernels(self) -> None:
        """Ends all kernels, as a crash or a full memory would."""
        for kernel in self.get("/api/kernels"):
            self.get(f"/api/kernels/{kernel['id']}", "DELETE")

    def open_and_run(self, page, notebook: str, timeout_s: float = PATIENCE_S) -> None:
        """Opens a notebook in a Playwright page and runs all cells to the end."""
        run_all(page, self.port, self.token, notebook, timeout_s)

    def theme(self, page, name: str) -> None:
        """Switches JupyterLab to the "light" or the "dark" theme."""
        page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})",
            THEMES[name],
        )
        wanted = "true" if name == "light" else "false"
        page.wait_for_selector(f'body[data-jp-theme-light="{wanted}"]', state="attached")
        page.wait_for_function(THEMED, arg=name == "light", timeout=1000 * PATIENCE_S)

    def stop(self) -> None:
        """Ends the server and everything that it started."""
        group = os.getpgid(self.process.pid)
        os.killpg(group, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(group, signal.SIGKILL)
            self.process.wait(10)

    def _answers(self) -> bool:
        """Waits until the server is up; False if it ends instead or gives no answer for long."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.get("/api/status")
                return True
            except OSError:
                time.sleep(0.2)
        if self.process.poll() is None:
            self.stop()
        return False


def write_notebook(path: Path, *cells: str) -> Path:
    """A notebook of these code cells."""
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells],
        metadata={"kernelspec": kernel, "language_info": {"name": "python"}},
    )
    nbformat.write(notebook, path)
    return path


def note_errors(page, errors: list[str]) -> list[str]:
    """Adds to the list whatever the page's console calls an error, from now on; gives it back.

    Not the pictures of a notebook's two badges, which come from elsewhere: without a network their
    words stand there.
    """

    def note(said) -> None:
        if said.type == "error" and said.location["url"] not in BADGES:
            errors.append(said.text)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


@contextmanager
def lab_with(notebook: Path, folder: Path) -> Iterator[Lab]:
    """A JupyterLab that shows a copy of one notebook.

    Args:
      notebook: Copied, so that what the browser saves does not reach the repository.
      folder: Empty; for the copy and for the server's own files.

    Yields:
      The running server.
    """
    (folder / "notebooks").mkdir(parents=True)
    shutil.copy(notebook, folder / "notebooks")
    lab = Lab(folder)
    try:
        yield lab
    finally:
        try:
            lab.kill_kernels()
        finally:
            lab.stop()


@contextmanager
def run_notebook(
    chromium, notebook: Path, folder: Path, prepare: Callable[[object], None] = lambda page: None
) -> Iterator[dict]:
    """A notebook that has run to its end in a page, without a fault in any cell.

    Args:
      chromium: A running browser.
      notebook: A copy of it is run.
      folder: Empty; for the copy and for the server's own files.
      prepare: Is given the page before it opens anything.

    Yields:
      `lab`, `page`, `errors` on its console, and how many code cells have `shown` something.
    """
    with lab_with(notebook, folder) as lab:
        page = chromium.new_page(viewport={"width": 1000, "height": 1000})
        page.set_default_timeout(1000 * PATIENCE_S)
        errors = note_errors(page, [])
        prepare(page)
        lab.open_and_run(page, notebook.name, timeout_s=2 * PATIENCE_S)
        outcome = page.evaluate(OUTCOME)
        assert outcome["bad"] == []  # else every test would wait for what does not come
        page.set_default_timeout(60_000)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        yield {"lab": lab, "page": page, "errors": errors, "shown": outcome["shown"]}
        page.close()
