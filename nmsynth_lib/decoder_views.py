"""The inside of the network while it plays: what each layer says, what each block costs.

Road: Performance -> controls -> decoder -> synthesis: [decoder views] look on, a leaf beside them.
Nothing here knows what kind of memory a decoder has: a GRU, another layer, or none.
Explained in notebook 03, "Follow a note through the network".
"""

from __future__ import annotations

import inspect
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from nmsynth_lib.controls import inharmonicity, n_frames_for
from nmsynth_lib.engines import tf
from nmsynth_lib.instrument import SILENCE_FRAMES, Instrument
from nmsynth_lib.noise import noise_audio
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.room import room_audio
from nmsynth_lib.synthesis import SynthParameters, harmonic_audio, partial_bank, silent_state

MEMORY, LAST = "memory", "mlp"
HEADS = SynthParameters._fields


@dataclass(frozen=True)
class Activations:
    """What every layer says, frame by frame, along the road.

    Attributes:
      seconds: End of each frame, shape [n_frames].
      layers: Name to output, shape [n_frames, units]: a stack for each control, by the control's
        name; `memory` (GRU or what takes its place; absent without one); `mlp`; then the heads
        `amplitude`, `distribution` and `noise`, as the synthesiser gets them.
      notes: What was played.
    """

    seconds: np.ndarray
    layers: Mapping[str, np.ndarray]
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class BlockCost:
    """What one block is made of and takes.

    Attributes:
      parameters: Trained numbers.
      milliseconds: For a second of sound, median of several runs.
    """

    parameters: int
    milliseconds: float


class _Overheard:
    """A decoder whose last stack is listened to; everything else is the decoder's own."""

    def __init__(self, decoder):
        self._decoder = decoder
        self.joined = self.last = None

    def __getattr__(self, name: str):
        return getattr(self._decoder, name)

    def mlp(self, joined: tf.Tensor) -> tf.Tensor:
        """The decoder's, noting what goes in and what comes out."""
        self.joined, self.last = joined, self._decoder.mlp(joined)
        return self.last


def note_activations(
    instrument: Instrument, performance: Performance, tail: float = 0.5
) -> Activations:
    """Output of every layer of the network while it plays.

    Args:
      instrument: A loaded instrument.
      performance: What is played; a few seconds, since all of it is kept.
      tail: Seconds after the last note-off.

    Returns:
      The activations.

    Explained in notebook 03, "Follow a note through the network".
    """
    decoder, rates = instrument.model.decoder, instrument.spec.rates
    every = instrument.spec.architecture.gru_every
    n_frames = n_frames_for(round((performance.duration + tail) * rates.sample_rate), rates)
    n_frames = math.ceil(n_frames / every) * every
    before = math.ceil(SILENCE_FRAMES / every) * every
    silence = instrument.curves(performance, before, -before)
    start = instrument.model.start(silence.values[None])
    controls = instrument.curves(performance, n_frames).values[None]
    overheard = _Overheard(decoder)
    said, _ = type(decoder).call(overheard, controls, start.memory)
    layers = {
        stack.name: stack(controls[..., column : column + 1])[0].numpy()
        for column, stack in enumerate(decoder.stacks)
    }
    of_stacks = sum(values.shape[-1] for values in layers.values())
    n_memory = overheard.joined.shape[-1] - of_stacks
    if n_memory:
        layers[MEMORY] = overheard.joined[0, :, :n_memory].numpy()
    layers[LAST] = overheard.last[0].numpy()
    layers |= {name: values[0].numpy() for name, values in said._asdict().items()}
    seconds = (np.arange(n_frames) + 1) / rates.frame_rate
    return Activations(seconds, layers, performance.notes)


def units_that_differ(one: Activations, other: Activations) -> dict[str, int]:
    """How many units of each layer tell two performances apart.

    Args:
      one: Of one performance.
      other: Of another, played by the same instrument; what both have frames for is compared.

    Returns:
      Layer to the number of its units that ever differ by more than a hundredth of the layer's
      largest output.

    Explained in notebook 03, "Follow a note through the network".
    """
    differing = {}
    for name, first in one.layers.items():
        n_frames = min(len(first), len(other.layers[name]))
        apart = np.abs(first[:n_frames] - other.layers[name][:n_frames]).max(axis=0)
        largest = max(np.abs(first).max(), np.abs(other.layers[name]).max())
        differing[name] = int(np.sum(apart > 0.01 * largest))
    return differing


def moving_units(inside: Activations, name: str, onset_seconds: float = 0.02) -> tuple[int, int]:
    """How many units of a layer move at all, and how many right at an onset.

    Args:
      inside: From `decoder_views.note_activations`.
      name: A layer.
      onset_seconds: How long an onset lasts.

    Returns:
      Units that move by more than a hundredth of the layer's largest output over the whole piece,
      and units that do so within that time of some onset.

    Explained in notebook 03, "Follow a note through the network".
    """
    values = inside.layers[name]
    least = 0.01 * np.abs(values).max()
    moved = np.zeros(values.shape[1], bool)
    for note in inside.notes:
        first, last = np.searchsorted(inside.seconds, [note.onset, note.onset + onset_seconds])
        moved |= np.ptp(values[max(0, first - 1) : last + 1], axis=0) > least
    return int(np.sum(np.ptp(values, axis=0) > least)), int(moved.sum())


