"""Spectral distances: how far two sounds are apart as pictures.

Road: instrument -> audio -> [spectral distances] -> metrics -> report.
Explained in notebook 05, "The report card".
"""

from __future__ import annotations

import numpy as np

from nmsynth_lib.mel import mel_power

MEL_BANDS, MEL_FFT, MEL_HOP, MEL_RANGE_DB = 64, 1024, 128, 80.0


def mss(target: np.ndarray, render: np.ndarray) -> float:
    """Multi-scale spectral distance, as DDSP defines it.

    For FFT sizes 2048, 1024, 512, 256, 128 and 64 with 75 % overlap: mean absolute difference of
    magnitudes plus that of natural-log magnitudes (floor 1e-5); summed over the sizes.

    Args:
      target: Shape [n_samples].
      render: Shape [n_samples].

    Returns:
      0 for equal sounds; no unit.

    Source: Engel et al., "DDSP: Differentiable Digital Signal Processing", 2020, eq. 4;
    `ddsp.losses.SpectralLoss` does the work.
    Explained in notebook 05, "The report card".
    """
    from nmsynth_lib.stock_ddsp import ddsp

    loss = ddsp.losses.SpectralLoss(loss_type="L1", mag_weight=1.0, logmag_weight=1.0)
    pair = [np.asarray(sound, np.float32)[np.newaxis] for sound in (target, render)]
    return float(loss(*pair))


def log_mel_db(target: np.ndarray, render: np.ndarray, sample_rate: int) -> float:
    """Mean distance of the two pictures that a mel spectrogram draws: mean of `log_mel_distances`.

    Args:
      target: Shape [n_samples].
      render: Shape [n_samples].
      sample_rate: Of both, Hz.

    Returns:
      dB, 0 for equal sounds.

    Explained in notebook 05, "The report card".
    """
    return float(log_mel_distances(target, render, sample_rate).mean(dtype=float))


def log_mel_distances(target: np.ndarray, render: np.ndarray, sample_rate: int) -> np.ndarray:
    """The same frame by frame.

    Mean absolute difference of log power in 64 mel bands (Slaney's, 0 Hz to half the sample rate;
    Hann windows of 1024 samples, 128 apart); all that is more than 80 dB below the target's loudest
    cell counts as 80 dB below.

    Args:
      target: Shape [n_samples].
      render: Shape [n_samples].
      sample_rate: Of both, Hz.

    Returns:
      dB, shape [n_frames]; frame i is centred on sample 128 i.

    Explained in notebook 05, "The report card".
    """
    powers = [
        mel_power(sound, sample_rate, MEL_FFT, MEL_HOP, MEL_BANDS) for sound in (target, render)
    ]
    floor = max(powers[0].max() * 10 ** (-MEL_RANGE_DB / 10), 1e-20)
    wanted, found = (10 * np.log10(np.maximum(power, floor)) for power in powers)
    return np.abs(wanted - found).mean(axis=0)
