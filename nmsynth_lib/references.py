"""References: what else could have been played, so that a figure has something to stand beside.

Road: recordings -> [references] -> audio -> metrics.
The nearest-note sampler is what a user would otherwise reach for: the training note most like the
one that is asked for, cut out and pasted in. Silence is the score of doing nothing.
Explained in notebook 05, "Compared with what?".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmsynth_lib.errors import RecordingError
from nmsynth_lib.note_measures import RELEASE_DROP_DB, note_table
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance, held

# The distance of two notes, in semitones: a semitone of pitch, a twelfth of CC55's range, a sixth
# of velocity's and halving the length each cost 1. Pitch is cheap: a resampled neighbour is a
# better stand-in for a muted note than an open one of the same pitch.
OPENNESS_COST, VELOCITY_COST, SHORTNESS_COST = 12.0, 6.0, 1.0
LENGTH_COST = 1e-3  # a second of difference: only decides between equals
LEAD, FADE = 0.008, 0.005  # seconds before the onset that a cut is made; length of its crossfade
RELEASE = 0.6  # seconds of a note's own release that are kept
LISTEN = 60.0  # seconds of the first take that the release of a shortened note is learnt from
USUAL_RELEASE = 0.1  # seconds to fall 30 dB, where none can be measured


@dataclass(frozen=True)
class _Sample:
    """A training note: where it is and what was asked for."""

    audio: np.ndarray
    note: Note
    cc55: float
    end: float  # seconds at which the next note of the take begins, or the take ends


def silence(n_samples: int) -> np.ndarray:
    """Nothing at all, float32, shape [n_samples]: the score that every render must beat."""
    return np.zeros(n_samples, np.float32)


def nearest_note_sampler(
    takes: Sequence, performance: Performance, sample_rate: int, tail: float = 1.0
) -> np.ndarray:
    """The performance, patched together from training notes.

    For each note the training note with the least distance
      |pitch| in semitones + 12 |CC55| / 127 + 6 |velocity| / 127 + log2(wanted length / its length)
    where the last term counts only for notes that are too short. It is pasted with 5 ms crossfades
    and its own release; one that is too long is let go at the note-off with an exponential fade as
    fast as the median release of the takes' first minute. Only where its pitch differs is it
    resampled, which changes its length as well.
    CC55 and bend inside notes are ignored, levels are left as recorded.

    Args:
      takes: Training takes, with `.audio` [n_samples] and `.performance`; or one pair
        (audio, performance).
      performance: What to play.
      sample_rate: Of takes and result, Hz.
      tail: Seconds after the last note-off.

    Returns:
      Audio, float32, shape [round((performance.duration + tail) * sample_rate)].

    Raises:
      RecordingError: there is no take to take notes from.

    Explained in notebook 05, "Compared with what?".
    """
    if len(takes) == 2 and isinstance(takes[1], Performance):
        pairs = [takes]
    else:
        pairs = [(take.audio, take.performance) for take in takes]
    samples = [sample for pair in pairs for sample in _samples(*pair, sample_rate)]
    if not samples:
        raise RecordingError("Nearest-note sampler: no training notes. Give it training takes.")
    release = _usual_release(*pairs[0], sample_rate)
    table = np.array(
        [(s.note.pitch, s.cc55, s.note.velocity, s.note.offset - s.note.onset) for s in samples]
    )
    notes = performance.notes
    openness = held(performance.controllers.get(OPENNESS_CC, ()), [n.onset for n in notes], 0)
    n_samples = round((performance.duration + tail) * sample_rate)
    played = np.zeros(n_samples)
    for index, note in enumerate(notes):
        sample = samples[int(_distances(table, note, openness[index]).argmin())]
        limit = notes[index + 1].onset if index + 1 < len(notes) else n_samples / sample_rate
        _paste(played, sample, note, limit, sample_rate, release)
    return played.astype(np.float32)


def _samples(audio: np.ndarray, performance: Performance, rate: int) -> list[_Sample]:
    """All notes of a take that the recording holds whole."""
    notes, seconds = performance.notes, len(audio) / rate
    openness = held(performance.controllers.get(OPENNESS_CC, ()), [n.onset for n in notes], 0)
    ends = [following.onset for following in notes[1:]] + [seconds]
    return [
        _Sample(audio, note, float(value), end)
        for note, value, end in zip(notes, openness, ends, strict=True)
        if note.offset <= seconds
    ]


def _usual_release(audio: np.ndarray, performance: Performance, rate: int) -> float:
    """Median time to fall 30 dB after note-off in a take's first minute, seconds."""
    end = max(LISTEN, performance.notes[0].offset)
    beginning = performance.between(0.0, end)
    rows = note_table(audio[: round(end * rate)], rate, beginning, pitch=False)
    measured = [row.release_ms for row in rows if not np.isnan(row.release_ms)]
    return max(0.005, float(np.median(measured)) / 1000) if measured else USUAL_RELEASE


def _distances(table: np.ndarray, note: Note, cc55: float) -> np.ndarray:
    """Distance of every training note, shape [n], as `nearest_note_sampler` defines it.

    Of equals the one whose length is nearest is a hair nearer.
    """
    pitch, openness, velocity, length = table.T
    wanted = note.offset - note.onset
    return (
        np.abs(pitch - note.pitch)
        + OPENNESS_COST * np.abs(openness - cc55) / 127
        + VELOCITY_COST * np.abs(velocity - note.velocity) / 127
        + SHORTNESS_COST * np.maximum(0.0, np.log2(wanted / length))
        + LENGTH_COST * np.abs(length - wanted)
    )


def _paste(
    played: np.ndarray, sample: _Sample, note: Note, limit: float, rate: int, release: float
) -> None:
    """Adds one training note to the sound, from its onset to `limit` (the next note's onset).

    `release` is the time in which a shortened note falls by 30 dB, seconds.
    """
    ratio = 2 ** ((note.pitch - sample.note.pitch) / 12)  # how much faster it is played
    source, onset = sample.audio, sample.note.onset
    first = round((onset - LEAD) * rate)
    last = min(round((sample.end - LEAD + FADE) * rate), len(source))
    if sample.end == len(source) / rate:
        last = len(source)
    last = min(last, round((sample.note.offset + RELEASE) * rate))
    piece = np.asarray(source[max(0, first) : last], float)
    piece = np.pad(piece, (max(0, -first), 0))
    if ratio != 1:
        import soxr

        piece = soxr.resample(piece, ratio * rate, rate)
    start = round((note.onset - LEAD / ratio) * rate)
    fade = round(FADE * rate)
    stop = min(len(played), start + len(piece))
    if limit < len(played) / rate:
        stop = min(stop, round((limit - LEAD) * rate) + fade)
    piece = piece[: max(0, stop - start)].copy()
    if len(piece) < 2 * fade:
        return
    heard = (sample.note.offset - onset) / ratio  # length of the training note as it is played
    let_go = round(note.offset * rate) - start
    if heard > note.offset - note.onset + FADE and let_go < len(piece):
        age = np.arange(len(piece) - let_go) / rate
        piece[let_go:] *= 10 ** (-RELEASE_DROP_DB / 20 * age / release)
    ramp = (np.arange(fade) + 0.5) / fade
    piece[:fade] *= ramp
    piece[-fade:] *= 1 - ramp
    skip = max(0, -start)
    played[start + skip : start + len(piece)] += piece[skip:]
