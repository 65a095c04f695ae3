"""The class configuration: an instrument small enough to be trained while a class watches.

Road: score -> guitars -> [class runs] -> training.
Thirteen low pitches of the string guitar, all values of CC55, two and a half minutes; a network of
some 43,000 weights without a memory, since the time since the onset is one of its inputs. It is
trained for a number of steps, not of minutes, so that it comes out the same on a slow machine.
What takes longer than a lesson was trained before and is read from `assets/class_runs`.
Explained in notebook 02, "From recording to instrument".
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nmsynth_lib.errors import NmsynthError
from nmsynth_lib.performance import OPENNESS_CC, Performance
from nmsynth_lib.schema import Architecture, InstrumentSpec

if TYPE_CHECKING:
    import numpy as np

    from nmsynth_lib.batches import Recipe

ROOT = Path(__file__).resolve().parent.parent
SHIPPED_RUNS = ROOT / "assets" / "class_runs"
OWN_GUITARS = ROOT / "build" / "my_guitars"
LOW, HIGH = 40, 52  # E2 to E3
MINUTES, SEED = 2.5, 3
STEPS = 600

_SMALL = {
    "stack_units": 32,
    "stack_layers": 2,
    "gru_units": 0,
    "mlp_units": 96,
    "mlp_layers": 2,
    "n_harmonics": 48,
    "n_noise_bands": 33,
    "reverb_seconds": 0.0,
}


def class_spec(**architecture) -> InstrumentSpec:
    """The small instrument: the guitar's controls, and a network for thirteen pitches.

    Args:
      **architecture: Fields of `Architecture` that are to differ, e.g. `noise_bias=-5`.

    Returns:
      The spec.

    Explained in notebook 02, "From recording to instrument".
    """
    return InstrumentSpec(
        name="my-guitar",
        architecture=Architecture(**{**_SMALL, **architecture}),
        pitch_range=(LOW, HIGH),
    )


def class_recipe(**changes) -> Recipe:
    """How it is trained: four examples of one second a step, 25 steps an epoch.

    Args:
      **changes: Fields of `Recipe` that are to differ.

    Returns:
      The recipe.

    Explained in notebook 02, "What one step sees".
    """
    from nmsynth_lib.batches import Recipe

    recipe = Recipe(
        batch=4, example_seconds=1.0, steps_per_epoch=25, learning_rate=4e-3, warmup_steps=50
    )
    return replace(recipe, **changes)


def class_recording(
    folder: str | Path | None = None,
    minutes: float = MINUTES,
    seed: int = SEED,
    pick_position: bool = False,
) -> Path:
    """A recording of the string guitar's low notes, played anew: some seconds of work.

    Args:
      folder: For the take; None: a temporary one.
      minutes: Length.
      seed: Of score and playing.
      pick_position: Also move the pick from note to note (CC74).

    Returns:
      The folder: sound, MIDI and meta.yaml.

    Explained in notebook 02, "What one step sees".
    """
    from nmsynth_lib.guitars import make_recording
    from nmsynth_lib.score import training_score

    folder = Path(folder or tempfile.mkdtemp(prefix="nmsynth-")) / "low_notes"
    score = training_score(minutes, seed, "continuous", LOW, HIGH)
    with tempfile.TemporaryDirectory() as scratch:
        midi = Path(scratch) / "low_notes.mid"
        score.write_midi(midi)
        return make_recording("string", folder, midi=midi, seed=seed, pick_position=pick_position)


def low_melody(seconds: float = 12.0, seed: int = 7) -> Performance:
    """A melody that nothing is trained on, folded into the octave that the small instrument knows.

    Args:
      seconds: Length.
      seed: Of the melody.

    Returns:
      The performance, E2 to D#3, with CC55 between 0 and 127.

    Explained in notebook 02, "From recording to instrument".
    """
    from nmsynth_lib.score import melody

    tune = melody(seconds, seed, "continuous")
    notes = [replace(note, pitch=LOW + (note.pitch - LOW) % 12) for note in tune.notes]
    return Performance.from_notes(notes, {OPENNESS_CC: tune.controllers[OPENNESS_CC]}, name="tune")


def new_guitar(name: str = "my-guitar", folder: str | Path | None = None) -> Path:
    """A folder for an instrument of one's own that nothing is in yet.

    Args:
      name: Of the first; later ones get a number, so that nothing is overwritten.
      folder: Where they lie.

    Returns:
      The path; it is made when the instrument is written.

    Explained in notebook 02, "Stop and go on".
    """
    folder = Path(folder or OWN_GUITARS)
    number = 1
    while (path := folder / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return path


@dataclass(frozen=True)
class CachedRun:
    """A run that was trained before the lesson.

    Attributes:
      name: Of the run.
      label: What is special about it, for a legend.
      steps: Trained.
      cpu_seconds: That it took, of one core.
      history: One row an epoch: step, seconds, loss, held_out_loss, noise_share, level_db, warning.
      figures: What was measured on it: the loss of silence, and of a take that no run has heard.
      about: Spec, recipe, data.
    """

    name: str
    label: str
    steps: int
    cpu_seconds: float
    history: list[dict]
    figures: dict[str, float]
    about: dict

    @property
    def held_out_loss(self) -> float:
        """The last one."""
        return self.history[-1]["held_out_loss"]

    def shares(self, key: str) -> list[float]:
        """A curve in units of the loss that silence has on the same sound.

        Args:
          key: "loss" or "held_out_loss".
        """
        silence = {"loss": "training_silence_loss", "held_out_loss": "silence_loss"}[key]
        return [row[key] / self.figures[silence] for row in self.history]


def cached_runs(experiment: str) -> dict[str, CachedRun]:
    """The runs of an experiment, by name, in the order they were made in.

    Args:
      experiment: "collapse", "amount", "leak" or "inputs".

    Returns:
      At least two runs.

    Raises:
      NmsynthError: there is no such experiment, or its file cannot be used.

    Explained in notebook 02, "Too little, too much".
    """
    path = SHIPPED_RUNS / f"{experiment}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in SHIPPED_RUNS.glob("*.json"))) or "none"
        raise NmsynthError(f"There is no experiment {experiment!r} (known: {known}).")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["runs"]
        return {row["name"]: CachedRun(**row) for row in rows}
    except (ValueError, KeyError, TypeError) as error:
        raise NmsynthError(
            f"{path}: cannot be used ({error}); make it again with tools/make_class_runs.py."
        ) from None


def cached_sounds(experiment: str) -> dict[str, np.ndarray]:
    """A muted, an open and a half-open note by each run of an experiment, where they are shipped.

    Args:
      experiment: "collapse", "amount" or "inputs".

    Returns:
      Name of the run to audio at 16 kHz, in the order of the runs.

    Explained in notebook 02, "Too little, too much".
    """
    from nmsynth_lib.audio import read_audio

    files = {name: SHIPPED_RUNS / f"{experiment}_{name}.flac" for name in cached_runs(experiment)}
    return {name: read_audio(file)[0] for name, file in files.items() if file.is_file()}
