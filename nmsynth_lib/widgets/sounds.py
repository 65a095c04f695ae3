"""Sounds for a page: checked, as 16-bit samples, and in plain players where no widget loads.

Road: audio -> [sounds] -> player, mixer, compare: a leaf beside it.
Explained in notebook 00, "Play it".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nmsynth_lib.audio import checked_sound, numbered, player_html
from nmsynth_lib.errors import AudioFileError
from nmsynth_lib.performance import Performance
from nmsynth_lib.schema import InstrumentSpec

FULL_SCALE = 32767
FADE_SECONDS = 0.02  # at the end of a loop


def checked_sounds(
    sounds: Sequence[np.ndarray], labels: Sequence[str] | None, most: int, who: str
) -> dict[str, np.ndarray]:
    """Sounds by their labels, each as loud as it is.

    Args:
      sounds: Each of shape [n_samples], within -1…1.
      labels: One a sound, all different; None numbers them.
      most: How many there may be.
      who: Whom the message is from.

    Returns:
      Label to sound, float32, [n_samples].

    Raises:
      AudioFileError: too many or none, not as many labels, a label twice, or a sound that is
        empty, has several channels, is louder than full scale, or is not a number.

    Explained in notebook 04, "One note, every openness".
    """
    names = list(labels) if labels is not None else numbered(len(sounds))
    if not 1 <= len(sounds) <= most:
        raise AudioFileError(f"{who}: {len(sounds)} sounds; give 1 to {most}.")
    if len(names) != len(sounds):
        raise AudioFileError(f"{who}: {len(sounds)} sounds but {len(names)} labels; give as many.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise AudioFileError(f"{who}: two sounds are labelled '{twice}'; give each its own name.")
    return {
        str(name): checked_sound(sound, name, who)
        for name, sound in zip(names, sounds, strict=True)
    }


def pcm(sound: np.ndarray) -> bytes:
    """A sound within -1…1 as 16-bit little-endian samples."""
    return (np.clip(sound, -1.0, 1.0) * FULL_SCALE).round().astype("<i2").tobytes()


def from_pcm(samples: bytes) -> np.ndarray:
    """What `pcm` made of a sound, float32, [n_samples]."""
    return np.frombuffer(samples, "<i2").astype(np.float32) / FULL_SCALE


def plain_players(sounds: Mapping[str, np.ndarray], sample_rate: int) -> str:
    """HTML of one captioned player a sound, by label; it needs no script and no other file."""
    return "".join(player_html(sound, label, sample_rate) for label, sound in sounds.items())


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
    n_fade = int(FADE_SECONDS * sample_rate)
    loop[-n_fade:] *= np.linspace(1, 0, n_fade, dtype=loop.dtype)
    return loop


def looped(player, performance: Performance, seconds: float, sample_rate: int) -> np.ndarray:
    """What an instrument makes of a performance, as one loop.

    Args:
      player: Has `render`: an instrument, or a `Rerenderer`.
      performance: What is played.
      seconds: Length of the loop.
      sample_rate: Hz.

    Returns:
      Shape [round(seconds * sample_rate)], as `one_loop`.
    """
    tail = max(seconds - performance.duration, 0.0)
    return one_loop(player.render(performance, tail=tail), seconds, sample_rate)


def phrase_of(music: str | Path | Performance, guitar) -> Performance:
    """What to play: a performance, the label of a phrase in `phrases`, or the path of a MIDI file.

    Args:
      music: One of these.
      guitar: A loaded instrument, which reads the file.

    Returns:
      The performance.

    Raises:
      NotMidiError: neither a phrase nor a MIDI file.

    Explained in notebook 04, "Which part of the sound?".
    """
    from nmsynth_lib.phrases import phrases

    if isinstance(music, str) and music in (known := phrases()):
        return known[music]
    return guitar.performance(music)


def loaded(instrument):
    """A loaded instrument: itself, or the shipped one of that name."""
    if not isinstance(instrument, str):
        return instrument
    from nmsynth_lib.instrument import shared_instrument

    return shared_instrument(instrument)


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this, so that a widget can show."""
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


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
