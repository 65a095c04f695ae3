"""Pictures of the report: what CC55 does at each pitch, what leaks, where render and target differ.

Road: report -> [report plots]: a leaf.
Each returns a `plots.Picture`, which carries its description in words.
Explained in notebook 05, "The CC55 map".
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nmsynth_lib.control_sweep import Sweep
from nmsynth_lib.midi.channel import note_name
from nmsynth_lib.plots import BLUE, GREY, VERMILLION, Picture
from nmsynth_lib.spectrum_measures import spectrogram_db

SHORTEST_T20, LONGEST_T20 = 0.03, 10.0  # seconds: ends of the colour scale


def plot_decay_map(sweeps: Mapping[str, Sweep]) -> Picture:
    """Decay time over CC55 and pitch, a panel for each sweep, on one logarithmic colour scale.

    Args:
      sweeps: Title to sweep.

    Returns:
      The picture; the number in a cell is T20 in seconds, the median over velocities.

    Explained in notebook 05, "The CC55 map".
    """
    from matplotlib.colors import LogNorm

    picture = Picture(figsize=(9, 2.9), layout="constrained")
    axes = picture.subplots(1, len(sweeps), squeeze=False, sharey=True)[0]
    said = []
    for ax, (title, sweep) in zip(axes, sweeps.items(), strict=True):
        t20 = np.clip(_median_t20(sweep), SHORTEST_T20, LONGEST_T20)
        image = ax.imshow(
            t20,
            origin="lower",
            aspect="auto",
            cmap="cividis",
            norm=LogNorm(SHORTEST_T20, LONGEST_T20),
        )
        for (row, column), seconds in np.ndenumerate(t20):
            ink = "white" if seconds < 0.5 else "black"
            text = f"{seconds:.2f}" if seconds < 1 else f"{seconds:.1f}"
            ax.text(column, row, text, ha="center", va="center", color=ink, fontsize=7)
        ax.set_xticks(range(len(sweep.values)), sweep.values)
        ax.set_yticks(range(len(sweep.pitches)), [note_name(p) for p in sweep.pitches])
        ax.set(title=title, xlabel="CC55")
        said.append(
            f"{title}: from {t20[:, 0].min():.2f} to {t20[:, 0].max():.2f} s at CC55 = "
            f"{sweep.values[0]}, from {t20[:, -1].min():.2f} to {t20[:, -1].max():.2f} s at "
            f"{sweep.values[-1]}."
        )
    picture.colorbar(image, ax=list(axes), label="T20, seconds", pad=0.01)
    picture.alt = "Time to fall by 20 dB over CC55 and pitch. " + " ".join(said)
    return picture


def plot_decay_lines(sweeps: Mapping[str, Sweep]) -> Picture:
    """Decay time over CC55, a line for each pitch: the instrument's solid, the guitar's dashed.

    Args:
      sweeps: The first is drawn solid, the second dashed.

    Returns:
      The picture.

    Explained in notebook 05, "The CC55 map".
    """
    picture = Picture(figsize=(9, 3.2), layout="constrained")
    ax = picture.subplots()
    styles = [{"color": BLUE, "linestyle": "-"}, {"color": VERMILLION, "linestyle": "--"}]
    for (title, sweep), style in zip(sweeps.items(), styles, strict=False):
        for i, line in enumerate(_median_t20(sweep)):
            ax.plot(sweep.values, line, label=title if i == 0 else None, marker=".", **style)
            if style is styles[0]:
                ax.annotate(
                    note_name(sweep.pitches[i]), (sweep.values[-1], line[-1]), xytext=(6, -3),
                    textcoords="offset points", fontsize=8,
                )  # fmt: skip
    ax.set(yscale="log", xlabel="CC55 (openness)", ylabel="T20, seconds")
    ax.grid(alpha=0.3)
    ax.legend()
    first = next(iter(sweeps.values()))
    rise = np.nanmedian(_median_t20(first)[:, -1] / _median_t20(first)[:, 0])
    picture.alt = (
        f"Time to fall by 20 dB over CC55 at {len(first.pitches)} pitches, "
        f"{' and '.join(sweeps)}; from muted to open the first grows {rise:.1f} times."
    )
    return picture


def plot_leakage(leaks) -> Picture:
    """The leakage matrix: how far each control moves what it should not, in just noticeable steps.

    Args:
      leaks: `leakage.Leakage`.

    Returns:
      The picture; a cell shows the instrument's change minus the guitar's, in its own unit.

    Explained in notebook 05, "The CC55 map".
    """
    excess = leaks.excess()
    units = excess / np.array(list(leaks.jnd))[None, :]
    picture = Picture(figsize=(9, 0.6 * len(leaks.rows) + 1.6), layout="constrained")
    ax = picture.subplots()
    image = ax.imshow(np.clip(np.abs(units), 0, 4), cmap="cividis", vmin=0, vmax=4, aspect="auto")
    for (row, column), value in np.ndenumerate(excess):
        ink = "black" if abs(units[row, column]) > 2 else "white"
        text = "–" if np.isnan(value) else f"{value:+.1f}"
        ax.text(column, row, text, ha="center", va="center", color=ink, fontsize=8)
    names = [column.replace(", ", ",\n") for column in leaks.columns]
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(leaks.rows)), leaks.rows)
    picture.colorbar(image, ax=ax, label="just noticeable differences", pad=0.01)
    said = leaks.sentences()
    picture.alt = "What each control moves beyond what the guitar does. " + (
        " ".join(said[:4]) if said else "Nothing by more than one can hear."
    )
    return picture


def plot_against(
    target: np.ndarray, render: np.ndarray, sample_rate: int, seconds: float = 8.0
) -> Picture:
    """Target over render over their difference, as spectrograms.

    Args:
      target: Shape [n_samples].
      render: Shape [n_samples].
      sample_rate: Hz.
      seconds: How much of the beginning to draw.

    Returns:
      The picture.

    Explained in notebook 05, "The report card".
    """
    n_samples = min(len(target), round(seconds * sample_rate))
    levels = [spectrogram_db(sound[:n_samples], sample_rate) for sound in (target, render)]
    floor = max(levels[0].max() - 80.0, -140.0)
    wanted, found = (np.maximum(level, floor) for level in levels)
    picture = Picture(figsize=(9, 6), layout="constrained")
    axes = picture.subplots(3, 1, sharex=True, sharey=True)
    extent = (0, n_samples / sample_rate, 0, sample_rate / 2000)
    style = {"origin": "lower", "aspect": "auto", "extent": extent}
    for ax, level, title in zip(axes, (wanted, found), ("target", "render"), strict=False):
        image = ax.imshow(level.T, cmap="cividis", vmin=floor, vmax=floor + 70, **style)
        ax.set(title=title, ylabel="kHz")
    picture.colorbar(image, ax=list(axes[:2]), label="dBFS", pad=0.01)
    gap = axes[2].imshow((found - wanted).T, cmap="PuOr", vmin=-20, vmax=20, **style)
    axes[2].set(title="render minus target", ylabel="kHz", xlabel="seconds")
    picture.colorbar(gap, ax=axes[2], label="dB", pad=0.01)
    picture.alt = (
        f"Spectrograms of target and render, {n_samples / sample_rate:.0f} s, and their "
        f"difference: {np.abs(found - wanted).mean():.1f} dB on average."
    )
    return picture


def plot_beside_references(values: Mapping[str, float], label: str, unit: str) -> Picture:
    """One figure beside its references, as bars.

    Args:
      values: Name to value; NaN has no bar.
      label: What the figure is.
      unit: Its unit.

    Returns:
      The picture.

    Explained in notebook 05, "Compared with what?".
    """
    picture = Picture(figsize=(9, 0.4 * len(values) + 1.0), layout="constrained")
    ax = picture.subplots()
    names, heights = list(values), list(values.values())
    colours = [BLUE if i == 0 else GREY for i in range(len(names))]
    bars = ax.barh(names, np.nan_to_num(heights), color=colours)
    ax.bar_label(bars, [f"{height:.2f}" for height in heights], padding=4)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.set(xlabel=f"{label}, {unit}" if unit else label)
    said = ", ".join(f"{name} {height:.2f}" for name, height in values.items())
    picture.alt = f"{label}: {said} {unit}.".replace(" .", ".")
    return picture


def _median_t20(sweep: Sweep) -> np.ndarray:
    """T20 at each pitch and value, the median over velocities, shape [n_pitches, n_values]."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a cell that could not be measured
        return np.nanmedian(sweep.t20_s, axis=1)
