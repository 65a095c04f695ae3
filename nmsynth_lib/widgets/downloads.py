"""A file of the kernel's machine, as a link in the page that saves it.

Road: a leaf: file -> [link] -> the browser's downloads.
The file is in the link itself, so it works wherever HTML is shown: in JupyterLab, Voilà, Colab, VS
Code, and in an exported page without a kernel.
Explained in notebook 06, "Hand it over".
"""

from __future__ import annotations

import base64
import html
from pathlib import Path

from nmsynth_lib.errors import OutputError

LARGEST = 10_000_000  # bytes; more would swell the notebook that holds the link
KINDS = {".zip": "application/zip", ".mid": "audio/midi", ".flac": "audio/flac"}


class DownloadLink:
    """A link in a notebook's output.

    Attributes:
      path: Of the file.
    """

    def __init__(self, path: Path, page: str):
        self.path, self._page = path, page

    def _repr_html_(self) -> str:
        return self._page

    def __repr__(self) -> str:
        return f"{self.path}: in a notebook, a link to save it."


def download_link(path: str | Path) -> DownloadLink:
    """A link that saves a file of this notebook's machine to the reader's.

    Args:
      path: Of the file; one of more than 10 MB is named instead, with a way to get it.

    Returns:
      To be shown as the last value of a cell.

    Raises:
      OutputError: there is no such file.

    Explained in notebook 06, "Hand it over".
    """
    path = Path(path)
    if not path.is_file():
        raise OutputError(f"{path}: no such file to download; write it first.")
    size = path.stat().st_size
    name, shown = html.escape(path.name), f"{size / 1000:,.0f} kB"
    if size > LARGEST:
        where = html.escape(str(path))
        page = f"<p>{name} ({shown}) lies at <code>{where}</code>: copy it from there.</p>"
        return DownloadLink(path, page)
    data = base64.b64encode(path.read_bytes()).decode()
    kind = KINDS.get(path.suffix.lower(), "application/octet-stream")
    page = f'<a href="data:{kind};base64,{data}" download="{name}">Download {name} ({shown})</a>'
    return DownloadLink(path, f"<p>{page}</p>")
