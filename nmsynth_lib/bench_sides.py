"""The two sides of the benchmark: ours and the seed-sized baseline, each at its best.

Both train through Keras `fit` on their own real input pipelines. The baseline renders with its
pieces traced into one graph, which is four times as fast as calling stock `ddsp` op by op, so that
nothing is won by comparing with a slow way of running it.
Road: beside it; training, instrument, seed-sized baseline -> [bench sides] -> bench turns.
Explained by `nmsynth bench --help`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from nmsynth_lib.batches import Cuts, Recipe
from nmsynth_lib.checkpoints import Plan
from nmsynth_lib.controls import control_curves, inharmonicity
from nmsynth_lib.engines import keras, tf
from nmsynth_lib.guitars import play
from nmsynth_lib.losses import SpectrogramLoss
from nmsynth_lib.measured_spec import measured_spec
from nmsynth_lib.phase_measures import LAST_SECONDS
from nmsynth_lib.recordings import prepare_examples
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.score import melody
from nmsynth_lib.seed_sized import (
    PIECE_SECONDS,
    Baseline,
    SeedSizedModel,
    baseline_cuts,
    compiled,
)
from nmsynth_lib.stock_ddsp import ddsp
from nmsynth_lib.takes import load_recording
from nmsynth_lib.training import Run


class Trainer:
    """Trains a compiled model with `fit`, a few steps at a time, and notes how long each took.

    Args:
      model: Compiled.
      batches: From the number of the first step to endless batches.
      audio_seconds: Seconds of sound in a batch.
      before: Called before each step.
      after: Called after each step with its loss.

    Attributes:
      took: Seconds of each step but the first.
      trace_s: Seconds of the first step, in which TensorFlow traces its graph, above a usual one.
    """

    def __init__(
        self,
        model: keras.Model,
        batches: Callable[[int], tf.data.Dataset],
        audio_seconds: float,
        before: Callable[[], None] = lambda: None,
        after: Callable[[float], None] = lambda loss: None,
    ):
        self.model, self.batches, self.audio_seconds = model, batches, audio_seconds
        self.before, self.after = before, after
        self.first: float | None = None
        self.took: list[float] = []

    def train(self, steps: int) -> list[float]:
        """Trains on; gives the seconds of these steps (the first of all is for tracing)."""
        clock = _Clock(self)
        self.model.fit(
            self.batches(self.n_steps),
            epochs=1,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=0,
            callbacks=[clock],
        )
        took = clock.took
        if self.first is None:
            self.first, *took = took
        self.took += took
        return took

    @property
    def n_steps(self) -> int:
        """Steps done, the tracing one included."""
        return len(self.took) + (self.first is not None)

    @property
    def trace_s(self) -> float:
        """What the first step took above a usual one."""
        return max(0.0, self.first - self.step_s)

    @property
    def step_s(self) -> float:
        """Median seconds of a step."""
        return median(self.took)

    @property
    def seconds(self) -> float:
        """Seconds trained, tracing left out: steps x the median of a step."""
        return self.n_steps * self.step_s if self.took else 0.0


class _Clock(keras.callbacks.Callback):
    """From the beginning of a step, input and learning rate included, to the end of its work."""

    def __init__(self, trainer: Trainer):
        super().__init__()
        self.trainer, self.began, self.took = trainer, 0.0, []

    def on_train_batch_begin(self, batch, logs=None):
        self.began = time.perf_counter()
        self.trainer.before()

    def on_train_batch_end(self, batch, logs=None):
        self.trainer.after(float(logs["loss"]))
        self.took.append(time.perf_counter() - self.began)


def our_trainer(
    recording: Path,
    out: Path,
    spec: InstrumentSpec | None = None,
    recipe: Recipe | None = None,
    minutes: float = 20.0,
) -> Trainer:
    """What `nmsynth train` does: same schema, batches, model, loss, optimiser, learning rates.

    Left out is what comes between epochs: judging the held-out blocks and writing the state.

    Args:
      recording: Folder of takes.
      out: Folder for an instrument; nothing is written.
      spec: Controls and sizes; default: the guitar's.
      recipe: How to train; default: that of `nmsynth train`.
      minutes: Budget, which the learning rate depends on.
    """
    spec, recipe = spec or InstrumentSpec(), recipe or Recipe()
    takes = load_recording(recording, spec.rates.sample_rate)
    spec = measured_spec("bench", takes, spec)
    cuts = Cuts(prepare_examples(takes, spec, recipe.seed), spec, recipe)
    run = Run(out, Plan(spec, recipe, minutes), cuts, quiet=True)
    seconds = recipe.batch * cuts.n_frames / spec.rates.frame_rate
    return Trainer(run.model, cuts.training, seconds, run.set_learning_rate, run.count_step)


def baseline_trainer(recording: Path, spec: InstrumentSpec, seed: int = 0) -> Trainer:
    """The seed-sized baseline on the same recording, batches of 4 x 4 s."""
    cuts = baseline_cuts(recording, spec, seed=seed)
    seconds = cuts.recipe.batch * cuts.n_frames / spec.rates.frame_rate
    return Trainer(compiled(SeedSizedModel(spec, seed)), cuts.training, seconds)


class TracedBaseline(Baseline):
    """The baseline with each piece of 4 s as one graph instead of op by op: the same sound."""

    _dry = tf.function(Baseline._dry, reduce_retracing=False)


class Judge:
    """The losses of both sides on a melody that neither trains on, in pieces of 4 s.

    The first is stock DDSP's spectral loss, which the baseline minimises and ours does not; the
    second is ours.

    Args:
      sample_rate: Hz.
      n_pieces: How much of the melody.
      guitar: Which guitar plays it.
    """

    def __init__(self, sample_rate: int = 16000, n_pieces: int = 4, guitar: str = "string"):
        n_samples = round(PIECE_SECONDS * sample_rate)
        self.music = melody(n_pieces * PIECE_SECONDS, levels="continuous")
        sound = play(guitar, self.music, sample_rate, seed=99, tail=PIECE_SECONDS)
        self.target = sound[: n_pieces * n_samples].reshape(n_pieces, n_samples)
        rng = np.random.default_rng(0)
        self.white = rng.uniform(-1.0, 1.0, self.target.shape).astype(np.float32)
        self.stock = ddsp.losses.SpectralLoss(loss_type="L1", mag_weight=1.0, logmag_weight=1.0)
        self.own = SpectrogramLoss(sample_rate)

    def of(self, model: keras.Model) -> Callable[[], tuple[float, float]]:
        """A function that gives both losses of the model as it is when it is called."""
        spec, n_pieces = model.spec, len(self.target)
        n_frames = self.white.shape[1] // spec.rates.hop
        curves = control_curves(self.music, spec, n_pieces * n_frames)
        inputs = {
            "controls": curves.values,
            "f0_hz": curves.f0_hz,
            "stiffness": inharmonicity(curves.f0_hz, spec),
        }
        inputs = {
            name: tf.constant(values.reshape(n_pieces, n_frames, *values.shape[1:]), tf.float32)
            for name, values in inputs.items()
        }
        inputs["white"] = tf.constant(self.white)

        @tf.function
        def losses():
            target, audio = tf.constant(self.target), model(inputs)
            return tf.stack([self.stock(target, audio), tf.reduce_mean(self.own(target, audio))])

        return lambda: tuple(losses().numpy().tolist())


def stock_oscillator_snr_db(instrument, performance, tail: float = 1.0) -> float:
    """How exact stock DDSP's oscillators are at the end of a piece that they play in one go.

    They play what the instrument's decoder says, one partial after another so that it fits into
    memory, and once more with the phase of the same frequencies summed in float64.

    Args:
      instrument: Gives `.parameters(performance, tail)` and `.spec`.
      performance: What is played; the longer, the harder.
      tail: Seconds after the last note-off.

    Returns:
      dB: energy of the last 4 s over that of the difference; NaN for silence.
    """
    rates = instrument.spec.rates
    said = instrument.parameters(performance, tail)
    n_samples = len(said["f0_hz"]) * rates.hop
    last = slice(max(0, n_samples - round(LAST_SECONDS * rates.sample_rate)), None)
    amplitudes = said["amplitude"][:, None] * said["distribution"]
    f0_hz = said["f0_hz"].astype(np.float32)
    found, wanted = 0.0, 0.0
    for k in range(1, amplitudes.shape[1] + 1):
        frequency = ddsp.core.resample((f0_hz * np.float32(k))[None, :, None], n_samples)
        amplitude = ddsp.core.resample(
            amplitudes[None, :, k - 1 : k].astype(np.float32), n_samples, method="window"
        )
        sound = ddsp.core.oscillator_bank(frequency, amplitude, rates.sample_rate)
        audible = ddsp.core.remove_above_nyquist(frequency, amplitude, rates.sample_rate)
        turns = frequency.numpy()[0, :, 0].astype(np.float64) * (2 * np.pi / rates.sample_rate)
        exact = audible.numpy()[0, :, 0] * np.sin(np.cumsum(turns))
        found = found + sound.numpy()[0, last].astype(np.float64)
        wanted = wanted + exact[last]
    power, error = np.sum(wanted**2), np.sum((found - wanted) ** 2)
    return float(10 * np.log10(power / max(error, 1e-30))) if power else float("nan")
