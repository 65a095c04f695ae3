"""An incoming file: one that comes from a browser piece by piece, whole at its end or not at all.

Road: browser -> [incoming file] -> uploaded takes, shared instruments.
Until all of it has come it has no name on the disk; what was only half there is forgotten.
Explained in notebook 01, "Your own recording".
"""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from nmsynth_lib.errors import UploadError

MEGABYTE = 1_000_000
COPIED = 1 << 20  # bytes at once


class IncomingFile:
    """A file on its way.

    Attributes:
      name: Of the file that was begun; empty between two.
    """

    def __init__(self):
        """Nothing is on its way."""
        self.name = ""
        self._part: BinaryIO | None = None
        self._expected = 0

    def begin(self, name: str, size: int) -> None:
        """Makes room for a file; what was only half there is forgotten.

        Args:
          name: For messages.
          size: Bytes that will come.

        Raises:
          UploadError: it is empty.
        """
        self.forget()
        if not size > 0:
            raise UploadError(f"{name}: is empty. Export it again.")
        self.name, self._expected = name, size
        self._part = tempfile.TemporaryFile()  # noqa: SIM115 - open until all of it has come

    def add(self, piece: bytes | memoryview) -> None:
        """The next bytes of the file that was begun.

        Raises:
          UploadError: nothing was begun, or more came than was announced.
        """
        if self._part is None:
            raise UploadError("A piece of a file came without its beginning. Upload it again.")
        self._part.write(piece)
        if self._part.tell() > self._expected:
            name = self.name
            self.forget()
            raise UploadError(f"{name}: more came than was announced. Upload it again.")

    def finish(self) -> BinaryIO:
        """All of it, open at its beginning; whoever takes it closes it.

        Raises:
          UploadError: it is not complete.
        """
        if self._part is None or self._part.tell() != self._expected:
            name = self.name or "The file"
            self.forget()
            raise UploadError(f"{name}: did not come as a whole. Upload it again.")
        part, self._part = self._part, None
        part.seek(0)
        return part

    def forget(self) -> None:
        """Lets go of what has come so far."""
        if self._part is not None:
            self._part.close()
        self._part, self.name, self._expected = None, "", 0


def last_part(name: str) -> str:
    """The name of a file without the folders it came with, in whatever system's way."""
    return PurePosixPath(str(name).replace("\\", "/")).name


def shown_name(name: str) -> str:
    """The same for a message: no control characters, not longer than a line."""
    kept = "".join(c if c.isprintable() else "?" for c in last_part(name))
    return kept[:60] or "A file without a name"


def copy_to(source: BinaryIO, path: Path) -> None:
    """Copies all that is left of a file."""
    with path.open("wb") as file:
        while piece := source.read(COPIED):
            file.write(piece)
