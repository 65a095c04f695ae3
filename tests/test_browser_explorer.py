"""The explorer in a real JupyterLab and Chromium: by keys, by mouse, and when things fail.

One JupyterLab; each test goes on where the last one left the widget, the faults come last.
"""

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from accessibility import at_width, serious_faults
from conftest import CHROMIUM_FLAGS
from lab_page import READY
from lab_server import PATIENCE_S, lab_with, note_errors, write_notebook
from test_browser_hear_it import LISTEN

from nmsynth_lib.guitars.string import string_partial_decay

ROOT = Path(__file__).resolve().parents[1]
SCREENSHOTS = ROOT / "build" / "screenshots"
NOTE = (0.35, 2.0)  # seconds of the loop in which the note surely sounds
# Runs Python in the notebook's kernel, beside its cells.
EXECUTE = """async ([code, wait]) => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const future = kernel.requestExecute({ code });
  let said = '';
  future.onIOPub = ({ content }) => (said += content.text ?? content.evalue ?? '');
  if (wait) await future.done;
  return said;
}"""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Page:
    """The explorer of one notebook, as a person meets it."""

    def __init__(self, page):
        self.page = page
        self.find()

    def find(self):
        self.root = self.page.locator("section.nmsynth-explorer").first
        self.root.wait_for()
        self.root.scroll_into_view_if_needed()

    def slider(self, name="Openness (CC55)"):
        return self.root.get_by_role("slider", name=name, exact=True)

    def button(self, name):
        return self.root.get_by_role("button", name=name, exact=True)

    def wait_for(self, condition, arg=None):
        """Waits until a function of the widget's root and an argument gives true."""
        self.page.wait_for_function(
            f"([root, arg]) => ({condition})(root, arg)", arg=[self.root.element_handle(), arg]
        )

    def live(self, what="heard.setting"):
        return self.root.evaluate(f"root => root.nmsynth.live().{what}")

    def wait_told(self):
        self.wait_for("root => root.nmsynth.live().told")

    def wait_openness(self, value):
        condition = "(root, v) => root.nmsynth.live().heard.setting.controls.openness === v"
        self.wait_for(condition, value)
        self.wait_told()

    def press(self, *keys, slider="Openness (CC55)"):
        self.slider(slider).focus()
        for key in keys:
            self.page.keyboard.press(key)

    def play(self):
        if not self.root.evaluate("root => root.nmsynth.player.playing"):
            self.button("Play").click()
            self.wait_for("root => root.nmsynth.player.playing")

    def decay_db_per_s(self):
        """Slope of the note's level, as the browser plays it."""
        positions, levels = np.array(self.root.evaluate(LISTEN, 4.0)).T
        inside = (positions > NOTE[0]) & (positions < NOTE[1])
        audible = inside & (levels > levels[inside].max() - 45)
        assert audible.sum() > 10
        return -np.polyfit(positions[audible], levels[audible], 1)[0]

    def run(self, code, wait=True):
        return self.page.evaluate(EXECUTE, [code, wait])

    def problem(self):
        alert = self.root.locator(":scope > [role=alert]")
        alert.wait_for()
        return alert.inner_text()


def opened(lab, context, name, errors):
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    note_errors(page, errors)
    lab.open_and_run(page, name)
    page.set_default_timeout(60_000)
    return Page(page)


