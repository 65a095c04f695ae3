"""From synthesis parameters to sound: partials, filtered noise, a small room.

Road: Performance -> controls -> decoder -> [synthesis] -> audio.
The whole synthesiser is three sums:

    partials   h(n) = sum_k a_k(n) sin(phi_k(n)),     f_k = k f0 sqrt(1 + B k^2)
    noise      e(n) = white(n) filtered by a new 65-band curve every frame
    room       y    = h + e + IR * (h + e)

The partials are here; noise and room, which are filters, are in `noise.py` and `room.py`.
Amplitudes move in straight lines from frame end to frame end, so audio is linear in them and no
envelope is ever stored at sample rate. Each function takes the state that the block before left
behind and gives back its own, so blocks of any length join without a seam.
Explained in notebook 03, "Harmonic, noise, room".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nmsynth_lib.engines import tf
from nmsynth_lib.noise import noise_audio, noise_ir_size
from nmsynth_lib.room import room_audio, room_size
from nmsynth_lib.schema import Architecture, AudioRates

TWO_PI = 2.0 * np.pi
FRAMES_OF_A_GROUP = 500  # frames that share a number of partials, see `partial_bank`
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

    Frames may be sorted by pitch and split into groups, so that a group of high notes holds only
    the few partials that lie below the Nyquist frequency.

    Attributes:
      sines: One tensor a group, [n_frames_of_group, n_partials_of_group, hop].
      order: Which frame of the flattened block [batch * n_frames] each row of the groups is; None:
        one group, in the block's own order.
      gain: Anti-aliasing, [batch, n_frames, n_harmonics].
      cycles: Phases after the last sample, float64, [batch, n_harmonics].
    """

    sines: tuple[tf.Tensor, ...]
    order: tf.Tensor | None
    gain: tf.Tensor
    cycles: tf.Tensor


def partial_bank(
    f0_hz: tf.Tensor,
    stiffness: tf.Tensor,
    rates: AudioRates,
    cycles: tf.Tensor,
    n_groups: int | None = None,
) -> PartialBank:
    """Sines of all partials.

    Phases are summed over frames in float64 and kept modulo one cycle, so they do not drift on
    long renders; the few samples inside a frame are float32.

    Args:
      f0_hz: Fundamental in each frame, [batch, n_frames].
      stiffness: Inharmonicity B in each frame, [batch, n_frames].
      rates: Sample rate and hop.
      cycles: Phase of each partial before the first sample, cycles, float64, [batch, n_harmonics].
      n_groups: Of frames of like pitch, each with only the partials that it can sound; default:
        one group with all of them.

    Returns:
      The bank.
    """
    hop, n_harmonics = rates.hop, cycles.shape[-1]
    frequencies = partial_frequencies(tf.cast(f0_hz, tf.float64), stiffness, n_harmonics)
    steps = frequencies / rates.sample_rate  # cycles per sample
    travelled = cycles[:, None, :] + tf.cumsum(steps * hop, axis=1)
    starts = travelled - steps * hop
    starts = TWO_PI * tf.cast(starts - tf.floor(starts), tf.float32)
    radians = tf.cast(TWO_PI * steps, tf.float32)
    lines = tf.reshape(tf.stack([starts, radians], axis=-1), [-1, n_harmonics, 2])
    # start + step * n as one matrix product: half the time of broadcasting.
    ramps = tf.stack([tf.ones([hop]), tf.range(hop, dtype=tf.float32)])
    if n_groups is None:
        order, groups = None, [lines]
    else:
        pitches = tf.reshape(f0_hz, [-1])
        order = tf.argsort(pitches)
        sizes = [len(part) for part in np.array_split(np.arange(pitches.shape[0]), n_groups)]
        groups = []
        for rows in tf.split(order, sizes):
            fitting = tf.cast(0.5 * rates.sample_rate / tf.gather(pitches, rows[0]), tf.int32)
            groups.append(tf.gather(lines[:, : tf.maximum(1, fitting)], rows))
    sines = tuple(tf.stop_gradient(tf.sin(tf.matmul(group, ramps))) for group in groups)
    gain = anti_alias_gain(tf.cast(frequencies, tf.float32), rates.sample_rate)
    end = travelled[:, -1]
    return PartialBank(sines, order, gain, end - tf.floor(end))


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
    n_harmonics, hop = amplitudes.shape[-1], bank.sines[0].shape[-1]
    first = amplitudes[:, :1] if previous is None else previous[:, None]
    before = tf.concat([first, amplitudes[:, :-1]], axis=1)
    ends = tf.stack([before * bank.gain, amplitudes * bank.gain], axis=2)
    ends = tf.reshape(ends, [-1, 2, n_harmonics])
    if bank.order is not None:
        back = tf.argsort(bank.order)
        ends = _reordered(ends, bank.order, back)
    sizes = [group.shape[0] for group in bank.sines]
    both = tf.concat(
        [
            tf.matmul(levels[:, :, : tf.shape(sines)[1]], sines)
            for levels, sines in zip(tf.split(ends, sizes), bank.sines, strict=True)
        ],
        axis=0,
    )  # [n_rows, 2, hop]
    rise = (tf.range(hop, dtype=tf.float32) + 1.0) / hop
    audio = both[:, 0] * (1.0 - rise) + both[:, 1] * rise
    if bank.order is not None:
        audio = _reordered(audio, back, bank.order)
    return tf.reshape(audio, [amplitudes.shape[0], -1])


def _reordered(rows: tf.Tensor, order: tf.Tensor, back: tf.Tensor) -> tf.Tensor:
    """Rows in another order; told the way back, its gradient is a reordering too, not a sum."""

    @tf.custom_gradient
    def reorder(x):
        return tf.gather(x, order), lambda upstream: tf.gather(upstream, back)

    return reorder(rows)


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
    n_groups = max(1, f0_hz.shape[0] * f0_hz.shape[1] // FRAMES_OF_A_GROUP)
    bank = partial_bank(f0_hz, stiffness, rates, state.cycles, n_groups)
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
