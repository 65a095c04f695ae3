"""The upload of notebook 01: a recording of one's own in, the check's verdict in the page.

Road: browser -> uploaded takes -> take checks -> findings -> [page]: a leaf.
How files come is told in `receiving.py`. The page part is `upload.js`.
Explained in notebook 01, "Your own recording".
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

import traitlets

from nmsynth_lib.errors import NmsynthError
from nmsynth_lib.take_checks import TakeCheck
from nmsynth_lib.take_findings import Finding, findings, verdict
from nmsynth_lib.take_plots import plot_check
from nmsynth_lib.take_table import check_rows, correction_text
from nmsynth_lib.uploaded_takes import LIMIT_MB, UploadedTakes
from nmsynth_lib.widgets.parts import script, styles
from nmsynth_lib.widgets.receiving import Receiving

GRADES = {"unfit": "Unfit", "warning": "Warning", "note": "Note"}
DRAWN = 6  # takes whose picture is shown


class UploadCheck(Receiving):
    """Upload takes, read the verdict, put right what can be put right.

    Attributes:
      can_mend: Whether "Put right" would change anything.
    """

    _esm = script("elements.js", "sending.js", "upload.js")
    _css = styles("upload.css")

    can_mend = traitlets.Bool(False).tag(sync=True)

    def __init__(self, folder: str | Path | None = None, limit_mb: float = LIMIT_MB):
        """Makes the folder that uploads go to; arguments as for `UploadedTakes`."""
        self.takes = UploadedTakes(folder, limit_mb)
        where = str(self.takes.folder)
        super().__init__(self.takes, limit=self.takes.limit, where=where, status="No take yet.")

    @property
    def folder(self) -> Path:
        """Where the takes lie, to train on: `nmsynth train FOLDER --out INSTRUMENT`."""
        return self.takes.folder

    @property
    def checks(self) -> list[TakeCheck]:
        """Everything that was measured, take by take."""
        return self.takes.checks

    def _asked(self) -> dict:
        return {
            "check": lambda content: self.check(),
            "mend": lambda content: self.mend(),
            "empty": lambda content: self._empty(),
        }

    def _empty(self) -> None:
        self.takes.empty()
        self._show("No take yet.")

    def check(self) -> None:
        """Checks all takes in the folder and shows what was found.

        Raises:
          RecordingError: sound without MIDI, MIDI without sound, or nothing at all.
        """
        self._show("Checking.")
        try:
            self.takes.check(lambda name: setattr(self, "status", f"Checking {name}."))
        except NmsynthError:
            self.status = "Not checked."
            raise
        self._show(self.takes.verdict())

    def mend(self) -> None:
        """Writes what can be put right into the folder's meta.yaml, and checks again.

        Raises:
          RecordingError, OutputError: meta.yaml cannot be read or written.
        """
        done = self.takes.mend()
        self.check()
        said = "; ".join(f"{name}: {correction_text(entries)}" for name, entries in done.items())
        self.status = f"{self.status} Written into meta.yaml: {said}." if said else self.status

    def _show(self, status: str) -> None:
        with self.hold_sync():
            self.status = status
            self.shown = checks_html(self.checks, self.takes)
            self.can_mend = bool(self.takes.to_correct())

    def _plain(self) -> str:
        return (
            "<p>Here takes can be uploaded when this notebook runs. In a shell, "
            "<code>nmsynth check DIR</code> says the same of a folder.</p>"
        )


def check_upload(
    folder: str | Path | None = None, limit_mb: float = LIMIT_MB, fallback: bool = False
):
    """A place in the page to upload takes to; their check comes out below it.

    Args:
      folder: Where to keep the takes; None: a temporary folder, gone when the kernel stops.
      limit_mb: Megabytes that all files together may have.
      fallback: True shows plain `ipywidgets` for places where custom widgets cannot load; files of
        more than ten megabytes do not come through there.

    Returns:
      To be shown as the last value of a cell: has `.folder`, where the takes lie, to train on, and
      `.checks`, what was measured.

    Explained in notebook 01, "Your own recording".
    """
    if fallback:
        from nmsynth_lib.widgets.plain_upload import PlainUpload

        return PlainUpload(folder, limit_mb)
    return UploadCheck(folder, limit_mb)


def checks_html(checks: Sequence[TakeCheck], takes: UploadedTakes) -> str:
    """The page of all takes: a verdict, findings with remedies, figures and a picture each.

    Args:
      checks: Of all takes.
      takes: Knows how to shorten paths.

    Returns:
      HTML that needs no other file; empty without a take.
    """
    parts = []
    for number, check in enumerate(checks):
        picture = plot_check(check) if number < DRAWN else None
        parts.append(_take_html(check, findings(check), takes, picture))
    return "".join(parts)


def _take_html(check: TakeCheck, found: list[Finding], takes: UploadedTakes, picture) -> str:
    def text(words: str) -> str:
        return html.escape(words.replace(f"{takes.folder}/", ""))

    items = "".join(
        f"<li class={one.grade}><strong>{GRADES[one.grade]}:</strong> {text(one.sentence)}"
        f"{' <em>Can be put right.</em>' if one.correction else ''}</li>"
        for one in found
    )
    rows = "".join(
        f'<tr><th scope="row">{text(label)}</th><td>{text(value)}</td></tr>'
        for label, value in check_rows(check)
    )
    name = text(check.files.name)
    parts = [
        f"<h4>{name}: {text(verdict(found)[1])}</h4>",
        f"<ul>{items}</ul>" if items else "<p>Nothing is wrong with it.</p>",
        f"<table><caption>{name}, measured</caption>{rows}</table>" if rows else "",
    ]
    if picture is not None and check.take is not None:
        parts.append(picture.html())
    return f'<section class="take" aria-label="{name}">{"".join(parts)}</section>'
