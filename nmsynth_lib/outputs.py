"""Outputs that appear whole or not at all, for sounds too long to hold in memory.

Road: performance -> controls -> decoder -> synthesis -> instrument -> [outputs]: a leaf beside it.
Several files (a mix and its stems) are written block by block under hidden names and renamed when
all are complete. `audio.write_audio` is the simple case: one sound that is already there.
Explained in notebook 00, "One note, two ways".
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from nmsynth_lib.errors import OutputError
from nmsynth_lib.files import file_mode, folder_at, output_error

FORMATS = {".wav": "WAV", ".flac": "FLAC"}


def check_output(path: Path) -> Path:
    """The path, if a file can be made there; asked before the work, so that none is lost.

    Raises:
      OutputError: a folder is in its place, or its own folder is missing or closed.
    """
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file in it.")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}; create it first.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(
            f"{path}: no permission to write in {path.parent}; choose another folder."
        )
    return path


@contextmanager
def made_folder(folder: Path) -> Iterator[Path]:
    """A folder, made with its parents where missing; gone again if what follows fails.

    Raises:
      OutputError: a file is in its place, or not permitted.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder_at(folder)
    try:
        yield folder
    except BaseException:
        for path in made:  # the innermost first; one that something was put into stays
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        raise


@contextmanager
def sound_files(
    paths: Sequence[Path], sample_rate: int, subtypes: Sequence[str]
) -> Iterator[list[Callable[[np.ndarray], None]]]:
    """Mono sound files that grow block by block and all appear at the end, by rename.

    Args:
      paths: Each ends in .wav or .flac; their folders exist.
      sample_rate: Hz.
      subtypes: How samples are stored, one a path: "PCM_16", "PCM_24" or, in WAV only, "FLOAT".

    Yields:
      One function a path, which appends a block, float32, shape [n_samples].

    Raises:
      OutputError: not permitted, or disk full; nothing is left behind and older files stay.
    """
    import soundfile

    tapes: list[_Tape] = []
    try:
        with ExitStack() as stack:
            writers = []
            for path, subtype in zip(paths, subtypes, strict=True):
                tape = _Tape(path)
                tapes.append(tape)
                sound = soundfile.SoundFile(
                    tape, "w", sample_rate, 1, subtype, format=FORMATS[path.suffix.lower()]
                )
                stack.callback(_closed, sound, tape)
                writers.append(_writer(sound, tape))
            yield writers
        for tape in tapes:
            tape.finish()
        for tape in tapes:
            os.replace(tape.part, tape.path)
    except OSError as error:
        where = tapes[-1].path if len(tapes) == 1 else ", ".join(str(path) for path in paths)
        raise output_error(where, error) from None
    finally:
        for tape in tapes:
            tape.discard()


class _Tape:
    """A hidden file that libsndfile writes to.

    libsndfile tells of a full disk with a short write at best; what the system said is kept here.
    """

    def __init__(self, path: Path):
        self.path, self.error = path, None
        handle, self.part = tempfile.mkstemp(".part", f".{path.name}.", path.parent)
        self.file = os.fdopen(handle, "w+b", buffering=0)
        self.seek, self.tell, self.readinto = self.file.seek, self.file.tell, self.file.readinto

    def write(self, data: bytes) -> int:
        """Bytes written: all of them, or 0 once a write has failed."""
        left = memoryview(data)
        try:
            while left and self.error is None:
                left = left[self.file.write(left) :]
        except OSError as error:
            self.error = error
        return len(data) if self.error is None else 0

    def check(self) -> None:
        """Raises what went wrong since the file was opened."""
        if self.error is not None:
            raise self.error

    def finish(self) -> None:
        """Brings the file to the disk, readable by whom the user's umask lets."""
        os.fsync(self.file.fileno())
        os.fchmod(self.file.fileno(), file_mode())

    def discard(self) -> None:
        """Removes the hidden file, unless it has got its name."""
        self.file.close()
        if os.path.exists(self.part):
            os.unlink(self.part)


def _writer(sound, tape: _Tape) -> Callable[[np.ndarray], None]:
    def write(block: np.ndarray) -> None:
        try:
            sound.write(block)
        except (RuntimeError, AssertionError):  # what soundfile makes of a short write
            tape.check()
            raise
        tape.check()

    return write


def _closed(sound, tape: _Tape) -> None:
    try:
        sound.close()
    except RuntimeError:
        tape.check()
        raise
    tape.check()
