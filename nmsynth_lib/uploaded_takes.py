"""Uploaded takes: files that came through a browser, kept in one folder, checked and put right.

Road: browser -> [uploaded takes] -> take checks -> findings -> page; the folder is one to train on.
A name is only ever a name here: whatever folders it came with are cut off, so nothing can be
written outside. A file gets its name when all of it has come.
Explained in notebook 01, "Your own recording".
"""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from nmsynth_lib.errors import NmsynthError, UploadError
from nmsynth_lib.files import appearing, folder_at, output_error
from nmsynth_lib.incoming import MEGABYTE, IncomingFile, copy_to, last_part, shown_name
from nmsynth_lib.mending import write_corrections
from nmsynth_lib.take_checks import TakeCheck, checked_take
from nmsynth_lib.take_findings import Finding, corrections_by_take, findings, verdict
from nmsynth_lib.takes import AUDIO_SUFFIXES, META_FILE, MIDI_SUFFIXES, find_takes

KINDS = (*AUDIO_SUFFIXES, *MIDI_SUFFIXES)
LIMIT_MB = 400  # an hour of 16 bit mono at 48 kHz
LONGEST_NAME = 200  # bytes


class UploadedTakes:
    """A folder that uploads go to, and what the checks say of the takes in it.

    Attributes:
      folder: Where the takes lie: sound, MIDI, and meta.yaml once something was put right.
      checks: Of all takes, in the order of their names, as they were last checked.
      limit: Bytes that all files together may have.
    """

    def __init__(self, folder: str | Path | None = None, limit_mb: float = LIMIT_MB):
        """Makes the folder.

        Args:
          folder: Where to keep the takes; None: a temporary folder, gone when Python ends.
          limit_mb: Megabytes that all files together may have.

        Raises:
          OutputError: the folder cannot be made.
        """
        self._scratch = None
        if folder is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="nmsynth-takes-")
            folder = self._scratch.name
        self.folder = folder_at(Path(folder))
        self._before = {path.name for path in self.folder.iterdir()}
        self.limit = round(limit_mb * MEGABYTE)
        self.checks: list[TakeCheck] = []
        self._incoming = IncomingFile()

    def begin(self, name: str, size: int) -> None:
        """Makes room for a file; what was only half there is forgotten.

        Args:
          name: As the browser says it; folders in it are cut off.
          size: Bytes that will come.

        Raises:
          UploadError: not a kind of file that belongs to a take, or too large.
        """
        self._incoming.forget()
        name = _plain_name(name, (*KINDS, ".zip"))
        self._check_room(name, size)
        self._incoming.begin(name, size)

    def add(self, piece: bytes | memoryview) -> None:
        """The next bytes of the file that was begun.

        Raises:
          UploadError: nothing was begun, or more came than was announced.
        """
        self._incoming.add(piece)

    def finish(self) -> list[str]:
        """Gives the file its name; a zip is unpacked instead.

        Returns:
          Names of the files that are new in the folder.

        Raises:
          UploadError: it is not complete, or a zip that cannot be taken; then nothing of it stays.
        """
        part, name = self._incoming.finish(), self._incoming.name
        with part:
            if name.lower().endswith(".zip"):
                return self._unpack(part, name)
            self._write(name, part)
            return [name]

    def put(self, name: str, content: bytes | memoryview) -> list[str]:
        """A whole file at once.

        Returns:
          Names of the files that are new in the folder.

        Raises:
          UploadError: as `begin` and `finish`.

        Explained in notebook 01, "Your own recording".
        """
        self.begin(name, len(content))
        self.add(content)
        return self.finish()

    def check(self, on_take: Callable[[str], None] = lambda name: None) -> list[list[Finding]]:
        """Checks all takes of the folder.

        Args:
          on_take: Called with the name of each before it is checked.

        Returns:
          Findings of each take; its figures are in `checks`.

        Raises:
          RecordingError: sound without MIDI, MIDI without sound, or nothing at all.
        """
        self.checks = []
        for files in find_takes(self.folder):
            on_take(files.name)
            self.checks.append(checked_take(files))
        return [findings(check) for check in self.checks]

    def to_correct(self) -> dict[str, dict]:
        """Entries of meta.yaml that would put right what can be put right, by take."""
        return corrections_by_take((check, findings(check)) for check in self.checks)

    def mend(self) -> dict[str, dict]:
        """Writes these entries; sound and MIDI stay as they are. Check again afterwards.

        Returns:
          What was written, by take.

        Raises:
          RecordingError, OutputError: meta.yaml cannot be read or written.
        """
        new = self.to_correct()
        if new:
            write_corrections(self.folder, new)
        return new

    def verdict(self) -> str:
        """The verdict on each take, one line."""
        return " ".join(f"{one.files.name}: {verdict(findings(one))[1]}." for one in self.checks)

    def empty(self) -> None:
        """Takes away what was uploaded; what lay in the folder before stays."""
        self._incoming.forget()
        self.checks = []
        for path in self._files():
            if path.name not in self._before:
                path.unlink()

    def told(self, error: NmsynthError) -> str:
        """An error in one line, with names in the place of long paths."""
        line = " ".join(str(error).split())
        return line.replace(f"{self.folder}/", "").replace(str(self.folder), "The folder")

    def _files(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if _belongs(path.name)]

    def _check_room(self, name: str, size: int) -> None:
        others = sum(path.stat().st_size for path in self._files() if path.name != name)
        if others + size > self.limit:
            raise UploadError(
                f"{name}: has {size / MEGABYTE:.1f} MB; all files together may have "
                f"{self.limit / MEGABYTE:g} MB. Use FLAC or mp3, or check the folder in a shell: "
                "nmsynth check DIR."
            )

    def _unpack(self, part: BinaryIO, where: str) -> list[str]:
        """All takes of a zip, or none of them."""
        try:
            with zipfile.ZipFile(part) as archive:
                members = _members(archive, where)
                self._check_room(where, sum(info.file_size for info in members.values()))
                with tempfile.TemporaryDirectory(dir=self.folder, prefix=".zip-") as scratch:
                    for name, info in members.items():
                        with archive.open(info) as member:
                            copy_to(member, Path(scratch) / name)
                    for name in members:
                        (Path(scratch) / name).replace(self.folder / name)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            raise UploadError(f"{where}: cannot be unpacked ({reason}). Zip it anew.") from error
        except OSError as error:
            raise output_error(self.folder, error) from error
        return list(members)

    def _write(self, name: str, part: BinaryIO) -> None:
        with appearing(self.folder / name) as path:
            copy_to(part, path)


