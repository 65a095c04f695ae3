"""A notebook that was executed and exported to HTML still plays: offline, without a kernel."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import anywidget
import nbformat
import pytest
from lab_server import write_notebook
from page_sounds import played_in
from test_browser_hear_it import SCREENSHOTS
from test_voila import PLAYED

from nmsynth_lib import widgets
from nmsynth_lib.note_measures import note_table
from nmsynth_lib.phrases import loop_seconds, phrases, varied
from nmsynth_lib.widgets.stand_in import StandIn

PHRASE = next(iter(phrases().values()))
LOOP = loop_seconds(PHRASE)
ENDS = ("open string (CC55 = 127)", "palm-muted (CC55 = 0)")
STYLES = "{'open': {'controls': {'openness': 127}}, 'muted': {'controls': {'openness': 1}}}"
TWO = "(0.1 * np.sin(np.arange(n) / 5) for n in (16000, 8000))"

# Widget -> the cell that shows it, and name and seconds of each player that stands in for it.
WIDGETS = {
    "HearIt": ("w.hear_it('string')", dict.fromkeys(ENDS, LOOP)),
    "Player": (f"w.player(*{TWO}, labels=['long', 'short'])", {"long": 1.0, "short": 0.5}),
    "Explorer": ("w.explore('string')", dict.fromkeys(("as written", *ENDS), 3.0)),
    "PianoRoll": ("w.piano_roll('string', PHRASE)", {"2 notes, played by string": LOOP}),
    "Mixer": (
        "w.mixer(PHRASE, 'string', singles=1)",
        dict.fromkeys(("all together", "harmonic", "noise", "reverb"), LOOP),
    ),
    "Compare": (f"w.compare({STYLES}, PHRASE)", {"open": LOOP, "muted": LOOP}),
    "Keyboard": ("w.keyboard('string')", dict.fromkeys(ENDS, 4.0)),
    "Abx": (f"w.abx({{'two tones': tuple({TWO})}})", {"A": 0.5, "B": 0.5}),
    "Quiz": ("w.quiz('Which?', {'one': 'Yes.', 'two': 'No.'}, right='one')", {}),
    "UploadCheck": ("w.check_upload()", {}),
    "SharedUpload": ("w.load_shared()", {}),
    "TrainingView": ("w.TrainingView()", {}),
}
FIRST = """import numpy as np
from nmsynth_lib import widgets as w
from nmsynth_lib.phrases import phrases
PHRASE = next(iter(phrases().values()))"""


def test_every_widget_has_a_stand_in():
    """In the table above, and by its class."""
    found = {
        name: one
        for module in set(widgets._LAZY.values())
        for name, one in vars(import_module(f"nmsynth_lib.widgets.{module}")).items()
        if isinstance(one, type) and issubclass(one, anywidget.AnyWidget) and "_esm" in vars(one)
    }
    assert found.keys() == WIDGETS.keys()
    assert all(issubclass(one, StandIn) for one in found.values())


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> Path:
    """The notebook as nbconvert executes it: with outputs, and with the widgets' state."""
    path = tmp_path_factory.mktemp("exported") / "shown.ipynb"
    write_notebook(path, FIRST, *(code for code, _ in WIDGETS.values()))
    convert(path, "notebook", "--execute", "--inplace")
    assert "widgets" in nbformat.read(path, 4).metadata
    return path


def convert(path: Path, to: str, *options: str) -> None:
    command = [sys.executable, "-m", "nbconvert", path, "--to", to, *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def exported(executed: Path, state: bool) -> Path:
    """The page; without state: as JupyterLab saves a notebook unless it is told otherwise."""
    notebook = nbformat.read(executed, 4)
    if not state:
        del notebook.metadata["widgets"]
    path = executed.with_name(f"state_{state}.ipynb")
    nbformat.write(notebook, path)
    convert(path, "html")
    return path.with_suffix(".html")


@pytest.mark.parametrize("state", [True, False], ids=["with state", "without state"])
def test_an_exported_page_plays_both_takes_offline(executed, state, chromium):
    path = exported(executed, state)
    page = chromium.new_page(viewport={"width": 1000, "height": 900})
    refused = []

    def only_this_file(route):
        if route.request.url == path.as_uri():
            route.continue_()
        else:
            refused.append(route.request)
            route.abort()

    page.route("**/*", only_this_file)
    page.goto(path.as_uri(), wait_until="domcontentloaded")
    stand_ins = page.locator(".nmsynth-stand-in")
    assert stand_ins.count() == len(WIDGETS)
    for (name, (_, expected)), one in zip(WIDGETS.items(), stand_ins.all(), strict=True):
        assert one.is_visible(), name
        assert name not in ("Quiz", "UploadCheck", "TrainingView") or one.inner_text()
        takes = one.locator("audio").evaluate_all(PLAYED)
        assert {take: seconds for take, seconds, _ in takes} == pytest.approx(expected, abs=1e-3)
        assert all(played > 0 for *_, played in takes)
    assert not [one for one in refused if one.resource_type in ("media", "fetch", "xhr")]
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"exported_state_{state}.png", full_page=True)
    page.close()


def test_its_takes_are_the_open_and_the_muted_guitar(executed):
    """What lies in the page: on one of them the long note rings far longer."""
    html = "".join(
        output.data.get("text/html", "")
        for cell in nbformat.read(executed, 4).cells[1:2]
        for output in cell.outputs
    )
    opened, muted = (
        note_table(sound, 16000, varied(PHRASE, {55: value}), pitch=False)[-1].t20_s
        for sound, value in zip(played_in(html), (127, 0), strict=True)
    )
    assert opened > 3 * muted
