"""The doors of each notebook: badges that open it on Binder and Colab, and the cell for Colab.

    python tools/notebook_doors.py [--owner YOUR-NAME] [notebooks/*.ipynb]

Whoever publishes a copy names the owner once: it is written into the README, where the next run
finds it, and into every notebook. A notebook that has its doors stays as it is, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
ADDRESS = re.compile(r"(mybinder\.org/v2/gh/)([\w.-]+/[\w.-]+)")  # its first place is the README's
TAG = "colab"
BADGES = """\
[![Launch on Binder](https://mybinder.org/badge_logo.svg)]\
(https://mybinder.org/v2/gh/{address}/main?urlpath=lab/tree/notebooks/{name})
[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]\
(https://colab.research.google.com/github/{address}/blob/main/notebooks/{name})

"""
CODE = """\
import sys

if "google.colab" in sys.modules:  # fetches the kit; anywhere else this cell does nothing
    get_ipython().system("git clone --quiet --depth=1 https://github.com/{address} nmsynth")
    get_ipython().run_line_magic("run", "nmsynth/tools/colab.py")"""


def address(readme: Path = README) -> str:
    """Owner and name of the repository, as the README has them."""
    return ADDRESS.search(readme.read_text(encoding="utf-8")).group(2)


def with_doors(text: str, name: str, address: str) -> str:
    """The notebook's JSON with badges under its title and the cell for Colab after that.

    Args:
      text: Of the file.
      name: Of the file, as in the badges' addresses.
      address: Owner and name of the repository.
    """
    notebook = json.loads(text)
    cells = [cell for cell in notebook["cells"] if TAG not in cell["metadata"].get("tags", [])]
    title, _, rest = "".join(cells[0]["source"]).partition("\n\n")
    if not title.startswith("# ") or "\n" in title:
        raise SystemExit(f"{name}: its first cell has to begin with a title and an empty line.")
    rest = re.sub(r"\A(\[!\[[^\n]*\n)+\n", "", rest)
    badges = BADGES.format(address=address, name=name)
    cells[0]["source"] = f"{title}\n\n{badges}{rest}".splitlines(keepends=True)
    code = {"cell_type": "code", "execution_count": None, "id": "", "metadata": {"tags": [TAG]}}
    lines = CODE.format(address=address).splitlines(keepends=True)
    cells.insert(1, {**code, "outputs": [], "source": lines})
    for number, cell in enumerate(cells):
        cell["id"] = str(number)  # as nbstripout counts them
    notebook["cells"] = cells
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Writes the doors of the notebooks named, of all if none is."""
    parser = argparse.ArgumentParser(description="Badges and the cell for Colab.")
    parser.add_argument("notebooks", type=Path, nargs="*")
    parser.add_argument("--owner", help="whose copy it is on GitHub: YOUR-NAME or YOUR-NAME/copy")
    options = parser.parse_args()
    where = address()
    if options.owner:
        where = options.owner if "/" in options.owner else f"{options.owner}/nmsynth"
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", where):
            print(f"--owner {options.owner}: that is no name on GitHub", file=sys.stderr)
            return 2
        text = README.read_text(encoding="utf-8")
        README.write_text(ADDRESS.sub(rf"\g<1>{where}", text), encoding="utf-8")
    for path in options.notebooks or sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        before = path.read_text(encoding="utf-8")
        after = with_doors(before, path.name, where)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"{path.name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
