"""Level measures: how loud a sound is from moment to moment, and how fast that falls.

Road: instrument -> audio -> [level measures] -> note and pitch measures -> metrics -> report.
Levels are mean squares over windows of any length, in dB re full scale (mean square 1: a sine of
amplitude 1 has -3 dB), read off one running sum.
Explained in notebook 05, "How long does it ring?".
"""

from __future__ import annotations

import numpy as np

from nmsynth_lib.performance import midi_to_hz

SILENT_DB = -120.0
SHORTEST_WINDOW = 0.004  # seconds; a level is taken over the fewest whole periods that reach it


def running_energy(audio: np.ndarray) -> np.ndarray:
    """Sum of squares of all samples before each one, float64, shape [n_samples + 1]."""
    return np.concatenate([[0.0], np.cumsum(np.asarray(audio, float) ** 2)])


def level_db(energy: np.ndarray, sample_rate: int, starts: np.ndarray, window: float) -> np.ndarray:
    """Level over windows of the sound.

    Args:
      energy: From `running_energy`, shape [n_samples + 1].
      sample_rate: Hz.
      starts: Where the windows begin, seconds, shape [n_windows]; silence outside the sound.
      window: Their length, seconds; neither needs to be whole samples.

    Returns:
      dB re full scale (mean square 1), at least -120, shape [n_windows].
    """

    def until(places):  # straight lines between the samples
        places = np.clip(places, 0, len(energy) - 1)
        whole = np.minimum(places.astype(int), len(energy) - 2)
        return energy[whole] + (places - whole) * (energy[whole + 1] - energy[whole])

    places, length = np.asarray(starts) * sample_rate, window * sample_rate
    mean_square = (until(places + length) - until(places)) / length
    return 10 * np.log10(np.maximum(mean_square, 10 ** (SILENT_DB / 10)))


def noise_floor_db(energy: np.ndarray, sample_rate: int) -> float:
    """Level that 98 % of a sound's 10 ms windows exceed, dB re full scale."""
    starts = np.arange(0, max(0.01, (len(energy) - 1) / sample_rate - 0.01), 0.01)
    return float(np.percentile(level_db(energy, sample_rate, starts, 0.01), 2))


def level_window(pitch: float) -> float:
    """Fewest whole periods of a MIDI pitch that last at least 4 ms, in seconds."""
    period = 1 / float(midi_to_hz(pitch))
    return period * np.ceil(SHORTEST_WINDOW / period)


def falling_slope(times: np.ndarray, level: np.ndarray) -> float:
    """Slope of the best straight line through a level, positive for a falling one.

    Args:
      times: Seconds, shape [n].
      level: dB, shape [n].

    Returns:
      dB/s; NaN from fewer than two points.

    Explained in notebook 05, "How long does it ring?".
    """
    if len(times) < 2:
        return np.nan
    centred = times - times.mean()
    return float(-(centred @ level) / (centred @ centred))


def level_slope(audio: np.ndarray, sample_rate: int, start: float, end: float) -> float:
    """How fast the level of a stretch of sound falls.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      start: Seconds.
      end: Seconds.

    Returns:
      dB/s, positive for a falling level, from 20 ms windows 5 ms apart.

    Explained in notebook 05, "How long does it ring?".
    """
    starts = np.arange(start, end - 0.020 + 1e-9, 0.005)
    level = level_db(running_energy(audio), sample_rate, starts, 0.020)
    return falling_slope(starts, level)
