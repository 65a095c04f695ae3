"""The files of an instrument: what they are called, where they are found, how they are written.

Road: training -> [instrument files] -> instrument. An instrument is a folder:

    instrument.yaml     schema, sizes, provenance, figures
    model.weights.h5    the weights (Keras)
    SHA256SUMS          of both; missing while a training is still going on
Explained in notebook 02, "Stop and go on".
"""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path

import numpy as np

from nmsynth_lib.errors import InstrumentNotFoundError, WeightsError
from nmsynth_lib.files import all_appearing, folder_at
from nmsynth_lib.schema import InstrumentSpec

SPEC_FILE = "instrument.yaml"
WEIGHTS_FILE = "model.weights.h5"
SUMS_FILE = "SHA256SUMS"
HDF5_BYTES = 250_000  # at most, beside the weights themselves
SHIPPED = Path(__file__).resolve().parent.parent / "assets" / "instruments"


def shipped_names() -> list[str]:
    """Names of the instruments that come with this copy."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{SPEC_FILE}"))


def find_instrument(name: str | Path) -> Path:
    """Folder of an instrument.

    Args:
      name: Folder with an instrument.yaml, or the name of a shipped instrument.

    Raises:
      InstrumentNotFoundError: neither; the message lists what is shipped.
    """
    for folder in (Path(name), SHIPPED / str(name)):
        if (folder / SPEC_FILE).is_file():
            return folder
    shipped = ", ".join(shipped_names()) or "none"
    raise InstrumentNotFoundError(
        f"{name}: no instrument of that name (shipped: {shipped}) and no folder with {SPEC_FILE}."
    )


def assign_weights(variables: list, values: list[np.ndarray], what: str) -> None:
    """Puts values into Keras variables, one for one.

    Args:
      variables: To fill.
      values: In the same order and of the same shapes.
      what: Where the values come from, for the message.

    Raises:
      WeightsError: other shapes, or another number of them.
    """
    if [tuple(v.shape) for v in variables] != [np.shape(v) for v in values]:
        raise WeightsError(
            f"{what} belongs to another architecture than its schema names; make it anew."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def write_instrument(
    out: str | Path, spec: InstrumentSpec, weights: list[np.ndarray], sums: bool = False
) -> None:
    """Writes an instrument folder: schema, weights, and their checksums.

    Each file appears by rename, whole or not at all. A power cut between two renames can leave
    the new weights beside the older schema, never a half file and never checksums that are wrong.

    Args:
      out: Folder, made when missing.
      spec: Goes into instrument.yaml.
      weights: Values of `GuitarModel(spec).weights`, in order.
      sums: Also SHA256SUMS. Without, an older one is removed, since it would no longer agree.

    Raises:
      OutputError: could not be written: a file is in the folder's place, not permitted, or the
        disk is full. An older instrument stays as it was, at worst without its checksums.
      WeightsError: the weights do not fit the spec.
    """
    out = Path(out)
    content = _content(spec, weights)
    if sums:
        content[SUMS_FILE] = sums_of(content)
    folder_at(out)
    with all_appearing([out / name for name in content]) as parts:
        for part, data in zip(parts, content.values(), strict=True):
            part.write_bytes(data)
        # Only now that the new content is on the disk: older checksums would not agree with it.
        (out / SUMS_FILE).unlink(missing_ok=True)


def write_spec(folder: Path, spec: InstrumentSpec) -> None:
    """Renews the schema (its figures, say) of an instrument whose weights stay as they are.

    Raises:
      OutputError: could not be written; the old files stay.
    """
    content = {
        WEIGHTS_FILE: (folder / WEIGHTS_FILE).read_bytes(),
        SPEC_FILE: spec.text().encode(),
    }
    with all_appearing([folder / SPEC_FILE, folder / SUMS_FILE]) as (schema, sums):
        schema.write_bytes(content[SPEC_FILE])
        sums.write_bytes(sums_of(content))


def sums_of(content: dict[str, bytes]) -> bytes:
    """SHA256SUMS of files by name."""
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in content.items()]
    return "".join(lines).encode()


class _InMemory(io.BytesIO):
    """A file of weights that is made in memory, under the name that Keras looks at.

    HDF5 does not report a disk that fills up while it writes: it ends the program with a
    segmentation fault. So it never writes to the disk here.
    """

    def __str__(self) -> str:
        return WEIGHTS_FILE


def _content(spec: InstrumentSpec, weights: list[np.ndarray]) -> dict[str, bytes]:
    """Bytes of weights and schema by file name."""
    from nmsynth_lib.model import GuitarModel

    model = GuitarModel(spec)
    assign_weights(model.weights, weights, "this list of weights")
    file = _InMemory()
    model.save_weights(file)
    return {WEIGHTS_FILE: file.getvalue(), SPEC_FILE: spec.text().encode()}


def check_sums(folder: Path) -> None:
    """Compares the files of an instrument with SHA256SUMS, where there is one.

    Raises:
      WeightsError: a file is missing or differs, or SHA256SUMS itself is damaged.
    """
    sums = folder / SUMS_FILE
    if not sums.exists():
        return
    try:
        lines = sums.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = [""]
    for line in lines:
        entry = re.fullmatch(r"([0-9a-f]{64}) [ *]([^\0/]+)", line)
        if entry is None:
            raise WeightsError(
                f"{sums}: damaged, not a list of checksums; copy the whole instrument folder again."
            )
        digest, name = entry.groups()
        path = folder / name
        if not path.is_file():
            raise WeightsError(f"{path}: missing; copy the whole instrument folder again.")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise WeightsError(
                f"{path}: damaged or changed (its SHA-256 differs from {SUMS_FILE}); "
                "copy the instrument again, or delete SHA256SUMS if you changed it yourself."
            )
