"""Ignored controls: does the network listen to what it is told?

Road: instrument -> audio -> losses -> [ignored controls] -> report.
One control at a time is shuffled between the notes, and the loss is asked what that costs. Where it
costs nothing the network does not use the control, whatever the slider promises.
Explained in notebook 05, "Break it on purpose".
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nmsynth_lib.controls import Controls, n_frames_for, note_in_force
from nmsynth_lib.performance import Performance

SHUFFLES = 3
LOOK_SECONDS = 30.0  # of the piece that are looked at
PIECE_SECONDS = 4.0  # of sound that the loss looks at at a time
LEAST_RISE = 0.01  # of the true loss: less than that is no use of a control
NOISE_TIMES = 3.0


def ignored_controls(
    instrument, target: np.ndarray, performance: Performance, seed: int = 0
) -> tuple[dict[str, float], float]:
    """What it costs to shuffle each control between the notes.

    The curve of a note, from its onset to the next, is exchanged for another note's: cut off, or
    held at its last value. The oscillators keep their F0, also when the network's `pitch` is
    shuffled. Each rise is the mean over three shuffles that leave no note in its place.

    Args:
      instrument: Has `.curves`, `.render(performance, ..., curves=...)`, `.spec`, `.sample_rate`.
      target: Recording of the performance, [n_samples].
      performance: What is played, of which the first 30 s are looked at; at least three notes, else
        nothing can be told.
      seed: Of shuffles and noise.

    Returns:
      `ignored_<control>` for every control of the schema: training loss with it shuffled minus the
      true loss, NaN if it is the same in all notes; and the noise of that: how far the true loss
      moves from one seed to another.

    Explained in notebook 05, "Break it on purpose".
    """
    spec = instrument.spec
    target = target[: round(LOOK_SECONDS * instrument.sample_rate)]
    performance = performance.between(0.0, len(target) / instrument.sample_rate)
    n_frames = n_frames_for(len(target), spec.rates)
    curves = instrument.curves(performance, n_frames)
    times = (np.arange(n_frames) + 1) / spec.rates.frame_rate
    owner = note_in_force(performance, times)
    keys = [f"ignored_{control.name}" for control in spec.controls]
    if len(performance.notes) < 3:
        return dict.fromkeys(keys, np.nan), np.nan
    tail = max(0.0, len(target) / instrument.sample_rate - performance.duration)
    loss = _loss_against(target, instrument.sample_rate)

    def cost(shown: Controls, noise_seed: int) -> float:
        return loss(instrument.render(performance, seed=noise_seed, tail=tail, curves=shown))

    true = [cost(curves, seed + i) for i in range(2)]
    rng, rises = np.random.default_rng(seed), {}
    orders = [_derangement(len(performance.notes), rng) for _ in range(SHUFFLES)]
    for column, key in enumerate(keys):
        costs = []
        for order in orders:
            values = curves.values.copy()
            values[:, column] = _shuffled(values[:, column], owner, order)
            if not np.array_equal(values, curves.values):
                costs.append(cost(Controls(values, curves.f0_hz), seed))
        # Where all notes have the same value nobody can tell who listens.
        rises[key] = float(np.mean(costs) - true[0]) if costs else np.nan
    return rises, max(abs(true[1] - true[0]), LEAST_RISE * true[0] / NOISE_TIMES)


def ignored(rises: Mapping[str, float], noise: float) -> list[str]:
    """The keys whose rise is no more than chance.

    Three times the noise, and at least 1 % of the true loss: a control that costs less is one that
    nobody would hear.
    """
    return [key for key, rise in rises.items() if rise <= NOISE_TIMES * noise]


def ignored_alarm(rises: Mapping[str, float], noise: float) -> list[str]:
    """What to say loudly of controls that the network ignores.

    Args:
      rises: From `ignored_controls`.
      noise: From `ignored_controls`.

    Returns:
      A sentence for each.

    Explained in notebook 05, "Break it on purpose".
    """
    return [
        f"The network ignores {key.removeprefix('ignored_')}: shuffled between the notes it costs "
        f"{rises[key]:.3f}, and up to {NOISE_TIMES * noise:.3f} may be chance. Either nothing that "
        "it learnt from depends on it, or the MIDI of that recording does not hold it."
        for key in ignored(rises, noise)
    ]


def _loss_against(target: np.ndarray, sample_rate: int):
    """A function: render [n_samples] -> mean training loss over pieces of 4 s."""
    from nmsynth_lib.losses import SpectrogramLoss

    loss, size = SpectrogramLoss(sample_rate), round(PIECE_SECONDS * sample_rate)
    size = min(size, len(target))

    def pieces(sound):
        return np.asarray(sound[: len(sound) // size * size], np.float32).reshape(-1, size)

    wanted = pieces(target)

    def cost(render: np.ndarray) -> float:
        found = pieces(np.pad(render, (0, max(0, len(target) - len(render))))[: len(target)])
        return float(
            np.mean([loss(wanted[i : i + 1], found[i : i + 1]) for i in range(len(found))])
        )

    return cost


def _derangement(count: int, rng: np.random.Generator) -> np.ndarray:
    """An order in which nothing stays in its place: a random cycle through all, shape [count]."""
    cycle = rng.permutation(count)
    order = np.empty(count, int)
    order[cycle] = np.roll(cycle, 1)
    return order


def _shuffled(curve: np.ndarray, owner: np.ndarray, order: np.ndarray) -> np.ndarray:
    """A curve whose notes have changed places, each cut off or held at its end."""
    result = curve.copy()
    frames = {note: np.flatnonzero(owner == note) for note in range(len(order))}
    for note, other in enumerate(order):
        here, there = frames[note], frames[other]
        if len(here) and len(there):
            result[here] = curve[there[np.minimum(np.arange(len(here)), len(there) - 1)]]
    return result
