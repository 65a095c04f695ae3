"""From names to a report: finds the instrument, a piece to judge it by, and its references.

Road: names and folders -> [evaluation] -> report.
Explained in notebook 05, "The report card".
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from nmsynth_lib.errors import RecordingError
from nmsynth_lib.instrument import Instrument
from nmsynth_lib.performance import Performance
from nmsynth_lib.report import Report, report_card
from nmsynth_lib.seed_sized import Baseline, shipped_baseline
from nmsynth_lib.takes import load_recording
from nmsynth_lib.unseen import (
    guitar_heard,
    guitar_learnt,
    one_piece,
    training_recording,
    unseen_melody,
)


def evaluation(
    instrument: str | Path | Instrument,
    recording: str | Path | None = None,
    *,
    seconds: float = 60.0,
    guitar: str | None = None,
    training: str | Path | None = None,
    baseline: str | Path | None = None,
    seeds: int = 1,
    quick: bool = False,
    step: Callable[[str], None] = lambda doing: None,
) -> Report:
    """Judges an instrument on a folder of takes, or on a melody by the guitar that it learnt.

    Args:
      instrument: A loaded one, the name of a shipped one, or a folder.
      recording: Folder of takes that it was not trained on; None: the unseen melody.
      seconds: Judge at most so much of it.
      guitar: Which guitar plays the recording; None: what its meta.yaml says.
      training: Folder of the takes that it was trained on; None: known for the shipped ones.
      baseline: Folder of a trained seed-sized baseline; None: the shipped render, where the piece
        is one that there is a render of.
      seeds: See `report_card`.
      quick: See `report_card`.
      step: Called with words before each stretch of work.

    Returns:
      The report.

    Raises:
      NmsynthError: the instrument or a folder cannot be used.

    Explained in notebook 05, "The report card".
    """
    step("loading")
    trained = None if baseline is None else Baseline.load(baseline)
    if not isinstance(instrument, Instrument):
        instrument = Instrument.load(instrument)
    rate, learnt = instrument.sample_rate, guitar_learnt(instrument.spec)
    if recording is not None:
        played = load_recording(recording, rate)
        guitar = guitar or guitar_heard(played)
        target, performance = one_piece(played, seconds, instrument.spec)
    elif guitar or learnt:
        guitar = guitar or learnt
        target, performance = unseen_melody(guitar, seconds, rate)
    else:
        raise RecordingError(
            f"{instrument.spec.name}: no guitar is known that could play a melody to judge it by. "
            "Give a recording that it was not trained on: --recording DIR."
        )
    where = nullcontext(training)
    if training is None and learnt == instrument.spec.provenance.get("recording"):
        where = training_recording(learnt) if learnt else where
    with where as folder:
        takes = load_recording(folder, rate) if folder is not None else ()
    return report_card(
        instrument,
        target,
        performance,
        guitar=guitar,
        takes=takes,
        baseline=_baseline(trained, guitar, performance, rate, step),
        seeds=seeds,
        quick=quick,
        step=step,
    )


def _baseline(
    trained: Baseline | None,
    guitar: str | None,
    performance: Performance,
    rate: int,
    step: Callable[[str], None],
) -> np.ndarray | None:
    """The seed-sized baseline playing the same: by its weights, or as it is shipped."""
    if trained is None:
        return shipped_baseline(guitar, performance) if guitar and rate == 16000 else None
    step("playing the baseline")
    if trained.sample_rate != rate:
        raise RecordingError(
            f"A baseline at {trained.sample_rate} Hz, the instrument has {rate} Hz: train one at "
            "the instrument's rate."
        )
    return trained.render(performance)
