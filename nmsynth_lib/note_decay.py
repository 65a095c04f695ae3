"""How single partials of a note die away, beside the law of the guitar that was learnt.

Road: audio + note -> [note decay] -> widgets: a leaf.
Only the string guitar has a law that is known beforehand (`guitars/string.py`); what was learnt
from any other recording is measured, and compared with nothing.
Explained in notebook 04, "One note, every openness".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nmsynth_lib.controls import inharmonicity
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance, held, midi_to_hz
from nmsynth_lib.pitch_measures import PARTIAL_PERIODS, partial_decay, partial_levels
from nmsynth_lib.schema import InstrumentSpec

PARTIALS = (1, 2, 4, 8)
STEP_S, FIT_STEP_S = 0.02, 0.005  # seconds between the points of a curve, and of a fitted line
SHORTEST_FIT_S = 0.06
FLOOR_DB = -100.0

Law = Callable[[float, float, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class PartialTrace:
    """One partial of a note.

    Attributes:
      partial: 1 for the fundamental.
      hz: Its frequency.
      level_db: dB re a sine of amplitude 1, every `STEP_S` from second 0 on.
      fit_from: Second from which the decay is read.
      fit_db: Level there.
      decay_db_per_s: Measured; NaN where the note is too short or too quiet to tell.
      law_db_per_s: What the law says; None without one.
    """

    partial: int
    hz: float
    level_db: np.ndarray
    fit_from: float
    fit_db: float
    decay_db_per_s: float
    law_db_per_s: float | None


def decay_law(spec: InstrumentSpec) -> Law | None:
    """The law of the guitar that an instrument learnt from: F0, openness, partials -> dB/s.

    Returns:
      None where nobody knows it: any guitar but the simulated string.

    Explained in notebook 04, "One note, every openness".
    """
    from nmsynth_lib.guitars.string import string_partial_decay

    learnt = {spec.provenance.get("guitar"), spec.provenance.get("recording")}
    return string_partial_decay if "string" in learnt else None


def partial_traces(
    audio: np.ndarray,
    sample_rate: int,
    performance: Performance,
    note: Note,
    spec: InstrumentSpec,
    partials: Sequence[int] = PARTIALS,
) -> list[PartialTrace]:
    """Follows the partials of a note that sounds alone.

    Args:
      audio: Render of the performance, shape [n_samples].
      sample_rate: Hz.
      performance: Tells the openness.
      note: One of its notes.
      spec: Tells the stiffness of the strings, and whether there is a law.
      partials: Numbers; those above the Nyquist frequency are left out.

    Returns:
      One a partial.

    Explained in notebook 04, "One note, every openness".
    """
    f0_hz = float(midi_to_hz(note.pitch))
    stiffness = float(inharmonicity(np.array([f0_hz]), spec)[0])
    places = np.array(partials) * np.sqrt(1.0 + stiffness * np.array(partials) ** 2.0)
    places = places[places * f0_hz < 0.9 * sample_rate / 2]
    # The window must hear nothing of what was before the onset and comes after the note-off.
    margin = PARTIAL_PERIODS / f0_hz / 2
    start, end = note.onset + max(margin, 0.02), note.offset - margin
    seconds = len(audio) / sample_rate
    _, levels = partial_levels(audio, sample_rate, f0_hz, places, 0.0, seconds, STEP_S)
    levels = np.maximum(levels, FLOOR_DB)
    slopes = np.full(len(places), np.nan)
    if end - start >= SHORTEST_FIT_S:
        slopes = partial_decay(audio, sample_rate, f0_hz, places, start, end, FIT_STEP_S)
    _, at_start = partial_levels(audio, sample_rate, f0_hz, places, start, start + 1e-6, STEP_S)
    openness = held(performance.controllers.get(OPENNESS_CC, ()), np.array(note.onset), 0.0) / 127
    law = decay_law(spec)
    return [
        PartialTrace(
            partial=partial,
            hz=float(place * f0_hz),
            level_db=level,
            fit_from=start,
            fit_db=float(first),
            decay_db_per_s=float(slope),
            law_db_per_s=float(law(f0_hz, openness, float(partial))) if law else None,
        )
        for partial, place, level, slope, (first,) in zip(
            partials, places, levels, slopes, at_start, strict=False
        )
    ]


def decay_in_words(traces: Sequence[PartialTrace], spec: InstrumentSpec) -> str:
    """The decay rates with the law's beside them, as a sentence or two.

    Explained in notebook 04, "One note, every openness".
    """
    told = [one for one in traces if np.isfinite(one.decay_db_per_s)]
    if not told:
        return "The note is too short or too quiet to tell how its partials decay."
    has_law = told[0].law_db_per_s is not None

    def said(one: PartialTrace) -> str:
        law = f" (law {one.law_db_per_s:.0f})" if has_law else ""
        return f"partial {one.partial} {one.decay_db_per_s:.0f}{law}"

    rates = f"Decay in dB a second: {', '.join(map(said, told))}."
    if has_law:
        return f"{rates} The law is that of the simulated string it learnt from."
    return f"{rates} Nobody knows a law of the guitar that {spec.name} learnt from."
