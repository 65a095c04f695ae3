"""Note-ons: is a string plucked where the MIDI says so? Clicks to hear it by, and the mean attack.

Road: takes -> [note-ons] -> notebook 01: a leaf.
What a network hears at a note-on is the mean of what all examples have there. MIDI that is late
makes it wait; MIDI that is scattered makes it swell.
Explained in notebook 01, "Is it on time?".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nmsynth_lib.errors import RecordingError
from nmsynth_lib.performance import Performance

CLICK_HZ, CLICK_S, CLICK_LEVEL = 3000.0, 0.002, 0.25
WINDOW_S = 0.002  # of the levels round a note-on
FROM_MS, TO_MS = -40, 100
SHORTEST_S = 0.020  # that a scattered note keeps
SILENT = 1e-10


def with_clicks(audio: np.ndarray, sample_rate: int, performance: Performance) -> np.ndarray:
    """The sound with a click at each note-on: one stroke is heard where the MIDI is right.

    Args:
      audio: Shape [n_samples], within -1...1.
      sample_rate: Hz.
      performance: Whose note-ons click.

    Returns:
      float32, shape [n_samples], at half the level, so that the clicks have room.

    Explained in notebook 01, "Is it on time?".
    """
    heard = 0.5 * np.asarray(audio, np.float32)
    time = np.arange(round(CLICK_S * sample_rate)) / sample_rate
    click = CLICK_LEVEL * np.sin(2 * np.pi * CLICK_HZ * time) * np.exp(-3 * time / CLICK_S)
    for note in performance.notes:
        place = heard[round(note.onset * sample_rate) :][: len(click)]
        place += click[: len(place)].astype(np.float32)
    return np.clip(heard, -1.0, 1.0)


def scattered(performance: Performance, deviation_ms: float, seed: int = 0) -> Performance:
    """The same with note-ons that stray, as if somebody had drawn them in by eye.

    Args:
      performance: What was played.
      deviation_ms: Standard deviation of the note-ons, ms, >= 0.
      seed: Of the strays.

    Returns:
      Notes in the same order, one at a time, at least 20 ms long; controllers stay.

    Explained in notebook 01, "Is it on time?".
    """
    strays = np.random.default_rng(seed).standard_normal(len(performance.notes))
    notes = []
    for note, stray in zip(performance.notes, strays, strict=True):
        earliest = notes[-1].onset + SHORTEST_S if notes else 0.0
        latest = max(note.offset - SHORTEST_S, note.onset)
        onset = float(np.clip(note.onset + stray * deviation_ms / 1000.0, earliest, latest))
        if notes and notes[-1].offset > onset:
            notes[-1] = replace(notes[-1], offset=onset)
        notes.append(replace(note, onset=onset))
    return replace(performance, notes=tuple(notes))


def mean_attack(
    audio: np.ndarray, sample_rate: int, performance: Performance
) -> tuple[np.ndarray, np.ndarray]:
    """The level round a note-on, mean over all notes that have a rest of 40 ms before them.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      performance: Whose note-ons are taken; each note counts alike, whatever its level.

    Returns:
      Times, -40...100 ms from the note-on, and level of the mean power in windows of 2 ms, dB re
      its loudest; both of shape [n_times].

    Raises:
      RecordingError: no note with so much sound round it and a rest before it.

    Explained in notebook 01, "Is it on time?".
    """
    size = round(WINDOW_S * sample_rate)
    times_ms = np.arange(FROM_MS, TO_MS + 1, 1000 * WINDOW_S / 2)
    starts = np.rint(times_ms * sample_rate / 1000).astype(int) - size // 2
    total, count, last_off = np.zeros(len(times_ms)), 0, -np.inf
    for note in performance.notes:
        first = round(note.onset * sample_rate)
        rested, last_off = note.onset - last_off >= -FROM_MS / 1000, note.offset
        if not rested or first + starts[0] < 0 or first + starts[-1] + size > len(audio):
            continue
        piece = np.asarray(audio[first + starts[0] : first + starts[-1] + size], float) ** 2
        sums = np.concatenate([[0.0], np.cumsum(piece)])
        at = starts - starts[0]
        power = (sums[at + size] - sums[at]) / size
        total, count = total + power / max(power.max(), SILENT), count + 1
    if not count:
        raise RecordingError(
            f"{performance.name}: no note has a rest before it and sound round it."
        )
    mean = np.maximum(total / count, SILENT)
    return times_ms, 10 * np.log10(mean / mean.max())


def attack_ms(times_ms: np.ndarray, level_db: np.ndarray, drop_db: float = 3.0) -> float:
    """When a mean attack first comes within so many dB of its loudest, ms after the note-on.

    Explained in notebook 01, "Is it on time?".
    """
    return float(times_ms[np.flatnonzero(level_db >= -drop_db)[0]])


def swell_ms(times_ms: np.ndarray, level_db: np.ndarray) -> float:
    """How long a mean attack takes from 20 dB to 3 dB below its loudest: what is heard as a swell.

    Explained in notebook 01, "Is it on time?".
    """
    return attack_ms(times_ms, level_db) - attack_ms(times_ms, level_db, 20.0)


def at_marks(
    performance: Performance, marks: Sequence[float], furthest_ms: float = 100.0
) -> Performance:
    """The same with each note-on moved to the mark that lies nearest to it.

    Args:
      performance: What was drawn by eye.
      marks: Seconds at which something begins to sound.
      furthest_ms: How far a note moves at most; where no mark is so near it stays.

    Returns:
      Notes in the same order, one at a time, at least 20 ms long; controllers stay.

    Explained in notebook 06, "Draw it over the sound".
    """
    notes, places = [], np.asarray(sorted(marks), float)
    for note in performance.notes:
        near = places[np.abs(places - note.onset) <= furthest_ms / 1000.0]
        onset = float(near[np.abs(near - note.onset).argmin()]) if len(near) else note.onset
        onset = min(onset, max(note.offset - SHORTEST_S, note.onset))
        if notes and onset < notes[-1].onset + SHORTEST_S:
            onset = max(note.onset, notes[-1].onset + SHORTEST_S)
        if notes and notes[-1].offset > onset:
            notes[-1] = replace(notes[-1], offset=onset)
        notes.append(replace(note, onset=onset))
    return replace(performance, notes=tuple(notes))
