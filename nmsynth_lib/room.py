"""The learnt room: the sound convolved with an impulse response.

Road: decoder -> synthesis: [room] -> audio.
Explained in notebook 03, "Harmonic, noise, room".
"""

from __future__ import annotations

import scipy.fft

from nmsynth_lib.engines import tf
from nmsynth_lib.schema import Architecture, AudioRates


def room_size(architecture: Architecture, rates: AudioRates) -> int:
    """Length of the learnt impulse response in samples (at least 1: no room)."""
    return max(1, round(architecture.reverb_seconds * rates.sample_rate))


def room_audio(dry: tf.Tensor, impulse_response: tf.Tensor) -> tf.Tensor:
    """The learnt room's answer, without the dry sound.

    Args:
      dry: Audio, [batch, n_samples].
      impulse_response: [room_size]; its first sample (the dry path) is ignored.

    Returns:
      Audio [batch, n_samples + room_size - 1]: the tail belongs to the next block.
    """
    wet_only = tf.concat([tf.zeros([1]), impulse_response[1:]], axis=0)[None]
    return convolved(dry, wet_only)


def convolved(audio: tf.Tensor, impulse_response: tf.Tensor) -> tf.Tensor:
    """Convolution by FFT, tail included; its gradient is correlation, by FFT as well.

    Args:
      audio: [batch, n_samples].
      impulse_response: [1, n_taps].

    Returns:
      [batch, n_samples + n_taps - 1].
    """
    n_samples, n_taps = audio.shape[1], impulse_response.shape[1]
    n_out = n_samples + n_taps - 1
    fft_size = [scipy.fft.next_fast_len(n_out, real=True)]

    @tf.custom_gradient
    def convolve(sound, taps):
        spectrum, response = tf.signal.rfft(sound, fft_size), tf.signal.rfft(taps, fft_size)

        def gradient(upstream):
            heard = tf.signal.rfft(upstream, fft_size)
            of_sound = tf.signal.irfft(heard * tf.math.conj(response), fft_size)
            summed = tf.reduce_sum(heard * tf.math.conj(spectrum), axis=0, keepdims=True)
            return of_sound[:, :n_samples], tf.signal.irfft(summed, fft_size)[:, :n_taps]

        return tf.signal.irfft(spectrum * response, fft_size)[:, :n_out], gradient

    return convolve(audio, impulse_response)
