"""The panel of notebook 00: phrase, instrument and sliders in, sound and pictures out.

Road: sliders -> Performance -> instrument -> [int16 PCM] -> the browser, which plays and draws.
The browser part is `player.js` (sound), `pictures.js` (drawing), `sliders.js`, `wire.js` (questions
and answers) and `hear_it.js` (the panel itself).
Explained in notebook 00, "Play it".
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence

import numpy as np
import traitlets

from nmsynth_lib.errors import UnknownPhraseError
from nmsynth_lib.performance import Performance
from nmsynth_lib.phrases import loop_seconds, phrases, varied
from nmsynth_lib.widgets.answering import Answering
from nmsynth_lib.widgets.instrument_menu import InstrumentMenu
from nmsynth_lib.widgets.parts import script, styles
from nmsynth_lib.widgets.sounds import from_pcm, in_notebook, looped, pcm, sliders
from nmsynth_lib.widgets.stand_in import StandIn
from nmsynth_lib.widgets.words import guesses, longest_notes, note_sound


class HearIt(StandIn, Answering):
    """A panel to play an instrument with.

    Every setting is a trait, so another cell can move it: `panel.controls = {"openness": 127}`.

    Attributes:
      phrase: Label of the phrase that is played.
      instrument: Name of the instrument that plays it.
      controls: Style channel to MIDI value; None or missing: as written in the phrase.
      velocity: 1...127 for every note; None: as written.
      note_length: Per cent of the written lengths.
      transpose: Semitones.
      pcm: The sound, int16 little-endian, one loop long.
      heard: Figures about that sound, and a moment later words.
    """

    SETTINGS = ("phrase", "instrument", "controls", "velocity", "note_length", "transpose")
    _esm = script("player.js", "elements.js", "sliders.js", "wire.js", "pictures.js", "hear_it.js")
    _css = styles()

    menus = traitlets.Dict().tag(sync=True)
    phrase = traitlets.Unicode().tag(sync=True)
    instrument = traitlets.Unicode().tag(sync=True)
    controls = traitlets.Dict().tag(sync=True)
    velocity = traitlets.Int(None, min=1, max=127, allow_none=True).tag(sync=True)
    note_length = traitlets.Int(100, min=10, max=200).tag(sync=True)
    transpose = traitlets.Int(0, min=-12, max=12).tag(sync=True)
    pcm = traitlets.Bytes().tag(sync=True)
    heard = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        instruments: Sequence[str | object] = (),
        performances: Mapping[str, Performance] | None = None,
    ):
        """Loads the first instrument and plays the first phrase once, silently.

        Args:
          instruments: Names of instruments, or loaded ones; empty takes all that are shipped.
          performances: Label to phrase; None takes the published examples and a riff.
        """
        self._performances = dict(performances or phrases())
        self._instruments = InstrumentMenu(instruments)
        self._numbers = itertools.count(1)  # of the sounds
        names = self._instruments.names
        super().__init__(
            phrase=next(iter(self._performances)),
            instrument=names[0],
            menus={"phrases": list(self._performances), "instruments": names, "controls": []},
        )
        self._begin()

    @property
    def audio(self) -> np.ndarray:
        """The sound that the panel has now: float32, shape [n_samples], full scale 1.0."""
        return from_pcm(self.pcm)

    def played(self) -> Performance:
        """The performance that the settings make of the phrase.

        Raises:
          UnknownPhraseError: the menu has no phrase of that name.
        """
        if self.phrase not in self._performances:
            known = ", ".join(self._performances)
            raise UnknownPhraseError(f"There is no phrase '{self.phrase}'. Choose one of: {known}.")
        channels = self._guitar().spec.style_channels()
        return varied(
            self._performances[self.phrase],
            {channel.cc: self.controls.get(channel.name) for channel in channels},
            self.velocity,
            self.note_length,
            self.transpose,
        )

    def _guitar(self):
        """The chosen instrument, loaded when it is first asked for."""
        return self._instruments.guitar(self.instrument)

    def _answer(self, settings: dict) -> dict:
        sound, heard = self._sound()
        menus = {**self.menus, "controls": sliders(self._guitar().spec)}
        heard = {**heard, "settings": settings, "number": next(self._numbers)}
        return {"menus": menus, "pcm": sound, "heard": heard}

    def _sound(self) -> tuple[bytes, dict]:
        guitar, performance = self._guitar(), self.played()
        seconds = loop_seconds(self._performances[self.phrase])
        started = time.perf_counter()
        audio = looped(
            self._instruments.player(self.instrument), performance, seconds, guitar.sample_rate
        )
        heard = {
            "seconds": seconds,
            "sample_rate": guitar.sample_rate,
            "render_ms": round(1000 * (time.perf_counter() - started), 1),
            "notes": [[n.onset, n.offset, n.pitch, n.velocity] for n in performance.notes],
            "lanes": {
                channel.name: [list(event) for event in performance.controllers.get(channel.cc, ())]
                for channel in guitar.spec.style_channels()
            },
        }
        return pcm(audio), heard

    def _describe(self, settings: dict) -> dict:
        guitar, performance, audio = self._guitar(), self.played(), self.audio
        notes = longest_notes(performance)
        sounds = [note_sound(audio, performance, note, guitar.sample_rate) for note in notes]
        longest = max(sounds, key=lambda one: one.measures.offset - one.measures.onset)
        words = [one.sentence() for one in sounds] + guesses(performance, guitar.spec)
        figures = {
            "decay_db_per_s": float(np.nan_to_num(longest.measures.decay_db_per_s)),
            "peak_db": longest.measures.peak_db,
            "centroid_hz": longest.centroid_hz,
        }
        return {"heard": {**self.heard, "words": words, "longest": figures}}

    def _plain(self) -> str:
        """The same phrase, open and muted."""
        from nmsynth_lib.widgets.fallback import players_html

        return players_html(self._guitar(), self._performances[self.phrase])


def hear_it(
    *instruments: str | object,
    performances: Mapping[str, Performance] | None = None,
    fallback: bool = False,
) -> HearIt | None:
    """A panel to play instruments with: phrase, openness, velocity, length, transposition, A and B.

    Args:
      *instruments: Names or loaded instruments for the menu; none takes all that are shipped.
      performances: Label to phrase for the menu; None takes the published examples and a riff.
      fallback: True shows plain players, a picture and simple sliders instead, for places where
        custom widgets cannot load. Outside a notebook that happens by itself.

    Returns:
      The panel, to be shown as the last value of a cell; None when the fallback was shown.

    Explained in notebook 00, "Play it".
    """
    if fallback or not in_notebook():
        from nmsynth_lib.widgets.fallback import show_plain

        return show_plain(instruments, performances)
    return HearIt(instruments, performances)
