"""Where the time goes: one training step and one second of rendering, block by block.

Each block of the model is timed alone, forward and backward for training, forward for rendering, as
a `tf.function` on the shapes and values of real training examples. The blocks take turns, so a busy
moment of the machine falls on all of them. "MLP and heads" is the decoder less stacks and memory.
"rest" is what the whole takes beyond the sum of the blocks: what lies between them; it is below 0
where blocks that run together overlap on several threads, or share what each alone does for itself.
Road: beside it; decoder -> synthesis -> losses -> training -> [profiling] -> bench.
Explained by `nmsynth bench --help`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

import numpy as np

from nmsynth_lib.batches import Cuts, Recipe
from nmsynth_lib.controls import Controls, control_curves, inharmonicity
from nmsynth_lib.engines import keras, tf
from nmsynth_lib.guitars import play
from nmsynth_lib.instrument import RENDER_FRAMES, Instrument
from nmsynth_lib.losses import SpectrogramLoss
from nmsynth_lib.model import GuitarModel
from nmsynth_lib.recordings import prepare_examples
from nmsynth_lib.room import room_audio
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.score import melody
from nmsynth_lib.synthesis import SynthParameters, silent_state, synthesise
from nmsynth_lib.takes import Take

INPUT, DRAWN = "input pipeline", 6  # batches drawn at once, more than are prepared ahead
MEMORY, DECODER, HEADS = "memory", "decoder", "MLP and heads"  # memory: GRU or integrators
REST = "rest"
WHOLE = "whole"
Blocks = dict[str, tuple[Callable, list, list]]


class Row(NamedTuple):
    """One line of a profile.

    Attributes:
      block: What was timed.
      ms: Median milliseconds.
      share: Of the whole, 0…1.
    """

    block: str
    ms: float
    share: float


def step_profile(
    spec: InstrumentSpec | None = None,
    recipe: Recipe | None = None,
    repeats: int = 9,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Row]:
    """Where one training step goes.

    Args:
      spec: Sizes; default: the guitar's.
      recipe: Batch and length of an example; default: as `nmsynth train` has them.
      repeats: Rounds, of which medians are taken.
      clock: Seconds; `time.process_time` on a machine that others use too.

    Returns:
      Rows in the order of the road, then "rest" and "whole".
    """
    spec, recipe = spec or InstrumentSpec(), recipe or Recipe()
    cuts = Cuts(prepare_examples([_take(spec)], spec, recipe.seed), spec, recipe)
    model, loss = GuitarModel(spec, recipe.seed), SpectrogramLoss(spec.rates.sample_rate)
    optimizer = keras.optimizers.Adam(1e-3, global_clipnorm=recipe.clip_norm)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=False)
    batches, drawn = iter(cuts.training(0)), iter(cuts.training(0))
    inputs, target = next(batches)
    blocks: dict[str, Callable] = {INPUT: lambda: [next(drawn) for _ in range(DRAWN)]}
    for name, (block, sources, variables) in _blocks(model, inputs, from_rest=False).items():
        blocks[name] = _forward_and_back(block, sources, variables)
    blocks["loss"] = _forward_and_back(lambda audio: loss(target, audio), [model(inputs)], [])
    weights = model.trainable_variables
    gradients = [tf.ones_like(value) * 1e-9 for value in weights]  # too small to change anything
    optimizer.build(weights)
    blocks["optimiser"] = tf.function(
        lambda: optimizer.apply_gradients(zip(gradients, weights, strict=True))
    )
    model.make_train_function()

    def step() -> None:
        model.train_function(batches)

    medians = _medians({**blocks, WHOLE: step}, repeats, clock)
    medians[INPUT] /= DRAWN
    return _rows(medians)


def render_profile(
    instrument: Instrument | None = None,
    repeats: int = 9,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Row]:
    """Where one second of rendering goes, in blocks as long as `Instrument.render` makes them.

    Args:
      instrument: What plays; default: an untrained one of the guitar's sizes.
      repeats: Rounds, of which medians are taken.
      clock: Seconds; `time.process_time` on a machine that others use too.

    Returns:
      Rows in the order of the road, then "rest" and "whole".
    """
    if instrument is None:
        spec = InstrumentSpec()
        instrument = Instrument(spec, GuitarModel(spec))
    spec, model = instrument.spec, instrument.model
    every = spec.architecture.gru_every
    n_frames = max(1, RENDER_FRAMES // every) * every
    n_samples, rng = n_frames * spec.rates.hop, np.random.default_rng(0)
    music = melody(max(4.0, 2 * n_samples / spec.rates.sample_rate))

    def curves() -> Controls:
        return control_curves(music, spec, n_frames)

    def white() -> np.ndarray:
        return rng.random(n_samples, dtype=np.float32) * 2.0 - 1.0

    seen = curves()
    inputs = {
        "controls": seen.values[None],
        "f0_hz": seen.f0_hz[None],
        "stiffness": inharmonicity(seen.f0_hz, spec)[None],
        "white": white()[None],
    }
    inputs = {name: tf.constant(value) for name, value in inputs.items()}
    state = model.start(inputs["controls"])
    blocks: dict[str, Callable] = {"control curves": curves, "white noise": white}
    for name, (block, sources, _) in _blocks(model, inputs, from_rest=True).items():
        blocks[name] = _once(tf.function(block), sources)

    def whole() -> None:
        given = {**inputs, "controls": curves().values[None], "white": white()[None]}
        sound, _, _ = model.block(given, state)
        np.concatenate([stem.numpy() for stem in sound])

    scale = spec.rates.sample_rate / n_samples
    medians = _medians({**blocks, WHOLE: whole}, repeats, clock)
    return _rows({name: seconds * scale for name, seconds in medians.items()})


def profile_text(title: str, rows: list[Row]) -> str:
    """A profile as a table with bars, a line a row."""
    lines = [title, ""]
    for row in rows:
        bar = "#" * round(40 * max(0.0, row.share)) if row.block != WHOLE else ""
        lines.append(f"  {row.block:16}{row.ms:9.2f} ms {100 * row.share:6.1f} %  {bar}".rstrip())
    return "\n".join(lines)


def profile_figures(name: str, rows: list[Row]) -> dict[str, float]:
    """A profile as flat figures, `NAME_BLOCK_ms`."""
    return {f"{name}_{row.block.replace(' ', '_').lower()}_ms": row.ms for row in rows}


def _take(spec: InstrumentSpec) -> Take:
    """Half a minute of the string guitar."""
    music = melody(30.0)
    audio = play("string", music, spec.rates.sample_rate)
    return Take("profile", audio, music, spec.rates.sample_rate)


def _blocks(model: GuitarModel, inputs: Mapping[str, tf.Tensor], from_rest: bool) -> Blocks:
    """Each block of the model: function, what goes in with a gradient, its weights.

    Of the synthesiser's stems TensorFlow computes only the one that a function gives back.
    """
    decoder, spec = model.decoder, model.spec
    controls, every = inputs["controls"], spec.architecture.gru_every
    state = silent_state(spec.architecture, spec.rates, controls.shape[0])

    def stacks():
        curves = tf.split(controls, len(decoder.stacks), axis=-1)
        return tf.concat([s(c) for s, c in zip(decoder.stacks, curves, strict=True)], axis=-1)

    def memory(features):
        start = decoder.initial_state(controls.shape[0])
        return decoder.gru(features[:, ::every], initial_state=start)[0]

    def sound(said):
        given = (inputs["f0_hz"], inputs["stiffness"], inputs["white"], decoder.impulse_response())
        return synthesise(said, *given, spec.rates, state, from_rest=from_rest)[0]

    said = decoder(controls)[0]
    weights = [weight for stack in decoder.stacks for weight in stack.trainable_variables]
    blocks: Blocks = {"stacks": (stacks, [], weights)}
    if decoder.gru is not None:
        blocks[MEMORY] = (memory, [stacks()], decoder.gru.trainable_variables)
    blocks[DECODER] = (lambda: tf.concat(decoder(controls)[0], -1), [], decoder.trainable_variables)
    blocks["oscillators"] = (
        lambda amplitude, shares: sound(SynthParameters(amplitude, shares, said.noise)).harmonic,
        [said.amplitude, said.distribution],
        [],
    )
    blocks["noise"] = (lambda bands: sound(said._replace(noise=bands)).noise, [said.noise], [])
    blocks["room"] = (
        lambda dry: room_audio(dry, decoder.impulse_response()),
        [inputs["white"]],
        [decoder.room],
    )
    return blocks


def _forward_and_back(block: Callable, sources: list[tf.Tensor], variables: list) -> Callable:
    """A function that runs a block and the gradient of its sum for sources and weights."""

    @tf.function
    def both(*given):
        with tf.GradientTape() as tape:
            tape.watch(given)
            out = block(*given)
        return tape.gradient(out, [*given, *(getattr(v, "value", v) for v in variables)])

    return _once(both, sources)


def _once(function: Callable, sources: list[tf.Tensor]) -> Callable:
    """The function with its inputs; on a processor it returns when the numbers are there."""
    return lambda: function(*sources)


def _medians(
    blocks: Mapping[str, Callable], repeats: int, clock: Callable[[], float]
) -> dict[str, float]:
    """Median seconds of each; they take turns, after a first call that traces."""
    took: dict[str, list[float]] = {name: [] for name in blocks}
    for block in blocks.values():
        block()
    for _ in range(repeats):
        for name, block in blocks.items():
            began = clock()
            block()
            took[name].append(clock() - began)
    return {name: median(seconds) for name, seconds in took.items()}


def _rows(medians: Mapping[str, float]) -> list[Row]:
    """Rows with shares, "rest" before "whole"."""
    whole = medians[WHOLE]
    parts = {name: seconds for name, seconds in medians.items() if name != WHOLE}
    if DECODER in parts:
        former = parts["stacks"] + parts.get(MEMORY, 0.0)
        parts = {
            HEADS if name == DECODER else name: seconds - former * (name == DECODER)
            for name, seconds in parts.items()
        }
    parts[REST] = whole - sum(parts.values())
    parts[WHOLE] = whole
    return [Row(name, 1000 * seconds, seconds / whole) for name, seconds in parts.items()]
