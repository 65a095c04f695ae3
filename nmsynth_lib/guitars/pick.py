"""The pick: CC74 is where along the string it strikes, the second style channel of this guitar.

Road: Performance -> string, [pick] -> audio of a known instrument -> recordings -> training.
A string that is plucked at a share p of its length, seen from the bridge, sounds without the
partials that stand still there. So the truth is known in closed form, as the decay is:

  position           p = 0.137 * 2^((CC74 - 64) / 50)    0.056 near the bridge .. 0.33 near the neck
  level of partial n |sin(pi n p)|, a comb whose notches lie at n = 1/p, 2/p, 3/p, ...

(for n stands f_n / f0: the stiff string's partials lie a little higher.) The pick's place is read
once, when the note begins. Music without CC74 is played at the rest value 64, which is MIDI's own
"no change" for this controller, and where this guitar was always plucked.
Explained in notebook 01, "A second style: where the pick strikes".
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nmsynth_lib.errors import ControlRangeError
from nmsynth_lib.performance import OPENNESS_CC, Performance, held
from nmsynth_lib.score import CC_LEAD

PICK_CC = 74
PICK_REST = 64  # in force while there is no event
REST_POSITION = 0.137  # distance from the bridge, share of the string's length
STEPS_PER_OCTAVE = 50  # CC74 steps over which that distance doubles
COMB_FLOOR_DB = -20.0  # notches are told no deeper: jitter and noise fill them
ORDERS = 100  # orders of the positions to choose from, when they are dealt to notes


def pick_position(value: float | np.ndarray) -> float | np.ndarray:
    """Where the pick strikes: distance from the bridge as a share of the string's length.

    Args:
      value: CC74, 0 (near the bridge) .. 127 (near the neck), any shape.

    Returns:
      0.056 .. 0.33 in equal ratios, 0.137 at the rest value.

    Explained in notebook 01, "A second style: where the pick strikes".
    """
    return REST_POSITION * 2.0 ** ((value - PICK_REST) / STEPS_PER_OCTAVE)


def pick_comb_db(position: float | np.ndarray, partial: float | np.ndarray) -> np.ndarray:
    """What the pick's place does to each partial: the law of the comb.

    Args:
      position: Share of the string's length, 0 .. 1.
      partial: 1 for the fundamental, and so on; of a stiff string f_n / f0. Both broadcast.

    Returns:
      Level, dB re a partial that is plucked where it swings most; never below -20.

    Source: Fletcher and Rossing, "The Physics of Musical Instruments", on the plucked string.
    Explained in notebook 01, "A second style: where the pick strikes".
    """
    swing = np.abs(np.sin(np.pi * np.multiply(partial, position)))
    return 20.0 * np.log10(np.maximum(swing, 10.0 ** (COMB_FLOOR_DB / 20.0)))


def pick_value_at(performance: Performance, seconds: float | np.ndarray) -> np.ndarray:
    """CC74 in force at a time: the rest value while there is no event."""
    return held(performance.controllers.get(PICK_CC, ()), seconds, PICK_REST)


def with_pick_positions(performance: Performance, seed: int = 1) -> Performance:
    """The same music, each note plucked elsewhere: CC74 10 ms before every note-on.

    The values are spread evenly over 0..127 and dealt so that they go with nothing else: of 100
    random orders the one that is least correlated with pitch, velocity, length and openness.

    Args:
      performance: Any; nothing else in it changes.
      seed: Of the order, integer >= 0.

    Returns:
      The performance, with a CC74 event at time 0 too.

    Raises:
      ControlRangeError: it moves CC74 already.

    Explained in notebook 01, "A second style: where the pick strikes".
    """
    if PICK_CC in performance.controllers:
        raise ControlRangeError(
            f"{performance.name}: has CC{PICK_CC} already; leave the pick positions to it."
        )
    notes = performance.notes
    rng = np.random.default_rng([seed, 3])  # another stream than the scores' own
    spread = ((np.arange(len(notes)) + rng.random(len(notes))) / len(notes) * 128).astype(int)
    onsets = np.array([note.onset for note in notes])
    others = [
        np.array([note.pitch for note in notes]),
        np.array([note.velocity for note in notes]),
        np.array([note.offset for note in notes]) - onsets,
        held(performance.controllers.get(OPENNESS_CC, ()), onsets, 0),
    ]
    orders = [rng.permutation(spread) for _ in range(ORDERS)]
    values = min(orders, key=lambda order: max(_correlation(order, other) for other in others))
    before = np.maximum(onsets - CC_LEAD, 0.0)
    events = [(0.0, int(values[0]))]
    events += [(float(time), int(value)) for time, value in zip(before, values, strict=True)]
    return replace(performance, controllers={**performance.controllers, PICK_CC: events})


def _correlation(some: np.ndarray, other: np.ndarray) -> float:
    """How far two columns go together, 0..1; 0 where one of them never changes."""
    if np.ptp(some) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(abs(np.corrcoef(some, other)[0, 1]))
