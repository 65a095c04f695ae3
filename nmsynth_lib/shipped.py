"""The instruments that come with this copy: as a table to read, and as numbers to compare.

Road: assets/instruments -> [shipped] -> words: a leaf.
Explained by `nmsynth instruments --help`.
"""

from __future__ import annotations

import math
import textwrap
from pathlib import Path

from nmsynth_lib import instrument_files
from nmsynth_lib.schema import InstrumentSpec

TABLE_WIDTH = 100


def shipped_instruments() -> list[tuple[Path, InstrumentSpec]]:
    """Folder and schema of each, by name; no network is loaded.

    Raises:
      SchemaError: an instrument.yaml cannot be used.
    """
    folders = [instrument_files.SHIPPED / name for name in instrument_files.shipped_names()]
    return [
        (folder, InstrumentSpec.read(folder / instrument_files.SPEC_FILE)) for folder in folders
    ]


def shipped_table() -> str:
    """Name, size, training data and licence, a row each; under it the figures of each."""
    rows = [("name", "size", "training data", "licence")]
    figures = []
    for folder, spec in shipped_instruments():
        data = str(spec.provenance.get("recording", "not stated"))
        if "minutes_of_audio" in spec.provenance:
            data += f", {spec.provenance['minutes_of_audio']} min"
        licence = spec.data_licence or "not stated"
        rows.append((spec.name, f"{_megabytes(folder):.1f} MB", data, licence))
        shown = ", ".join(f"{key} {value:g}" for key, value in spec.figures.items()) or "none"
        line = f"{spec.name}, figures: {shown}"
        figures.append(textwrap.fill(line, TABLE_WIDTH, subsequent_indent="  "))
    if len(rows) == 1:
        return "No instruments are shipped with this copy. Train one: nmsynth train --help"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*table, "", *figures])


def shipped_figures() -> dict[str, float]:
    """All that is a number: {"NAME.size_mb": ..., "NAME.training_minutes": ..., ...}."""
    numbers: dict[str, float] = {}
    for folder, spec in shipped_instruments():
        facts = {"size_mb": round(_megabytes(folder), 3), **spec.provenance, **spec.figures}
        for key, value in facts.items():
            if type(value) in (int, float) and math.isfinite(value):
                numbers[f"{spec.name}.{key}"] = value
    return numbers


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / 1e6