def _members(archive: zipfile.ZipFile, where: str) -> dict[str, zipfile.ZipInfo]:
    """What of a zip belongs to takes, by its name alone."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = last_part(info.filename)
        if info.is_dir() or not _belongs(name) or "__MACOSX" in info.filename:
            continue
        name = _plain_name(name, KINDS)
        if info.flag_bits & 1:
            raise UploadError(f"{where}: {name} is behind a password. Zip it without one.")
        if name.lower() in map(str.lower, members):
            raise UploadError(f"{where}: holds two files called {name}. Give them two names.")
        members[name] = info
    if not members:
        raise UploadError(
            f"{where}: holds no takes; put NAME.wav (flac, mp3, ogg) and NAME.mid in."
        )
    return members


def _plain_name(name: str, kinds: tuple[str, ...]) -> str:
    """The last part of a name, if it is one that a take can have."""
    plain = last_part(name)
    if not _belongs(plain, kinds):
        raise UploadError(
            f"{shown_name(name)}: is neither sound (WAV, FLAC, MP3, OGG) nor MIDI (.mid), nor a "
            "zip of them."
        )
    return plain


def _belongs(name: str, kinds: tuple[str, ...] = KINDS) -> bool:
    fits = name.isprintable() and len(name.encode(errors="replace")) <= LONGEST_NAME
    known = name == META_FILE or PurePosixPath(name).suffix.lower() in kinds
    return fits and known and not name.startswith(".")
