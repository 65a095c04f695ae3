"""Notebook 00 in a real JupyterLab and a real Chromium: keys move what the browser really plays."""

import time
from pathlib import Path

import numpy as np
import pytest
from lab_server import lab_with

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "00_hear_it.ipynb"
SCREENSHOTS = ROOT / "build" / "screenshots"
LONG_NOTE = (1.95, 3.7)  # seconds of the first phrase in which its second, long note sounds

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Listens to the player's output for some seconds: rows of [position in the loop, level in dB].
LISTEN = """(root, seconds) => new Promise((resolve) => {
  const { player } = root.nmsynth;
  const samples = new Float32Array(player.analyser.fftSize);
  const rows = [];
  const until = performance.now() + 1000 * seconds;
  const timer = setInterval(() => {
    player.analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
    const middle = player.position - samples.length / 2 / player.context.sampleRate;
    rows.push([middle, 10 * Math.log10(power + 1e-12)]);
    if (performance.now() > until) { clearInterval(timer); resolve(rows); }
  }, 10);
})"""


class Panel:
    """The panel as a person with a keyboard meets it."""

    def __init__(self, page):
        self.page = page
        self.root = page.locator("section.nmsynth-hear").first
        self.root.wait_for(timeout=60_000)
        self.root.scroll_into_view_if_needed()

    def slider(self, name):
        return self.root.get_by_role("slider", name=name, exact=True)

    def press(self, name, *keys, pause_ms=250):
        self.slider(name).focus()
        for key in keys:
            self.page.keyboard.press(key)
            self.page.wait_for_timeout(pause_ms)

    def play(self):
        if not self.root.evaluate("root => root.nmsynth.player.playing"):
            self.root.get_by_role("button", name="Play").click()
            self.page.wait_for_timeout(300)

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
        errors = []
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        started = time.monotonic()
        lab.open_and_run(page, NOTEBOOK.name)
        panel = Panel(page)
        dismiss = page.get_by_role("button", name="No", exact=True)
        if dismiss.count():  # JupyterLab's question about its news
            dismiss.first.click()
        yield {
            "lab": lab,
            "panel": panel,
            "errors": errors,
            "seconds": time.monotonic() - started,
        }
        page.close()


@pytest.fixture
def panel(session):
    session["panel"].play()
    return session["panel"]


def test_the_notebook_is_playable_within_a_minute(session, record_property):
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
    panel.press("Openness (CC55)", "Home")
    muted = panel.decay_db_per_s()
    panel.press("Openness (CC55)", "End")
    opened = panel.decay_db_per_s()
    panel.press("Openness (CC55)", *["PageDown"] * 5)
    value = int(panel.slider("Openness (CC55)").input_value())
    half = panel.decay_db_per_s()
    record_property("played_decay_db_per_s", [round(x, 1) for x in (muted, half, opened)])
    assert 30 < value < 100
    assert muted > 2 * opened > 0
    assert opened < half < muted


def test_the_sound_goes_on_from_where_it_is(panel):
    """A move keeps the position and leaves no gap in an open, ringing note."""
    panel.press("Openness (CC55)", "End")
    where = "root => [root.nmsynth.player.position, root.nmsynth.player.context.currentTime]"
    for key in ("ArrowLeft", "ArrowRight", "ArrowLeft"):
        before, t_before = panel.root.evaluate(where)
        panel.press("Openness (CC55)", key, pause_ms=400)
        after, t_after = panel.root.evaluate(where)
        loop = panel.root.evaluate("root => root.nmsynth.player.seconds")
        drift = (after - before - (t_after - t_before) + loop / 2) % loop - loop / 2
        assert abs(drift) < 0.01


def test_many_fast_keys_end_at_the_last(panel, record_property):
    panel.press("Openness (CC55)", "Home", *["ArrowRight"] * 40, pause_ms=20)
    panel.page.wait_for_timeout(1500)
    settings = panel.root.evaluate("root => root.nmsynth.live().heard.settings")
    assert settings["controls"]["openness"] == 40
    assert "CC55 = 40" in panel.root.inner_text()


def test_key_to_sound(panel, record_property):
    panel.root.evaluate("root => root.nmsynth.latencies.length = 0")
    panel.press("Openness (CC55)", *["ArrowRight"] * 20, pause_ms=350)
    latencies = panel.root.evaluate("root => root.nmsynth.latencies")
    median, p95 = np.percentile(latencies, [50, 95])
    record_property("key_to_sound_ms_median", round(median))
    record_property("key_to_sound_ms_p95", round(p95))
    print(f"key to sound: median {median:.0f} ms, p95 {p95:.0f} ms of {len(latencies)}")
    assert len(latencies) == 20
    assert median < 400


def test_hold_and_compare(panel):
    """A keeps ringing while B is muted; the switch needs no answer from Python."""
    panel.press("Openness (CC55)", "End")
    panel.root.get_by_role("button", name="Hold this sound").click()
    panel.press("Openness (CC55)", "Home")
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
    panel.page.wait_for_timeout(600)
    assert "Open C2 (CC55 = 127)" in panel.root.inner_text()
    assert "Muted C2 (CC55 = 0)" in panel.root.inner_text()


def test_menus_change_phrase_and_instrument(panel):
    panel.root.get_by_label("Phrase", exact=True).select_option("Riff")
    panel.page.wait_for_timeout(800)
    panel.root.get_by_label("Instrument", exact=True).select_option("sampled")
    panel.page.wait_for_function(
        "() => document.querySelector('section.nmsynth-hear').nmsynth.live().heard.settings"
        ".instrument === 'sampled'",
        timeout=20_000,
    )
    levels = panel.heard(2.0)[1]
    assert levels.max() > -50
    panel.root.get_by_label("Instrument", exact=True).select_option("string")
    panel.page.wait_for_timeout(800)
    first = panel.root.get_by_label("Phrase", exact=True).locator("option").first
    panel.root.get_by_label("Phrase", exact=True).select_option(first.inner_text())
    panel.page.wait_for_timeout(800)


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
    panel.root.evaluate("(root, width) => (root.style.width = `${width}px`)", width)
    panel.root.evaluate("root => (root.style.maxWidth = 'none')")
    panel.page.wait_for_timeout(500)
    panel.root.evaluate("root => root.scrollIntoView()")
    panel.root.screenshot(path=SCREENSHOTS / f"hear_it_{width}.png")
    wide = panel.root.evaluate("""root => [...root.querySelectorAll('*')].filter(
      (node) => !node.hidden && node.getBoundingClientRect().right >
        root.getBoundingClientRect().right + 1).map((node) => node.outerHTML.slice(0, 80))""")
    panel.root.evaluate("root => (root.style.width = root.style.maxWidth = '')")
    assert wide == []


def test_no_error_on_the_console(session):
    assert session["errors"] == []


def test_when_the_kernel_is_gone_it_says_so_and_plays_on(session, panel):
    """Last, because it takes the kernel away."""
    session["lab"].kill_kernels()
    panel.page.wait_for_timeout(1000)
    for button in panel.page.locator(".jp-Dialog button.jp-mod-accept").all():
        button.click()  # JupyterLab's own notice, if it shows one
    panel.press("Openness (CC55)", "ArrowRight")
    alert = panel.root.get_by_role("alert")
    alert.wait_for(timeout=15_000)
    assert "the kernel is busy or has stopped" in alert.inner_text()
    assert panel.heard(2.0)[1].max() > -50
