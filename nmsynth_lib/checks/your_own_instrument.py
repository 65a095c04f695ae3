"""Checks of the exercises in notebook 06: a meta.yaml by hand, the better take, the missing notes.

Road: answer -> meta.yaml or Performance -> take checks -> measures -> [words].
Explained in notebook 06, "Your turn".
"""

from __future__ import annotations

import functools
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path

import numpy as np

from nmsynth_lib.audio import listen
from nmsynth_lib.checks.hear_it import RIGHT
from nmsynth_lib.class_runs import HIGH, LOW
from nmsynth_lib.errors import NmsynthError
from nmsynth_lib.guitars import play
from nmsynth_lib.memory import give_memory_back
from nmsynth_lib.mending import write_corrections
from nmsynth_lib.note_ons import mean_attack, scattered, swell_ms, with_clicks
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance, held
from nmsynth_lib.score import training_score
from nmsynth_lib.spoiled_takes import NO_FAULTS, write_spoiled_take
from nmsynth_lib.take_checks import TakeCheck, checked_take, holes
from nmsynth_lib.take_findings import corrections, findings
from nmsynth_lib.takes import TakeMeta, find_takes

RATE = 16000
REHEARSAL = replace(NO_FAULTS, lag_ms=-22.0, cents=18.0, overlaps=True)
LATE = replace(NO_FAULTS, lag_ms=60.0, cents=-30.0, velocity=64, overlaps=True)
STRAYS_MS = 20.0
MINUTES = 0.6
MENDABLE = ("lag_ms", "tuning_cents", "overlaps")
MOST_EXTRA = 8
TOGETHER = 0.2  # correlation of pitch and openness that is as good as none
_KNOWN = frozenset(TakeMeta.model_fields) - {"licence", "source"}


def rehearsal() -> str:
    """What is wrong with the take of exercise 1: a line for each fault, without its correction.

    Explained in notebook 06, "Your turn".
    """
    return "\n".join(f"- {one.words}" for one in _faults(_as_it_is(_rehearsal())))


def check_meta(entries: Mapping | None) -> str:
    """Do these entries of meta.yaml put the rehearsal right?

    Args:
      entries: The learner's, as they would stand under `takes: rehearsal:`.

    Returns:
      The verdict in words; it also shows a player with a click at each note-on.
    """
    if not isinstance(entries, Mapping):
        return "Not yet. Give entries by name, e.g. {'tuning_cents': -5}."
    if unknown := [name for name in entries if name not in _KNOWN]:
        return (
            f"Not yet. meta.yaml knows no {unknown[0]!r}, and would not say so: what it does not "
            f"know it keeps and ignores. It knows {', '.join(sorted(_KNOWN))}."
        )
    if "skip" in entries:
        return "Not yet. Nothing has to be left out here: each of these faults can be read right."
    try:
        check = _checked(_rehearsal(), dict(entries))
    except NmsynthError as error:
        return f"Not yet. It cannot be read so: {str(error).rpartition('meta.yaml: ')[2]}"
    music = check.take.performance
    heard = with_clicks(check.take.audio[: 6 * RATE], RATE, music.between(0.0, 6.0))
    listen(heard, labels=["the rehearsal, with a click at each note-on"], sample_rate=RATE)
    left = {one.key: one for one in _faults(check)}
    if not left:
        return (
            f"{RIGHT}{abs(check.alignment.lag_ms):.1f} ms and {abs(check.tuning_cents):.1f} cents "
            "are left, and nothing sounds together any more. The files are as they were."
        )
    return f"Not yet. {_what_is_left(left, entries, check)}"


def two_takes() -> str:
    """What is wrong with each take of exercise 2: a line for each finding, its name first.

    Explained in notebook 06, "Your turn".
    """
    return "\n".join(
        f"{name}  {one.key}: {one.words}"
        for name, folder in _two_takes().items()
        for one in _faults(_as_it_is(folder))
    )


