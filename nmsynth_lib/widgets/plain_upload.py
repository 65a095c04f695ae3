"""The upload's place-holder where custom widgets cannot load: made of `ipywidgets` alone.

Road: browser -> uploaded takes -> take checks -> [page]: a leaf.
`ipywidgets.FileUpload` sends a file as one message, and more than ten megabytes break the
connection: mp3 and FLAC of some minutes fit, a long WAV does not.
Explained in notebook 01, "Your own recording".
"""

from __future__ import annotations

import html
from pathlib import Path

import ipywidgets

from nmsynth_lib.take_checks import TakeCheck
from nmsynth_lib.uploaded_takes import LIMIT_MB, UploadedTakes
from nmsynth_lib.widgets.receiving import said_of
from nmsynth_lib.widgets.upload import checks_html


class PlainUpload(ipywidgets.VBox):
    """`UploadCheck` with plain parts: a file button, a button to put right, and a page of HTML."""

    def __init__(self, folder: str | Path | None = None, limit_mb: float = LIMIT_MB):
        """Makes the folder that uploads go to; arguments as for `UploadedTakes`."""
        self.takes = UploadedTakes(folder, limit_mb)
        self.button = ipywidgets.FileUpload(
            description="Sound and MIDI",
            tooltip="Sound and MIDI files of one or more takes, or a zip of them; 10 MB at most",
            accept=".wav,.flac,.mp3,.ogg,.mid,.midi,.zip,.yaml",
            multiple=True,
        )
        self.put_right = ipywidgets.Button(
            description="Put right",
            tooltip="Writes what can be put right into meta.yaml, and checks again",
            disabled=True,
        )
        self.page = ipywidgets.HTML('<p role="status">No take yet.</p>')
        super().__init__([self.button, self.put_right, self.page])
        self.button.observe(self._on_files, "value")
        self.put_right.on_click(self._on_put_right)

    @property
    def folder(self) -> Path:
        """Where the takes lie, to train on."""
        return self.takes.folder

    @property
    def checks(self) -> list[TakeCheck]:
        """Everything that was measured, take by take."""
        return self.takes.checks

    def _on_files(self, change) -> None:
        def put_all():
            for file in change.new:
                self.takes.put(file["name"], file["content"])

        self._show_after(put_all)

    def _on_put_right(self, _button) -> None:
        self._show_after(self.takes.mend)

    def _show_after(self, work) -> None:
        """Does something, checks all takes, and shows the outcome, good or bad."""
        self.page.value = '<p role="status">Checking.</p>'
        said = ""
        try:
            work()
            self.takes.check()
        except Exception as error:  # a callback's traceback is shown nowhere, so it is said here
            said = f'<p role="alert">{html.escape(said_of(error, self.takes))}</p>'
        self.put_right.disabled = not self.takes.to_correct()
        status = html.escape(self.takes.verdict())
        page = checks_html(self.checks, self.takes)
        self.page.value = f'{said}<p role="status">{status}</p>{page}'
