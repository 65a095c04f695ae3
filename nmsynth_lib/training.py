"""Training: takes in, an instrument out.

Road: recordings -> [training] -> instrument.
Keras `compile` and `fit` do the work; what is added is what a person at the machine needs: a budget
in minutes, the time left, a state on disk that survives a power cut, and a word of warning when
the network collapses. A resumed run goes on exactly where it was: same weights, same optimiser, and
the examples that would have come next.
Explained in notebook 02, "From recording to instrument".
"""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from nmsynth_lib.alarms import collapse_warning, noise_share, overfitting_warning
from nmsynth_lib.batches import Cuts, Recipe
from nmsynth_lib.checkpoints import (
    STATE_FILE,
    Plan,
    TrainingState,
    read_checkpoint,
    remove_leftovers,
    write_checkpoint,
)
from nmsynth_lib.crew import Crew
from nmsynth_lib.engines import keras, tf
from nmsynth_lib.errors import TrainingStateError
from nmsynth_lib.instrument_files import SPEC_FILE, write_instrument
from nmsynth_lib.losses import SpectrogramLoss, silence_loss
from nmsynth_lib.measured_spec import measured_spec
from nmsynth_lib.memory import TRAINING_MB, give_memory_back, warn_if_short
from nmsynth_lib.model import GuitarModel
from nmsynth_lib.recordings import prepare_examples
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.takes import Take, load_recording

Watch = Callable[["Run"], None]
Clock = Callable[[], float]


def learning_rate_at(progress: float, step: int, recipe: Recipe) -> float:
    """Warm-up, a plateau, then half a cosine down to the final rate.

    Args:
      progress: Share of the budget (steps or minutes) that is used up, 0…1.
      step: Steps done so far.
      recipe: Names the rates.
    """
    warm = min(1.0, (step + 1) / recipe.warmup_steps)
    late = min(1.0, max(0.0, (progress - recipe.flat_until) / (1.0 - recipe.flat_until)))
    fall = 0.5 * (1.0 + math.cos(math.pi * late))
    span = recipe.learning_rate - recipe.final_learning_rate
    return warm * (recipe.final_learning_rate + span * fall)


class _Conductor(keras.callbacks.Callback):
    """Tells the run when a batch begins and ends, and when an epoch is over."""

    def __init__(self, run: Run):
        super().__init__()
        self.run = run

    def on_train_begin(self, logs=None):
        self.run.crew.training = True

    def on_train_end(self, logs=None):
        self.run.crew.training = False

    def on_train_batch_begin(self, batch, logs=None):
        self.run.set_learning_rate()

    def on_train_batch_end(self, batch, logs=None):
        self.loss = self.run.count_step(logs["loss"])
        self.model.stop_training = self.run.progress() >= 1.0

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = False
        if self.run.crew.chief:
            self.run.end_epoch(self.loss, logs["val_loss"])
        done = self.model.stop_training or bool(self.run.stopped)
        self.model.stop_training = self.run.crew.end_epoch(self.run, done)


