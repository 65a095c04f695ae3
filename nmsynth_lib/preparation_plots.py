"""Pictures of data preparation: curves, attacks, velocities, splits and combs, each in words too.

Road: controls, takes, recordings -> [preparation plots]: a leaf.
Explained in notebook 01, "From notes to curves".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nmsynth_lib.controls import Controls
from nmsynth_lib.note_ons import attack_ms, swell_ms
from nmsynth_lib.pick_measures import PickSweep, expected_comb_db, measured_comb_db
from nmsynth_lib.plots import BLUE, GREEN, GREY, PURPLE, VERMILLION, Picture
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.split_leaks import Piece, leaked_seconds

_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, GREY)
_DASHES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1)))


def plot_curves(curves: Controls, spec: InstrumentSpec) -> Picture:
    """What the network is told, frame by frame: a lane for each control, from 0 to 1.

    Args:
      curves: From `controls.control_curves`, of the same spec.
      spec: Names the controls and the frame rate.

    Returns:
      The picture.

    Explained in notebook 01, "From notes to curves".
    """
    names = [control.name for control in spec.controls]
    picture = Picture(figsize=(9, 0.8 * len(names) + 0.6), layout="constrained")
    lanes = picture.subplots(len(names), 1, sharex=True)
    seconds = (np.arange(len(curves.values)) + 1) / spec.rates.frame_rate
    said = []
    for lane, name, curve in zip(lanes, names, curves.values.T, strict=True):
        lane.plot(seconds, curve, color=BLUE, linewidth=1.2)
        lane.set(ylim=(-0.08, 1.08), yticks=(0, 1), xlim=(0, seconds[-1]))
        lane.set_ylabel(name, rotation=0, ha="right", va="center")
        lane.grid(axis="x", alpha=0.3)
        said.append(f"{name} from {curve.min():.2f} to {curve.max():.2f}")
    lanes[-1].set_xlabel("seconds")
    picture.alt = (
        f"Control curves over {seconds[-1]:.1f} s, scaled to 0...1, {len(seconds)} frames: "
        f"{', '.join(said)}."
    )
    return picture


def plot_attacks(attacks: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Picture:
    """Mean attacks on one time axis, 0 being the note-on.

    Args:
      attacks: Name to what `note_ons.mean_attack` gives.

    Returns:
      The picture.

    Explained in notebook 01, "Is it on time?".
    """
    picture = Picture(figsize=(9, 3), layout="constrained")
    ax = picture.subplots()
    said = []
    for index, (name, (times, level)) in enumerate(attacks.items()):
        style = {"color": _COLOURS[index % 5], "linestyle": _DASHES[index % 5]}
        ax.plot(times, level, label=name, **style)
        said.append(
            f"{name}: 3 dB below its loudest {attack_ms(times, level):.0f} ms after the note-on, "
            f"rising over {swell_ms(times, level):.0f} ms"
        )
    ax.axvline(0, color=GREY, linewidth=0.9)
    ax.text(0.5, -47, "note-on", color=GREY)
    ax.axhline(-3, color=GREY, linewidth=0.8, linestyle=":")
    ax.set(xlabel="ms after the note-on", ylabel="mean level, dB", ylim=(-50, 3))
    ax.set(xlim=(times[0], times[-1]), title="What all notes have in common at their note-on")
    ax.grid(alpha=0.3)
    ax.legend(loc="lower right")
    picture.alt = f"Mean level round the note-ons. {'; '.join(said)}."
    return picture


def plot_velocities(
    true: np.ndarray, measured: Mapping[str, np.ndarray], is_open: np.ndarray
) -> Picture:
    """Loudness of each note over its true velocity, a panel for each way of measuring it.

    Args:
      true: MIDI velocities, shape [n_notes].
      measured: Title to dB, shape [n_notes].
      is_open: Whether each note is open, rather than muted, shape [n_notes].

    Returns:
      The picture; each title has the rank correlation over all notes.

    Explained in notebook 01, "Velocity from loudness".
    """
    from scipy.stats import spearmanr

    picture = Picture(figsize=(9, 3.4), layout="constrained")
    axes = picture.subplots(1, len(measured), squeeze=False)[0]
    for ax, (title, level) in zip(axes, measured.items(), strict=True):
        rank = float(spearmanr(true, level, nan_policy="omit").statistic)
        for name, chosen, colour, mark in (
            ("open", is_open, BLUE, "o"),
            ("muted", ~is_open, VERMILLION, "x"),
        ):
            ax.scatter(true[chosen], level[chosen], 9, color=colour, marker=mark, label=name)
        ax.set(title=f"{title}\nrank correlation {rank:.3f}", xlabel="true velocity", ylabel="dB")
        ax.grid(alpha=0.3)
        apart = _apart_db(true, level, is_open)
        picture.alt += (
            f"{title} over true velocity, {len(true)} notes: rank correlation {rank:.3f}, muted "
            f"notes lie {apart:+.1f} dB from open ones of the same velocity. "
        )
    axes[-1].legend(loc="lower right")
    picture.alt = picture.alt.strip()
    return picture


def plot_splits(splits: Mapping[str, Sequence[Piece]]) -> Picture:
    """Which seconds of a take and its copies are trained on, and which are held out.

    Args:
      splits: Title to pieces.

    Returns:
      The picture: a row for each copy, held-out pieces dark and hatched.

    Explained in notebook 01, "Split before you copy".
    """
    picture = Picture(figsize=(9, 2.2 * len(splits)), layout="constrained")
    axes = picture.subplots(len(splits), 1, sharex=True, squeeze=False)[:, 0]
    for ax, (title, pieces) in zip(axes, splits.items(), strict=True):
        copies = sorted({piece.semitones for piece in pieces})
        for piece in pieces:
            held = {"color": VERMILLION, "hatch": "////", "edgecolor": "black"}
            look = held if piece.held_out else {"color": BLUE, "alpha": 0.35}
            length = piece.end - piece.start
            ax.barh(copies.index(piece.semitones), length, 0.75, left=piece.start, **look)
        leaked, held_out = leaked_seconds(pieces)
        ax.set_yticks(range(len(copies)), [f"{n:+d}" if n else "as played" for n in copies])
        ax.set(ylabel="semitones", xlim=(0, max(piece.end for piece in pieces)))
        ax.set_title(f"{title}: {leaked:.0f} of {held_out:.0f} held-out seconds are heard again")
        picture.alt += (
            f"{title}: {len(copies)} copies, {held_out:.0f} s held out, of which {leaked:.0f} s "
            "are in training at another pitch. "
        )
    axes[-1].set_xlabel("seconds of the take (orange, hatched: held out; blue: trained on)")
    picture.alt = picture.alt.strip()
    return picture


def plot_combs(sweep: PickSweep, values: Sequence[int] | None = None) -> Picture:
    """What some places of the pick do to each partial of the lowest note, beside the law.

    Args:
      sweep: From `pick_measures.pick_sweep`.
      values: CC74 values of the sweep, a panel each; None shows all.

    Returns:
      The picture: a panel for each place, dots measured, lines |sin(pi n p)|.

    Explained in notebook 01, "A second style: where the pick strikes".
    """
    values = sweep.values if values is None else tuple(values)
    columns = [sweep.values.index(value) for value in values]
    measured, law = measured_comb_db(sweep)[0][columns], expected_comb_db(sweep)[0][columns]
    picture = Picture(figsize=(9, 3.6), layout="constrained")
    axes = picture.subplots(1, len(values), sharey=True, squeeze=False)[0]
    partials = np.arange(1, measured.shape[1] + 1)
    places = zip(axes, values, sweep.true_positions[columns], measured, law, strict=True)
    for ax, value, position, found, expected in places:
        ax.plot(partials, expected, color=VERMILLION, label="law")
        ax.plot(partials, found, "o", color=BLUE, markersize=4, label="measured")
        ax.set(title=f"CC74 = {value}\n1/{1 / position:.1f} of the string", xlabel="partial")
        ax.grid(alpha=0.3)
        lowest = int(partials[np.nanargmin(found)])
        off = float(np.nanmedian(np.abs(found - expected)))
        picture.alt += (
            f"CC74 = {value}: partial {lowest} is weakest, measured levels lie {off:.1f} dB "
            "(median) from the law. "
        )
    axes[0].set_ylabel("dB")
    names = axes[0].get_legend_handles_labels()
    picture.legend(*names, loc="outside lower center", ncols=2)
    picture.alt = picture.alt.strip()
    return picture


def _apart_db(true: np.ndarray, level: np.ndarray, is_open: np.ndarray) -> float:
    """How much louder muted notes are than open ones, velocity apart, dB."""
    rest = level - 40 * np.log10(true / 127)
    return float(np.nanmedian(rest[~is_open]) - np.nanmedian(rest[is_open]))
