"""A recorded guitar's tuning and the stiffness of its strings, measured for the decoder.

Road: recordings -> [tuning] -> schema. A partial of a stiff string lies a few cents above its
multiple of F0. A spectral loss can hardly find such an offset by descent, because a misplaced
partial earns no gradient; a peak in a long spectrum shows it at once.
Explained in notebook 03, "Why partials are not multiples".
"""

from __future__ import annotations

import numpy as np

from nmsynth_lib.performance import Note, held, midi_to_hz
from nmsynth_lib.takes import Take

MIN_SECONDS, MAX_SECONDS, SKIP_SECONDS = 0.35, 1.0, 0.04
SEARCH_CENTS = 25.0
SLIGHT_BEND = 0.5  # semitones


def note_stiffness(
    audio: np.ndarray, sample_rate: int, pitch: float, n_partials: int = 24
) -> tuple[float, float, int]:
    """Tuning and stiffness of one steady note.

    Args:
      audio: The ringing note, [n_samples], at least 0.3 s.
      sample_rate: Hz.
      pitch: MIDI pitch it was meant to have.
      n_partials: How many to look for.

    Returns:
      Cents above `pitch`, B, and how many partials stood clear of their surroundings (with fewer
      than four, B means little).
    """
    n_fft = 1 << int(np.ceil(np.log2(8 * len(audio))))
    level = 20 * np.log10(np.abs(np.fft.rfft(audio * np.hanning(len(audio)), n_fft)) + 1e-9)
    f0, stiffness = float(midi_to_hz(pitch)), 0.0
    found: list[tuple[int, float]] = []
    for k in range(1, n_partials + 1):
        expected = k * f0 * np.sqrt(1 + stiffness * k * k)
        reach = 2 ** (SEARCH_CENTS / 1200)
        low, high = (int(f * n_fft / sample_rate) for f in (expected / reach, expected * reach))
        low, high = min(low, high - 2), max(high, low + 3)
        around = int(0.45 * f0 * n_fft / sample_rate)
        if expected * reach > 0.45 * sample_rate or high + around >= len(level):
            break
        peak = low + int(np.argmax(level[low : high + 1]))
        floor = np.median(level[max(0, peak - around) : peak + around])
        if level[peak] < floor + 15 or not low < peak < high:
            continue
        a, b, c = level[peak - 1 : peak + 2]
        found.append((k, (peak + 0.5 * (a - c) / (a - 2 * b + c)) * sample_rate / n_fft))
        if len(found) >= 3:
            f0, stiffness = _stretched_series(found)
    return 1200 * float(np.log2(f0 / midi_to_hz(pitch))), stiffness, len(found)


def _stretched_series(found: list[tuple[int, float]]) -> tuple[float, float]:
    """F0 and B by least squares on (f_k / k)^2 = f0^2 (1 + B k^2)."""
    k, frequency = np.array(found).T
    slope, square = np.polyfit(k**2, (frequency / k) ** 2, 1)
    return float(np.sqrt(square)), float(max(0.0, slope / square))


def _bend_of(note: Note, bend: tuple[tuple[float, float], ...]) -> float | None:
    """Semitones that the wheel stands at all through the note; None if it moves, or is far away.

    A take that is out of tune as a whole has a bend of a few cents throughout.
    """
    moves = [time for time, _ in bend if note.onset < time < note.offset]
    values = held(bend, np.array([note.onset, *moves]), 0.0)
    return float(values[0]) if np.ptp(values) == 0 and abs(values[0]) <= SLIGHT_BEND else None


def measured_stiffness(
    takes: list[Take], n_breakpoints: int = 8
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Stiffness and tuning of a recorded guitar over its range.

    Args:
      takes: Notes of at least 0.35 s are measured, the more open the better.
      n_breakpoints: Pitches at which the smooth stiffness curve is given.

    Returns:
      Breakpoints (pitch, B) and (pitch, cents) for the schema's `inharmonicity` and
      `tuning_cents`; zeros where nothing could be measured.
    """
    rows = []
    for take in takes:
        for note in take.performance.notes:
            bend = _bend_of(note, take.performance.bend)
            if note.offset - note.onset < MIN_SECONDS or bend is None:
                continue
            start = round((note.onset + SKIP_SECONDS) * take.sample_rate)
            end = round(min(note.offset, note.onset + MAX_SECONDS) * take.sample_rate)
            if end > len(take.audio):
                continue
            cents, stiffness, n = note_stiffness(
                take.audio[start:end], take.sample_rate, note.pitch + bend
            )
            if n >= 4 and abs(cents) < 40:
                rows.append((note.pitch, cents, stiffness, n))
    if len(rows) < 4:
        return [(40.0, 0.0)], [(40.0, 0.0)]
    pitch, cents, stiffness, n = np.array(rows).T
    used = (stiffness > 1e-7) & (n >= 6)
    tuning = [(float(p), round(float(np.median(cents[pitch == p])), 2)) for p in np.unique(pitch)]
    if used.sum() < 4:
        return [(40.0, 0.0)], tuning
    points = np.linspace(pitch[used].min(), pitch[used].max(), n_breakpoints)
    width = max(3.0, float(points[1] - points[0]))
    log_b = np.log(stiffness[used])
    smooth = []
    for point in points:
        near = np.abs(pitch[used] - point) <= width
        if near.any():
            smooth.append((round(float(point), 1), float(f"{np.exp(np.median(log_b[near])):.3g}")))
    return smooth, tuning
