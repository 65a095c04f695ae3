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
from nmsynth_lib.rerendering import Rerenderer
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.widgets.answering import Answering
from nmsynth_lib.widgets.parts import script, styles
from nmsynth_lib.widgets.stand_in import StandIn
from nmsynth_lib.widgets.words import longest_notes, note_sound

_FADE_SECONDS = 0.02


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
        self._loaded = {_name(one): one for one in instruments or _shipped_names()}
        self._players: dict[str, Rerenderer] = {}
        self._numbers = itertools.count(1)  # of the sounds
        names = list(self._loaded)
        super().__init__(
            phrase=next(iter(self._performances)),
            instrument=names[0],
            menus={"phrases": list(self._performances), "instruments": names, "controls": []},
        )
        self._begin()

    @property
    def audio(self) -> np.ndarray:
        """The sound that the panel has now: float32, shape [n_samples], full scale 1.0."""
        return np.frombuffer(self.pcm, "<i2").astype(np.float32) / 32767

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
        guitar = self._loaded.get(self.instrument, self.instrument)
        if isinstance(guitar, str):
            from nmsynth_lib.instrument import shared_instrument

            guitar = self._loaded[self.instrument] = shared_instrument(guitar)
        return guitar

    def _player(self) -> Rerenderer:
        """What plays the chosen instrument and remembers what it played."""
        return self._players.setdefault(self.instrument, Rerenderer(self._guitar()))

    def _answer(self, settings: dict) -> dict:
        pcm, heard = self._sound()
        menus = {**self.menus, "controls": sliders(self._guitar().spec)}
        heard = {**heard, "settings": settings, "number": next(self._numbers)}
        return {"menus": menus, "pcm": pcm, "heard": heard}

    def _sound(self) -> tuple[bytes, dict]:
        guitar, performance = self._guitar(), self.played()
        seconds = loop_seconds(self._performances[self.phrase])
        started = time.perf_counter()
        tail = max(seconds - performance.duration, 0.0)
        audio = self._player().render(performance, tail=tail)
        audio = one_loop(audio, seconds, guitar.sample_rate)
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
        return (np.clip(audio, -1, 1) * 32767).round().astype("<i2").tobytes(), heard

    def _describe(self, settings: dict) -> dict:
        guitar, performance, audio = self._guitar(), self.played(), self.audio
        notes = longest_notes(performance)
        sounds = [note_sound(audio, performance, note, guitar.sample_rate) for note in notes]
        longest = max(sounds, key=lambda one: one.measures.offset - one.measures.onset)
        words = [one.sentence() for one in sounds]
        low, high = guitar.spec.pitch_range
        outside = [n.pitch for n in performance.notes if not low <= n.pitch <= high]
        if outside:
            words.append(
                f"{len(outside)} notes lie outside the pitches that this instrument was trained "
                f"on ({low} to {high}): what you hear there is a guess."
            )
        figures = {
            "decay_db_per_s": float(np.nan_to_num(longest.measures.decay_db_per_s)),
            "peak_db": longest.measures.peak_db,
            "centroid_hz": longest.centroid_hz,
        }
        return {"heard": {**self.heard, "words": words, "longest": figures}}

    def _repr_mimebundle_(self, **kwargs):
        """The widget, and for pages that cannot load it the same phrase in plain players."""
        from nmsynth_lib.widgets.fallback import players_html

        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is not None:
            data["text/html"] = players_html(self._guitar(), self._performances[self.phrase])
        return bundle


def sliders(spec: InstrumentSpec) -> list[dict]:
    """What an instrument's schema says of its style channels: a slider for each."""
    return [
        {
            "name": channel.name,
            "cc": channel.cc,
            "label": channel.label or f"{channel.name} (CC{channel.cc})",
            "low": channel.low,
            "high": channel.high,
            "default": channel.default,
            "low_label": channel.low_label,
            "high_label": channel.high_label,
        }
        for channel in spec.style_channels()
    ]


def one_loop(audio: np.ndarray, seconds: float, sample_rate: int) -> np.ndarray:
    """A sound cut or padded to a loop that joins its own beginning without a click.

    Args:
      audio: Shape [n_samples].
      seconds: Length of the loop.
      sample_rate: Hz.

    Returns:
      Shape [round(seconds * sample_rate)]; its last 20 ms fade to zero.
    """
    n_samples = round(seconds * sample_rate)
    loop = np.pad(audio[:n_samples], (0, max(0, n_samples - len(audio))))
    n_fade = int(_FADE_SECONDS * sample_rate)
    loop[-n_fade:] *= np.linspace(1, 0, n_fade, dtype=loop.dtype)
    return loop


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
    if fallback or not _in_notebook():
        from nmsynth_lib.widgets.fallback import show_plain

        return show_plain(instruments, performances)
    return HearIt(instruments, performances)


def _in_notebook() -> bool:
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def _shipped_names() -> list[str]:
    from nmsynth_lib.instrument import Instrument

    return Instrument.names()


def _name(instrument: str | object) -> str:
    return instrument if isinstance(instrument, str) else instrument.spec.name
