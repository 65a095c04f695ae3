"""A tone that is held for a minute: ours, the truth, and how far its partials have gone astray.

Road: synthesis -> [long tones]: a leaf beside it. Who adds up phases in single precision goes out
of tune, since the sum grows until each step that is added to it is rounded.
Explained in notebook 03, "The same parts from ddsp".
"""

from __future__ import annotations

import numpy as np

from nmsynth_lib.engines import tf
from nmsynth_lib.schema import Architecture, AudioRates
from nmsynth_lib.synthesis import SynthParameters, silent_state, synthesise

SEARCH_CENTS = 100.0  # on either side of where a partial should be
N_FFT = 1 << 18


def steady_tone(
    f0_hz: float,
    n_partials: int,
    seconds: int,
    keep: int = 2,
    amplitude: float = 0.5,
    rates: AudioRates | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The end of a long tone, by our oscillators and in double precision.

    Ours play it as they play everything: a second at a time, phases going on from block to block.

    Args:
      f0_hz: Fundamental, Hz.
      n_partials: Equally strong, all below the Nyquist frequency.
      seconds: Length of the tone, whole seconds.
      keep: Seconds of its end that are given back, at most `seconds`.
      amplitude: Of all partials together.
      rates: Sample rate and hop; None takes the usual ones.

    Returns:
      Ours, float32, and the truth, float64, both of shape [keep * sample_rate].

    Explained in notebook 03, "The same parts from ddsp".
    """
    rates = rates or AudioRates()
    size = Architecture(n_harmonics=n_partials, n_noise_bands=5, reverb_seconds=0.0)
    n_frames = round(rates.frame_rate)
    n_samples = n_frames * rates.hop
    state = silent_state(size, rates)
    cycles = state.cycles.numpy()[0]
    said = SynthParameters(
        amplitude=tf.fill([1, n_frames, 1], amplitude),
        distribution=tf.fill([1, n_frames, n_partials], 1.0 / n_partials),
        noise=tf.zeros([1, n_frames, size.n_noise_bands]),
    )
    f0, none = tf.fill([1, n_frames], tf.constant(f0_hz, tf.float32)), tf.zeros([1, n_frames])
    white, room = tf.zeros([1, n_samples]), tf.zeros([1])
    blocks = []
    for second in range(seconds):
        sound, state = synthesise(said, f0, none, white, room, rates, state, from_rest=second > 0)
        if second >= seconds - keep:
            blocks.append(sound.harmonic.numpy()[0])
    samples = np.arange((seconds - keep) * n_samples, seconds * n_samples)
    turns = np.outer(np.arange(1, n_partials + 1), samples * float(f0[0, 0]) / rates.sample_rate)
    truth = amplitude / n_partials * np.sin(2 * np.pi * (turns + cycles[:, None])).sum(axis=0)
    return np.concatenate(blocks), truth


def partial_cents(
    tone: np.ndarray, f0_hz: float, n_partials: int, sample_rate: int = 16000
) -> np.ndarray:
    """How far the partials of a steady tone lie from whole multiples.

    Args:
      tone: Shape [n_samples], at least a second.
      f0_hz: Fundamental that was asked for, Hz.
      n_partials: How many.
      sample_rate: Hz.

    Returns:
      Cents, positive for sharp, shape [n_partials]: highest peaks of a long spectrum within a
      semitone of where they should be.

    Explained in notebook 03, "The same parts from ddsp".
    """
    level = np.log(np.abs(np.fft.rfft(tone * np.hanning(len(tone)), N_FFT)) + 1e-12)
    reach, cents = 2 ** (SEARCH_CENTS / 1200), np.empty(n_partials)
    for index in range(n_partials):
        expected = (index + 1) * f0_hz * N_FFT / sample_rate  # bins
        low, high = int(expected / reach), int(expected * reach) + 1
        peak = low + int(level[low : high + 1].argmax())
        a, b, c = level[peak - 1 : peak + 2]
        found = peak + 0.5 * (a - c) / (a - 2 * b + c)
        cents[index] = 1200 * np.log2(found / expected)
    return cents
