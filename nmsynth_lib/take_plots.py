"""The check of a take as a picture: where it is loud, late, humming, and what was asked of it.

Road: take checks -> [take plots]: a leaf.
Explained in notebook 01, "Is it on time?".
"""

from __future__ import annotations

import matplotlib.axes
import numpy as np

from nmsynth_lib.plots import (
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    VERMILLION,
    Picture,
    plot_performance,
    plot_waveform,
)
from nmsynth_lib.take_checks import RATE, TakeCheck
from nmsynth_lib.takes import Take

CLOSE_S = 8.0  # of the take that are drawn from near
LATE_RANGE_MS = 20.0  # above and below the line that are shown at the least


def plot_check(check: TakeCheck, start: float | None = None) -> Picture:
    """A take: all of it, how late each note is, and eight seconds from near.

    Args:
      check: From `checked_take`; one that could not be read gives its error as a picture of words.
      start: Second at which the near view begins; None: just before the first note.

    Returns:
      The picture: waveform with what is left out, lag of each note with its line, then waveform
      with the onsets that are heard, piano roll and CC55.

    Explained in notebook 01, "Is it on time?".
    """
    if check.take is None:
        picture = Picture(figsize=(9, 1.5), layout="constrained")
        picture.text(0.02, 0.5, check.error, wrap=True, va="center")
        picture.alt = check.error
        return picture
    take = check.take
    picture = Picture(figsize=(9, 9), layout="constrained")
    rows = picture.subplots(5, 1, height_ratios=(2, 2, 2, 3, 1))
    whole, late, near, roll, lane = rows
    _draw_whole(whole, check)
    _draw_lags(late, check)
    first = take.performance.notes[0].onset
    start = max(0.0, first - 0.5 if start is None else start)
    end = min(start + CLOSE_S, take.seconds)
    plot_waveform(_piece(take, start, end), RATE, f"From near: {start:.1f} to {end:.1f} s", ax=near)
    near.set_xlabel("")
    _draw_onsets(near, check, start, end)
    plot_performance(take.performance.between(start, end), end - start, axes=(roll, lane))
    lane.set_xlabel(f"seconds after {start:.1f} s")
    return picture


def plot_notes_over_sound(take: Take, start: float, end: float, title: str = "") -> Picture:
    """The notes of a stretch over its waveform, and CC55 under them.

    Args:
      take: What was recorded.
      start: Seconds.
      end: Seconds.
      title: Heading.

    Returns:
      The picture; dashed lines stand at the note-ons.

    Explained in notebook 01, "From a take to examples".
    """
    picture = Picture(figsize=(9, 5), layout="constrained")
    wave, roll, lane = picture.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1))
    plot_waveform(_piece(take, start, end), take.sample_rate, title or take.name, ax=wave)
    wave.set_xlabel("")
    for note in take.performance.notes:
        if start <= note.onset < end:
            for ax in (wave, roll):
                ax.axvline(note.onset - start, color=VERMILLION, linestyle="--", linewidth=0.9)
    plot_performance(take.performance.between(start, end), end - start, axes=(roll, lane))
    lane.set_xlabel(f"seconds after {start:.1f} s")
    return picture


def _piece(take: Take, start: float, end: float) -> np.ndarray:
    return np.array(take.audio[round(start * take.sample_rate) : round(end * take.sample_rate)])


def _draw_whole(ax: matplotlib.axes.Axes, check: TakeCheck) -> None:
    plot_waveform(check.take.audio, RATE, check.files.name, ax=ax)
    for start, end in check.take.left_out():
        ax.axvspan(start, end, color=GREY, alpha=0.35, hatch="//", linewidth=0)
    for start, end in check.sound.hum:
        ax.axvspan(start, end, color=VERMILLION, alpha=0.35, linewidth=0)
    kinds = [("left out", GREY, check.take.left_out()), ("hum", VERMILLION, check.sound.hum)]
    handles = [
        matplotlib.patches.Patch(color=colour, alpha=0.35, label=name)
        for name, colour, stretches in kinds
        if stretches
    ]
    if handles:
        ax.legend(handles=handles, loc="upper right")


def _draw_lags(ax: matplotlib.axes.Axes, check: TakeCheck) -> None:
    at = check.alignment
    ax.set(xlabel="seconds", ylabel="ms late", xlim=(0, check.take.seconds))
    if at is None:
        ax.set_title("Notes cannot be heard in the sound")
        return
    times, late = np.array(at.note_ms).T
    ends = np.array([0.0, check.take.seconds])
    ax.plot(times, late, ".", color=BLUE, markersize=3, label="one note")
    line = at.lag_ms + at.drift_ppm * ends / 1000.0
    ax.plot(ends, line, color=VERMILLION, label=f"{at.lag_ms:+.1f} ms, {at.drift_ppm:+.0f} ppm")
    ax.axhline(0.0, color=GREY, linewidth=0.8, linestyle=":")
    ax.set_ylim(min(line.min(), 0) - LATE_RANGE_MS, max(line.max(), 0) + LATE_RANGE_MS)
    ax.legend(loc="upper right")
    ax.set_title("How late each note sounds")
    ax.figure.alt += (
        f" Notes sound {at.lag_ms:.1f} ms late at the beginning and "
        f"{at.late_ms(check.take.seconds):.1f} ms at the end; single ones lie {at.spread_ms:.1f} "
        "ms from that line."
    )


def _draw_onsets(ax: matplotlib.axes.Axes, check: TakeCheck, start: float, end: float) -> None:
    """Note-ons of the MIDI dashed, the onsets that are heard solid."""
    written = [n.onset for n in check.take.performance.notes if start <= n.onset < end]
    heard = [
        second + ms / 1000.0
        for second, ms in (check.alignment.note_ms if check.alignment else ())
        if start <= second + ms / 1000.0 < end
    ]
    for times, colour, style, name in (
        (written, PURPLE, "--", "note-on in the MIDI"),
        (heard, GREEN, "-", "onset that is heard"),
    ):
        for index, time in enumerate(times):
            label = name if index == 0 else None
            ax.axvline(time - start, color=colour, linestyle=style, linewidth=1.1, label=label)
    if written or heard:
        ax.legend(loc="upper right")
