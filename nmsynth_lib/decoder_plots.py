"""Pictures of the inside: layers as heat maps, costs, phases, spectra, each in words too.

Road: decoder views, sounds -> [decoder plots]: a leaf.
Explained in notebook 03, "Follow a note through the network".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nmsynth_lib.decoder_views import HEADS, Activations, BlockCost, moving_units
from nmsynth_lib.performance import Note
from nmsynth_lib.plots import BLUE, GREEN, GREY, PURPLE, SAMPLE_RATE, VERMILLION, Picture
from nmsynth_lib.short_windows import (
    FLOOR_DB,
    SHORT_WINDOW,
    band_swing_db,
    crest_factor_db,
    short_window_db,
)

_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, GREY)
_DASHES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1)))
_HATCHES = ("", "////", "....", "xx")
MOST_POINTS = 1000  # of a line in a spectrum


def plot_phases(
    sounds: Mapping[str, np.ndarray],
    start: float = 0.1,
    seconds: float = 0.04,
    sample_rate: int = SAMPLE_RATE,
) -> Picture:
    """Some periods of each sound over its spectrum through a window of 4 ms.

    Args:
      sounds: Title to audio of shape [n_samples].
      start: Left edge, seconds.
      seconds: Width.
      sample_rate: Hz.

    Returns:
      The picture; each title has the crest factor.

    Explained in notebook 03, "Aligned or spread".
    """
    picture = Picture(figsize=(9, 4.4), layout="constrained")
    axes = picture.subplots(2, len(sounds), sharex=True, sharey="row", squeeze=False)
    first, n_samples = round(start * sample_rate), round(seconds * sample_rate)
    for (wave, colours), (title, audio) in zip(axes.T, sounds.items(), strict=True):
        piece = np.asarray(audio)[first : first + n_samples]
        crest = crest_factor_db(piece)
        wave.plot(1000 * np.arange(len(piece)) / sample_rate, piece, color=BLUE, linewidth=0.9)
        wave.set_title(f"{title}\ncrest factor {crest:.1f} dB")
        wave.grid(alpha=0.3)
        margin = SHORT_WINDOW // 2
        wider = np.asarray(audio)[max(0, first - margin) : first + n_samples + margin]
        levels = short_window_db(wider)
        image = colours.imshow(
            levels.T,
            origin="lower",
            aspect="auto",
            extent=(0, 1000 * seconds, 0, sample_rate / 2000),
            vmin=FLOOR_DB,
            vmax=-20,
            cmap="cividis",
        )
        colours.set_xlabel("ms")
        swing = band_swing_db(wider)
        picture.alt += (
            f"{title}: crest factor {crest:.1f} dB; through 4 ms the level between 2 and 6 kHz "
            f"swings by {swing:.0f} dB within a period. "
        )
    axes[0, 0].set_ylabel("amplitude")
    axes[1, 0].set_ylabel("kHz, through 4 ms")
    picture.colorbar(image, ax=axes[1], label="dB", pad=0.01)
    picture.alt = picture.alt.strip()
    return picture


def plot_spectra(
    sounds: Mapping[str, np.ndarray],
    top_hz: float = 4000,
    sample_rate: int = SAMPLE_RATE,
    marks_hz: Sequence[float] = (),
) -> Picture:
    """Spectra of whole sounds on one scale.

    Args:
      sounds: Name to audio of shape [n_samples].
      top_hz: Right edge, Hz.
      sample_rate: Hz.
      marks_hz: Where partials should be: dotted lines.

    Returns:
      The picture.

    Explained in notebook 03, "Steps that click".
    """
    picture = Picture(figsize=(9, 3), layout="constrained")
    ax = picture.subplots()
    for mark in marks_hz:
        ax.axvline(mark, color=GREY, linestyle=":", linewidth=0.9)
    for index, (name, audio) in enumerate(sounds.items()):
        window = np.blackman(len(audio))
        level = np.abs(np.fft.rfft(np.asarray(audio, float) * window)) * 2 / window.sum()
        hz = np.arange(len(level)) * sample_rate / len(audio)
        inside = level[hz <= top_hz]
        step = max(1, len(inside) // MOST_POINTS)  # of so many bins the largest is drawn
        tops = np.pad(inside, (0, -len(inside) % step)).reshape(-1, step).max(axis=1)
        style = {"color": _COLOURS[index % 5], "linestyle": _DASHES[index % 5]}
        ax.plot(hz[::step][: len(tops)], 20 * np.log10(tops + 1e-7), label=name, **style)
        peaks = hz[np.argsort(level)[-1]]
        rest = 10 * np.log10(np.mean(np.square(level[hz > top_hz / 2])) + 1e-14)
        picture.alt += (
            f"{name}: strongest at {peaks:.0f} Hz, {rest:.0f} dB on average above "
            f"{top_hz / 2:.0f} Hz. "
        )
    ax.set(xlabel="Hz", ylabel="dB re a full-scale sine", xlim=(0, top_hz), ylim=(-130, 0))
    ax.grid(alpha=0.3)
    ax.legend(loc="upper right")
    picture.alt = picture.alt.strip()
    return picture


def plot_layers(inside: Activations, names: Sequence[str]) -> Picture:
    """Layers as heat maps, one above the other: time to the right, a row for each unit.

    Units are sorted by when they speak loudest, and each layer has its own scale.

    Args:
      inside: From `decoder_views.note_activations`.
      names: Layers to show.

    Returns:
      The picture; solid lines are onsets, dashed ones offsets.

    Explained in notebook 03, "Follow a note through the network".
    """
    picture = Picture(figsize=(9, 1.45 * len(names) + 0.5), layout="constrained")
    axes = picture.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for ax, name in zip(axes, names, strict=True):
        values = inside.layers[name]
        values = values[:, np.argsort(np.abs(values).argmax(axis=0), kind="stable")]
        n_units = values.shape[1]
        image = _heat_map(ax, inside, values, (0, n_units), *np.percentile(values, [0.5, 99.5]))
        ax.set_ylabel(f"{name}\n{n_units} units", rotation=0, ha="right", va="center")
        ax.set_yticks([])
        picture.colorbar(image, ax=ax, pad=0.01)
        n_moving, at_onset = moving_units(inside, name)
        picture.alt += (
            f"{name}: {n_moving} of {n_units} units move, {at_onset} of them within 20 ms of an "
            "onset. "
        )
    axes[-1].set_xlabel("seconds (solid: onset, dashed: offset)")
    picture.alt = f"Output of {len(names)} layers over time. {picture.alt.strip()}"
    return picture


def plot_heads(inside: Activations, sample_rate: int = SAMPLE_RATE) -> Picture:
    """What the network says to the synthesiser: amplitude, share of each partial, noise bands.

    Args:
      inside: From `decoder_views.note_activations`.
      sample_rate: Hz.

    Returns:
      The picture; solid lines are onsets, dashed ones offsets.

    Explained in notebook 03, "Follow a note through the network".
    """
    picture = Picture(figsize=(9, 6), layout="constrained")
    top, middle, low = picture.subplots(3, 1, sharex=True, height_ratios=(2, 3, 3))
    amplitude, distribution, noise = (
        20 * np.log10(np.maximum(inside.layers[name], 1e-7)) for name in HEADS
    )
    top.plot(inside.seconds, amplitude[:, 0], color=BLUE)
    top.set(ylabel="amplitude, dB", ylim=(FLOOR_DB, 6))
    top.grid(alpha=0.3)
    _mark(top, inside.notes, GREY)
    n_harmonics = distribution.shape[1]
    partials = amplitude + distribution
    image = _heat_map(middle, inside, partials, (0.5, n_harmonics + 0.5), FLOOR_DB, -10)
    middle.set_ylabel("partial")
    picture.colorbar(image, ax=middle, label="dB", pad=0.01)
    image = _heat_map(low, inside, noise, (0, sample_rate / 2000), -120, -40)
    low.set(ylabel="noise, kHz", xlabel="seconds (solid: onset, dashed: offset)")
    picture.colorbar(image, ax=low, label="dB", pad=0.01)
    loudest = int(amplitude.argmax())
    audible = int(np.sum(partials[loudest] > FLOOR_DB))
    picture.alt = (
        f"What the network says over {inside.seconds[-1]:.1f} s. Amplitude: largest at "
        f"{inside.seconds[loudest]:.2f} s, {amplitude.max():.0f} dB. Partials: {audible} of "
        f"{n_harmonics} above {FLOOR_DB:.0f} dB then. Noise: loudest band "
        f"{noise.max():.0f} dB, at {inside.seconds[noise.max(axis=1).argmax()]:.2f} s."
    )
    return picture


def plot_costs(costs: Mapping[str, Mapping[str, BlockCost]]) -> Picture:
    """Parameters and milliseconds of each block as bars.

    Args:
      costs: Name of an instrument to what `decoder_views.block_costs` gives.

    Returns:
      The picture; both axes are logarithmic, since blocks differ by more than a hundred times.

    Explained in notebook 03, "What each block costs".
    """
    picture = Picture(figsize=(9, 3.4), layout="constrained")
    sizes, times = picture.subplots(1, 2, sharey=True)
    thick = 0.8 / len(costs)
    for index, (who, blocks) in enumerate(costs.items()):
        rows = np.arange(len(blocks)) + thick * (index - (len(costs) - 1) / 2)
        look = {"color": _COLOURS[index], "hatch": _HATCHES[index], "edgecolor": "white"}
        parameters = [cost.parameters for cost in blocks.values()]
        milliseconds = [cost.milliseconds for cost in blocks.values()]
        sizes.barh(rows, parameters, thick, label=who, **look)
        times.barh(rows, milliseconds, thick, **look)
        for row, count, taken in zip(rows, parameters, milliseconds, strict=True):
            sizes.text(max(count, 1), row, f" {count:,}", va="center", fontsize=8)
            times.text(max(taken, 0.1), row, f" {taken:.1f}", va="center", fontsize=8)
        said = ", ".join(
            f"{name} {cost.parameters:,} and {cost.milliseconds:.1f} ms"
            for name, cost in blocks.items()
        )
        picture.alt += f"{who}, parameters and time for a second of sound: {said}. "
    names = list(next(iter(costs.values())))
    sizes.set_yticks(range(len(names)), names)
    sizes.invert_yaxis()
    sizes.set(xscale="log", xlabel="parameters", xlim=(1, 1e9))
    times.set(xscale="log", xlabel="ms for a second of sound", xlim=(0.1, None))
    times.set_xlim(0.1, 8 * times.get_xlim()[1])
    sizes.legend(loc="lower right")
    picture.alt = picture.alt.strip()
    return picture


def _heat_map(ax, inside: Activations, values: np.ndarray, rows, low: float, high: float):
    """One layer, [n_frames, units], with its notes marked."""
    seconds = inside.seconds
    image = ax.imshow(
        values.T,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(2 * seconds[0] - seconds[1], seconds[-1], *rows),
        vmin=low,
        vmax=max(high, low + 1e-6),
        cmap="cividis",
    )
    _mark(ax, inside.notes, "white")
    return image


def _mark(ax, notes: Sequence[Note], colour: str) -> None:
    for note in notes:
        ax.axvline(note.onset, color=colour, linewidth=1.2)
        ax.axvline(note.offset, color=colour, linewidth=1.2, linestyle="--")