def parameter_counts(instrument: Instrument) -> dict[str, int]:
    """Trained numbers of each part of the network.

    Returns:
      Name of the layer (stacks by their control), or of the weight itself, to how many; their sum
      is all that the network has.

    Explained in notebook 03, "What each block costs".
    """
    counts: dict[str, int] = {}
    for weight in instrument.model.decoder.trainable_variables:
        part = weight.path.split("/")
        name = part[1] if part[0] == instrument.model.decoder.name and len(part) > 1 else part[0]
        counts[name] = counts.get(name, 0) + math.prod(weight.shape)
    return counts


def block_costs(instrument: Instrument, repeats: int = 9) -> dict[str, BlockCost]:
    """Parameters and milliseconds of each block, for a second of sound.

    Every block runs alone, as a graph, on what the block before it has made of a ringing note.

    Args:
      instrument: A loaded instrument.
      repeats: Runs that the median is taken of.

    Returns:
      `stacks`, `memory`, `last layers` (MLP and heads), `partials`, `noise`, `room`: block to cost.

    Explained in notebook 03, "What each block costs".
    """
    counts = parameter_counts(instrument)
    decoder = instrument.model.decoder
    of_stacks = {stack.name for stack in decoder.stacks}
    of_memory = {decoder.gru.name} if decoder.gru is not None else set()
    parameters = dict.fromkeys(("stacks", MEMORY, "last layers", "partials", "noise", "room"), 0)
    for name, count in counts.items():
        block = "stacks" if name in of_stacks else MEMORY if name in of_memory else "last layers"
        parameters["room" if name == "room" else block] += count
    taken = _milliseconds(instrument, repeats)
    return {name: BlockCost(count, taken[name]) for name, count in parameters.items()}


def _milliseconds(instrument: Instrument, repeats: int) -> dict[str, float]:
    """Time of each block for a second of sound."""
    spec, decoder = instrument.spec, instrument.model.decoder
    every, rates = spec.architecture.gru_every, spec.rates
    n_frames = math.ceil(rates.frame_rate / every) * every
    music = Performance.from_notes([Note(40, 100, 0.0, 2.0)])
    curves = instrument.curves(music, n_frames)
    controls = tf.constant(curves.values[None])
    f0_hz = tf.constant(curves.f0_hz[None])
    stiffness = tf.constant(inharmonicity(curves.f0_hz, spec)[None])
    white = tf.random.stateless_uniform([1, n_frames * rates.hop], (1, 2), -1.0, 1.0)
    state = silent_state(spec.architecture, rates)
    said, _ = decoder(controls)
    amplitudes = said.amplitude * said.distribution

    def stacks(controls):
        columns = tf.split(controls, len(decoder.stacks), axis=-1)
        return tf.concat([s(c) for s, c in zip(decoder.stacks, columns, strict=True)], axis=-1)

    def last_layers(joined):
        last = decoder.mlp(joined)
        heads = decoder.amplitude_head, decoder.distribution_head, decoder.noise_head
        return [head(last) for head in heads]

    def partials(amplitudes, f0_hz, stiffness, cycles):
        return harmonic_audio(amplitudes, partial_bank(f0_hz, stiffness, rates, cycles))

    features = stacks(controls)
    overheard = _Overheard(decoder)
    type(decoder).call(overheard, controls)
    runs: dict[str, tuple[Callable, tuple]] = {
        "stacks": (stacks, (controls,)),
        "last layers": (last_layers, (overheard.joined,)),
        "partials": (partials, (amplitudes, f0_hz, stiffness, state.cycles)),
        "noise": (noise_audio, (said.noise, white)),
        "room": (room_audio, (white, decoder.impulse_response())),
    }
    if decoder.gru is not None:
        runs[MEMORY] = _memory_alone(decoder, features[:, ::every])
    share = rates.frame_rate / n_frames  # of what was made that is a second
    measured = {name: share * _median_ms(*run, repeats) for name, run in runs.items()}
    return {MEMORY: 0.0, **measured}


def _memory_alone(decoder, steps: tf.Tensor) -> tuple[Callable, tuple]:
    """The memory's layer, whatever kind it is of, and what to call it with."""
    given = {}
    if "initial_state" in inspect.signature(decoder.gru.call).parameters:
        given["initial_state"] = decoder.initial_state()
    return lambda steps: decoder.gru(steps, **given), (steps,)


def _median_ms(function: Callable, arguments: tuple, repeats: int) -> float:
    """Median of the time that a function takes as a graph, after one run to build it."""
    graph = tf.function(function)
    taken = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        tf.nest.map_structure(lambda tensor: tensor.numpy(), graph(*arguments))
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken[1:])