@pytest.fixture(scope="module")
def session(chromium, tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    code = "from nmsynth_lib.widgets import explore\nexplorer = explore('string')\nexplorer"
    with lab_with(write_notebook(folder / "one.ipynb", code), folder / "lab") as lab:
        shutil.copy(folder / "one.ipynb", folder / "lab" / "notebooks" / "two.ipynb")
        context = chromium.new_context(
            viewport={"width": 1280, "height": 1300},
            permissions=["clipboard-read", "clipboard-write"],
        )
        errors = []
        one = opened(lab, context, "one.ipynb", errors)
        yield {"lab": lab, "context": context, "one": one, "errors": errors}
        context.close()


@pytest.fixture
def one(session):
    return session["one"]


def test_keys_change_the_decay_that_is_played_and_the_curves_say_the_law(one, record_property):
    one.play()
    one.press("End")
    one.wait_openness(127)
    opened = one.decay_db_per_s()
    one.press("Home")
    one.wait_openness(0)
    muted = one.decay_db_per_s()
    record_property("played_decay_db_per_s", [round(x, 1) for x in (muted, opened)])
    assert muted > 2 * opened > 0
    f0 = 440 * 2 ** ((40 - 69) / 12)
    label = one.root.get_by_role("img", name=re.compile("Level of partials")).get_attribute(
        "aria-label"
    )
    laws = re.findall(r"partial (\d) \d+ dB/s, law (\d+) dB/s", label)
    assert [int(law) for _, law in laws] == [
        round(string_partial_decay(f0, 0.0, n)) for n in (1, 2, 4, 8)
    ]
    words = one.root.inner_text()
    assert "CC55 = 0" in words
    assert "20 dB down after" in words


def test_the_mouse_moves_a_slider_and_a_take_is_kept_beside_the_next(one):
    one.button("Keep as A").click()
    one.wait_for("root => root.nmsynth.bar.kept.A")
    slider = one.slider()
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    one.page.mouse.move(box["x"] + 4, y)
    one.page.mouse.down()
    for part in (0.2, 0.5, 0.8, 1.0):
        one.page.mouse.move(box["x"] + part * box["width"] - 3, y)
    one.page.mouse.up()
    value = int(slider.input_value())
    assert value > 100
    one.wait_openness(value)
    text = one.root.inner_text()
    assert "Dashed: A." in text
    assert re.search(r"C: 20 dB down after .*A: 20 dB down after", text)
    kept = one.root.evaluate("root => root.nmsynth.bar.kept.A.heard.setting.controls.openness")
    assert kept == 0


def test_every_control_has_a_name_and_does_something(one):
    names = ["Openness (CC55)", "Pitch", "Velocity", "Note length"]
    for name in names:
        assert one.slider(name).count() == 1
    for name, key, setting, value in (
        ("Pitch", "End", "pitch", 76),
        ("Pitch", "Home", "pitch", 36),
        ("Velocity", "Home", "velocity", 1),
        ("Note length", "Home", "seconds", 0.1),
        ("Note length", "End", "seconds", 3.5),
        ("Velocity", "End", "velocity", 127),
    ):
        one.press(key, slider=name)
        one.wait_for(
            "(root, [name, value]) => root.nmsynth.live().heard.setting[name] === value",
            [setting, value],
        )
    assert one.slider("Pitch").get_attribute("aria-valuetext") == "C2"
    assert one.slider("Note length").get_attribute("aria-valuetext") == "3.5 s"


def test_a_setting_is_copied_pasted_and_run_as_code(one):
    one.press("ArrowLeft")
    one.root.get_by_text("Share this setting").click()
    one.wait_openness(int(one.slider().input_value()))
    before = one.live()
    one.button("Copy setting").click()
    status = one.root.locator(".sharing [role=status]")
    status.get_by_text("in the clipboard").wait_for()
    copied = one.page.evaluate("() => navigator.clipboard.readText()")
    assert json.loads(copied) == before
    one.button("Copy as code").click()
    status.get_by_text("A cell that brings it back").wait_for()
    code = one.page.evaluate("() => navigator.clipboard.readText()")
    assert one.run(f"print({code}.setting == explorer.setting)").strip() == "True"
    box = one.root.get_by_label("Setting to paste")
    box.fill(copied.replace('"openness":', '"opennes":'))
    one.button("Paste setting").click()
    alert = one.root.locator(".sharing [role=alert]")
    alert.get_by_text("no style channel 'opennes'; its channels: openness").wait_for()
    assert one.live() == before
    box.fill(json.dumps({**before, "pitch": 45, "controls": {"openness": 64}, "seconds": 2.0}))
    one.button("Paste setting").click()
    one.wait_openness(64)
    status.get_by_text("The setting was taken").wait_for()
    assert not alert.is_visible()
    assert one.slider("Pitch").input_value() == "45"
    assert one.slider("Note length").get_attribute("aria-valuetext") == "2 s"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_looks_right_and_shuts_nobody_out(session, one, theme):
    """Pictures for looking at, of all widths; nothing sticks out; axe finds nothing serious."""
    session["lab"].theme(one.page, theme)
    for width in (360, 800, 1600):
        picture = SCREENSHOTS / f"explorer_{theme}_{width}.png"
        with at_width(one.root, width, picture) as sticking_out:
            assert sticking_out == []
    assert serious_faults(one.page, "section.nmsynth-explorer") == []


# Faults ----------------------------------------------------------------------------------------


def test_an_error_in_the_model_is_said_and_forgotten_when_it_is_mended(one):
    one.run("guitar = explorer._guitar(); model, guitar.model = guitar.model, None")
    one.press("Home")
    assert "AttributeError: 'NoneType' object" in one.problem()
    assert one.live()["controls"]["openness"] == 64
    one.run("guitar.model = model")
    one.press("ArrowRight")
    one.wait_openness(1)
    assert one.root.locator(":scope > [role=alert]").is_hidden()


def test_a_reloaded_page_has_the_setting_and_the_kept_take_again(one):
    before = one.live()
    one.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    one.page.wait_for_timeout(300)
    one.page.on("dialog", lambda dialog: dialog.accept())
    one.page.goto(one.page.url.replace("&reset", ""), wait_until="domcontentloaded")
    one.page.wait_for_function(READY, polling=250)
    one.find()
    one.wait_for("root => root.nmsynth")
    one.wait_told()
    assert one.live() == before
    kept = one.root.evaluate("root => root.nmsynth.bar.kept.A.heard.setting.controls.openness")
    assert kept == 0
    one.play()
    one.press("End")
    one.wait_openness(127)


def test_a_kernel_that_is_busy_is_told_of_and_another_notebook_plays_on(session, one):
    """The lock of Python itself is held, as long computations in C may do."""
    # While another cell only waits, the widget answers as ever.
    one.run("import ctypes, time; time.sleep(3)", wait=False)
    one.press("ArrowLeft")
    one.wait_openness(126)
    two = opened(session["lab"], session["context"], "two.ipynb", session["errors"])
    one.page.bring_to_front()
    one.run("ctypes.PyDLL(None).sleep(9)", wait=False)
    one.page.wait_for_timeout(500)
    one.press(*["ArrowLeft"] * 5)
    two.page.bring_to_front()
    two.play()
    two.press("Home")
    two.wait_openness(0)
    one.page.bring_to_front()
    assert one.live()["controls"]["openness"] == 126
    assert "busy" in one.problem()
    one.press("ArrowLeft")
    one.wait_openness(120)
    assert one.root.locator(":scope > [role=alert]").is_hidden()
    assert two.live()["controls"]["openness"] == 0
    two.page.close()


def test_no_error_on_the_console(session):
    assert session["errors"] == []


def test_where_the_browser_lets_nothing_sound_it_says_so(session, chromium, chromium_path):
    """A page that was loaded and never touched: no script may start a sound in it."""
    gestures = "--autoplay-policy=document-user-activation-required"
    flags = [flag for flag in CHROMIUM_FLAGS if not flag.startswith("--autoplay")]
    strict = chromium.browser_type.launch(executable_path=chromium_path, args=[*flags, gestures])
    page = strict.new_page()
    lab = session["lab"]
    address = f"http://127.0.0.1:{lab.port}/lab/tree/one.ipynb?token={lab.token}"
    page.goto(address, wait_until="domcontentloaded")
    # Whatever Playwright itself evaluates counts as a gesture; a plain command does not.
    console = page.context.new_cdp_session(page)

    def said(script):
        answer = console.send("Runtime.evaluate", {"expression": script, "returnByValue": True})
        return answer["result"].get("value")

    def until(script):
        deadline = time.monotonic() + PATIENCE_S
        while not said(script):
            assert time.monotonic() < deadline, script
            time.sleep(0.2)

    root = "document.querySelector('section.nmsynth-explorer')"
    until(f"Boolean({root}?.nmsynth?.live())")
    said(f"{root}.querySelector('button.play').click()")
    until(f"{root}.querySelector('.player [role=status]').textContent.includes('press Play')")
    assert said(f"{root}.nmsynth.player.playing") is False
    page.locator("section.nmsynth-explorer button.play").click()
    until(f"{root}.nmsynth.player.playing")
    until(f"{root}.querySelector('.player [role=status]').textContent === ''")
    strict.close()


def test_when_the_kernel_dies_it_says_so_plays_on_and_comes_back(session, one):
    """Last, because it takes the kernel away, as a crash or a full memory would."""
    os.kill(int(one.run("import os; print(os.getpid())")), signal.SIGKILL)
    # JupyterLab's own notice, as soon as it has found out.
    one.page.locator(".jp-Dialog button.jp-mod-accept").click()
    one.page.wait_for_function(READY, polling=250)
    one.play()
    one.press("ArrowLeft")
    one.root.locator(":scope > [role=alert]").get_by_text("Run this cell again").wait_for()
    assert np.array(one.root.evaluate(LISTEN, 5.0))[:, 1].max() > -60  # a whole loop
    one.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    one.wait_for("root => root.isConnected && root.nmsynth.live().heard.number === 1")
    one.find()
    one.press("Home")
    one.wait_openness(0)
