"""Make a static site: the executed notebooks with players that play, and the documents.

    python tools/make_site.py [--only 00_hear_it ...] [--out build/site]

No page asks for anything from a network or a kernel: widgets are replaced by what stands in for
them, sounds and pictures lie inside the page. Every local link is followed; one that leads nowhere
is an error. The site appears when it is whole.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import mistune
import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from offline import leave_network

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path(__file__).parent / "site_page"
CSS = (PAGE / "site.css").read_text(encoding="utf-8")
WIDGET = "application/vnd.jupyter.widget-view+json"
LINK = re.compile(r'(<a [^>]*href=|<img [^>]*src=)"([^"#:]+)(#[^"]*)?"')
TIMEOUT_S = 1200  # for one cell, on a busy machine
BADGE = re.compile(r"\[!\[([^\]]+)\]\(https?://[^)]+\)\]")  # its picture comes from elsewhere


def as_read(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without its cell for Colab, and with words for the pictures of its badges."""
    notebook.cells = [
        cell for cell in notebook.cells if "colab" not in cell.metadata.get("tags", [])
    ]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\)\n\[", ") · [", BADGE.sub(r"[\1]", cell.source), count=1)
    return notebook


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook after a run from top to bottom in its own folder."""
    notebook = as_read(nbformat.read(path, as_version=4))
    resources = {"metadata": {"path": str(path.parent)}}
    options = ["--IPKernelApp.log_level=ERROR"]
    NotebookClient(
        notebook, timeout=TIMEOUT_S, resources=resources, extra_arguments=options
    ).execute()
    return notebook


def without_widgets(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with what stands in for its widgets, and without the widgets."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        kept = []
        for output in cell.get("outputs", []):
            is_widget = WIDGET in output.get("data", {})
            if is_widget:
                del output["data"][WIDGET]
            if not is_widget or "text/html" in output["data"]:
                kept.append(output)
        if "outputs" in cell:
            cell.outputs = kept
    return notebook


def header(page: Path, notebooks: list[Path]) -> str:
    """Links to the first page and to the notebooks, as the page sees them."""
    up = "../" * (len(page.parts) - 1)
    names = [f'<a href="{up}index.html">Overview</a>']
    names += [f'<a href="{up}notebooks/{one.stem}.html">{one.stem[:2]}</a>' for one in notebooks]
    return (
        f'<header class="site-header"><nav aria-label="Notebooks">{"".join(names)}</nav>'
        "<p>Sounds play here without a kernel. To move sliders, open the notebook on Binder or on "
        "your own machine.</p></header>"
    )


def notebook_page(path: Path, notebooks: list[Path]) -> str:
    """HTML of an executed notebook."""
    exporter = HTMLExporter(template_name=PAGE.name, extra_template_basedirs=[str(PAGE.parent)])
    resources = {
        "metadata": {"name": path.stem},
        "site_css": CSS,
        "site_header": header(Path("notebooks", path.name), notebooks),
    }
    return exporter.from_notebook_node(without_widgets(executed(path)), resources)[0]


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    plain = html.unescape(re.sub(r"<[^>]+>", "", heading))
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")


def document_page(path: Path, page: Path, notebooks: list[Path]) -> str:
    """HTML of a Markdown file; a slide's front matter is left out."""
    text = BADGE.sub(r"[\1]", path.read_text(encoding="utf-8"))
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    body = mistune.create_markdown(escape=False, plugins=["table"])(text)
    body = re.sub(
        r"<(h[1-6])>(.*?)</\1>", lambda m: f'<{m[1]} id="{slug(m[2])}">{m[2]}</{m[1]}>', body
    )
    body = body.replace("<table>", '<div class="wide" tabindex="0"><table>')
    body = body.replace("</table>", "</table></div>").replace("<pre>", '<pre tabindex="0">')
    title = re.search(r"<h1[^>]*>(.*?)</h1>", body)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>'
        f"{re.sub('<[^>]+>', '', title[1]) if title else path.stem}</title>"
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{CSS}</style>'
        f'</head><body>{header(page, notebooks)}<main class="page">{body}</main></body></html>'
    )


def linked(text: str, source: Path, site: Path, pages: dict[Path, Path]) -> tuple[str, list[str]]:
    """The page with links to pages instead of sources, and the links that lead nowhere.

    Other files of the repository that it names are copied into the site.
    """
    lost = []

    def target(match: re.Match) -> str:
        path = (source.parent / match[2]).resolve()
        to = match[2]
        if path in pages:
            to = os.path.relpath(pages[path], pages[source].parent)
        elif path.is_file() and path.is_relative_to(ROOT):
            copy = site / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
            to = os.path.relpath(path.relative_to(ROOT), pages[source].parent)
        elif not (site / pages[source].parent / match[2]).exists():
            lost.append(f"{source.relative_to(ROOT)}: {match[2]}")
        return f'{match[1]}"{Path(to).as_posix()}{match[3] or ""}"'

    return LINK.sub(target, text), lost


def make_site(notebooks: list[Path], out: Path) -> list[str]:
    """Writes the site.

    Args:
      notebooks: Those that are executed.
      out: Folder of the site; what was in it is replaced.

    Returns:
      The links that lead nowhere; if there are any, nothing is written.
    """
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    documents += [ROOT / "assets" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    pages = {path: path.relative_to(ROOT).with_suffix(".html") for path in [*documents, *notebooks]}
    pages[ROOT / "README.md"] = Path("index.html")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        site, lost, texts = Path(folder, "site"), [], {}
        for path in notebooks:
            print(f"{path.name} …", flush=True)
            texts[path] = notebook_page(path, notebooks)
        for path in documents:
            texts[path] = document_page(path, pages[path], notebooks)
        for path in texts:  # all places first, so that pages find each other
            (site / pages[path]).parent.mkdir(parents=True, exist_ok=True)
            (site / pages[path]).touch()
        for path, text in texts.items():
            page, missing = linked(text, path, site, pages)
            (site / pages[path]).write_text(page, encoding="utf-8")
            lost += missing
        if not lost:
            shutil.rmtree(out, ignore_errors=True)
            site.rename(out)
    return lost


def main() -> int:
    """Makes the site that the command line asks for."""
    parser = argparse.ArgumentParser(description="Executed notebooks and documents as HTML.")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="notebooks, by name")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site")
    options = parser.parse_args()
    notebooks = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    if options.only:
        unknown = set(options.only) - {path.stem for path in notebooks}
        if unknown:
            print(f"There is no notebook {', '.join(sorted(unknown))}.", file=sys.stderr)
            return 2
        notebooks = [path for path in notebooks if path.stem in options.only]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    leave_network()
    lost = make_site(notebooks, options.out.resolve())
    for line in lost:
        print(f"leads nowhere: {line}", file=sys.stderr)
    if not lost:
        size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
        print(f"{options.out / 'index.html'}: {len(notebooks)} notebooks, {size / 1e6:.0f} MB")
    return int(bool(lost))


if __name__ == "__main__":
    sys.exit(main())
