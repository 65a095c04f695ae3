"""Files that appear whole or not at all.

Road: beside it, under everything that writes: sounds, MIDI files, takes, instruments.
A result is written under a hidden name in its own folder, brought to the disk, and renamed; until
then an older file stays as it is. What the system refuses becomes one line with cause and remedy.
Explained in notebook 02, "Stop and go on".
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nmsynth_lib.errors import OutputError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def appearing(path: str | Path) -> Iterator[Path]:
    """A file that gets its name when the block ends well, and never otherwise.

    Args:
      path: Where it appears; its folder exists.

    Yields:
      A hidden path in the same folder to write to, ending in ".part".

    Raises:
      OutputError: the system refused something, here or in the block (any OSError).
    """
    with all_appearing([Path(path)]) as (part,):
        yield part


@contextmanager
def all_appearing(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Files that get their names when all of them are complete, and never otherwise.

    Args:
      paths: Where they appear; all in one folder, which exists.

    Yields:
      A hidden path for each, in the same folder, ending in ".part".

    Raises:
      OutputError: the system refused something, here or in the block (any OSError).
    """
    parts: list[Path] = []
    try:
        for path in paths:
            handle, part = tempfile.mkstemp(".part", f".{path.name[:48]}.", path.parent)
            os.close(handle)
            parts.append(Path(part))
        yield list(parts)
        for part in parts:
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.chmod(file_mode())
        for part, path in zip(parts, paths, strict=True):
            part.replace(path)
    except OSError as error:
        raise output_error(paths[0] if len(paths) == 1 else paths[0].parent, error) from error
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def file_mode() -> int:
    """Permissions of a new file, as the user's umask has them."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def folder_at(folder: Path) -> Path:
    """The folder, made with all above it if it was not there.

    Raises:
      OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    return folder


def output_error(where: object, error: OSError) -> OutputError:
    """What the system refused, with its cause and a remedy, in one line.

    Args:
      where: The file, files or folder that could not be written.
      error: What the system said.
    """
    reason = (error.strerror or str(error)).lower()
    if error.errno in _FULL:
        remedy = "free some space there or choose another folder"
    elif error.errno in _CLOSED:
        remedy = "choose a folder that you may write in"
    elif error.errno == errno.ENOENT:
        remedy = "create its folder first"
    elif error.errno == errno.EISDIR:
        remedy = "name a file in it"
    elif error.errno == errno.ENAMETOOLONG:
        remedy = "choose a shorter name"
    else:
        remedy = "choose another folder"
    return OutputError(f"{where}: not written: {reason}; {remedy}.")
