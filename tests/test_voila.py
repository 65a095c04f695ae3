"""Widgets in a real Voilà, driven in Chromium; the same page where none of ours can load."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from lab_server import PATIENCE_S, write_notebook
from playwright.sync_api import TimeoutError as NotSeen
from test_browser_hear_it import LONG_NOTE, SCREENSHOTS, Panel

from nmsynth_lib.phrases import loop_seconds, phrases

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VISITS, VISIT_S = 3, 120
CELLS = [
    "from nmsynth_lib.widgets import hear_it\nhear_it('string')",
    "import numpy as np\nfrom nmsynth_lib.widgets import abx\n"
    "tone = 0.1 * np.sin(np.arange(16000) / 5)\nabx({'tone': tone, 'half as high': tone[::2]})",
    "hear_it('string', fallback=True)",
]
# Of all that the page plays: name, seconds, and whether time goes on when it is started.
PLAYED = """async (players) => {
  const all = [];
  for (const one of players) {
    one.muted = true;
    await one.play();
    while (one.currentTime < 0.05) await new Promise((done) => setTimeout(done, 10));
    one.pause();
    all.push([one.ariaLabel, one.duration, one.currentTime]);
  }
  return all;
}"""


class Voila:
    """A running Voilà that serves one notebook; each visit runs it in a kernel of its own."""

    def __init__(self, folder, cells: list[str]):
        write_notebook(folder / "small.ipynb", *cells)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}/?token={(token := secrets.token_hex(8))}"
        options = ["--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1", f"--token={token}"]
        with open(folder / "voila.log", "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "voila", "small.ipynb", *options, "--show_tracebacks=True"],
                cwd=folder,
                env=os.environ | {"JUPYTER_CONFIG_DIR": str(folder / "config")},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.log = folder / "voila.log"
        self._wait(port)

    def _wait(self, port: int) -> None:
        """Until the server answers anything at all; asking for the page would run the notebook."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/voila/static/none", timeout=10)
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.2)
        raise AssertionError(f"Voilà did not start:\n{self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        """Ends the server and its kernels."""
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)


@pytest.fixture(scope="module")
def voila(tmp_path_factory):
    server = Voila(tmp_path_factory.mktemp("voila"), CELLS)
    yield server
    server.stop()


def visited(chromium, voila, blocked=lambda address: False):
    """The page once it has run all cells; its `asked` are the places that it wanted files from.

    On a busy machine Voilà sometimes waits for ever for a kernel that has long answered
    (voila-dashboards/voila#1446): as a visitor would, one loads the page anew, in a new kernel.
    """
    for _ in range(VISITS - 1):
        page = _visited(chromium, voila, blocked)
        try:
            page.get_by_role("slider").first.wait_for(timeout=1000 * VISIT_S)
            return page
        except NotSeen:
            page.close()
    return _visited(chromium, voila, blocked)


def _visited(chromium, voila, blocked):
    page = chromium.new_page(viewport={"width": 1280, "height": 1300})
    page.set_default_timeout(1000 * PATIENCE_S)
    page.errors, page.asked = [], []

    def fetch(route):
        address = route.request.url
        page.asked.append(address)
        if blocked(address) or "://127.0.0.1" not in address:
            route.abort()
        else:
            route.continue_()

    page.route("**/*", fetch)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on(
        "console",
        lambda said: (
            said.type == "error"
            and "127.0.0.1" in said.location["url"]  # not: a web font that cannot be fetched here
            and page.errors.append(f"{said.text} {said.location['url']}")
        ),
    )
    page.goto(voila.address, wait_until="commit")  # it comes bit by bit, while cells run
    return page


def test_the_panel_is_alive(chromium, voila):
    """Its slider moves the sound that the browser has; the stand-ins are out of sight."""
    page = visited(chromium, voila)
    panel = Panel(page)
    panel.play()
    rings = {}
    for key in ("Home", "End"):
        panel.press(key)
        samples, rate = panel.root.evaluate(
            "root => [[...root.nmsynth.player.sound.samples], root.nmsynth.player.sound.rate]"
        )
        note = np.array(samples[round(LONG_NOTE[0] * rate) : round(LONG_NOTE[1] * rate)])
        early, late = note[: len(note) // 4], note[-len(note) // 4 :]
        rings[key] = 10 * np.log10(np.square(late).mean() / np.square(early).mean())
    assert rings["Home"] < rings["End"] - 8 < 0
    assert panel.heard(1.0)[1].max() > -50
    assert page.locator(".nmsynth-abx").get_by_role("button", name="Play X").is_visible()
    stand_ins = page.locator(".nmsynth-stand-in")
    assert stand_ins.count() == 2
    assert not any(one.is_visible() for one in stand_ins.all())
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "voila.png", full_page=True)
    assert page.errors == []
    page.close()


def test_where_no_custom_widget_can_load_everything_still_plays(chromium, voila):
    """Both takes of each widget, and a slider of ipywidgets alone."""
    page = visited(chromium, voila, blocked=lambda address: "anywidget" in address)
    page.get_by_role("slider").first.wait_for()
    assert any("anywidget" in address for address in page.asked)
    assert page.locator(".nmsynth").count() == 0
    takes = page.locator(".nmsynth-stand-in audio").evaluate_all(PLAYED)
    seconds = loop_seconds(next(iter(phrases().values())))
    assert takes == [
        ["open string (CC55 = 127)", pytest.approx(seconds, abs=1e-3), pytest.approx(0.1, abs=0.5)],
        ["palm-muted (CC55 = 0)", pytest.approx(seconds, abs=1e-3), pytest.approx(0.1, abs=0.5)],
        ["A", pytest.approx(0.5, abs=1e-3), pytest.approx(0.1, abs=0.5)],
        ["B", pytest.approx(0.5, abs=1e-3), pytest.approx(0.1, abs=0.5)],
    ]

    moved = page.locator(".jp-OutputArea").last.locator("audio").last
    before = moved.get_attribute("src")
    page.get_by_role("slider").first.focus()
    page.keyboard.press("Home")
    page.wait_for_function(
        "before => [...document.querySelectorAll('audio')].at(-1).src !== before", arg=before
    )
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "voila_no_custom_widgets.png", full_page=True)
    page.close()