class Run:
    """One training run: budget, learning rate, progress, best weights, state on disk, alarm.

    Args:
      out: Instrument folder to fill.
      plan: The instrument to train, how, and for how long.
      cuts: Draws the examples.
      quiet: No progress bar, no words.
      watch: Called with the run before the first step and after each epoch: to draw, to listen, or
        to stop (`run.model.stop_training = True`).
      crew: The workers to train with; default: this process alone.
      clock: What tells the seconds.

    Attributes:
      state: Steps done, history, best weights.
      model: With the weights of this moment.
      silence_loss: The held-out loss of saying nothing at all.
      stopped: Why it ended before its budget was used up, in words.
    """

    def __init__(
        self,
        out: Path,
        plan: Plan,
        cuts: Cuts,
        quiet: bool = False,
        watch: Watch | None = None,
        crew: Crew | None = None,
        clock: Clock = time.monotonic,
    ):
        self.clock = clock
        self.out, self.plan, self.cuts = out, plan, cuts
        self.spec, self.recipe = spec, recipe = plan.spec, plan.recipe
        self.model = GuitarModel(spec, recipe.seed)
        self.crew = crew or Crew()
        self.optimizer = self.crew.averaging(keras.optimizers.Adam)(
            recipe.learning_rate, global_clipnorm=recipe.clip_norm
        )
        loss = SpectrogramLoss(spec.rates.sample_rate)
        self.model.compile(optimizer=self.optimizer, loss=loss, jit_compile=False)
        self.optimizer.build(self.model.trainable_variables)
        self.state = TrainingState()
        self.held_out = cuts.validation()
        self.alarm_batch, target = next(iter(self.held_out))
        self.target_db = 10.0 * math.log10(float(tf.reduce_mean(target**2)) + 1e-20)
        self.silence_loss = float(
            np.mean([silence_loss(loss, wanted) for _, wanted in self.held_out])
        )
        self.watch, self.stopped = watch or (lambda run: None), ""
        self.began = self.clock()
        self.bar = None if quiet else tqdm(total=100, bar_format=_BAR)

    def seconds(self) -> float:
        """Seconds trained, former sessions included."""
        return self.state.seconds + self.clock() - self.began

    def progress(self) -> float:
        """Share of the budget that is used up; 1 or more: done. Workers go by what they agreed."""
        return self.used_up() if self.crew.count == 1 else self.crew.progress

    def used_up(self) -> float:
        """Share of the budget that is used up by the clock and the steps of this process."""
        minutes, steps = self.plan.minutes, self.plan.steps
        shares = [self.state.step / steps] if steps else []
        shares += [self.seconds() / (60.0 * minutes)] if minutes else []
        return max(shares)

    def fit(self) -> None:
        """Trains until the budget is used up, or nothing improves any more."""
        self.watch(self)
        self.model.fit(
            self.cuts.training(self.state.step, self.crew.index, self.crew.count),
            initial_epoch=self.state.step // self.recipe.steps_per_epoch,
            epochs=10**9,
            steps_per_epoch=self.recipe.steps_per_epoch,
            validation_data=self.held_out if self.crew.chief else None,
            shuffle=False,
            callbacks=[_Conductor(self)],
            verbose=0,
        )

    def set_learning_rate(self) -> None:
        """Sets the rate for the coming step."""
        rate = learning_rate_at(self.progress(), self.state.step, self.recipe)
        self.optimizer.learning_rate = rate

    def count_step(self, loss: float) -> float:
        """Counts a step and moves the progress bar; gives back the mean loss of all workers."""
        self.state.step += 1
        loss = self.crew.agree(self.used_up(), loss)
        if self.bar is not None:
            share = min(1.0, self.progress())
            left = self.seconds() * (1.0 - share) / max(share, 1e-6)
            self.bar.n = round(100 * share, 1)
            self.bar.set_postfix_str(
                f"step {self.state.step}, loss {loss:.3f}, best held-out {self.state.best:.3f}, "
                f"{datetime.timedelta(seconds=round(left))} left"
            )
        return loss

    def end_epoch(self, loss: float, held_out_loss: float) -> None:
        """Notes the epoch's figures, keeps the best weights, writes the state, warns.

        Raises:
          TrainingStateError: the loss is no longer a number.
        """
        state = self.state
        if not math.isfinite(loss):
            raise TrainingStateError(
                f"{self.out}: the loss is no longer a number at step {state.step}; the best "
                "weights are kept. Train again with a lower learning rate."
            )
        share, level = noise_share(self.model, self.alarm_batch)
        state.history.append(
            {
                "step": state.step,
                "seconds": round(self.seconds(), 1),
                "progress": round(self.progress(), 4),
                "learning_rate": float(self.optimizer.learning_rate),
                "loss": float(loss),
                "held_out_loss": float(held_out_loss),
                "noise_share": round(share, 4),
                "level_db": round(level, 2),
            }
        )
        collapsed = collapse_warning(share, level, self.target_db)
        warning = collapsed if collapsed and len(state.history) >= 3 else None
        warning = warning or overfitting_warning(state.history) or ""
        state.history[-1]["warning"] = warning
        if warning:
            self.say(f"Warning at step {state.step}: {warning}")
        better = held_out_loss < state.best
        if better:
            state.best = float(held_out_loss)
            state.best_weights = [value.numpy() for value in self.model.weights]
        state.seconds, self.began = self.seconds(), self.clock()
        # The checkpoint comes first: the instrument can be made from it, but not the reverse.
        write_checkpoint(self.out, self.plan, state, self.model, self.optimizer, self.cuts.digest)
        if better:
            write_instrument(self.out, self.spec, state.best_weights)
        if self.recipe.patience and self._epochs_without_gain() >= self.recipe.patience:
            self.stopped = (
                f"Nothing has improved for {self.recipe.patience} epochs: stopped at step "
                f"{state.step} with the best weights, of step {self._best_step()}."
            )
            self.say(self.stopped)
        self.watch(self)

    def _best_step(self) -> int:
        return min(self.state.history, key=lambda row: row["held_out_loss"])["step"]

    def _epochs_without_gain(self) -> int:
        """Counted while the learning rate falls: on the plateau before, the loss just wanders."""
        best, plateau = self._best_step(), self.recipe.flat_until
        rows = self.state.history
        return sum(row["step"] > best and row.get("progress", 0) > plateau for row in rows)

    def say(self, text: str) -> None:
        """Prints a line without tearing the progress bar."""
        if self.bar is not None:
            self.bar.write(text)


