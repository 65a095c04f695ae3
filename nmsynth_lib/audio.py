"""Ears: sound in and out of files, and into the notebook.

Road: performance -> controls -> decoder -> synthesis -> instrument -> [audio]: a leaf beside it.
Sound is float32, mono, full scale 1.0, everywhere in this project; nothing here ever normalises,
because how loud a palm mute is beside an open string is part of what is taught.
Explained in notebook 00, "One note, two ways".
"""

from __future__ import annotations

import html
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nmsynth_lib.errors import AudioFileError, OutputError
from nmsynth_lib.files import appearing

SAMPLE_RATE = 16000
"""Hz: what `listen` takes a sound to be sampled at when it is not told."""
BLOCK_SECONDS = 10.0  # of a file that are read at once
UNKNOWN_LENGTH = 1 << 62  # samples: a FLAC out of a pipe does not say how many it has
LARGEST_BLOCK = 1 << 22  # samples of all channels together, whatever rate a header claims
SLOWEST_RATE, FASTEST_RATE = 1_000, 1_000_000  # Hz; outside, the header is damaged
LOUDEST = 100.0  # times full scale; beyond that a file holds no sound, but something else

if TYPE_CHECKING:
    import soundfile

_FORMATS = {".wav": "WAV", ".flac": "FLAC"}


def read_audio(path: str | Path, sample_rate: int | None = None) -> tuple[np.ndarray, int]:
    """Sound of an audio file, mixed down to one channel.

    Args:
      path: WAV, FLAC, OGG or MP3; any rate, any number of channels.
      sample_rate: Hz to resample to; None keeps the file's own rate.

    Returns:
      Audio, float32, shape [n_samples], full scale 1.0, and its sample rate in Hz.

    Raises:
      AudioFileError: no such file, not audio, no samples, or samples that are not numbers.

    Explained in notebook 00, "One note, two ways".
    """
    path = Path(path)
    with open_audio(path) as file:
        file_rate = file.samplerate
        blocks = list(mono_blocks(file, path))
    audio = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if len(audio) == 0:
        raise AudioFileError(f"{path}: holds no samples. Record or export it again.")
    if sample_rate is not None and sample_rate != file_rate:
        audio, file_rate = resampled(audio, file_rate, sample_rate), sample_rate
        if len(audio) == 0:
            raise AudioFileError(f"{path}: holds less than one sample at {sample_rate} Hz.")
    return audio, int(file_rate)


def mono_blocks(file: soundfile.SoundFile, path: str | Path) -> Iterator[np.ndarray]:
    """The sound of an open file, mixed down to one channel, ten seconds at a time.

    Args:
      file: From `open_audio`.
      path: For the message.

    Yields:
      float32, shape [n_samples], full scale 1.0; the last block is shorter.

    Raises:
      AudioFileError: samples that are not numbers, or far beyond full scale.
    """
    for block in channel_blocks(file):
        peak = max(float(block.max()), -float(block.min()))  # of all channels: NaN stays NaN
        if not np.isfinite(peak):
            raise AudioFileError(f"{path}: holds samples that are not numbers. Export it again.")
        if peak > LOUDEST:
            raise AudioFileError(
                f"{path}: peaks at {peak:.3g} times full scale, which is no sound. Export it again."
            )
        yield block.mean(axis=1, dtype=np.float32)


