"""From synthesis parameters to sound: partials, filtered noise, a small room.

Road: Performance -> controls -> decoder -> [synthesis] -> audio.
The whole synthesiser is three sums:

    partials   h(n) = sum_k a_k(n) sin(phi_k(n)),     f_k = k f0 sqrt(1 + B k^2)
    noise      e(n) = white(n) filtered by a new 65-band curve every frame
    room       y    = h + e + IR * (h + e)

Amplitudes move in straight lines from frame end to frame end, so audio is linear in them and no
envelope is ever stored at sample rate. Each function takes the state that the block before left
behind and gives back its own, so blocks of any length join without a seam.
Explained in notebook 03, "Harmonic, noise, room".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nmsynth_lib.engines import tf
from nmsynth_lib.schema import Architecture, AudioRates
from nmsynth_lib.stock_ddsp import ddsp

TWO_PI = 2.0 * np.pi
ANTI_ALIAS_FROM = 0.9  # of the Nyquist frequency: partials fade out from here to 1.0


class SynthParameters(NamedTuple):
    """What the decoder says, frame by frame.

    Attributes:
      amplitude: Of all partials together, linear, shape [batch, n_frames, 1].
      distribution: Share of each partial, sums to 1, shape [batch, n_frames, n_harmonics].
      noise: Magnitude of each noise band, linear, shape [batch, n_frames, n_noise_bands].
    """

    amplitude: tf.Tensor
    distribution: tf.Tensor
    noise: tf.Tensor


class SynthState(NamedTuple):
    """What one block leaves to the next.

    Attributes:
      cycles: Phase of each partial in cycles, float64, shape [batch, n_harmonics].
      amplitudes: Of each partial at the end of the block, shape [batch, n_harmonics].
      noise_tail: Noise that rings into the next block, shape [batch, noise_ir_size - 1].
      room_tail: The same for the room, shape [batch, room_size - 1].
    """

    cycles: tf.Tensor
    amplitudes: tf.Tensor
    noise_tail: tf.Tensor
    room_tail: tf.Tensor


class Sound(NamedTuple):
    """The three stems of a block, each [batch, n_samples]; their sum is what one hears."""

    harmonic: tf.Tensor
    noise: tf.Tensor
    reverb: tf.Tensor


def phase_spread(architecture: Architecture) -> np.ndarray:
    """Starting phase of each partial, in cycles, drawn once per instrument, shape [n_harmonics].

    Sines that all start at zero make a pulse train, whose short-window spectrum fits a pluck badly.
    """
    rng = np.random.default_rng(architecture.phase_seed)
    return rng.uniform(0.0, 1.0, architecture.n_harmonics)


def silent_state(architecture: Architecture, rates: AudioRates, batch: int = 1) -> SynthState:
    """The state before the first sample: partials at rest, no tails."""
    cycles = np.tile(phase_spread(architecture), (batch, 1))
    return SynthState(
        cycles=tf.constant(cycles, tf.float64),
        amplitudes=tf.zeros([batch, architecture.n_harmonics]),
        noise_tail=tf.zeros([batch, noise_ir_size(architecture) - 1]),
        room_tail=tf.zeros([batch, room_size(architecture, rates) - 1]),
    )


def noise_ir_size(architecture: Architecture) -> int:
    """Length of a frame's noise filter in samples."""
    return 2 * (architecture.n_noise_bands - 1)


def room_size(architecture: Architecture, rates: AudioRates) -> int:
    """Length of the learnt impulse response in samples (at least 1: no room)."""
    return max(1, round(architecture.reverb_seconds * rates.sample_rate))


def partial_frequencies(f0_hz: tf.Tensor, stiffness: tf.Tensor, n_harmonics: int) -> tf.Tensor:
    """Frequencies of a stiff string's partials.

    Args:
      f0_hz: Fundamental in Hz, shape [...].
      stiffness: Inharmonicity B >= 0, shape [...].
      n_harmonics: How many.

    Returns:
      f_k = k f0 sqrt(1 + B k^2) in Hz, the dtype of `f0_hz`, shape [..., n_harmonics].

    Source: Fletcher, Blackham & Stratton 1962, eq. 4.
    """
    k = tf.range(1, n_harmonics + 1, dtype=f0_hz.dtype)
    stretch = tf.sqrt(1.0 + tf.cast(stiffness, f0_hz.dtype)[..., None] * k**2)
    return f0_hz[..., None] * k * stretch


