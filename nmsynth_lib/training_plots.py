"""Pictures of training: what a step sees, how runs went, what each input brought.

Road: batches, class runs -> [training plots]: a leaf.
Each returns a `plots.Picture`, which carries its description in words.
Explained in notebook 02, "Too little, too much".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nmsynth_lib.class_runs import CachedRun
from nmsynth_lib.plots import BLUE, GREEN, GREY, PURPLE, VERMILLION, Picture

_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE)
# Among a cached run's figures: the loss of a take that no run has heard, silence being 1.
UNSEEN = "unseen_share"


def plot_batch(inputs: Mapping, target, controls: Sequence, sample_rate: int = 16000) -> Picture:
    """One batch: the sound of each example over two of the curves that the network gets with it.

    Args:
      inputs: `controls` [batch, n_frames, n_controls] among them, scaled to 0…1.
      target: Sound, [batch, n_samples].
      controls: Of the spec: they name the curves.
      sample_rate: Hz.

    Returns:
      The picture.

    Explained in notebook 02, "What one step sees".
    """
    curves, sound = np.asarray(inputs["controls"]), np.asarray(target)
    names = [control.name for control in controls]
    picture = Picture(figsize=(9, 3.2), layout="constrained")
    axes = picture.subplots(2, len(sound), squeeze=False, sharex=True)
    seconds, loudest = sound.shape[1] / sample_rate, 1.1 * float(np.abs(sound).max()) + 1e-3
    for example, (wave, lane) in enumerate(axes.T):
        wave.plot(np.arange(sound.shape[1]) / sample_rate, sound[example], BLUE, linewidth=0.4)
        wave.set(title=f"example {example + 1}", ylim=(-loudest, loudest))
        times = np.arange(curves.shape[1]) / curves.shape[1] * seconds
        for name, colour, dash in (("openness", VERMILLION, "-"), ("since_onset", GREEN, "--")):
            values = curves[example, :, names.index(name)]
            lane.plot(times, values, color=colour, linestyle=dash, label=name)
        lane.set(xlabel="seconds", ylim=(-0.05, 1.05))
        for ax in (wave, lane):
            ax.label_outer()
    axes[1, min(1, len(sound) - 1)].legend(loc="center", fontsize=8)
    peaks = ", ".join(f"{peak:.2f}" for peak in np.abs(sound).max(axis=1))
    picture.alt = (
        f"{len(sound)} examples of {seconds:.1f} s: the sound of each, with peaks of {peaks}, and "
        "below it two curves between 0 and 1, openness and the time since the onset."
    )
    return picture


def plot_runs(runs: Mapping[str, CachedRun], title: str, unseen: bool = False) -> Picture:
    """Training and held-out loss of several runs over their steps, a panel each, on one scale.

    Each curve counts in the loss that silence has on the same sound, since some stretches of a
    recording hold more rests than others.

    Args:
      runs: Name to run; its label is the panel's title.
      title: Of all.
      unseen: Adds what each run's last weights have on a take that no run has heard.

    Returns:
      The picture.

    Explained in notebook 02, "Too little, too much".
    """
    picture = Picture(figsize=(9, 3.2), layout="constrained")
    axes = picture.subplots(1, len(runs), squeeze=False, sharey=True)[0]
    for ax, run in zip(axes, runs.values(), strict=True):
        steps = [row["step"] for row in run.history]
        ax.plot(steps, run.shares("loss"), "-", color=BLUE, label="training")
        ax.plot(steps, run.shares("held_out_loss"), "--", color=VERMILLION, label="held out")
        if unseen:
            star = {"color": GREY, "markersize": 12, "label": "unseen take"}
            ax.plot(steps[-1], run.figures[UNSEEN], "*", **star)
        ax.axhline(1.0, color=GREY, linestyle=":", label="silence")
        ax.set_title(run.label, fontsize=10)
        ax.set(xlabel="steps", yscale="log")
        for axis in (ax.yaxis.set_major_formatter, ax.yaxis.set_minor_formatter):
            axis("{x:g}")
        ax.tick_params(labelsize=8, which="both")
        ax.grid(alpha=0.3, which="both")
    axes[0].set_ylabel("loss (silence = 1)")
    axes[0].legend(loc="upper right", fontsize=8)
    picture.suptitle(title)
    said = " ".join(f"{run.label}: {run_in_words(run, unseen)}" for run in runs.values())
    picture.alt = f"{title}: loss over steps, as a share of silence's. {said}"
    return picture


def run_in_words(run: CachedRun, unseen: bool = False) -> str:
    """Where its curves end and turn, as shares of silence's loss.

    Args:
      run: A run.
      unseen: Also what it has on the unseen take.
    """
    held, training = run.shares("held_out_loss"), run.shares("loss")
    best = int(np.argmin(held))
    words = (
        f"after {run.steps} steps training {training[-1]:.2f}, held out {held[-1]:.2f}, which was "
        f"lowest, {held[best]:.2f}, at step {run.history[best]['step']}"
    )
    return words + (f"; unseen take {run.figures[UNSEEN]:.2f}." if unseen else ".")


def input_rises(runs: Mapping[str, CachedRun]) -> dict[str, float]:
    """How much the held-out loss rises without each input, per cent, the largest first.

    Args:
      runs: "all" and one run for each input that was held still, by its name.

    Explained in notebook 02, "What did each input bring?".
    """
    whole = runs["all"].held_out_loss
    rises = {
        name: 100 * (run.held_out_loss / whole - 1) for name, run in runs.items() if name != "all"
    }
    return dict(sorted(rises.items(), key=lambda item: -item[1]))


def plot_input_rises(rises: Mapping[str, float], noise: float = 0.0) -> Picture:
    """A bar for each input: what its absence costs.

    Args:
      rises: Input to per cent, from `input_rises`.
      noise: Per cent by which two equal runs with other seeds differ: less is nothing.

    Returns:
      The picture.

    Explained in notebook 02, "What did each input bring?".
    """
    picture = Picture(figsize=(9, 2.8), layout="constrained")
    ax = picture.subplots()
    names = list(rises)[::-1]
    bars = ax.barh(names, [rises[name] for name in names], color=BLUE)
    ax.bar_label(bars, [f" {rises[name]:+.0f} %" for name in names])
    ax.axvspan(-noise, noise, color=GREY, alpha=0.25)
    ax.set(xlabel="rise of the held-out loss when this input is held still, %")
    ax.margins(x=0.12)
    said = ", ".join(f"{name} {rise:+.0f} %" for name, rise in rises.items())
    picture.alt = (
        f"Rise of the held-out loss without each input: {said}. Other seeds alone move it by "
        f"{noise:.0f} %."
    )
    return picture
