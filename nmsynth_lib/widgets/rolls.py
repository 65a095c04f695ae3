"""What is drawn in the piano roll, as plain rows, to and from a performance.

Road: the browser -> [rolls] -> Performance -> instrument: a leaf beside the road.
A lane is drawn as points from which a value holds or glides; MIDI knows only steps, so a glide
becomes as many steps as can be told apart.
Explained in notebook 04, "Inside one held note".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from nmsynth_lib.performance import Performance

GLIDE_STEP_S = 0.010  # between the steps that a glide is made of
CORNER_S = 0.001  # before a step where the instrument itself glides between events


def roll_of(performance: Performance | None, ramping: Collection[int] = ()) -> dict:
    """A performance as the page draws it.

    Args:
      performance: None gives an empty roll.
      ramping: Controllers that the instrument itself glides between events.

    Returns:
      `notes`: rows of [pitch, velocity, onset, offset]; `lanes`: CC number as text to rows of
      [seconds, value, 1 if it glides to the next]; `bend`: rows of [seconds, semitones].

    Explained in notebook 04, "Inside one held note".
    """
    if performance is None:
        return {"notes": [], "lanes": {}, "bend": []}
    return {
        "notes": [[n.pitch, n.velocity, n.onset, n.offset] for n in performance.notes],
        "lanes": {
            str(number): [[time, value, int(number in ramping)] for time, value in events]
            for number, events in performance.controllers.items()
        },
        "bend": [list(step) for step in performance.bend],
    }


def performance_of(
    roll: Mapping, ramping: Collection[int] = (), name: str = "piano roll"
) -> Performance:
    """What is drawn as a performance, checked.

    Args:
      roll: As `roll_of` gives it.
      ramping: Controllers that the instrument itself glides between events.
      name: For messages and file names.

    Returns:
      The performance.

    Raises:
      NoNotesError: the roll is empty.
      ControlRangeError, OverlapError: what MIDI or one string cannot do.

    Explained in notebook 04, "Inside one held note".
    """
    return Performance.from_notes(
        [tuple(note) for note in roll.get("notes", ())],
        cc={
            int(number): lane_events(points, int(number) in ramping)
            for number, points in roll.get("lanes", {}).items()
        },
        bend=[tuple(step) for step in roll.get("bend", ())],
        name=name,
    )


def lane_events(points: Sequence[Sequence[float]], ramps: bool = False) -> list[tuple]:
    """The controller events that a drawn lane stands for.

    Args:
      points: Rows of [seconds, value, 1 if it glides to the next], sorted.
      ramps: Whether the instrument glides between events by itself.

    Returns:
      (seconds, value) events. Where the instrument holds values, a glide is a step every 10 ms at
      which the whole value differs; where it glides, a held value is told again 1 ms before the
      next point.

    Explained in notebook 04, "Inside one held note".
    """
    events: list[tuple] = []
    for index, (start, value, glides) in enumerate(points):
        events.append((start, value))
        if index + 1 == len(points):
            break
        end, following = points[index + 1][:2]
        if ramps and not glides and end - start > CORNER_S:
            events.append((end - CORNER_S, value))
        elif glides and not ramps:
            times = np.arange(start + GLIDE_STEP_S, end, GLIDE_STEP_S)
            values = np.interp(times, [start, end], [value, following]).round().astype(int)
            changed = np.flatnonzero(np.diff(values, prepend=value))
            events += [(round(float(times[i]), 4), int(values[i])) for i in changed]
    return events
