"""Loss curves: what a loss has to be compared with, and what a curve says in words.

Road: training -> [loss curves] -> widgets.training_view.
A loss alone says nothing. It lies between two lines that no training can cross, silence above and
copy synthesis below, and the paper's network had a curve of its own.
Explained in notebook 02, "From recording to instrument".
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmsynth_lib.class_runs import SHIPPED_RUNS
from nmsynth_lib.errors import NmsynthError

BASELINE = Path(__file__).resolve().parent.parent / "assets" / "baseline"
BOUND_FILE = "copy_bound.json"
BOUND_STEPS = 60  # of gradient descent; 200 come 13 % lower and take three times as long
RECENT = 5  # epochs from which the speed is read

Curve = list[tuple[float, float]]


@dataclass(frozen=True)
class References:
    """What a held-out loss is compared with; None and an empty curve where it is not known.

    Attributes:
      silence: Of saying nothing at all.
      bound: Of copy synthesis: the same synthesiser with parameters fitted to the held-out sound.
      baseline: (CPU seconds, held-out loss) of the seed-sized baseline on its own recording.
    """

    silence: float | None = None
    bound: float | None = None
    baseline: tuple[tuple[float, float], ...] = ()


def baseline_curve(guitar: str = "string", folder: Path | None = None) -> Curve:
    """How the seed-sized baseline learnt this guitar, judged by our loss on its held-out blocks.

    Args:
      guitar: "string" or "sampled".
      folder: Holds GUITAR/curve.json; None: the shipped ones.

    Returns:
      (CPU seconds, held-out loss), rising in time; empty where none was recorded.

    Raises:
      NmsynthError: the file is there and cannot be used.
    """
    path = (folder or BASELINE) / guitar / "curve.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return sorted((float(row["seconds"]), float(row["held_out_loss"])) for row in rows)
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NmsynthError(
            f"{path}: not a list of seconds and held-out losses ({error}); take it from the "
            "repository again, or delete it."
        ) from None


def class_bound() -> float | None:
    """The copy-synthesis bound of the class recording's held-out blocks, fitted before; or None."""
    path = SHIPPED_RUNS / BOUND_FILE
    if not path.is_file():
        return None
    return float(json.loads(path.read_text(encoding="utf-8"))["held_out_loss"])


def copy_bound(run, steps: int = BOUND_STEPS) -> float:
    """The held-out loss of copy synthesis: what a perfect network would reach.

    Levels of all partials and noise bands are free in every frame and fitted to the held-out sound
    by gradient descent on the training loss; pitches, phases, noise and room are the run's own.

    Args:
      run: A `training.Run`; its weights do not matter, but for the room.
      steps: Of gradient descent.

    Returns:
      The mean over the held-out batches.

    Explained in notebook 02, "From recording to instrument".
    """
    from nmsynth_lib.copy_synthesis import FAST, descent
    from nmsynth_lib.engines import keras, tf
    from nmsynth_lib.losses import SpectrogramLoss
    from nmsynth_lib.synthesis import SynthParameters, silent_state, synthesise

    spec, batches = run.spec, list(run.held_out)
    guesses = [_guessed(inputs, target, spec) for inputs, target in batches]
    partials, bands = levels = [keras.Variable(values) for values in guesses[0]]
    optimizer = keras.optimizers.Adam(FAST)
    optimizer.build(levels)
    loss = SpectrogramLoss(spec.rates.sample_rate)
    room = run.model.decoder.impulse_response()
    state = silent_state(spec.architecture, spec.rates, batches[0][1].shape[0])

    def cost(inputs, target):
        amplitudes = tf.exp(partials.value)
        total = tf.reduce_sum(amplitudes, axis=-1, keepdims=True)
        said = SynthParameters(total, amplitudes / total, tf.exp(bands.value))
        pitch = inputs["f0_hz"], inputs["stiffness"]
        sound, _ = synthesise(
            said, *pitch, inputs["white"], room, spec.rates, state, from_rest=False
        )
        return tf.reduce_mean(loss(target, sound.harmonic + sound.noise + sound.reverb))

    @tf.function(autograph=False)
    def improve(inputs, target):
        with tf.GradientTape() as tape:
            now = cost(inputs, target)
        optimizer.apply(tape.gradient(now, [one.value for one in levels]), levels)
        return now

    fits = []
    for batch, guess in zip(batches, guesses, strict=True):
        for variable, values in zip(levels, guess, strict=True):
            variable.assign(values)
        for _ in descent(optimizer, steps):
            improve(*batch)
        fits.append(float(cost(*batch)))
    return float(np.mean(fits))


