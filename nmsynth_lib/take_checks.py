"""Take checks: everything that can be measured about a take before it is trained on.

Road: folder of audio + MIDI -> [take checks] -> findings -> meta.yaml -> takes -> training.
Lag and drift come first; then the notes are where they sound, and tuning, tails, loudness and
silent notes can be read off the sound. What the figures mean, and what to do, is said by
`take_findings`.
Explained in notebook 01, "Is the sound sound?".
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np

from nmsynth_lib.alignment import Alignment, measured_alignment, retimed
from nmsynth_lib.errors import NmsynthError
from nmsynth_lib.midi.channel import held_together, note_name
from nmsynth_lib.midi.file import read_guitar_track
from nmsynth_lib.performance import OPENNESS_CC, Performance, held
from nmsynth_lib.pitch_measures import let_go_of_tracker, note_cents
from nmsynth_lib.sound_measures import SoundFigures, sound_figures
from nmsynth_lib.takes import Take, TakeFiles, load_take
from nmsynth_lib.velocity_measures import louder_than_its_kind_db, note_loudness_db

RATE = 16000
MOST_TUNED, LONGEST_TUNED_S, SHORTEST_TUNED_S = 60, 1.0, 0.3  # notes that the tuning is read from
BETWEEN_S = 0.1  # of silence between them
TAIL_S, TAIL_REST_S, TAIL_WINDOW_S = 0.100, 0.160, 0.020
SILENT_OVER_FLOOR_DB, SILENT_UNDER_KIND_DB = 6.0, 30.0
# Names of a guitar's strings, and the MIDI pitches that a beginner plays on each.
STRINGS = (("E", 0, 44), ("A", 45, 49), ("D", 50, 54), ("G", 55, 58), ("B", 59, 63), ("e", 64, 127))
LEVELS = (("muted", 0, 42), ("half open", 43, 84), ("open", 85, 127))  # of CC55
RARE = 0.05  # a level with a smaller share of the notes is no level of its own


@dataclass(frozen=True)
class TakeCheck:
    """A take, measured. What could not be measured is NaN, or empty.

    Attributes:
      files: Sound, MIDI and the meta under which it was measured.
      sound: The file of sound by itself; None if it cannot be read.
      error: Why the take cannot be used at all, one line; empty if it can.
      take: As its meta reads it, before anything that was measured here is corrected.
      performance: What the MIDI asks for, moved to where it sounds.
      n_notes: How many.
      lowest: MIDI pitch.
      highest: MIDI pitch.
      overlaps: Second and MIDI pitches of neighbours that one string cannot play.
      past_the_end: Notes that begin after the sound has ended.
      alignment: How late the sound is.
      tuning_cents: Median of the notes, positive for sharp.
      string_cents: The same by string, as played in first position.
      tail_db: How far the sound has fallen 0.1 s after the note-off, median.
      silent_notes: Notes in which nothing is heard.
      velocity_rank: Rank correlation of velocity with loudness among notes of a kind.
      velocities: Different values.
      openness: Share of the notes at each level of CC55.
      holes: Where a level, or any note at all, is missing: words.
      minutes_usable: What training can use.
    """

    files: TakeFiles
    sound: SoundFigures | None = None
    error: str = ""
    take: Take | None = None
    performance: Performance | None = None
    n_notes: int = 0
    lowest: int = 0
    highest: int = 0
    overlaps: tuple[tuple[float, int, int], ...] = ()
    past_the_end: int = 0
    alignment: Alignment | None = None
    tuning_cents: float = np.nan
    string_cents: tuple[tuple[str, float], ...] = ()
    tail_db: float = np.nan
    silent_notes: int = 0
    velocity_rank: float = np.nan
    velocities: int = 0
    openness: tuple[tuple[str, float], ...] = ()
    holes: tuple[str, ...] = ()
    minutes_usable: float = 0.0

    def figures(self) -> dict[str, float]:
        """Everything that is a number, flat; what could not be measured is left out."""
        found: dict[str, float] = {
            name: getattr(self, name)
            for name in ("n_notes", "lowest", "highest", "past_the_end", "tuning_cents", "tail_db",
                         "silent_notes", "velocity_rank", "velocities", "minutes_usable")
        }  # fmt: skip
        found["overlaps"] = len(self.overlaps)
        found["holes"] = len(self.holes)
        if self.sound is not None:
            found |= {
                name: getattr(self.sound, name)
                for name in ("seconds", "sample_rate", "channels", "peak_dbfs", "clipped", "dc",
                             "floor_dbfs", "cancelled_db", "hum_seconds", "hum_hz")
            }  # fmt: skip
        if self.alignment is not None:
            found |= {
                name: getattr(self.alignment, name)
                for name in ("lag_ms", "drift_ppm", "spread_ms", "heard")
            }
        found |= {f"tuning_cents_{name}_string": cents for name, cents in self.string_cents}
        found |= {f"share_{name.replace(' ', '_')}": share for name, share in self.openness}
        return {name: float(value) for name, value in found.items() if np.isfinite(value)}


def checked_take(files: TakeFiles) -> TakeCheck:
    """Measures a take as its meta leaves it: what is already corrected is no longer wrong.

    Args:
      files: From `takes.find_takes`.

    Returns:
      All figures; those of a take that cannot be used end where it fails, with `error`.

    Explained in notebook 01, "Is the sound sound?".
    """
    check = TakeCheck(files)
    try:
        check = replace(check, sound=sound_figures(files.sound))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pairs = held_together(read_guitar_track(files.midi).keys)
            as_written = files.meta.model_copy(update={"overlaps": "last", "measured_velocity": 0})
            take = load_take(replace(files, meta=as_written), RATE)
        check = _midi_figures(check, take, pairs)
        alignment = measured_alignment(take.audio, RATE, take.performance)
    except NmsynthError as error:
        return replace(check, error=str(error))
    moved = retimed(take.performance, alignment.lag_ms / 1e3, alignment.drift_ppm / 1e6)
    check = replace(check, alignment=alignment, performance=moved)
    check = _sound_of_notes(check, replace(take, performance=moved))
    let_go_of_tracker()  # a training comes next, often in the same process
    return check


def _midi_figures(check: TakeCheck, take: Take, pairs: list) -> TakeCheck:
    """What can be said of the notes without listening."""
    notes = take.performance.notes
    pitches = np.array([note.pitch for note in notes])
    onsets = np.array([note.onset for note in notes])
    levels = _levels(take.performance)
    return replace(
        check,
        take=take,
        performance=take.performance,
        n_notes=len(notes),
        lowest=int(pitches.min()),
        highest=int(pitches.max()),
        overlaps=tuple((second.onset, first.pitch, second.pitch) for first, second in pairs),
        past_the_end=int((onsets >= take.seconds).sum()),
        velocities=len({note.velocity for note in notes}),
        openness=tuple((name, float(there.mean())) for name, there in levels.items()),
        holes=tuple(_holes(pitches, levels)),
    )


def holes(performance: Performance) -> tuple[str, ...]:
    """What a performance lacks between its lowest and its highest note, in words.

    Args:
      performance: What was, or is to be, recorded.

    Returns:
      Runs of pitches that are not there, or not at a level of CC55 that occurs elsewhere.

    Explained in notebook 06, "Exercise 3: what is still to be recorded?".
    """
    pitches = np.array([note.pitch for note in performance.notes])
    return tuple(_holes(pitches, _levels(performance)))


def _levels(performance: Performance) -> dict[str, np.ndarray]:
    """Which notes begin muted, half open and open."""
    onsets = np.array([note.onset for note in performance.notes])
    cc55 = held(performance.controllers.get(OPENNESS_CC, ()), onsets, 0)
    return {name: (cc55 >= low) & (cc55 <= high) for name, low, high in LEVELS}


def _holes(pitches: np.ndarray, levels: dict[str, np.ndarray]) -> list[str]:
    """Runs of pitches within the range at which a level that occurs elsewhere is missing."""
    inside = range(int(pitches.min()), int(pitches.max()) + 1)
    present = {name: there for name, there in levels.items() if there.mean() >= RARE}
    kinds = {"no note at": np.ones(len(pitches), bool)}
    if len(present) > 1:
        kinds |= {f"no {name} note at": there for name, there in present.items()}
    played = set(pitches)
    holes = []
    for words, there in kinds.items():
        has = set(pitches[there])
        wanted = inside if words == "no note at" else sorted(played)
        missing = [(i, pitch) for i, pitch in enumerate(wanted) if pitch not in has]
        for _, run in groupby(enumerate(missing), lambda pair: pair[1][0] - pair[0]):
            names = [note_name(pitch) for _, (_, pitch) in run]
            holes.append(f"{words} {names[0]}" + (f" to {names[-1]}" if len(names) > 1 else ""))
    return holes


def _sound_of_notes(check: TakeCheck, take: Take) -> TakeCheck:
    """What is heard of the notes, now that they are where they sound."""
    loudness = note_loudness_db(take.audio, RATE, take.performance)
    louder = louder_than_its_kind_db(loudness, take.performance)
    silent = loudness < check.sound.floor_dbfs + SILENT_OVER_FLOOR_DB
    silent |= louder < -SILENT_UNDER_KIND_DB
    pitches, cents = _cents(take)
    velocity = np.array([note.velocity for note in take.performance.notes])
    heard = np.isfinite(louder) & ~silent
    by_string = [
        (name, float(np.median(cents[inside])))
        for name, low, high in STRINGS
        if (inside := (pitches >= low) & (pitches <= high)).sum() >= 3
    ]
    return replace(
        check,
        tuning_cents=float(np.median(cents)) if len(cents) else np.nan,
        string_cents=tuple(by_string),
        tail_db=_tail_db(take),
        silent_notes=int(silent.sum()),
        velocity_rank=_rank_correlation(louder[heard], velocity[heard]),
        minutes_usable=_usable_seconds(take) / 60.0,
    )


def _cents(take: Take) -> tuple[np.ndarray, np.ndarray]:
    """Pitch and cents of long notes all over the range, heard in one row."""
    bend = take.performance.bend
    still = [
        note
        for note in take.performance.notes
        if note.offset - note.onset >= SHORTEST_TUNED_S
        and note.offset < take.seconds
        and not any(note.onset < time < note.offset for time, _ in bend)
    ]
    still.sort(key=lambda note: note.pitch)
    picks = np.unique(np.linspace(0, len(still) - 1, MOST_TUNED).astype(int)) if still else []
    row, notes, bends = [], [], []
    for note in (still[i] for i in picks):
        length = round(min(note.offset - note.onset, LONGEST_TUNED_S) * RATE)
        start, first = sum(map(len, row)) / RATE, round(note.onset * RATE)
        row += [take.audio[first : first + length], np.zeros(round(BETWEEN_S * RATE), np.float32)]
        notes.append(replace(note, onset=start, offset=start + length / RATE))
        bends.append((start, float(held(bend, np.array(note.onset), 0.0))))
    if not notes:
        return np.zeros(0), np.zeros(0)
    cents = note_cents(np.concatenate(row), RATE, Performance.from_notes(notes, bend=bends))
    clear = np.isfinite(cents)
    return np.array([note.pitch for note in notes])[clear], cents[clear]


def _tail_db(take: Take) -> float:
    """Median fall of the level from the note-off to 0.1 s later, where a rest follows."""

    def level(start: float) -> float:
        piece = np.asarray(take.audio[round(start * RATE) :][: round(TAIL_WINDOW_S * RATE)], float)
        return 10 * np.log10(np.square(piece).mean() + 1e-12) if len(piece) else np.nan

    notes = take.performance.notes
    offs = [a.offset for a, b in pairwise(notes) if b.onset - a.offset >= TAIL_REST_S]
    if not offs:
        return np.nan
    falls = [level(off - TAIL_WINDOW_S) - level(off + TAIL_S - TAIL_WINDOW_S / 2) for off in offs]
    return float(np.nanmedian(falls))


def _rank_correlation(loudness: np.ndarray, velocity: np.ndarray) -> float:
    """Spearman's; NaN where one of them never changes."""
    if len(loudness) < 4 or np.ptp(velocity) == 0 or np.ptp(loudness) == 0:
        return np.nan
    from scipy.stats import spearmanr

    return float(spearmanr(loudness, velocity).statistic)


def _usable_seconds(take: Take) -> float:
    """Length of the sound without what is left out."""
    return take.seconds - sum(min(end, take.seconds) - start for start, end in take.left_out())
