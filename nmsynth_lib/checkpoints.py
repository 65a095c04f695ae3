"""The state of a training run on disk, so that no power cut can damage it.

Road: training -> [checkpoints] -> training, later. Everything that a resumed run needs is one file
that appears by rename: OUT/training/state.npz holds current and best weights, the optimiser's
memory, the history, and what was asked for: schema, recipe, budget. The instrument itself can be
made from it again at any time.
Explained in notebook 02, "Stop and go on".
"""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from nmsynth_lib.batches import Recipe
from nmsynth_lib.errors import TrainingStateError
from nmsynth_lib.files import appearing, folder_at
from nmsynth_lib.instrument_files import SPEC_FILE, SUMS_FILE, WEIGHTS_FILE, assign_weights
from nmsynth_lib.schema import InstrumentSpec

STATE_FILE = Path("training") / "state.npz"


@dataclass(frozen=True)
class Plan:
    """What a run was asked to do.

    Attributes:
      spec: The instrument to train.
      recipe: How.
      minutes: Wall-clock budget, or None.
      steps: Budget in steps, or None; at least one of the two.
    """

    spec: InstrumentSpec
    recipe: Recipe
    minutes: float | None = None
    steps: int | None = None


@dataclass
class TrainingState:
    """Where a run is.

    Attributes:
      step: Steps done.
      seconds: Seconds trained up to the last checkpoint.
      best: Lowest held-out loss so far.
      best_weights: The weights it was reached with.
      history: One row an epoch.
    """

    step: int = 0
    seconds: float = 0.0
    best: float = float("inf")
    best_weights: list[np.ndarray] | None = None
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass
class Checkpoint:
    """A run read back, with the variables to put into a model and its optimiser.

    Attributes:
      plan: What the run was asked to do.
      state: Where it was.
      data: Digest of its recording.
      weights: Of the model.
      optimizer: Variables of the optimiser.
    """

    plan: Plan
    state: TrainingState
    data: str
    weights: list[np.ndarray]
    optimizer: list[np.ndarray]

    def restore(self, model, optimizer) -> None:
        """Puts weights and optimiser variables back, value for value."""
        assign_weights(model.weights, self.weights, "the checkpoint")
        assign_weights(optimizer.variables, self.optimizer, "the checkpoint's optimiser")


def write_checkpoint(
    out: Path, plan: Plan, state: TrainingState, model, optimizer, data: str
) -> None:
    """Writes everything that a resumed run needs, as one file.

    Args:
      out: Instrument folder.
      plan: Schema, recipe, budget.
      state: Step, seconds, best weights, history.
      model: Keras model.
      optimizer: Its optimiser.
      data: Digest of the recording.

    Raises:
      OutputError: not permitted, or the disk is full; an older checkpoint stays.
    """
    arrays = {f"weight_{i:03d}": v.numpy() for i, v in enumerate(model.weights)}
    arrays |= {f"optimizer_{i:03d}": v.numpy() for i, v in enumerate(optimizer.variables)}
    arrays |= {f"best_{i:03d}": value for i, value in enumerate(state.best_weights or [])}
    meta = {
        "step": state.step,
        "seconds": state.seconds,
        "best": state.best,
        "history": state.history,
        "spec": plan.spec.model_dump(mode="json"),
        "recipe": asdict(plan.recipe),
        "minutes": plan.minutes,
        "steps": plan.steps,
        "data": data,
    }
    arrays["meta"] = np.array(json.dumps(meta))
    content = io.BytesIO()
    np.savez(content, **arrays)
    path = out / STATE_FILE
    folder_at(path.parent)
    with appearing(path) as part:
        part.write_bytes(content.getvalue())


def read_checkpoint(out: str | Path) -> Checkpoint:
    """Reads the state of a run.

    Raises:
      TrainingStateError: there is none, or it is damaged, or another version's.
    """
    path = Path(out) / STATE_FILE
    if not path.exists():
        raise TrainingStateError(
            f"{out}: no training to resume here; train without --resume first."
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop("meta")))

        def group(prefix: str) -> list[np.ndarray]:
            return [arrays[name] for name in sorted(arrays) if name.startswith(prefix)]

        return Checkpoint(
            Plan(
                InstrumentSpec.model_validate(meta["spec"]),
                Recipe(**meta["recipe"]),
                meta["minutes"],
                meta["steps"],
            ),
            TrainingState(
                int(meta["step"]),
                float(meta["seconds"]),
                float(meta["best"]),
                group("best_") or None,
                list(meta["history"]),
            ),
            str(meta["data"]),
            group("weight_"),
            group("optimizer_"),
        )
    except Exception as error:  # numpy and zipfile raise what they like on a damaged file
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise TrainingStateError(
            f"{path}: damaged, or made by another version ({reason}); train into another folder."
        ) from None


def remove_leftovers(out: Path) -> None:
    """Removes the hidden files that a killed run was about to rename.

    Args:
      out: Instrument folder, which may be missing.
    """
    names = (SPEC_FILE, WEIGHTS_FILE, SUMS_FILE, STATE_FILE.name)
    for folder in (out, (out / STATE_FILE).parent):
        for path in [path for name in names for path in folder.glob(f".{name}.*.part")]:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
