"""Notebook 03 in a real JupyterLab and a real Chromium: it runs, shows, plays and fits."""

from pathlib import Path

import pytest
from lab_server import ALONE, SCREENSHOTS, run_notebook

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "03_ddsp_decoder.ipynb"
N_PICTURES, N_PLAYERS = 11, 37
SHOWN = {"layers": "Output of 6 layers", "costs": "this guitar, parameters", "phases": "aligned:"}

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STICKING_OUT = """() => [...document.querySelectorAll('.jp-OutputArea-output img')]
  .filter((one) => one.getBoundingClientRect().right
    > one.closest('.jp-OutputArea-output').getBoundingClientRect().right + 1)
  .map((one) => one.alt.slice(0, 60))"""


@pytest.fixture(scope="module")
def session(chromium, tmp_path_factory):
    with run_notebook(chromium, NOTEBOOK, tmp_path_factory.mktemp("lab") / "a b") as session:
        yield session


@pytest.fixture
def page(session):
    return session["page"]


def test_every_cell_has_run_and_none_has_failed(session):
    assert session["shown"] > 30


def test_every_picture_is_there_and_described(page):
    pictures = page.locator(".jp-OutputArea-output img").all()
    assert len(pictures) == N_PICTURES
    for picture in pictures:
        assert len(picture.get_attribute("alt")) > 60
        assert picture.evaluate("image => image.complete && image.naturalWidth > 600")


def test_every_player_has_a_name_and_a_sound(page):
    players = page.locator("audio:visible")
    assert players.count() == N_PLAYERS
    page.wait_for_function(
        "() => [...document.querySelectorAll('audio')].every((one) => one.readyState > 1)"
    )
    for name, seconds in players.evaluate_all(
        "all => all.map((one) => [one.getAttribute('aria-label'), one.duration])"
    ):
        assert len(name) > 2
        assert 0.5 < seconds < 5


@pytest.mark.parametrize("name", ["40 sines", "stock, 60 s"])
def test_it_plays(page, name):
    player = page.get_by_label(name, exact=True)
    player.scroll_into_view_if_needed()
    player.evaluate("one => one.play()")
    page.wait_for_function("one => one.currentTime > 0.3", arg=player.element_handle())
    player.evaluate("one => one.pause()")


def test_stock_and_ours_can_be_compared_blind(page):
    test = page.locator("section.nmsynth-abx")
    test.scroll_into_view_if_needed()
    test.locator("select").first.locator("option").nth(2).wait_for(state="attached")
    assert test.get_by_role("alert").filter(visible=True).count() == 0
    options = test.locator("select").first.locator("option").all_inner_texts()
    assert options == ["after 4 s", "after a minute", "a second of the guitar"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1000, 360])
def test_pictures_fit_into_the_page(session, page, width, theme):
    page.set_viewport_size({"width": width, "height": 1000})
    page.evaluate(ALONE)
    session["lab"].theme(page, theme)
    page.wait_for_timeout(300)  # for the layout to follow
    for name, words in SHOWN.items():
        picture = page.locator(f'img[alt^="{words}"]').first
        for _ in range(2):  # cells on the way get their height when they are first seen
            picture.evaluate("one => one.scrollIntoView({ block: 'center' })")
            page.wait_for_timeout(200)
        page.screenshot(path=SCREENSHOTS / f"decoder_{name}_{theme}_{width}.png")
        assert picture.bounding_box()["width"] > 0.5 * width
    assert page.evaluate(STICKING_OUT) == []


def test_no_error_on_the_console(session):
    assert session["errors"] == []
