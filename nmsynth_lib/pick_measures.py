"""Pick measures: do the notches of the comb lie where the pick's position puts them?

Road: instrument -> audio -> [pick measures] -> tests, notebook 01.
One note is played again and again, the pick a little farther along the string each time. What the
partials have in common over such a sweep (pickup, softness of the pick, decay) and what a note has
in common over its partials (loudness) are taken away; what is left is the comb, which has a law.
Whatever turns a performance into sound can be swept: an instrument's `render` or a guitar.
Explained in notebook 01, "A second style: where the pick strikes".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nmsynth_lib.guitars.pick import COMB_FLOOR_DB, PICK_CC, pick_comb_db, pick_position
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance, midi_to_hz
from nmsynth_lib.pitch_measures import PARTIAL_PERIODS, partial_levels

PICK_VALUES = tuple(range(4, 128, 12))  # 4, 16, ... 124: none of them the rest value
PICK_PITCHES = (38, 43, 48, 53, 58, 63)
LISTENED_S = 0.1  # of each note's beginning
NOTE_S, REST_S = 0.5, 0.5
CC_LEAD_S = 0.010  # by which a controller comes before its note
PARTIALS, HIGHEST_HZ = 20, 6000.0  # above either a partial is not looked at
POSITIONS = np.geomspace(0.02, 0.5, 700)  # that a note is compared with, 0.5 % apart


@dataclass(frozen=True)
class PickSweep:
    """Level of every partial for every place of the pick.

    Attributes:
      pitches: MIDI pitches.
      values: CC74 values, rising.
      levels_db: Of the first 0.1 s, dB re full scale, shape [n_pitches, n_values, n_partials]; NaN
        for partials that are too high.
    """

    pitches: tuple[int, ...]
    values: tuple[int, ...]
    levels_db: np.ndarray

    @property
    def true_positions(self) -> np.ndarray:
        """Where the pick should be: share of the string, shape [n_values]."""
        return pick_position(np.array(self.values, float))


def pick_sweep(
    render_function: Callable[[Performance], np.ndarray],
    pitches: Sequence[int] = PICK_PITCHES,
    values: Sequence[int] = PICK_VALUES,
    velocity: int = 100,
    sample_rate: int = 16000,
) -> PickSweep:
    """Plays open notes with the pick at each place, and measures their partials.

    Args:
      render_function: Performance -> audio [n_samples]; called once.
      pitches: MIDI pitches.
      values: CC74 values, rising, at least three.
      velocity: Of all notes.
      sample_rate: Of the audio, Hz.

    Returns:
      The sweep.

    Explained in notebook 01, "A second style: where the pick strikes".
    """
    performance = _sweep_music(pitches, values, velocity)
    audio = np.asarray(render_function(performance))
    levels = np.full((len(performance.notes), PARTIALS), np.nan)
    for note, row in zip(performance.notes, levels, strict=True):
        f0 = float(midi_to_hz(note.pitch))
        partials = range(1, min(PARTIALS, int(HIGHEST_HZ / f0)) + 1)
        reach = 0.5 * PARTIAL_PERIODS / f0  # of the smoothing, to either side
        start, end = note.onset + reach, max(note.onset + LISTENED_S - reach, note.onset + reach)
        _, tracks = partial_levels(audio, sample_rate, f0, partials, start, end + 0.005)
        row[: len(partials)] = 10 * np.log10(np.mean(10 ** (tracks / 10), axis=1))
    shape = (len(pitches), len(values), PARTIALS)
    return PickSweep(tuple(pitches), tuple(values), levels.reshape(shape))


def measured_comb_db(sweep: PickSweep) -> np.ndarray:
    """What the place of the pick did to each partial.

    Args:
      sweep: From `pick_sweep`.

    Returns:
      dB re the partial's mean over the sweep and the note's mean over its partials, no lower than
      20 dB under the partial's loudest, shape [n_pitches, n_values, n_partials]; NaN as in the
      sweep.

    Explained in notebook 01, "A second style: where the pick strikes".
    """
    return _centred(_floored(sweep.levels_db))


def expected_comb_db(sweep: PickSweep) -> np.ndarray:
    """The same by the law |sin(pi n p)|: dB, shape [n_pitches, n_values, n_partials].

    Explained in notebook 01, "A second style: where the pick strikes".
    """
    comb = pick_comb_db(sweep.true_positions[:, None], np.arange(1, PARTIALS + 1))
    return _centred(np.where(np.isnan(sweep.levels_db), np.nan, comb[None]))


def comb_correlation(sweep: PickSweep) -> float:
    """How well the measured combs follow the law, -1..1: 1 is the law, 0 nothing of it.

    Returns:
      Correlation of dB with dB over partials and positions, mean over pitches; 0 for a pitch whose
      partials do not move.

    Explained in notebook 01, "A second style: where the pick strikes".
    """
    found = []
    for measured, expected in zip(measured_comb_db(sweep), expected_comb_db(sweep), strict=True):
        known = ~np.isnan(expected)
        still = np.ptp(measured[known]) < 1e-6
        found.append(0.0 if still else np.corrcoef(measured[known], expected[known])[0, 1])
    return float(np.mean(found))


def found_positions(sweep: PickSweep) -> np.ndarray:
    """Where the pick seems to have been, for each note.

    The other notes of the same pitch, less the combs that the law gives them, tell how the partials
    would sound without one. The position whose comb explains best how this note differs from that,
    loudness apart, is the answer; the note's own CC74 is not looked at.

    Args:
      sweep: From `pick_sweep`.

    Returns:
      Share of the string, 0.02 .. 0.5, shape [n_pitches, n_values].

    Explained in notebook 01, "A second style: where the pick strikes".
    """
    found = np.empty(sweep.levels_db.shape[:2])
    for row, levels in enumerate(_floored(sweep.levels_db)):
        levels = levels[:, ~np.isnan(levels[0])]
        partials = np.arange(1, levels.shape[1] + 1)
        plain = levels - pick_comb_db(sweep.true_positions[:, None], partials)
        plain = plain - plain.mean(axis=1, keepdims=True)
        combs = pick_comb_db(POSITIONS[:, None], partials)
        for column in range(len(levels)):
            others = np.delete(plain, column, axis=0)
            misfit = levels[column] - np.median(others, axis=0) - combs
            misfit = misfit - np.median(misfit, axis=1, keepdims=True)
            found[row, column] = POSITIONS[np.abs(misfit).mean(axis=1).argmin()]
    return found


def pick_position_error(sweep: PickSweep) -> float:
    """Median relative error of the position that is heard, over pitches and CC74 values.

    Explained in notebook 01, "A second style: where the pick strikes".
    """
    return float(np.median(np.abs(found_positions(sweep) / sweep.true_positions - 1)))


def _floored(levels: np.ndarray) -> np.ndarray:
    """No partial lower than 20 dB under its loudest of the sweep, as in the law."""
    return np.maximum(levels, levels.max(axis=1, keepdims=True) + COMB_FLOOR_DB)


def _centred(levels: np.ndarray) -> np.ndarray:
    """Less the mean over positions (axis 1), then less that over partials (axis 2)."""
    levels = levels - levels.mean(axis=1, keepdims=True)
    return levels - np.nanmean(levels, axis=2, keepdims=True)


def _sweep_music(pitches: Sequence[int], values: Sequence[int], velocity: int) -> Performance:
    """Pitch by pitch the notes of a sweep, CC74 rising."""
    notes, moves, time = [], [(0.0, values[0])], 0.25
    for pitch in pitches:
        for value in values:
            notes.append(Note(pitch, velocity, time, time + NOTE_S))
            moves.append((time - CC_LEAD_S, value))
            time += NOTE_S + REST_S
    return Performance.from_notes(notes, cc={OPENNESS_CC: 127, PICK_CC: moves}, name="pick sweep")
