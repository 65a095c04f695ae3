"""Two sides in turns: how many times faster one is than the other.

Ours is first in one round and the baseline in the next, so that neither a warm processor nor a busy
moment favours one of them; every figure is a median over the rounds. Tracing, which TensorFlow does
once, is timed apart.
Road: beside it; bench sides -> [bench turns] -> bench.
Explained by `nmsynth bench --help`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

Figures = dict[str, float]
Side = Callable[[], float]


def alternated(ours: Side, baseline: Side, rounds: int) -> tuple[list[float], list[float]]:
    """What both sides give, round by round: ours first in the even rounds, last in the odd ones.

    Args:
      ours: Does its work once and gives a figure.
      baseline: Likewise.
      rounds: How often.
    """
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        turns = [(found[0], ours), (found[1], baseline)]
        for figures, side in turns if number % 2 == 0 else reversed(turns):
            figures.append(side())
    return found


def train_speed(ours, baseline, rounds: int, steps: int) -> Figures:
    """Seconds of sound trained a second, on both sides.

    Args:
      ours: `Trainer`.
      baseline: `Trainer`.
      rounds: Of `steps` steps of ours and one of the baseline's.
      steps: Of ours in a round.
    """

    def speed(trainer, n_steps: int) -> float:
        took = trainer.train(n_steps)
        return trainer.audio_seconds * len(took) / sum(took)

    for trainer in (ours, baseline):
        trainer.train(1)  # traces
    speeds = alternated(lambda: speed(ours, steps), lambda: speed(baseline, 1), rounds)
    return {
        **_compared("train_speedup", *speeds),
        "train_audio_seconds_per_second": median(speeds[0]),
        "baseline_train_audio_seconds_per_second": median(speeds[1]),
        "train_step_s": ours.step_s,
        "baseline_train_step_s": baseline.step_s,
        "train_trace_s": ours.trace_s,
        "baseline_train_trace_s": baseline.trace_s,
    }


def render_speed(ours, baseline, music, rounds: int) -> Figures:
    """Seconds that both take to render a performance, after a first piece for tracing.

    Args:
      ours: Has `.render(performance)`.
      baseline: Likewise.
      music: `Performance`.
      rounds: How often.
    """

    def seconds(player) -> float:
        began = time.perf_counter()
        player.render(music)
        return time.perf_counter() - began

    beginning = music.between(0.0, 4.0)
    for player in (ours, baseline):
        player.render(beginning)
    took = alternated(lambda: seconds(ours), lambda: seconds(baseline), rounds)
    return {
        **_compared("render_speedup", took[1], took[0]),
        "render_s": median(took[0]),
        "baseline_render_s": median(took[1]),
        "render_music_s": music.duration,
    }


def time_to_baseline(
    ours, baseline, judge, seconds: float, looks: int, judge_every: float
) -> Figures:
    """Seconds of our training until ours is as good as the baseline after all of its own.

    The baseline's loss jumps from step to step; the best of several looks at it counts. Only
    training counts, not judging or tracing, on both sides.

    Args:
      ours: `Trainer` of a model that is not trained yet.
      baseline: `Trainer`; it goes on until it has trained for `seconds`.
      judge: `Judge`, the same for both.
      seconds: Of the baseline's training.
      looks: At the baseline's losses, evenly spread over what it still trains.
      judge_every: Seconds of our training between two looks at the losses.

    Returns:
      `time_to_baseline_s` by stock DDSP's loss, `time_to_baseline_own_loss_s` by ours; all of the
      baseline's seconds where ours is worse even then.
    """
    losses_of_baseline, begun = judge.of(baseline.model), baseline.seconds
    seen = [losses_of_baseline()]
    for look in range(1, looks + 1):
        while baseline.seconds < begun + (seconds - begun) * look / looks - 1e-9:
            baseline.train(1)
        seen.append(losses_of_baseline())
    wanted = [min(side) for side in zip(*seen, strict=True)]
    losses_of_ours = judge.of(ours.model)
    ours.train(2)  # the first traces
    took: list[float | None] = [None, None]
    while True:
        losses = losses_of_ours()
        took = [
            ours.seconds if before is None and loss <= goal + 1e-9 else before
            for before, loss, goal in zip(took, losses, wanted, strict=True)
        ]
        if None not in took or ours.seconds >= baseline.seconds:
            break
        ours.train(max(1, round(judge_every / ours.step_s)))
    stock, own = (baseline.seconds if one is None else one for one in took)
    return {
        "time_to_baseline_s": stock,
        "time_to_baseline_share": stock / baseline.seconds,
        "time_to_baseline_own_loss_s": own,
        "baseline_training_s": baseline.seconds,
        "baseline_loss": wanted[0],
        "loss_then": losses[0],
    }


def _compared(key: str, above: Sequence[float], below: Sequence[float]) -> Figures:
    """A ratio of medians, and the lowest and highest of the rounds."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return {
        key: median(above) / median(below),
        f"{key}_lowest": min(ratios),
        f"{key}_highest": max(ratios),
    }
