"""Velocity read off the sound: how hard was each note plucked?

Road: folder of audio + MIDI -> [velocity measures] -> recordings -> training.
Annotations are often drawn with a mouse, and all velocities are 64. The paper takes them from the
A-weighted loudness of the sound. By itself that calls every palm-muted and every low note a soft
one. So what pitch and controllers do to the loudness is fitted first, and the velocity is what is
left: how much louder a note is than other notes of its kind.
Explained in notebook 01, "Velocity from loudness".

Source: Grechin & Groves 2021 (A-weighted loudness); the normalisation is ours.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nmsynth_lib.errors import ControlRangeError
from nmsynth_lib.loudness import a_weighting
from nmsynth_lib.performance import Performance, held

ATTACK_S = 0.060  # of a note, from its onset, that its loudness is read from
SILENT_DB = -100.0
LOUD_VELOCITY, LOUD_SHARE = 120, 0.95  # the velocity of a note louder than that share of its kind
DB_PER_DECADE = 40.0  # a synthesiser's amplitude is the square of velocity
ROUNDS, TOO_FAR = 8, 1.5  # of the robust fit; dB beyond which a note counts less


def note_loudness_db(audio: np.ndarray, sample_rate: int, performance: Performance) -> np.ndarray:
    """A-weighted level of the first 60 ms of each note.

    Args:
      audio: Shape [n_samples], aligned with the performance.
      sample_rate: Hz.
      performance: What was played.

    Returns:
      dB re full scale, at least -100; NaN for notes beyond the sound; shape [n_notes].

    Explained in notebook 01, "Velocity from loudness".
    """
    size = round(ATTACK_S * sample_rate)
    power = a_weighting(np.fft.rfftfreq(2 * size, 1 / sample_rate)) ** 2
    found = np.full(len(performance.notes), np.nan)
    for index, note in enumerate(performance.notes):
        first = round(note.onset * sample_rate)
        piece = np.asarray(audio[first : first + size], float)
        if len(piece):
            spectrum = np.abs(np.fft.rfft(piece, 2 * size)) ** 2
            mean_square = 2 * (spectrum * power).sum() / (2 * size * len(piece))
            found[index] = 10 * np.log10(max(mean_square, 10 ** (SILENT_DB / 10)))
    return found


def louder_than_its_kind_db(loudness: np.ndarray, performance: Performance) -> np.ndarray:
    """How much louder each note is than a note of its pitch and controllers usually is.

    The usual level is a quadratic surface over pitch and every controller that moves, fitted so
    that single notes far away from it count less.

    Args:
      loudness: From `note_loudness_db`, shape [n_notes].
      performance: The notes and controllers.

    Returns:
      dB, NaN where `loudness` is, shape [n_notes].

    Explained in notebook 01, "Velocity from loudness".
    """
    onsets = np.array([note.onset for note in performance.notes])
    kinds = [np.array([note.pitch for note in performance.notes], float)]
    kinds += [held(events, onsets, 0) for events in performance.controllers.values()]
    kinds = [(kind - kind.mean()) / kind.std() for kind in kinds if kind.std() > 0]
    columns = [np.ones(len(onsets)), *kinds]
    columns += [a * b for i, a in enumerate(kinds) for b in kinds[i:]]
    known = np.isfinite(loudness)
    # A controller that is only ever at two levels has a square that says nothing new: lstsq copes.
    surface, weight = np.stack(columns, axis=1), np.ones(len(onsets))
    rest = np.full(len(onsets), np.nan)
    for _ in range(ROUNDS):
        found, *_ = np.linalg.lstsq(
            surface[known] * weight[known, None], loudness[known] * weight[known], rcond=None
        )
        rest = loudness - surface @ found
        weight = np.sqrt(1 / np.maximum(1.0, np.abs(np.nan_to_num(rest)) / TOO_FAR))
    return rest


def with_measured_velocity(
    audio: np.ndarray, sample_rate: int, performance: Performance, share: float = 1.0
) -> Performance:
    """The performance with velocities that are read off the sound.

    The loudest twentieth of all notes gets 120 and more; 12 dB less is half the velocity.

    Args:
      audio: Shape [n_samples], aligned with the performance.
      sample_rate: Hz.
      performance: What was played.
      share: How much of the new velocity: 1 replaces the written one, 0.5 takes the mean.

    Returns:
      The performance; notes beyond the sound keep their velocity.

    Raises:
      ControlRangeError: a share outside 0..1.

    Explained in notebook 01, "Velocity from loudness".
    """
    if not 0.0 <= share <= 1.0:
        raise ControlRangeError(f"share of the measured velocity: {share}; give 0 to 1.")
    louder = louder_than_its_kind_db(note_loudness_db(audio, sample_rate, performance), performance)
    if not np.isfinite(louder).any():
        return performance
    loud = np.nanquantile(louder, LOUD_SHARE)
    measured = LOUD_VELOCITY * 10 ** ((louder - loud) / DB_PER_DECADE)
    notes = []
    for note, velocity in zip(performance.notes, measured, strict=True):
        if np.isfinite(velocity):
            blend = (1.0 - share) * note.velocity + share * velocity
            note = replace(note, velocity=int(np.clip(round(blend), 1, 127)))
        notes.append(note)
    return replace(performance, notes=tuple(notes))
