"""Mel spectrograms: sound as pictures on the ear's scale of pitch, and the onsets seen in them.

Road: audio -> [mel] -> spectral distances, metrics -> report.
The same numbers as librosa's, whose import would cost every kernel 140 MB (it brings a compiler).
Explained in notebook 05, "Compared with what?".
"""

from __future__ import annotations

import numpy as np

LINEAR_HZ, LINEAR_STEP = 1000.0, 200.0 / 3.0  # below it a mel is as many Hz
OCTAVES_PER_MEL = np.log2(6.4) / 27.0  # above it
ONSET_FFT, ONSET_HOP, ONSET_BANDS, ONSET_RANGE_DB = 2048, 128, 128, 80.0
BEFORE_S, ROUND_S = 0.030, 0.100  # an onset is the largest rise since, and stands out from
STANDS_OUT = 0.07  # of the largest rise


def mel_filters(sample_rate: int, n_fft: int, n_bands: int) -> np.ndarray:
    """Triangles of equal area, evenly spaced in mel from 0 Hz to half the sample rate.

    Args:
      sample_rate: Hz.
      n_fft: Size of the FFT.
      n_bands: How many.

    Returns:
      Weights of the bins' powers, shape [n_bands, n_fft // 2 + 1].

    Source: Slaney, Auditory Toolbox (1998).
    """
    knee = LINEAR_HZ / LINEAR_STEP
    highest = sample_rate / 2
    top = highest / LINEAR_STEP
    if highest > LINEAR_HZ:
        top = knee + np.log2(highest / LINEAR_HZ) / OCTAVES_PER_MEL
    mels = np.linspace(0.0, top, n_bands + 2)
    above = mels - knee
    edges = np.where(above < 0, LINEAR_STEP * mels, LINEAR_HZ * 2 ** (OCTAVES_PER_MEL * above))
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    low, middle, high = (edges[i : i + n_bands, None] for i in range(3))
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (high - low)


def mel_power(
    audio: np.ndarray, sample_rate: int, n_fft: int, hop: int, n_bands: int
) -> np.ndarray:
    """Power in mel bands, under Hann windows.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      n_fft: Samples of a window.
      hop: Samples from one window to the next.
      n_bands: Mel bands.

    Returns:
      Shape [n_bands, 1 + n_samples // hop], float32; window i is centred on sample i * hop.

    Explained in notebook 05, "Compared with what?".
    """
    from scipy.signal.windows import hann

    padded = np.pad(np.asarray(audio, np.float32), n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    window = hann(n_fft, sym=False).astype(np.float32)
    weights = mel_filters(sample_rate, n_fft, n_bands).T.astype(np.float32)
    power = np.empty((len(frames), n_bands), np.float32)
    for first in range(0, len(frames), 512):
        rows = slice(first, first + 512)
        power[rows] = np.abs(np.fft.rfft(frames[rows] * window)) ** 2 @ weights
    return power.T


def heard_onsets(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Where something begins, for a listener who knows nothing of the music: spectral flux.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.

    Returns:
      Seconds, ascending, shape [n_onsets].

    Source: Böck, Krebs & Schedl, "Evaluating the online capabilities of onset detection methods"
    (2012), with the settings of librosa.
    Explained in notebook 05, "How fast is a pluck?".
    """
    power = mel_power(audio, sample_rate, ONSET_FFT, ONSET_HOP, ONSET_BANDS)
    level = 10 * np.log10(np.maximum(power, 1e-10))
    level = np.maximum(level, level.max() - ONSET_RANGE_DB)
    flux = np.maximum(0.0, np.diff(level)).mean(axis=0)
    late = 1 + ONSET_FFT // (2 * ONSET_HOP)  # a window sees an onset half a window too early
    flux = np.pad(flux, (late, 0))[: level.shape[1]]
    if flux.max() == flux.min():
        return np.zeros(0)
    flux = (flux - flux.min()) / (flux.max() - flux.min())
    before, around = (int(s * sample_rate // ONSET_HOP) for s in (BEFORE_S, ROUND_S))
    onsets = []
    for i, rise in enumerate(flux):
        largest = rise >= flux[max(0, i - before) : i + 1].max()
        enough = rise >= flux[max(0, i - around) : i + around + 1].mean() + STANDS_OUT
        if largest and enough and (not onsets or i - onsets[-1] > before):
            onsets.append(i)
    return np.array(onsets) * ONSET_HOP / sample_rate
