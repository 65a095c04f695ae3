"""Shared instruments: zips that came through a browser, taken in and ready to play.

Road: browser -> incoming file -> sharing -> [shared instruments] -> page.
Explained in notebook 06, "Somebody else's instrument".
"""

from __future__ import annotations

from pathlib import Path

from nmsynth_lib.class_runs import ROOT
from nmsynth_lib.errors import NmsynthError, UploadError
from nmsynth_lib.files import folder_at
from nmsynth_lib.incoming import MEGABYTE, IncomingFile, last_part, shown_name
from nmsynth_lib.instrument import Instrument
from nmsynth_lib.sharing import LIMIT_MB, unpack_instrument

FROM_OTHERS = ROOT / "build" / "guitars_from_others"


class SharedInstruments:
    """A folder that instruments from others go to, and the last one of them.

    Attributes:
      folder: Where each has a folder.
      place: Folder of the last one; None before there is one.
      instrument: The last one, ready to play; None before there is one.
      name: What to call the next one; empty: as it is called.
      limit: Bytes that a zip may have.
    """

    def __init__(self, folder: str | Path | None = None):
        """Makes the folder.

        Args:
          folder: Where to keep instruments; None: `build/guitars_from_others` of this copy.

        Raises:
          OutputError: the folder cannot be made.
        """
        self.folder = folder_at(Path(folder or FROM_OTHERS))
        self.place: Path | None = None
        self.instrument: Instrument | None = None
        self.name = ""
        self.limit = LIMIT_MB * MEGABYTE
        self._incoming = IncomingFile()

    def begin(self, name: str, size: int) -> None:
        """Makes room for a zip; what was only half there is forgotten.

        Args:
          name: As the browser says it; folders in it are cut off.
          size: Bytes that will come.

        Raises:
          UploadError: not a zip, empty, or too large.
        """
        self._incoming.forget()
        name = last_part(name)
        if not name.lower().endswith(".zip"):
            raise UploadError(
                f"{shown_name(name)}: is no zip. An instrument is handed over as NAME.zip, as "
                "pack_instrument makes it."
            )
        if size > self.limit:
            raise UploadError(
                f"{shown_name(name)}: has {size / MEGABYTE:.1f} MB; no instrument has more than "
                f"{LIMIT_MB}. Is it another zip?"
            )
        self._incoming.begin(shown_name(name), size)

    def add(self, piece: bytes | memoryview) -> None:
        """The next bytes of the zip that was begun.

        Raises:
          UploadError: nothing was begun, or more came than was announced.
        """
        self._incoming.add(piece)

    def finish(self) -> Path:
        """Takes the instrument in and loads it.

        Returns:
          Its folder.

        Raises:
          UploadError: it is not complete.
          SharingError: not an instrument, damaged, or another one of that name is there.
        """
        part, name = self._incoming.finish(), self._incoming.name
        with part:
            place = unpack_instrument(part, self.folder, self.name.strip(), called=name)
        self.place, self.instrument = place, Instrument.load(place)
        return place

    def put(self, name: str, content: bytes | memoryview) -> Path:
        """A whole zip at once; returns and raises as `begin` and `finish`.

        Explained in notebook 06, "Somebody else's instrument".
        """
        self.begin(name, len(content))
        self.add(content)
        return self.finish()

    def told(self, error: NmsynthError) -> str:
        """An error in one line, with names in the place of long paths."""
        line = " ".join(str(error).split())
        return line.replace(f"{self.folder}/", "").replace(str(self.folder), "The folder")
