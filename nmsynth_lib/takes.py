"""Takes: sound files and their MIDI, found in a folder and put right.

Road: folder of audio + MIDI -> [takes] -> recordings -> training.
A take is a sound file and a MIDI file of the same stem. What is wrong with it is put right while it
is read, as `meta.yaml` says, and never in the files: delete the entry and the correction is gone.
The sound stays as it is; the MIDI moves to the sound's clock and to its tuning.
Explained in notebook 01, "From a take to examples".
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from nmsynth_lib.alignment import retimed
from nmsynth_lib.errors import RecordingError
from nmsynth_lib.performance import Performance
from nmsynth_lib.sound_store import decoded_sound
from nmsynth_lib.velocity_measures import with_measured_velocity

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg")
MIDI_SUFFIXES = (".mid", ".midi")
META_FILE = "meta.yaml"
BEFORE_ONSET_S, SHORTEST_PIECE_S = 0.5, 2.5  # kept of a long rest; of what lies between two


class TakeMeta(BaseModel):
    """What `meta.yaml` says of a take: where it comes from and how to read it.

    The entries of the file hold for all takes of the folder; under `takes`, by name, single takes
    may differ, e.g. `takes: {evening: {split: validation}}`.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    licence: str = ""
    source: str = ""
    onset_shift_ms: float = Field(
        0.0, ge=-3.6e6, le=3.6e6, description="how late the audio is against its MIDI"
    )
    drift_ppm: float = Field(
        0.0, ge=-10000, le=10000, description="how much later it gets, millionths of the time"
    )
    tuning_cents: float = Field(
        0.0, ge=-1300, le=1300, description="how sharp the whole take is against its MIDI"
    )
    measured_velocity: float = Field(
        0.0, ge=0, le=1, description="share of velocity that is read off the sound, not the MIDI"
    )
    overlaps: Literal["error", "last"] = Field(
        "error", description='"last": a note ends when the next begins'
    )
    skip: tuple[tuple[float, float], ...] = Field(
        (), description="(from, to) in seconds of the file that are not used at all"
    )
    longest_rest: float | None = Field(
        2.0, ge=0.5, description="seconds of a rest that are trained on; none: all of it"
    )
    noise_floor: bool = Field(True, description="fill digital silence with noise of -80 dBFS")
    split: Literal["auto", "train", "validation"] = "auto"

    @field_validator("skip")
    @classmethod
    def _in_order(cls, skip):
        if any(end <= start for start, end in skip):
            raise ValueError("give stretches as [from, to] in seconds, from before to")
        return tuple(sorted(skip))


@dataclass(frozen=True)
class Take:
    """One recording with its notes.

    Attributes:
      name: Stem of its files.
      audio: float32, [n_samples]; time 0 of the performance is its first sample.
      performance: What was played.
      sample_rate: Hz.
      meta: Licence, source, split and corrections.
    """

    name: str
    audio: np.ndarray
    performance: Performance
    sample_rate: int
    meta: TakeMeta = field(default_factory=TakeMeta)

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return len(self.audio) / self.sample_rate

    def left_out(self) -> list[tuple[float, float]]:
        """Stretches that nothing is learnt from: `meta.skip`, and what is too much of a rest.

        Of a rest longer than `meta.longest_rest` so much stays: half a second before the next
        note, the others after the last one, where the string may still ring. A note among long
        rests keeps at least 2.5 s round itself, so that it fits into an example. Nothing is cut
        out of the sound: examples lie between these stretches and never across.

        Returns:
          (from, to) in seconds, sorted, not overlapping.

        Explained in notebook 01, "From a take to examples".
        """
        out = list(self.meta.skip)
        if (longest := self.meta.longest_rest) is not None:
            notes, before = self.performance.notes, min(BEFORE_ONSET_S, longest / 2)
            after = longest - before
            rests = [(one.offset, other.onset, after, before) for one, other in pairwise(notes)]
            rests.insert(0, (0.0, notes[0].onset, 0.0, before))
            rests.append((notes[-1].offset, self.seconds, after, 0.0))
            piece_from = 0.0
            for start, end, after, before in rests:
                cut = (
                    max(start + after, piece_from + (SHORTEST_PIECE_S if start else 0)),
                    end - before,
                )
                if end - start > longest and cut[1] > cut[0]:
                    out.append(cut)
                    piece_from = cut[1]
        return joined(out)


