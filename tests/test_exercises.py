"""Exercises have one source: the notebooks hold what it makes, and a broken file is refused.

That each solution passes, and that each stub and wrong answer gets its own hint, is tested where
the notebooks run; `pytest tests/test_notebook_*.py -k test_exercise -v` prints the table.
"""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import exercise_files
import make_exercises
import pytest
import yaml
from exercise_files import SOURCES, ExerciseError, exercises_in
from make_exercises import NOTEBOOKS, stored, with_exercises

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(SOURCES.glob("*.yaml"))
EXERCISES = [(path, one) for path in FILES for one in exercises_in(path)]
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
each_exercise = pytest.mark.parametrize(
    ("path", "exercise"), EXERCISES, ids=[f"{path.stem[:2]}-{one.title}" for path, one in EXERCISES]
)
PLAIN = """\
- title: double it
  task: Make twice as much of it.
  solution: |
    import math  #>


    def double(x):
        if x:
            return math.prod([2, x])  #> return x
        #> return None
        return 0  #>


    check_double(double)
  says: twice
  hint: There is a sign for it.
  because: That is what doubling means.
  stub_says: the same
  wrong:
    - {answer: check_double(1), says: one}
    - {answer: check_double(2), says: two}
    - {answer: check_double(3), says: three}
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one notebook and one exercise, which the tool takes for its own."""
    (tmp_path / "07_more.yaml").write_text(PLAIN)
    texts = ["## 1. A section", "## Your turn\n\nChecks answer.", "## Take-away"]
    cells = [
        {"cell_type": "markdown", "id": str(i), "metadata": {}, "source": text.splitlines(True)}
        for i, text in enumerate(texts)
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "07_more.ipynb").write_text(stored(notebook))
    monkeypatch.setattr(make_exercises, "SOURCES", tmp_path)
    monkeypatch.setattr(make_exercises, "NOTEBOOKS", tmp_path)
    return tmp_path


