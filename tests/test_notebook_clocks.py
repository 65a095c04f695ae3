"""The clocks of the notebooks: minutes by their rule, seconds and memory as measured."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from notebook_clocks import Clocks, minutes_of, rewritten, stated  # noqa: E402

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
TABLE = (
    "| minutes to read and play | seconds to run | peak memory |\n"
    "|---|---|---|\n| {} | {} | {} MB |"
)


def text(source):
    return nbformat.v4.new_markdown_cell(source)


def code(source, **metadata):
    return nbformat.v4.new_code_cell(source, metadata=metadata)


def a_notebook(path, *cells, clocks=(5, 10, 500)):
    notebook = nbformat.v4.new_notebook(cells=[text(TABLE.format(*clocks)), *cells])
    nbformat.write(notebook, path)
    return path


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_notebook_states_the_minutes_of_the_rule(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert stated(notebook).minutes == minutes_of(cells), (
        "run: python tools/notebook_clocks.py notebooks/*.ipynb"
    )


def test_the_minutes_are_those_that_reading_looking_and_trying_take():
    prose, folded = "word " * 2100, "<details>" + "word " * 2100 + "</details>"
    assert minutes_of([text(prose)]) == 10
    assert minutes_of([text(prose), text(folded)]) == 10
    assert minutes_of([text(prose), code("x = 1\n" * 100)]) == 15
    imports = "from nmsynth_lib.checks.x import (\n    a,\n    b,\n)\nimport numpy as np\n"
    assert minutes_of([text(prose), code(imports * 30)]) == 10
    assert minutes_of([text(prose), *[code("listen(a)"), code("plot_all(b)")] * 7]) == 15
    assert minutes_of([text(prose), *[code('quiz("a")')] * 10]) == 15
    assert minutes_of([text(prose), *[text("### Exercise 1")] * 4]) == 15
    widget = code("from nmsynth_lib.widgets import keyboard")
    assert minutes_of([text(prose), *[widget] * 3]) == 15
    assert minutes_of([text(prose), code("test = abx(pairs, trials=20)")]) == 15
    assert minutes_of([text(prose), code("x = 1\n" * 100, tags=["colab"])]) == 10


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_only_the_figures_that_moved_change_and_a_second_time_nothing(tmp_path, ends):
    path = a_notebook(tmp_path / "a.ipynb", text("é – × " * 30), code("1"))
    path.write_bytes(path.read_bytes().replace(b"\n", ends) + ends)
    before = path.read_bytes()
    assert not rewritten(path, seconds=11.6, megabytes=549)
    assert not rewritten(path, seconds=5.2, megabytes=451)
    assert path.read_bytes() == before
    assert rewritten(path, seconds=33.4, megabytes=512)
    assert path.read_bytes() == before.replace(b"| 5 | 10 | 500 MB |", b"| 5 | 35 | 500 MB |")
    assert rewritten(path, megabytes=611)
    assert path.read_bytes() == before.replace(b"| 5 | 10 | 500 MB |", b"| 5 | 35 | 610 MB |")
    assert not rewritten(path, seconds=33.4, megabytes=611)


def test_a_notebook_without_its_table_is_told(tmp_path):
    nbformat.write(nbformat.v4.new_notebook(cells=[text("# A title")]), tmp_path / "a.ipynb")
    with pytest.raises(SystemExit, match="0 tables of clocks; its first cell needs one"):
        rewritten(tmp_path / "a.ipynb")


def run(*arguments):
    tool = [sys.executable, ROOT / "tools" / "run_notebooks.py", *arguments]
    return subprocess.run(tool, capture_output=True, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives a process some of the cores")
def test_a_notebook_gets_the_cores_that_are_asked_for_and_its_memory_is_written(tmp_path):
    note = (
        "import os\n"
        "with open('seen', 'a') as seen:\n"
        "    print(len(os.sched_getaffinity(0)), os.environ['TF_NUM_INTRAOP_THREADS'], file=seen)\n"
        "kept = b'x' * 200_000_000"
    )
    path = a_notebook(tmp_path / "a.ipynb", code(note), clocks=(5, 10, 100))
    once = shutil.copy(path, tmp_path / "once.ipynb")
    done = run(path, "--cores", "1", "--write", "--json", tmp_path / "figures.json")
    assert (tmp_path / "seen").read_text() == "1 1\n", done.stdout + done.stderr
    assert path.read_bytes() == once.read_bytes(), "clocks are those of two cores"
    (figures,) = json.loads((tmp_path / "figures.json").read_text())
    assert figures["cores"] == 1 and figures["megabytes"] > 200
    if len(os.sched_getaffinity(0)) < 2:
        return
    done = run(path, "--write", "--json", tmp_path / "figures.json")
    (figures,) = json.loads((tmp_path / "figures.json").read_text())
    assert "clocks rewritten" in done.stdout
    assert stated(path).megabytes == pytest.approx(figures["megabytes"], abs=5)
    assert stated(path).minutes == Clocks(5, 10, 0).minutes


def test_more_cores_than_there_are_is_told(tmp_path):
    done = run(a_notebook(tmp_path / "a.ipynb"), "--cores", "5000")
    assert done.returncode == 2 and done.stderr.startswith(
        "--cores 5000: this machine lets us have"
    )
