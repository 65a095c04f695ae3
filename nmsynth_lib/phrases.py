"""Phrases to play: the three published examples and a riff, each under a name for a menu.

Road: [phrases] -> performance -> controls -> decoder -> synthesis -> audio.
The examples are rebuilt from the piano rolls of the paper's supplement, note for note.
Explained in notebook 00, "Play it".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from nmsynth_lib.errors import NotMidiError
from nmsynth_lib.performance import Performance
from nmsynth_lib.score import riff

EXAMPLES = {
    "Long notes: muted, then open": "test_midi_extra_long_open_closed",
    "Open and muted in turn": "test_midi_longer_open_closed",
    "Long and short, all muted": "test_midi_long_short",
}
"""Menu label to the name of the published example."""

RIFF = "Riff"


def examples_folder() -> Path:
    """The folder that holds the MIDI files of the published examples.

    Raises:
      NotMidiError: the library was installed without the project's `assets` folder.
    """
    folder = Path(__file__).resolve().parent.parent / "assets" / "midi"
    if not folder.is_dir():
        raise NotMidiError(f"{folder}: the example MIDIs are missing; run from a full checkout.")
    return folder


def phrases() -> dict[str, Performance]:
    """Every phrase of the menus: the published examples as written, then the riff.

    Returns:
      Menu label to performance, in the order of the menu.

    Explained in notebook 00, "Play it".
    """
    folder = examples_folder()
    examples = {
        label: Performance.from_midi(folder / f"{name}.mid") for label, name in EXAMPLES.items()
    }
    return {**examples, RIFF: riff()}


def loop_seconds(performance: Performance) -> float:
    """Length of the loop a phrase is played in: its notes, room to ring, a whole half second."""
    return math.ceil(2 * (performance.duration + 0.3)) / 2


def varied(
    performance: Performance,
    controllers: Mapping[int, int | None] | None = None,
    velocity: int | None = None,
    note_length: int = 100,
    transpose: int = 0,
) -> Performance:
    """A phrase played otherwise: what the sliders of a panel make of it.

    Args:
      performance: The phrase as written.
      controllers: CC number to the value that it is held at; None leaves it as written.
      velocity: 1...127 for every note; None leaves it as written.
      note_length: Per cent of the written lengths; a note still ends when the next begins.
      transpose: Semitones.

    Returns:
      The performance.

    Raises:
      ControlRangeError: a value that MIDI does not have.
    """
    if note_length != 100:
        performance = performance.with_note_lengths(note_length / 100)
    if velocity is not None:
        performance = performance.with_velocity(velocity)
    if transpose:
        performance = performance.transposed(transpose)
    for number, value in (controllers or {}).items():
        if value is not None:
            performance = performance.with_cc(number, value)
    return performance
