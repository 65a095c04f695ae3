"""Pitch measures: is it in tune, and how long does each partial ring?

Road: instrument -> audio -> [pitch measures] -> metrics -> report.
A neural tracker (swift-f0) says blindly which note sounds; it is a few cents off (median error 3,
largest 18 on steady tones), so the cents are then read off the phases of the partials near its
answer, which is exact for sines. Partials are followed by moving them to 0 Hz and smoothing.
Explained in notebook 05, "Is it in tune?".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from nmsynth_lib.level_measures import falling_slope
from nmsynth_lib.memory import give_memory_back
from nmsynth_lib.performance import Performance, held_pitch, midi_to_hz

AFTER_ONSET = 0.050  # seconds of a note that are left out
SHORTEST_NOTE = 0.080  # seconds; shorter notes get no cents
FRAME = 0.020  # seconds between the frames that F0 is refined in
VOICED = 0.5  # confidence of the tracker
PIECE, MARGIN = 4.096, 0.256  # seconds that it hears at once, whole frames of 16 ms
TUNED_BY = 4  # partials that F0 is read from
PERIODS = 4  # of a Hann window whose zeros lie on the neighbouring partials
AUDIBLE_DB = 50.0  # below a note's loudest frame F0 is no longer read
PARTIAL_PERIODS = 5  # of a Blackman-Harris window that ends before the neighbouring partial
PARTIAL_RANGE_DB, PARTIAL_FLOOR_DB = 40.0, 6.0
STEP = 0.001  # seconds between the points of a partial's level


@lru_cache(maxsize=1)
def _tracker():
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1)


def let_go_of_tracker() -> None:
    """Gives back the 60 MB that the tracker keeps; the next one is made within 0.1 s."""
    _tracker.cache_clear()
    give_memory_back()


def tracked_f0(audio: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """F0 as a neural tracker hears it, knowing nothing of the performance.

    Args:
      audio: Shape [n_samples]; its level does not matter.
      sample_rate: Hz.

    Returns:
      Times in seconds and F0 in Hz (NaN where unvoiced), both of shape [n_frames], 16 ms apart.

    Source: swift-f0, a tracker whose weights are part of the package.
    Explained in notebook 05, "Is it in tune?".
    """
    audio = np.asarray(audio, np.float32)
    peak = np.abs(audio).max(initial=0.0)
    if peak < 1e-5:
        return np.zeros(0), np.zeros(0)
    audio = audio * np.float32(0.9 / peak)
    # Pieces of one length: the tracker's memory grows with the longest it has seen, and with every
    # other length. Their margins are heard, but not kept.
    size, margin = (round(seconds * sample_rate) for seconds in (PIECE, MARGIN))
    times, f0_hz = [], []
    for first in range(0, len(audio), size - 2 * margin):
        start = first - margin
        piece = audio[max(0, start) : start + size]
        piece = np.pad(piece, (max(0, -start), max(0, start + size - len(audio))))
        found = _tracker().detect(piece, sample_rate)
        heard = found.timestamps + start / sample_rate
        until = min((first + size - 2 * margin), len(audio)) / sample_rate
        kept = (heard >= first / sample_rate) & (heard < until)
        times.append(heard[kept])
        voiced = found.confidence >= VOICED
        f0_hz.append(np.where(voiced, found.pitch_hz, np.nan)[kept])
    return np.concatenate(times), np.concatenate(f0_hz)


def refined_f0(
    audio: np.ndarray, sample_rate: int, times: np.ndarray, f0_hz: float
) -> tuple[np.ndarray, np.ndarray]:
    """F0 from the phases of the first four partials near a rough value.

    The frequency of partial k is k f0 plus what its phase gains against that within one period;
    the four answers f_k / k are averaged, weighted by power. Done twice, from the better value.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      times: Middle of the frames, seconds, shape [n_frames].
      f0_hz: Rough F0, within a semitone, Hz.

    Returns:
      F0 in Hz and power of the partials in dB, both of shape [n_frames].

    Explained in notebook 05, "Is it in tune?".
    """
    from scipy.signal.windows import hann

    partials = np.arange(1, TUNED_BY + 1)
    partials = partials[partials * f0_hz < 0.45 * sample_rate]
    n_window, lag = round(PERIODS * sample_rate / f0_hz), round(sample_rate / f0_hz)
    frames = _frames(audio, sample_rate, times, n_window + lag)
    for _ in range(2):
        turn = 2 * np.pi * f0_hz * partials / sample_rate  # radians a sample, [n_partials]
        basis = np.exp(-1j * np.outer(np.arange(n_window), turn))
        basis *= hann(n_window, sym=False)[:, None]
        early, late = frames[:, :n_window] @ basis, frames[:, lag:] @ basis
        gained = np.angle(late * np.conj(early) * np.exp(-1j * turn * lag)) / (turn * lag)
        power = np.abs(early) * np.abs(late) + 1e-30
        f0 = f0_hz * (1 + (power * gained).sum(1) / power.sum(1))
        f0_hz = float(np.median(f0))
    return f0, 10 * np.log10(power.sum(1))


def _frames(audio: np.ndarray, rate: int, times: np.ndarray, length: int) -> np.ndarray:
    """Stretches of sound round each time, silence beyond its ends, shape [n_times, length]."""
    padded = np.pad(np.asarray(audio, float), length)
    starts = np.round(np.asarray(times) * rate).astype(int) - length // 2 + length
    starts = np.clip(starts, 0, len(padded) - length)
    return padded[starts[:, None] + np.arange(length)]


def note_cents(audio: np.ndarray, sample_rate: int, performance: Performance) -> np.ndarray:
    """How far each note is from its MIDI pitch, bend included.

    The tracker's median over the note, from 50 ms after its onset to its offset, is refined every
    20 ms; frames more than 50 dB below the note's loudest are left out.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      performance: What should be heard.

    Returns:
      Median cents, positive for sharp, shape [n_notes]; NaN for notes under 80 ms and where no
      frame has a clear pitch.

    Explained in notebook 05, "Is it in tune?".
    """
    tracked_times, tracked = tracked_f0(audio, sample_rate)
    should = midi_to_hz(held_pitch(performance, tracked_times))
    cents = np.full(len(performance.notes), np.nan)
    for index, note in enumerate(performance.notes):
        start, end = note.onset + AFTER_ONSET, min(note.offset, len(audio) / sample_rate)
        first, last = np.searchsorted(tracked_times, [start, end])
        off = tracked[first:last] / should[first:last]
        if note.offset - note.onset < SHORTEST_NOTE or np.isnan(off).all():
            continue
        # The tracker says how far off, the bend says where: refined in pieces of one bend each.
        rough_ratio = np.nanmedian(off)
        times = np.arange(start, end, FRAME)
        wanted = midi_to_hz(held_pitch(performance, times))
        found, power = np.empty(len(times)), np.empty(len(times))
        for target in np.unique(wanted):
            here = wanted == target
            found[here], power[here] = refined_f0(
                audio, sample_rate, times[here], target * rough_ratio
            )
        clear = power > power.max(initial=-np.inf) - AUDIBLE_DB
        cents[index] = np.median(1200 * np.log2(found / wanted)[clear])
    return cents


def partial_levels(
    audio: np.ndarray,
    sample_rate: int,
    f0_hz: float,
    partials: Sequence[int],
    start: float,
    end: float,
    step: float = STEP,
) -> tuple[np.ndarray, np.ndarray]:
    """Level of single partials, each moved to 0 Hz and smoothed over five periods.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      f0_hz: Fundamental, Hz.
      partials: 1 for the fundamental, and so on.
      start: Seconds; at least 2.5 periods after an onset, for the smoothing not to reach it.
      end: Seconds.
      step: Seconds from point to point.

    Returns:
      Times in seconds, shape [n_times], and levels in dB re a sine of amplitude 1, shape
      [n_partials, n_times].

    Explained in notebook 05, "How long does it ring?".
    """
    from scipy.signal.windows import blackmanharris

    n_window = round(PARTIAL_PERIODS * sample_rate / f0_hz)
    window = blackmanharris(n_window, sym=False)
    times = np.arange(start, end, step)
    frames = _frames(audio, sample_rate, times, n_window)
    turn = 2j * np.pi * f0_hz * np.asarray(partials, float) / sample_rate
    basis = np.exp(-turn[:, None] * np.arange(n_window)) * window * (2 / window.sum())
    # Real numbers, and the frames first: an eighth of the time of one complex product.
    both = frames @ np.concatenate([basis.real, basis.imag]).T
    return times, 20 * np.log10(np.hypot(*np.split(both.T, 2)) + 1e-9)


def partial_decay(
    audio: np.ndarray,
    sample_rate: int,
    f0_hz: float,
    partials: Sequence[int],
    start: float,
    end: float,
    step: float = STEP,
) -> np.ndarray:
    """How fast single partials of a note fall.

    The best straight line through the partial's level from `start`, until 40 dB lower or 6 dB
    above the floor that it ends in.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      f0_hz: Fundamental, Hz.
      partials: 1 for the fundamental, and so on.
      start: Seconds; at least 2.5 periods after the onset.
      end: Seconds; before the note-off.
      step: Seconds between the levels that the line goes through.

    Returns:
      dB/s, positive for a falling level, shape [n_partials]; NaN where less than 8 levels are above
      the floor.

    Explained in notebook 05, "How long does it ring?".
    """
    times, levels = partial_levels(audio, sample_rate, f0_hz, partials, start, end, step)
    slopes = np.full(len(levels), np.nan)
    for index, level in enumerate(levels):
        lowest = level[0] - PARTIAL_RANGE_DB
        floor = np.percentile(level, 10)
        if level[0] - floor > 2 * PARTIAL_RANGE_DB / 4:  # it ends in something: stay above it
            lowest = max(lowest, floor + PARTIAL_FLOOR_DB)
        under = np.flatnonzero(level < lowest)
        count = under[0] if len(under) else len(level)
        if count >= 8:
            slopes[index] = falling_slope(times[:count], level[:count])
    return slopes
