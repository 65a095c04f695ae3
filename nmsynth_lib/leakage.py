"""The leakage matrix: what a control moves besides what it should.

Road: instrument -> audio -> [leakage] -> report.
Each control goes from one end to the other while the rest stays, and everything that one can hear
of a note is measured at both ends: on the instrument, and on the guitar that it learnt. On the
guitar velocity moves the brightness too, and that is no leak. What the instrument moves more than
the guitar does is.
Explained in notebook 05, "What leaks?".
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nmsynth_lib.note_measures import NoteMeasures, note_table
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance

PITCHES = (40, 45, 50, 55, 60)
LEAD, REST, CC_LEAD = 0.25, 0.8, 0.010  # seconds before all, between notes, of CC before its note
USUAL = {"velocity": 80, "openness": 127, "length": 1.0}

# What may move: (name, unit, what is just noticed). Pitch 5 cents (Kollmeier et al. 2008: 3-6 for
# harmonic tones), level 1 dB (Jesteadt et al. 1977), gaps and attacks 10 ms (Hirsh 1959: 15-20 for
# order, 2-10 for a change), ring 20 % (reverberation: 5-25 %), brightness 10 %.
COLUMNS = (
    ("tuning", "cents", 5.0),
    ("onset", "ms", 10.0),
    ("attack", "ms", 10.0),
    ("level", "dB", 1.0),
    ("ring (T20)", "%", 20.0),
    ("brightness", "%", 10.0),
    ("release", "ms", 30.0),
)
# What each control is there to move, or cannot but move; it may differ from the guitar there, but
# other figures tell so.
MEANT = {
    "velocity": {"level", "brightness"},
    "openness": {"ring (T20)", "level", "brightness"},
    "length": set(),
}


@dataclass(frozen=True)
class Leakage:
    """Changes from one end of a control to the other; matrices [n_rows, n_columns].

    Attributes:
      rows: What is moved, from which value to which.
      controls: The same, name only.
      instrument: Median change over pitches, in the unit of the column; NaN: not measurable.
      guitar: The same of the guitar; zeros where none was asked.
    """

    rows: tuple[str, ...]
    controls: tuple[str, ...]
    instrument: np.ndarray
    guitar: np.ndarray

    @property
    def columns(self) -> tuple[str, ...]:
        """What may move, with its unit."""
        return tuple(f"{name}, {unit}" for name, unit, _ in COLUMNS)

    @property
    def jnd(self) -> np.ndarray:
        """The just noticeable difference of each column, in its unit."""
        return np.array([just_noticed for *_, just_noticed in COLUMNS])

    def excess(self) -> np.ndarray:
        """What the instrument moves more than the guitar does, in the units of the columns."""
        return self.instrument - self.guitar

    def sentences(self) -> list[str]:
        """Every leak that one can hear, the largest first: beyond one just noticeable difference.

        What a control is there to move is left out.
        """
        size = np.nan_to_num(np.abs(self.excess()) / self.jnd)
        told = []
        for row, column in np.argwhere(size > 1.0):
            name, unit, _ = COLUMNS[column]
            if name in MEANT.get(self.controls[row], set()):
                continue
            moved, should = self.instrument[row, column], self.guitar[row, column]
            words = (
                f"{self.rows[row]} moves the {name} by {moved:+.1f} {unit}; on the guitar it is "
                f"{should:+.1f} {unit}."
            )
            told.append((size[row, column], words))
        return [words for _, words in sorted(told, reverse=True)]


def leakage(
    render: Callable[[Performance], np.ndarray],
    guitar: Callable[[Performance], np.ndarray] | None = None,
    sample_rate: int = 16000,
    controllers: tuple[int, ...] = (OPENNESS_CC,),
) -> Leakage:
    """The leakage matrix of an instrument.

    Args:
      render: Performance -> audio [n_samples]: the instrument's `render`.
      guitar: The same of the guitar that it learnt; None: every movement counts.
      sample_rate: Of the audio, Hz.
      controllers: CC numbers to sweep; CC55 is called openness.

    Returns:
      The matrix; rows are velocity, the controllers, and note length.

    Explained in notebook 05, "What leaks?".
    """
    ends = {"velocity": (50, 110)}
    ends |= {_control_name(number): (1, 127) for number in controllers}
    ends["length"] = (0.4, 2.0)
    numbers = {_control_name(number): number for number in controllers}
    rows = tuple(
        f"{name} from {low:g} to {high:g}{' s' if name == 'length' else ''}"
        for name, (low, high) in ends.items()
    )
    matrices = [
        np.array([_moved(play, sample_rate, name, numbers, *pair) for name, pair in ends.items()])
        for play in (render, guitar)
        if play is not None
    ]
    if guitar is None:
        matrices.append(np.zeros_like(matrices[0]))
    return Leakage(rows, tuple(ends), *matrices)


def _control_name(number: int) -> str:
    return "openness" if number == OPENNESS_CC else f"CC{number}"


def _moved(play, sample_rate: int, name: str, numbers: dict[str, int], low, high) -> np.ndarray:
    """Median change of every column over the pitches, from one end of a control to the other."""
    performance = _pairs(name, numbers, low, high)
    rows = note_table(np.asarray(play(performance)), sample_rate, performance)
    changes = [_changes(*rows[i : i + 2]) for i in range(0, len(rows), 2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column that no note has an answer for
        return np.nanmedian(changes, axis=0)


def _pairs(name: str, numbers: dict[str, int], low, high) -> Performance:
    """Every pitch twice: with the control at its low and at its high end."""
    notes, time = [], LEAD
    steps: dict[int, list] = {n: [(0.0, USUAL.get(c, 64))] for c, n in numbers.items()}
    for pitch in PITCHES:
        for value in (low, high):
            now = {**USUAL, name: value}
            notes.append(Note(pitch, int(now["velocity"]), time, time + now["length"]))
            for control, number in numbers.items():
                steps[number].append((time - CC_LEAD, int(now.get(control, 64))))
            time += now["length"] + REST
    return Performance.from_notes(notes, cc=steps, name=f"{name} from {low} to {high}")


def _changes(low: NoteMeasures, high: NoteMeasures) -> list[float]:
    """Every column's change, in its unit; length is what it is, so release counts from note-off."""
    t20 = high.t20_s / low.t20_s if low.t20_s > 0 else np.nan
    bright = high.brightness_hz / low.brightness_hz if low.brightness_hz > 0 else np.nan
    return [
        high.cents - low.cents,
        high.onset_ms - low.onset_ms,
        high.attack_ms - low.attack_ms,
        high.peak_db - low.peak_db,
        100 * (t20 - 1),
        100 * (bright - 1),
        high.release_ms - low.release_ms,
    ]
