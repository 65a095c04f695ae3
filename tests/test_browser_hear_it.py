"""Notebook 00 in a real JupyterLab and a real Chromium: keys move what the browser really plays."""

import time
from pathlib import Path

import numpy as np
import pytest
from accessibility import at_width
from lab_server import PATIENCE_S, lab_with, note_errors
from machine import slowness

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "00_hear_it.ipynb"
SCREENSHOTS = ROOT / "build" / "screenshots"
LONG_NOTE = (1.95, 3.7)  # seconds of the first phrase in which its second, long note sounds

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Place in the loop and time on the context's clock, read together: again, if time went on between.
LOOK = """(player) => {
  for (;;) {
    const time = player.context.currentTime;
    const position = player.position;
    if (player.context.currentTime === time) return [position, time];
  }
}"""
# Listens to the player's output for some of its seconds, once a change has faded in: rows of
# [position in the loop, level in dB]. A busy machine gives fewer rows, and no wrong ones.
LISTEN = f"""(root, seconds) => new Promise((resolve) => {{
  const {{ player }} = root.nmsynth;
  const look = {LOOK};
  const samples = new Float32Array(player.analyser.fftSize);
  const rows = [];
  const since = player.context.currentTime + 0.25;
  const timer = setInterval(() => {{
    const [position, time] = look(player);
    player.analyser.getFloatTimeDomainData(samples);
    if (time < since || player.context.currentTime !== time) return;
    const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
    const middle = position - samples.length / 2 / player.context.sampleRate;
    rows.push([middle, 10 * Math.log10(power + 1e-12)]);
    if (time > since + seconds && rows.length > 10) {{ clearInterval(timer); resolve(rows); }}
  }}, 10);
}})"""
# What is heard is what the slider says.
ANSWERED = """([root, slider]) => {
  const { controls } = root.nmsynth.live().heard.settings;
  return controls.openness === Number(slider.value);
}"""


class Panel:
    """The panel as a person with a keyboard meets it."""

    def __init__(self, page):
        self.page = page
        self.root = page.locator("section.nmsynth-hear").first
        self.root.wait_for()
        self.root.scroll_into_view_if_needed()

    def slider(self, name):
        return self.root.get_by_role("slider", name=name, exact=True)

    def press(self, *keys, pause_ms=0, answered=True):
        """Presses keys on the openness slider, and waits for the sound that they ask for."""
        slider = self.slider("Openness (CC55)")
        slider.focus()
        for key in keys:
            self.page.keyboard.press(key)
            self.page.wait_for_timeout(pause_ms)
        if answered:
            handles = [self.root.element_handle(), slider.element_handle()]
            self.page.wait_for_function(ANSWERED, arg=handles)

    def wait_for(self, condition, arg=None):
        """Waits until a function of the panel's root and an argument gives true."""
        self.page.wait_for_function(
            f"([root, arg]) => ({condition})(root, arg)", arg=[self.root.element_handle(), arg]
        )

    def choose(self, menu, setting, value):
        """Chooses from a menu and waits until that is heard."""
        self.root.get_by_label(menu, exact=True).select_option(value)
        self.wait_for(
            "(root, [name, value]) => root.nmsynth.live().heard.settings[name] === value",
            [setting, value],
        )

    def play(self):
        if not self.root.evaluate("root => root.nmsynth.player.playing"):
            self.root.get_by_role("button", name="Play").click()
            self.wait_for("root => root.nmsynth.player.playing")

    def heard(self, seconds=5.0):
        """Positions in the loop and levels in dB of what is played."""
        return np.array(self.root.evaluate(LISTEN, seconds)).T

    def decay_db_per_s(self):
        """Slope of the long note's level, as the browser plays it."""
        positions, levels = self.heard()
        inside = (positions > LONG_NOTE[0]) & (positions < LONG_NOTE[1])
        audible = inside & (levels > levels[inside].max() - 45)
        assert audible.sum() > 10
        return -np.polyfit(positions[audible], levels[audible], 1)[0]


@pytest.fixture(scope="module")
def session(chromium, tmp_path_factory):
    with lab_with(NOTEBOOK, tmp_path_factory.mktemp("lab") / "a b") as lab:
        page = chromium.new_page(viewport={"width": 1280, "height": 1300})
        page.set_default_timeout(1000 * PATIENCE_S)
        errors = note_errors(page, [])
        slow, started = slowness(), time.monotonic()
        lab.open_and_run(page, NOTEBOOK.name)
        panel = Panel(page)
        seconds = time.monotonic() - started
        yield {
            "lab": lab,
            "panel": panel,
            "errors": errors,
            "seconds": seconds / min(slow, slowness()),
        }
        page.close()


@pytest.fixture
def panel(session):
    session["panel"].play()
    return session["panel"]


def test_the_notebook_is_playable_within_a_minute(session, record_property):
    """On a machine that has nothing else to do."""
    record_property("seconds_to_playable", round(session["seconds"], 1))
    assert session["seconds"] < 60


def test_every_control_has_a_name(panel):
    names = ["Openness (CC55)", "Velocity", "Note length", "Transpose (semitones)"]
    for name in names:
        assert panel.slider(name).count() == 1
    assert panel.root.get_by_role("slider").count() == len(names)
    for name in ("Phrase", "Instrument"):
        assert panel.root.get_by_label(name, exact=True).count() == 1
    assert panel.root.get_by_role("radiogroup", name="Which sound you hear").count() == 1
    assert panel.root.get_by_role("img").count() == 3
    assert all(image.get_attribute("aria-label") for image in panel.root.get_by_role("img").all())


