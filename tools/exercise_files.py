"""Exercises as they are written: a file a notebook, from which stub and solution are made.

Road: assets/exercises/NN_name.yaml -> [exercises] -> make_exercises.py, tests.
CONTRIBUTING.md says how to add an exercise.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from nmsynth_lib.errors import NmsynthError

SOURCES = Path(__file__).resolve().parents[1] / "assets" / "exercises"
MARK = re.compile(r"(?P<indent>\s*)(?P<solution>.*?)\s*#>(?: (?P<stub>.*))?")
TYPICAL = 3  # wrong answers that every exercise has at least
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class ExerciseError(NmsynthError):
    """A file of exercises that cannot be read, or a notebook without a place for them."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wrong(_Entry):
    """A typical wrong answer.

    Attributes:
      answer: Code that stands in place of the solution.
      says: A text of the check's hint that no other answer of the exercise gets.
    """

    answer: Text
    says: Text


class Exercise(_Entry):
    """One exercise, with all that is said about its answers.

    Attributes:
      title: Of the heading, which numbers it.
      task: Markdown below the heading.
      shown: Code of a cell of its own, before the stub.
      prepare: Code at the top of the stub's cell that an answer need not repeat.
      solution: Code that ends with its check. Where a line holds "#> ", the stub has instead what
        follows, at the line's indentation; "#>" alone leaves the line out of the stub; a line that
        begins with "#> " is in the stub only.
      says: A text of the check's answer to the solution.
      hint: A second hint, folded; the first one is the check's.
      because: Markdown below the folded solution.
      stub_says: A text of the check's answer to the stub.
      wrong: Three typical wrong answers or more.
    """

    title: Text
    task: Text
    shown: Text = ""
    prepare: Text = ""
    solution: Text
    says: Text
    hint: Text
    because: Text
    stub_says: Text
    wrong: list[Wrong] = Field(min_length=TYPICAL)

    @property
    def solved(self) -> str:
        """The solution as it is shown, without marks."""
        return self._side("solution")

    @property
    def stub(self) -> str:
        """What a learner begins with, below what `prepare` holds."""
        return self._side("stub")

    @model_validator(mode="after")
    def _can_be_made(self) -> Exercise:
        answers = {"solution": self.solved, "the stub": self.stub}
        answers |= {f"wrong, number {i}": one.answer for i, one in enumerate(self.wrong, 1)}
        for what, code in answers.items():
            if "#>" in code:
                raise ValueError(
                    f"{what} has a '#>' that is no mark: write '#> ' and the stub's code."
                )
            if not any(map(_is_check, _statements(what, code)[-1:])):
                raise ValueError(f"{what} must end with a call of its check, check_something(...).")
        for what in ("shown", "prepare"):
            _statements(what, getattr(self, what))
        if self.stub == self.solved:
            raise ValueError(
                "the stub is the solution: mark with '#> ' what the learner has to find."
            )
        return self

    def _side(self, which: str) -> str:
        kept = []
        for line in self.solution.splitlines():
            marked = MARK.fullmatch(line)
            if not marked:
                kept.append(line.rstrip())
            elif marked[which]:
                kept.append(marked["indent"] + marked[which].rstrip())
        return re.sub(r"\n{4,}", "\n\n\n", "\n".join(kept)).strip("\n")

    def cells(self, number: int, solved: bool = False) -> list[tuple[str, str]]:
        """Type and text of its cells: task, what is shown first, stub, hint and solution.

        Args:
          number: In the notebook, from 1.
          solved: The solution stands in the stub's place.
        """
        code = _below(self.prepare, self.solved if solved else self.stub)
        folded = (
            f"<details><summary>Another hint</summary>\n\n{self.hint}\n</details>\n\n"
            "<details><summary>Solution</summary>\n\n"
            f"```python\n{self.solved}\n```\n\n{self.because}\n</details>"
        )
        return [
            ("markdown", f"### Exercise {number}: {self.title}\n{self.task}"),
            *([("code", self.shown)] if self.shown else []),
            ("code", code),
            ("markdown", folded),
        ]


def _statements(what: str, code: str) -> list[ast.stmt]:
    try:
        return ast.parse(code).body
    except SyntaxError as error:
        raise ValueError(f"{what} is not Python: line {error.lineno}, {error.msg}.") from None


def _is_check(statement: ast.stmt) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and getattr(call.func, "id", "").startswith("check_")


def _below(prepare: str, code: str) -> str:
    """Both, with as many blank lines between them as `ruff format` leaves."""
    if not prepare:
        return code
    if re.match(r"def |class |@", code):
        return f"{prepare}\n\n\n{code}"
    imports = isinstance(ast.parse(prepare).body[-1], ast.Import | ast.ImportFrom)
    return f"{prepare}\n\n{code}" if imports else f"{prepare}\n{code}"


def exercises_in(path: Path) -> list[Exercise]:
    """The exercises of a notebook, in their order.

    Args:
      path: A YAML file: a list of exercises.

    Raises:
      ExerciseError: it cannot be read, or an exercise cannot be made from it.
    """
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = TypeAdapter(list[Exercise]).validate_python(said)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ExerciseError(f"{path.name} cannot be read: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise ExerciseError(f"{path.name}{_first_fault(said, error)}") from None
    for title, n in Counter(one.title for one in found).items():
        if n > 1:
            raise ExerciseError(f'{path.name}: {n} exercises are called "{title}"; rename one.')
    return found


def _first_fault(said: object, error: ValidationError) -> str:
    """The first of pydantic's complaints: exercise, place, and what to do."""
    fault = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")  # a misspelt key
    if not isinstance(said, list):
        return ": it should be a list of exercises, each beginning with '- title: '."
    number, *place = fault["loc"]
    title = said[number].get("title") if isinstance(said[number], dict) else None
    where = ".".join(str(part + 1) if isinstance(part, int) else part for part in place)
    known = Wrong.model_fields if "wrong" in place[:-1] else Exercise.model_fields
    what = {
        "missing": "is missing: add it.",
        "extra_forbidden": f"is no key; there are {', '.join(known)}.",
        "string_type": "should be a text: put it into quotes.",
        "string_too_short": "is empty: write it, or leave out the key if it may be missing.",
        "too_short": f"has too few: think of {TYPICAL} answers that are typically wrong.",
    }.get(fault["type"], fault["msg"].removeprefix("Value error, "))
    return f', exercise {number + 1} ("{title}"): {where + " " if where else ""}{what}'
