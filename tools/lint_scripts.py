"""Lint the scripts of widgets and pages as the browser gets them: joined, one scope each.

    python tools/lint_scripts.py

Prints what is wrong as file:line of the parts; exit status 1 when there is something. The linter is
oxlint, from a wheel, so that no Node is needed.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import anywidget

from nmsynth_lib import widgets

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "nmsynth_lib"
CONFIG = ROOT / "tools" / "oxlint.json"
LINTER = Path(sys.executable).with_name("oxlint")  # a program, not a script with a path in it


def joined_scripts() -> dict[str, str]:
    """Each widget's whole script by its class's name, and each page's by its file's."""
    scripts = {path.stem: path.read_text(encoding="utf-8") for path in LIBRARY.glob("*.js")}
    for module in sorted(set(widgets._LAZY.values())):
        for name, one in vars(import_module(f"nmsynth_lib.widgets.{module}")).items():
            if (
                isinstance(one, type)
                and issubclass(one, anywidget.AnyWidget)
                and "_esm" in vars(one)
            ):
                scripts[name] = str(one._esm)
    return scripts


def parts() -> dict[str, str]:
    """The files that scripts are joined from: path in the repository -> text."""
    files = sorted(LIBRARY.rglob("*.js"))
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in files}


def faults(scripts: Mapping[str, str], files: Mapping[str, str]) -> list[str]:
    """What the linter finds, as "file:line: what (rule)".

    Args:
      scripts: Name to whole script.
      files: Name to text of the parts; what lies in none of them is told by the script's name.

    Returns:
      Sorted, each once. A name that one widget leaves unused is a fault only if all that join its
      file do.
    """
    found: dict[str, set[str]] = {}
    for name, one in _diagnostics(scripts):
        line = one["labels"][0]["span"]["line"] if one["labels"] else 1
        place = _place(scripts[name], line, files) or f"{name}:{line}"
        code = one.get("code") or "syntax"
        found.setdefault(f"{place}: {one['message']} ({code})", set()).add(name)
    joining = {
        file: {name for name, script in scripts.items() if text in script}
        for file, text in files.items()
    }
    return sorted(
        said
        for said, names in found.items()
        if "(eslint(no-unused-vars))" not in said
        or names >= joining.get(said.partition(":")[0], set())
    )


def _diagnostics(scripts: Mapping[str, str]) -> list[tuple[str, dict]]:
    """(name of the script, what the linter says) of each fault."""
    with tempfile.TemporaryDirectory() as folder:
        for name, script in scripts.items():
            Path(folder, f"{name}.js").write_text(script, encoding="utf-8")
        command = [LINTER, "--config", CONFIG, "--format", "json", "."]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    try:
        said = json.loads(done.stdout)
    except ValueError:
        raise SystemExit(f"oxlint failed: {done.stdout}{done.stderr}") from None
    if said["number_of_files"] != len(scripts):
        raise SystemExit(f"oxlint read {said['number_of_files']} of {len(scripts)} scripts")
    return [(Path(one["filename"]).stem, one) for one in said["diagnostics"]]


def _place(script: str, line: int, files: Mapping[str, str]) -> str:
    """The part and its line that a line of a joined script comes from; empty if from none."""
    for name, text in files.items():
        first = script.find(text)
        if first >= 0:
            before = script.count("\n", 0, first)
            if before < line <= before + text.count("\n") + 1:
                return f"{name}:{line - before}"
    return ""


def main() -> int:
    """Lints all scripts and prints what is wrong."""
    scripts = joined_scripts()
    wrong = faults(scripts, parts())
    print(*wrong, sep="\n") if wrong else print(f"{len(scripts)} scripts: no fault.")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
