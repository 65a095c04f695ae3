"""Checks of the exercises in notebook 01: each mends a mistake of the code that the paper released.

Road: answer -> curves, files -> [words].
Explained in notebook 01, "Your turn".
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nmsynth_lib.audio import listen
from nmsynth_lib.checks.hear_it import RIGHT
from nmsynth_lib.performance import Note, Performance, held_pitch, midi_to_hz

LONGEST_S = 8.0  # that a time since the onset may be
MANY_VELOCITIES = 64  # different numbers that velocities should become, at least
PLUCK_S = (0.005, 0.020)  # between which a pluck happens
FRAME_RATE, SAMPLE_RATE = 250, 16000
IN_TUNE = 0.003  # relative, 5 cents
LONGEST_KEY = 200  # characters that a file can be called by
THREE_NOTES = Performance.from_notes(
    [Note(50, 100, 0.0, 0.3), Note(57, 100, 0.7, 1.0), Note(45, 100, 1.4, 1.7)], name="three notes"
)
_N_FRAMES = 500


def check_velocity(scaled: Callable[[int], float] | None) -> str:
    """Does this tell the network how hard a note is plucked?

    Args:
      scaled: The learner's function: MIDI velocity, 1..127 -> what the network is given.

    Returns:
      The verdict in words.
    """
    velocities = np.arange(1, 128)
    values, problem = _values_of(scaled, "scaled", velocities)
    if problem:
        return problem
    said = f"Velocities 1 to 127 come out as {values[0]:.3f} to {values[-1]:.3f}"
    if (np.diff(values) < 0).any():
        return f"Not yet. {said}, and not always rising: a harder pluck should be a larger number."
    if np.ptp(values) < 0.1:
        return (
            f"Not yet. {said}: the softest and the hardest pluck are the same to a network. Which "
            "of the steps squeezes them? 127 should come out as about 1, and 1 as about 0."
        )
    if values.min() < -0.05 or values.max() > 1.05:
        return f"Not yet. {said}: the other controls keep within 0 and 1. Divide by the largest."
    if np.ptp(values) < 0.9:
        return (
            f"Not yet. {said}: that is {100 * np.ptp(values):.0f} % of the scale. Use all of it: "
            "what is the largest velocity that MIDI has?"
        )
    n_different = len(np.unique(values))
    if n_different < MANY_VELOCITIES:
        return (
            f"Not yet. {said}, but with {n_different} different numbers for 127 velocities. What "
            "was rounded off? // gives whole numbers, / does not."
        )
    return f"{RIGHT}{said}: the whole scale."


def check_seconds(scaled: Callable[[float], float] | None) -> str:
    """Does this tell the network how long ago a note was plucked?

    Args:
      scaled: The learner's function: seconds since the onset, 0..8 -> what the network is given.

    Returns:
      The verdict in words.
    """
    times = np.concatenate([[0.0, *PLUCK_S], np.linspace(0.05, LONGEST_S, 160)])
    values, problem = _values_of(scaled, "scaled", times)
    if problem:
        return problem
    start, early, late, end = values[0], values[1], values[2], values[-1]
    if (np.diff(values) <= 0).any():
        falls = int((np.diff(values) <= 0).argmax())
        return (
            f"Not yet. It does not always rise: {times[falls]:.3g} s and {times[falls + 1]:.3g} s "
            "would look the same, or swapped. Cut nothing off, and let later be more."
        )
    if end < 0.5:
        return (
            f"Not yet. 8 s come out as {end:.3f}, and the first 20 ms as {late - start:.4f} of it: "
            "time hardly exists. What is the longest time that occurs? That should become 1."
        )
    if start < -0.05 or end > 1.05:
        return (
            f"Not yet. 0 to 8 s come out as {start:.2f} to {end:.2f}: keep within 0 and 1. Divide "
            "by what 8 s come out as."
        )
    if late - early < 0.05:
        return (
            f"Not yet. 0 to 8 s fill the scale, but 5 ms and 20 ms are only {late - early:.4f} "
            "apart, and a pluck is over by then. Equal *ratios* of time should be equal steps: "
            "take a logarithm, np.log1p(seconds / 0.004)."
        )
    return (
        f"{RIGHT}0 to 8 s come out as {start:.2f} to {end:.2f}, and 5 ms and 20 ms are "
        f"{late - early:.2f} apart."
    )


def pitch_with_rests_at_zero() -> np.ndarray:
    """The pitch of three notes as the released code makes it: 0 in rests.

    Returns:
      MIDI pitch, shape [500], 250 frames a second.
    """
    times = np.arange(_N_FRAMES) / FRAME_RATE
    pitch = np.zeros(_N_FRAMES)
    for note in THREE_NOTES.notes:
        pitch[(times >= note.onset) & (times < note.offset)] = note.pitch
    return pitch


def check_f0(f0_hz: np.ndarray | None) -> str:
    """Does the string keep its pitch through the rests?

    Args:
      f0_hz: The learner's curve, Hz, shape [500].

    Returns:
      The verdict in words; it also shows players.
    """
    f0_hz = np.asarray(f0_hz if f0_hz is not None else [], float)
    if f0_hz.shape != (_N_FRAMES,):
        return (
            f"Not yet. It needs {_N_FRAMES} numbers, one a frame; yours has {f0_hz.shape}. Leave "
            "no frame out: in a rest the string may still ring."
        )
    if not np.isfinite(f0_hz).all():
        first = int((~np.isfinite(f0_hz)).argmax())
        return (
            f"Not yet. At {first / FRAME_RATE:.2f} s it is {f0_hz[first]}, and a phase that is "
            "summed over it stays so to the end. A rest needs a number, too: which pitch has a "
            "string that rings on?"
        )
    pitch = pitch_with_rests_at_zero()
    truth = midi_to_hz(held_pitch(THREE_NOTES, np.arange(_N_FRAMES) / FRAME_RATE))
    wrong = np.abs(f0_hz / truth - 1) > IN_TUNE
    in_notes, in_rests = np.flatnonzero(wrong & (pitch > 0)), np.flatnonzero(wrong & (pitch == 0))
    listen(_ringing(f0_hz), _ringing(truth), labels=["your curve", "the string, held"])
    if len(in_notes):
        frame = in_notes[0]
        heard = (
            f"At {frame / FRAME_RATE:.2f} s a note of {truth[frame]:.2f} Hz sounds; yours has "
            f"{f0_hz[frame]:.2f}"
        )
        if abs(f0_hz[frame] - pitch[frame]) < 0.5:
            return f"Not yet. {heard}, its MIDI pitch: midi_to_hz(...) makes Hz of it."
        return f"Not yet. {heard} Hz. Change the rests only."
    if len(in_rests):
        frame = in_rests[0]
        heard = f"In the rest at {frame / FRAME_RATE:.2f} s F0 is {f0_hz[frame]:.2f} Hz"
        if f0_hz[frame] < 20:
            return (
                f"Not yet. {heard}: what still rings drops to a rumble there, and every onset "
                "begins with a chirp. Hold the last note's pitch instead."
            )
        return (
            f"Not yet. {heard}, but the string that was plucked before it rings at "
            f"{truth[frame]:.2f} Hz. Hold *that* until the next onset."
        )
    return f"{RIGHT}Each rest keeps the pitch of the note before it, so the string can ring out."


def check_cache_key(key: Callable[[Path], str] | None) -> str:
    """Is this a key under which decoded sound can be kept?

    Args:
      key: The learner's function: path of a sound file -> key.

    Returns:
      The verdict in words.
    """
    if not callable(key):
        return "Not yet. Write a function of a path: def key(path): return ..."
    with tempfile.TemporaryDirectory() as scratch:
        take, moved = Path(scratch) / "take.wav", Path(scratch) / "archive" / "evening.wav"
        take.write_bytes(b"RIFF one")
        saved = take.stat()
        moved.parent.mkdir()
        shutil.copy2(take, moved)
        try:
            first, elsewhere = key(take), key(moved)
            take.write_bytes(b"RIFF two")
            newer = key(take)
            os.utime(take, ns=(saved.st_atime_ns, saved.st_mtime_ns))
            edited = key(take)
        except Exception as error:
            return f"Not yet. It fails: {type(error).__name__}: {error}."
    if first == newer:
        return (
            "Not yet. The file was edited, and its key is the same: training would hear the old "
            "sound for ever. A path says where a sound lies, a length how long it is; neither says "
            "what it is."
        )
    if first == edited:
        return (
            "Not yet. An editor that keeps the file's time, as some do, gets the old sound. Look "
            "into the file: path.read_bytes()."
        )
    if first != elsewhere:
        return (
            "Not yet. The file was copied elsewhere, and its key is another: the same sound "
            "is decoded again. Leave name and time out of it."
        )
    if isinstance(first, int):
        return (
            "Not yet. A number: Python's own `hash` gives another one in the next session, and a "
            "checksum of 32 bits is too small. Take hashlib.sha256(...).hexdigest()."
        )
    if first is None:
        return "Not yet. key(path) gives back None: end it with `return`."
    if not isinstance(first, str) or len(first) > LONGEST_KEY:
        return (
            "Not yet. A file cannot be called that, and it is as long as the sound itself: take a "
            "hash of the content, hashlib.sha256(...).hexdigest()."
        )
    return f"{RIGHT}Edited sound is read again, moved sound is not: {first[:12]}..."


def _values_of(function, name: str, arguments: np.ndarray) -> tuple[np.ndarray, str]:
    """What a function makes of each argument, or what is wrong with it, in words."""
    if not callable(function):
        return np.zeros(0), f"Not yet. `{name}` is not a function: def {name}(x): return ..."
    try:
        with np.errstate(all="ignore"):
            found = [function(argument) for argument in arguments.tolist()]
            if None in found:
                said = f"{name}({arguments[0]:g}) gives back None: end the function with `return`."
                return np.zeros(0), f"Not yet. {said}"
            values = np.array([float(value) for value in found])
    except Exception as error:
        return np.zeros(0), f"Not yet. {name}(...) fails: {type(error).__name__}: {error}."
    if not np.isfinite(values).all():
        worst = arguments[~np.isfinite(values)][0]
        return values, (
            f"Not yet. {name}({worst:g}) is {values[~np.isfinite(values)][0]}. A logarithm of 0? "
            "np.log1p(x) is 0 there."
        )
    return values, ""


def _ringing(f0_hz: np.ndarray) -> np.ndarray:
    """A dull string with this F0, plucked at the three onsets, ringing through the rests."""
    n_samples = _N_FRAMES * SAMPLE_RATE // FRAME_RATE
    times = np.arange(n_samples) / SAMPLE_RATE
    hz = np.interp(times * FRAME_RATE, np.arange(_N_FRAMES), f0_hz)
    phase = 2 * np.pi * np.cumsum(hz) / SAMPLE_RATE
    onsets = np.array([note.onset for note in THREE_NOTES.notes])
    since = times - onsets[np.searchsorted(onsets, times, side="right") - 1]
    partials = sum(np.sin(k * phase) / k * (k * hz < SAMPLE_RATE / 2) for k in range(1, 9))
    return (0.25 * partials * np.exp(-2.5 * since)).astype(np.float32)
