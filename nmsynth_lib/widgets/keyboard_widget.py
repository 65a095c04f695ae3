"""The keyboard: keys in, single notes out, as soon as the kernel can make them.

Road: key -> live note -> instrument -> [int16 PCM] -> the browser, which plays and damps.
The browser asks for one note at a time (`wire.js`): first for its beginning, which sounds at once,
then for the rest of it and for what a release does to it. It keeps what it has got, and asks for
neighbouring notes while nobody plays, so most keys need no question. Notes are made of `wanted`;
the other traits are where the sliders stand.
Explained in notebook 04, "Play it with your fingers".
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import traitlets

from nmsynth_lib.errors import ControlRangeError
from nmsynth_lib.live_notes import LONGEST_S, held_audio, live_note, release_gain_db
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance
from nmsynth_lib.widgets.answering import Answering
from nmsynth_lib.widgets.instrument_menu import InstrumentMenu
from nmsynth_lib.widgets.parts import script, styles
from nmsynth_lib.widgets.sounds import from_pcm, in_notebook, pcm, sliders
from nmsynth_lib.widgets.stand_in import StandIn

BEGINNING_S, WHOLE_S = 1.0, 6.0  # what is asked for first, and then
RELEASE_STEP_S = 0.004
_OWN = ("live_sound.js", "keys.js", "key_settings.js", "keyboard.js")
OPEN_STRINGS = (40, 45, 50, 55, 59, 64)


class Keyboard(StandIn, Answering):
    """A keyboard for the computer's keys, a mouse, or fingers; one note at a time.

    Attributes:
      instrument: Name of the instrument that plays.
      wanted: The note that the browser asks for: pitch, velocity, seconds, and `moves`, the name of
        a style channel to (seconds since the note began, MIDI value) steps.
      controls: Style channel to MIDI value, where the sliders stand.
      velocity: 1...127 of a key of the computer; low on a key of the screen it is more.
      octave: MIDI pitch of the lowest key on the screen, a C.
      pcm: The sound of `note`, int16 little-endian.
      note: About that sound: what was wanted, by which instrument, sample rate, milliseconds of
        rendering, and for a whole note what a release takes from it, dB every 4 ms.
    """

    SETTINGS = ("wanted", "instrument")
    _esm = script("player.js", "elements.js", "sliders.js", "wire.js", *_OWN)
    _css = styles("keyboard.css")

    menus = traitlets.Dict().tag(sync=True)
    instrument = traitlets.Unicode().tag(sync=True)
    wanted = traitlets.Dict().tag(sync=True)
    controls = traitlets.Dict().tag(sync=True)
    velocity = traitlets.Int(96, min=1, max=127).tag(sync=True)
    octave = traitlets.Int(36, min=12, max=84).tag(sync=True)
    pcm = traitlets.Bytes().tag(sync=True)
    note = traitlets.Dict().tag(sync=True)

    def __init__(self, instruments: Sequence[str | object] = ()):
        """Loads the first instrument and lets it play one note, silently.

        Args:
          instruments: Names of instruments, or loaded ones; empty takes all that are shipped.
        """
        self._instruments = InstrumentMenu(instruments)
        names = self._instruments.names
        super().__init__(
            instrument=names[0],
            menus={"instruments": names, "channels": [], "lengths": [BEGINNING_S, WHOLE_S]},
            wanted={"pitch": 40, "velocity": 96, "moves": {}, "seconds": WHOLE_S},
        )
        self._begin()

    @property
    def audio(self) -> np.ndarray:
        """The note that was made last: float32, shape [n_samples], full scale 1.0."""
        return from_pcm(self.pcm)

    def _guitar(self):
        """The chosen instrument, loaded when it is first asked for."""
        return self._instruments.guitar(self.instrument)

    def _answer(self, settings: dict) -> dict:
        guitar, wanted = self._guitar(), settings["wanted"]
        started = time.perf_counter()
        seconds = _number(wanted, "seconds", LONGEST_S)
        pitch, velocity = (_number(wanted, name, 127) for name in ("pitch", "velocity"))
        moves = wanted.get("moves") or {}
        if self.note.get("instrument") != settings["instrument"]:  # it may have other channels
            known = [channel.name for channel in guitar.spec.style_channels()]
            moves = {name: steps for name, steps in moves.items() if name in known}
        played = live_note(pitch, velocity, moves, guitar)
        audio = held_audio(guitar, played, seconds)
        whole = seconds > BEGINNING_S
        release = release_gain_db(guitar, played, audio, RELEASE_STEP_S) if whole else []
        note = {
            "wanted": wanted,
            "instrument": settings["instrument"],
            "sample_rate": guitar.sample_rate,
            "release_db": [round(float(value), 2) for value in release],
            "render_ms": round(1000 * (time.perf_counter() - started), 1),
        }
        pitches = list(guitar.spec.pitch_range)
        menus = {**self.menus, "channels": sliders(guitar.spec), "pitches": pitches}
        return {"menus": menus, "pcm": pcm(audio), "note": note}

    def _plain(self) -> str:
        """The six open strings, open and muted."""
        from nmsynth_lib.widgets.fallback import players_html

        return players_html(self._guitar(), six_strings())


def six_strings() -> Performance:
    """The six strings of a guitar, one after the other: what plays where there are no keys.

    Explained in notebook 04, "Play it with your fingers".
    """
    notes = [Note(pitch, 96, 0.1 + 0.6 * i, 0.6 + 0.6 * i) for i, pitch in enumerate(OPEN_STRINGS)]
    return Performance.from_notes(notes, {OPENNESS_CC: 127}, name="six strings")


def keyboard(*instruments: str | object, fallback: bool = False) -> Keyboard | None:
    """A keyboard to play instruments with: the computer's keys, a mouse, or fingers.

    Args:
      *instruments: Names or loaded instruments for the menu; none takes all that are shipped.
      fallback: True shows plain players of the six strings and simple sliders instead, for places
        where custom widgets cannot load. Outside a notebook that happens by itself.

    Returns:
      The keyboard, to be shown as the last value of a cell; None when the fallback was shown.

    Explained in notebook 04, "Play it with your fingers".
    """
    if fallback or not in_notebook():
        from nmsynth_lib.widgets.fallback import show_plain

        return show_plain(instruments, {"six strings": six_strings()})
    return Keyboard(instruments)


def _number(wanted: dict, name: str, most: float):
    """A figure of the note that is wanted."""
    value = wanted.get(name)
    if not isinstance(value, int | float) or not 0 <= value <= most:
        raise ControlRangeError(f"wanted: {name} is {value!r}; give a number from 0 to {most:g}.")
    return value
