"""Make Google Colab ready for the notebooks; each one's first code cell runs this there.

    %run nmsynth/tools/colab.py

Colab has Python, TensorFlow and most of what else is needed, and its own versions of it, which its
pages depend on. So nothing of it is replaced: pip brings only what is missing, and `ddsp` without
what it asks for, as on Binder. The library is used where it was cloned to.
"""

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COLABS_OWN = {"jupyterlab", "tensorflow", "tensorflow-cpu"}
FOR_DDSP = ["gin-config"]


def wanted(project: dict) -> tuple[list[str], list[str]]:
    """What pip is to install with all that it needs, and what without.

    Args:
      project: The table of that name in pyproject.toml.
    """
    named = {re.match(r"[\w.-]+", line).group(): line for line in project["dependencies"]}
    alone = [named.pop("ddsp")]
    return [*(line for name, line in named.items() if name not in COLABS_OWN), *FOR_DDSP], alone


def main() -> None:
    """Installs what is missing and makes `import nmsynth_lib` find the clone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    whole, alone = wanted(project)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *whole], check=True)
    subprocess.run([*pip, "--no-deps", *alone], check=True)
    sys.path.insert(0, str(ROOT))
    # Else Colab shows no widgets but its own.
    import_module("google.colab.output").enable_custom_widget_manager()
    print(f"nmsynth is ready{tensorflow_note(project)}.")


def tensorflow_note(project: dict) -> str:
    """That Colab's TensorFlow is another than the one that was tested; empty when it is not."""
    (tested,) = {re.search(r"==([\d.]+)", line).group(1) for line in project["dependencies"]
                 if line.startswith("tensorflow")}  # fmt: skip
    for name in ("tensorflow", "tensorflow-cpu"):
        try:
            found = version(name)
        except PackageNotFoundError:
            continue
        return "" if found == tested else f", with TensorFlow {found}; it was tested with {tested}"
    return ", but TensorFlow is missing: pip install tensorflow"


if __name__ == "__main__":
    main()
