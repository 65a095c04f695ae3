"""Notebook 06 in a real JupyterLab and a real Chromium: from an upload to an instrument passed on.

The training is cut short here; `test_notebook_your_own_instrument` tells what a whole one brings.
"""

import zipfile
from pathlib import Path

import pytest
from accessibility import at_width, serious_faults
from lab_server import ALONE, SCREENSHOTS, run_notebook
from test_browser_data_preparation import Upload
from test_browser_explorer import EXECUTE
from test_browser_piano_roll import Roll
from test_browser_style_control import STICKING_OUT

from nmsynth_lib.class_runs import HIGH, LOW
from nmsynth_lib.score import training_score
from nmsynth_lib.spoiled_takes import Faults, write_spoiled_take

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "06_your_own_instrument.ipynb"
WIDGETS = {"upload": 2, "roll": 1, "quiz": 4, "training": 1, "explorer": 1, "keyboard": 1}
SHARED = "section.nmsynth-shared"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Takes(Upload):
    """The upload of takes; the notebook has another one, for instruments."""

    SELECTOR = "section.nmsynth-upload:not(.nmsynth-shared)"

    def __init__(self, page):
        self.page = page
        self.root = page.locator(self.SELECTOR)
        self.root.wait_for()
        self.root.scroll_into_view_if_needed()


class Friend(Takes):
    """The place to load an instrument, as a person with a keyboard meets it."""

    SELECTOR = SHARED

    def choose(self, *paths):
        self.root.get_by_label("Instrument (zip)").focus()
        with self.page.expect_file_chooser() as dialogue:
            self.page.keyboard.press("Enter")
        dialogue.value.set_files([str(path) for path in paths])
        self.wait_until_idle()


@pytest.fixture(scope="module")
def session(chromium, tmp_path_factory):
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert text.count("steps=500") == 1
    short = tmp_path_factory.mktemp("short") / NOTEBOOK.name
    short.write_text(text.replace("steps=500", "steps=50"), encoding="utf-8")

    def prepare(page):
        page.on("filechooser", lambda dialogue: None)  # see test_browser_data_preparation

    folder = tmp_path_factory.mktemp("lab") / "a b"
    with run_notebook(chromium, short, folder, prepare) as session:
        yield session


@pytest.fixture
def page(session):
    return session["page"]


def told(page, code):
    """What the kernel prints."""
    return page.evaluate(EXECUTE, [code, True]).strip()


def test_every_cell_has_run_and_every_widget_is_there(session, page):
    assert session["shown"] >= 28
    for name, count in WIDGETS.items():
        assert page.locator(f"section.nmsynth-{name}").count() == count, name
    assert page.locator(".nmsynth > [role=alert]:visible").all_inner_texts() == []
    pictures = page.locator(".jp-OutputArea-output img").all()
    assert len(pictures) >= 2
    assert all(len(picture.get_attribute("alt")) > 60 for picture in pictures)


def test_a_take_of_ones_own_is_taken_in_the_place_of_the_evening(page, tmp_path):
    folder = write_spoiled_take(
        tmp_path, "string", training_score(0.6, 1, "two", LOW, HIGH), Faults(hum=None), name="mine"
    )
    upload = Takes(page)
    assert upload.root.get_attribute("aria-label") == "Check a recording of your own"
    upload.choose(folder / "mine.mp3", folder / "mine.mid")
    assert upload.problems() == [] and upload.status == "mine: usable, with warnings."
    code = (
        "folder = uploaded.folder if uploaded.checks else None; print(find_takes(folder)[0].name)"
    )
    assert told(page, code) == "mine"


def test_a_note_is_dragged_off_its_mark_and_pulled_back(page):
    """By mouse 40 ms too late; by the key o to where it sounds; the kernel knows both."""
    roll = Roll(page, 0)
    roll.root.scroll_into_view_if_needed()
    page.wait_for_function(
        "root => root.nmsynth.desk.wave?.complete", arg=roll.root.element_handle()
    )
    roll.choose("Grid", "off")
    for _ in range(3):  # eight times as large, round the middle
        roll.button("Zoom in").click()
    rows = roll.rows()
    seen = roll.look("[desk.view.start, desk.view.start + desk.view.span]")
    index, (pitch, _, onset, offset) = next(
        (i, row)
        for i, row in enumerate(rows[:-1])
        if seen[0] < row[2] and rows[i + 1][2] > row[3] + 0.06 and row[3] < seen[1] - 0.5
    )
    code = f"print(annotation.performance.notes[{index}].onset)"
    middle = (onset + offset) / 2
    roll.drag(roll.place(middle, pitch), roll.place(middle + 0.04, pitch))
    roll.settled()
    assert float(told(page, code)) == pytest.approx(onset + 0.04, abs=0.01)
    roll.press("o")
    roll.settled()
    assert float(told(page, code)) == pytest.approx(onset, abs=0.002)
    roll.root.screenshot(path=SCREENSHOTS / "own_instrument_roll.png")


