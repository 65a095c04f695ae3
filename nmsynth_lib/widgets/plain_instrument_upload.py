"""The place-holder of `instrument_upload.py` where custom widgets cannot load: `ipywidgets` alone.

Road: browser -> shared instruments -> [page]: a leaf.
`ipywidgets.FileUpload` sends a file as one message of at most ten megabytes: enough for any
instrument that this project trains.
Explained in notebook 06, "Somebody else's instrument".
"""

from __future__ import annotations

import html
from pathlib import Path

import ipywidgets

from nmsynth_lib.shared_instruments import SharedInstruments
from nmsynth_lib.widgets.instrument_upload import (
    NOTHING_YET,
    LoadsInstruments,
    instrument_html,
    loaded_in_words,
)
from nmsynth_lib.widgets.receiving import said_of


class PlainSharedUpload(LoadsInstruments, ipywidgets.VBox):
    """`SharedUpload` with plain parts: a file button, a field for a name, and a page of HTML."""

    def __init__(self, folder: str | Path | None = None):
        """Makes the folder that instruments go to; argument as for `SharedInstruments`."""
        self.instruments = SharedInstruments(folder)
        self.button = ipywidgets.FileUpload(
            description="Instrument (zip)",
            tooltip="A zip that pack_instrument or nmsynth pack has made; 10 MB at most",
            accept=".zip",
            multiple=False,
        )
        self.own_name = ipywidgets.Text(
            description="Name for it",
            placeholder="empty: as it is called",
            style={"description_width": "7em"},
        )
        self.page = ipywidgets.HTML(f'<p role="status">{NOTHING_YET}</p>')
        super().__init__([self.button, self.own_name, self.page])
        self.button.observe(self._on_file, "value")

    def _on_file(self, change) -> None:
        said = ""
        try:
            for file in change.new:
                self.instruments.name = self.own_name.value
                self.instruments.put(file["name"], file["content"])
        except Exception as error:  # a callback's traceback is shown nowhere, so it is said here
            said = f'<p role="alert">{html.escape(said_of(error, self.instruments))}</p>'
        self._show(said)

    def _show(self, said: str = "") -> None:
        status = html.escape(loaded_in_words(self.instruments))
        page = instrument_html(self.instrument) if self.instrument else ""
        self.page.value = f'{said}<p role="status">{status}</p>{page}'
