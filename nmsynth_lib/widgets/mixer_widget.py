"""The mixer: solo, mute and gain of harmonic, noise and reverb, and of single partials.

Road: Performance -> instrument -> [stems and partials] -> the browser, which mixes: a leaf.
The parts travel once, as sound: 2 bytes a sample and part, 12 parts, 384 kB for each second at
16 kHz. The decoder's frames of 100 partials would be 164 kB with the other two stems, but the page
would need a second synthesiser, which is only within 60 to 70 dB of this one (float32 against
float64 phases); a sum of sounds is the render itself. No move needs Python. The page part is
`mixer.js` on `player_bar.js`.
Explained in notebook 04, "Which part of the sound?".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from nmsynth_lib.audio import SAMPLE_RATE
from nmsynth_lib.errors import AudioFileError
from nmsynth_lib.performance import Performance
from nmsynth_lib.phrases import RIFF, loop_seconds
from nmsynth_lib.widgets.parts import PLAYER, script, styles
from nmsynth_lib.widgets.sounds import (
    from_pcm,
    in_notebook,
    loaded,
    one_loop,
    pcm,
    phrase_of,
    plain_players,
)
from nmsynth_lib.widgets.stand_in import StandIn

HARMONIC = "harmonic"  # the bus that the partials run through
MOST_PARTS = 32  # channels of one buffer that every browser can play


class Mixer(StandIn, anywidget.AnyWidget):
    """The parts of one sound, which sum to it, and how they are mixed.

    Attributes:
      parts: `label`, `bus` (the stem it belongs to; empty for a stem), and the sound as `pcm`
        (int16 little-endian) times `scale`, of each part.
      mix: `gains` (dB, by the name of a part or stem), `muted`, `soloed` (names), `master` (dB).
        What is missing is not moved. Muting wins over soloing, a soloed partial over a soloed stem.
      name: Of the sound.
      sample_rate: Hz.

    Explained in notebook 04, "Which part of the sound?".
    """

    _esm = script(*PLAYER, "spectrum_view.js", "mixer.js")
    _css = styles("mixer.css")

    parts = traitlets.List().tag(sync=True)
    mix = traitlets.Dict().tag(sync=True)
    name = traitlets.Unicode("mix").tag(sync=True)
    sample_rate = traitlets.Int(SAMPLE_RATE).tag(sync=True)

    def __init__(
        self,
        stems: Mapping[str, np.ndarray],
        partials: Mapping[str, np.ndarray] | None = None,
        sample_rate: int = SAMPLE_RATE,
        name: str = "mix",
    ):
        """Takes the parts apart that sum to one sound.

        Args:
          stems: `harmonic`, `noise`, `reverb` or others: name to sound, all [n_samples].
          partials: Label to sound, [n_samples]; they sum to `harmonic` and take its place.
          sample_rate: Hz.
          name: Of the sound.

        Raises:
          AudioFileError: none or more than 32 parts, not all of one length, or a sample that is
            not a number.
        """
        partials = dict(partials or {})
        known = {label: (HARMONIC, sound) for label, sound in partials.items()}
        rest = {label: ("", one) for label, one in stems.items() if label != HARMONIC or not known}
        known |= rest
        lengths = {len(sound) for _, sound in known.values()}
        if not 1 <= len(known) <= MOST_PARTS or len(lengths) != 1 or 0 in lengths:
            raise AudioFileError(
                f"mixer: {len(known)} parts of {sorted(lengths)} samples; give 1 to {MOST_PARTS} "
                "of one length."
            )
        wrong = next((one for one, (_, x) in known.items() if not np.isfinite(x).all()), None)
        if wrong is not None:
            raise AudioFileError(f"mixer: '{wrong}' holds samples that are not numbers.")
        parts = [{"label": label, "bus": bus, **_part(one)} for label, (bus, one) in known.items()]
        super().__init__(parts=parts, sample_rate=sample_rate, name=name)

    @property
    def stems(self) -> dict[str, np.ndarray]:
        """Stem to sound, as rendered, float32, [n_samples]."""
        sounds: dict[str, np.ndarray] = {}
        for part in self.parts:
            stem = part["bus"] or part["label"]
            sounds[stem] = sounds.get(stem, 0.0) + _sound(part)
        return sounds

    @property
    def audio(self) -> np.ndarray:
        """What one hears: the parts by the mix, float32, [n_samples]; beyond -1…1 it clips."""
        gains = part_gains(self.parts, self.mix)
        whole = sum(gain * _sound(part) for gain, part in zip(gains, self.parts, strict=True))
        return np.float32(_amplitude(self.mix.get("master", 0))) * whole

    @property
    def n_bytes(self) -> int:
        """Bytes of sound that went to the page."""
        return sum(len(part["pcm"]) for part in self.parts)

    def _plain(self) -> str:
        stems = self.stems
        sounds = {"all together": sum(stems.values()), **stems}
        clipped = {label: np.clip(sound, -1, 1) for label, sound in sounds.items()}
        return plain_players(clipped, self.sample_rate)


def part_gains(parts: Sequence[Mapping], mix: Mapping) -> list[np.float32]:
    """Linear gain of each part, without the master; as `partGains` in `mixer.js`.

    Args:
      parts: `label` and `bus` of each.
      mix: As `Mixer.mix`.

    Returns:
      A gain for each part; 0 for what is not heard.

    Explained in notebook 04, "Which part of the sound?".
    """
    gains, muted = mix.get("gains", {}), mix.get("muted", ())
    soloed = set(mix.get("soloed", ()))
    with_soloed = {part["bus"] for part in parts if part["label"] in soloed}
    found = []
    for part in parts:
        stages = [part["label"], *filter(None, [part["bus"]])]
        by_bus = part["bus"] in soloed and part["bus"] not in with_soloed
        heard = not soloed or part["label"] in soloed or by_bus
        heard = heard and not any(stage in muted for stage in stages)
        found.append(np.float32(heard * _amplitude(sum(gains.get(one, 0) for one in stages))))
    return found


def mixer(
    phrase: str | Path | Performance = RIFF,
    instrument: str | object = "string",
    singles: int = 8,
    fallback: bool = False,
) -> Mixer | None:
    """A phrase taken apart: harmonic, noise, reverb, and the harmonic part's single partials.

    Args:
      phrase: What is played: the label of a phrase, a `Performance`, or a MIDI file.
      instrument: Name, or loaded.
      singles: How many partials stand alone; the higher ones are two groups.
      fallback: True shows plain players instead, for places where custom widgets cannot load.
        Outside a notebook that happens by itself.

    Returns:
      The mixer, to be shown as the last value of a cell; None when the fallback was shown.

    Explained in notebook 04, "Which part of the sound?".
    """
    from nmsynth_lib.partial_stems import partial_groups, render_partials

    guitar = loaded(instrument)
    performance = phrase_of(phrase, guitar)
    seconds, rate = loop_seconds(performance), guitar.sample_rate
    tail = max(seconds - performance.duration, 0.0)

    def loops(sounds):
        return {label: one_loop(sound, seconds, rate) for label, sound in sounds.items()}

    stems = loops(guitar.render_stems(performance, tail=tail))
    groups = partial_groups(
        guitar.spec.architecture.n_harmonics, min(singles, MOST_PARTS - len(stems) - 1)
    )
    partials = loops(render_partials(guitar, performance, groups, tail))
    name = phrase if isinstance(phrase, str) else performance.name
    widget = Mixer(stems, partials, rate, f"{guitar.spec.name}, {name}")
    if fallback or not in_notebook():
        from IPython.display import HTML, display

        return display(HTML(widget._plain()))
    return widget


def _part(sound: np.ndarray) -> dict:
    """A part's samples at full 16 bits, however quiet it is, and what to multiply them by."""
    sound = np.asarray(sound, np.float32)
    scale = float(np.abs(sound).max()) or 1.0
    return {"pcm": pcm(sound / np.float32(scale)), "scale": scale}


def _sound(part: Mapping) -> np.ndarray:
    return np.float32(part["scale"]) * from_pcm(part["pcm"])


def _amplitude(decibels: float) -> float:
    return 10 ** (decibels / 20)
