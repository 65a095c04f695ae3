"""Notebook 01 in a real JupyterLab and a real Chromium: a take is uploaded, judged and mended."""

import re
from pathlib import Path

import pytest
from lab_server import PATIENCE_S, lab_with, note_errors

from nmsynth_lib.score import training_score
from nmsynth_lib.spoiled_takes import Faults, write_spoiled_take

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "01_data_preparation.ipynb"
SCREENSHOTS = ROOT / "build" / "screenshots"
PANEL = "section.nmsynth-upload"
LARGER_THAN_A_MESSAGE = 10 * 1024 * 1024  # bytes; what ends a connection that sends it at once
CHECK_S = PATIENCE_S

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Upload:
    """The upload as a person with a keyboard meets it."""

    def __init__(self, page):
        self.page = page
        self.root = page.locator(PANEL)
        self.root.wait_for()
        self.root.scroll_into_view_if_needed()

    def choose(self, *paths):
        """Chooses files through the browser's own dialogue, opened by a key."""
        self.root.get_by_label("Sound and MIDI of one or more takes").focus()
        with self.page.expect_file_chooser() as dialogue:
            self.page.keyboard.press("Enter")
        dialogue.value.set_files([str(path) for path in paths])
        self.wait_until_idle()

    def press(self, name):
        self.root.get_by_role("button", name=name, exact=True).focus()
        self.page.keyboard.press("Enter")
        self.wait_until_idle()

    def wait_until_idle(self):
        self.page.wait_for_timeout(200)
        self.page.wait_for_function(
            "root => root.getAttribute('aria-busy') === 'false'",
            arg=self.root.element_handle(),
            timeout=1000 * CHECK_S,
        )

    @property
    def status(self):
        return self.root.get_by_role("status").inner_text()

    def problems(self):
        alerts = self.root.get_by_role("alert").all()
        return [alert.inner_text() for alert in alerts if alert.is_visible()]


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """A bad evening's sound, which is too large for one message, and its MIDI."""
    folder = tmp_path_factory.mktemp("spoiled")
    faults = Faults(sample_rate=96000, suffix=".wav")
    write_spoiled_take(folder, "string", training_score(0.75), faults, name="evening")
    assert (folder / "evening.wav").stat().st_size > LARGER_THAN_A_MESSAGE
    return folder


@pytest.fixture(scope="module")
def session(chromium, tmp_path_factory):
    with lab_with(NOTEBOOK, tmp_path_factory.mktemp("lab") / "a b") as lab:
        page = chromium.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(1000 * PATIENCE_S)
        errors = note_errors(page, [])
        # Playwright takes dialogues over while somebody listens for them, and not at once: a key
        # that is pressed meanwhile opens the browser's own, which nobody sees and nobody closes.
        page.on("filechooser", lambda dialogue: None)
        lab.open_and_run(page, NOTEBOOK.name)
        yield {"lab": lab, "page": page, "upload": Upload(page), "errors": errors}
        page.close()


@pytest.fixture
def upload(session):
    session["upload"].root.scroll_into_view_if_needed()
    return session["upload"]


def test_every_cell_has_run_and_none_has_failed(session):
    said = session["page"].evaluate(
        """() => {
          const { model } = window.jupyterapp.shell.currentWidget.content;
          const outputs = [...model.cells].filter((cell) => cell.type === 'code')
            .map((cell) => cell.outputs ? [...Array(cell.outputs.length).keys()]
              .map((i) => cell.outputs.get(i).toJSON()) : []);
          return { counts: outputs.map((one) => one.length),
            bad: outputs.flat().filter((one) => one.output_type === 'error'
              || one.name === 'stderr').map((one) => JSON.stringify(one).slice(0, 300)) };
        }"""
    )
    assert said["bad"] == []
    assert sum(count > 0 for count in said["counts"]) > 25


def test_everything_in_it_has_a_name(upload):
    described = upload.root.get_by_label("Sound and MIDI of one or more takes")
    hint = upload.root.locator(f"#{described.get_attribute('aria-describedby')}")
    assert "400 MB" in hint.text_content()  # whether or not JupyterLab shows this cell just now
    assert upload.root.get_attribute("aria-label") == "Check a recording of your own"
    for name in ("Put right", "Start again"):
        assert upload.root.get_by_role("button", name=name, exact=True).count() == 1


