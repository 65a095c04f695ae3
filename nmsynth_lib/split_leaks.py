"""Split leaks: how many held-out seconds does training hear after all, at another pitch?

Road: takes -> recordings -> [split leaks] -> notebook 01: a leaf.
A validation loss means something when its seconds were never heard in training. Copy first, split
afterwards, and nearly each of them is heard again a semitone higher; so this project splits first.
Explained in notebook 01, "Split before you copy".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmsynth_lib.augmentation import speed
from nmsynth_lib.recordings import prepare_examples
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.takes import Take, joined

PIECE_S, HELD_OUT = 4.0, 0.1  # seconds of the original's frames; share that is held out here


@dataclass(frozen=True)
class Piece:
    """A stretch of a take, or of a copy of it at another pitch.

    Attributes:
      semitones: Of the copy; 0 is the take itself.
      start: Seconds of the take as it was played.
      end: Seconds.
      held_out: True for validation, False for training.
    """

    semitones: int
    start: float
    end: float
    held_out: bool


def split_after_copying(
    take: Take, pitch_shifts: Sequence[int], held_out: float = HELD_OUT, seed: int = 0
) -> list[Piece]:
    """As the released code did: copies first, then frames of 4 s, dealt out at random.

    Args:
      take: What is split.
      pitch_shifts: Semitones of the copies.
      held_out: Share of the frames, ours: the released code's is not told in the paper.
      seed: Of the lots; the released code had none.

    Returns:
      Pieces; what is left after the last whole frame is dropped, as it was there.

    Explained in notebook 01, "Split before you copy".
    """
    starts = np.arange(0.0, take.seconds - PIECE_S + 1e-9, PIECE_S)
    frames = [(n, float(start)) for n in (0, *pitch_shifts) for start in starts]
    lots = np.random.default_rng(seed).permutation(len(frames)) < round(held_out * len(frames))
    return [
        Piece(n, start, start + PIECE_S, bool(lot))
        for (n, start), lot in zip(frames, lots, strict=True)
    ]


def split_before_copying(
    take: Take,
    pitch_shifts: Sequence[int],
    held_out: float = HELD_OUT,
    seed: int = 0,
    spec: InstrumentSpec | None = None,
) -> list[Piece]:
    """As this project does, read off the arrays that training gets.

    Args:
      take: What is split.
      pitch_shifts: Semitones of the copies, which are made of training blocks only.
      held_out: Share of the blocks.
      seed: Of the lots.
      spec: Gives the frame rate; None takes the usual one.

    Returns:
      Pieces, in seconds of the take as it was played.

    Explained in notebook 01, "Split before you copy".
    """
    spec = spec or InstrumentSpec()
    examples = prepare_examples([take], spec, seed, held_out, pitch_shifts)
    firsts = examples.audio.edges[:-1] // spec.rates.hop
    copies = (0, *pitch_shifts)
    pieces = []
    for is_held_out, spans in ((False, examples.training), (True, examples.validation)):
        for first, end in spans:
            number = int(np.searchsorted(firsts, first, side="right")) - 1
            factor = speed(copies[number]) / spec.rates.frame_rate
            start, stop = ((frame - firsts[number]) * factor for frame in (first, end))
            pieces.append(Piece(copies[number], float(start), float(stop), is_held_out))
    return pieces


def leaked_seconds(pieces: Sequence[Piece]) -> tuple[float, float]:
    """Of the held-out seconds, those that training hears as well, at any pitch.

    Args:
      pieces: From one of the two splits.

    Returns:
      (heard in training, held out) in seconds; a second that is held out of three copies counts
      three times.

    Explained in notebook 01, "Split before you copy".
    """
    trained = joined([(piece.start, piece.end) for piece in pieces if not piece.held_out])
    held = [(piece.start, piece.end) for piece in pieces if piece.held_out]
    leaked = sum(max(0.0, min(end, b) - max(start, a)) for start, end in held for a, b in trained)
    return float(leaked), float(sum(end - start for start, end in held))
