"""Checks of the exercises in notebook 03: phases, levels, and a minute that stays in tune.

Road: answer -> a few sines -> [words].
Explained in notebook 03, "Your turn".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nmsynth_lib.audio import listen
from nmsynth_lib.checks.hear_it import RIGHT
from nmsynth_lib.short_windows import crest_factor_db

SAMPLE_RATE, E2_HZ = 16000, 82.40625
N_PARTIALS = 40
PULSE_DB = 12.0  # crest factor from which forty partials are a pulse train
HOP = 256
LEVELS = np.array([0.9, 0.7, 0.5, 0.1, 0.8, 0.6, 0.3, 0.0])
MINUTE = 60 * SAMPLE_RATE
CYCLES = 5 * E2_HZ / SAMPLE_RATE  # of the fifth partial, a sample
EXACT_DB, AUDIBLE_CENTS = 60.0, 5.0


def check_phases(phases: np.ndarray | None) -> str:
    """Do forty partials with these phases sound like a string rather than like pulses?

    Args:
      phases: The learner's, in cycles, shape [40].

    Returns:
      The verdict in words; it also shows players.
    """
    phases = np.asarray(phases if phases is not None else [], float).ravel()
    if phases.shape != (N_PARTIALS,) or not np.isfinite(phases).all():
        return (
            f"Not yet. It needs {N_PARTIALS} finite numbers, one a partial; yours has "
            f"{len(phases)}."
        )
    yours, aligned = _forty(phases), _forty(np.zeros(N_PARTIALS))
    listen(yours, aligned, labels=["your phases", "aligned"])
    crest, worst = crest_factor_db(yours), crest_factor_db(aligned)
    said = f"The crest factor is {crest:.1f} dB, {worst:.1f} dB if aligned"
    if crest <= PULSE_DB:
        return f"{RIGHT}{said}. The same partials at the same levels, without the pulse."
    steps = np.diff(phases)
    if np.allclose(_to_nearest_turn(steps - steps[0]), 0, atol=1e-3):
        shift = _to_nearest_turn(steps[0])
        if abs(shift) < 1e-3 and np.ptp(phases) > 0.5:
            return (
                f"Not yet. {said}. They differ by whole cycles, and nobody hears those: a phase is "
                "counted in cycles here, not in degrees. Take numbers between 0 and 1."
            )
        if abs(shift) < 1e-3:
            return (
                f"Not yet. {said}. All phases are the same, so all partials still reach the same "
                "point of their wave at once: a pulse of another shape. Make them differ."
            )
        moved = f"{1000 * abs(shift) / E2_HZ:.1f} ms {'earlier' if shift > 0 else 'later'}"
        return (
            f"Not yet. {said}. A phase that grows evenly from partial to partial is a delay: it is "
            f"the same pulse, {moved}. Make the steps differ."
        )
    return f"Not yet. {said}: still a pulse. Spread the phases over a whole cycle, 0 to 1."


def check_envelope(envelope: Callable | None) -> str:
    """Does the level move without a step, and arrive where it should when it should?

    Args:
      envelope: The learner's function: levels at the ends of the frames [n_frames], and the hop in
        samples -> level of every sample, [n_frames * hop].

    Returns:
      The verdict in words; it also shows players.
    """
    found, problem = _answer_of(envelope, "envelope", LEVELS, HOP)
    n_samples = HOP * len(LEVELS)
    if problem:
        return problem
    if found.shape != (n_samples,):
        return (
            f"Not yet. {len(LEVELS)} frames of {HOP} samples are {n_samples} samples; yours has "
            f"{found.shape}. Ask for a level at every sample, hop * len(levels) of them."
        )
    sine = 0.5 * np.sin(2 * np.pi * 220 * np.arange(n_samples) / SAMPLE_RATE)
    yours, steps = (np.tile(level * sine, 6) for level in (found, np.repeat(LEVELS, HOP)))
    listen(np.clip(yours, -1, 1), steps, labels=["your envelope", "steps"])
    at_ends = found[HOP - 1 :: HOP]
    jumps = np.abs(np.diff(found, prepend=0.0))
    if jumps[1:].max() > 0.05:
        where = int(jumps[1:].argmax()) + 1
        return (
            f"Not yet. At sample {where} the level jumps by {jumps.max():.2f} from one sample to "
            "the next: a click. np.repeat holds; np.interp draws straight lines between points."
        )
    if jumps[0] > 0.05 and np.abs(at_ends - LEVELS).max() < 0.02:
        return (
            f"Not yet. Every level is reached on time, but it begins with {found[0]:.2f}: a click "
            "out of silence. Before the first frame there is a level, too: 0."
        )
    shifts = {"early": at_ends[:-1] - LEVELS[1:], "late": at_ends[1:] - LEVELS[:-1]}
    for when, apart in shifts.items():
        if np.abs(apart).max() < 0.02:
            return (
                f"Not yet. No step, but every level comes one frame too {when}, and so would every "
                f"pluck: levels[0] is meant for the end of the first frame, sample {HOP}, and "
                "before it there is silence."
            )
    if np.abs(at_ends - LEVELS).max() > 0.02:
        worst = int(np.abs(at_ends - LEVELS).argmax())
        return (
            f"Not yet. No step, but at the end of frame {worst} the level is {at_ends[worst]:.2f} "
            f"where {LEVELS[worst]:.2f} is asked for. Straight lines from end to end reach it."
        )
    return (
        f"{RIGHT}The largest step is {jumps.max():.4f} and every level is reached on time: "
        "no click, however few frames a second."
    )


def check_turns(turns: Callable | None) -> str:
    """Is the phase still right after a minute, in single precision?

    Args:
      turns: The learner's function: cycles a sample, and a number of samples -> phase of every
        sample in cycles, float32; whole cycles do not matter.

    Returns:
      The verdict in words; it also shows players.
    """
    found, problem = _answer_of(turns, "turns", CYCLES, MINUTE)
    if problem:
        return problem
    if found.shape != (MINUTE,):
        return f"Not yet. {MINUTE} samples are asked for; yours has {found.shape}."
    last = slice(MINUTE - 2 * SAMPLE_RATE, None)
    exact = np.arange(MINUTE)[last] * CYCLES % 1
    wrong = _to_nearest_turn(found[last].astype(float) - exact)
    wrong = _to_nearest_turn(wrong - CYCLES * round(float(np.median(wrong)) / CYCLES))
    yours, truth = (0.4 * np.sin(2 * np.pi * cycles) for cycles in (found[last], exact))
    listen(yours, truth, labels=["yours, after a minute", "the truth"])
    snr = -10 * np.log10(np.mean(np.square(2 * np.pi * wrong)) + 1e-20)
    speed = float(np.mean(_to_nearest_turn(np.diff(found[last].astype(float)))))
    cents = 1200 * np.log2(max(speed, 1e-9) / CYCLES)
    if abs(cents - 1200 * np.log2(2 * np.pi)) < AUDIBLE_CENTS:
        return (
            "Not yet. It turns 2 pi times too fast: that is a phase in radians, and cycles are "
            "asked for. Leave 2 pi to the sine."
        )
    if abs(cents) > AUDIBLE_CENTS:
        return (
            f"Not yet. After a minute it is {cents:+.0f} cents out of tune. By then the sum is "
            f"{MINUTE * CYCLES:,.0f} cycles, float32 has seven digits, and each step that is added "
            "is rounded. Multiply instead of summing, and do it in float64."
        )
    if snr < EXACT_DB:
        return (
            f"Not yet. It is in tune, but {snr:.0f} dB above its own noise; {EXACT_DB:.0f} are "
            "asked for. Float32 spends its digits on whole cycles, which nobody hears: take them "
            "off (% 1) while the number is still float64."
        )
    if found.dtype != np.float32:
        return (
            f"Not yet. It is exact, but {found.dtype}: a sine of every sample in double precision "
            "costs twice the time. Take whole cycles off, then .astype(np.float32)."
        )
    return f"{RIGHT}{snr:.0f} dB above its noise after a minute, in single precision."


def _forty(phases: np.ndarray) -> np.ndarray:
    """A second of forty partials that fall by 3 dB an octave."""
    k, times = np.arange(1, N_PARTIALS + 1)[:, None], np.arange(SAMPLE_RATE) / SAMPLE_RATE
    return 0.06 * (np.sin(2 * np.pi * (k * E2_HZ * times + phases[:, None])) / np.sqrt(k)).sum(0)


def _to_nearest_turn(cycles: np.ndarray) -> np.ndarray:
    """Cycles without whole ones, -0.5…0.5."""
    return cycles - np.round(cycles)


def _answer_of(function, name: str, *arguments) -> tuple[np.ndarray, str]:
    """What a learner's function gives back, or what is wrong with it, in words."""
    if not callable(function):
        return np.zeros(0), f"Not yet. `{name}` is not a function: def {name}(...): return ..."
    try:
        found = function(*arguments)
        if found is None:
            said = f"{name}(...) gives back None: end the function with `return`."
            return np.zeros(0), f"Not yet. {said}"
        found = np.asarray(found)
        found = found if found.dtype.kind == "f" else found.astype(float)
    except Exception as error:
        return np.zeros(0), f"Not yet. {name}(...) fails: {type(error).__name__}: {error}."
    if not np.isfinite(found).all():
        return np.zeros(0), f"Not yet. {name}(...) gives numbers that are not finite."
    return found, ""
