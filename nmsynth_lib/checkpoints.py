"""What training leaves on disk, so that no power cut can damage it.

Road: training -> [checkpoints] -> instrument. Every file appears by rename, whole or not at all:

    OUT/instrument.yaml     schema, sizes, provenance
    OUT/model.weights.h5    the best weights so far (Keras)
    OUT/SHA256SUMS          written when training ends
    OUT/training/state.npz  current and best weights, optimiser, step, history: for --resume
Explained in notebook 02, "Stop and go on".
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from nmsynth_lib.errors import OutputError, TrainingStateError, WeightsError
from nmsynth_lib.schema import InstrumentSpec

SPEC_FILE = "instrument.yaml"
WEIGHTS_FILE = "model.weights.h5"
SUMS_FILE = "SHA256SUMS"
STATE_FILE = Path("training") / "state.npz"


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
    """A state read back, with the variables to put into a model and its optimiser."""

    state: TrainingState
    recipe: dict
    data: str
    weights: list[np.ndarray]
    optimizer: list[np.ndarray]

    def restore(self, model, optimizer) -> None:
        """Puts weights and optimiser variables back, value for value."""
        _assign(model.weights, self.weights, "the checkpoint")
        _assign(optimizer.variables, self.optimizer, "the checkpoint's optimiser")


def _assign(variables, values, what: str) -> None:
    if [tuple(v.shape) for v in variables] != [np.shape(v) for v in values]:
        raise WeightsError(f"{what} belongs to another architecture than instrument.yaml names.")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file that appears whole, by rename, or not at all.

    Raises:
      OutputError: not permitted, or the disk is full; an older file stays.
    """
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o644)
        os.replace(part, path)
        part = None
    except OSError as error:
        raise OutputError(f"{path}: not written: {error.strerror}.") from error
    finally:
        if part is not None and os.path.exists(part):
            os.unlink(part)


def write_checkpoint(out: Path, state: TrainingState, model, optimizer, recipe, data: str) -> None:
    """Writes everything that a resumed run needs, as one file.

    Args:
      out: Instrument folder.
      state: Step, seconds, best weights, history.
      model: Keras model.
      optimizer: Its optimiser.
      recipe: Dataclass; goes in as it is.
      data: Digest of the recording.
    """
    arrays = {f"weight_{i:03d}": v.numpy() for i, v in enumerate(model.weights)}
    arrays |= {f"optimizer_{i:03d}": v.numpy() for i, v in enumerate(optimizer.variables)}
    arrays |= {f"best_{i:03d}": value for i, value in enumerate(state.best_weights or [])}
    plain = {"step": state.step, "seconds": state.seconds, "best": state.best}
    arrays["meta"] = np.array(
        json.dumps({**plain, "history": state.history, "recipe": asdict(recipe), "data": data})
    )
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_bytes(out / STATE_FILE, content.getvalue())


def read_checkpoint(out: str | Path) -> Checkpoint:
    """Reads the state of a run.

    Raises:
      TrainingStateError: there is none, or it is damaged.
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
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise TrainingStateError(
            f"{path}: damaged ({' '.join(str(error).split())}); delete the folder and train again."
        ) from None

    def group(prefix: str) -> list[np.ndarray]:
        return [arrays[name] for name in sorted(arrays) if name.startswith(prefix)]

    state = TrainingState(
        meta["step"], meta["seconds"], meta["best"], group("best_") or None, meta["history"]
    )
    return Checkpoint(state, meta["recipe"], meta["data"], group("weight_"), group("optimizer_"))


def write_instrument(
    out: str | Path, spec: InstrumentSpec, weights: list[np.ndarray], sums: bool = False
) -> None:
    """Writes an instrument folder: schema, weights, and their checksums.

    Args:
      out: Folder, made when missing.
      spec: Goes into instrument.yaml.
      weights: Values of `GuitarModel(spec).weights`, in order.
      sums: Also SHA256SUMS. Without, an older one is removed first, since it would no longer agree.

    Raises:
      OutputError: could not be written; what was there stays.
    """
    from nmsynth_lib.model import GuitarModel

    out = Path(out)
    model = GuitarModel(spec)
    _assign(model.weights, weights, "this list of weights")
    with tempfile.TemporaryDirectory() as scratch:
        model.save_weights(Path(scratch) / WEIGHTS_FILE)
        spec.write(Path(scratch) / SPEC_FILE)
        content = {name: (Path(scratch) / name).read_bytes() for name in (WEIGHTS_FILE, SPEC_FILE)}
    (out / SUMS_FILE).unlink(missing_ok=True)
    for name, data in content.items():
        write_bytes(out / name, data)
    if sums:
        lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in content.items()]
        write_bytes(out / SUMS_FILE, "".join(lines).encode())


def check_sums(folder: Path) -> None:
    """Compares the files of an instrument with SHA256SUMS, where there is one.

    Raises:
      WeightsError: a file is missing or differs.
    """
    sums = folder / SUMS_FILE
    if not sums.exists():
        return
    for line in sums.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        path = folder / name
        if not path.is_file():
            raise WeightsError(f"{path}: missing; copy the whole instrument folder again.")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise WeightsError(
                f"{path}: damaged or changed (its SHA-256 differs from {SUMS_FILE}); "
                "copy the instrument again, or delete SHA256SUMS if you changed it yourself."
            )
