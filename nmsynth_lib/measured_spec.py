"""The schema of an instrument, as its recording has it: stiffness, tuning, range, heard levels.

Road: recordings -> tuning, blending -> [measured spec] -> training.
Explained in notebook 02, "From recording to instrument".
"""

from __future__ import annotations

import re

from nmsynth_lib.blending import heard_levels
from nmsynth_lib.schema import Architecture, InstrumentSpec
from nmsynth_lib.takes import Take
from nmsynth_lib.tuning import measured_stiffness


def measured_spec(
    name: str, takes: list[Take], base: InstrumentSpec | None = None, pitch_shift: int = 0
) -> InstrumentSpec:
    """A schema with this recording's stiffness, tuning and range.

    Args:
      name: Of the instrument; what a name cannot hold is replaced.
      takes: What to measure.
      base: Controls, rates and sizes; default: the guitar's. Breakpoints of stiffness or tuning
        that it names itself stay as they are.
      pitch_shift: Semitones by which copies to train on reach beyond the recording.
    """
    base = base or InstrumentSpec()
    given, open_ = base.architecture, Architecture()
    measured = {}
    if open_.inharmonicity == given.inharmonicity or open_.tuning_cents == given.tuning_cents:
        stiffness, tuning = measured_stiffness(takes)
        if given.inharmonicity == open_.inharmonicity:
            measured["inharmonicity"] = stiffness
        if given.tuning_cents == open_.tuning_cents:
            measured["tuning_cents"] = tuning
    pitches = [note.pitch for take in takes for note in take.performance.notes]
    performances = [take.performance for take in takes]
    return base.model_copy(
        update={
            "controls": tuple(
                control.model_copy(update={"heard": heard_levels(control, performances)})
                if control.heard is None
                else control
                for control in base.controls
            ),
            "name": re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-_.") or "guitar",
            "pitch_range": (min(pitches) - pitch_shift, max(pitches) + pitch_shift),
            "data_licence": takes[0].meta.licence or base.data_licence,
            "architecture": given.model_copy(update=measured),
            "provenance": {},
            "figures": {},
        }
    )