def joined(stretches: Iterable[tuple]) -> list[tuple]:
    """Stretches (from, to) sorted, those that touch or overlap made one, empty ones left out."""
    found: list[tuple] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            start, end = found[-1][0], max(end, found.pop()[1])
        if end > start:
            found.append((start, end))
    return found


@dataclass(frozen=True)
class TakeFiles:
    """Where a take lies, and what meta.yaml says of it."""

    sound: Path
    midi: Path
    meta: TakeMeta

    @property
    def name(self) -> str:
        """Stem of the sound file."""
        return self.sound.stem


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

    Explained in notebook 01, "From a take to examples".
    """
    return [load_take(files, sample_rate) for files in find_takes(folder)]


def find_takes(folder: str | Path) -> list[TakeFiles]:
    """The pairs of files in a folder, in the order of their names; nothing but meta.yaml is read.

    Raises:
      RecordingError: as `load_recording`.
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
    meta = _meta_of_each(folder / META_FILE, sorted(sounds))
    return [TakeFiles(sounds[stem], midis[stem], meta[stem]) for stem in sorted(sounds)]


def load_take(files: TakeFiles, sample_rate: int = 16000) -> Take:
    """One take, with all that its meta corrects.

    Args:
      files: From `find_takes`.
      sample_rate: Hz that the sound is brought to.

    Returns:
      The take; its files stay as they are.

    Raises:
      RecordingError: sound and MIDI do not overlap in time. Errors of the files themselves are
        AudioFileError and NotMidiError.

    Explained in notebook 01, "From a take to examples".
    """
    meta = files.meta
    audio = decoded_sound(files.sound, sample_rate, floor=meta.noise_floor)
    with warnings.catch_warnings():
        if meta.overlaps == "last":  # somebody has decided so: nothing to warn of any more
            warnings.filterwarnings("ignore", message=".*overlaps trimmed")
        performance = Performance.from_midi(files.midi, overlaps=meta.overlaps)
    end = len(audio) / sample_rate
    if performance.notes[0].onset + meta.onset_shift_ms / 1e3 >= end:
        raise RecordingError(
            f"{files.midi}: its first note begins at {performance.notes[0].onset:.1f} s, after the "
            f"sound has ended ({end:.1f} s). Do the two files belong together?"
        )
    if meta.onset_shift_ms or meta.drift_ppm:
        performance = retimed(performance, meta.onset_shift_ms / 1e3, meta.drift_ppm / 1e6)
    if meta.tuning_cents:
        performance = bent(performance, meta.tuning_cents / 100.0)
    if meta.measured_velocity:  # last, when every note is where it sounds
        performance = with_measured_velocity(
            audio, sample_rate, performance, meta.measured_velocity
        )
    return Take(files.name, audio, performance, sample_rate, meta)


def bent(performance: Performance, semitones: float) -> Performance:
    """The same, bent by so much more from beginning to end."""
    steps = performance.bend
    if not steps or steps[0][0] > 0:
        steps = ((0.0, 0.0), *steps)
    return replace(performance, bend=tuple((time, value + semitones) for time, value in steps))


def read_meta(path: Path) -> dict:
    """The entries of a meta.yaml as they stand there; none where there is no such file.

    Raises:
      RecordingError: not YAML, or no `name: value` entries.
    """
    entries = {}
    if path.exists():
        try:
            entries = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError, OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise RecordingError(f"{path}: not readable as YAML ({reason}).") from None
    if not isinstance(entries, dict) or not isinstance(entries.get("takes") or {}, dict):
        raise RecordingError(f"{path}: holds no `name: value` entries, as it should.")
    return entries


def _meta_of_each(path: Path, stems: list[str]) -> dict[str, TakeMeta]:
    """What meta.yaml says of each take; the defaults where there is no such file."""
    entries = read_meta(path)
    single = {str(name).lower(): own or {} for name, own in (entries.pop("takes", 0) or {}).items()}
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


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in suffixes and not path.name.startswith("."):
            stem = path.stem.lower()
            if stem in files:
                raise RecordingError(f"{path}: {files[stem].name} has the same name; keep one.")
            files[stem] = path
    return files
