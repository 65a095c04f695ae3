"""Somebody else's instrument, loaded in the page: a zip in, who made it and how it sounds below.

Road: browser -> shared instruments -> [page]: a leaf.
How the zip comes is told in `receiving.py`. The page part is `instrument_upload.js`.
Explained in notebook 06, "Somebody else's instrument".
"""

from __future__ import annotations

import html
from pathlib import Path

from nmsynth_lib.audio import player_html
from nmsynth_lib.class_runs import LOW, low_melody
from nmsynth_lib.instrument import Instrument
from nmsynth_lib.midi.channel import note_name
from nmsynth_lib.shared_instruments import SharedInstruments
from nmsynth_lib.sharing import NOT_SAID
from nmsynth_lib.widgets.parts import script, styles
from nmsynth_lib.widgets.receiving import Receiving

NOTHING_YET = "No instrument yet."
TUNE_S = 6.0


class LoadsInstruments:
    """What both uploads of instruments have: `instruments`, and `_show` to tell what is there."""

    instruments: SharedInstruments

    @property
    def folder(self) -> Path | None:
        """Folder of the instrument that was loaded last; None before there is one."""
        return self.instruments.place

    @property
    def instrument(self) -> Instrument | None:
        """The instrument that was loaded last, ready to play; None before there is one."""
        return self.instruments.instrument

    def put(self, path: str | Path) -> None:
        """Takes a zip from this machine, as if it had been chosen in the page.

        Raises:
          UploadError, SharingError: it cannot be taken.
          FileNotFoundError: no such file.
        """
        self.instruments.put(Path(path).name, Path(path).read_bytes())
        self._show()


class SharedUpload(LoadsInstruments, Receiving):
    """Choose a zip, and the instrument in it is checked, described and played."""

    _esm = script("elements.js", "sending.js", "instrument_upload.js")
    _css = styles("upload.css")

    def __init__(self, folder: str | Path | None = None):
        """Makes the folder that instruments go to; argument as for `SharedInstruments`."""
        self.instruments = SharedInstruments(folder)
        super().__init__(
            self.instruments,
            limit=self.instruments.limit,
            where=str(self.instruments.folder),
            status=NOTHING_YET,
        )

    def _do(self, content: dict, buffers) -> None:
        if content.get("do") == "finish":
            self.instruments.name = str(content.get("name", ""))
        super()._do(content, buffers)
        if content.get("do") == "finish":
            self._show()

    def _show(self) -> None:
        with self.hold_sync():
            self.status = loaded_in_words(self.instruments)
            self.shown = instrument_html(self.instrument)
        self._renew_stand_in()

    def _plain(self) -> str:
        return self.shown or (
            "<p>Here an instrument can be loaded when this notebook runs. In a shell, "
            "<code>nmsynth unpack ZIP --to DIR</code> does the same.</p>"
        )


def load_shared(folder: str | Path | None = None, fallback: bool = False):
    """A place in the page to load an instrument that somebody has packed.

    Args:
      folder: Where instruments go to; None: `build/guitars_from_others` of this copy.
      fallback: True shows plain `ipywidgets` for places where custom widgets cannot load; zips of
        more than ten megabytes do not come through there.

    Returns:
      To be shown as the last value of a cell: has `.instrument`, ready to play, and `.folder`; both
      are None before one was loaded. `.put(path)` takes a zip from this machine.

    Explained in notebook 06, "Somebody else's instrument".
    """
    if fallback:
        from nmsynth_lib.widgets.plain_instrument_upload import PlainSharedUpload

        return PlainSharedUpload(folder)
    return SharedUpload(folder)


def loaded_in_words(instruments: SharedInstruments) -> str:
    """One line: which instrument is there."""
    place = instruments.place
    return f"{place.name} is loaded and checked." if place else NOTHING_YET


def instrument_html(instrument: Instrument) -> str:
    """Who made an instrument, under which licence, what it can do, and how it sounds.

    Args:
      instrument: A loaded one.

    Returns:
      HTML that needs no other file; whatever a stranger wrote is shown as text.
    """
    spec = instrument.spec
    low, high = spec.pitch_range
    channels = ", ".join(one.label or f"{one.name} (CC{one.cc})" for one in spec.style_channels())
    rows = {
        "Made by": spec.provenance.get("credit") or NOT_SAID,
        "Licence": spec.provenance.get("licence") or NOT_SAID,
        "Licence of its recording": spec.data_licence or NOT_SAID,
        "About": spec.description,
        "Pitches": f"{note_name(low)} to {note_name(high)}",
        "Style": channels or "none",
        "Weights": f"{sum(int(one.numpy().size) for one in instrument.model.weights):,}",
    }
    table = "".join(
        f'<tr><th scope="row">{label}</th><td>{html.escape(str(value))}</td></tr>'
        for label, value in rows.items()
        if value
    )
    name = html.escape(spec.name)
    tune = low_melody(TUNE_S)
    audio = instrument.render(tune.transposed(12 * round((low - LOW) / 12)))
    player = player_html(audio, f"{spec.name} plays a tune", instrument.sample_rate)
    return (
        f'<section class="take" aria-label="{name}"><h4>{name}</h4>'
        f"<table><caption>{name}, as its maker describes it</caption>{table}</table>"
        f"{player}</section>"
    )