def anti_alias_gain(frequencies: tf.Tensor, sample_rate: int) -> tf.Tensor:
    """1 below 0.9 Nyquist, 0 from Nyquist on, a straight line between; same shape."""
    relative = frequencies / (sample_rate / 2.0)
    return tf.clip_by_value((1.0 - relative) / (1.0 - ANTI_ALIAS_FROM), 0.0, 1.0)


class PartialBank(NamedTuple):
    """The partials of a block at full level, which only depend on the pitch.

    Attributes:
      sines: [batch, n_frames, n_harmonics, hop].
      gain: Anti-aliasing, [batch, n_frames, n_harmonics].
      cycles: Phases after the last sample, float64, [batch, n_harmonics].
    """

    sines: tf.Tensor
    gain: tf.Tensor
    cycles: tf.Tensor


def partial_bank(
    f0_hz: tf.Tensor, stiffness: tf.Tensor, rates: AudioRates, cycles: tf.Tensor
) -> PartialBank:
    """Sines of all partials.

    Phases are summed over frames in float64 and kept modulo one cycle, so they do not drift on
    long renders; the few samples inside a frame are float32.

    Args:
      f0_hz: Fundamental in each frame, [batch, n_frames].
      stiffness: Inharmonicity B in each frame, [batch, n_frames].
      rates: Sample rate and hop.
      cycles: Phase of each partial before the first sample, cycles, float64, [batch, n_harmonics].

    Returns:
      The bank.
    """
    hop = rates.hop
    frequencies = partial_frequencies(tf.cast(f0_hz, tf.float64), stiffness, cycles.shape[-1])
    steps = frequencies / rates.sample_rate  # cycles per sample
    travelled = cycles[:, None, :] + tf.cumsum(steps * hop, axis=1)
    starts = travelled - steps * hop
    starts = TWO_PI * tf.cast(starts - tf.floor(starts), tf.float32)
    radians = tf.cast(TWO_PI * steps, tf.float32)
    samples = tf.range(hop, dtype=tf.float32)
    sines = tf.sin(starts[..., None] + radians[..., None] * samples)
    gain = anti_alias_gain(tf.cast(frequencies, tf.float32), rates.sample_rate)
    end = travelled[:, -1]
    return PartialBank(tf.stop_gradient(sines), gain, end - tf.floor(end))


def harmonic_audio(
    amplitudes: tf.Tensor, bank: PartialBank, previous: tf.Tensor | None = None
) -> tf.Tensor:
    """The partials together, with amplitudes in straight lines from frame to frame.

    Args:
      amplitudes: Of each partial at the end of each frame, [batch, n_frames, n_harmonics].
      bank: Their sines.
      previous: Amplitudes before the first sample, [batch, n_harmonics]; default: no change within
        the first frame.

    Returns:
      Audio, [batch, n_frames * hop].

    Source: Engel et al. 2020 (DDSP), section 3.2; the linear-interpolation basis is ours.
    """
    first = amplitudes[:, :1] if previous is None else previous[:, None]
    before = tf.concat([first, amplitudes[:, :-1]], axis=1)
    ends = tf.stack([before * bank.gain, amplitudes * bank.gain], axis=2)
    both = tf.matmul(ends, bank.sines)  # [batch, n_frames, 2, hop]
    hop = bank.sines.shape[-1]
    rise = (tf.range(hop, dtype=tf.float32) + 1.0) / hop
    audio = both[:, :, 0] * (1.0 - rise) + both[:, :, 1] * rise
    return tf.reshape(audio, [tf.shape(audio)[0], -1])


