"""The cells of a notebook, run as a learner runs them: for tests of what a notebook says."""

import ast
import json
import re
import statistics
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from exercise_files import SOURCES, Exercise, exercises_in
from page_sounds import displayed

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


@dataclass(frozen=True)
class Answer:
    """An answer to an exercise, and what its check says to it and to no other.

    Attributes:
      code: Ends with the check; None: the stub, which the notebook has run.
      is_right: It is the solution.
      says: A text of the verdict.
      others: Texts of the other answers' hints, which it does not get.
    """

    exercise: Exercise
    code: str | None
    is_right: bool
    says: str
    others: tuple[str, ...]


@dataclass(frozen=True)
class Cells:
    """Text and code of a notebook, and the exercises that its last part is made from."""

    number: str
    text: str
    code: list[str]
    exercises: list[Exercise]

    @classmethod
    def of(cls, name: str) -> "Cells":
        cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
        # The cell for Google Colab does nothing anywhere else.
        cells = [cell for cell in cells if "colab" not in cell["metadata"].get("tags", [])]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        text = re.sub(r"\[([^\]]+)\]\(\.\./docs/glossary\.md#[^)]+\)", r"\1", text)  # as it is read
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        return cls(name[:2], text, code, exercises_in(SOURCES / f"{name}.yaml"))

    def answers(self) -> list:
        """Test parameters: of each exercise the solution, the stub, and the wrong answers."""
        found = []
        for one in self.exercises:
            hints = [one.stub_says, *(wrong.says for wrong in one.wrong)]
            codes = [None, *(wrong.answer for wrong in one.wrong)]
            kinds = ["stub", *(f"wrong {number}" for number in range(1, len(codes)))]
            right = Answer(one, one.solved, True, one.says, tuple(hints))
            found.append(pytest.param(right, id=f"{self.number}-{one.title}-solution"))
            for kind, code, says in zip(kinds, codes, hints, strict=True):
                others = tuple(hint for hint in hints if hint != says)
                answer = Answer(one, code, False, says, others)
                found.append(pytest.param(answer, id=f"{self.number}-{one.title}-{kind}"))
        return found

    def assert_answered(self, made: dict, answer: Answer) -> None:
        """The check says what the exercise's file promises: right, or what is wrong and a hint."""
        if answer.code is None:
            verdict = self.value_of(made, answer.exercise.stub)
        else:
            verdict = run(answer.code, dict(made["names"]))
        assert verdict.startswith("Right. " if answer.is_right else "Not yet. "), verdict
        assert answer.says in verdict, verdict
        assert [hint for hint in answer.others if hint in verdict] == [], verdict

    def run(self) -> dict:
        """Variables, the value of each cell, and what each displayed, from one run of all."""
        names, values, shown_by_cell = {}, [], []
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=None))
            shown = displayed(monkeypatch)
            for code in self.code:
                values.append(run(code, names))
                shown_by_cell.append(list(shown))
                shown.clear()
        return {"names": names, "values": values, "shown": shown_by_cell}

    def value_of(self, made: dict, part: str):
        """The value of the cell whose code holds this text."""
        (found,) = [v for code, v in zip(self.code, made["values"], strict=True) if part in code]
        return found


def run(code, names):
    """Runs a cell as a notebook does; the value of its last line, if that is an expression."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


def assert_skeleton(cells: Cells, title: str, n_sections: int, n_exercises: int) -> None:
    """The parts that every notebook has, in their order."""
    parts = [
        f"# {title}",
        "**You will learn**",
        "**Before you start:**",
        "| minutes to read and play | seconds to run | peak memory |",
        *(f"## {number + 1}. " for number in range(n_sections)),
        "## Your turn",
        *(f"### Exercise {number + 1}" for number in range(n_exercises)),
        "## Take-away",
        "## What the paper says, and what is here",
        "## References",
        "## Next",
    ]
    places = [cells.text.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)
    references = cells.text[places[-2] : places[-1]]
    assert len(re.findall(r"^- .*\]\(https://[^)]+\).*: ", references, re.MULTILINE)) >= 2


def assert_cells_are_short(cells: Cells) -> None:
    """About four lines: none above 15, the median at most 5."""
    lengths = [len([line for line in code.splitlines() if line.strip()]) for code in cells.code]
    assert statistics.median(lengths) <= 5
    assert max(lengths) <= 15


def right_answer(name: str) -> str:
    """What the notebook says will happen: the right answer of one of its questions."""
    from nmsynth_lib.widgets.quiz_widget import shipped_question

    return shipped_question(name).right
