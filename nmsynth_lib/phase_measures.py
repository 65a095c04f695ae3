"""Phase measures: are the oscillators still where they should be after a minute?

Road: instrument -> audio -> [phase measures] -> report.
The partials are summed once more from the same parameters, in NumPy and one at a time. In double
precision that is the truth. In single precision, with the phase of each sample added to that of the
one before, it is what stock DDSP does: after a minute the phase is a large number whose last digits
are gone, and the partials go astray.
Explained in notebook 05, "The report card".
"""

from __future__ import annotations

import numpy as np

from nmsynth_lib.controls import Controls, inharmonicity
from nmsynth_lib.performance import Performance
from nmsynth_lib.synthesis import ANTI_ALIAS_FROM, phase_spread

LAST_SECONDS = 4.0  # of the piece, in which the phases have had all its length to go astray


def summed_partials(
    instrument,
    performance: Performance,
    tail: float = 1.0,
    dtype: type = np.float64,
    curves: Controls | None = None,
    first_frame: int = 0,
) -> np.ndarray:
    """The harmonic part of a render, from its parameters, by the textbook.

    Args:
      instrument: Gives `.parameters(performance, tail, curves)` and `.spec`.
      performance: What is played.
      tail: Seconds after the last note-off.
      dtype: Of frequencies, phases and their sums.
      curves: What the decoder sees instead of the performance's own control curves.
      first_frame: Where the sound begins; phases before it are summed by whole frames.

    Returns:
      Audio, float64, [n_samples], n_samples a whole number of frames.

    Explained in notebook 05, "The report card".
    """
    spec = instrument.spec
    hop, rate = spec.rates.hop, spec.rates.sample_rate
    said = instrument.parameters(performance, tail, curves)
    f0_hz = said["f0_hz"].astype(np.float64)
    stiffness = inharmonicity(said["f0_hz"], spec).astype(np.float64)
    ends = said["amplitude"][:, None] * said["distribution"]
    starts = np.concatenate([ends[:1], ends[:-1]])
    n_frames = len(f0_hz) - first_frame
    rise = np.tile((np.arange(hop) + 1.0) / hop, n_frames)
    cycles = phase_spread(spec.architecture)
    audio = np.zeros(n_frames * hop)
    for k in range(1, spec.architecture.n_harmonics + 1):
        frequency = k * f0_hz * np.sqrt(1.0 + stiffness * k**2)
        gain = np.clip((1.0 - frequency / (rate / 2)) / (1.0 - ANTI_ALIAS_FROM), 0.0, 1.0)
        before, after = (np.repeat((a[:, k - 1] * gain)[first_frame:], hop) for a in (starts, ends))
        if not before.any() and not after.any():
            continue
        turns = (2 * np.pi * frequency / rate).astype(dtype)  # radians a sample, frame by frame
        begun = dtype(2 * np.pi * cycles[k - 1]) + hop * turns[:first_frame].sum(dtype=dtype)
        turn = np.repeat(turns[first_frame:], hop)
        phase = np.cumsum(turn, dtype=dtype) - turn + begun
        audio += np.sin(phase) * (before + (after - before) * rise)
    return audio


def oscillator_snr_db(instrument, performance: Performance, tail: float = 1.0) -> float:
    """How exact the oscillators are at the end of a piece.

    Energy of the harmonic stem's last 4 s over that of its difference from the same partials summed
    in double precision.

    Args:
      instrument: Gives `.render_stems`, `.parameters` and `.spec`.
      performance: What is played; the longer, the harder.
      tail: Seconds after the last note-off.

    Returns:
      dB; NaN for an instrument that is silent there.

    Explained in notebook 05, "The report card".
    """
    found = instrument.render_stems(performance, tail=tail)["harmonic"].astype(np.float64)
    hop = instrument.spec.rates.hop
    first = max(0, len(found) - round(LAST_SECONDS * instrument.sample_rate)) // hop
    found = found[first * hop :]
    wanted = summed_partials(instrument, performance, tail, first_frame=first)[: len(found)]
    power, error = np.sum(wanted**2), np.sum((found - wanted) ** 2)
    return float(10 * np.log10(power / max(error, 1e-30))) if power else np.nan