def test_a_wrong_file_is_one_line(upload, tmp_path):
    (tmp_path / "song.docx").write_text("words")
    upload.choose(tmp_path / "song.docx")
    (line,) = upload.problems()
    assert line.startswith("song.docx: is neither sound")
    assert upload.status == "No take yet."


def test_sound_alone_is_told_what_it_lacks(upload, spoiled):
    upload.choose(spoiled / "evening.wav")
    assert upload.problems() == ["evening.wav: has no MIDI file of the same name beside it."]


def test_a_spoiled_take_is_judged_in_the_page(upload, spoiled):
    upload.choose(spoiled / "evening.mid")
    assert upload.problems() == []
    assert upload.status == "evening: usable, with warnings."
    text = upload.root.inner_text()
    for words in ("evening: usable, with warnings", "It hums at 50 Hz for 3.0 s", "ms late",
                  "cents flat", "All velocities are equal", "96000 Hz, stereo"):  # fmt: skip
        assert words in text
    for unit, true, within in (("ms late", 35, 3), ("cents flat", 12, 2)):
        assert float(re.search(rf"([\d.]+) {unit}", text)[1]) == pytest.approx(true, abs=within)
    (picture,) = upload.root.get_by_role("img").all()
    assert len(picture.get_attribute("alt")) > 100
    assert picture.evaluate("image => image.complete && image.naturalWidth > 600")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    upload.root.screenshot(path=SCREENSHOTS / "upload_judged.png")


def test_put_right_by_keyboard(upload):
    upload.press("Put right")
    assert upload.problems() == []
    assert upload.status.startswith("evening: fit. Written into meta.yaml: evening: ")
    assert "corrected by meta.yaml" in upload.root.inner_text()
    button = upload.root.get_by_role("button", name="Put right", exact=True)
    assert button.get_attribute("aria-disabled") == "true"
    assert button.evaluate("one => one === document.activeElement")  # the focus is not lost
    upload.root.screenshot(path=SCREENSHOTS / "upload_mended.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1000])
def test_it_fits_and_can_be_read(session, upload, theme, width):
    session["lab"].theme(session["page"], theme)
    upload.root.evaluate("(root, width) => (root.style.width = `${width}px`)", width)
    sticking_out = upload.root.evaluate(
        """(root) => [...root.querySelectorAll("button,input,p,table,img,li")].filter((one) => {
            const [box, outer] = [one, root].map((node) => node.getBoundingClientRect());
            return box.width && (box.left < outer.left - 1 || box.right > outer.right + 1);
        }).map((one) => one.outerHTML.slice(0, 80))"""
    )
    upload.root.screenshot(path=SCREENSHOTS / f"upload_{theme}_{width}.png")
    contrasts = upload.root.evaluate(
        """(root) => {
            const light = (colour) => {
                const part = colour.match(/[0-9.]+/g).slice(0, 3).map((c) => c / 255)
                    .map((c) => (c <= 0.04 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
                return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
            };
            const behind = light(getComputedStyle(root).backgroundColor);
            return ['.hint', '.status', 'li', 'td', 'th', 'h4'].map((what) => {
                const ink = light(getComputedStyle(root.querySelector(what)).color);
                return (Math.max(ink, behind) + 0.05) / (Math.min(ink, behind) + 0.05);
            });
        }"""
    )
    upload.root.evaluate("root => (root.style.width = '')")
    assert sticking_out == []
    assert min(contrasts) > 4.5


def test_start_again(upload):
    upload.press("Start again")
    assert upload.status == "No take yet."
    assert upload.root.get_by_role("img").count() == 0


def test_no_error_on_the_console(session):
    assert session["errors"] == []


def test_when_the_kernel_is_gone_it_says_so(session, upload, spoiled):
    """Last, because it takes the kernel away."""
    session["lab"].kill_kernels()
    session["page"].wait_for_timeout(1000)  # for JupyterLab's notice
    for button in session["page"].locator(".jp-Dialog button.jp-mod-accept").all():
        button.click()
    upload.root.get_by_label("Sound and MIDI of one or more takes").set_input_files(
        spoiled / "evening.mid"
    )
    alert = upload.root.get_by_role("alert").filter(has_text="Python has not answered")
    alert.wait_for()
    assert "the kernel is busy or has stopped" in alert.inner_text()
