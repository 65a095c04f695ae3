"""The harmonic stem taken apart: single partials, and the high ones in groups.

Road: Performance -> controls -> decoder -> [partial stems] -> mixer: a leaf beside synthesis.
The sines are those of `synthesis.partial_bank`, so that together the parts are the stem itself.
Explained in notebook 04, "Which part of the sound?".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nmsynth_lib.controls import inharmonicity
from nmsynth_lib.engines import tf
from nmsynth_lib.instrument import RENDER_FRAMES, SILENCE_FRAMES, Instrument
from nmsynth_lib.performance import Performance
from nmsynth_lib.synthesis import PartialBank, harmonic_audio, partial_bank

SINGLES = 8  # partials that stand alone, as many as one can tell by ear


def partial_groups(n_harmonics: int, singles: int = SINGLES) -> dict[str, range]:
    """Partials to take apart: the first ones alone, the next as many together, then the rest.

    Args:
      n_harmonics: How many there are.
      singles: How many stand alone, at least 1.

    Returns:
      Label to the numbers of its partials, from 1; each partial is in one group.

    Explained in notebook 04, "Which part of the sound?".
    """
    singles = max(1, min(singles, n_harmonics))
    groups = {f"partial {k}": range(k, k + 1) for k in range(1, singles + 1)}
    middle = min(2 * singles, n_harmonics)
    if middle > singles:
        groups[f"partials {singles + 1}–{middle}"] = range(singles + 1, middle + 1)
    if n_harmonics > middle:
        groups[f"partials {middle + 1}–{n_harmonics}"] = range(middle + 1, n_harmonics + 1)
    return groups


def render_partials(
    instrument: Instrument,
    music: str | Path | Performance,
    groups: Mapping[str, range],
    tail: float = 1.0,
) -> dict[str, np.ndarray]:
    """The harmonic stem of `Instrument.render_stems`, in groups of partials.

    Args:
      instrument: A loaded instrument.
      music: Path of a MIDI file, or a `Performance`.
      groups: Label to numbers of neighbouring partials, from 1.
      tail: Seconds after the last note-off.

    Returns:
      Label to audio, float32, [n_samples]; if every partial is in one group they sum to the stem.

    Explained in notebook 04, "Which part of the sound?".
    """
    performance = instrument.performance(music)
    spec, rates = instrument.spec, instrument.spec.rates
    said = instrument.parameters(performance, tail)
    amplitudes = said["amplitude"][:, None] * said["distribution"]
    stiffness = inharmonicity(said["f0_hz"], spec)
    cycles, before = _start(instrument, performance)
    made: dict[str, list[np.ndarray]] = {label: [] for label in groups}
    for first in range(0, len(amplitudes), RENDER_FRAMES):
        now = slice(first, first + RENDER_FRAMES)
        f0_hz = tf.constant(said["f0_hz"][None, now])
        bank = partial_bank(f0_hz, tf.constant(stiffness[None, now]), rates, cycles)
        levels = tf.constant(amplitudes[None, now])
        for label, numbers in groups.items():
            some = slice(numbers.start - 1, numbers.stop - 1)
            audio = harmonic_audio(levels[..., some], _part(bank, some), before[..., some])
            made[label].append(audio[0].numpy())
        cycles, before = bank.cycles, levels[:, -1]
    n_samples = max(1, round((performance.duration + tail) * rates.sample_rate))
    return {label: np.concatenate(blocks)[:n_samples] for label, blocks in made.items()}


def _part(bank: PartialBank, some: slice) -> PartialBank:
    """Some of a bank's partials; it has one group of frames, in the block's own order."""
    (sines,) = bank.sines
    return bank._replace(sines=(sines[:, some],), gain=bank.gain[..., some])


def _start(instrument: Instrument, performance: Performance) -> tuple[tf.Tensor, tf.Tensor]:
    """Phases and amplitudes of the partials before sample 0, as rendering begins with them."""
    every = instrument.spec.architecture.gru_every
    before = math.ceil(SILENCE_FRAMES / every) * every
    silence = instrument.curves(performance, before, -before)
    synth = instrument.model.start(silence.values[None]).synth
    return synth.cycles, synth.amplitudes