def noise_audio(magnitudes: tf.Tensor, white: tf.Tensor) -> tf.Tensor:
    """White noise through a filter that changes every frame.

    Args:
      magnitudes: Linear gain of evenly spaced bands, 0 to Nyquist, [batch, n_frames, n_bands].
      white: Noise in -1…1, [batch, n_frames * hop].

    Returns:
      Audio [batch, n_frames * hop + noise_ir_size - 1]: the tail belongs to the next block.

    Source: Engel et al. 2020, section 3.3, by ddsp's own filter design and convolution.
    """
    impulse_responses = ddsp.core.frequency_impulse_response(magnitudes)
    return _convolved(white, impulse_responses, white.shape[1] // magnitudes.shape[1])


def room_audio(dry: tf.Tensor, impulse_response: tf.Tensor) -> tf.Tensor:
    """The learnt room's answer, without the dry sound.

    Args:
      dry: Audio, [batch, n_samples].
      impulse_response: [room_size]; its first sample (the dry path) is ignored.

    Returns:
      Audio [batch, n_samples + room_size - 1]: the tail belongs to the next block.
    """
    wet_only = tf.concat([tf.zeros([1]), impulse_response[1:]], axis=0)[None]
    return _convolved(dry, wet_only, dry.shape[1])


def _convolved(audio: tf.Tensor, impulse_responses: tf.Tensor, frame_size: int) -> tf.Tensor:
    """Convolution by ddsp, frame by frame, tail included.

    It gives back nothing at all when a frame and its tail just fill the FFT: a zero more avoids it.
    """
    full = (frame_size + impulse_responses.shape[-1] - 1).bit_count() == 1
    padding = [[0, 0]] * (len(impulse_responses.shape) - 1) + [[0, int(full)]]
    ringing = ddsp.core.fft_convolve(
        audio, tf.pad(impulse_responses, padding), padding="valid", delay_compensation=0
    )
    return ringing[:, : ringing.shape[1] - int(full)]


def _with_tail(ringing: tf.Tensor, tail: tf.Tensor, n_samples: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Adds the former block's tail; gives this block's samples and the tail it leaves."""
    whole = ringing[:, : n_samples + tail.shape[1]]
    longest = max(n_samples, tail.shape[1])
    whole = tf.pad(whole, [[0, 0], [0, max(0, longest + tail.shape[1] - whole.shape[1])]])
    whole += tf.pad(tail, [[0, 0], [0, whole.shape[1] - tail.shape[1]]])
    return whole[:, :n_samples], whole[:, n_samples : n_samples + tail.shape[1]]


def synthesise(
    parameters: SynthParameters,
    f0_hz: tf.Tensor,
    stiffness: tf.Tensor,
    white: tf.Tensor,
    impulse_response: tf.Tensor,
    rates: AudioRates,
    state: SynthState,
    *,
    from_rest: bool = True,
) -> tuple[Sound, SynthState]:
    """One block of sound.

    Args:
      parameters: Amplitude, distribution and noise of each frame.
      f0_hz: Fundamental in each frame, [batch, n_frames].
      stiffness: Inharmonicity in each frame, [batch, n_frames].
      white: Noise in -1…1, [batch, n_frames * hop].
      impulse_response: The learnt room, [room_size].
      rates: Sample rate and hop.
      state: What the block before left; `silent_state` at the start.
      from_rest: False for a cut from the middle of a sound (training): the first frame then does
        not ramp up from the state's amplitudes.

    Returns:
      The stems, each [batch, n_frames * hop], and the state for the next block.
    """
    n_samples = white.shape[1]
    amplitudes = parameters.amplitude * parameters.distribution
    previous = state.amplitudes if from_rest else None
    bank = partial_bank(f0_hz, stiffness, rates, state.cycles)
    harmonic = harmonic_audio(amplitudes, bank, previous)
    noise, noise_tail = _with_tail(
        noise_audio(parameters.noise, white), state.noise_tail, n_samples
    )
    reverb, room_tail = _with_tail(
        room_audio(harmonic + noise, impulse_response), state.room_tail, n_samples
    )
    return Sound(harmonic, noise, reverb), SynthState(
        bank.cycles, amplitudes[:, -1], noise_tail, room_tail
    )
