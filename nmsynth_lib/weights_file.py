"""A stranger's file of weights: is it what it says, before anything reads it?

Road: [weights file] -> shared instruments -> instrument.
HDF5 can do more than hold numbers: point to other files of the machine, or unpack a megabyte into
a terabyte. What comes from somebody else may hold plain numbers, as many as its schema asks for.
Explained in notebook 06, "Hand it over".
"""

from __future__ import annotations

from pathlib import Path

from nmsynth_lib.errors import WeightsError
from nmsynth_lib.instrument_files import HDF5_BYTES
from nmsynth_lib.room import room_size
from nmsynth_lib.schema import InstrumentSpec

DEEPEST = 20  # groups within groups


def n_weights(spec: InstrumentSpec) -> int:
    """Numbers that an instrument of this schema has, told without building it.

    Explained in notebook 06, "Hand it over".
    """
    size, n_stacks = spec.architecture, len(spec.controls)
    units, memory, mlp = size.stack_units, size.gru_units, size.mlp_units
    stacks = n_stacks * (2 * units + (size.stack_layers - 1) * (units + 1) * units)
    width = n_stacks * units
    if size.memory == "leaky":
        remembers = (width + 1) * memory
    else:
        remembers = 3 * memory * (width + memory + 2)
    reads = (width + memory + 1) * mlp + (size.mlp_layers - 1) * (mlp + 1) * mlp
    heads = (mlp + 1) * (1 + size.n_harmonics + size.n_noise_bands)
    return stacks + remembers + reads + heads + room_size(size, spec.rates)


def check_weights_file(path: Path, spec: InstrumentSpec) -> None:
    """Whether a file holds as many plain numbers as this schema asks for, and nothing else.

    Args:
      path: model.weights.h5.
      spec: Of the same instrument.

    Raises:
      WeightsError: too small or too large for the schema, not HDF5, or with links or packed data.

    Explained in notebook 06, "Hand it over".
    """
    import h5py

    wanted = 4 * n_weights(spec)
    found = path.stat().st_size
    if not wanted <= found <= wanted + HDF5_BYTES:
        raise WeightsError(
            f"has {found:,} bytes where its schema asks for {wanted:,}: it belongs to another "
            "instrument."
        )
    try:
        with h5py.File(path, "r") as file:
            sizes = list(_plain_sizes(file))
    except WeightsError:
        raise
    except Exception as error:  # h5py raises what it likes on a damaged file
        reason = " ".join(str(error).split())[:120]
        raise WeightsError(f"cannot be read ({reason}).") from None
    if 4 * sum(sizes) != wanted:
        raise WeightsError("holds another number of weights than its schema asks for.")


def _plain_sizes(group, depth: int = 0):
    """Numbers in each array below a group; links and packed arrays are refused."""
    import h5py

    for name in group:
        if depth > DEEPEST or not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise WeightsError("points elsewhere, as no file of weights does.")
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _plain_sizes(item, depth + 1)
            continue
        plain = item.chunks is None and item.external is None and not item.is_virtual
        if not plain or item.dtype != "float32":
            raise WeightsError("holds something else than plain numbers.")
        yield item.size