@pytest.fixture(scope="module")
def parcel(session, tmp_path_factory):
    """What the link in the page saves."""
    link = session["page"].get_by_role("link", name="Download evening-guitar")
    link.scroll_into_view_if_needed()
    with session["page"].expect_download() as waiting:
        link.press("Enter")
    path = tmp_path_factory.mktemp("downloads") / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_the_link_saves_the_zip(page, parcel):
    assert parcel.suffix == ".zip"
    with zipfile.ZipFile(parcel) as archive:
        assert archive.testzip() is None and len(archive.namelist()) == 4
    size = told(page, "print(parcel.stat().st_size)")
    assert parcel.stat().st_size == int(size)
    assert page.evaluate("() => location.pathname").endswith(NOTEBOOK.name)  # nobody was led away


def test_a_shared_instrument_is_loaded_by_upload_and_sounds_the_same(page, parcel):
    friend = Friend(page)
    friend.root.get_by_label("Name for it").fill("from a friend")
    friend.choose(parcel)
    assert friend.problems() == [
        "from a friend: is no name for an instrument. Use letters, digits, - and _."
    ]
    friend.root.get_by_label("Name for it").fill("hers")
    friend.choose(parcel)
    assert friend.problems() == [] and friend.status == "hers is loaded and checked."
    text = friend.root.inner_text()
    for words in ("a learner, 2026", "CC0-1.0", "E2 to E3", "Openness (CC55)"):
        assert words in text
    assert friend.root.locator("audio").count() == 1
    same = "np.array_equal(friend.instrument.render(tune), own.render(tune))"
    assert told(page, f"print({same}, friend.folder.name)") == "True hers"


def test_a_wrong_or_damaged_zip_is_one_line_and_the_last_instrument_stays(page, parcel, tmp_path):
    friend = Friend(page)
    broken = tmp_path / "broken.zip"
    broken.write_bytes(parcel.read_bytes()[:-50])
    (tmp_path / "song.wav").write_bytes(b"RIFF")
    for path, says in (
        (broken, "broken.zip: is no zip that can"),
        (tmp_path / "song.wav", "song.wav: is no zip"),
    ):
        friend.choose(path)
        (line,) = friend.problems()
        assert line.startswith(says)
        assert friend.status == "hers is loaded and checked."


@pytest.mark.parametrize(
    ("theme", "width"), [("light", 1000), ("dark", 1000), ("dark", 360), ("light", 360)]
)
def test_the_place_to_load_one_fits_and_shuts_nobody_out(session, page, theme, width):
    session["lab"].theme(page, theme)
    root = Friend(page).root
    picture = SCREENSHOTS / f"own_instrument_shared_{theme}_{width}.png"
    with at_width(root, width, picture) as sticking_out:
        assert sticking_out == []
        assert serious_faults(page, SHARED) == []


@pytest.mark.parametrize(("theme", "width"), [("light", 800), ("dark", 360)])
def test_the_notebook_fits_into_the_page(session, page, theme, width):
    page.set_viewport_size({"width": width, "height": 1000})
    page.evaluate(ALONE)
    session["lab"].theme(page, theme)
    page.wait_for_timeout(300)  # for the layout to follow
    for name in ("roll", "training", "shared", "explorer"):
        section = page.locator(f"section.nmsynth-{name}").first
        section.scroll_into_view_if_needed()
        page.wait_for_timeout(200)
        page.screenshot(path=SCREENSHOTS / f"own_instrument_{name}_{theme}_{width}.png")
    assert page.evaluate(STICKING_OUT) == []


def test_no_error_on_the_console(session):
    assert session["errors"] == []
