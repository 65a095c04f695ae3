"""Compare: instruments or settings on one phrase, equally loud, one spectrogram each on one scale.

Road: settings -> Performance -> instrument -> loudness -> [compare] -> ears: a leaf.
The sounds go to the page as they are, with the gain that makes all equally loud, and the loudest
sample no larger than it was; the page applies it or not. The page part is `compare.js` on
`player_bar.js`.
Explained in notebook 04, "Velocity against openness".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from nmsynth_lib.audio import SAMPLE_RATE
from nmsynth_lib.errors import AudioFileError
from nmsynth_lib.loudness import matching_gains_db
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.phrases import RIFF, loop_seconds, varied
from nmsynth_lib.settings import Setting
from nmsynth_lib.widgets.parts import PLAYER, script, styles
from nmsynth_lib.widgets.sounds import (
    checked_sounds,
    from_pcm,
    in_notebook,
    loaded,
    looped,
    pcm,
    phrase_of,
    plain_players,
)
from nmsynth_lib.widgets.stand_in import StandIn
from nmsynth_lib.widgets.words import heard_in_words

MOST_SOUNDS = 6


class Compare(StandIn, anywidget.AnyWidget):
    """Sounds side by side; switching goes on at the same place.

    Attributes:
      takes: `label`, `pcm` (int16 little-endian, as it is), `gain_db` (to be as loud as
        the others) and `words` of each sound, all of one length.
      matched: Whether the gains apply: all equally loud, or each as it is.
      heard: Letter of the sound that is heard, from A.
      sample_rate: Of all, Hz.

    Explained in notebook 04, "Velocity against openness".
    """

    _esm = script(*PLAYER, "spectrum_view.js", "compare.js")
    _css = styles("compare.css")

    takes = traitlets.List().tag(sync=True)
    matched = traitlets.Bool(True).tag(sync=True)
    heard = traitlets.Unicode("A").tag(sync=True)
    sample_rate = traitlets.Int(SAMPLE_RATE).tag(sync=True)

    def __init__(
        self,
        sounds: Mapping[str, np.ndarray],
        sample_rate: int = SAMPLE_RATE,
        matched: bool = True,
        words: Mapping[str, str] | None = None,
    ):
        """Measures how loud each sound is.

        Args:
          sounds: Label to sound, [n_samples], within -1…1; shorter ones end in silence.
          sample_rate: Of all, Hz.
          matched: Whether all are equally loud at first.
          words: What to say of a sound, by its label.

        Raises:
          AudioFileError: none or more than six, or a sound that cannot be played.
        """
        known = checked_sounds(list(sounds.values()), list(sounds), MOST_SOUNDS, "compare")
        gains = _equal_gains_db(list(known.values()), sample_rate)
        longest = max(len(sound) for sound in known.values())
        takes = [
            {
                "label": label,
                "pcm": pcm(np.pad(sound, (0, longest - len(sound)))),
                "gain_db": float(gain),
                "words": (words or {}).get(label, ""),
            }
            for (label, sound), gain in zip(known.items(), gains, strict=True)
        ]
        super().__init__(takes=takes, sample_rate=sample_rate, matched=matched)

    @property
    def gains_db(self) -> dict[str, float]:
        """Label to the gain that makes it as loud as the others, dB."""
        return {take["label"]: take["gain_db"] for take in self.takes}

    @property
    def sounds(self) -> dict[str, np.ndarray]:
        """Label to sound as it is heard now, matched or not, float32, [n_samples]."""
        return {
            take["label"]: from_pcm(take["pcm"])
            * np.float32(10 ** (self.matched * take["gain_db"] / 20))
            for take in self.takes
        }

    def _plain(self) -> str:
        how = "All equally loud" if self.matched else "Each as loud as it is"
        return f"<p>{how}.</p>{plain_players(self.sounds, self.sample_rate)}"


def compare(
    takes: Mapping[str, Any],
    phrase: str | Path | Performance = RIFF,
    instrument: str | object = "string",
    matched: bool = True,
    sample_rate: int = SAMPLE_RATE,
    fallback: bool = False,
) -> Compare | None:
    """Several instruments or settings on one phrase, to switch between without a gap.

    Args:
      takes: Label to what is heard: an instrument that plays the phrase (name or loaded); a
        setting of a widget, as a dict or as the JSON that was copied, e.g.
        {"controls": {"openness": 127}, "velocity": 60}; another `Performance`; or a sound,
        [n_samples], within -1…1.
      phrase: What is played: the label of a phrase, a `Performance`, or a MIDI file.
      instrument: Plays where a take names none.
      matched: Whether all are equally loud at first.
      sample_rate: Of sounds that are given, Hz.
      fallback: True shows plain players instead, for places where custom widgets cannot load.
        Outside a notebook that happens by itself.

    Returns:
      The widget, to be shown as the last value of a cell; None when the fallback was shown.

    Raises:
      SettingError: a setting that cannot be played.
      AudioFileError: none or more than six takes, a sound that cannot be played, or of another
        sample rate than the instruments.

    Explained in notebook 04, "Velocity against openness".
    """
    sounds, words, rates = {}, {}, {}
    for label, take in takes.items():
        if isinstance(take, np.ndarray):
            sounds[label], rates[label] = take, sample_rate
            continue
        guitar, performance = _played(take, phrase, instrument)
        sound = looped(guitar, performance, loop_seconds(performance), guitar.sample_rate)
        sounds[label], rates[label] = sound, guitar.sample_rate
        words[label] = " ".join(heard_in_words(sound, performance, guitar.sample_rate))
    if len(set(rates.values())) > 1:
        said = ", ".join(f"'{label}' {rate} Hz" for label, rate in rates.items())
        raise AudioFileError(f"compare: the sample rates differ ({said}); resample the sounds.")
    rate = next(iter(rates.values()), sample_rate)
    widget = Compare(sounds, rate, matched, words)
    if fallback or not in_notebook():
        from IPython.display import HTML, display

        return display(HTML(widget._plain()))
    return widget


def _equal_gains_db(sounds: list[np.ndarray], sample_rate: int) -> np.ndarray:
    """Gains to one A-weighted level, the highest at which no sample exceeds today's largest."""
    gains = matching_gains_db(sounds, sample_rate)
    peaks = np.array([np.abs(sound).max() for sound in sounds])
    matched = (peaks * 10 ** (gains / 20)).max()
    return gains + 20 * np.log10(peaks.max() / matched) if matched > 0 else gains


