"""Recordings: takes become training examples.

Road: folder of audio + MIDI -> takes -> [recordings] -> training.
A take is cut into blocks at its rests; whole blocks are held out for validation, so no second of a
held-out block is ever heard in training. Sound stays on the disk until an example is cut from it.
Explained in notebook 01, "From a take to examples".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from nmsynth_lib.augmentation import (
    SMEAR_S,
    shifted_performance,
    shifted_span,
    varispeed_blocks,
)
from nmsynth_lib.controls import control_curves, inharmonicity, n_frames_for
from nmsynth_lib.errors import RecordingError
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.sound_store import FORMAT, stored
from nmsynth_lib.takes import Take, joined

BLOCK_SECONDS = 15.0
LEAD_SECONDS = 0.03  # a block begins this long before its first onset
CURVE_FRAMES = 25000  # whose curves are computed at once


def blocks_at_rests(take: Take, seconds: float = BLOCK_SECONDS) -> list[tuple[float, float]]:
    """Cuts a take into blocks, each ending in the longest rest that is near enough.

    Args:
      take: Its performance tells where the rests are.
      seconds: Rough length of a block; a short take gets shorter ones, so that it still has eight.

    Returns:
      (start, end) in seconds, without gaps, from 0 to the end of the audio.
    """
    end = len(take.audio) / take.sample_rate
    seconds = min(seconds, end / 8.0)
    notes = take.performance.notes
    rests = [
        (rest, later.onset - min(LEAD_SECONDS, rest))
        for earlier, later in pairwise(notes)
        if later.onset < end and (rest := later.onset - earlier.offset) >= 0.0
    ]
    cuts = [0.0]
    while True:
        rests = [rest for rest in rests if rest[1] - cuts[-1] >= 0.6 * seconds]
        near = [rest for rest in rests if rest[1] - cuts[-1] <= 1.6 * seconds] or rests[:1]
        if not near or near[0][1] > end - 0.5 * seconds:
            break
        cuts.append(max(near)[1])
    return list(zip(cuts, [*cuts[1:], end], strict=True))


class EndToEnd:
    """Sounds laid end to end, each filled up to whole frames; nothing is read before it is cut.

    Args:
      sounds: Each float32, shape [n_samples], in memory or mapped from a file.
      hop: Samples a frame.
    """

    def __init__(self, sounds: Sequence[np.ndarray], hop: int):
        self.sounds = list(sounds)
        lengths = [-(-len(sound) // hop) * hop for sound in sounds]
        self.edges = np.concatenate([[0], np.cumsum(lengths)]).astype(int)

    def __len__(self) -> int:
        return int(self.edges[-1])

    def __getitem__(self, part: slice) -> np.ndarray:
        """Samples of a stretch, float32; like an array, without what lies beyond the end."""
        start, stop, _ = part.indices(len(self))
        cut = np.zeros(max(0, stop - start), np.float32)
        for edge, sound in zip(self.edges, self.sounds, strict=False):
            first, last = max(start, edge), min(stop, edge + len(sound))
            if first < last:
                cut[first - start : last - start] = sound[first - edge : last - edge]
        return cut


@dataclass(frozen=True)
class Examples:
    """Takes laid end to end, and where training and validation may cut into them.

    Attributes:
      audio: float32, [n_frames * hop]: an array, or what can be cut like one.
      controls: Scaled curves, [n_frames, n_controls].
      f0_hz: Hz, [n_frames].
      stiffness: Inharmonicity B, [n_frames].
      training: Spans of frames (first, end) to draw from.
      validation: Held-out spans; disjoint from `training`.
    """

    audio: np.ndarray | EndToEnd
    controls: np.ndarray
    f0_hz: np.ndarray
    stiffness: np.ndarray
    training: tuple[tuple[int, int], ...]
    validation: tuple[tuple[int, int], ...]


def prepare_examples(
    takes: Sequence[Take],
    spec: InstrumentSpec,
    seed: int = 0,
    held_out: float = 0.08,
    pitch_shifts: Sequence[int] = (),
) -> Examples:
    """Arrays and a seeded split into training and held-out blocks.

    Args:
      takes: All at the spec's sample rate.
      spec: Declares controls and rates.
      seed: Draws the held-out blocks.
      held_out: Share of the blocks to hold out; at least one.
      pitch_shifts: Semitones by which copies are pitched up or down, to train on as well. They are
        made after the split, of training blocks only.

    Returns:
      Examples; no frame of a take is lost, the last one is filled up with silence.

    Raises:
      RecordingError: too short to hold anything out.

    Explained in notebook 01, "Split before you copy".
    """
    training, validation = _split(takes, seed, held_out)
    laid = [(take, training[i], validation[i]) for i, take in enumerate(takes)]
    for semitones in pitch_shifts:
        laid += [_shifted(take, training[i], semitones) for i, take in enumerate(takes)]
    laid = [one for one in laid if one[1] or one[2]]
    rates, first = spec.rates, 0
    frames = [n_frames_for(len(take.audio), rates) for take, *_ in laid]
    controls = np.empty((sum(frames), len(spec.controls)), np.float32)
    f0_hz = np.empty(sum(frames), np.float32)
    spans: tuple[list, list] = ([], [])
    for (take, *stretches), n_frames in zip(laid, frames, strict=True):
        for start in range(0, n_frames, CURVE_FRAMES):
            count = min(CURVE_FRAMES, n_frames - start)
            curves = control_curves(take.performance, spec, count, start)
            rows = slice(first + start, first + start + count)
            controls[rows], f0_hz[rows] = curves.values, curves.f0_hz
        for kind, pieces in zip(spans, stretches, strict=True):
            kind += _in_frames(pieces, first, n_frames, rates.frame_rate, take.seconds)
        first += n_frames
    return Examples(
        audio=EndToEnd([take.audio for take, *_ in laid], rates.hop),
        controls=controls,
        f0_hz=f0_hz,
        stiffness=inharmonicity(f0_hz, spec),
        training=tuple(spans[0]),
        validation=tuple(spans[1]),
    )


Pieces = list[tuple[float, float]]


def _shifted(take: Take, training: Pieces, semitones: int) -> tuple[Take, Pieces, Pieces]:
    """A pitched copy of a take, of which only training pieces are used, and none held out.

    Where a piece ends the copy keeps away from what comes after by as far as a sound can smear.
    """
    digest = hashlib.sha256(np.ascontiguousarray(take.audio)).hexdigest()

    def write(file):
        for block in varispeed_blocks(take.audio, semitones):
            file.write(block.tobytes())

    copy = replace(
        take,
        name=f"{take.name} {semitones:+d} semitones",
        audio=stored(f"{digest}-pitched{semitones:+d}-v{FORMAT}", write),
        performance=shifted_performance(take.performance, semitones),
    )
    pieces = (shifted_span(start, end, semitones) for start, end in joined(training))
    smear = SMEAR_S["varispeed"]
    return copy, [(s + smear, e - smear) for s, e in pieces if e - s > 2 * smear], []


def _split(takes: Sequence[Take], seed: int, held_out: float) -> tuple[list[Pieces], list[Pieces]]:
    """What of each take is trained on and what is held out, in seconds."""
    left_out = [take.left_out() for take in takes]
    blocks = [
        (number, pieces)
        for number, take in enumerate(takes)
        for block in blocks_at_rests(take)
        if (pieces := _without([block], left_out[number]))
    ]
    free = [i for i, (number, _) in enumerate(blocks) if takes[number].meta.split == "auto"]
    chosen = {i for i, (n, _) in enumerate(blocks) if takes[n].meta.split == "validation"}
    if not chosen:
        if len(free) < 2:
            raise RecordingError(
                "this recording is too short to hold a part of it out for validation; it needs at "
                "least two notes with a rest between them, and `split: auto` in its meta.yaml."
            )
        picks = np.random.default_rng(seed).permutation(len(free))
        chosen = {free[pick] for pick in picks[: max(1, round(held_out * len(free)))]}
    if len(chosen) == len(blocks):
        raise RecordingError(
            "all takes are held out (`split: validation` in meta.yaml): none is left to train on."
        )
    kinds: tuple[list[Pieces], list[Pieces]] = tuple([[] for _ in takes] for _ in range(2))
    for i, (number, pieces) in enumerate(blocks):
        kinds[i in chosen][number] += pieces
    return kinds


def _without(pieces: Pieces, left_out: Pieces) -> Pieces:
    """What is left of stretches when others are taken out."""
    for low, high in left_out:
        halves = [((s, min(e, low)), (max(s, high), e)) for s, e in pieces]
        pieces = [(s, e) for pair in halves for s, e in pair if e > s]
    return pieces


def _in_frames(
    pieces: Pieces, first: int, n_frames: int, rate: float, seconds: float
) -> list[tuple[int, int]]:
    """Spans of a take's frames.

    The take begins with frame `first`; its last frame may be longer than the sound.
    """
    return joined(
        tuple(first + (n_frames if t >= seconds else round(t * rate)) for t in piece)
        for piece in pieces
    )


def cut_starts(spans: tuple[tuple[int, int], ...], n_frames: int, step: int = 1) -> np.ndarray:
    """First frames of all cuts of `n_frames` that lie wholly inside a span.

    Args:
      spans: Frames (first, end).
      n_frames: Length of a cut.
      step: Distance between neighbouring cuts; the last cut of a span ends with the span.

    Returns:
      int64, sorted, shape [n_cuts].

    Raises:
      RecordingError: no span is long enough.
    """
    starts = [np.zeros(0, np.int64)]
    for first, end in spans:
        inside = np.arange(first, end - n_frames + 1, step, dtype=np.int64)
        starts.append(inside)
        if len(inside) and inside[-1] + n_frames < end:
            starts.append(np.array([end - n_frames]))
    found = np.concatenate(starts)
    if not len(found):
        longest = max((end - first for first, end in spans), default=0)
        raise RecordingError(
            f"no stretch of {n_frames} frames without a held-out block (the longest has "
            f"{longest}); record more, or train with a shorter example length."
        )
    return found
