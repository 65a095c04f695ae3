"""Batches: prepared takes become the examples that training draws.

Road: recordings -> [batches] -> training.
Example i depends on (seed, i) alone, so a resumed run draws on where the killed one stopped.
Explained in notebook 02, "What one step sees".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from nmsynth_lib.controls import scaled
from nmsynth_lib.engines import tf
from nmsynth_lib.errors import RecordingError
from nmsynth_lib.losses import FFT_SIZES
from nmsynth_lib.recordings import Examples, cut_starts
from nmsynth_lib.schema import InstrumentSpec

SHORTEST_SECONDS = 0.5  # examples are not made shorter than this to fit short takes
USED_SHARE = 0.9  # of the training sound lies in spans that are long enough, if that can be


@dataclass(frozen=True)
class Recipe:
    """How to train; all of it goes into the instrument's provenance."""

    batch: int = 8
    example_seconds: float = 2.0
    steps_per_epoch: int = 100
    learning_rate: float = 2e-3
    final_learning_rate: float = 1e-5
    warmup_steps: int = 100
    flat_until: float = 0.35
    clip_norm: float = 5.0
    unknown_share: float = 0.3
    pitch_shift: int = 0  # copies pitched up and down by 1 to so many semitones are drawn from too
    patience: int = 40  # epochs without a better held-out loss, then the run ends; 0: never
    seed: int = 0

    @property
    def pitch_shifts(self) -> tuple[int, ...]:
        """Semitones of the copies."""
        steps = range(1, self.pitch_shift + 1)
        return tuple(sign * step for step in steps for sign in (1, -1))


