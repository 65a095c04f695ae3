"""Worst notes: which notes of a render to listen to first, and what is wrong with each.

Road: metrics -> [worst notes] -> report.
A median hides the note that is wrong. Here every note is compared by its own stretch of the mel
spectrograms, and the worst are described in words.
Explained in notebook 05, "The report card".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmsynth_lib.midi.channel import note_name
from nmsynth_lib.note_measures import NoteMeasures
from nmsynth_lib.performance import Performance

LEAD, TAIL = 0.020, 0.150  # seconds round a note that belong to it
WRONG_CENTS = 50.0


@dataclass(frozen=True)
class WorstNote:
    """A note to listen to.

    Attributes:
      index: In the performance.
      start: Seconds from which to listen.
      end: Seconds.
      distance_db: Mean distance of the mel spectrograms in that stretch.
      sentence: Which note it is, and what is most off.
    """

    index: int
    start: float
    end: float
    distance_db: float
    sentence: str


def worst_notes(
    distances: np.ndarray,
    frame_rate: float,
    performance: Performance,
    truth: Sequence[NoteMeasures],
    table: Sequence[NoteMeasures],
    count: int = 5,
) -> list[WorstNote]:
    """The notes whose sound is farthest from the target's, worst first.

    Args:
      distances: Mean distance of the mel spectrograms frame by frame, dB, shape [n_frames].
      frame_rate: Frames per second.
      performance: What is played.
      truth: Note table of the target.
      table: Note table of the render.
      count: How many.

    Returns:
      At most `count` notes.

    Explained in notebook 05, "The report card".
    """
    found = []
    for index, note in enumerate(performance.notes):
        start, end = max(0.0, note.onset - LEAD), note.offset + TAIL
        if index + 1 < len(performance.notes):
            end = min(end, performance.notes[index + 1].onset)
        piece = distances[int(start * frame_rate) : int(np.ceil(end * frame_rate))]
        if len(piece):
            found.append((float(piece.mean()), index, start, end))
    worst = sorted(found, reverse=True)[:count]
    return [
        WorstNote(index, start, end, distance, _sentence(truth[index], table[index]))
        for distance, index, start, end in worst
    ]


def _sentence(wanted: NoteMeasures, heard: NoteMeasures) -> str:
    """Which note it is, and the one thing that is most off, in units of what one can hear."""
    who = f"{note_name(wanted.pitch)} at {wanted.onset:.2f} s, CC55 = {wanted.cc55}"
    lasts = wanted.offset - wanted.onset
    who = f"{who}, velocity {wanted.velocity}, {lasts:.2f} s long"
    if np.isnan(heard.onset_ms) and not np.isnan(wanted.onset_ms):
        return f"{who}: not heard at all."
    cents = heard.cents - wanted.cents
    if abs(cents) > WRONG_CENTS:
        return f"{who}: {abs(cents) / 100:.1f} semitones too {'high' if cents > 0 else 'low'}."
    level = heard.peak_db - wanted.peak_db
    late, attack = heard.onset_ms - wanted.onset_ms, heard.attack_ms - wanted.attack_ms
    ring = heard.decay_db_per_s / wanted.decay_db_per_s if wanted.decay_db_per_s > 1 else np.nan
    release = heard.release_ms - wanted.release_ms
    offers = [  # how many just noticeable differences, and the words
        (abs(level) / 1.0, f"{abs(level):.1f} dB too {'loud' if level > 0 else 'quiet'}"),
        (abs(late) / 10.0, f"{abs(late):.0f} ms {'late' if late > 0 else 'early'}"),
        (abs(cents) / 5.0, f"{abs(cents):.0f} cents {'sharp' if cents > 0 else 'flat'}"),
        (abs(attack) / 10.0, f"attack {abs(attack):.0f} ms {'slower' if attack > 0 else 'faster'}"),
        (
            abs(np.log(ring)) / np.log(1.2) if ring > 0 else np.nan,
            f"decays {ring:.2f} times as fast as it should",
        ),
        (abs(release) / 30.0, f"let go {abs(release):.0f} ms {'late' if release > 0 else 'early'}"),
    ]
    told = [(size, words) for size, words in offers if not np.isnan(size)]
    size, words = max(told, default=(0.0, ""))
    if size < 1.0:
        return f"{who}: nothing stands out; the difference is in the fine structure."
    return f"{who}: {words}."
