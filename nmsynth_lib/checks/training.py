"""Checks of the exercises in notebook 02: they try the answer out and say what they found.

Road: answer -> sounds, cached runs -> [words].
Explained in notebook 02, "Your turn".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from numbers import Real

import numpy as np

from nmsynth_lib.checks.hear_it import RIGHT
from nmsynth_lib.class_runs import CachedRun, cached_runs
from nmsynth_lib.plots import Picture
from nmsynth_lib.training_plots import plot_runs

SAMPLE_RATE = 16000
ATTACK_S = 0.005  # long enough that no phase makes it click
NEAR_BEST = 1.05  # times the lowest held-out loss: as good as it gets
ABOUT_EPOCHS = 4  # that an answer may be off
AILMENTS = ("under-trained", "over-trained", "stuck", "leaked")
_PATIENTS = ("leaked", "stuck", "over-trained", "under-trained")


def pluck(seed: int = 0, muted: bool = False) -> np.ndarray:
    """A plucked E2 of one second, as a sum of decaying partials whose phases are drawn by lot.

    Args:
      seed: Of the phases, which nobody hears.
      muted: High partials die at once.

    Returns:
      Audio at 16 kHz, float64, [16000], silent for the first tenth.
    """
    times = np.arange(SAMPLE_RATE) / SAMPLE_RATE - 0.1
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, 12)
    sound = np.zeros(SAMPLE_RATE)
    for k, phase in enumerate(phases, 1):
        rate = (4.0 + 4.0 * k) if muted else (1.0 + 0.15 * k)
        sound += np.sin(2 * np.pi * 82.41 * k * times + phase) / k * np.exp(-rate * times)
    return 0.2 * sound * np.clip(times / ATTACK_S, 0.0, 1.0)


def check_distance(distance: Callable[[np.ndarray, np.ndarray], float] | None) -> str:
    """Does this distance hear what ears hear, and nothing else?

    Args:
      distance: The learner's function: two sounds [n_samples] -> a number.

    Returns:
      The verdict in words.
    """
    if not callable(distance):
        return "Not yet. Write a function of two sounds: def distance(a, b): return ..."
    one, twin, muted = pluck(0), pluck(1), pluck(0, muted=True)
    sounds = {"itself": one, "twin": twin, "muted": muted, "backwards": one[::-1].copy()}
    try:
        with np.errstate(all="ignore"):
            given = {name: distance(one, other) for name, other in sounds.items()}
            given["back"] = distance(muted, one)
        if problem := _no_number(given["muted"]):
            return problem
        found = {name: float(value) for name, value in given.items()}
    except Exception as error:
        return f"Not yet. distance(a, b) fails: {type(error).__name__}: {error}."
    if not np.isfinite(list(found.values())).all():
        return (
            "Not yet. It gives numbers that are not finite. A logarithm of 0? The plucks begin in "
            "silence: add a little first, np.log(x + 1e-3)."
        )
    if min(found.values()) < 0:
        return (
            f"Not yet. From the pluck to the muted one it is {found['muted']:.3g}, and back "
            f"{found['back']:.3g}: more here and less there cancel out. Take np.abs, then the mean."
        )
    if abs(found["itself"]) > 1e-9 * max(found.values()):
        return (
            f"Not yet. A sound is {found['itself']:.3g} away from itself, and that should be 0: a "
            "distance is asked for, not a likeness."
        )
    said = (
        f"The same pluck with other phases is {found['twin']:.3g} away, the muted one "
        f"{found['muted']:.3g}, the pluck backwards {found['backwards']:.3g}"
    )
    if found["muted"] <= 0:
        return f"Not yet. {said}: muted and open are the same to it."
    if found["twin"] > 0.5 * found["muted"]:
        return (
            f"Not yet. {said}. Nobody hears the phases of partials, so the first should be the "
            "smallest by far. Compare magnitudes, np.abs of a spectrum, instead of samples."
        )
    if found["backwards"] < 2 * found["twin"]:
        return (
            f"Not yet. {said}: it does not know early from late, since a spectrum of the whole "
            "sound forgets when. Take spectra of short windows: scipy.signal.stft."
        )
    return f"{RIGHT}{said}: phases hardly count, decay and time do."


def check_stop(step: int | None) -> str:
    """Is this about where training on twenty seconds of sound has brought what it can?

    Args:
      step: The learner's.

    Returns:
      The verdict in words.
    """
    history = cached_runs("amount")["short"].history
    if step is None:
        return "Not yet. Replace None by a number of steps, read off the picture."
    first, last = history[0]["step"], history[-1]["step"]
    if not isinstance(step, Real) or not first <= step <= last:
        return (
            f"Not yet. {step!r} is none of its numbers of steps, {first} to {last}: they stand on "
            "the axis below, and losses on the one to the left."
        )
    held = np.array([row["held_out_loss"] for row in history])
    first = int(np.argmax(held <= NEAR_BEST * held.min()))
    here = int(np.argmin([abs(row["step"] - step) for row in history]))
    said = f"At step {history[here]['step']} the held-out loss is {held[here]:.3f}"
    lowest = f"the lowest of all is {held.min():.3f}"
    if abs(here - first) <= ABOUT_EPOCHS:
        return f"{RIGHT}{said}, and {lowest}: from here on it only learns by heart."
    if here < first:
        return (
            f"Not yet. {said}, and later it is {held.min():.3f}: it still falls from here on. Go "
            "further, to where it begins to wander up and down."
        )
    return (
        f"Not yet. {said}, and at step {history[first]['step']} it was {held[first]:.3f} already. "
        "What fell in between is the training loss; that is not the curve to stop by."
    )


def patients() -> dict[str, CachedRun]:
    """Four runs without their names, for exercise 3.

    Returns:
      "patient 1" to "patient 4".
    """
    known = {
        "leaked": cached_runs("leak")["leaky"],
        "stuck": cached_runs("collapse")["bias-1"],
        "over-trained": cached_runs("amount")["short"],
        "under-trained": cached_runs("amount")["early"],
    }
    return {
        f"patient {number}": replace(known[name], label=f"patient {number}")
        for number, name in enumerate(_PATIENTS, 1)
    }


def plot_patients() -> Picture:
    """The curves of the four, and what each has on a take that no run has heard."""
    return plot_runs(patients(), "What is wrong with each?", unseen=True)


def check_diagnosis(diagnosis: Mapping[int, str] | None) -> str:
    """Is this what is wrong with the four?

    Args:
      diagnosis: Patient's number to one of `AILMENTS`.

    Returns:
      The verdict in words.
    """
    if not isinstance(diagnosis, Mapping) or None in diagnosis.values():
        return f"Not yet. Give each of 1 to 4 one of {', '.join(AILMENTS)}."
    if set(diagnosis) != {1, 2, 3, 4}:
        return f"Not yet. The patients are 1 to 4; yours are {sorted(diagnosis)}."
    if unknown := set(diagnosis.values()) - set(AILMENTS):
        return f"Not yet. There is no {', '.join(map(str, unknown))}: {', '.join(AILMENTS)}."
    for number, name in enumerate(_PATIENTS, 1):
        if diagnosis[number] != name:
            return f"Not yet. Look at patient {number} again: {_HINTS[name]}"
    return (
        f"{RIGHT}Each by its curves: {', '.join(f'{n} {a}' for n, a in enumerate(_PATIENTS, 1))}."
    )


def _no_number(value: object) -> str:
    """What is wrong with a distance that is no number, in words; empty if it is one."""
    if value is None:
        return "Not yet. distance(a, b) gives back None: end the function with `return`."
    if np.size(value) != 1:
        return (
            f"Not yet. distance(a, b) gives {np.size(value)} numbers, and one is asked for: take "
            "np.mean of them."
        )
    return ""


_HINTS = {
    "leaked": (
        "training and held-out loss lie together, all seems well, and the star lies well above."
    ),
    "stuck": "both curves are high and level: nothing is learnt any more.",
    "over-trained": "the training loss falls on and on, the held-out loss does not follow it.",
    "under-trained": "both curves are still falling steeply where they end.",
}
