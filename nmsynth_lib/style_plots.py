"""Pictures of style: what a control does to a note, inside it, and between what was ever heard.

Road: control sweeps, sounds -> [style plots]: a leaf.
Each returns a `plots.Picture`, which carries its description in words.
Explained in notebook 04, "Velocity against openness".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nmsynth_lib.control_sweep import Sweep
from nmsynth_lib.level_measures import level_db, running_energy
from nmsynth_lib.plots import BLUE, GREEN, GREY, PURPLE, SAMPLE_RATE, VERMILLION, Picture

_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, GREY)
_DASHES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1)))
_MARKS = ("o", "s", "^", "D", "v")
TIMES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # seconds: ticks
WINDOW, STEP = 0.025, 0.005  # seconds of a level over time: two periods of the lowest E


def level_over_time(
    audio: np.ndarray, sample_rate: int = SAMPLE_RATE
) -> tuple[np.ndarray, np.ndarray]:
    """Level of a sound from moment to moment.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.

    Returns:
      Seconds, the middles of windows of 25 ms, and dB re full scale, both [n_times].

    Explained in notebook 04, "Inside one held note".
    """
    starts = np.arange(0.0, len(audio) / sample_rate - WINDOW, STEP)
    return starts + WINDOW / 2, level_db(running_energy(audio), sample_rate, starts, WINDOW)


def plot_levels(
    sounds: Mapping[str, np.ndarray],
    marks: Sequence[float] = (),
    sample_rate: int = SAMPLE_RATE,
    floor_db: float = -80,
) -> Picture:
    """Level over time of several sounds in one frame.

    Args:
      sounds: Name to audio of shape [n_samples].
      marks: Seconds at which something is changed: vertical lines.
      sample_rate: Hz.
      floor_db: Lower edge, dB re full scale.

    Returns:
      The picture.

    Explained in notebook 04, "Inside one held note".
    """
    picture = Picture(figsize=(9, 3.2), layout="constrained")
    ax = picture.subplots()
    for mark in marks:
        ax.axvline(mark, color=GREY, linewidth=1)
    for index, (name, audio) in enumerate(sounds.items()):
        times, levels = level_over_time(audio, sample_rate)
        look = {"color": _COLOURS[index % 5], "linestyle": _DASHES[index % 5]}
        ax.plot(times, np.maximum(levels, floor_db), label=name, **look)
        moments = [*marks, min(times[-1], (marks[-1] if marks else 0.0) + 0.5)]
        said = ", ".join(f"{np.interp(t, times, levels):.0f} dB at {t:.2f} s" for t in moments)
        picture.alt += f" {name}: {said}."
    ax.set(xlabel="seconds", ylabel="dB re full scale", ylim=(floor_db, 0), xlim=(0, times[-1]))
    ax.grid(alpha=0.3)
    ax.legend(loc="upper right")
    picture.alt = f"Level over time of {len(sounds)} sounds.{picture.alt}"
    return picture


def plot_two_controls(sweep: Sweep) -> Picture:
    """Level, brightness and decay time over velocity, a line for each CC55 value.

    Args:
      sweep: Of one or more pitches; several velocities and CC55 values.

    Returns:
      The picture; medians over pitches.

    Explained in notebook 04, "Velocity against openness".
    """
    picture = Picture(figsize=(9, 3), layout="constrained")
    axes = picture.subplots(1, 3)
    panels = {
        "peak level, dB": sweep.peak_db,
        "brightness, Hz": sweep.brightness_hz,
        "T20, seconds": sweep.t20_s,
    }
    for ax, (title, figures) in zip(axes, panels.items(), strict=True):
        lines = np.nanmedian(figures, axis=0)  # [n_velocities, n_values]
        for index, value in enumerate(sweep.values):
            look = {"color": _COLOURS[index % 5], "linestyle": _DASHES[index % 5]}
            look["marker"] = _MARKS[index % 5]
            ax.plot(sweep.velocities, lines[:, index], label=f"CC55 = {value}", **look)
        ax.set(title=title, xlabel="velocity", xticks=sweep.velocities)
        ax.grid(alpha=0.3)
        said = ", ".join(
            f"{low:.3g} to {high:.3g} at CC55 = {value}"
            for low, high, value in zip(lines[0], lines[-1], sweep.values, strict=True)
        )
        picture.alt += f" {title}: {said}."
    low, high = np.nanmin(lines), np.nanmax(lines)  # the last panel is T20
    axes[2].set(yscale="log", ylim=(0.8 * low, 1.25 * high))
    ticks = [tick for tick in TIMES if 0.8 * low < tick < 1.25 * high]
    axes[2].set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes[2].minorticks_off()
    axes[0].legend(loc="lower right")
    picture.alt = (
        f"From velocity {sweep.velocities[0]} to {sweep.velocities[-1]}, a line for each "
        f"openness.{picture.alt}"
    )
    return picture


def way_to_open(sweep: Sweep) -> np.ndarray:
    """How far each CC55 value takes the ring from muted to open: 0 at the lowest, 1 at the highest.

    Args:
      sweep: Of any instrument or guitar.

    Returns:
      Share of the way in log T20, median over pitches and velocities, shape [n_values].

    Explained in notebook 04, "What did the network invent?".
    """
    ring = np.log(sweep.t20_s)
    ends = ring[..., :1], ring[..., -1:]
    return np.nanmedian((ring - ends[0]) / (ends[1] - ends[0]), axis=(0, 1))


def plot_way_to_open(sweeps: Mapping[str, Sweep], taught: Sequence[int] = (1, 127)) -> Picture:
    """How the ring grows from muted to open, for several players on one scale.

    Args:
      sweeps: Name to sweep.
      taught: CC55 values that a recording with two levels holds: vertical lines.

    Returns:
      The picture.

    Explained in notebook 04, "What did the network invent?".
    """
    picture = Picture(figsize=(9, 3.2), layout="constrained")
    ax = picture.subplots()
    for value in taught:
        ax.axvline(value, color=GREY, linewidth=1)
    for index, (name, sweep) in enumerate(sweeps.items()):
        way = way_to_open(sweep)
        look = {"color": _COLOURS[index % 5], "linestyle": _DASHES[index % 5]}
        ax.plot(sweep.values, 100 * way, label=name, marker=_MARKS[index % 5], **look)
        middle = np.interp((taught[0] + taught[-1]) / 2, sweep.values, way)
        picture.alt += f" {name}: {100 * middle:.0f} % half way between muted and open."
    ax.set(xlabel="CC55", ylabel="% of the way in log T20")
    ax.grid(alpha=0.3)
    ax.legend(loc="upper left")
    picture.alt = f"How the ring grows with CC55.{picture.alt}"
    return picture
