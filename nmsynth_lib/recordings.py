"""Recordings: a folder of takes becomes training examples.

Road: folder of audio + MIDI -> [recordings] -> training.
A take is a sound file and a MIDI file of the same stem. It is cut into blocks at its rests; whole
blocks are held out for validation, so no second of a held-out block is ever heard in training.
Explained in notebook 01, "From a take to examples".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nmsynth_lib.audio import read_audio
from nmsynth_lib.controls import control_curves, inharmonicity
from nmsynth_lib.errors import RecordingError
from nmsynth_lib.performance import Performance
from nmsynth_lib.schema import InstrumentSpec

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg")
MIDI_SUFFIXES = (".mid", ".midi")
BLOCK_SECONDS = 15.0
LEAD_SECONDS = 0.03  # a block begins this long before its first onset


class TakeMeta(BaseModel):
    """What `meta.yaml` says of a take: where it comes from and how to read it.

    The entries of the file hold for all takes of the folder; under `takes`, by name, single takes
    may differ, e.g. `takes: {evening: {split: validation}}`.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    licence: str = ""
    source: str = ""
    onset_shift_ms: float = Field(0.0, description="how late the audio is against its MIDI")
    split: Literal["auto", "train", "validation"] = "auto"


@dataclass(frozen=True)
class Take:
    """One recording with its notes.

    Attributes:
      name: Stem of its files.
      audio: float32, [n_samples]; time 0 of the performance is its first sample.
      performance: What was played.
      sample_rate: Hz.
      meta: Licence, source and split.
    """

    name: str
    audio: np.ndarray
    performance: Performance
    sample_rate: int
    meta: TakeMeta = field(default_factory=TakeMeta)


