"""The explorer: one note, all its style channels, and what each does to sound and decay.

Road: sliders -> one note -> instrument -> [int16 PCM, then curves and words] -> the browser.
A slider is drawn for every style channel of the instrument's schema. The sound goes first; the
decay of its partials, with the law where there is one, follows when the hand rests. A setting can
be copied as JSON or as code, and pasted.
Explained in notebook 04, "One note, every openness".
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets

from nmsynth_lib.audio import player_html
from nmsynth_lib.errors import SettingError
from nmsynth_lib.note_decay import STEP_S, decay_in_words, partial_traces
from nmsynth_lib.performance import Performance
from nmsynth_lib.settings import Setting
from nmsynth_lib.widgets.answering import Answering
from nmsynth_lib.widgets.instrument_menu import InstrumentMenu
from nmsynth_lib.widgets.parts import PLAYER, script, styles
from nmsynth_lib.widgets.sounds import from_pcm, in_notebook, looped, pcm, sliders
from nmsynth_lib.widgets.stand_in import StandIn
from nmsynth_lib.widgets.words import note_sound

LOOP_SECONDS = 4.0
ONSET, SHORTEST, LONGEST = 0.1, 0.1, 3.5  # seconds of the note


class Explorer(StandIn, Answering):
    """One note under your hands.

    Every setting is a trait, so another cell can move it: `explorer.controls = {"openness": 64}`.
    All of them together are `explorer.setting`.

    Attributes:
      instrument: Name of the instrument that plays.
      controls: Style channel to MIDI value; missing: the schema's default.
      pitch: MIDI pitch.
      velocity: 1...127.
      seconds: Length of the note.
      pcm: The sound, int16 little-endian, one loop of 4 s.
      heard: What the sound is: number, sample rate, setting, onset and offset.
      told: A moment later, under the same number: words and the levels of partials.
      keep: Which takes the browser keeps: letter to the number of the sound.
      kept: Letter to the kept take's sound, and what was heard and told of it: a page that is
        loaded anew has them again.
      pasted: What was pasted in the browser: text and a number.
      paste_problem: What is wrong with it; empty when nothing is.
    """

    SETTINGS = ("instrument", "controls", "pitch", "velocity", "seconds")
    _esm = script(
        *PLAYER, "spectrum_view.js", "sliders.js", "wire.js", "decays.js", "sharing.js",
        "explorer.js",
    )  # fmt: skip
    _css = styles("explorer.css")

    menus = traitlets.Dict().tag(sync=True)
    instrument = traitlets.Unicode().tag(sync=True)
    controls = traitlets.Dict().tag(sync=True)
    pitch = traitlets.Int(40, min=0, max=127).tag(sync=True)
    velocity = traitlets.Int(100, min=1, max=127).tag(sync=True)
    seconds = traitlets.Float(2.5, min=SHORTEST, max=LONGEST).tag(sync=True)
    pcm = traitlets.Bytes().tag(sync=True)
    heard = traitlets.Dict().tag(sync=True)
    told = traitlets.Dict().tag(sync=True)
    keep = traitlets.Dict().tag(sync=True)
    kept = traitlets.Dict().tag(sync=True)
    pasted = traitlets.Dict().tag(sync=True)
    paste_problem = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        instruments: Sequence[str | object] = (),
        setting: Setting | Mapping[str, Any] | str | None = None,
    ):
        """Loads the setting's instrument, or the first one, and plays the note once, silently.

        Args:
          instruments: Names of instruments, or loaded ones; empty takes all that are shipped.
          setting: What to begin with: a setting, its entries, or its JSON.

        Raises:
          SettingError: the setting cannot be read, or not played here.
          InstrumentNotFoundError: there is no such instrument.
        """
        self._instruments = InstrumentMenu(instruments)
        self._numbers = itertools.count(1)
        names = self._instruments.names
        super().__init__(
            instrument=names[0],
            menus={"instruments": names, "channels": [], "pitches": [40, 64]},
        )
        if setting is None:
            # Wide open to begin with: there is most to hear, and to take away.
            first = self._guitar().spec.style_channels()[:1]
            self.controls = {channel.name: int(channel.high) for channel in first}
        else:
            self.setting = setting
        # Before the browser's question is read.
        self.observe(self._take_pasted, names=["pasted"])
        self.observe(self._keep_takes, names=["keep"])
        self._begin()

    @property
    def audio(self) -> np.ndarray:
        """The sound that the explorer has now: float32, shape [n_samples], full scale 1.0."""
        return from_pcm(self.pcm)

    @property
    def setting(self) -> dict[str, Any]:
        """All that it takes to make this sound again, as the entries of a `Setting`."""
        channels = self._guitar().spec.style_channels()
        values = {one.name: int(self.controls.get(one.name, one.default)) for one in channels}
        return Setting(
            instrument=self.instrument,
            controls=values,
            pitch=self.pitch,
            velocity=self.velocity,
            seconds=self.seconds,
        ).entries()

    @setting.setter
    def setting(self, value: Setting | Mapping[str, Any] | str) -> None:
        setting = Setting.of(value)
        if setting.instrument not in self._instruments.names:
            known = ", ".join(self._instruments.names)
            raise SettingError(
                f"There is no instrument '{setting.instrument}' here; there is: {known}."
            )
        for name in ("phrase", "notes", "lanes", "note_length", "transpose"):
            if getattr(setting, name) is not None:
                raise SettingError(
                    f"This setting has '{name}': it plays a whole phrase, and the explorer plays "
                    "one note. Give pitch, velocity and seconds."
                )
        seconds = self.seconds if setting.seconds is None else setting.seconds
        if not SHORTEST <= seconds <= LONGEST:
            raise SettingError(f"seconds is {seconds:g}; give {SHORTEST:g} to {LONGEST:g}.")
        setting.checked(self._guitar(setting.instrument).spec)
        with self.hold_trait_notifications():
            self.instrument, self.controls = setting.instrument, dict(setting.controls)
            self.pitch = self.pitch if setting.pitch is None else setting.pitch
            self.velocity = self.velocity if setting.velocity is None else setting.velocity
            self.seconds = seconds

    def _take_pasted(self, _change) -> None:
        self.paste_problem = ""  # first: a setting that is taken is answered at once
        try:
            self.setting = str(self.pasted.get("text", ""))
        except Exception as error:  # shown beside what was pasted
            self.paste_problem = str(error)

    def _keep_takes(self, _change) -> None:
        kept = dict(self.kept)
        for letter, number in self.keep.items():
            if number != self.heard["number"]:
                continue  # kept before; or moved on from meanwhile: then only the page has it
            told = self.told if self.told.get("number") == number else None
            kept[letter] = {"pcm": self.pcm, "heard": self.heard, "told": told}
        self.kept = kept
        self._renew_stand_in()

    def played(self) -> Performance:
        """The one note, with its style channels."""
        channels = self._guitar().spec.style_channels()
        values = {one.cc: int(self.controls.get(one.name, one.default)) for one in channels}
        note = (self.pitch, self.velocity, ONSET, ONSET + self.seconds)
        return Performance.from_notes([note], cc=values, name="one note")

    def _guitar(self, name: str | None = None):
        """An instrument, the chosen one by default, loaded when it is first asked for."""
        return self._instruments.guitar(name or self.instrument)

    def _answer(self, settings: dict) -> dict:
        guitar, performance = self._guitar(), self.played()
        player = self._instruments.player(self.instrument)
        audio = looped(player, performance, LOOP_SECONDS, guitar.sample_rate)
        (note,) = performance.notes
        return {
            "menus": {
                **self.menus,
                "channels": sliders(guitar.spec),
                "pitches": list(guitar.spec.pitch_range),
            },
            "pcm": pcm(audio),
            "heard": {
                "number": next(self._numbers),
                "sample_rate": guitar.sample_rate,
                "seconds": LOOP_SECONDS,
                "onset": note.onset,
                "offset": note.offset,
                "setting": self.setting,
            },
        }

    def _describe(self, settings: dict) -> dict:
        guitar, performance, audio = self._guitar(), self.played(), self.audio
        (note,), rate = performance.notes, guitar.sample_rate
        sound = note_sound(audio, performance, note, rate)
        traces = partial_traces(audio, rate, performance, note, guitar.spec)
        figures = sound.measures
        return {
            "told": {
                "number": self.heard["number"],
                "words": [sound.sentence(), decay_in_words(traces, guitar.spec)],
                "t20_s": _or_none(figures.t20_s),
                "peak_db": figures.peak_db,
                "centroid_hz": sound.centroid_hz,
                "step": STEP_S,
                "partials": [
                    {
                        "partial": one.partial,
                        "hz": round(one.hz, 1),
                        "levels": one.level_db.round(1).tolist(),
                        "from": one.fit_from,
                        "from_db": one.fit_db,
                        "decay": _or_none(one.decay_db_per_s),
                        "law": one.law_db_per_s,
                    }
                    for one in traces
                ],
            }
        }

    def _plain(self) -> str:
        """The same note, open and muted, and the takes that are kept."""
        from nmsynth_lib.widgets.fallback import players_html

        page = players_html(self._guitar(), self.played(), as_written=True)
        for letter, take in sorted(self.kept.items()):
            label = f"Kept as {letter}: {Setting.of(take['heard']['setting']).to_json()}"
            page += player_html(from_pcm(take["pcm"]), label, take["heard"]["sample_rate"])
        return page


def _or_none(figure: float) -> float | None:
    """A figure for JSON, which knows no NaN."""
    return float(figure) if np.isfinite(figure) else None


def explore(
    *instruments: str | object,
    setting: Setting | Mapping[str, Any] | str | None = None,
    fallback: bool = False,
) -> Explorer | None:
    """Explores one note: a slider for each style channel, pitch, velocity, length; decay curves.

    Args:
      *instruments: Names or loaded instruments for the menu; none takes all that are shipped.
      setting: What to begin with, as "Copy as code" gives it: `explore(setting={...})`.
      fallback: True shows plain players, a picture and simple sliders instead, for places where
        custom widgets cannot load. Outside a notebook that happens by itself.

    Returns:
      The explorer, to be shown as the last value of a cell; None when the fallback was shown.

    Raises:
      SettingError: the setting cannot be read, or not played here.

    Explained in notebook 04, "One note, every openness".
    """
    if fallback or not in_notebook():
        from nmsynth_lib.widgets.fallback import show_plain

        one = Explorer(instruments, setting)
        show_plain([one._guitar()], {"One note": one.played()})
        return None
    return Explorer(instruments, setting)
