"""Notebook 02 in a real JupyterLab and a real Chromium: the picture moves while the cell trains."""

import json
from pathlib import Path

import pytest
from lab_server import OUTCOME, PATIENCE_S, SCREENSHOTS, lab_with, note_errors

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "02_training.ipynb"
VIEW = "section.nmsynth-training"
STEPS = 75  # instead of the notebook's own number: three epochs move the picture as well
KEPT = ("class_recording()", "next(iter(cuts", "class_bound", "resume=True")

# Before the page runs anything: what the first view shows, whenever it changes. (The kernel's own
# status tells nothing: widgets' messages have a subshell, and leave it idle.)
WATCH = """() => {
  window.seen = [];
  const look = () => {
    const view = document.querySelector('section.nmsynth-training');
    if (!view) return;
    const line = view.querySelector('.wide polyline.loss');
    const now = { points: line ? line.points.numberOfItems : 0,
      status: view.querySelector('.status').textContent,
      players: view.querySelectorAll('audio').length };
    const last = window.seen[window.seen.length - 1];
    if (!last || last.points !== now.points || last.players !== now.players
        || last.status !== now.status) window.seen.push(now);
  };
  setInterval(look, 100);
}"""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def shortened(folder: Path) -> Path:
    """The cells that train and go on, with a small budget; their sound is tested elsewhere."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if any(k in "".join(cell["source"]) for k in KEPT)]
    notebook["cells"] = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(notebook["cells"]) == len(KEPT)
    for cell in notebook["cells"]:
        text = "".join(cell["source"]).replace("steps=STEPS", f"steps={STEPS}")
        cell["source"] = text.replace("new_guitar()", f"new_guitar(folder='{folder}')")
    path = folder / NOTEBOOK.name
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def session(chromium, tmp_path_factory):
    short = shortened(tmp_path_factory.mktemp("short"))
    with lab_with(short, tmp_path_factory.mktemp("lab") / "a b") as lab:
        page = chromium.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(1000 * PATIENCE_S)
        errors = note_errors(page, [])
        page.add_init_script(f"({WATCH})()")
        lab.open_and_run(page, NOTEBOOK.name)
        page.wait_for_timeout(500)
        bad = page.evaluate(OUTCOME)["bad"]
        assert bad == []  # else every test would wait for what does not come
        yield {"lab": lab, "page": page, "seen": page.evaluate("window.seen"), "errors": errors}
        page.close()


def test_the_picture_moved_while_the_cell_trained(session):
    """Epoch by epoch, before the view says that it is done; players came one after the other."""
    done = [look["status"].startswith("Done") for look in session["seen"]].index(True)
    busy = session["seen"][1:done]
    assert {1, 2} <= {look["points"] for look in busy}
    assert [look["points"] for look in busy] == sorted(look["points"] for look in busy)
    assert "The network is being built" in busy[0]["status"]
    assert any("left. To stop it" in look["status"] for look in busy)
    assert busy[0]["players"] <= 1 < session["seen"][-1]["players"]
    last = session["seen"][-1]
    assert (last["points"], last["status"].split(":")[0]) == (STEPS // 25, "Done")


def test_the_second_view_goes_on_where_the_first_ended(session):
    page = session["page"]
    assert page.locator(VIEW).count() == 2
    second = page.locator(VIEW).nth(1)
    points = second.locator(".wide polyline.loss").evaluate("one => one.points.numberOfItems")
    assert points == (STEPS + 100) // 25


def test_everything_has_a_name_and_a_sound(session):
    view = session["page"].locator(VIEW).first
    assert view.get_attribute("aria-label") == "A training run"
    assert view.get_by_role("status").inner_text().startswith("Done: 75 steps")
    assert not view.get_by_role("alert").is_visible()
    (picture,) = [one for one in view.get_by_role("img").all() if one.is_visible()]
    assert "held-out loss" in picture.get_attribute("aria-label")
    names = view.locator("audio").evaluate_all("all => all.map((one) => one.ariaLabel)")
    assert names[0] == "before the first step" and len(set(names)) == len(names) >= 2
    seconds = view.locator("audio").evaluate_all("all => all.map((one) => one.duration)")
    assert all(2 < one < 4 for one in seconds)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1000])
def test_it_fits_and_can_be_read(session, theme, width):
    session["lab"].theme(session["page"], theme)
    view = session["page"].locator(VIEW).first
    view.evaluate("(root, width) => (root.style.width = `${width}px`)", width)
    sticking_out = view.evaluate(
        """(root) => [...root.querySelectorAll('p,svg,text,figure,audio')].filter((one) => {
            const [box, outer] = [one, root].map((node) => node.getBoundingClientRect());
            return box.width && (box.left < outer.left - 1 || box.right > outer.right + 1);
        }).map((one) => one.outerHTML.slice(0, 80))"""
    )
    small = view.evaluate(
        """(root) => [...root.querySelectorAll('text')].map((one) => one.getBoundingClientRect())
            .filter((box) => box.height && box.height < 11).length"""
    )
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    view.screenshot(path=SCREENSHOTS / f"training_{theme}_{width}.png")
    contrasts = view.evaluate(
        """(root) => {
            const light = (colour) => {
                const part = colour.match(/[0-9.]+/g).slice(0, 3).map((c) => c / 255)
                    .map((c) => (c <= 0.04 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
                return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
            };
            const behind = light(getComputedStyle(root).backgroundColor);
            const shown = [['.status', 'color'], ['.words', 'color'], ['.hint', 'color'],
                ['svg text', 'fill'], ['polyline.loss', 'stroke'],
                ['polyline.held_out_loss', 'stroke'], ['polyline.copy-synthesis', 'stroke']];
            return shown.map(([what, property]) => {
                const node = root.querySelector(what);
                const ink = light(getComputedStyle(node)[property]);
                return (Math.max(ink, behind) + 0.05) / (Math.min(ink, behind) + 0.05);
            });
        }"""
    )
    view.evaluate("root => (root.style.width = '')")
    assert sticking_out == []
    assert small == 0
    assert min(contrasts) > 4.5


def test_no_error_on_the_console(session):
    assert session["errors"] == []
