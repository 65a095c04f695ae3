"""Alignment: how late a recording is against its MIDI, and whether their clocks agree.

Road: folder of audio + MIDI -> [alignment] -> take checks -> recordings -> training.
A recorder starts when it starts, an mp3 adds a few hundredths of a second, and two clocks drift
apart by some parts in a million: 80 ppm are 58 ms in twelve minutes, and a network that learns from
that learns to wait. So first a rough place is voted for by all onsets that can be heard, then every
note is looked for by itself, and a robust straight line is drawn through how late each one is.
Explained in notebook 01, "Is it on time?".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from nmsynth_lib.errors import RecordingError
from nmsynth_lib.mel import heard_onsets
from nmsynth_lib.onset_measures import onset_time
from nmsynth_lib.performance import Performance

FURTHEST_S = 2.0  # how late or early a recording may be
VOTE_S, WIDTH_S = 0.005, 0.060  # bins of the vote, and how wide a vote counts
NEAR_S = 0.150  # of the rough place, in which notes are matched
MOST_NOTES = 800  # that the line is drawn through
FEWEST_NOTES = 4
SHORTEST_S = 20.0  # of notes over which a drift can be told
PIECE_S, LONG_S = (
    120.0,
    600.0,
)  # heard at once; longer takes vote in pieces, for drift spreads votes


@dataclass(frozen=True)
class Alignment:
    """How the sound of a take lies against its MIDI.

    Attributes:
      lag_ms: How late the sound is at second 0 of the MIDI, ms; negative for early.
      drift_ppm: How much later it gets, microseconds each second.
      spread_ms: How far single notes lie from that line (robust standard deviation), ms.
      heard: Share of the notes whose onset was found.
      note_ms: Second of the MIDI and ms that a note is late there, for each note that was found.
    """

    lag_ms: float
    drift_ppm: float
    spread_ms: float
    heard: float
    note_ms: tuple[tuple[float, float], ...] = field(default=(), repr=False)

    def late_ms(self, seconds: float) -> float:
        """How late the sound is at a time of the MIDI, ms."""
        return self.lag_ms + self.drift_ppm * seconds / 1000.0


def measured_alignment(audio: np.ndarray, sample_rate: int, performance: Performance) -> Alignment:
    """How late the sound is, and by how much it gets later.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      performance: What should be heard; its notes are looked for up to 2 s away.

    Returns:
      The line through the notes; a drift of 0 where the notes cover less than 20 s.

    Raises:
      RecordingError: fewer than four of the notes can be heard.

    Explained in notebook 01, "Is it on time?".
    """
    onsets = np.array([note.onset for note in performance.notes])
    heard = _heard_everywhere(audio, sample_rate)
    rough = _rough_line(onsets, heard)
    if rough is None:
        raise RecordingError(
            f"{performance.name}: its notes cannot be heard in the sound. "
            "Do the two files belong together?"
        )
    lag, drift = rough
    starts = lag + (1.0 + drift) * onsets
    chosen = np.unique(np.linspace(0, len(onsets) - 1, MOST_NOTES).astype(int))
    late = np.full(len(onsets), np.nan)
    for index in chosen:
        if starts[index] < 0:
            continue  # before the sound begins
        note = performance.notes[index]
        moved = replace(note, onset=starts[index], offset=lag + (1.0 + drift) * note.offset)
        before = starts[index - 1] if index else 0.0
        limit = min([*starts[index + 1 : index + 2], (len(audio) - 1) / sample_rate])
        late[index] = onset_time(audio, sample_rate, moved, before, limit) - onsets[index]
    found = np.isfinite(late)
    if found.sum() < FEWEST_NOTES:
        raise RecordingError(
            f"{performance.name}: only {found.sum()} of its notes can be heard in the sound. "
            "Do the two files belong together?"
        )
    lag, drift = _line(onsets[found], late[found])
    rest = late[found] - lag - drift * onsets[found]
    return Alignment(
        lag_ms=1e3 * lag,
        drift_ppm=1e6 * drift,
        spread_ms=1e3 * 1.4826 * float(np.median(np.abs(rest))),
        heard=float(found.sum() / len(chosen)),
        note_ms=tuple(zip(onsets[found].tolist(), (1e3 * late[found]).tolist(), strict=True)),
    )


def retimed(performance: Performance, shift: float, drift: float = 0.0) -> Performance:
    """The same performance at the times `shift + (1 + drift) t`.

    Args:
      performance: Notes, controllers and bends all move.
      shift: Seconds.
      drift: Seconds a second.

    Returns:
      The performance; what would begin before second 0 begins there, and notes that would end there
      are gone.

    Raises:
      NoNotesError: none is left.
    """

    def at(time: float) -> float:
        return max(0.0, shift + (1.0 + drift) * time)

    return replace(
        performance,
        notes=tuple(
            replace(note, onset=at(note.onset), offset=at(note.offset))
            for note in performance.notes
            if at(note.offset) > at(note.onset)
        ),
        controllers={
            number: tuple((at(time), value) for time, value in events)
            for number, events in performance.controllers.items()
        },
        bend=tuple((at(time), value) for time, value in performance.bend),
    )


def _heard_everywhere(audio: np.ndarray, rate: int) -> np.ndarray:
    """Onsets of the whole take, seconds, found piece by piece: memory does not grow with it."""
    size = round(PIECE_S * rate)
    pieces = [
        first / rate + heard_onsets(audio[first : first + size], rate)
        for first in range(0, len(audio), size)
    ]
    return np.concatenate(pieces)


def _rough_line(onsets: np.ndarray, heard: np.ndarray) -> tuple[float, float] | None:
    """Lag (s) and drift (s/s) by the vote of all pairs of a note and something heard."""
    if len(onsets) < FEWEST_NOTES or len(heard) < FEWEST_NOTES:
        return None
    apart = []
    for onset in onsets:
        first, last = np.searchsorted(heard, [onset - FURTHEST_S, onset + FURTHEST_S])
        apart.append(heard[first:last] - onset)
    lag, drift = _voted(apart), 0.0
    if np.ptp(onsets) > LONG_S:
        edges = np.arange(onsets[0], onsets[-1] + PIECE_S, PIECE_S)
        groups = np.split(np.arange(len(onsets)), np.searchsorted(onsets, edges[1:]))
        groups = [group for group in groups if len(group) >= 2 * FEWEST_NOTES]
        middles = np.array([onsets[group].mean() for group in groups])
        lag, drift = _line(middles, np.array([_voted([apart[i] for i in g]) for g in groups]))
    pairs = [
        (onset, near[off.argmin()])
        for onset, near in zip(onsets, apart, strict=True)
        if len(near) and (off := np.abs(near - lag - drift * onset)).min() < NEAR_S
    ]
    return _line(*np.array(pairs).T) if len(pairs) >= FEWEST_NOTES else None


def _voted(apart: list[np.ndarray]) -> float:
    """The lag (s) that most pairs agree on, within 60 ms."""
    edges = np.arange(-FURTHEST_S, FURTHEST_S + VOTE_S, VOTE_S)
    votes, _ = np.histogram(np.concatenate(apart), edges)
    wide = np.convolve(votes, np.hanning(round(2 * WIDTH_S / VOTE_S)), "same")
    return float(edges[int(wide.argmax())] + VOTE_S / 2)


def _line(times: np.ndarray, late: np.ndarray) -> tuple[float, float]:
    """Lag and drift that half of the notes agree on (Theil and Sen's line)."""
    from scipy.stats import theilslopes

    if np.ptp(times) < SHORTEST_S:
        return float(np.median(late)), 0.0
    some = np.unique(np.linspace(0, len(times) - 1, MOST_NOTES).astype(int))
    drift, lag, *_ = theilslopes(late[some], times[some])
    return float(lag), float(drift)
