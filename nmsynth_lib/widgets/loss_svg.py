"""A loss curve as SVG: small enough to be drawn anew after every epoch, sharp at every width.

Road: loss curves -> [SVG] -> widgets.training_view.
Ink is the page's own colour, lines differ in dash as well as in colour, and each line has its name
beside it. Matplotlib takes a fifth of a second for such a picture, this takes a millisecond.
Explained in notebook 02, "From recording to instrument".
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from nmsynth_lib.loss_curves import References, curve_in_words

WIDE, NARROW = 760, 340
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30)
TIMES = (10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800, 2700, 3600)
STEPS = (2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1200, 3600)  # seconds between numbers
_BLUE, _ORANGE = "var(--nmsynth-live, #0072b2)", "var(--nmsynth-held, #c24e00)"
_GREEN = "var(--nmsynth-copy, #00795a)"


@dataclass(frozen=True)
class _Frame:
    """Where things lie: the plot's edges in pixels and its ranges."""

    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int
    seconds: float
    low: float
    high: float

    def x(self, seconds: float) -> float:
        share = min(max(seconds / self.seconds, 0.0), 1.0)
        return self.left + share * (self.right - self.left)

    def y(self, loss: float) -> float:
        share = math.log(min(max(loss, self.low), self.high) / self.low)
        return self.bottom - share / math.log(self.high / self.low) * (self.bottom - self.top)

    def path(self, points: Sequence[tuple[float, float]], colour: str, dash: str, name: str) -> str:
        places = " ".join(f"{self.x(t):.1f},{self.y(loss):.1f}" for t, loss in points)
        return (
            f'<polyline class="{name}" points="{places}" fill="none" stroke="{colour}" '
            f'stroke-width="2" stroke-dasharray="{dash}" stroke-linejoin="round"/>'
        )

    def words(self, x: float, y: float, text: str, anchor: str = "start", colour="currentColor"):
        return (
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">'
            f"{html.escape(text)}</text>"
        )


def loss_svg(rows: Sequence[dict], references: References, width: int = WIDE) -> str:
    """The curve of a run so far, on a logarithmic scale, with what it is compared with.

    Args:
      rows: One an epoch, with `seconds`, `loss` and `held_out_loss`.
      references: Lines to draw beside it.
      width: Of the drawing, in its own units; `NARROW` for telephones.

    Returns:
      An `<svg>` element with a description in words.
    """
    frame = _frame(rows, references, width)
    parts = [_axes(frame), *_references(frame, references, width > NARROW)]
    for key, colour, dash in (("loss", _BLUE, "none"), ("held_out_loss", _ORANGE, "7 3")):
        points = [(row["seconds"], row[key]) for row in rows]
        if points:
            end = frame.x(points[-1][0]), frame.y(points[-1][1])
            dot = f'<circle cx="{end[0]:.1f}" cy="{end[1]:.1f}" r="3.5" fill="{colour}"/>'
            parts += [frame.path(points, colour, dash, key), dot]
    parts += _legend(frame)
    said = html.escape(f"Loss against seconds. {curve_in_words(list(rows), references)}", True)
    size = 14 if width > NARROW else 12
    return (
        f'<svg role="img" aria-label="{said}" viewBox="0 0 {frame.width} {frame.height}" '
        f'style="width:100%;max-width:{frame.width}px;display:block" font-size="{size}" '
        f'font-family="inherit">{"".join(parts)}</svg>'
    )


def _frame(rows: Sequence[dict], references: References, width: int) -> _Frame:
    """Ranges that hold everything: times up to the next round number, losses by a factor."""
    last = rows[-1]["seconds"] if rows else 0.0
    seconds = next((time for time in TIMES if time >= last), last)
    losses = [row[key] for row in rows for key in ("loss", "held_out_loss")]
    losses += [value for value in (references.silence, references.bound) if value]
    # The baseline begins far above silence; what is of interest would be squeezed by it.
    ceiling = 2.0 * references.silence if references.silence else math.inf
    losses += [min(loss, ceiling) for time, loss in references.baseline if time <= seconds]
    low, high = (min(losses), max(losses)) if losses else (0.5, 10.0)
    height = 320 if width > NARROW else 270
    return _Frame(
        width, height, 44, 34, width - 10, height - 40, float(seconds), 0.75 * low, 1.25 * high
    )


def _axes(frame: _Frame) -> str:
    parts = [
        f'<rect x="{frame.left}" y="{frame.top}" width="{frame.right - frame.left}" '
        f'height="{frame.bottom - frame.top}" fill="none" stroke="currentColor" opacity="0.5"/>'
    ]
    for loss in (tick for tick in TICKS if frame.low <= tick <= frame.high):
        y = frame.y(loss)
        parts.append(
            f'<line x1="{frame.left}" x2="{frame.right}" y1="{y:.1f}" y2="{y:.1f}" '
            'stroke="currentColor" opacity="0.15"/>'
        )
        parts.append(frame.words(frame.left - 6, y + 4, f"{loss:g}", "end"))
    most = 6 if frame.width > NARROW else 3  # intervals
    step = next((one for one in STEPS if frame.seconds <= most * one), STEPS[-1])
    for time in range(0, int(frame.seconds) + 1, step):
        anchor = "end" if time == frame.seconds else "middle"
        parts.append(frame.words(frame.x(time), frame.bottom + 17, f"{time}", anchor))
    middle = (frame.left + frame.right) / 2
    parts.append(frame.words(middle, frame.height - 6, "seconds of training", "middle"))
    return "".join(parts)


def _references(frame: _Frame, references: References, wide: bool) -> list[str]:
    """Lines across the picture, each with its name on it."""
    parts = []
    lines = (
        (references.silence, "silence", "", "2 4", "currentColor"),
        (references.bound, "copy synthesis", ": the best without a network", "9 3 2 3", _GREEN),
    )
    for loss, name, more, dash, colour in lines:
        if not loss:
            continue
        edges = [(0.0, loss), (frame.seconds, loss)]
        parts.append(frame.path(edges, colour, dash, name.replace(" ", "-")))
        text = f"{name} {loss:.2f}{more if wide else ''}"
        parts.append(frame.words(frame.right - 6, frame.y(loss) - 6, text, "end", colour))
    seen = [point for point in references.baseline if point[0] <= frame.seconds]
    if seen:
        parts.append(frame.path(seen, "currentColor", "1 3", "baseline"))
        x, y = frame.x(seen[-1][0]), frame.y(seen[-1][1])
        text = "the paper's network, same seconds" if wide else "paper's network"
        parts.append(frame.words(min(x, frame.right - 6), y + 16, text, "end"))
    return parts


def _legend(frame: _Frame) -> list[str]:
    parts, x = [], frame.left
    for text, colour, dash in (("training", _BLUE, "none"), ("held out", _ORANGE, "7 3")):
        parts.append(
            f'<line x1="{x}" x2="{x + 28}" y1="18" y2="18" stroke="{colour}" stroke-width="2" '
            f'stroke-dasharray="{dash}"/>'
        )
        parts.append(frame.words(x + 34, 22, text))
        x += 118
    return parts
