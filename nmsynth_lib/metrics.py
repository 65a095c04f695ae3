"""Metrics: how far a render is from the recording it should be, a figure for each thing we hear.

Road: instrument -> audio -> [metrics] -> report.
Two figures compare spectra as a whole (`mss`, `log_mel_db`); most others are medians over the rows
of two note tables (`note_measures.note_table`), one of the target and one of the render. A key of
the result is the name of the function that defines it. What has no answer (no rests, so no rest
level) is NaN.
Explained in notebook 05, "The report card".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmsynth_lib.level_measures import level_db, running_energy
from nmsynth_lib.mel import heard_onsets
from nmsynth_lib.note_measures import NoteMeasures, note_table
from nmsynth_lib.onset_measures import SEARCH
from nmsynth_lib.performance import Performance
from nmsynth_lib.spectral_distances import log_mel_db, mss

LONG_NOTE = 0.3  # seconds; shorter notes have no pitch or decay worth a figure
ONSET_TOLERANCE = 0.050  # seconds
RING_OUT, BEFORE_ONSET = 0.150, 0.010  # seconds round a rest that do not count as rest
WRONG_CENTS = 50.0
RINGS_S = 0.15  # seconds a note takes to fall by 20 dB, at least, for the tracker to be sure
NO_PITCH_CENTS = 100.0  # what a note without a pitch counts for where the target has one

Table = Sequence[NoteMeasures]


def evaluate_render(
    target: np.ndarray,
    render: np.ndarray,
    performance: Performance,
    sample_rate: int,
    tables: tuple[Table | None, Table | None] = (None, None),
) -> dict[str, float]:
    """Every sound figure of a render.

    Args:
      target: The recording of the performance, float, shape [n_samples].
      render: What is judged; cut or padded with silence to the target's length.
      performance: What both play; second 0 is the first sample of both.
      sample_rate: Of both, Hz.
      tables: Note tables of target and render, where they have been measured before.

    Returns:
      Figure by key, in the order of the report.

    Raises:
      ValueError: sound that is not one channel of finite numbers.

    Explained in notebook 05, "The report card".
    """
    target, render = _one_channel(target, "target"), _one_channel(render, "render")
    render = same_length(render, len(target))
    truth, table = (
        note_table(sound, sample_rate, performance) if known is None else known
        for sound, known in zip((target, render), tables, strict=True)
    )
    return {
        "log_mel_db": log_mel_db(target, render, sample_rate),
        "mss": mss(target, render),
        "f0_cents_median": f0_cents_median(truth, table),
        "wrong_pitches": wrong_pitches(truth, table),
        "onset_ms_median": onset_ms_median(table),
        "onset_f1": onset_f1(render, sample_rate, performance),
        "attack_ms_median": attack_ms_median(table),
        "level_db_median": level_db_median(truth, table),
        "high_partials_db_median": high_partials_db_median(truth, table),
        "decay_error_median": decay_error_median(truth, table),
        "release_ms_error": release_ms_error(truth, table),
        "rest_floor_db": rest_floor_db(render, sample_rate, performance),
    }


def f0_cents_median(truth: Table, table: Table) -> float:
    """Median absolute cents between F0 and the MIDI pitch (bend included).

    Over notes of at least 0.3 s whose target has a clear pitch, read from 50 ms after the onset to
    the offset; a note whose render has none counts as 100 cents off.

    Explained in notebook 05, "Is it in tune?".
    """
    off = [
        NO_PITCH_CENTS if np.isnan(row.cents) else abs(row.cents)
        for wanted, row in zip(truth, table, strict=True)
        if _is_long(row) and not np.isnan(wanted.cents)
    ]
    return _median(off)


def wrong_pitches(truth: Table, table: Table) -> float:
    """How many notes sound at another pitch: what a median does not see.

    Counted are notes of at least 0.3 s whose target is within 50 cents of the MIDI pitch, and whose
    render is not, or has no clear pitch. A target that is 20 dB down within 0.15 s is too short for
    the tracker to be sure of either sound: there only another pitch counts, not an unclear one.

    Explained in notebook 05, "Is it in tune?".
    """
    wrong = [
        not abs(row.cents) <= WRONG_CENTS
        for wanted, row in zip(truth, table, strict=True)
        if _is_long(row)
        and abs(wanted.cents) <= WRONG_CENTS
        and not (np.isnan(row.cents) and wanted.t20_s < RINGS_S and _is_heard(row))
    ]
    return float(sum(wrong))


def onset_ms_median(table: Table) -> float:
    """Median absolute time from note-on to the sounding onset, ms; a missing onset counts 100 ms.

    Explained in notebook 05, "How fast is a pluck?".
    """
    missing = 1000 * SEARCH[1]
    return _median([missing if np.isnan(r.onset_ms) else abs(r.onset_ms) for r in table])


def onset_f1(audio: np.ndarray, sample_rate: int, performance: Performance) -> float:
    """F-measure of the onsets heard in a sound against the note-ons, within 50 ms.

    Unlike `onset_ms_median` the listener here knows nothing of the performance: notes that were
    not asked for count against it.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      performance: What should be heard.

    Returns:
      0 (no note-on heard) .. 1 (each heard, and nothing else).

    Source: `mir_eval.onset.f_measure` of `mel.heard_onsets`.
    Explained in notebook 05, "How fast is a pluck?".
    """
    import mir_eval

    heard = heard_onsets(audio, sample_rate)
    if len(heard) == 0:
        return 0.0
    wanted = np.array([note.onset for note in performance.notes])
    return float(mir_eval.onset.f_measure(wanted, heard, window=ONSET_TOLERANCE)[0])


def attack_ms_median(table: Table) -> float:
    """Median time from a note's sounding onset to 3 dB below its peak, ms.

    Explained in notebook 05, "How fast is a pluck?".
    """
    return _median([row.attack_ms for row in table])


def level_db_median(truth: Table, table: Table) -> float:
    """Median absolute difference of the notes' peak levels, dB.

    Explained in notebook 05, "The report card".
    """
    return _median([abs(a.peak_db - b.peak_db) for a, b in zip(truth, table, strict=True)])


def high_partials_db_median(truth: Table, table: Table) -> float:
    """Median absolute difference of the level above the tenth partial, in a note's first 50 ms, dB.

    Explained in notebook 05, "The report card".
    """
    return _median(
        [abs(a.high_partials_db - b.high_partials_db) for a, b in zip(truth, table, strict=True)]
    )


def decay_error_median(truth: Table, table: Table) -> float:
    """Median relative error of the notes' decay rates.

    |render - target| / target over notes of at least 0.3 s whose target has a measurable decay (a
    rate below 1 dB/s counts as 1 in the divisor); a render without a measurable one counts as 1.

    Explained in notebook 05, "How long does it ring?".
    """
    errors = [
        abs(b.decay_db_per_s - a.decay_db_per_s) / max(abs(a.decay_db_per_s), 1.0)
        for a, b in zip(truth, table, strict=True)
        if _is_long(a) and not np.isnan(a.decay_db_per_s)
    ]
    return _median([1.0 if np.isnan(error) else error for error in errors])


def release_ms_error(truth: Table, table: Table) -> float:
    """Median absolute difference of the time to fall 30 dB after note-off, ms.

    Over notes whose target falls so far before the next note; a render that does not counts with
    all the time there was (until the next note, at most 600 ms).

    Explained in notebook 05, "How long does it ring?".
    """
    errors = [
        abs((b.release_room_ms if np.isnan(b.release_ms) else b.release_ms) - a.release_ms)
        for a, b in zip(truth, table, strict=True)
        if not np.isnan(a.release_ms)
    ]
    return _median(errors)


def rest_floor_db(audio: np.ndarray, sample_rate: int, performance: Performance) -> float:
    """Level in the rests, re the loudest moment.

    Median level of 10 ms windows that begin at least 150 ms after a note-off (or before the first
    note) and end 10 ms before the next note-on, re the loudest 10 ms of all.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      performance: What is played.

    Returns:
      dB, below 0; NaN without rests or for digital silence throughout.

    Explained in notebook 05, "The report card".
    """
    window = 0.010
    starts = np.arange(0, len(audio) / sample_rate - window, window)
    level = level_db(running_energy(audio), sample_rate, starts, window)
    resting = np.ones(len(starts), bool)
    for note in performance.notes:
        resting &= (starts + window < note.onset - BEFORE_ONSET) | (starts > note.offset + RING_OUT)
    if not resting.any() or not np.any(audio):
        return np.nan
    return float(np.median(level[resting]) - level.max())


def signed_medians(truth: Table, table: Table) -> dict[str, float]:
    """In which direction a render is off: medians over the notes, render against target.

    Args:
      truth: Note table of the target.
      table: Note table of the render.

    Returns:
      `onset_ms` (late above 0), `cents` (sharp above 0), `level_db`, `high_partials_db`,
      `attack_ms` and `release_ms` (differences), `decay_ratio` (render over target).

    Explained in notebook 05, "The report card".
    """
    pairs = list(zip(truth, table, strict=True))

    def gap(name):
        return _median([getattr(b, name) - getattr(a, name) for a, b in pairs])

    def ratio(name):
        return _median(
            [getattr(b, name) / getattr(a, name) for a, b in pairs if getattr(a, name) > 0]
        )

    return {
        "onset_ms": _median([row.onset_ms for row in table]),
        "cents": _median([row.cents for row in table if _is_long(row)]),
        "level_db": gap("peak_db"),
        "high_partials_db": gap("high_partials_db"),
        "attack_ms": gap("attack_ms"),
        "decay_ratio": ratio("decay_db_per_s"),
        "release_ms": gap("release_ms"),
    }


def same_length(audio: np.ndarray, n_samples: int) -> np.ndarray:
    """A sound cut, or padded with silence, to shape [n_samples]."""
    return np.pad(audio[:n_samples], (0, max(0, n_samples - len(audio))))


def _is_long(row: NoteMeasures) -> bool:
    return row.offset - row.onset >= LONG_NOTE


def _is_heard(row: NoteMeasures) -> bool:
    return not np.isnan(row.onset_ms)


def _median(values: Sequence[float]) -> float:
    """Median of what could be measured; NaN if nothing could."""
    measured = np.asarray(values, float)
    measured = measured[~np.isnan(measured)]
    return float(np.median(measured)) if len(measured) else np.nan


def _one_channel(audio: np.ndarray, what: str) -> np.ndarray:
    audio = np.asarray(audio)
    if audio.ndim != 1 or len(audio) == 0 or not np.isfinite(audio).all():
        raise ValueError(
            f"{what}: shape {audio.shape}; give one channel of finite samples, [n_samples]."
        )
    return audio
