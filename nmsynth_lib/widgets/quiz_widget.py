"""Predict, then hear: a question with answers to choose from, each of them explained.

Road: a leaf beside it: questions -> [quiz] -> the page.
Shipped questions lie in `assets/questions`, a file a notebook, so that the cell that asks one does
not give the answer away. All of it is sent at once: after that the page needs no Python. The page
part is `quiz.js`.
Explained in notebook 00, "What openness does to the spectrum".
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import anywidget
import traitlets
import yaml

from nmsynth_lib.errors import QuizError
from nmsynth_lib.widgets.parts import script, styles
from nmsynth_lib.widgets.stand_in import StandIn

QUESTIONS = Path(__file__).resolve().parents[2] / "assets" / "questions"
TITLE = "Predict, then hear"
IT_IS, IT_IS_NOT = "That is what happens.", "Something else happens."


@dataclass(frozen=True)
class Question:
    """What is asked before something is heard or seen.

    Attributes:
      question: What is asked.
      answers: Answer to its explanation, in the order of the page.
      right: The answer that is true of what follows.
      cue: What to listen or look for now, whichever answer was chosen.
      answered_by: Code in the cell that plays or draws it; empty: not said.
    """

    question: str
    answers: Mapping[str, str]
    right: str
    cue: str = ""
    answered_by: str = ""

    def __post_init__(self):
        """Refuses what could not be answered.

        Raises:
          QuizError: fewer than two answers, one without an explanation, or no right one.
        """
        asked = f"The question '{self.question}'"
        if len(self.answers) < 2:
            raise QuizError(f"{asked} has {len(self.answers)} answers: give it two at least.")
        for answer, why in self.answers.items():
            if not str(why or "").strip():
                raise QuizError(f"{asked}: explain the answer '{answer}' as well.")
        if self.right not in self.answers:
            known = ", ".join(f"'{answer}'" for answer in self.answers)
            raise QuizError(f"{asked}: right={self.right!r} is none of its answers, {known}.")

    def verdict(self, answer: str) -> str:
        """Whether that is what happens, in words, without praise or blame."""
        return IT_IS if answer == self.right else IT_IS_NOT

    def html(self) -> str:
        """The question with its explanations folded: HTML that needs no script."""
        folded = "".join(
            f"<details><summary>{html.escape(answer)}</summary>"
            f"<p><strong>{self.verdict(answer)}</strong> {html.escape(why)}</p>"
            f"<p>{html.escape(self.cue)}</p></details>"
            for answer, why in self.answers.items()
        )
        asked = html.escape(self.question)
        return f"<p><strong>{TITLE}.</strong> {asked} Open the answer that you expect.</p>{folded}"


class Quiz(StandIn, anywidget.AnyWidget):
    """A question in the page.

    Attributes:
      chosen: The answer that the reader chose last; empty before.
    """

    _esm = script("elements.js", "quiz.js")
    _css = styles("quiz.css")

    title = traitlets.Unicode(TITLE).tag(sync=True)
    question = traitlets.Unicode().tag(sync=True)
    answers = traitlets.List().tag(sync=True)
    cue = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)

    def __init__(self, question: Question):
        """Takes all that the page needs."""
        self._question = question
        answers = [
            {"answer": answer, "verdict": question.verdict(answer), "why": why}
            for answer, why in question.answers.items()
        ]
        super().__init__(question=question.question, answers=answers, cue=question.cue)

    def _plain(self) -> str:
        return self._question.html()


def quiz(
    question: str,
    answers: Mapping[str, str] | None = None,
    right: str = "",
    cue: str = "",
    fallback: bool = False,
) -> Quiz | None:
    """Asks what will be heard: choose an answer, read why, then listen.

    Args:
      question: Name of a shipped question; or, with answers, the question itself.
      answers: Answer to its explanation; None takes the shipped question of that name.
      right: The answer that is true.
      cue: A sentence that says what to listen for, whichever answer was chosen.
      fallback: True shows plain HTML instead, for places where custom widgets cannot load.

    Returns:
      The quiz, to be shown as the last value of a cell; None when the fallback was shown.

    Raises:
      QuizError: no shipped question has that name, or a question that cannot be answered.

    Explained in notebook 00, "What openness does to the spectrum".
    """
    if answers is None:
        asked = shipped_question(question)
    else:
        asked = Question(question, answers, right, cue)
    if not fallback:
        return Quiz(asked)
    from IPython.display import HTML, display

    return display(HTML(asked.html()))


def shipped_question(name: str) -> Question:
    """A question of `assets/questions`.

    Raises:
      QuizError: there is none of that name.

    Explained in notebook 00, "What openness does to the spectrum".
    """
    known = {key: one for file in shipped_questions().values() for key, one in file.items()}
    if name not in known:
        raise QuizError(
            f"There is no shipped question '{name}'. Choose one of: {', '.join(known)}; "
            "or give answers of your own."
        )
    return known[name]


@cache
def shipped_questions() -> dict[str, dict[str, Question]]:
    """Name of a notebook to its questions by name.

    Explained in notebook 00, "What openness does to the spectrum".
    """
    return {path.stem: _read(path) for path in sorted(QUESTIONS.glob("*.yaml"))}


def _read(path: Path) -> dict[str, Question]:
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        return {name: Question(**entry) for name, entry in entries.items()}
    except TypeError as error:
        raise QuizError(f"{path.name}: {error}; compare it with the other entries.") from None
