"""Predict, then hear: each question can be answered, is asked before its answer, and is true.

That `right` is what the cells really produce is asserted beside the notebooks' other claims, in
`test_notebook_*.py`, which name each question by `right_answer("...")`.
"""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from notebook_cells import NOTEBOOKS
from page_sounds import displayed, html_of

import nmsynth_lib.widgets.quiz_widget as quiz_widget
from nmsynth_lib.errors import QuizError
from nmsynth_lib.widgets import quiz
from nmsynth_lib.widgets.quiz_widget import IT_IS, IT_IS_NOT, shipped_question, shipped_questions

TESTS = Path(__file__).parent
NAMES = [(file, name) for file, entries in shipped_questions().items() for name in entries]
OWN = {
    "question": "Is 2 < 3?",
    "answers": {"yes & no": "It <is> both?", "yes": "Two come before three."},
    "right": "yes",
    "cue": "Listen for the third.",
}


def cells_of(notebook: str) -> list[tuple[str, str]]:
    cells = json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in cells]


class Folded(HTMLParser):
    """What stands outside of all <details>, and what in each, by its summary."""

    def __init__(self, html: str):
        super().__init__()
        self.outside, self.inside, self.summary, self._open = "", {}, "", []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self._open.append(tag)
        if tag == "summary":
            self.summary = ""

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "summary" in self._open:
            self.summary += data
        elif "details" in self._open:
            self.inside[self.summary] = self.inside.get(self.summary, "") + data
        else:
            self.outside += data


# --- The shipped questions ------------------------------------------------------------------------


def test_every_notebook_has_two_at_least_and_the_right_one_is_not_always_in_the_same_place():
    counts = {file: len(entries) for file, entries in shipped_questions().items()}
    wanted = {"00_hear_it", "01_data_preparation", "02_training", "03_ddsp_decoder"}
    assert wanted | {"05_is_it_any_good"} <= counts.keys()
    assert min(counts.values()) >= 2
    assert len({name for _, name in NAMES}) == len(NAMES)
    asked = [shipped_question(name) for _, name in NAMES]
    places = [list(one.answers).index(one.right) for one in asked]
    assert max(places.count(place) for place in set(places)) < 0.6 * len(places)


@pytest.mark.parametrize(("notebook", "name"), NAMES, ids=[name for _, name in NAMES])
def test_it_is_asked_once_before_the_cell_that_answers_it(notebook, name):
    asked, cells = shipped_question(name), cells_of(notebook)
    places = [i for i, (kind, text) in enumerate(cells) if f'quiz("{name}")' in text]
    assert len(places) == 1 and cells[places[0]][0] == "code"
    answered = [
        i for i, (kind, text) in enumerate(cells) if kind == "code" and asked.answered_by in text
    ]
    assert asked.answered_by and len(answered) == 1, answered
    assert 0 < answered[0] - places[0] <= 4
    between = [text for _, text in cells[places[0] + 1 : answered[0]]]
    assert not any(re.match(r"##+ ", text) for text in between), "another section lies between"


@pytest.mark.parametrize(("notebook", "name"), NAMES, ids=[name for _, name in NAMES])
def test_each_answer_is_explained_and_the_truth_of_the_right_one_is_tested(notebook, name):
    asked = shipped_question(name)
    assert 3 <= len(asked.answers) <= 4
    assert all(60 <= len(why) <= 300 for why in asked.answers.values())
    assert re.match(r"(Listen|Look) (for|at) ", asked.cue)
    (tests,) = [
        path.read_text(encoding="utf-8")
        for path in TESTS.glob("test_notebook_*.py")
        if f'Cells.of("{notebook}")' in path.read_text(encoding="utf-8")
    ]
    assert f'right_answer("{name}")' in tests


# --- A question of one's own ----------------------------------------------------------------------


def test_the_page_has_all_that_it_needs_and_does_not_know_the_answer_chosen():
    made = quiz(**OWN)
    state = made.get_state()
    assert (state["question"], state["cue"], state["chosen"]) == (OWN["question"], OWN["cue"], "")
    assert [one["verdict"] for one in state["answers"]] == [IT_IS_NOT, IT_IS]
    assert {one["answer"]: one["why"] for one in state["answers"]} == OWN["answers"]
    data, _ = made._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data


def test_a_page_without_widgets_folds_the_explanations_away():
    found = Folded(html_of(quiz(**OWN)))
    assert OWN["question"] in found.outside
    assert not any(why in found.outside for why in OWN["answers"].values())
    assert found.inside.keys() == OWN["answers"].keys()
    for answer, why in OWN["answers"].items():
        verdict = IT_IS if answer == OWN["right"] else IT_IS_NOT
        assert all(part in found.inside[answer] for part in (verdict, why, OWN["cue"]))


def test_the_fallback_can_be_asked_for(monkeypatch):
    shown = displayed(monkeypatch)
    assert quiz("which partials", fallback=True) is None
    assert (
        Folded(html_of(shown[0])).inside.keys() == shipped_question("which partials").answers.keys()
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"answers": None},
            "There is no shipped question 'Is 2 < 3?'. Choose one of: which partials",
        ),
        ({"answers": {"yes": "It is."}}, "has 1 answers: give it two at least"),
        ({"answers": {"yes": "It is.", "no": " "}}, "explain the answer 'no' as well"),
        ({"right": "perhaps"}, "right='perhaps' is none of its answers, 'yes & no', 'yes'"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(change, says):
    with pytest.raises(QuizError, match=re.escape(says)):
        quiz(**{**OWN, **change})


def test_a_file_with_a_slip_says_which(tmp_path):
    path = tmp_path / "09_mine.yaml"
    path.write_text("mine:\n  question: Is it?\n  anwsers: {}\n", encoding="utf-8")
    with pytest.raises(QuizError, match=r"09_mine.yaml: .*anwsers"):
        quiz_widget._read(path)
