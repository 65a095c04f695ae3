"""Sound measures: what can be wrong with a file of sound before any note is looked at.

Road: folder of audio + MIDI -> [sound measures] -> take checks.
The file is read in blocks, all channels, at its own rate: an hour takes no more memory than a
minute.
Explained in notebook 01, "Is the sound sound?".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmsynth_lib.audio import channel_blocks, open_audio
from nmsynth_lib.errors import AudioFileError

CLIPPED, CLIPPED_RUN = 0.9995, 3  # of full scale; samples in a row that are no chance
FLOOR_S, FLOOR_PERCENTILE = 0.010, 2
SILENT = 1e-12  # mean square
MAINS_HZ, LINE_HZ, BESIDE_HZ = (50.0, 60.0), 1.5, 4.0
MAINS_S, MAINS_DB, MAINS_OVER_DB = 0.5, -70.0, 15.0
MAINS_LEAST_S = 1.0


@dataclass(frozen=True)
class SoundFigures:
    """A file of sound, measured.

    Attributes:
      seconds: Length.
      sample_rate: Hz, of the file.
      channels: How many.
      peak_dbfs: Largest sample of any channel.
      clipped: Samples in runs of three or more at full scale.
      dc: Mean of the mix, share of full scale.
      floor_dbfs: Level that 98 % of the 10 ms windows exceed.
      cancelled_db: How much quieter the mix of the channels is than the channels; 0 for mono.
      hum: (from, to) in seconds, where a line at 50 or 60 Hz stands out.
      hum_hz: 50 or 60; NaN without hum.
    """

    seconds: float
    sample_rate: int
    channels: int
    peak_dbfs: float
    clipped: int
    dc: float
    floor_dbfs: float
    cancelled_db: float
    hum: tuple[tuple[float, float], ...]
    hum_hz: float

    @property
    def hum_seconds(self) -> float:
        """How long it hums."""
        return sum(end - start for start, end in self.hum)


def sound_figures(path: str | Path) -> SoundFigures:
    """Everything that can be said of a file of sound without its MIDI.

    Args:
      path: WAV, FLAC, OGG or MP3.

    Returns:
      The figures.

    Raises:
      AudioFileError: it cannot be read, or holds no samples.

    Explained in notebook 01, "Is the sound sound?".
    """
    with open_audio(path) as file:
        rate, channels = file.samplerate, file.channels
        peak, clipped, total, n_samples = 0.0, 0, 0.0, 0
        squares = np.zeros(2)  # of the mix, of the mean channel
        levels: list[np.ndarray] = []
        lines: dict[float, list[np.ndarray]] = {hz: [] for hz in MAINS_HZ}
        for block in channel_blocks(file):
            mix = block.mean(axis=1, dtype=float)
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            clipped += sum(_in_runs(np.abs(channel) >= CLIPPED) for channel in block.T)
            total, n_samples = total + mix.sum(), n_samples + len(mix)
            squares += [np.square(mix).sum(), np.square(block, dtype=float).sum() / channels]
            levels.append(_levels_db(mix, round(FLOOR_S * rate)))
            for hz in MAINS_HZ:
                lines[hz].append(_has_line(mix, rate, hz))
    if not n_samples:
        raise AudioFileError(f"{path}: holds no samples. Record or export it again.")
    humming = {hz: np.concatenate(found) for hz, found in lines.items()}
    mains = max(humming, key=lambda hz: humming[hz].sum())
    hum = _hum_stretches(humming[mains], n_samples / rate)
    mixed, each = squares / n_samples
    return SoundFigures(
        seconds=n_samples / rate,
        sample_rate=rate,
        channels=channels,
        peak_dbfs=20 * np.log10(max(peak, 1e-10)),
        clipped=clipped,
        dc=float(total / n_samples),
        floor_dbfs=float(np.percentile(np.concatenate(levels), FLOOR_PERCENTILE)),
        cancelled_db=float(10 * np.log10((each + SILENT) / (mixed + SILENT))),
        hum=hum,
        hum_hz=mains if hum else np.nan,
    )


def _hum_stretches(humming: np.ndarray, seconds: float) -> tuple[tuple[float, float], ...]:
    """Where half-seconds hum, at least two of them near each other."""
    stretches: list[list[float]] = []
    for index in np.flatnonzero(humming):
        start, end = MAINS_S * int(index), MAINS_S * (int(index) + 1)
        if stretches and start <= stretches[-1][1] + 2 * MAINS_S:
            stretches[-1][1:] = [end, stretches[-1][2] + 1]
        else:
            stretches.append([start, end, 1])
    return tuple(
        (start, min(end, seconds))
        for start, end, count in stretches
        if count * MAINS_S >= MAINS_LEAST_S
    )


def _in_runs(flags: np.ndarray) -> int:
    """How many are in runs of at least three."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    lengths = edges[1::2] - edges[::2]
    return int(lengths[lengths >= CLIPPED_RUN].sum())


def _levels_db(mix: np.ndarray, size: int) -> np.ndarray:
    """Levels of the whole windows of a block."""
    windows = mix[: len(mix) // size * size].reshape(-1, size)
    return 10 * np.log10(np.square(windows).mean(axis=1) + SILENT)


def _has_line(mix: np.ndarray, rate: int, hz: float) -> np.ndarray:
    """Whether a line at `hz` stands out, half a second at a time.

    The lowest note of a guitar lies at 65 Hz: what is louder at 50 or 60 Hz than a few Hz beside
    it is no string.
    """
    size = round(MAINS_S * rate)
    windows = mix[: len(mix) // size * size].reshape(-1, size)
    window = np.blackman(size)
    turn = -2j * np.pi * np.arange(size) / rate

    def level(frequency):
        found = windows @ (window * np.exp(turn * frequency)) * 2 / window.sum()
        return 20 * np.log10(np.abs(found) + 1e-10)

    line = level(hz)
    beside = np.maximum(level(hz - 2 * BESIDE_HZ), level(hz + BESIDE_HZ))
    return (line > MAINS_DB) & (line > beside + MAINS_OVER_DB)
