"""Filtered noise: what a string's partials do not explain.

Road: decoder -> [noise] -> synthesis -> audio.
Every frame of white noise goes through a filter of its own, given as the gain of evenly spaced
bands. A band's answer is short, and its tail rings into the frames behind it.
Explained in notebook 03, "Harmonic, noise, room".
"""

from __future__ import annotations

import functools

import numpy as np

from nmsynth_lib.engines import tf
from nmsynth_lib.schema import Architecture

TWO_PI = 2.0 * np.pi


def noise_audio(magnitudes: tf.Tensor, white: tf.Tensor) -> tf.Tensor:
    """White noise through a filter that changes every frame.

    Args:
      magnitudes: Linear gain of evenly spaced bands, 0 to Nyquist, [batch, n_frames, n_bands].
      white: Noise in -1…1, [batch, n_frames * hop].

    Returns:
      Audio [batch, n_frames * hop + noise_ir_size - 1]: the tail belongs to the next block.

    Source: Engel et al. 2020, section 3.3: window and delay are DDSP's.
    """
    batch, n_frames, n_bands = magnitudes.shape
    hop = white.shape[1] // n_frames
    size = noise_ir_size_of(n_bands)
    n_hops = -(-(hop + size - 1) // hop)  # a frame and its tail, in frames
    fft_size = n_hops * hop
    gains, delay = _noise_design(n_bands, fft_size)
    excitation = tf.signal.rfft(tf.reshape(white, [batch, n_frames, hop]), [fft_size]) * delay
    ringing = _filtered(excitation, tf.matmul(magnitudes, gains), fft_size)
    audio = tf.signal.overlap_and_add(ringing, hop)
    return audio[:, : n_frames * hop + size - 1]


def noise_ir_size(architecture: Architecture) -> int:
    """Length of a frame's noise filter in samples."""
    return noise_ir_size_of(architecture.n_noise_bands)


def noise_ir_size_of(n_bands: int) -> int:
    """Length in samples of the filter of so many bands, 0 to Nyquist."""
    return 2 * (n_bands - 1)


@functools.lru_cache(maxsize=16)
def _noise_design(n_bands: int, fft_size: int) -> tuple[np.ndarray, np.ndarray]:
    """From band magnitudes to a longer spectrum, which is linear.

    A band's impulse response is the inverse FFT of its magnitude, with a Hann window, and delayed
    by half its length so that it is causal.

    Returns:
      Real gains [n_bands, fft_size // 2 + 1], and the spectrum of the delay, complex.
    """
    size = noise_ir_size_of(n_bands)
    responses = np.roll(np.fft.irfft(np.eye(n_bands)), size // 2, axis=-1)
    window = 0.5 - 0.5 * np.cos(TWO_PI * np.arange(size) / size)
    delay = np.exp(-1j * TWO_PI * np.arange(fft_size // 2 + 1) * (size // 2) / fft_size)
    gains = np.real(np.fft.rfft(responses * window, fft_size) / delay)
    return gains.astype(np.float32), delay.astype(np.complex64)


def _filtered(spectrum: tf.Tensor, gains: tf.Tensor, fft_size: int) -> tf.Tensor:
    """Inverse FFT of a given spectrum times real gains [..., fft_size // 2 + 1].

    The gradient is written out, since TensorFlow's own makes full complex spectra of it.
    """
    twice = np.full(fft_size // 2 + 1, 2.0 / fft_size, np.float32)
    twice[0] = 1.0 / fft_size
    if fft_size % 2 == 0:
        twice[-1] = 1.0 / fft_size
    real, imaginary = tf.math.real(spectrum), tf.math.imag(spectrum)

    @tf.custom_gradient
    def filtered(gain):
        def gradient(upstream):
            heard = tf.signal.rfft(upstream)
            return twice * (real * tf.math.real(heard) + imaginary * tf.math.imag(heard))

        return tf.signal.irfft(tf.complex(real * gain, imaginary * gain), [fft_size]), gradient

    return filtered(gains)
