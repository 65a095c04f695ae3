"""Sounds through windows of 4 ms: where the phases of partials can be seen, and the loss sees them.

Road: audio -> [short windows] -> pictures, exercises. A window that is shorter than a period holds
a pulse or the silence between two, so its spectrum depends on phases; a long one's does not.
Explained in notebook 03, "Aligned or spread".
"""

from __future__ import annotations

import numpy as np

SHORT_WINDOW = 64  # samples: 4 ms at 16 kHz, the shortest FFT of the spectral loss
SHORT_HOP = 8  # samples
FLOOR_DB = -80.0
BAND = slice(8, 25)  # bins: 2 to 6 kHz at 16 kHz


def crest_factor_db(audio: np.ndarray) -> float:
    """How far the peak stands above the root mean square.

    Args:
      audio: Shape [n_samples], not silent.

    Returns:
      dB; a sine has 3.

    Explained in notebook 03, "Aligned or spread".
    """
    audio = np.asarray(audio, float)
    return float(20 * np.log10(np.abs(audio).max() / np.sqrt(np.mean(np.square(audio)))))


def short_window_db(audio: np.ndarray) -> np.ndarray:
    """Spectra through 4 ms, as the spectral loss with an FFT of 64 sees the sound.

    Args:
      audio: Shape [n_samples], at least 64.

    Returns:
      dB re a full-scale sine, not below -80; a row each 8 samples, shape [n_rows, 33].

    Explained in notebook 03, "Aligned or spread".
    """
    window = np.hanning(SHORT_WINDOW)
    rows = np.lib.stride_tricks.sliding_window_view(np.asarray(audio, float), SHORT_WINDOW)
    level = np.abs(np.fft.rfft(rows[::SHORT_HOP] * window)) * 2 / window.sum()
    return np.maximum(20 * np.log10(level + 1e-9), FLOOR_DB)


def band_swing_db(audio: np.ndarray) -> float:
    """How much the level between 2 and 6 kHz comes and goes: its 5th to its 95th percentile, dB.

    Explained in notebook 03, "Aligned or spread".
    """
    power = (10 ** (short_window_db(audio)[:, BAND] / 10)).sum(axis=1)
    low, high = np.percentile(10 * np.log10(power), [5, 95])
    return float(high - low)


def short_window_distance_db(target: np.ndarray, sound: np.ndarray) -> float:
    """Mean difference of two sounds through 4 ms.

    Args:
      target: Shape [n_samples].
      sound: The same length.

    Returns:
      Mean absolute difference of their levels, dB.

    Explained in notebook 03, "All of it on one page".
    """
    return float(np.mean(np.abs(short_window_db(target) - short_window_db(sound))))
