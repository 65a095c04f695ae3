"""Control sweeps: does a control do what it says, and nothing else?

Road: instrument -> audio -> [control sweep] -> report.
One note is played again and again with one control moved: CC55 must lengthen the decay and leave
the pitch alone, velocity must raise level and brightness as far as on the guitar that was learnt.
Whatever turns a performance into sound can be swept: an instrument's `render` or a guitar.
Explained in notebook 05, "The CC55 map".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nmsynth_lib.note_measures import note_table
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance
from nmsynth_lib.pitch_measures import let_go_of_tracker

CC55_VALUES = (1, 16, 32, 48, 64, 80, 96, 112, 127)
SWEEP_PITCHES = (40, 46, 52, 58, 64)
SWEEP_VELOCITIES = (50, 80, 110)
WRONG_WAY = 0.05  # of T20
REST, CC_LEAD = 0.5, 0.010  # seconds between notes; by which CC55 comes before its note


@dataclass(frozen=True)
class Sweep:
    """What became of each note of a sweep; arrays of shape [n_pitches, n_velocities, n_values].

    Attributes:
      pitches: MIDI pitches.
      velocities: MIDI velocities.
      values: CC55 values, rising.
      t20_s: Decay times, seconds; NaN where the note was too short to tell.
      cents: Deviation from the MIDI pitch; NaN without a clear pitch.
      peak_db: Peak levels, dB re full scale.
      brightness_hz: Spectral centroids.
    """

    pitches: tuple[int, ...]
    velocities: tuple[int, ...]
    values: tuple[int, ...]
    t20_s: np.ndarray
    cents: np.ndarray
    peak_db: np.ndarray
    brightness_hz: np.ndarray


def cc55_sweep(
    render_function: Callable[[Performance], np.ndarray],
    pitches: Sequence[int] = SWEEP_PITCHES,
    velocities: Sequence[int] = SWEEP_VELOCITIES,
    values: Sequence[int] = CC55_VALUES,
    sample_rate: int = 16000,
    seconds: float = 2.0,
    tuning: bool = True,
) -> Sweep:
    """Plays every combination of pitch, velocity and CC55, and measures the notes.

    Args:
      render_function: Performance -> audio [n_samples]; called once for each pitch.
      pitches: MIDI pitches.
      velocities: MIDI velocities.
      values: CC55 values, rising.
      sample_rate: Of the audio, Hz.
      seconds: Length of each note; T20 beyond it is extrapolated.
      tuning: Whether to track F0 as well (most of the time this takes).

    Returns:
      The sweep.

    Explained in notebook 05, "The CC55 map".
    """
    measured = []
    for pitch in pitches:
        performance = _one_pitch(pitch, velocities, values, seconds)
        audio = np.asarray(render_function(performance))
        for row in note_table(audio, sample_rate, performance, tuning):
            measured.append((row.t20_s, row.cents, row.peak_db, row.brightness_hz))
    if tuning:
        let_go_of_tracker()
    shape = (len(pitches), len(velocities), len(values))
    return Sweep(
        *(tuple(int(x) for x in axis) for axis in (pitches, velocities, values)),
        *(np.array(column, float).reshape(shape) for column in zip(*measured, strict=True)),
    )


def control_figures(sweep: Sweep, truth: Sweep) -> dict[str, float]:
    """Every control figure that a sweep holds.

    Args:
      sweep: Of the instrument.
      truth: The same sweep of the guitar that it learnt from.

    Returns:
      Figure by key; a key is the name of the function that defines it.

    Explained in notebook 05, "The CC55 map".
    """
    return {
        "cc55_decay_spearman": cc55_decay_spearman(sweep),
        "cc55_violations": cc55_violations(sweep),
        "cc55_span": cc55_span(sweep, truth),
        "cc55_interpolation_error": cc55_interpolation_error(sweep, truth),
        "cc55_leak_cents": cc55_leak_cents(sweep),
        "velocity_level_slope": velocity_level_slope(sweep, truth),
        "velocity_brightness_spearman": velocity_brightness_spearman(sweep),
    }


def cc55_decay_spearman(sweep: Sweep) -> float:
    """Rank correlation of T20 with CC55, mean over pitches and velocities, -1..1.

    A T20 too short to tell counts as 0.

    Explained in notebook 05, "The CC55 map".
    """
    from scipy.stats import spearmanr

    lines = np.nan_to_num(sweep.t20_s).reshape(-1, len(sweep.values))
    found = [spearmanr(line, sweep.values).statistic if np.ptp(line) else 0.0 for line in lines]
    return float(np.mean(found))


def cc55_violations(sweep: Sweep) -> float:
    """Share of neighbouring CC55 steps over which T20 falls by more than 5 %.

    Explained in notebook 05, "The CC55 map".
    """
    t20 = np.nan_to_num(sweep.t20_s)
    return float(np.mean(t20[..., 1:] < (1 - WRONG_WAY) * t20[..., :-1]))


def cc55_span(sweep: Sweep, truth: Sweep) -> float:
    """How far CC55 reaches: T20 at its highest value over T20 at its lowest, re the truth's.

    Returns:
      Median over pitches and velocities; 1 is the guitar's own reach.

    Explained in notebook 05, "The CC55 map".
    """
    reach, wanted = (s.t20_s[..., -1] / s.t20_s[..., 0] for s in (sweep, truth))
    return float(np.nanmedian(reach / wanted))


def cc55_interpolation_error(sweep: Sweep, truth: Sweep) -> float:
    """Median relative error of T20 at the values between the lowest and the highest.

    The figure to ask of an instrument that was trained on the two extremes alone.

    Explained in notebook 05, "The CC55 map".
    """
    between = (slice(None), slice(None), slice(1, -1))
    error = np.abs(sweep.t20_s[between] / truth.t20_s[between] - 1)
    return float(np.nanmedian(error))


def cc55_leak_cents(sweep: Sweep) -> float:
    """Largest change of F0 that CC55 causes at any pitch: of the median over velocities, cents.

    Explained in notebook 05, "The CC55 map".
    """
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any clear pitch
        cents = np.nanmedian(sweep.cents, axis=1)
        return float(np.nanmax(np.nanmax(cents, axis=1) - np.nanmin(cents, axis=1)))


def velocity_level_slope(sweep: Sweep, truth: Sweep) -> float:
    """Slope of peak level over velocity, re the truth's: dB a step over dB a step.

    Returns:
      Median over pitches and CC55 values of one over that of the other; 1 is the guitar's own.

    Explained in notebook 05, "The CC55 map".
    """

    def slope(some: Sweep) -> float:
        levels = np.moveaxis(some.peak_db, 1, 0).reshape(len(some.velocities), -1)
        return float(np.median(np.polyfit(some.velocities, levels, 1)[0]))

    return slope(sweep) / slope(truth)


def velocity_brightness_spearman(sweep: Sweep) -> float:
    """Rank correlation of brightness with velocity, mean over pitches and CC55 values, -1..1.

    Explained in notebook 05, "The CC55 map".
    """
    from scipy.stats import spearmanr

    lines = np.moveaxis(sweep.brightness_hz, 1, -1).reshape(-1, len(sweep.velocities))
    found = [spearmanr(line, sweep.velocities).statistic if np.ptp(line) else 0.0 for line in lines]
    return float(np.mean(found))


def _one_pitch(
    pitch: int, velocities: Sequence[int], values: Sequence[int], seconds: float
) -> Performance:
    """The notes of a sweep at one pitch: velocity by velocity, CC55 rising."""
    notes, openness, time = [], [(0.0, int(values[0]))], 0.25
    for velocity in velocities:
        for value in values:
            notes.append(Note(int(pitch), int(velocity), time, time + seconds))
            openness.append((time - CC_LEAD, int(value)))
            time += seconds + REST
    return Performance.from_notes(notes, cc={OPENNESS_CC: openness}, name=f"sweep of {pitch}")