def cells_of(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


# --- What is shipped ------------------------------------------------------------------------------


def test_every_notebook_with_a_turn_has_a_file():
    named = {
        path.stem
        for path in NOTEBOOKS.glob("[0-9]*.ipynb")
        if any("## Your turn" in "".join(cell["source"]) for cell in cells_of(path))
    }
    assert named == {path.stem for path in FILES}
    assert len(named) >= 6


def test_the_notebooks_are_what_the_command_makes():
    tool = [sys.executable, ROOT / "tools" / "make_exercises.py", "--check"]
    done = subprocess.run(tool, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("as its file says") == len(FILES)


@each_file
def test_every_answer_is_tried_where_the_notebook_runs(path):
    """The table of solution, stub and wrong answers is a test of the notebook's own module."""
    modules = [one.read_text() for one in (ROOT / "tests").glob("test_notebook_*.py")]
    (module,) = [text for text in modules if f'Cells.of("{path.stem}")' in text]
    assert "NOTEBOOK.answers())\ndef test_exercise(" in module


@each_exercise
def test_hints_differ(path, exercise):
    """No hint is a part of another: each wrong answer is told what is wrong with it."""
    hints = [exercise.stub_says, *(wrong.says for wrong in exercise.wrong)]
    assert len(hints) >= 4
    same = [(a, b) for a in hints for b in hints if a is not b and a in b]
    assert same == []
    answers = [exercise.solved, exercise.stub, *(wrong.answer for wrong in exercise.wrong)]
    assert len({ast.dump(ast.parse(answer)) for answer in answers}) == len(answers)


@each_exercise
def test_the_second_hint_does_not_give_the_solution_away(path, exercise):
    """None of the solution's own lines stands in it."""
    own = set(exercise.solved.splitlines()) - set(exercise.stub.splitlines())
    assert own
    assert [line for line in own if line.strip() and line.strip() in exercise.hint] == []


@each_file
def test_the_solved_notebook_has_the_solutions_in_its_cells(path):
    """Cell by cell it is the students' but where a stub stood."""
    students = json.loads((NOTEBOOKS / f"{path.stem}.ipynb").read_text(encoding="utf-8"))
    exercises = exercises_in(path)
    teachers = with_exercises(students, exercises, path.stem, solved=True)
    differing = [
        "".join(theirs["source"])
        for ours, theirs in zip(students["cells"], teachers["cells"], strict=True)
        if ours != theirs
    ]
    assert len(differing) == len(exercises)
    for code, exercise in zip(differing, exercises, strict=True):
        assert code.startswith(exercise.prepare) and code.endswith(exercise.solved)


# --- The marks ------------------------------------------------------------------------------------


def test_a_mark_changes_drops_and_adds_lines(course):
    (one,) = exercises_in(course / "07_more.yaml")
    assert one.solved == (
        "import math\n\n\ndef double(x):\n    if x:\n        return math.prod([2, x])\n"
        "    return 0\n\n\ncheck_double(double)"
    )
    assert one.stub == (
        "def double(x):\n    if x:\n        return x\n    return None\n\n\ncheck_double(double)"
    )


def test_the_stub_begins_with_what_is_prepared(course):
    """As `ruff format` spaces it: two lines before a function, one after imports, else none."""
    (one,) = exercises_in(course / "07_more.yaml")
    begins = {}
    for prepare, solution in (
        ("import checks", one.solution),
        ("import checks", "x = 1  #> x = None\ncheck_x(x)"),
        ("y = 2", "x = 1  #> x = None\ncheck_x(x)"),
    ):
        changed = one.model_copy(update={"prepare": prepare, "solution": solution})
        _, (kind, code), folded = changed.cells(1)
        assert kind == "code" and code.startswith(prepare) and prepare not in folded[1]
        begins[prepare, solution[0]] = code[len(prepare) :].split("x")[0].split("d")[0]
    assert list(begins.values()) == ["\n\n\n", "\n\n", "\n"]


# --- Writing --------------------------------------------------------------------------------------


def test_only_the_turn_is_written_and_a_second_time_nothing(course, capsys):
    path = course / "07_more.ipynb"
    before = cells_of(path)
    assert make_exercises.main([]) == 0
    after = cells_of(path)
    assert [cell["source"] for cell in (*after[:2], after[-1])] == [c["source"] for c in before]
    kinds = [cell["cell_type"] for cell in after[2:-1]]
    assert kinds == ["markdown", "code", "markdown"]
    texts = ["".join(cell["source"]) for cell in after[2:-1]]
    assert texts[0] == "### Exercise 1: double it\nMake twice as much of it."
    assert re.findall("<summary>(.+?)</summary>", texts[2]) == ["Another hint", "Solution"]
    assert "math.prod" in texts[2] and "math.prod" not in texts[1] and "#>" not in "".join(texts)
    written = path.read_bytes()
    assert make_exercises.main([]) == make_exercises.main(["--check"]) == 0
    assert path.read_bytes() == written
    assert "written" in capsys.readouterr().out


def test_it_is_stored_as_jupyter_and_nbstripout_store_it(course):
    """Else every save in JupyterLab would be a difference."""
    import nbformat

    make_exercises.main([])
    path = course / "07_more.ipynb"
    text = path.read_text(encoding="utf-8")
    assert nbformat.writes(nbformat.read(path, as_version=4)).rstrip() == text.rstrip()
    nbformat.validate(json.loads(text))
    stripped = [sys.executable, "-m", "nbstripout", "--verify", path]
    assert subprocess.run(stripped, capture_output=True).returncode == 0


def test_a_stub_that_was_changed_in_the_notebook_is_told_and_written_over(course, capsys):
    make_exercises.main([])
    path = course / "07_more.ipynb"
    right = path.read_text()
    path.write_text(right.replace("return x", "return 2 * x"))
    assert make_exercises.main(["--check"]) == 1
    assert "07_more.yaml says: run make exercises" in capsys.readouterr().out
    assert "2 * x" in path.read_text()
    make_exercises.main([])
    assert path.read_text() == right


def test_an_exercise_more_and_an_exercise_less(course):
    two = PLAIN + PLAIN.replace("double it", "double it again")
    for text, headings in ((two, 2), (PLAIN, 1)):
        (course / "07_more.yaml").write_text(text)
        make_exercises.main([])
        texts = ["".join(cell["source"]) for cell in cells_of(course / "07_more.ipynb")]
        found = [text.splitlines()[0] for text in texts if text.startswith("### ")]
        assert [line.split(":")[0] for line in found] == [
            f"### Exercise {number + 1}" for number in range(headings)
        ]
        assert texts[-1] == "## Take-away"


def test_teachers_get_theirs_elsewhere(course):
    make_exercises.main([])
    students = (course / "07_more.ipynb").read_bytes()
    make_exercises.main(["--solved", str(course / "teachers")])
    assert (course / "07_more.ipynb").read_bytes() == students
    code = "".join(cells_of(course / "teachers" / "07_more.ipynb")[3]["source"])
    assert "math.prod" in code and code.endswith("check_double(double)")


# --- What is refused ------------------------------------------------------------------------------

BROKEN = [
    ("  says: twice\n", "", 'exercise 1 ("double it"): says is missing: add it.'),
    ("  hint:", "  hnit:", "hnit is no key; there are title, task, shown, prepare"),
    ("{answer: check_double(1), says", "{answer: check_double(1), hint: x, says",
     "wrong.1.hint is no key; there are answer, says"),
    ("    - {answer: check_double(3), says: three}\n", "", "wrong has too few: think of 3 answers"),
    ("says: two}", "says: 2}", "wrong.2.says should be a text: put it into quotes"),
    ("task: Make twice as much of it.", "task: ''", "task is empty: write it"),
    ("return x\n", "return (x\n", "the stub is not Python: line 3, '(' was never closed"),
    ("check_double(1)", "double = 1", "wrong, number 1 must end with a call of its check"),
    ("    check_double(double)\n", "", "solution must end with a call of its check"),
    ("#> return x", "#>return x", "has a '#>' that is no mark: write '#> '"),
    ("- title: double it", "title: double it", "cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "says"), BROKEN, ids=[says[:40] for *_, says in BROKEN])
def test_a_broken_file_is_refused_in_one_line(course, old, new, says):
    path = course / "07_more.yaml"
    assert PLAIN.count(old) == 1
    path.write_text(PLAIN.replace(old, new))
    before = (course / "07_more.ipynb").read_bytes()
    with pytest.raises(ExerciseError) as refused:
        make_exercises.main([])
    message = str(refused.value)
    assert message.startswith("07_more.yaml") and says in message and "\n" not in message
    assert (course / "07_more.ipynb").read_bytes() == before


def test_a_stub_that_is_the_solution_is_refused(course):
    said = yaml.safe_load(PLAIN)
    said[0]["solution"] = "double = 2\ncheck_double(double)"
    (course / "07_more.yaml").write_text(yaml.safe_dump(said))
    with pytest.raises(ExerciseError, match="the stub is the solution: mark with '#> '"):
        make_exercises.main([])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PLAIN + PLAIN, '2 exercises are called "double it"; rename one'),
        ("title: x", "should be a list of exercises"),
        ("", "should be a list of exercises"),
    ],
)
def test_what_is_no_list_of_different_exercises_is_refused(course, text, says):
    (course / "07_more.yaml").write_text(text)
    with pytest.raises(ExerciseError, match=says):
        make_exercises.main([])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("## Your turn", "## My turn", "has 0 with that heading"),
        ("## Take-away", "## Your turn", "has 2 with that heading"),
        ("Checks answer.", "### Exercise 1: by hand", "and no exercise"),
    ],
)
def test_a_notebook_without_a_place_for_them_is_refused(course, old, new, says):
    path = course / "07_more.ipynb"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ExerciseError, match=says):
        make_exercises.main([])


def test_a_file_without_its_notebook_is_refused(course):
    (course / "07_more.ipynb").unlink()
    with pytest.raises(ExerciseError, match=r"07_more.yaml has no notebook 07_more.ipynb"):
        make_exercises.main([])


def test_the_model_has_no_key_that_its_docstring_leaves_out():
    for model in (exercise_files.Exercise, exercise_files.Wrong):
        told = re.findall(r"^ +(\w+): ", model.__doc__, re.MULTILINE)
        assert told == list(model.model_fields)