def load_recording(folder: str | Path, sample_rate: int = 16000) -> list[Take]:
    """All takes of a folder, in the order of their names.

    Args:
      folder: Holds NAME.wav|flac|mp3|ogg with NAME.mid, any case, and perhaps meta.yaml.
      sample_rate: Hz that every take is brought to.

    Returns:
      At least one take.

    Raises:
      RecordingError: no such folder, no pair of sound and MIDI, one without the other, or a wrong
        meta.yaml. Errors of the files themselves are AudioFileError and NotMidiError.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RecordingError(f"{folder}: no such folder of takes.")
    sounds = _by_stem(folder, AUDIO_SUFFIXES)
    midis = _by_stem(folder, MIDI_SUFFIXES)
    if not sounds and not midis:
        raise RecordingError(
            f"{folder}: holds no takes; put NAME.wav (or flac, mp3, ogg) and NAME.mid there."
        )
    for stem in sorted(set(sounds) ^ set(midis)):
        there, lacks = (sounds, "MIDI") if stem in sounds else (midis, "sound")
        raise RecordingError(f"{there[stem]}: has no {lacks} file of the same name beside it.")
    meta = _read_meta(folder / "meta.yaml", sorted(sounds))
    return [_take(sounds[stem], midis[stem], sample_rate, meta[stem]) for stem in sorted(sounds)]


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in suffixes and not path.name.startswith("."):
            stem = path.stem.lower()
            if stem in files:
                raise RecordingError(f"{path}: {files[stem].name} has the same name; keep one.")
            files[stem] = path
    return files


def _read_meta(path: Path, stems: list[str]) -> dict[str, TakeMeta]:
    """What meta.yaml says of each take; the defaults where there is no such file."""
    entries = {}
    if path.exists():
        try:
            entries = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
            reason = " ".join(str(error).split())
            raise RecordingError(f"{path}: not readable as YAML ({reason}).") from None
    if not isinstance(entries, dict) or not isinstance(entries.get("takes", {}), dict):
        raise RecordingError(f"{path}: holds no `name: value` entries, as it should.")
    single = {str(name).lower(): own or {} for name, own in entries.pop("takes", {}).items()}
    if unknown := sorted(set(single) - set(stems)):
        raise RecordingError(f"{path}: takes: there is no take '{unknown[0]}' in this folder.")
    try:
        return {
            stem: TakeMeta.model_validate({**entries, **single.get(stem, {})}) for stem in stems
        }
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise RecordingError(f"{path}: {where}: {first['msg']}.") from None
    except TypeError:
        raise RecordingError(f"{path}: takes: give entries like {{split: validation}}.") from None


def _take(sound: Path, midi: Path, sample_rate: int, meta: TakeMeta) -> Take:
    audio, _ = read_audio(sound, sample_rate)
    performance = Performance.from_midi(midi)
    late = round(meta.onset_shift_ms * sample_rate / 1000.0)
    audio = audio[late:] if late >= 0 else np.concatenate([np.zeros(-late, np.float32), audio])
    first = performance.notes[0].onset
    if first * sample_rate >= len(audio):
        raise RecordingError(
            f"{midi}: its first note begins at {first:.1f} s, after the sound has ended "
            f"({len(audio) / sample_rate:.1f} s). Do the two files belong together?"
        )
    return Take(sound.stem, audio, performance, sample_rate, meta)


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
        near = [rest for rest in rests if 0.6 * seconds <= rest[1] - cuts[-1] <= 1.6 * seconds] or [
            rest for rest in rests if rest[1] - cuts[-1] > 1.6 * seconds
        ][:1]
        if not near or near[0][1] > end - 0.5 * seconds:
            break
        cuts.append(max(near)[1])
    return list(zip(cuts, [*cuts[1:], end], strict=True))


@dataclass(frozen=True)
class Examples:
    """Takes laid end to end as arrays, and where training and validation may cut into them.

    Attributes:
      audio: float32, [n_frames * hop].
      controls: Scaled curves, [n_frames, n_controls].
      f0_hz: Hz, [n_frames].
      stiffness: Inharmonicity B, [n_frames].
      training: Spans of frames (first, end) to draw from.
      validation: Held-out spans; disjoint from `training`.
    """

    audio: np.ndarray
    controls: np.ndarray
    f0_hz: np.ndarray
    stiffness: np.ndarray
    training: tuple[tuple[int, int], ...]
    validation: tuple[tuple[int, int], ...]


def prepare_examples(
    takes: list[Take], spec: InstrumentSpec, seed: int = 0, held_out: float = 0.08
) -> Examples:
    """Arrays and a seeded split into training and held-out blocks.

    Args:
      takes: All at the spec's sample rate.
      spec: Declares controls and rates.
      seed: Draws the held-out blocks.
      held_out: Share of the blocks to hold out; at least one.

    Returns:
      Examples.

    Raises:
      RecordingError: too short to hold anything out.
    """
    rates, rng = spec.rates, np.random.default_rng(seed)
    parts, spans, borders, first = [], [], set(), 0
    for take in takes:
        n_frames = len(take.audio) // rates.hop
        curves = control_curves(take.performance, spec, n_frames)
        parts.append((take.audio[: n_frames * rates.hop], curves))
        for start, end in blocks_at_rests(take):
            span = tuple(first + min(n_frames, round(t * rates.frame_rate)) for t in (start, end))
            spans.append((span, take.meta.split))
        first += n_frames
        borders.add(first)
    free = [span for span, split in spans if split == "auto"]
    chosen = [span for span, split in spans if split == "validation"]
    if not chosen:
        if len(free) < 2:
            raise RecordingError(
                "this recording is too short to hold a part of it out for validation; it needs at "
                "least two notes with a rest between them, and `split: auto` in its meta.yaml."
            )
        picks = rng.permutation(len(free))[: max(1, round(held_out * len(free)))]
        chosen = [free[pick] for pick in picks]
    training = [span for span, _ in spans if span not in chosen]
    if not training:
        raise RecordingError(
            "all takes are held out (`split: validation` in meta.yaml): none is left to train on."
        )
    f0_hz = np.concatenate([curves.f0_hz for _, curves in parts])
    return Examples(
        audio=np.concatenate([audio for audio, _ in parts]),
        controls=np.concatenate([curves.values for _, curves in parts]),
        f0_hz=f0_hz,
        stiffness=inharmonicity(f0_hz, spec),
        training=_joined(training, borders),
        validation=_joined(chosen, borders),
    )


def _joined(spans: list[tuple[int, int]], borders: set[int]) -> tuple[tuple[int, int], ...]:
    """Neighbouring spans of one take made one, so that examples may cross from one to the next."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and joined[-1][1] == start and start not in borders:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


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
    starts: list[int] = []
    for first, end in spans:
        inside = list(range(first, end - n_frames + 1, step))
        if inside and inside[-1] + n_frames < end:
            inside.append(end - n_frames)
        starts += inside
    if not starts:
        longest = max((end - first for first, end in spans), default=0)
        raise RecordingError(
            f"no stretch of {n_frames} frames without a held-out block (the longest has "
            f"{longest}); record more, or train with a shorter example length."
        )
    return np.array(starts, dtype=np.int64)
