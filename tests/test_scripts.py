"""Scripts of widgets and pages: the linter finds no fault, and would if there was one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOL = ROOT / "tools" / "lint_scripts.py"


@pytest.fixture(scope="module")
def lint():
    """The tool as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOOL.parent))
        import lint_scripts

        yield lint_scripts


def test_there_is_no_fault_in_any_script():
    done = subprocess.run([sys.executable, TOOL], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_part_is_in_a_script(lint):
    """A file that no widget joins is linted by nobody, and used by nobody."""
    scripts = lint.joined_scripts()
    assert {"HearIt", "Abx", "UploadCheck", "TrainingView", "report_page"} <= scripts.keys()
    for name, text in lint.parts().items():
        assert any(text in script for script in scripts.values()), name


HELPER = "function helper() {\n  return 1;\n}\n"
SPARE = "function spare() {\n  return 2;\n}\n"
RENDER = "function render({ el }) {\n  el.append(helper());\n}\nexport default { render };\n"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("helper());", "help());", "w.js:2: 'help' is not defined"),
        ("helper());", "helper())); }", "w.js:2: "),
        ("{ el }) {", "{ el }) {\n  const left = 1;", "w.js:2: Variable 'left' is declared but"),
        ("{ el }) {", "{ el }) {\n  if (el == 1) return;", "w.js:2: Expected ==="),
        ("{ el }) {", "{ el }) {\n  console.log(1);", "w.js:2: Unexpected console statement"),
        ("export", "const helper = 1;\nexport", "Identifier `helper` has already been declared"),
    ],
)
def test_a_fault_is_told_with_its_own_file_and_line(lint, old, new, says):
    files = {"helper.js": HELPER, "w.js": RENDER.replace(old, new)}
    wrong = lint.faults({"W": "\n".join(files.values())}, files)
    assert any(says in one for one in wrong), wrong


def test_a_name_is_unused_only_if_no_widget_uses_it(lint):
    files = {"helper.js": HELPER, "spare.js": SPARE, "w.js": RENDER}
    uses, does_not = "\n".join(files.values()), "\n".join([HELPER, SPARE, "export default {};\n"])
    (wrong,) = lint.faults({"uses": uses, "does_not": does_not}, files)
    assert wrong.startswith("spare.js:1: Function 'spare' is declared but never used")
