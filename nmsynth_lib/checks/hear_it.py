"""Checks of the exercises in notebook 00: each plays the answer and says what it heard.

Road: answer -> Performance -> instrument -> audio -> [words].
Explained in notebook 00, "Your turn".
"""

from __future__ import annotations

from numbers import Real

import numpy as np

from nmsynth_lib.audio import listen
from nmsynth_lib.note_measures import note_table
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance, held, midi_to_hz
from nmsynth_lib.pitch_measures import partial_levels

RIGHT = "Right. "
RING_FROM, RING_TO = 0.85, 1.15  # seconds that "about one second" may be
PARTIALS = (1, 4, 8)
_LONG_E2 = Performance.from_notes([Note(40, 100, 0.1, 3.1)], name="E2, 3 s")


def check_one_second_ring(guitar, openness: int | None) -> str:
    """Is it this CC55 with which a long E2 needs about one second to fall by 20 dB?

    Args:
      guitar: A loaded instrument.
      openness: The learner's CC55 value.

    Returns:
      The verdict in words; it also shows a player.
    """
    problem = _not_a_midi_value(openness)
    if problem:
        return problem
    audio = guitar.render(_LONG_E2, cc={OPENNESS_CC: int(openness)})
    listen(audio, labels=[f"E2 with CC55 = {int(openness)}"], sample_rate=guitar.sample_rate)
    rings = note_table(audio, guitar.sample_rate, _LONG_E2, pitch=False)[0].t20_s
    heard = f"With CC55 = {int(openness)} it takes {rings:.2f} s to fall by 20 dB"
    if rings < RING_FROM:
        return f"Not yet. {heard}: too short. Open the string further (a higher value)."
    if not rings <= RING_TO:  # also when it never falls that far, NaN
        return f"Not yet. {heard}: too long. Mute it more (a lower value)."
    return f"{RIGHT}{heard}."


def check_muted_then_open(guitar, performance: Performance | None) -> str:
    """Is the first note of this performance muted and the second one open from its very start?

    Args:
      guitar: A loaded instrument.
      performance: The learner's two notes with CC55 events.

    Returns:
      The verdict in words; it also shows a player.
    """
    if not isinstance(performance, Performance):
        return "Not yet. `two_notes` is not a performance: make one with Performance.from_notes."
    if len(performance.notes) != 2:
        return f"Not yet. It has {len(performance.notes)} notes; two are asked for."
    events = performance.controllers.get(OPENNESS_CC, ())
    if not events:
        others = ", ".join(f"CC{number}" for number in performance.controllers)
        return (
            f"Not yet. There is no CC55 event{f', but one of {others}' if others else ''}, so both "
            "notes are muted. Give cc={55: [...]}."
        )
    first, second = performance.notes
    at_first, at_second = held(events, np.array([first.onset, second.onset]), 0)
    audio = guitar.render(performance)
    listen(audio, labels=["your two notes"], sample_rate=guitar.sample_rate)
    said = f"CC55 is {at_first:.0f} when the first note begins, {at_second:.0f} at the second"
    if at_first >= 32:
        return f"Not yet. {said}: the first note is not muted. Begin with (0.0, 1)."
    early = [time for time, value in events if value >= 32 and first.onset < time < first.offset]
    if early:
        return (
            f"Not yet. {said}, but the palm lifts at {early[0]:.2f} s already, in the middle of "
            f"the first note. Wait until it is over, at {first.offset:.2f} s."
        )
    if at_second < 96:
        late = [time for time, value in events if value >= 96]
        hint = (
            f"The event at {late[0]:.2f} s comes after the onset at {second.onset:.2f} s; move it."
            if late
            else "Add an event with 127 before the second onset."
        )
        return f"Not yet. {said}: the second note starts muted. {hint}"
    return f"{RIGHT}{said}. Events take effect from their time on: be there before the note."


def check_first_to_die(guitar, partial: int | None) -> str:
    """Which of partials 1, 4 and 8 of a muted E2 falls by 20 dB first?

    Args:
      guitar: A loaded instrument.
      partial: The learner's guess.

    Returns:
      The verdict in words, with the measured times.
    """
    if partial is None:
        return "Not yet. Replace None by your guess: 1, 4 or 8."
    if partial not in PARTIALS:
        return (
            f"Not yet. Your guess is {partial!r}; choose 1, 4 or 8. It is the partial's number "
            "that is asked for, not its frequency or its time."
        )
    audio = guitar.render(_LONG_E2, cc={OPENNESS_CC: 1})
    (note,), rate = _LONG_E2.notes, guitar.sample_rate
    times, levels = partial_levels(
        audio, rate, float(midi_to_hz(note.pitch)), PARTIALS, note.onset, len(audio) / rate
    )
    falls = {k: _seconds_to_fall(times, level) for k, level in zip(PARTIALS, levels, strict=True)}
    said = ", ".join(f"partial {k} after {seconds:.2f} s" for k, seconds in falls.items())
    if partial == max(falls, key=falls.get):
        return (
            f"Not yet. Partial {partial} is the last of the three: it is what is still there when "
            "the note has gone dull. Which one makes it bright at first?"
        )
    if partial != min(falls, key=falls.get):
        return (
            f"Not yet. Partial {partial} falls by 20 dB in {falls[partial]:.2f} s, and one of the "
            "others in less. Does the palm take more from low or from high partials?"
        )
    return f"{RIGHT}20 dB down: {said}. The hand damps each period, and high partials have more."


def _seconds_to_fall(times: np.ndarray, level_db: np.ndarray, drop_db: float = 20.0) -> float:
    top = int(level_db.argmax())
    below = np.flatnonzero(level_db[top:] <= level_db[top] - drop_db)
    return float(times[top + below[0]] - times[top]) if len(below) else float("inf")


def _not_a_midi_value(value: object) -> str:
    if value is None:
        return "Not yet. Replace None by a number from 0 to 127."
    if not isinstance(value, Real) or value % 1 or not 0 <= value <= 127:
        return f"Not yet. {value!r} is not a MIDI value: take a whole number from 0 to 127."
    return ""