def test_keys_on_the_openness_slider_change_the_decay_that_is_played(panel, record_property):
    """Home mutes, End opens; the middle lies between."""
    panel.press("Home")
    muted = panel.decay_db_per_s()
    panel.press("End")
    opened = panel.decay_db_per_s()
    panel.press(*["PageDown"] * 5)
    value = int(panel.slider("Openness (CC55)").input_value())
    half = panel.decay_db_per_s()
    record_property("played_decay_db_per_s", [round(x, 1) for x in (muted, half, opened)])
    assert 30 < value < 100
    assert muted > 2 * opened > 0
    assert opened < half < muted


def test_the_sound_goes_on_from_where_it_is(panel):
    """A move keeps the position and leaves no gap in an open, ringing note."""
    panel.press("End")
    where = f"root => ({LOOK})(root.nmsynth.player)"
    for key in ("ArrowLeft", "ArrowRight", "ArrowLeft"):
        before, t_before = panel.root.evaluate(where)
        panel.press(key)
        after, t_after = panel.root.evaluate(where)
        loop = panel.root.evaluate("root => root.nmsynth.player.seconds")
        drift = (after - before - (t_after - t_before) + loop / 2) % loop - loop / 2
        assert abs(drift) < 0.01


def test_many_fast_keys_end_at_the_last(panel, record_property):
    panel.press("Home", *["ArrowRight"] * 40, pause_ms=20)
    settings = panel.root.evaluate("root => root.nmsynth.live().heard.settings")
    assert settings["controls"]["openness"] == 40
    assert "CC55 = 40" in panel.root.inner_text()


@pytest.mark.alone
def test_key_to_sound(panel, record_property):
    """Milliseconds from a key to its sound, on a machine that has nothing else to do."""
    panel.root.evaluate("root => root.nmsynth.latencies.length = 0")
    slow = []
    for number in range(20):
        if number % 5 == 0:
            slow.append(slowness(0.2))
        panel.press("ArrowRight", pause_ms=100)
        panel.wait_for("(root, n) => root.nmsynth.latencies.length === n", number + 1)
    latencies = panel.root.evaluate("root => root.nmsynth.latencies")
    median, p95 = np.percentile(latencies, [50, 95])
    record_property("key_to_sound_ms_median", round(median))
    record_property("key_to_sound_ms_p95", round(p95))
    record_property("slowness", round(np.median(slow), 2))
    print(f"key to sound: median {median:.0f} ms, p95 {p95:.0f} ms of {len(latencies)}")
    assert median / np.median(slow) < 400


def test_hold_and_compare(panel):
    """A keeps ringing while B is muted; the switch needs no answer from Python."""
    panel.press("End")
    panel.root.get_by_role("button", name="Hold this sound").click()
    panel.press("Home")
    live = panel.decay_db_per_s()
    panel.root.get_by_role("radio", name="B: live").focus()
    panel.page.keyboard.press("ArrowLeft")
    assert panel.root.get_by_role("radio", name="A: held").is_checked()
    held = panel.decay_db_per_s()
    assert live > 2 * held
    assert "B against A" in panel.root.inner_text()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    panel.page.keyboard.press("ArrowRight")
    panel.page.wait_for_timeout(300)
    panel.root.screenshot(path=SCREENSHOTS / "hear_it_a_and_b.png")


def test_the_file_can_have_its_openness_back(panel):
    panel.root.get_by_role("checkbox", name="Openness (CC55): as in the file").check()
    panel.wait_for("(root, text) => root.innerText.includes(text)", "Open C2 (CC55 = 127)")
    assert "Muted C2 (CC55 = 0)" in panel.root.inner_text()


def test_menus_change_phrase_and_instrument(panel):
    first = panel.root.get_by_label("Phrase", exact=True).locator("option").first.inner_text()
    panel.choose("Phrase", "phrase", "Riff")
    panel.choose("Instrument", "instrument", "sampled")
    levels = panel.heard(2.0)[1]
    assert levels.max() > -50
    panel.choose("Instrument", "instrument", "string")
    panel.choose("Phrase", "phrase", first)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_looks_right_in(session, panel, theme):
    """Text and background differ enough in both themes; the pictures are for looking at."""
    session["lab"].theme(panel.page, theme)
    panel.root.scroll_into_view_if_needed()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    panel.page.wait_for_timeout(500)
    panel.root.screenshot(path=SCREENSHOTS / f"hear_it_{theme}.png")
    panel.page.screenshot(path=SCREENSHOTS / f"notebook_{theme}.png")
    colours = panel.root.evaluate(
        """root => [getComputedStyle(root).color, getComputedStyle(root).backgroundColor]"""
    )
    luminance = [
        np.mean([int(x) for x in c[4:-1].replace("(", "").split(",")[:3]]) for c in colours
    ]
    assert (luminance[0] < luminance[1]) == (theme == "light")
    assert abs(luminance[0] - luminance[1]) > 120


@pytest.mark.parametrize("width", [360, 700, 1600])
def test_it_fits(panel, width):
    """No part of it is wider than it is given."""
    with at_width(panel.root, width, SCREENSHOTS / f"hear_it_{width}.png") as sticking_out:
        assert sticking_out == []


def test_no_error_on_the_console(session):
    assert session["errors"] == []


def test_when_the_kernel_is_gone_it_says_so_and_plays_on(session, panel):
    """Last, because it takes the kernel away."""
    session["lab"].kill_kernels()
    panel.page.wait_for_timeout(1000)  # for JupyterLab's notice
    for button in panel.page.locator(".jp-Dialog button.jp-mod-accept").all():
        button.click()  # JupyterLab's own notice, if it shows one
    panel.press("ArrowRight", answered=False)
    alert = panel.root.get_by_role("alert")
    alert.wait_for()
    assert "has stopped" in alert.inner_text()
    assert panel.heard(2.0)[1].max() > -50