class Cuts:
    """Draws training examples, and lists validation examples, from prepared arrays.

    Args:
      examples: Arrays and spans.
      spec: Rates and controls.
      recipe: Batch size, length, seed.

    Attributes:
      n_frames: Frames of an example: the recipe's length, or less where takes are short.
      lost: Share of the training sound in spans shorter than an example: never trained on.
      digest: SHA-256 of sound and curves, so that a run is resumed on its own data only.

    Raises:
      RecordingError: no take is long enough for the loss to look at.
    """

    def __init__(self, examples: Examples, spec: InstrumentSpec, recipe: Recipe):
        self.spec, self.recipe = spec, recipe
        self.hop = spec.rates.hop
        self.examples = examples
        self.digest = _digest(examples)
        self.n_frames = example_frames(examples, spec, recipe.example_seconds)
        lengths = np.array([end - first for first, end in examples.training])
        self.lost = float(lengths[lengths < self.n_frames].sum() / lengths.sum())
        with tf.device("CPU"):
            self.curves = tf.constant(
                np.concatenate(
                    [examples.controls, examples.f0_hz[:, None], examples.stiffness[:, None]],
                    axis=1,
                )
            )
            self.starts = tf.constant(cut_starts(examples.training, self.n_frames))
        self.held_out = cut_starts(examples.validation, self.n_frames, step=self.n_frames)
        self.unknown = [
            (column, float(scaled(control, np.array(control.unknown))))
            for column, control in enumerate(spec.controls)
            if control.unknown is not None
        ]

    def warning(self) -> str | None:
        """What to say when much of the recording is never trained on."""
        if self.lost <= 1.0 - USED_SHARE:
            return None
        seconds = self.n_frames / self.spec.rates.frame_rate
        return (
            f"{100 * self.lost:.0f} % of the training sound lies in stretches shorter than an "
            f"example ({seconds:.2f} s) and is never trained on. Join short takes into longer ones."
        )

    def _sound(self, start: np.int64) -> np.ndarray:
        """The samples of an example, from wherever they lie."""
        return self.examples.audio[start * self.hop : (start + self.n_frames) * self.hop]

    def _cut(self, start: tf.Tensor, seed: tf.Tensor, hide: tf.Tensor):
        """One example and its target; `hide`: play it as fingers would, with the future unknown."""
        n_samples = self.n_frames * self.hop
        curves = tf.ensure_shape(
            self.curves[start : start + self.n_frames], [self.n_frames, self.curves.shape[1]]
        )
        controls = tf.unstack(curves[:, :-2], axis=-1)
        for column, value in self.unknown:
            live = tf.where(controls[column] > 0.0, value, controls[column])
            controls[column] = tf.where(hide, live, controls[column])
        white = tf.random.stateless_uniform([n_samples], seed, -1.0, 1.0)
        target = tf.ensure_shape(tf.numpy_function(self._sound, [start], tf.float32), [n_samples])
        return {
            "controls": tf.stack(controls, axis=-1),
            "f0_hz": curves[:, -2],
            "stiffness": curves[:, -1],
            "white": white,
        }, target

    def _draw(self, index: tf.Tensor):
        """Training example number `index`."""
        seed = tf.stack([tf.cast(self.recipe.seed, tf.int64), index])
        pick = tf.random.stateless_uniform(
            [], seed, maxval=tf.size(self.starts, out_type=tf.int64), dtype=tf.int64
        )
        hide = tf.random.stateless_uniform([], seed + 1) < self.recipe.unknown_share
        return self._cut(self.starts[pick], seed, hide)

    def training(self, first_step: int, worker: int = 0, workers: int = 1) -> tf.data.Dataset:
        """Endless batches, from example number `first_step * batch` on.

        Args:
          first_step: Steps done before.
          worker: Gets rows worker, worker + workers, ... of each batch.
          workers: Among whom every batch is shared; divides it.
        """
        count = tf.data.Dataset.counter(first_step * self.recipe.batch + worker, workers)
        drawn = count.map(self._draw, num_parallel_calls=1)
        return drawn.batch(self.recipe.batch // workers, drop_remainder=True).prefetch(2)

    def validation(self) -> tf.data.Dataset:
        """The held-out blocks in order, always with the same noise."""
        n_batch = min(self.recipe.batch, len(self.held_out))
        rows = np.resize(self.held_out, -(-len(self.held_out) // n_batch) * n_batch)

        def fixed(start):
            return self._cut(start, tf.stack([start, np.int64(7)]), tf.constant(False))

        data = tf.data.Dataset.from_tensor_slices(rows).map(fixed)
        return data.batch(n_batch, drop_remainder=True).cache()


def _digest(examples: Examples) -> str:
    """SHA-256 of sound and curves, a block at a time."""
    digest, block = hashlib.sha256(), 1 << 20
    for first in range(0, len(examples.audio), block):
        digest.update(examples.audio[first : first + block])
    digest.update(np.ascontiguousarray(examples.controls))
    return digest.hexdigest()


def example_frames(examples: Examples, spec: InstrumentSpec, seconds: float) -> int:
    """Frames of an example: the length asked for, or less, so that short takes are trained on too.

    Args:
      examples: Their spans say what fits.
      spec: Rates, and the GRU's step, of which an example holds a whole number.
      seconds: Length asked for.

    Returns:
      The most frames at which 90 % of the training sound lies in spans that are long enough, but
      not below 0.5 s; less than that only where nothing longer exists.

    Raises:
      RecordingError: shorter than the longest window of the loss.
    """
    every, rates = spec.architecture.gru_every, spec.rates
    lengths = sorted((end - first for first, end in examples.training), reverse=True)
    held = max(end - first for first, end in examples.validation)
    most = min(round(seconds * rates.frame_rate), lengths[0], held) // every * every
    if most * rates.hop < FFT_SIZES[0]:
        raise RecordingError(
            f"the longest example that fits is {most * rates.hop} samples, and the loss needs "
            f"{FFT_SIZES[0]}; give longer takes, both to train on and to hold out, and examples of "
            f"at least {FFT_SIZES[0] / rates.sample_rate:.2f} s."
        )
    enough = int(np.searchsorted(np.cumsum(lengths), USED_SHARE * sum(lengths)))
    fewest = max(SHORTEST_SECONDS * rates.frame_rate, FFT_SIZES[0] / rates.hop)
    wanted = max(lengths[enough] // every, int(np.ceil(fewest / every))) * every
    return min(most, wanted)