def check_choice(train_on: str | None, because: str | None) -> str:
    """Is this the take to train on, and is it for that fault of the other one?

    Args:
      train_on: "A" or "B".
      because: Name of the finding that speaks against the other one.

    Returns:
      The verdict in words; it also shows players of both, after all that meta.yaml can do.
    """
    folders = _two_takes()
    if train_on not in folders:
        return 'Not yet. Choose a take: train_on = "A", or "B".'
    mended = {name: _mended(folder) for name, folder in folders.items()}
    pieces = [
        with_clicks(one.take.audio[: 6 * RATE], RATE, one.take.performance.between(0.0, 6.0))
        for one in mended.values()
    ]
    labels = [f"{name}, put right as far as it goes" for name in mended]
    listen(*pieces, labels=labels, sample_rate=RATE)
    spread = {name: one.alignment.spread_ms for name, one in mended.items()}
    swell = {
        name: swell_ms(*mean_attack(one.take.audio, RATE, one.take.performance))
        for name, one in mended.items()
    }
    said = "; ".join(
        f"{name}: faults left {len(_faults(one))}, notes {spread[name]:.1f} ms astray, and the "
        f"mean of its attacks takes {swell[name]:.0f} ms to swell"
        for name, one in mended.items()
    )
    if train_on != min(swell, key=swell.get):
        return (
            f"Not yet. After all that meta.yaml can do, {said}. Do not count the faults: ask of "
            "each whether one number takes it away."
        )
    if because != "spread_ms":
        return (
            f"Not yet. The right take, but {because!r} is not what speaks against the other one. "
            "Which of B's lines has no entry in meta.yaml that would mend it?"
        )
    return f"{RIGHT}After all that meta.yaml can do, {said}. Late is one number; scattered is lost."


def recorded_so_far() -> Performance:
    """The set of exercise 3: a minute of notes, in which something is missing.

    Explained in notebook 06, "Your turn".
    """
    score = training_score(1.0, 1, "two", LOW, HIGH)
    onsets = np.array([note.onset for note in score.notes])
    cc55 = held(score.controllers[OPENNESS_CC], onsets, 0)
    kept = [
        (note, value)
        for note, value in zip(score.notes, cc55, strict=True)
        if note.pitch != 43 and not (note.pitch >= 47 and value < 64)
    ]
    return _with_cc55(kept)


def check_extra(extra: Sequence[tuple[int, int]] | None) -> str:
    """Do these notes fill what is missing, and nothing else?

    Args:
      extra: The learner's notes to be recorded: (pitch, CC55), at most eight.

    Returns:
      The verdict in words; it also plays the notes.
    """
    so_far = recorded_so_far()
    if not extra:
        return (
            f"Not yet. Missing: {'; '.join(holes(so_far))}. Give (pitch, CC55) of each note to "
            "record, e.g. [(40, 127)]."
        )
    if wrong := [one for one in extra if not _is_note(one)]:
        return f"Not yet. {wrong[0]!r} is no (pitch, CC55): two whole numbers from 0 to 127."
    if outside := [pitch for pitch, _ in extra if not LOW <= pitch <= HIGH]:
        return (
            f"Not yet. {outside[0]} lies outside of {LOW} to {HIGH}, E2 to E3, and would only make "
            "new holes on the way there."
        )
    if len(extra) > MOST_EXTRA:
        return (
            f"Not yet. {len(extra)} notes; {MOST_EXTRA} are enough. Who records everything anew "
            "has not looked at what is there."
        )
    notes = [
        (Note(pitch, 100, 0.1 + 0.8 * i, 0.8 + 0.8 * i), value)
        for i, (pitch, value) in enumerate(extra)
    ]
    listen(play("string", _with_cc55(notes)), labels=["what you record"], sample_rate=RATE)
    whole = _joined(so_far, notes)
    before, after = _together(so_far), _together(whole)
    if left := holes(whole):
        return (
            f"Not yet. Still missing: {'; '.join(left)}. Muted is CC55 = 0 to 42, open 85 to 127; "
            "a pitch that is new needs both."
        )
    if after > TOGETHER:
        return f"Not yet. Pitch and openness still go together, by {after:.2f}."
    return (
        f"{RIGHT}Nothing is missing now. High went with open by {before:.2f} in the set (1 is "
        f"always); with your notes it is {after:.2f}, and a network can tell the two apart."
    )


