"""Onset measures: when a note begins to sound, and how suddenly.

Road: instrument -> audio -> [onset measures] -> note measures -> metrics -> report.
A pluck is over in a millisecond, often while the note before still rings, louder than the new one.
So what rang is predicted and taken away, and what is left is new.
Explained in notebook 05, "How fast is a pluck?".
"""

from __future__ import annotations

import numpy as np

from nmsynth_lib.performance import Note

SEARCH = (-0.030, 0.100)  # seconds round the note-on in which its onset is looked for
RING_SECONDS, PREDICTOR_SECONDS = 0.060, 0.002  # ring listened to before a note; predictor length
ONSET_WINDOW = 0.001  # seconds of energy that an onset is read from
ONSET_DROP_DB = 20.0  # below the new sound's peak
ONSET_RISE_DB = 6.0  # above what was there before
STEP_WINDOW = 0.008  # seconds on either side of a soft note's onset that are compared
ATTACK_DROP_DB, EDGE = 3.0, 0.010  # dB; seconds before the note-off in which no peak is sought
SILENT = 1e-12  # mean square, -120 dB re full scale


def onset_time(
    audio: np.ndarray, sample_rate: int, note: Note, previous_onset: float, limit: float
) -> float:
    """When the note begins to sound, to a fraction of a millisecond, also over a ringing note.

    A linear predictor (2 ms long) is fitted to the 60 ms before the search begins and takes what
    was ringing out of the sound; what it can not foresee is new. The onset is where the energy of
    that, over the last 1 ms, first comes within 20 dB of its peak and 6 dB above what it ever was
    before the search; if it never does, where 8 ms of it rise most over the 8 ms before, by at
    least 6 dB.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      note: Looked for from 30 ms before to 100 ms after its note-on.
      previous_onset: Note-on of the note before, seconds; the ring is not learnt across it.
      limit: Seconds at which the next note begins or the sound ends.

    Returns:
      Seconds; NaN if nothing new is heard.

    Explained in notebook 05, "How fast is a pluck?".
    """
    order, window = (round(s * sample_rate) for s in (PREDICTOR_SECONDS, ONSET_WINDOW))
    start = max(0, round((note.onset + SEARCH[0]) * sample_rate))
    last = min(note.onset + SEARCH[1], limit + SEARCH[0], max(note.offset, note.onset + 0.03))
    last = max(last, min(note.onset + 0.02, limit))  # a fast run: at least 20 ms
    stop = min(len(audio), round(last * sample_rate))
    learn = max(0, round(max(note.onset + SEARCH[0] - RING_SECONDS, previous_onset) * sample_rate))
    learn = min(learn, start)
    piece = np.asarray(audio[max(0, learn - order) : stop], float)
    piece = np.pad(piece, (max(0, order - learn), 0))  # piece[order] is audio[learn]
    if len(piece) <= order + start - learn + window or not piece.any():
        return np.nan
    new = piece[order:]
    if start - learn >= 4 * order:
        new = _unforeseen(piece, order, start - learn)
    total = np.concatenate([np.zeros(window), np.cumsum(new**2)])
    energy = total[window:] - total[:-window]  # of the last `window` samples, this one included
    before = energy[window : start - learn].max(initial=0.0)
    found = energy[start - learn :]
    threshold = max(found.max() * 10 ** (-ONSET_DROP_DB / 10), before * 10 ** (ONSET_RISE_DB / 10))
    if found.max() < window * SILENT:
        return np.nan
    above = np.flatnonzero(found >= threshold)
    if len(above):
        return (start + above[0]) / sample_rate
    step = _steepest_step(new, start - learn, round(STEP_WINDOW * sample_rate))
    return np.nan if step is None else (start + step) / sample_rate


def _steepest_step(new: np.ndarray, first: int, window: int) -> int | None:
    """Samples after `first` at which the energy of one window rises most over that of the last."""
    total = np.concatenate([[0.0], np.cumsum(new**2)])
    middle = np.arange(max(first, window), len(new) - window + 1)
    if len(middle) == 0:
        return None
    before = total[middle] - total[middle - window]
    rise = (total[middle + window] - total[middle]) / np.maximum(before, 1e-12)
    best = int(rise.argmax())
    return int(middle[best]) - first if rise[best] >= 10 ** (ONSET_RISE_DB / 10) else None


def _unforeseen(piece: np.ndarray, order: int, n_learn: int) -> np.ndarray:
    """What a linear predictor, fitted to the first n_learn samples after `order`, can not foresee.

    Least squares on the samples as they are (covariance method): exact for a sum of decaying sines.
    """
    learnt = piece[: order + n_learn]
    known = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(learnt[:-1], order))
    normal = known.T @ known
    normal[np.diag_indices(order)] += 1e-7 * np.trace(normal) / order + 1e-12
    weights = np.linalg.solve(normal, known.T @ learnt[order:])  # oldest sample first
    return np.convolve(piece, np.concatenate([[1.0], -weights[::-1]]), mode="valid")


def attack_time(audio: np.ndarray, sample_rate: int, onset: float, end: float) -> float:
    """How long a note takes from its onset to 3 dB below its peak.

    Read off the energy of the last 1 ms of the analytic signal, which unlike the wave itself does
    not swing through zero: a pluck gives about 1 ms, a 1 - exp(-t / T) swell 1.2 T.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      onset: When the note begins to sound, seconds.
      end: When it ends, seconds.

    Returns:
      Seconds; NaN for silence.

    Explained in notebook 05, "How fast is a pluck?".
    """
    from scipy.fft import next_fast_len
    from scipy.signal import hilbert

    first, last = max(0, round(onset * sample_rate)), min(round(end * sample_rate), len(audio))
    window, edge = round(ONSET_WINDOW * sample_rate), round(EDGE * sample_rate)
    if last - first < window:
        return np.nan
    lead = min(first, 2 * edge)
    piece = np.asarray(audio[first - lead : last + edge], float)
    envelope = hilbert(piece, next_fast_len(2 * len(piece)))[: len(piece)]
    total = np.concatenate([np.zeros(window), np.cumsum(np.abs(envelope) ** 2)])
    energy = (total[window:] - total[:-window])[lead:]
    # The analytic signal overshoots where a note is cut off: its last 10 ms are no peak.
    energy = energy[: max(last - first - edge, min(edge, last - first))]
    if energy.max() < window * SILENT:
        return np.nan
    return int(np.argmax(energy >= energy.max() * 10 ** (-ATTACK_DROP_DB / 10))) / sample_rate
