"""The report: every figure of an instrument, beside what it is compared with.

Road: instrument -> metrics -> [report].
An instrument that learnt a known guitar is asked to play a melody that it never heard, and the
guitar plays it too. Then single controls are swept on both.
Explained in notebook 05, "The report card".
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from nmsynth_lib.control_sweep import Sweep, cc55_sweep, control_figures
from nmsynth_lib.guitars import make_recording, play
from nmsynth_lib.level_measures import level_slope
from nmsynth_lib.metrics import evaluate_instrument
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance, midi_to_hz
from nmsynth_lib.pitch_measures import partial_decay
from nmsynth_lib.score import melody

LEVELS = {"string": "continuous", "sampled": "two"}
SHIPPED_RECORDINGS = Path(__file__).resolve().parent.parent / "assets" / "recordings"
JITTER_SEED = 99  # of the guitar that plays the test melody: other jitter than in training


def unseen_melody(
    guitar: str, seconds: float = 60.0, sample_rate: int = 16000
) -> tuple[np.ndarray, Performance]:
    """A melody that no instrument was trained on, played by the guitar itself.

    Args:
      guitar: "string" or "sampled".
      seconds: Length.
      sample_rate: Of the audio, Hz.

    Returns:
      Audio, [n_samples], and the performance.
    """
    performance = melody(seconds, levels=LEVELS[guitar])
    return play(guitar, performance, sample_rate, JITTER_SEED), performance


@contextmanager
def training_recording(guitar: str) -> Iterator[Path]:
    """The folder of the recording that the shipped instrument learnt from.

    The sampled guitar's is shipped; the string's is played again, which takes seconds.
    """
    shipped = SHIPPED_RECORDINGS / guitar
    if shipped.is_dir():
        yield shipped
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield make_recording(guitar, Path(scratch) / guitar, 12, 1, LEVELS[guitar])


def sound_figures(instrument, guitar: str, takes: Sequence = ()) -> dict[str, float]:
    """Every sound figure on the unseen melody, with silence and, given takes, the sampler.

    Explained in notebook 05, "The report card".
    """
    target, performance = unseen_melody(guitar, sample_rate=instrument.sample_rate)
    return evaluate_instrument(instrument, target, performance, takes)


def control_report(instrument, guitar: str) -> tuple[dict[str, float], Sweep]:
    """Every control figure, and the instrument's sweep that they come from.

    Explained in notebook 05, "The CC55 map".
    """
    rate = instrument.sample_rate
    truth = cc55_sweep(lambda music: play(guitar, music, rate, JITTER_SEED), sample_rate=rate)
    sweep = cc55_sweep(instrument.render, sample_rate=rate)
    return control_figures(sweep, truth), sweep


def long_note(
    render, pitch: int, openness: int, seconds: float = 1.325, sample_rate: int = 16000
) -> dict[str, float]:
    """Level slope and decay of the first partials of one long note, as the paper's was measured.

    Args:
      render: Performance -> audio.
      pitch: MIDI pitch.
      openness: CC55, 0…127.
      seconds: Length of the note; the published muted C2 lasts 1.325 s.
      sample_rate: Of the audio, Hz.

    Returns:
      `level_slope` and `partial_1` … `partial_4`, all in dB/s from 0.2 s after the onset to 0.1 s
      before the note-off, positive for a falling level.
    """
    note = Note(pitch, 100, 0.1, 0.1 + seconds)
    audio = render(Performance.from_notes([note], cc={OPENNESS_CC: openness}))
    start, end = note.onset + 0.2, note.offset - 0.1
    decays = partial_decay(audio, sample_rate, float(midi_to_hz(pitch)), range(1, 5), start, end)
    return {
        "level_slope": level_slope(audio, sample_rate, start, end),
        **{f"partial_{k}": float(decay) for k, decay in enumerate(decays, 1)},
    }