def _what_is_left(left: Mapping, entries: Mapping, check: TakeCheck) -> str:
    """What is still wrong, the first of it with a hint."""
    if "lag_ms" in left:
        lag = check.alignment.lag_ms
        if entries.get("onset_shift_ms", 0) > 0:
            way = "The sign: onset_shift_ms says how late the sound is, so early is below 0."
        else:
            way = "That is onset_shift_ms, in ms, positive for a sound that is late."
        late = "late" if lag > 0 else "early"
        return f"The sound still comes {abs(lag):.1f} ms {late}. {way}"
    if "tuning_cents" in left:
        cents = check.tuning_cents
        way = "sharp" if cents > 0 else "flat"
        return (
            f"On time, but to the MIDI the guitar is still {abs(cents):.1f} cents {way}. "
            "tuning_cents says how sharp it is, and what is said there is no longer wrong."
        )
    if "overlaps" in left:
        return "On time and in tune, but two notes sound together: overlaps says which one wins."
    first = next(iter(left.values()))
    return f"Something else is wrong now: {first.words}"


def _faults(check: TakeCheck) -> list:
    """Findings without mere notes; half a minute is short on purpose."""
    return [one for one in findings(check) if one.grade != "note" and one.key != "minutes_usable"]


def _checked(folder: Path, entries: Mapping | None = None) -> TakeCheck:
    """The check of the folder's only take, read with these entries of meta.yaml."""
    give_memory_back()  # what sliders and keys have left behind
    with tempfile.TemporaryDirectory() as scratch:
        for file in folder.iterdir():
            shutil.copy(file, scratch)
        (files,) = find_takes(scratch)
        if entries:
            write_corrections(scratch, {files.name: entries})
            (files,) = find_takes(scratch)
        return checked_take(files)


@functools.cache
def _as_it_is(folder: Path) -> TakeCheck:
    """The check of a take that nobody has put right."""
    return _checked(folder)


@functools.cache
def _mended(folder: Path) -> TakeCheck:
    """The same, put right as far as meta.yaml can."""
    return _checked(folder, corrections(findings(_as_it_is(folder))))


@functools.cache
def _rehearsal() -> Path:
    score = replace(training_score(MINUTES, 5, "two", LOW, HIGH), bend=())
    folder = tempfile.mkdtemp(prefix="nmsynth-")
    return write_spoiled_take(folder, "string", score, REHEARSAL, name="rehearsal")


@functools.cache
def _two_takes() -> dict[str, Path]:
    made = {}
    for seed, (name, faults) in enumerate({"A": LATE, "B": NO_FAULTS}.items(), 6):
        score = replace(training_score(MINUTES, seed, "two", LOW, HIGH), bend=())
        folder = Path(tempfile.mkdtemp(prefix="nmsynth-"))
        made[name] = write_spoiled_take(folder, "string", score, faults, name=name)
    midi = made["B"] / "B.mid"
    scattered(Performance.from_midi(midi), STRAYS_MS).write_midi(midi)
    return made


def _with_cc55(notes: Sequence[tuple[Note, float]]) -> Performance:
    """Notes, each with a CC55 value just before it."""
    events = [(max(0.0, note.onset - 0.01), int(value)) for note, value in notes]
    return Performance.from_notes([note for note, _ in notes], cc={OPENNESS_CC: events})


def _joined(so_far: Performance, extra: Sequence[tuple[Note, float]]) -> Performance:
    """One set after the other."""
    onsets = [note.onset for note in so_far.notes]
    old = list(zip(so_far.notes, held(so_far.controllers[OPENNESS_CC], onsets, 0), strict=True))
    after = so_far.duration + 1.0
    new = [
        (replace(note, onset=note.onset + after, offset=note.offset + after), value)
        for note, value in extra
    ]
    return _with_cc55([*old, *new])


def _together(performance: Performance) -> float:
    """Correlation of pitch and CC55 over the notes."""
    pitches, onsets = np.array([(note.pitch, note.onset) for note in performance.notes]).T
    return float(np.corrcoef(pitches, held(performance.controllers[OPENNESS_CC], onsets, 0))[0, 1])


def _is_note(one: object) -> bool:
    return (
        isinstance(one, Sequence)
        and len(one) == 2
        and all(isinstance(value, Real) and value % 1 == 0 and 0 <= value <= 127 for value in one)
    )