def _played(take: Any, phrase: str | Path | Performance, instrument: str | object):
    """The loaded instrument of a take, and the performance that it plays."""
    if isinstance(take, Performance):
        return loaded(instrument), take
    if isinstance(take, Mapping | Setting) or (isinstance(take, str) and "{" in take):
        name = instrument if isinstance(instrument, str) else instrument.spec.name
        entries = {"instrument": name, **take} if isinstance(take, Mapping) else take
        setting = Setting.of(entries)
        guitar = loaded(setting.instrument if setting.instrument != name else instrument)
        return guitar, _performance_of(setting.checked(guitar.spec), phrase, guitar)
    guitar = loaded(take)
    return guitar, phrase_of(phrase, guitar)


def _performance_of(setting: Setting, phrase: str | Path | Performance, guitar) -> Performance:
    """What a setting makes of its own notes, its own phrase, or the phrase that all play."""
    numbers = {channel.name: channel.cc for channel in guitar.spec.style_channels()}
    if setting.notes is not None:
        lanes = {numbers[name]: steps for name, steps in (setting.lanes or {}).items()}
        written = Performance.from_notes(setting.notes, lanes)
    elif setting.pitch is not None:
        written = Performance.from_notes([Note(setting.pitch, 100, 0.0, setting.seconds or 2.0)])
    else:
        written = phrase_of(setting.phrase or phrase, guitar)
    controllers = {numbers[name]: value for name, value in setting.controls.items()}
    return varied(
        written, controllers, setting.velocity, setting.note_length or 100, setting.transpose or 0
    )
