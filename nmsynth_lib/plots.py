"""Eyes: pictures of sounds and performances, each with a description in words.

Road: performance -> controls -> decoder -> synthesis -> instrument -> [plots]: a leaf beside it.
Every function returns a `Picture`, a matplotlib Figure that carries `alt`, its description for
people who do not see it. Colours are Okabe and Ito's, safe for colour-blind eyes, and lines differ
in dash as well as in colour.
Explained in notebook 00, "What openness does to the spectrum".
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence

import matplotlib.figure
import numpy as np

from nmsynth_lib.midi.channel import note_name
from nmsynth_lib.performance import OPENNESS_CC, Performance, held
from nmsynth_lib.pitch_measures import partial_levels
from nmsynth_lib.spectrum_measures import spectrogram_db

BLUE, VERMILLION, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#8C4A7E", "#595959"
_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, GREY)
_DASHES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
SAMPLE_RATE = 16000


class Picture(matplotlib.figure.Figure):
    """A figure outside pyplot's global state: shown once, as a cell's last value, with alt text."""

    alt: str = ""

    def png(self, dpi: int = 110) -> bytes:
        """The picture as the bytes of a PNG file."""
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=dpi, metadata={"Description": self.alt})
        return stream.getvalue()

    def html(self, png_base64: str | None = None) -> str:
        """An `<img>` element that holds the picture and its description."""
        encoded = png_base64 or base64.b64encode(self.png()).decode()
        alt = html.escape(self.alt, quote=True)
        return f'<img style="max-width:100%" alt="{alt}" src="data:image/png;base64,{encoded}">'

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        # JupyterLab gives alt text to pictures only where they come as HTML.
        png = base64.b64encode(self.png()).decode()
        return {"text/html": self.html(png), "image/png": png, "text/plain": self.alt}, {}


def plot_waveform(
    audio: np.ndarray,
    sample_rate: int = SAMPLE_RATE,
    title: str = "Waveform",
    ax: matplotlib.axes.Axes | None = None,
) -> Picture:
    """Waveform over seconds, as an envelope of smallest and largest samples.

    Args:
      audio: Shape [n_samples], within -1...1.
      sample_rate: Hz.
      title: Heading.
      ax: Axes to draw into; None makes a new picture.

    Returns:
      The picture.
    """
    picture, ax = _canvas(ax, height=2.0)
    audio = np.asarray(audio)
    step = max(1, len(audio) // 1500)
    pieces = np.pad(audio, (0, -len(audio) % step)).reshape(-1, step)
    times = np.arange(len(pieces)) * step / sample_rate
    ax.fill_between(times, pieces.min(axis=1), pieces.max(axis=1), color=BLUE, linewidth=0.6)
    top = max(1.1 * float(np.abs(audio).max(initial=0.0)), 1e-3)
    ax.set(ylim=(-top, top), xlim=(0, len(audio) / sample_rate), ylabel="amplitude", title=title)
    ax.set_xlabel("seconds")
    peak = 20 * np.log10(max(float(np.abs(audio).max(initial=0.0)), 1e-6))
    _describe(picture, f"{title}: {len(audio) / sample_rate:.1f} s, peak {peak:.0f} dBFS.")
    return picture


def plot_spectrogram(
    audio: np.ndarray,
    sample_rate: int = SAMPLE_RATE,
    title: str = "Spectrogram",
    top_hz: float = 5000,
    floor_db: float = -90,
    ceiling_db: float = -20,
    ax: matplotlib.axes.Axes | None = None,
) -> Picture:
    """Spectrogram: bright is loud, on a fixed scale so that pictures compare.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      title: Heading.
      top_hz: Upper edge, Hz.
      floor_db: Darkest level, dBFS.
      ceiling_db: Brightest level, dBFS.
      ax: Axes to draw into; None makes a new picture.

    Returns:
      The picture.

    Explained in notebook 00, "What openness does to the spectrum".
    """
    picture, ax = _canvas(ax, height=2.8)
    levels = spectrogram_db(audio, sample_rate)
    seconds = len(audio) / sample_rate
    image = ax.imshow(
        levels.T,
        origin="lower",
        aspect="auto",
        extent=(0, seconds, 0, sample_rate / 2),
        vmin=floor_db,
        vmax=ceiling_db,
        cmap="cividis",
    )
    ax.set(xlabel="seconds", ylabel="Hz", ylim=(0, min(top_hz, sample_rate / 2)), title=title)
    picture.colorbar(image, ax=ax, label="dBFS", pad=0.01)
    loud = levels.max(axis=0) > floor_db + 20
    reach = float(np.flatnonzero(loud).max(initial=0)) * sample_rate / 2 / (levels.shape[1] - 1)
    _describe(picture, f"{title}: {seconds:.1f} s, partials visible up to about {reach:.0f} Hz.")
    return picture


def plot_spectrograms(
    sounds: Mapping[str, np.ndarray], sample_rate: int = SAMPLE_RATE, top_hz: float = 5000
) -> Picture:
    """Spectrograms side by side on one scale.

    Args:
      sounds: Title to audio of shape [n_samples].
      sample_rate: Hz.
      top_hz: Upper edge, Hz.

    Returns:
      The picture.

    Explained in notebook 00, "What openness does to the spectrum".
    """
    picture = Picture(figsize=(9, 3), layout="constrained")
    axes = picture.subplots(1, len(sounds), squeeze=False, sharey=True)[0]
    for ax, (title, audio) in zip(axes, sounds.items(), strict=True):
        plot_spectrogram(audio, sample_rate, title, top_hz, ax=ax)
    for ax in axes:
        ax.label_outer()
    return picture


def plot_partials(
    sounds: Mapping[str, np.ndarray],
    f0_hz: float,
    partials: Sequence[int] = (1, 4, 8),
    sample_rate: int = SAMPLE_RATE,
    floor_db: float = -100,
) -> Picture:
    """Level of single partials over time: how fast each one dies, one panel a sound.

    Args:
      sounds: Title to audio of shape [n_samples], all of the same pitch.
      f0_hz: Their fundamental, Hz.
      partials: Numbers of the partials, the fundamental being 1.
      sample_rate: Hz.
      floor_db: Lower edge, dBFS.

    Returns:
      The picture.

    Explained in notebook 00, "What openness does to the spectrum".
    """
    picture = Picture(figsize=(9, 3), layout="constrained")
    axes = picture.subplots(1, len(sounds), squeeze=False, sharey=True)[0]
    for ax, (title, audio) in zip(axes, sounds.items(), strict=True):
        seconds = len(audio) / sample_rate
        times, levels = partial_levels(audio, sample_rate, f0_hz, partials, 0.0, seconds)
        for i, k in enumerate(partials):
            style = {"color": _COLOURS[i % 5], "linestyle": _DASHES[i % 5]}
            ax.plot(times, levels[i], label=f"partial {k} ({k * f0_hz:.0f} Hz)", **style)
        ax.set(title=title, xlabel="seconds", ylim=(floor_db, 0), xlim=(0, seconds))
        ax.grid(alpha=0.3)
        middle = levels[:, min(len(times) - 1, np.searchsorted(times, 0.5))]
        said = ", ".join(f"{k}: {db:.0f}" for k, db in zip(partials, middle, strict=True))
        _describe(picture, f"{title}: level of partials after 0.5 s in dBFS: {said}.")
    axes[0].set_ylabel("dBFS")
    axes[-1].legend(loc="upper right")
    return picture


def plot_performance(
    performance: Performance,
    seconds: float | None = None,
    axes: Sequence[matplotlib.axes.Axes] | None = None,
    number: int = OPENNESS_CC,
) -> Picture:
    """Piano roll over the lane of one controller.

    Args:
      performance: What is played.
      seconds: Right edge; None ends half a second after the last note.
      axes: Two axes to draw into, roll and lane; None makes a new picture.
      number: Controller to draw, 55 being openness.

    Returns:
      The picture.

    Explained in notebook 00, "Play it".
    """
    if axes is None:
        picture = Picture(figsize=(9, 3), layout="constrained")
        axes = picture.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    roll, lane = axes
    picture = roll.figure
    seconds = performance.duration + 0.5 if seconds is None else seconds
    pitches = [note.pitch for note in performance.notes]
    for note in performance.notes:
        lasts = note.offset - note.onset
        roll.barh(note.pitch, lasts, 0.8, left=note.onset, color=BLUE, alpha=_ink(note.velocity))
    roll.set(ylabel="pitch", ylim=(min(pitches) - 2, max(pitches) + 2), xlim=(0, seconds))
    ticks = sorted(set(pitches))[:: max(1, len(set(pitches)) // 8)]
    roll.set_yticks(ticks, [note_name(pitch) for pitch in ticks])
    roll.grid(axis="x", alpha=0.3)
    times = np.linspace(0, seconds, 2000)
    values = held(performance.controllers.get(number, ()), times, 0)
    lane.fill_between(times, values, step="post", color=VERMILLION, alpha=0.45, linewidth=0)
    lane.plot(times, values, color=VERMILLION, linewidth=1.2)
    lane.set(ylabel=f"CC{number}", ylim=(-4, 134), yticks=(0, 127), xlim=(0, seconds))
    lane.set_xlabel("seconds")
    low, high = note_name(min(pitches)), note_name(max(pitches))
    range_said = low if low == high else f"{low} to {high}"
    _describe(
        picture,
        f"Piano roll: {len(pitches)} notes, {range_said}, over {performance.duration:.1f} s; "
        f"CC{number} between {values.min():.0f} and {values.max():.0f}.",
    )
    return picture


def plot_example(
    audio: np.ndarray,
    performance: Performance,
    sample_rate: int = SAMPLE_RATE,
    title: str | None = None,
) -> Picture:
    """Waveform over piano roll over CC55 on one time axis, as in the paper's figures.

    Args:
      audio: What was heard, shape [n_samples].
      performance: What was played.
      sample_rate: Hz.
      title: Heading; None takes the performance's name.

    Returns:
      The picture.

    Explained in notebook 00, "Play it".
    """
    picture = Picture(figsize=(9, 5), layout="constrained")
    wave, roll, lane = picture.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1))
    plot_waveform(audio, sample_rate, performance.name if title is None else title, ax=wave)
    plot_performance(performance, len(audio) / sample_rate, axes=(roll, lane))
    wave.set_xlabel("")
    return picture


def _canvas(ax, height: float):
    if ax is not None:
        return ax.figure, ax
    picture = Picture(figsize=(9, height), layout="constrained")
    return picture, picture.subplots()


def _describe(picture, sentence: str) -> None:
    if isinstance(picture, Picture):
        picture.alt = f"{picture.alt} {sentence}".strip()


def _ink(velocity: int) -> float:
    return 0.35 + 0.65 * velocity / 127
