"""Live notes: a note whose end is not known yet, and how it dies when the finger lets go.

Road: key -> performance -> controls -> instrument -> [live notes] -> keyboard.
A file says when each note will end; a finger does not. So the network is told "not known", the
value that the schema declares for `to_offset`, as it was in part of its training. When the finger
lets go nothing has to be rendered: what the release takes from a note has been measured before, as
a gain over time, and is laid over what sounds.
Explained in notebook 04, "Play it with your fingers".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from nmsynth_lib.controls import Controls, scaled
from nmsynth_lib.errors import ControlRangeError
from nmsynth_lib.level_measures import level_db, level_window, running_energy
from nmsynth_lib.performance import Note, Performance

LONGEST_S = 10.0  # that a note can be held
RELEASE_AT_S, RELEASE_S = 0.128, 0.4  # when a note is let go to read off its release; how much
USUAL_RELEASE, SLOWEST_RELEASE = 150.0, 60.0  # dB/s: of a note that is lost in noise; at least
NOISE_DB, ENDED_DB = -72.0, -90.0  # dB re full scale; dB
FEWEST = 5  # values that tell how fast a release falls

Moves = Mapping[str, Sequence[tuple[float, float]]]


def live_note(pitch: int, velocity: int, moves: Moves, guitar) -> Performance:
    """One note that begins now and whose end lies beyond all that the network is told of.

    Args:
      pitch: MIDI pitch.
      velocity: 1…127.
      moves: Name of a style channel to (seconds since the note began, MIDI value) steps.
      guitar: A loaded instrument.

    Returns:
      The performance.

    Raises:
      ControlRangeError: a channel that the instrument does not have, or a value that MIDI does not.

    Explained in notebook 04, "Play it with your fingers".
    """
    channels = {channel.name: channel.cc for channel in guitar.spec.style_channels()}
    for name in moves:
        if name not in channels:
            known = ", ".join(channels) or "none"
            raise ControlRangeError(f"There is no style channel '{name}'. Channels: {known}.")
    far = LONGEST_S + max(
        (one.unknown or one.high for one in guitar.spec.controls if one.source == "to_offset"),
        default=0.0,
    )
    controllers = {channels[name]: steps for name, steps in moves.items() if len(steps)}
    return Performance.from_notes([Note(pitch, velocity, 0.0, far)], controllers, name="live note")


def held_audio(guitar, note: Performance, seconds: float) -> np.ndarray:
    """The beginning of a note that is held.

    Args:
      guitar: A loaded instrument.
      note: From `live_note`.
      seconds: How much of it, up to 10.

    Returns:
      Audio, float32, [seconds * sample rate]; a longer stretch begins with the same samples.

    Explained in notebook 04, "Play it with your fingers".
    """
    seconds = min(max(seconds, 0.1), LONGEST_S)
    return next(guitar.stream(note, tail=0.0, block=round(seconds * guitar.sample_rate)))


def let_go(guitar, note: Performance, at: float, n_frames: int) -> tuple[Performance, Controls]:
    """A live note that is let go, and what the network sees of it: no end until the end comes.

    Args:
      guitar: A loaded instrument.
      note: From `live_note`.
      at: Seconds since the note began.
      n_frames: Frames of the curves.

    Returns:
      The performance with its end, and curves for `Instrument.render` or `.parameters`.

    Explained in notebook 04, "Play it with your fingers".
    """
    ended = replace(note, notes=[replace(note.notes[0], offset=at)])
    curves = guitar.curves(ended, n_frames)
    times = (1 + np.arange(n_frames)) / guitar.spec.rates.frame_rate
    for column, control in enumerate(guitar.spec.controls):
        if control.source == "to_offset" and control.unknown is not None:
            curves.values[times < at, column] = scaled(control, np.array(control.unknown))
    return ended, curves


def release_gain_db(
    guitar, note: Performance, held: np.ndarray, every: float = 0.004
) -> np.ndarray:
    """What the release takes from a note: its level when it was let go early, re held.

    Where the released note gets lost in the noise, it is taken to go on falling as before.

    Args:
      guitar: A loaded instrument.
      note: From `live_note`.
      held: Its first second at least, from `held_audio`.
      every: Seconds between two values.

    Returns:
      dB, falling, the first value for `every` seconds after the finger has let go; 0.4 s of it.

    Explained in notebook 04, "Play it with your fingers".
    """
    rate, window = guitar.sample_rate, level_window(note.notes[0].pitch)
    ended, curves = let_go(guitar, note, RELEASE_AT_S, round(guitar.spec.rates.frame_rate))
    released = guitar.render(ended, tail=1.0 - RELEASE_AT_S, curves=curves)
    since = np.arange(every, RELEASE_S + every / 2, every)
    starts = RELEASE_AT_S + since - window / 2
    loud, soft = (
        level_db(running_energy(audio), rate, starts, window) for audio in (held, released)
    )
    lost = np.flatnonzero(soft < NOISE_DB)
    known = lost[0] if len(lost) else len(soft)
    fall = np.minimum.accumulate(np.minimum(soft - loud, 0.0))
    usual = -USUAL_RELEASE if known < FEWEST else fall[known - 1] / since[known - 1]
    fall[known:] = (fall[known - 1] if known else 0.0) + usual * (since[known:] - since[known - 1])
    return np.maximum(np.minimum(fall, -SLOWEST_RELEASE * since), ENDED_DB)
