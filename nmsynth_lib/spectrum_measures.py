"""Spectrum measures: how level is spread over frequency, and where its centre lies.

Road: instrument -> audio -> [spectrum measures] -> control sweep, plots, words.
A spectrum's centre of gravity is read in two ways: `brightness_hz` hears the pluck, `centroid_hz`
the note that follows.
Explained in notebook 00, "What openness does to the spectrum".
"""

from __future__ import annotations

import numpy as np

BRIGHT_SECONDS = 0.050  # of a note's beginning that its brightness is read from
LOW_PARTIALS, LOWEST_DB = 10, -100.0
BRIGHT_RANGE = 0.01  # bins below this share of the loudest are noise, not brightness


def spectrogram_db(
    audio: np.ndarray, sample_rate: int, fft_size: int = 1024, hop: int = 128
) -> np.ndarray:
    """Short-time spectrum in dBFS: a full-scale sine reads 0 dB in its bin.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      fft_size: Samples a frame; a Hann window tapers it.
      hop: Samples from frame to frame; frame i is centred on sample i * hop.

    Returns:
      dBFS, floor -140, shape [n_frames, fft_size // 2 + 1].
    """
    window = np.hanning(fft_size + 1)[:-1]
    padded = np.pad(np.asarray(audio, np.float64), (fft_size // 2, fft_size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, fft_size)[: len(audio) : hop]
    magnitude = np.abs(np.fft.rfft(frames * window)) * 2 / window.sum()
    return 20 * np.log10(np.maximum(magnitude, 1e-7))


def brightness_hz(audio: np.ndarray, sample_rate: int, start: float) -> float:
    """Spectral centroid of 50 ms of sound: the mean frequency, weighted by magnitude.

    Bins more than 40 dB below the loudest are left out: a soft note's noise floor is not bright.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      start: Seconds.

    Returns:
      Hz; 0 for silence.

    Explained in notebook 05, "The CC55 map".
    """
    first = round(start * sample_rate)
    piece = np.asarray(audio[first : first + round(BRIGHT_SECONDS * sample_rate)], float)
    if not piece.any():
        return 0.0
    magnitude = np.abs(np.fft.rfft(piece * np.hanning(len(piece))))
    magnitude[magnitude < BRIGHT_RANGE * magnitude.max()] = 0.0
    return _centre_of_gravity(magnitude, sample_rate)


def high_partials_db(audio: np.ndarray, sample_rate: int, f0_hz: float, start: float) -> float:
    """Level of all that lies above the tenth partial in 50 ms of sound.

    A centroid hardly notices it, being mostly decided by the strong partials; the ear does.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      f0_hz: Fundamental, Hz.
      start: Seconds.

    Returns:
      dB re full scale (mean square 1), at least -100.

    Explained in notebook 05, "The report card".
    """
    first = round(start * sample_rate)
    size = round(BRIGHT_SECONDS * sample_rate)
    piece = np.asarray(audio[first : first + size], float)
    if len(piece) < size:
        piece = np.pad(piece, (0, size - len(piece)))
    window = np.hanning(size)
    power = np.abs(np.fft.rfft(piece * window)) ** 2
    above = np.fft.rfftfreq(size, 1 / sample_rate) > (LOW_PARTIALS + 0.5) * f0_hz
    # Parseval: the one-sided sum, doubled, over the window's own energy.
    mean_square = 2 * power[above].sum() / (size * np.sum(window**2))
    return float(10 * np.log10(max(mean_square, 10 ** (LOWEST_DB / 10))))


def centroid_hz(audio: np.ndarray, sample_rate: int) -> float:
    """Spectral centroid of a stretch of sound: the mean frequency, weighted by power.

    Power favours the strong partials that ring, magnitude (`brightness_hz`) the many weak ones of
    the pluck.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.

    Returns:
      Hz.

    Explained in notebook 00, "Play it".
    """
    power = (10 ** (spectrogram_db(audio, sample_rate) / 10)).mean(axis=0)
    return _centre_of_gravity(power, sample_rate)


def _centre_of_gravity(weights: np.ndarray, sample_rate: int) -> float:
    """Mean of the frequencies from 0 to half the sample rate, weighted, Hz."""
    frequency = np.linspace(0, sample_rate / 2, len(weights))
    return float(frequency @ weights / weights.sum())