def _guessed(inputs: dict, target, spec) -> list[np.ndarray]:
    """First guesses of a batch: natural logs of partials and noise bands."""
    rows = zip(target, inputs["f0_hz"], inputs["stiffness"], strict=True)
    guesses = [_guess(*row, spec) for row in rows]
    return [np.stack([one[name] for one in guesses]) for name in ("partials", "noise")]


def _guess(target, f0_hz, stiffness, spec) -> dict[str, np.ndarray]:
    """Natural logs of the levels of one cut, read off its spectrogram."""
    from nmsynth_lib.copy_synthesis import LEAD, first_guess

    pitch = {"f0_hz": f0_hz.numpy(), "stiffness": stiffness.numpy()}
    pitch = {name: np.pad(values, (LEAD, 0), "edge") for name, values in pitch.items()}
    padded = np.pad(target.numpy(), (LEAD * spec.rates.hop, 0))
    return {name: values[LEAD:] for name, values in first_guess(padded, pitch, spec).items()}


def seconds_left(rows: list[dict], progress: float, before: list[float]) -> float | None:
    """Seconds until the budget is used up, by the speed of the last epochs.

    Args:
      rows: One an epoch, with `seconds`.
      progress: Now, 0…1.
      before: Progress after each epoch so far, one a row.

    Returns:
      None before there are two epochs to read a speed from.
    """
    first = max(0, len(rows) - 1 - RECENT)
    if len(rows) < 2 or progress <= before[first]:
        return None
    pace = (rows[-1]["seconds"] - rows[first]["seconds"]) / (progress - before[first])
    return max(0.0, (1.0 - progress) * pace)


def at_second(curve: Curve, seconds: float) -> float | None:
    """A curve's last value at or before a time; None before its first."""
    return next((value for time, value in reversed(curve) if time <= seconds), None)


def curve_in_words(rows: list[dict], references: References) -> str:
    """Where a run stands, for those who do not see the picture.

    Args:
      rows: One an epoch, with `seconds`, `loss`, `held_out_loss`.
      references: What it is compared with.
    """
    if not rows:
        return "Nothing has been trained yet."
    last = rows[-1]
    best = min(row["held_out_loss"] for row in rows)
    said = [
        f"After {last['seconds']:.0f} s and {last['step']} steps the training loss is "
        f"{last['loss']:.2f} and the held-out loss {last['held_out_loss']:.2f}, at best {best:.2f}."
    ]
    silence, bound = references.silence, references.bound
    if silence:
        said.append(f"Silence would have {silence:.2f}.")
    if silence and bound and bound < silence:
        way = math.log(silence / best) / math.log(silence / bound)
        said.append(
            f"Copy synthesis has {bound:.2f}: {100 * way:.0f} % of the way, counted in ratios."
        )
    curve = list(references.baseline)
    if curve and (then := at_second(curve, last["seconds"])) is not None:
        end, lowest = curve[-1][0] / 60, curve[-1][1]
        said.append(
            f"The paper's network had {then:.2f} after the same time of one core, on its own "
            f"recording, and {lowest:.2f} after {end:.0f} minutes."
        )
    return " ".join(said)
