"""The quiz in a real JupyterLab and Chromium: by keyboard, read aloud, and without a kernel."""

import itertools
from pathlib import Path

import pytest
from accessibility import serious_faults
from lab_server import PATIENCE_S, lab_with, note_errors, write_notebook

from nmsynth_lib.widgets.quiz_widget import IT_IS, IT_IS_NOT, shipped_question

PANEL = "section.nmsynth-quiz"
FIRST, SECOND = "which partials", "plucked harder"
SCREENSHOTS = Path(__file__).resolve().parents[1] / "build" / "screenshots"
SOURCE = f"""from nmsynth_lib.widgets import quiz
from IPython.display import display
first = quiz("{FIRST}")
display(first, quiz("{SECOND}"))"""
ASK = "import time; time.sleep(1); print(first.chosen)"  # what the page said may be on its way


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    path = write_notebook(tmp_path_factory.mktemp("made") / "quiz.ipynb", SOURCE, ASK)
    with lab_with(path, tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="module")
def page(lab, chromium):
    page = chromium.new_context(viewport={"width": 1200, "height": 900}).new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    page.problems = note_errors(page, [])
    lab.open_and_run(page, "quiz.ipynb")
    page.wait_for_selector(PANEL)
    return page


def answers(panel):
    return panel.get_by_role("group", name=panel.locator(".question").inner_text()).get_by_role(
        "button"
    )


def test_before_an_answer_nothing_is_explained(page):
    panel, asked = page.locator(PANEL).first, shipped_question(FIRST)
    assert [one.inner_text() for one in answers(panel).all()] == list(asked.answers)
    assert panel.get_by_role("status").inner_text() == ""
    assert not any(why in panel.inner_text() for why in asked.answers.values())


def test_by_keyboard_each_answer_is_explained_and_says_what_to_listen_for(page):
    """Tab goes from answer to answer, space and enter choose; JupyterLab's own keys stay away."""
    panel, asked = page.locator(PANEL).first, shipped_question(FIRST)
    n_cells = page.locator(".jp-Cell").count()
    answers(panel).first.focus()
    for number, (answer, why) in enumerate(asked.answers.items()):
        page.keyboard.press(("Space", "Enter")[number % 2])
        said = panel.get_by_role("status").inner_text()
        assert said.startswith(IT_IS if answer == asked.right else IT_IS_NOT)
        assert why in said and asked.cue in said
        pressed = panel.locator('button[aria-pressed="true"]')
        assert pressed.count() == 1
        assert pressed.inner_text().split() == [*answer.split(), "your", "guess"]
        page.keyboard.press("Tab")
    assert page.locator(".jp-Cell").count() == n_cells
    assert "your guess" in panel.inner_text()


def test_python_knows_what_was_chosen(page, lab):
    panel, asked = page.locator(PANEL).first, shipped_question(FIRST)
    answers(panel).filter(has_text=asked.right).click()
    page.evaluate(
        """() => {
          const { commands, shell } = window.jupyterapp;
          shell.currentWidget.content.activeCellIndex = 1;
          return commands.execute('notebook:run-cell');
        }"""
    )
    page.locator(".jp-OutputArea-output pre", has_text=asked.right).wait_for()


@pytest.mark.parametrize(
    ("theme", "width"), list(itertools.product(("light", "dark"), (360, 800, 1600)))
)
def test_it_fits_can_be_read_and_has_no_fault_that_axe_finds(page, lab, theme, width):
    lab.theme(page, theme)
    panel = page.locator(PANEL).first
    panel.evaluate("(root, width) => (root.style.width = `${width}px`)", width)
    box = panel.bounding_box()
    sizes = [one.bounding_box() for one in answers(panel).all()]
    assert all(one["x"] >= box["x"] and one["height"] >= 44 for one in sizes)
    assert all(one["x"] + one["width"] <= box["x"] + box["width"] + 1 for one in sizes)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    panel.screenshot(path=SCREENSHOTS / f"quiz_{theme}_{width}.png")
    faults = serious_faults(page, PANEL)
    panel.evaluate("(root) => (root.style.width = '')")
    assert faults == []


def test_the_console_is_clean(page):
    assert page.problems == []


def test_a_page_without_scripts_unfolds_one_explanation(chromium):
    asked = shipped_question(SECOND)
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(asked.html())
    whys = [page.get_by_text(why) for why in asked.answers.values()]
    assert not any(one.is_visible() for one in whys)
    page.get_by_text(asked.right, exact=True).click()
    assert [one.is_visible() for one in whys] == [a == asked.right for a in asked.answers]
    context.close()


def test_without_a_kernel_it_answers(page, lab):
    """Last, because it takes the kernel away."""
    lab.kill_kernels()
    page.wait_for_timeout(1000)  # for JupyterLab's notice
    for button in page.locator(".jp-Dialog button.jp-mod-accept").all():
        button.click()  # JupyterLab's own notice, if it shows one
    panel, asked = page.locator(PANEL).nth(1), shipped_question(SECOND)
    answers(panel).filter(has_text=asked.right).click()
    assert panel.get_by_role("status").inner_text().startswith(IT_IS)
