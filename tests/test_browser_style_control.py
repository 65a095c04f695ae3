"""Notebook 04 in a real JupyterLab and a real Chromium: it runs, and its widgets are driven."""

from pathlib import Path

import numpy as np
import pytest
from lab_server import ALONE, SCREENSHOTS, run_notebook
from test_browser_explorer import EXECUTE, Page
from test_browser_keyboard import Keys
from test_browser_piano_roll import Roll

from nmsynth_lib.style_plots import level_over_time

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "04_style_control.ipynb"
N_PICTURES, N_PLAYERS = 5, 20
WIDGETS = {"explorer": 1, "quiz": 3, "roll": 4, "compare": 1, "mixer": 1, "keyboard": 1}
SONG, ANNOTATION = 1, 3  # which of the rolls

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STICKING_OUT = """() => [...document.querySelectorAll('.jp-OutputArea-output :is(img, .nmsynth)')]
  .filter((one) => one.getBoundingClientRect().right
    > one.closest('.jp-OutputArea-output').getBoundingClientRect().right + 1)
  .map((one) => (one.alt ?? one.className).slice(0, 60))"""


@pytest.fixture(scope="module")
def session(chromium, tmp_path_factory):
    with run_notebook(chromium, NOTEBOOK, tmp_path_factory.mktemp("lab") / "a b") as session:
        yield session


@pytest.fixture
def page(session):
    return session["page"]


def test_every_cell_has_run_and_every_widget_is_there(session, page):
    assert session["shown"] > 22
    for name, count in WIDGETS.items():
        assert page.locator(f"section.nmsynth-{name}").count() == count, name
    assert page.locator(".nmsynth > [role=alert]:visible").all_inner_texts() == []


def test_every_picture_is_described_and_every_player_has_a_name(page):
    pictures = page.locator(".jp-OutputArea-output img").all()
    assert len(pictures) == N_PICTURES
    assert all(len(picture.get_attribute("alt")) > 60 for picture in pictures)
    players = page.locator("audio:visible")
    assert players.count() == N_PLAYERS
    assert all(players.evaluate_all("all => all.map((one) => one.getAttribute('aria-label'))"))


def test_moving_cc55_in_the_explorer_changes_the_ring(page):
    explorer = Page(page)
    rings = []
    for key, value in (("End", 127), ("Home", 0)):
        explorer.press(key)
        explorer.wait_openness(value)
        rings.append(explorer.live("told.t20_s"))
    assert rings[0] > 3 * rings[1]


def test_a_curve_drawn_in_the_roll_opens_the_verse(page):
    """From muted to open over the notes of the verse: the last one rings, the first does not."""
    roll = Roll(page, SONG)
    roll.root.scroll_into_view_if_needed()
    roll.settled()

    def lost():
        """dB that the first and the fourth note lose until shortly before their ends."""
        sound = roll.look("[...desk.live.samples]")
        times, levels = level_over_time(np.array(sound, np.float32))
        return [np.interp(t + 0.08, times, levels) - np.interp(t + 0.42, times, levels)
                for t in (0.1, 1.6)]  # fmt: skip

    before = lost()
    roll.choose("Lanes", "Curve")
    roll.drag(roll.lane_place(0.02, 2), roll.lane_place(1.4, 125), roll.lane_place(2.2, 125))
    roll.settled()
    after = lost()
    assert after[1] < before[1] - 6
    assert after[0] > after[1] + 2
    roll.root.screenshot(path=SCREENSHOTS / "style_control_roll.png")


def test_the_hurried_annotation_is_put_right_by_keys(page):
    """Each note is pulled to the onset next to it; the kernel then measures what was drawn."""
    roll = Roll(page, ANNOTATION)
    roll.root.scroll_into_view_if_needed()
    page.wait_for_function(
        "root => root.nmsynth.desk.wave?.complete", arg=roll.root.element_handle()
    )
    roll.press("Home")
    for _ in roll.rows():
        roll.press("o", "ArrowRight")
    roll.settled()
    code = (
        "print(measured_alignment(recorded[: 8 * 16000], 16000, annotation.performance).spread_ms)"
    )
    assert float(page.evaluate(EXECUTE, [code, True])) < 5


def test_the_keyboard_plays_between_the_other_widgets(page):
    keys = Keys(page).ready()
    keys.down("KeyC")
    level, f0 = keys.hears()
    keys.up("KeyC")
    assert f0 == pytest.approx(82.41, rel=0.01) and level > -40


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1000, 360])
def test_it_fits_into_the_page(session, page, width, theme):
    page.set_viewport_size({"width": width, "height": 1000})
    page.evaluate(ALONE)
    session["lab"].theme(page, theme)
    page.wait_for_timeout(300)  # for the layout to follow
    for name in ("keyboard", "explorer", "roll"):
        section = page.locator(f"section.nmsynth-{name}").first
        section.scroll_into_view_if_needed()
        page.wait_for_timeout(200)
        page.screenshot(path=SCREENSHOTS / f"style_control_{name}_{theme}_{width}.png")
    assert page.evaluate(STICKING_OUT) == []


def test_no_error_on_the_console(session):
    assert session["errors"] == []
