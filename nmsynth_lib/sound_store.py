"""The sound store: decoded takes, kept on disk, so that the second time costs nothing.

Road: folder of audio + MIDI -> [sound store] -> takes -> recordings -> training.
A take is decoded, mixed and resampled in blocks into a file of plain samples, and looked at through
a memory map: an hour takes no more memory than a minute. The file's name is the SHA-256 of what the
take holds, not of where it lies: edited audio is read again, moved audio is not. Files appear by
rename; what was used longest ago goes first when the store is full.
Explained in notebook 01, "From a take to examples".
"""

from __future__ import annotations

import hashlib
import io
import os
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from nmsynth_lib.audio import BLOCK_SECONDS, mono_blocks, open_audio
from nmsynth_lib.errors import AudioFileError, OutputError
from nmsynth_lib.files import appearing, output_error

FOLDER_VARIABLE, LIMIT_VARIABLE = "NMSYNTH_CACHE", "NMSYNTH_CACHE_GB"
USUAL_LIMIT_GB = 4.0
ABANDONED_S = 3600.0  # a half-written file that old belongs to nobody any more
SUFFIX = ".f32"
FORMAT = 1  # of the stored samples: another way of decoding gets another number
FLOOR_DBFS = -80.0  # of the noise that takes the place of digital silence
FLOOR_WINDOW_S, FLOOR_PERCENTILE = 0.010, 2
QUIETER_DB = 8.0  # a floor so much below FLOOR_DBFS is no room, but a gate or an empty track


def decoded_sound(path: str | Path, sample_rate: int, floor: bool = True) -> np.ndarray:
    """A file of sound as the network hears it: one channel, at a rate, without digital silence.

    Args:
      path: WAV, FLAC, OGG or MP3; any rate, any number of channels, any length.
      sample_rate: Hz to resample to.
      floor: Where the quietest 2 % of all 10 ms windows lie below -88 dBFS, add white noise of
        -80 dBFS: the logarithm of nothing teaches nothing. The same file gets the same noise.

    Returns:
      float32, shape [n_samples], read-only, mapped from the store (in memory where there is none).

    Raises:
      AudioFileError: no such file, not audio, no samples, or samples that are not numbers.

    Explained in notebook 01, "From a take to examples".
    """
    path = Path(path)
    with open_audio(path):
        pass  # a file that cannot be read says so, whatever is stored
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    name = f"{digest}-{sample_rate}{'-floor' if floor else ''}-v{FORMAT}"
    return stored(name, lambda file: _write_decoded(path, sample_rate, floor, digest, file))


def stored(name: str, write: Callable[[BinaryIO], None]) -> np.ndarray:
    """The samples of that name: from the store, or made once and kept there.

    Args:
      name: Says all that the samples depend on.
      write: Writes them as float32 to a binary file that can also be read and moved in.

    Returns:
      float32, shape [n_samples], read-only.

    Explained in notebook 01, "From a take to examples".
    """
    path = store_folder() / f"{name}{SUFFIX}"
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with appearing(path) as part, part.open("r+b") as file:
                write(file)
            _tidy(path.parent, keep=path)
        os.utime(path)
        return np.memmap(path, np.float32, "r")
    except (OSError, OutputError) as error:
        # Working without a store is slower, not wrong.
        refused = error if isinstance(error, OutputError) else output_error(path.parent, error)
        warnings.warn(f"Decoded in memory, since the store cannot be used: {refused}", stacklevel=2)
        buffer = io.BytesIO()
        write(buffer)
        return np.frombuffer(buffer.getbuffer(), np.float32)


def store_folder() -> Path:
    """Where decoded sound lies: $NMSYNTH_CACHE, or the user's cache folder."""
    from platformdirs import user_cache_path

    return Path(os.environ.get(FOLDER_VARIABLE) or user_cache_path("nmsynth", appauthor=False))


def store_limit() -> float:
    """Bytes that the store may grow to: $NMSYNTH_CACHE_GB, 4 GB if there is none."""
    try:
        return 1e9 * float(os.environ[LIMIT_VARIABLE])
    except (KeyError, ValueError):
        return 1e9 * USUAL_LIMIT_GB


def _tidy(folder: Path, keep: Path) -> None:
    """Removes what was used longest ago until the limit is kept, and what a kill left behind."""
    now, files = time.time(), []
    for path in folder.iterdir():
        try:
            state = path.stat()
        except FileNotFoundError:
            continue  # another process tidies too
        if path.suffix == ".part" and now - state.st_mtime > ABANDONED_S:
            path.unlink(missing_ok=True)
        elif path.suffix == SUFFIX:
            files.append((state.st_mtime, state.st_size, path))
    total, limit = sum(size for _, size, _ in files), store_limit()
    for _, size, path in sorted(files):
        if total <= limit:
            break
        if path != keep:
            path.unlink(missing_ok=True)
            total -= size


def _write_decoded(path: Path, rate: int, floor: bool, digest: str, file: BinaryIO) -> None:
    """Decodes, mixes and resamples block by block; then fills digital silence."""
    levels = []
    size = round(FLOOR_WINDOW_S * rate)
    for block in _resampled_blocks(path, rate):
        file.write(block.tobytes())
        windows = block[: len(block) // size * size].reshape(-1, size)
        levels.append(np.square(windows, dtype=float).mean(axis=1))
    if not file.tell():
        raise AudioFileError(f"{path}: holds no samples. Record or export it again.")
    quietest = np.percentile(np.concatenate([*levels, [1.0]]), FLOOR_PERCENTILE)
    if floor and quietest < 10 ** ((FLOOR_DBFS - QUIETER_DB) / 10):
        _add_noise(file, round(BLOCK_SECONDS * rate), np.random.default_rng(int(digest[:16], 16)))


def _resampled_blocks(path: Path, rate: int) -> Iterator[np.ndarray]:
    import soxr

    with open_audio(path) as sound:
        if sound.samplerate == rate:
            yield from mono_blocks(sound, path)
            return
        stream = soxr.ResampleStream(sound.samplerate, rate, 1, "float32")
        for block in mono_blocks(sound, path):
            yield stream.resample_chunk(block)
        yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _add_noise(file: BinaryIO, block: int, rng: np.random.Generator) -> None:
    """White noise of FLOOR_DBFS onto everything that was written."""
    gain, place = np.float32(10 ** (FLOOR_DBFS / 20)), 0
    while True:
        file.seek(place)
        sound = np.frombuffer(file.read(4 * block), np.float32)
        if not len(sound):
            break
        file.seek(place)
        file.write((sound + gain * rng.standard_normal(len(sound), np.float32)).tobytes())
        place += 4 * len(sound)
