"""Checks of the exercises in notebook 04: two styles from one riff, a palm that falls, a notch.

Road: answer -> Performance -> instrument -> audio -> measures -> [words].
Explained in notebook 04, "Your turn".
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from numbers import Real

import numpy as np

from nmsynth_lib.audio import listen
from nmsynth_lib.checks.hear_it import RIGHT
from nmsynth_lib.guitars.pick import PICK_CC, pick_position
from nmsynth_lib.level_measures import level_db, level_window, running_energy
from nmsynth_lib.note_measures import note_table
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance, held, midi_to_hz
from nmsynth_lib.pitch_measures import partial_levels

METAL_T20_S, BALLAD_T20_S = 0.45, 1.3  # at most; at least, median over the notes
METAL_DROP_DB, BALLAD_DROP_DB = 45.0, 12.0  # from a note's peak to just before the next note
SOFTER_DB = 6.0  # by which the ballad is plucked more softly
PALM_FALLS_S = 1.0
RINGS_DB, CHOKES_DB = 9.0, 15.0  # lost in the half second before the palm falls, at most; after
SILENT_PARTIAL, NOTCH_DB = 5, -12.0  # re its neighbours
_PLAIN_RIFF = [40, 40, 43, 40, 45, 40, 46, 45]
_HELD_E2 = Note(40, 100, 0.1, 2.6)


def plain_riff() -> Performance:
    """Eight notes, half muted, neither metal nor ballad: what exercise 1 begins with.

    Explained in notebook 04, "Your turn".
    """
    notes = [(pitch, 80, 0.1 + 0.5 * i, 0.5 + 0.5 * i) for i, pitch in enumerate(_PLAIN_RIFF)]
    return Performance.from_notes(notes, cc={OPENNESS_CC: 64}, name="plain riff")


@dataclass(frozen=True)
class StyleHeard:
    """What a rendered riff does, each the median over its notes.

    Attributes:
      t20_s: Time to fall by 20 dB.
      peak_db: Peak level, dB re full scale.
      drop_db: From the peak to the level just before the next note begins.
    """

    t20_s: float
    peak_db: float
    drop_db: float


def style_heard(guitar, performance: Performance) -> StyleHeard:
    """Plays a riff and measures how it is played.

    Args:
      guitar: A loaded instrument.
      performance: At least two notes.

    Returns:
      The medians.

    Explained in notebook 04, "Your turn".
    """
    audio, rate = guitar.render(performance), guitar.sample_rate
    rows = note_table(audio, rate, performance, pitch=False)
    energy, drops = running_energy(audio), []
    for row, following in pairwise(rows):
        window = level_window(row.pitch)
        before = np.array([following.onset - window - 0.004])
        drops.append(row.peak_db - float(level_db(energy, rate, before, window)[0]))
    t20 = [0.0 if np.isnan(row.t20_s) else row.t20_s for row in rows]
    peaks = [row.peak_db for row in rows]
    return StyleHeard(*(float(np.median(values)) for values in (t20, peaks, drops)))


def check_metal_and_ballad(guitar, metal: Performance | None, ballad: Performance | None) -> str:
    """Is the first palm-muted metal, and the second a ringing ballad, with the same notes?

    Args:
      guitar: A loaded instrument.
      metal: The learner's first version of `plain_riff()`.
      ballad: The learner's second.

    Returns:
      The verdict in words; it also shows players.
    """
    for name, version in (("metal", metal), ("ballad", ballad)):
        if not isinstance(version, Performance):
            return f"Not yet. `{name}` is not a performance: make one from riff, e.g. riff.with_cc."
        wrong = _other_notes(version)
        if wrong:
            return f"Not yet. `{name}`: {wrong}"
    sounds = [guitar.render(version) for version in (metal, ballad)]
    listen(*sounds, labels=["your metal", "your ballad"], sample_rate=guitar.sample_rate)
    hard, soft = (style_heard(guitar, version) for version in (metal, ballad))
    said = (
        f"Metal: a note falls by 20 dB in {hard.t20_s:.2f} s, and has lost {hard.drop_db:.0f} dB "
        f"when the next one comes. Ballad: {soft.t20_s:.2f} s, {soft.drop_db:.0f} dB, and its "
        f"plucks are {hard.peak_db - soft.peak_db:.0f} dB softer"
    )
    return _style_fault(hard, soft, said) or f"{RIGHT}{said}. Same notes, two kinds of music."


def _style_fault(hard: StyleHeard, soft: StyleHeard, said: str) -> str:
    """What is wrong with one of the two, in words; empty if nothing is."""
    if hard.t20_s > METAL_T20_S:
        return (
            f"Not yet. {said}. The metal rings too long: {METAL_T20_S} s is the most. Lay the palm "
            "on the strings: riff.with_cc(55, ...), low values."
        )
    if hard.drop_db < METAL_DROP_DB:
        return (
            f"Not yet. {said}. The palm is down, but a chug needs a gap, {METAL_DROP_DB:.0f} dB, "
            "before the next one. Let go earlier: .with_note_lengths(0.5)."
        )
    if soft.t20_s < BALLAD_T20_S:
        return (
            f"Not yet. {said}. The ballad does not ring: at least {BALLAD_T20_S} s is asked for. "
            "Take the palm off: high values of CC55."
        )
    if soft.drop_db > BALLAD_DROP_DB:
        return (
            f"Not yet. {said}. The strings are open, but each note is stopped before the next. "
            "Hold them: .with_note_lengths(1.25) lets each sound until the next begins."
        )
    if hard.peak_db - soft.peak_db < SOFTER_DB:
        return (
            f"Not yet. {said}. Nobody plucks a ballad as hard as metal: {SOFTER_DB:.0f} dB softer. "
            "That is .with_velocity(...); openness does not do it."
        )
    return ""


def check_falling_palm(guitar, events: list | None) -> str:
    """Does one note ring for a second and choke then, without a second pluck?

    Args:
      guitar: A loaded instrument.
      events: The learner's CC55 steps, (seconds, value), for an E2 from 0.1 to 2.6 s.

    Returns:
      The verdict in words; it also shows a player.
    """
    if not events:
        return f"Not yet. Give steps, e.g. [(0.0, 127), ({PALM_FALLS_S}, 64)]."
    try:
        note = Performance.from_notes([_HELD_E2], cc={OPENNESS_CC: events}, name="one held E2")
    except Exception as error:
        return f"Not yet. These are no (seconds, value) steps: {error}"
    outside = [time for time, _ in note.controllers[OPENNESS_CC] if time > _HELD_E2.offset]
    if outside:
        return (
            f"Not yet. The step at {outside[0]:g} s comes when the note is over, at "
            f"{_HELD_E2.offset} s. A step is (seconds, value), in this order and in seconds."
        )
    audio, rate = guitar.render(note), guitar.sample_rate
    listen(audio, labels=["one note, and a palm"], sample_rate=rate)
    energy, window = running_energy(audio), level_window(_HELD_E2.pitch)
    times = np.array([0.47, 0.97, 1.45]) - window / 2
    before, at, end = level_db(energy, rate, times, window)
    rings, chokes = float(before - at), float(at - end)
    said = (
        f"It loses {rings:.0f} dB in the half second before {PALM_FALLS_S:.0f} s, and "
        f"{chokes:.0f} dB in the half second after"
    )
    moments = np.array([0.1, 1.05, 2.6])
    start, fallen, last = held(note.controllers[OPENNESS_CC], moments, 0)
    if rings > RINGS_DB and start < 64:
        return (
            f"Not yet. {said}. It is muted from the start (CC55 = {start:.0f}), and what the palm "
            "has taken does not come back. Begin with an open string."
        )
    if rings > RINGS_DB:
        return (
            f"Not yet. {said}. It should ring for the whole first second: at most {RINGS_DB:.0f} "
            "dB. The palm falls too early; leave it open until 1.0 s."
        )
    if chokes < CHOKES_DB:
        way = "That is too gentle: go lower."
        if fallen >= start:
            where = "falls later than that" if last < start else "never falls"
            if last >= start and start < 96:
                where = f"lies half on the strings from first to last, CC55 = {start:.0f}"
            way = f"The palm {where}: add a step at 1.0 s, to a low value."
        return f"Not yet. {said}. It should choke: {CHOKES_DB:.0f} dB. {way}"
    return f"{RIGHT}{said}. One pluck: openness is a curve, and works in mid-note."


def check_silent_partial(guitar, value: int | None) -> str:
    """Is it with this CC74 that an open E2 sounds without its fifth partial?

    Args:
      guitar: An instrument that has the pick position, such as `string_pick`.
      value: The learner's CC74 value.

    Returns:
      The verdict in words; it also shows a player.
    """
    if value is None:
        return "Not yet. Replace None by a number from 0 to 127."
    if isinstance(value, Real) and 0 < value < 1:
        return (
            f"Not yet. {value:.3g} is a place on the string, not a MIDI value. Solve the law for "
            f"CC74: {value:.3g} = 0.137 * 2 ** ((CC74 - 64) / 50)."
        )
    if isinstance(value, Real) and value % 1 and 0 <= value <= 127:
        return f"Not yet. {value:.2f} lies between two MIDI values: take the nearest, round(...)."
    if not isinstance(value, Real) or not 0 <= value <= 127:
        return f"Not yet. {value!r} is not a MIDI value: take a whole number from 0 to 127."
    pluck = Performance.from_notes([Note(40, 100, 0.1, 1.6)], cc={OPENNESS_CC: 127})
    audio = guitar.render(pluck.with_cc(PICK_CC, int(value)))
    listen(audio, labels=[f"E2 with CC74 = {int(value)}"], sample_rate=guitar.sample_rate)
    partials = (SILENT_PARTIAL - 1, SILENT_PARTIAL, SILENT_PARTIAL + 1)
    f0 = float(midi_to_hz(40))
    _, levels = partial_levels(audio, guitar.sample_rate, f0, partials, 0.15, 0.4)
    lower, found, upper = levels.mean(axis=1)
    notch = float(found - (lower + upper) / 2)
    place, side = float(pick_position(int(value))), "below" if notch < 0 else "above"
    said = (
        f"With CC74 = {int(value)} the pick strikes at {place:.3f} of the string, and partial "
        f"{SILENT_PARTIAL} is {abs(notch):.0f} dB {side} its neighbours"
    )
    if notch > NOTCH_DB:
        way = (
            "higher: the pick is too near to the bridge" if place < 0.2 else "lower: it is too far"
        )
        return (
            f"Not yet. {said}. The string stands still for partial n where it is plucked at 1/n of "
            f"its length; position = 0.137 * 2 ** ((CC74 - 64) / 50). Go {way}."
        )
    return f"{RIGHT}{said}. A fifth of the string is where its fifth partial stands still."


def _other_notes(version: Performance) -> str:
    """Whether pitches or onsets differ from the riff's, in words."""
    wanted = plain_riff().notes
    if len(version.notes) != len(wanted):
        return f"it has {len(version.notes)} notes; the riff has {len(wanted)}. Keep them all."
    for number, (one, other) in enumerate(zip(version.notes, wanted, strict=True), 1):
        if one.pitch != other.pitch or abs(one.onset - other.onset) > 0.03:
            return (
                f"note {number} has another pitch or another beginning than in the riff. Change "
                "how the notes are played: openness, velocity, length."
            )
    return ""
