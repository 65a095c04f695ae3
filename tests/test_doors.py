"""The doors of the notebooks: badges, the owner in two places, and the cell that Colab needs.

Colab itself cannot be had here. What its cell does is done: Git clones, pip answers (without a
network, and told to install nothing), the library comes from the clone; only `google.colab` is not
the real one.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lab_server import BADGES

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from colab import wanted  # noqa: E402
from notebook_doors import address, with_doors  # noqa: E402

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
OWNER = "OWN" + "ER"
FAKE = "def enable_custom_widget_manager():\n    print('custom widgets: on')\n"
RUN = """
import sys
from IPython.core.interactiveshell import InteractiveShell
if len(sys.argv) > 2:
    import google.colab
done = InteractiveShell().run_cell(open(sys.argv[1]).read())
done.raise_error()
import nmsynth_lib
print(nmsynth_lib.__file__)
"""


def cells_of(notebook):
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_badges_open_this_notebook_and_have_words(notebook):
    assert with_doors(notebook.read_text(encoding="utf-8"), notebook.name, address()) == (
        notebook.read_text(encoding="utf-8")
    ), "run: python tools/notebook_doors.py"
    title = "".join(cells_of(notebook)[0]["source"])
    found = re.findall(r"\[!\[([^\]]+)\]\((\S+)\)\]\((\S+)\)", title)
    assert [words for words, _, _ in found] == ["Launch on Binder", "Open in Colab"]
    assert tuple(picture for _, picture, _ in found) == BADGES
    for _, _, link in found:
        assert address() in link and link.endswith(f"notebooks/{notebook.name}")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_cell_for_colab_comes_second_and_is_short_plain_python(notebook):
    cell = cells_of(notebook)[1]
    code = "".join(cell["source"])
    assert cell["metadata"]["tags"] == ["colab"] and cell["cell_type"] == "code"
    assert len([line for line in code.splitlines() if line.strip()]) <= 5
    assert ast.parse(code) and "does nothing" in code
    assert sum("colab" in one["metadata"].get("tags", []) for one in cells_of(notebook)) == 1


def test_pip_is_asked_for_nothing_that_colab_has_of_its_own():
    whole, alone = wanted(
        {"dependencies": ["numpy", "ddsp==3.7.0", "jupyterlab", "mido", "tensorflow-cpu==2; x"]}
    )
    assert whole == ["numpy", "mido", "gin-config"] and alone == ["ddsp==3.7.0"]


def run_cell(folder, *options, **environment):
    """Runs notebook 00's cell in IPython; the output's lines."""
    (folder / "cell.py").write_text("".join(cells_of(NOTEBOOKS[0])[1]["source"]))
    done = subprocess.run(
        [sys.executable, "-c", RUN, "cell.py", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"IPYTHONDIR": str(folder)} | environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_anywhere_else_the_cell_does_nothing(tmp_path):
    lines = run_cell(tmp_path, PYTHONPATH=str(ROOT))
    assert lines == [str(ROOT / "nmsynth_lib" / "__init__.py")]
    assert not (tmp_path / "nmsynth").exists()


def test_on_colab_it_fetches_the_kit_and_the_library_comes_from_there(tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("a copy without Git cannot be cloned")
    (tmp_path / "fake" / "google" / "colab").mkdir(parents=True)
    (tmp_path / "fake" / "google" / "colab" / "__init__.py").write_text("")
    (tmp_path / "fake" / "google" / "colab" / "output.py").write_text(FAKE)
    lines = run_cell(
        tmp_path,
        "on Colab",
        PYTHONPATH=str(tmp_path / "fake"),
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.{ROOT.as_uri()}.insteadOf",
        GIT_CONFIG_VALUE_0=f"https://github.com/{address()}",
        PIP_NO_INDEX="1",
        PIP_DRY_RUN="1",
    )
    assert "custom widgets: on" in lines
    assert any(line.startswith("nmsynth is ready") for line in lines)
    assert lines[-1] == str(tmp_path / "nmsynth" / "nmsynth_lib" / "__init__.py")


def test_one_command_names_the_owner_everywhere(tmp_path):
    """In a copy; and no other file names the place where an owner goes."""
    for name in ("tools", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "README.md", tmp_path)
    tool = [sys.executable, tmp_path / "tools" / "notebook_doors.py", "--owner", "some-body"]
    done = subprocess.run(tool, capture_output=True, text=True)
    assert done.stdout.count(": written") == len(NOTEBOOKS), done.stdout + done.stderr
    for path in [tmp_path / "README.md", *(tmp_path / "notebooks").glob("*.ipynb")]:
        text = path.read_text(encoding="utf-8")
        assert address() not in text and "some-body/nmsynth" in text
    assert subprocess.run(tool, capture_output=True, text=True).stdout == ""
    if address().startswith(OWNER):
        listing = subprocess.run(["git", "grep", "-lw", OWNER], cwd=ROOT, capture_output=True)
        named = {
            name
            for name in listing.stdout.decode().split()
            if name.endswith((".md", ".ipynb", ".yml", ".toml", ".cff"))
        }
        assert named <= {"README.md", *(f"notebooks/{path.name}" for path in NOTEBOOKS)}