def channel_blocks(file: soundfile.SoundFile) -> Iterator[np.ndarray]:
    """All channels of an open file, ten seconds at a time, until nothing more comes.

    A header may promise more than there is, and `SoundFile.blocks` would fill that with what it
    read before.

    Yields:
      float32, shape [n_samples, n_channels].
    """
    size = min(round(BLOCK_SECONDS * file.samplerate), LARGEST_BLOCK // file.channels)
    if file.frames > UNKNOWN_LENGTH:  # then soundfile's seek after each read would fail
        file.seekable = lambda: False
    while len(block := file.read(size, dtype="float32", always_2d=True)):
        yield block


@contextmanager
def open_audio(path: str | Path) -> Iterator[soundfile.SoundFile]:
    """A file of sound, open for reading, also in blocks; errors on the way become one line.

    Raises:
      AudioFileError: no such file, not audio, no samples, or damaged further on.
    """
    import soundfile

    path = Path(path)
    try:
        if not path.is_file():
            raise AudioFileError(f"{path}: no such audio file. Check the name and the folder.")
        if path.stat().st_size == 0:
            raise OSError("the file is empty")  # libsndfile would say that it does not exist
        if path.suffix.lower() == ".raw":
            raise OSError("samples without a header")  # soundfile would ask for their rate
        with soundfile.SoundFile(path) as file:
            if file.frames == 0:
                raise AudioFileError(f"{path}: holds no samples. Record or export it again.")
            if not SLOWEST_RATE <= file.samplerate <= FASTEST_RATE:
                raise AudioFileError(
                    f"{path}: claims to have {file.samplerate} samples a second, which is damage. "
                    "Export it again."
                )
            yield file
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise AudioFileError(
            f"{path}: cannot be read as audio ({_reason(error)}). Give WAV, FLAC, OGG or MP3."
        ) from error


def resampled(audio: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """The same sound at another sample rate, band-limited (soxr, high quality).

    Args:
      audio: Shape [n_samples].
      from_rate: Sample rate of `audio`, Hz.
      to_rate: Sample rate to give back, Hz.

    Returns:
      float32, shape [about n_samples * to_rate / from_rate].
    """
    import soxr

    return soxr.resample(np.asarray(audio, np.float32), from_rate, to_rate).astype(np.float32)


def write_audio(
    path: str | Path, audio: np.ndarray, sample_rate: int = SAMPLE_RATE, bits: int = 16
) -> None:
    """Writes a sound to a WAV or FLAC file that appears only when it is whole.

    Args:
      path: Ends in .wav or .flac; its folder must exist.
      audio: Shape [n_samples] or [n_samples, n_channels], within -1...1.
      sample_rate: Hz.
      bits: 16 or 24 bits a sample.

    Raises:
      OutputError: another suffix, no such folder, not permitted, disk full, or a sound that is
        louder than full scale or not a number. Nothing is left behind and an older file stays.

    Explained in notebook 00, "One note, two ways".
    """
    import soundfile

    path = Path(path)
    file_format = _FORMATS.get(path.suffix.lower())
    if file_format is None:
        raise OutputError(f"{path}: sound is written as .wav or .flac, not '{path.suffix}'.")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}. Create it first.")
    audio = np.asarray(audio, dtype=np.float32)
    if not np.isfinite(audio).all():
        raise OutputError(f"{path}: not written, the sound holds samples that are not numbers.")
    peak = float(np.abs(audio).max(initial=0.0))
    if peak > 1.0 + 1e-6:
        raise OutputError(
            f"{path}: not written, the sound peaks at {peak:.2f} of full scale and would clip. "
            f"Multiply it by {0.99 / peak:.2f}."
        )
    encoded = io.BytesIO()  # written by Python: libsndfile does not say what the system refused
    try:
        soundfile.write(encoded, audio, sample_rate, format=file_format, subtype=f"PCM_{bits}")
    except soundfile.LibsndfileError as error:
        raise OutputError(f"{path}: not written: {_reason(error)}.") from error
    with appearing(path) as part:
        part.write_bytes(encoded.getbuffer())


def listen(
    *sounds: np.ndarray, labels: Sequence[str] | None = None, sample_rate: int = SAMPLE_RATE
) -> None:
    """Shows a row of players in the notebook, one a sound, each as loud as it is.

    Args:
      *sounds: Each of shape [n_samples], within -1...1.
      labels: One a sound: what stands above the player, and what a screen reader says.
      sample_rate: Hz.

    Raises:
      AudioFileError: a sound is empty, is louder than full scale, or has no label.

    Explained in notebook 00, "One note, two ways".
    """
    from IPython.display import HTML, display

    names = list(labels) if labels is not None else numbered(len(sounds))
    if len(names) != len(sounds):
        raise AudioFileError(f"listen: {len(sounds)} sounds but {len(names)} labels; give as many.")
    players = "".join(
        player_html(sound, name, sample_rate) for sound, name in zip(sounds, names, strict=True)
    )
    display(HTML(f'<div style="display:flex;flex-wrap:wrap;gap:0.5em 1.5em">{players}</div>'))


def player_html(sound: np.ndarray, label: str, sample_rate: int = SAMPLE_RATE) -> str:
    """HTML of one captioned player with the sound inside it, at its true level.

    Args:
      sound: Shape [n_samples], within -1...1.
      label: Caption and accessible name.
      sample_rate: Hz.

    Returns:
      A `<figure>` element that needs no other file.

    Raises:
      AudioFileError: the sound is empty, louder than full scale, or not a number.
    """
    from IPython.display import Audio

    sound = checked_sound(sound, label, "listen")
    source = Audio(sound, rate=sample_rate, normalize=False).src_attr()
    name = html.escape(label, quote=True)
    return (
        f'<figure style="margin:0.2em 0"><figcaption>{name}</figcaption>'
        f'<audio controls preload="auto" aria-label="{name}" src="{source}"></audio></figure>'
    )


def checked_sound(sound: np.ndarray, label: str, who: str) -> np.ndarray:
    """A sound that can be played as loud as it is.

    Args:
      sound: Shape [n_samples], within -1...1.
      label: Its name, for the message.
      who: Whom the message is from.

    Returns:
      float32, [n_samples].

    Raises:
      AudioFileError: the sound is empty, has several channels, is louder than full scale, or is
        not a number.

    Explained in notebook 00, "One note, two ways".
    """
    sound = np.asarray(sound, np.float32)
    if sound.ndim != 1 or sound.size == 0:
        raise AudioFileError(f"{who}: '{label}' has shape {sound.shape}; give one row of samples.")
    peak = float(np.abs(sound).max())
    if not peak <= 1.0 + 1e-6:  # also true for NaN
        raise AudioFileError(
            f"{who}: '{label}' peaks at {peak:.2f} of full scale and would clip; scale it down."
        )
    return np.clip(sound, -1.0, 1.0)


def numbered(count: int) -> list[str]:
    """Labels for sounds that have none."""
    return ["sound"] if count == 1 else [f"sound {i}" for i in range(1, count + 1)]


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split()).rstrip(".")
