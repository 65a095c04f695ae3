"""Write the exercises of the notebooks: stubs, hints and solutions come from one source.

    python tools/make_exercises.py [--check] [--solved DIR]

Road: assets/exercises/NN_name.yaml -> exercises -> ["Your turn" in notebooks/NN_name.ipynb].
What stands in a notebook between the cell with "## Your turn" and the next section is written over;
of every other cell only the id may change, which is its place, as nbstripout has it. `--check`
writes nothing and ends with status 1 when a notebook is not what its file says. `--solved DIR`
writes notebooks for teachers there, whose cells hold the solutions.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from exercise_files import SOURCES, Exercise, ExerciseError, exercises_in

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


def with_exercises(
    notebook: dict, exercises: list[Exercise], name: str, solved: bool = False
) -> dict:
    """A notebook whose "Your turn" has these exercises.

    Args:
      notebook: As it is stored, nbformat 4.5.
      exercises: In their order.
      name: What an error calls it.
      solved: Solutions stand in the stubs' places.

    Returns:
      A new one.

    Raises:
      ExerciseError: it has no place for exercises.
    """
    cells, texts = notebook["cells"], _texts(notebook)
    turns = [i for i, (_, text) in enumerate(texts) if re.search(r"(?m)^## Your turn$", text)]
    if len(turns) != 1 or "\n### " in texts[turns[0]][1]:
        raise ExerciseError(
            f"{name} needs one cell with the heading '## Your turn' and no exercise, and has "
            f"{len(turns)} with that heading: the exercises come after it."
        )
    first = turns[0] + 1
    sections = [i for i, cell in enumerate(texts) if cell[0] == "markdown" and cell[1][:3] == "## "]
    last = min((i for i in sections if i >= first), default=len(cells))
    made = [
        _cell(*cell)
        for number, one in enumerate(exercises, 1)
        for cell in one.cells(number, solved)
    ]
    cells = [*cells[:first], *made, *cells[last:]]
    return notebook | {"cells": [cell | {"id": str(i)} for i, cell in enumerate(cells)]}


def _texts(notebook: dict) -> list[tuple[str, str]]:
    """Type and text of each cell."""
    return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]


def _cell(kind: str, text: str) -> dict:
    """A cell as nbformat stores it."""
    cell = {"cell_type": kind, "id": "", "metadata": {}, "source": text.splitlines(keepends=True)}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return dict(sorted(cell.items()))


def stored(notebook: dict) -> str:
    """A notebook as the files hold it."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def notebook_of(source: Path) -> Path:
    """The notebook that a file of exercises belongs to."""
    path = NOTEBOOKS / f"{source.stem}.ipynb"
    if not path.is_file():
        raise ExerciseError(f"{source.name} has no notebook {path.name}: call it as its notebook.")
    return path


def main(arguments: list[str] | None = None) -> int:
    """Writes or compares every notebook that has a file of exercises; exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, say what differs")
    parser.add_argument("--solved", type=Path, metavar="DIR", help="notebooks for teachers, there")
    asked = parser.parse_args(arguments)
    status = 0
    for source in sorted(SOURCES.glob("[0-9]*.yaml")):
        path, exercises = notebook_of(source), exercises_in(source)
        before = path.read_text(encoding="utf-8")
        made = with_exercises(json.loads(before), exercises, path.name, bool(asked.solved))
        said = "as its file says"
        if asked.solved:
            asked.solved.mkdir(parents=True, exist_ok=True)
            said = f"solved in {asked.solved}"
            (asked.solved / path.name).write_text(stored(made), encoding="utf-8")
        elif stored(made) != before and asked.check:
            status, said = 1, f"not what assets/exercises/{source.name} says: run make exercises"
        elif stored(made) != before:
            said = "written"
            path.write_text(stored(made), encoding="utf-8")
        print(f"{path.name}: {len(exercises)} exercises, {said}")
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ExerciseError as error:
        sys.exit(f"make_exercises: {error}")
