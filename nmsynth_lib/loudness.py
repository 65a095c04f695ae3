"""Loudness: two sounds made equally loud, so that ears compare what else is different.

Road: audio -> [loudness] -> listening test.
The louder of two sounds is the better one to most ears, by any other name. Levels are A-weighted,
as the ear weighs frequencies at low level, and count only where something sounds.
Explained in notebook 05, "Can you hear it?".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WINDOW = 0.100  # seconds
GATE_DB = 20.0  # below the loudest window nothing counts: rests are not quiet music
HIGHEST_PEAK = 0.99
A_POLES_HZ = 20.598997, 107.65265, 737.86223, 12194.217
A_AT_1_KHZ = 10 ** (1.9997 / 20)  # makes 0 dB there


def a_weighting(frequencies: np.ndarray) -> np.ndarray:
    """Gain of the A curve at frequencies in Hz; 1 at 1 kHz.

    Source: IEC 61672-1, annex E.
    """
    square = np.asarray(frequencies, float) ** 2
    one, two, three, four = (pole**2 for pole in A_POLES_HZ)
    gain = A_AT_1_KHZ * four * square**2 / ((square + one) * (square + four))
    return gain / np.sqrt((square + two) * (square + three))


def a_weighted(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """A sound through the A filter, float64, shape [n_samples].

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.

    Returns:
      The weighted sound; 0 dB at 1 kHz.
    """
    spectrum = np.fft.rfft(np.asarray(audio, float))
    gain = a_weighting(np.fft.rfftfreq(len(audio), 1 / sample_rate))
    return np.fft.irfft(spectrum * gain, len(audio))


def a_weighted_level_db(audio: np.ndarray, sample_rate: int) -> float:
    """A-weighted level of what sounds.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.

    Returns:
      Mean power of the 100 ms windows within 20 dB of the loudest one, dB re full scale (a sine of
      amplitude 1 at 1 kHz has -3 dB); -inf for silence.

    Explained in notebook 05, "Can you hear it?".
    """
    window = min(len(audio), round(WINDOW * sample_rate))
    weighted = a_weighted(audio, sample_rate) ** 2
    power = weighted[: len(weighted) // window * window].reshape(-1, window).mean(axis=1)
    if power.max() < 1e-20:
        return -np.inf
    return float(10 * np.log10(power[power > power.max() * 10 ** (-GATE_DB / 10)].mean()))


def loudness_matched(
    first: np.ndarray, second: np.ndarray, sample_rate: int
) -> tuple[np.ndarray, np.ndarray]:
    """Two sounds at one A-weighted level: the louder one is turned down, so that nothing clips.

    Args:
      first: Shape [n_samples].
      second: Shape [m_samples].
      sample_rate: Of both, Hz.

    Returns:
      Both, float32, within -1…1. Silence stays as it is, and so does what it is compared with.

    Explained in notebook 05, "Can you hear it?".
    """
    sounds = [np.asarray(sound, np.float32) for sound in (first, second)]
    gains = 10 ** (matching_gains_db(sounds, sample_rate) / 20)
    one, other = (np.float32(g) * s for g, s in zip(gains, sounds, strict=True))
    return one, other


def matching_gains_db(sounds: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
    """Gains that bring sounds to one A-weighted level, that of the quietest.

    Args:
      sounds: Each of shape [n_samples].
      sample_rate: Of all, Hz.

    Returns:
      dB, at most 0, shape [n_sounds]: none would clip. All 0 if one of them is silent.

    Explained in notebook 05, "Can you hear it?".
    """
    levels = np.array([a_weighted_level_db(sound, sample_rate) for sound in sounds])
    if not np.isfinite(levels).all():
        return np.zeros(len(levels))
    gains = levels.min() - levels
    peaks = [
        float(np.abs(sound).max()) * 10 ** (g / 20) for g, sound in zip(gains, sounds, strict=True)
    ]
    return gains + min(0.0, 20 * np.log10(HIGHEST_PEAK / max(peaks)))
