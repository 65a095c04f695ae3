"""Augmentation: a take again at another pitch or another level, so that twelve minutes teach more.

Road: folder of audio + MIDI -> recordings -> [augmentation] -> training.
Two ways up a semitone. *Varispeed* plays the take faster, as a tape would: F0 is exact, the pluck
stays a pluck, and decay in dB/s, releases and all times go by the same factor 2^(n/12), which is
close to what a shorter string does. *Stretch* takes the sound apart and puts it together higher:
times stay, and so does the decay of the longer string; plucks smear.
Explained in notebook 01, "Pitched up and down".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nmsynth_lib.alignment import retimed
from nmsynth_lib.errors import ControlRangeError, RecordingError
from nmsynth_lib.midi.channel import note_name
from nmsynth_lib.performance import Performance

METHODS = ("varispeed", "stretch")
SMEAR_S = {"varispeed": 0.020, "stretch": 0.100}
"""How far a sound may reach, before and after its own time, in a shifted take: seconds by method.

Beyond it less than a millionth of the sound's energy (-60 dB) is left, at 8 kHz and up. Whoever
keeps validation out of training by its seconds leaves so much out on either side. With "stretch"
this holds for the sound, not for its phase: what was before turns the phases of all that follows.
"""
FURTHEST = 12  # semitones
BLOCK = 1 << 18  # samples that are shifted at once


def pitch_shifted(
    audio: np.ndarray,
    sample_rate: int,
    performance: Performance,
    semitones: int,
    method: str = "varispeed",
) -> tuple[np.ndarray, Performance]:
    """A take as if played higher or lower, with the MIDI that belongs to it.

    What a shift downwards leaves empty at the top of the spectrum stays empty, at 16 kHz and -4
    semitones all above 6.3 kHz. To avoid that, shift at the file's own rate, then resample.

    Args:
      audio: Shape [n_samples], also a `numpy.memmap`; second 0 is second 0 of the performance.
      sample_rate: Hz; does not change.
      performance: What was played. Notes are transposed, bends stay; with "varispeed" the times of
        notes, controllers and bends are divided by 2^(semitones / 12).
      semitones: Whole, -12..12, higher if positive.
      method: "varispeed", or "stretch", which needs memory for four times the audio.

    Returns:
      Audio, float32, shape [n_samples], or [round(n_samples / 2^(semitones / 12))] with
      "varispeed", and its performance. Nothing given is changed.

    Raises:
      ControlRangeError: a note would leave MIDI's pitches 0..127, or no such shift.

    Source: soxr, band-limited interpolation; Signalsmith Stretch, a phase vocoder.
    Explained in notebook 01, "Pitched up and down".
    """
    moved = shifted_performance(performance, semitones, method)
    if semitones == 0:
        return np.array(audio, np.float32), moved
    if method == "stretch":
        return _stretched(audio, sample_rate, semitones), moved
    shifted, filled = np.empty(_length(len(audio), semitones), np.float32), 0
    for block in varispeed_blocks(audio, semitones):
        shifted[filled : filled + len(block)] = block
        filled += len(block)
    return shifted, moved


def shifted_performance(
    performance: Performance, semitones: int, method: str = "varispeed"
) -> Performance:
    """The MIDI that belongs to a shifted take, see `pitch_shifted`.

    Raises:
      ControlRangeError: a note would leave MIDI's pitches 0..127, or no such shift.

    Explained in notebook 01, "Pitched up and down".
    """
    factor = speed(semitones, method)
    for note in performance.notes:
        if not 0 <= note.pitch + semitones <= 127:
            raise ControlRangeError(
                f"{performance.name}, {note.onset:.2f} s: {note_name(note.pitch)} shifted by "
                f"{semitones:+d} semitones is no MIDI pitch (0..127). Shift it less."
            )
    transposed = performance.transposed(semitones)
    return transposed if factor == 1.0 else retimed(transposed, 0.0, 1.0 / factor - 1.0)


def varispeed_blocks(audio: np.ndarray, semitones: int) -> Iterator[np.ndarray]:
    """The sound of `pitch_shifted` by varispeed, piece by piece: an hour takes a few MB.

    Args:
      audio: Shape [n_samples], also a `numpy.memmap`, which is read block by block.
      semitones: Whole, -12..12.

    Yields:
      float32, shape [n]; together round(n_samples / 2^(semitones / 12)) samples.

    Explained in notebook 01, "Pitched up and down".
    """
    import soxr

    stream = soxr.ResampleStream(speed(semitones), 1.0, 1, dtype="float32")
    left = _length(len(audio), semitones)
    for first in range(0, len(audio), BLOCK):
        piece = np.ascontiguousarray(audio[first : first + BLOCK], np.float32)
        block = stream.resample_chunk(piece, last=first + BLOCK >= len(audio))[:left]
        left -= len(block)
        yield block
    if left:  # the resampler rounds down
        yield np.zeros(left, np.float32)


def shifted_span(
    start: float, end: float, semitones: int, method: str = "varispeed"
) -> tuple[float, float]:
    """Where a stretch of a take lies in the shifted take.

    Args:
      start: Seconds of the take as it was.
      end: Seconds.
      semitones: As shifted.
      method: As shifted.

    Returns:
      (start, end) in seconds of the shifted take. Sound from outside reaches in by up to
      `SMEAR_S[method]` at either end.

    Explained in notebook 01, "Pitched up and down".
    """
    factor = speed(semitones, method)
    return start / factor, end / factor


def speed(semitones: int, method: str = "varispeed") -> float:
    """How many times faster a shifted take goes by: 2^(semitones / 12), or 1 for "stretch".

    Raises:
      ControlRangeError: not a whole number of semitones within an octave, or no such method.

    Explained in notebook 01, "Pitched up and down".
    """
    if method not in METHODS:
        raise ControlRangeError(f"Pitch is shifted by {' or '.join(METHODS)}, not by {method!r}.")
    if semitones % 1 or not abs(semitones) <= FURTHEST:
        raise ControlRangeError(
            f"Pitch is shifted by whole semitones from -{FURTHEST} to {FURTHEST}, "
            f"not by {semitones}."
        )
    return 2.0 ** (semitones / 12.0) if method == "varispeed" else 1.0


def louder(audio: np.ndarray, decibels: float) -> np.ndarray:
    """The same sound at another level; velocities are not touched and mean another loudness then.

    Args:
      audio: Shape [n_samples].
      decibels: Louder by so much; quieter if negative.

    Returns:
      float32, shape [n_samples].

    Raises:
      RecordingError: it would pass full scale, or the change is not a number.

    Explained in notebook 01, "Pitched up and down".
    """
    gain = 10.0 ** (decibels / 20.0)
    peak = max(float(np.max(audio, initial=0.0)), -float(np.min(audio, initial=0.0)))
    if not gain * peak <= 1.0 + 1e-6:  # also true for NaN
        raise RecordingError(
            f"{decibels:g} dB louder, the sound would peak at {gain * peak:.2f} of full scale; "
            f"it has room for {-20 * np.log10(max(peak, 1e-6)):.1f} dB."
        )
    return np.multiply(audio, np.float32(gain), dtype=np.float32)


def _length(n_samples: int, semitones: int) -> int:
    return round(n_samples / speed(semitones))


def _stretched(audio: np.ndarray, sample_rate: int, semitones: int) -> np.ndarray:
    """Shifted by a phase vocoder that keeps all times; it makes up for its own delay."""
    from python_stretch import Signalsmith

    if len(audio) == 0:
        return np.zeros(0, np.float32)
    # One call is one whole sound: it begins and ends its own stream, so blocks would not join.
    stretch = Signalsmith.Stretch(0)
    stretch.preset(1, sample_rate)
    stretch.setTransposeSemitones(semitones)
    whole = np.array(audio, np.float32)[np.newaxis]  # a copy: it takes no read-only memory
    return stretch.process(whole)[0]
