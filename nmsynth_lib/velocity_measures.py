"""Velocity read off the sound: how hard was each note plucked?

Road: folder of audio + MIDI -> [velocity measures] -> recordings -> training.
Annotations are often drawn with a mouse, and all velocities are 64. The paper takes them from the
A-weighted loudness of the sound. By itself that calls every palm-muted and every low note a soft
one. So what pitch and controllers do to the loudness is fitted first, and the velocity is what is
left: how much louder a note is than a loud one of its kind.
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
LOUD_SHARE = 0.9  # of the notes of a kind are softer than a loud one
LOUD_VELOCITY = 118  # of that one: velocities spread evenly over 30 to 127 have a tenth above it
DB_PER_DECADE = 40.0  # a synthesiser's amplitude is the square of velocity


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
    """How much louder each note is than a loud note of its pitch and controllers.

    The level of loud notes is a quadratic surface over pitch and every controller that moves, with
    nine tenths of the notes below it. It is found by quantile regression, since velocities end
    where MIDI does: their upper edge is sharp, their middle is not.

    Args:
      loudness: From `note_loudness_db`, shape [n_notes].
      performance: The notes and controllers.

    Returns:
      dB, below 0 for most; NaN where `loudness` is; shape [n_notes].

    Source: Koenker and Bassett, "Regression Quantiles", 1978.
    Explained in notebook 01, "Velocity from loudness".
    """
    onsets = np.array([note.onset for note in performance.notes])
    kinds = [np.array([note.pitch for note in performance.notes], float)]
    kinds += [held(events, onsets, 0) for events in performance.controllers.values()]
    kinds = [(kind - kind.mean()) / kind.std() for kind in kinds if kind.std() > 0]
    columns = [np.ones(len(onsets)), *kinds]
    columns += [a * b for i, a in enumerate(kinds) for b in kinds[i:]]
    surface, known = np.stack(columns, axis=1), np.isfinite(loudness)
    if not known.any():
        return np.full(len(onsets), np.nan)
    return loudness - surface @ _upper_edge(surface[known], loudness[known])


def _upper_edge(surface: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Coefficients of the surface that has a share LOUD_SHARE of the levels below it.

    A linear programme: of what sticks out above the surface each dB costs the share, of what stays
    below it the rest.
    """
    from scipy.optimize import linprog
    from scipy.sparse import hstack, identity

    n, k = surface.shape
    cost = np.concatenate([np.zeros(k), np.full(n, LOUD_SHARE), np.full(n, 1 - LOUD_SHARE)])
    one = identity(n)
    bounds = [(None, None)] * k + [(0, None)] * (2 * n)
    return linprog(cost, A_eq=hstack([surface, one, -one]), b_eq=level, bounds=bounds).x[:k]


def with_measured_velocity(
    audio: np.ndarray, sample_rate: int, performance: Performance, share: float = 1.0
) -> Performance:
    """The performance with velocities that are read off the sound.

    The loudest tenth of each kind gets 118 and more; 12 dB less is half the velocity.

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
    measured = LOUD_VELOCITY * 10 ** (louder / DB_PER_DECADE)
    notes = []
    for note, velocity in zip(performance.notes, measured, strict=True):
        if np.isfinite(velocity):
            blend = (1.0 - share) * note.velocity + share * velocity
            note = replace(note, velocity=int(np.clip(round(blend), 1, 127)))
        notes.append(note)
    return replace(performance, notes=tuple(notes))
