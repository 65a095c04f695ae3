"""The player: up to five sounds, switched without a gap, with waveform and spectrogram.

Road: audio -> [player] -> ears: a leaf beside it.
Nothing is normalised: a palm mute is as much quieter here as it was played. The page part is
`player_view.js` on `player_bar.js`.
Explained in notebook 04, "One note, every openness".
"""

from __future__ import annotations

from collections.abc import Sequence

import anywidget
import numpy as np
import traitlets

from nmsynth_lib.audio import SAMPLE_RATE, listen
from nmsynth_lib.errors import AudioFileError
from nmsynth_lib.widgets.parts import PLAYER, script, styles
from nmsynth_lib.widgets.sounds import (
    checked_sound,
    checked_sounds,
    from_pcm,
    in_notebook,
    pcm,
    plain_players,
)
from nmsynth_lib.widgets.stand_in import StandIn

MOST_TAKES = 5
LETTERS = "ABCDE"


class Player(StandIn, anywidget.AnyWidget):
    """Sounds side by side: one is heard, and the others go on silently at the same place.

    Attributes:
      takes: What can be heard, `label` and `pcm` (int16 little-endian) each.
      heard: Letter of the take that is heard, from A; setting it switches.
      sample_rate: Of all takes, Hz.

    Explained in notebook 04, "One note, every openness".
    """

    _esm = script(*PLAYER, "spectrum_view.js", "player_view.js")
    _css = styles()

    takes = traitlets.List().tag(sync=True)
    heard = traitlets.Unicode("A").tag(sync=True)
    sample_rate = traitlets.Int(SAMPLE_RATE).tag(sync=True)

    def __init__(
        self,
        *sounds: np.ndarray,
        labels: Sequence[str] | None = None,
        sample_rate: int = SAMPLE_RATE,
    ):
        """Takes one to five sounds, each [n_samples], within -1…1; labels all different.

        Raises:
          AudioFileError: a sound that cannot be played, or not as many labels as sounds.
        """
        known = checked_sounds(sounds, labels, MOST_TAKES, "player")
        takes = [{"label": label, "pcm": pcm(sound)} for label, sound in known.items()]
        super().__init__(takes=takes, sample_rate=sample_rate)

    @property
    def sounds(self) -> dict[str, np.ndarray]:
        """Label to sound, float32, [n_samples], as the page has them."""
        return {take["label"]: from_pcm(take["pcm"]) for take in self.takes}

    def show(self, sound: np.ndarray, label: str | None = None) -> None:
        """Plays another sound from now on, at the same place, faded over.

        Args:
          sound: Shape [n_samples], within -1…1.
          label: Of a take, whose sound is exchanged; a new one adds a take; None exchanges the
            take that is heard.

        Raises:
          AudioFileError: a sound that cannot be played, or a sixth take.

        Explained in notebook 04, "One note, every openness".
        """
        labels = [take["label"] for take in self.takes]
        label = labels[LETTERS.index(self.heard)] if label is None else str(label)
        take = {"label": label, "pcm": pcm(checked_sound(sound, label, "player"))}
        place = labels.index(label) if label in labels else len(labels)
        if place == MOST_TAKES:
            raise AudioFileError(
                f"player: '{label}' would be take {place + 1}; it holds {MOST_TAKES}. "
                f"Exchange one of: {', '.join(labels)}."
            )
        with self.hold_sync():
            self.takes = [*self.takes[:place], take, *self.takes[place + 1 :]]
            self.heard = LETTERS[place]
        self._renew_stand_in()

    def _plain(self) -> str:
        return plain_players(self.sounds, self.sample_rate)


def player(
    *sounds: np.ndarray,
    labels: Sequence[str] | None = None,
    sample_rate: int = SAMPLE_RATE,
    fallback: bool = False,
) -> Player | None:
    """Plays one to five sounds in turn, without a gap, each as loud as it is.

    Args:
      *sounds: Each of shape [n_samples], within -1…1.
      labels: One a sound, all different; None numbers them.
      sample_rate: Hz.
      fallback: True shows plain players instead, for places where custom widgets cannot load.
        Outside a notebook that happens by itself.

    Returns:
      The player, to be shown as the last value of a cell; None when the fallback was shown.

    Raises:
      AudioFileError: a sound that cannot be played, or not as many labels as sounds.

    Explained in notebook 04, "One note, every openness".
    """
    if fallback or not in_notebook():
        known = checked_sounds(sounds, labels, MOST_TAKES, "player")
        return listen(*known.values(), labels=list(known), sample_rate=sample_rate)
    return Player(*sounds, labels=labels, sample_rate=sample_rate)