_BAR = "{percentage:5.1f}% |{bar}| {elapsed} {postfix}"


def train(
    recording: str | Path,
    out: str | Path,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    resume: bool = False,
    spec: InstrumentSpec | None = None,
    recipe: Recipe | None = None,
    quiet: bool = False,
    watch: Watch | None = None,
    crew: Crew | None = None,
    clock: Clock = time.monotonic,
) -> list[dict[str, float]]:
    """Trains an instrument on a folder of takes.

    Args:
      recording: Folder of takes (sound + MIDI).
      out: Instrument folder to make; the best weights so far are there at any moment.
      minutes: Wall-clock budget, former sessions of a resumed run included; 20 if there is none.
      steps: Budget in steps instead, or besides.
      seed: For weights, split, examples and noise.
      resume: Go on with the run that is in `out`, with its own spec and recipe, and with its own
        budget unless another is given.
      spec: Controls and sizes; default: the guitar's. What it leaves open is measured, see
        `measured_spec`.
      recipe: How to train.
      quiet: No progress bar.
      watch: Called with the `Run` before the first step and after each epoch.
      crew: The workers to train with, of which this one writes; see `workers.train_together`.
      clock: What the minutes are read from; `time.process_time` counts those of the processor.

    Returns:
      One row an epoch: step, seconds, losses, noise share, level, and a warning in words or "".

    Raises:
      TrainingStateError: nothing to resume, or `out` holds a run and `resume` was not asked for.
      RecordingError: the folder cannot be trained on.
      OutputError: `out` cannot be written.
    """
    out = Path(out)
    saved = read_checkpoint(out) if resume else None
    if not resume and any((out / file).exists() for file in (SPEC_FILE, STATE_FILE)):
        raise TrainingStateError(
            f"{out}: holds an instrument already; go on with --resume, or choose another folder."
        )
    warn_if_short("training", TRAINING_MB)
    remove_leftovers(out)
    spec = saved.plan.spec if saved else spec or InstrumentSpec()
    takes = load_recording(recording, spec.rates.sample_rate)
    if saved is None:
        recipe = recipe or Recipe(seed=seed)
        spec = measured_spec(out.name, takes, spec, recipe.pitch_shift)
        plan = Plan(spec, recipe, 20.0 if minutes is None and steps is None else minutes, steps)
    elif minutes is None and steps is None:
        plan = saved.plan
    else:
        plan = replace(saved.plan, minutes=minutes, steps=steps)
    recipe = plan.recipe
    examples = prepare_examples(takes, plan.spec, recipe.seed, pitch_shifts=recipe.pitch_shifts)
    cuts = Cuts(examples, plan.spec, plan.recipe)
    run = Run(out, plan, cuts, quiet, watch, crew, clock)
    if warning := cuts.warning():
        run.say(f"Warning: {warning}")
    if saved is not None:
        if saved.data != cuts.digest:
            raise TrainingStateError(
                f"{recording}: not the recording that {out} was trained on; resume with that one, "
                "or train into another folder."
            )
        saved.restore(run.model, run.optimizer)
        run.state = saved.state
        if run.state.best_weights is not None:  # what is in `out` may be missing or older
            write_instrument(out, plan.spec, run.state.best_weights)
    run.crew.begin(run)
    try:
        if run.progress() < 1.0:
            run.fit()
    except KeyboardInterrupt:
        kept = run.state.best_weights is not None
        kept = "the best weights are kept, --resume goes on" if kept else "too early to keep any"
        run.say(f"Stopped at step {run.state.step}: {kept}.")
    finally:
        if run.bar is not None:
            run.bar.close()
    _finish(run, recording, takes)
    history = run.state.history
    del run, cuts, examples
    give_memory_back()
    return history


def _finish(run: Run, recording: str | Path, takes: list[Take]) -> None:
    """Writes the instrument once more with its provenance, if it ever beat nothing at all."""
    if run.state.best_weights is None:
        return
    provenance = {
        "recording": Path(recording).name,
        "guitar": (takes[0].meta.model_extra or {}).get("guitar", ""),
        "source": takes[0].meta.source,
        "minutes_of_audio": round(sum(len(t.audio) / t.sample_rate for t in takes) / 60, 2),
        "training_minutes": round(run.seconds() / 60, 1),
        "steps": run.state.step,
        "recipe": asdict(run.recipe),
    }
    spec = run.spec.model_copy(
        update={
            "provenance": provenance,
            "figures": {"held_out_loss": round(float(run.state.best), 4)},
        }
    )
    write_instrument(run.out, spec, run.state.best_weights, sums=True)
