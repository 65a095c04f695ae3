"""Spoiled takes: a guitar recorded as badly as people do it, with every fault known.

Road: guitars -> [spoiled takes] -> folder of audio + MIDI -> take checks.
Whoever measures faults has to be measured: here each fault has a figure that the checks must find.
Explained in notebook 01, "Broken on purpose".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from nmsynth_lib.errors import OutputError
from nmsynth_lib.files import all_appearing
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.takes import META_FILE, bent

HUM_PARTIALS = (1.0, 0.5, 0.3)  # of 50 Hz, its second and third
MADE_LONGER_S = 0.2  # into the next note, by the overlap
# 192 kbit/s, as programs export it; soundfile's own choice comes to 50, and 0.46 dB of log-mel
# distance to the sound that it was made from.
MP3 = {"bitrate_mode": "CONSTANT", "compression_level": 0.4}


@dataclass(frozen=True)
class Faults:
    """What is wrong with a take, each by its figure; the usual ones are those of a bad evening.

    Attributes:
      lag_ms: How late the sound is at second 0.
      drift_ppm: How much later it gets.
      cents: How sharp the guitar is.
      velocity: Of all notes; 0 keeps what was played.
      overlaps: Whether one note is held into the next.
      hum: (from, to) in seconds of the sound at 50 Hz.
      hum_dbfs: Its level.
      gain_db: Of the whole.
      sample_rate: Hz.
      channels: 1 or 2.
      suffix: ".mp3", ".flac", ".ogg" or ".wav".
    """

    lag_ms: float = 35.0
    drift_ppm: float = 80.0
    cents: float = -12.0
    velocity: int = 64
    overlaps: bool = True
    hum: tuple[float, float] | None = (20.0, 23.0)
    hum_dbfs: float = -30.0
    gain_db: float = 0.0
    sample_rate: int = 44100
    channels: int = 2
    suffix: str = ".mp3"


NO_FAULTS = Faults(0.0, 0.0, 0.0, 0, False, None, sample_rate=16000, channels=1,
                   suffix=".flac")  # fmt: skip


def write_spoiled_take(
    folder: str | Path,
    guitar: str,
    performance: Performance,
    faults: Faults = Faults(),
    seed: int = 0,
    name: str = "take",
) -> Path:
    """Records a performance badly: a folder with one take whose faults are known.

    Args:
      folder: Where to; made if it does not exist.
      guitar: "string" or "sampled".
      performance: What is really played.
      faults: What goes wrong.
      seed: Of the guitar.
      name: Stem of the files.

    Returns:
      The folder.

    Raises:
      OutputError: the folder or a file in it can not be written.

    Explained in notebook 01, "Broken on purpose".
    """
    import soundfile

    from nmsynth_lib.guitars import play

    folder = Path(folder)
    played = bent(performance, faults.cents / 100.0) if faults.cents else performance
    sound = spoiled(play(guitar, played, 16000, seed), 16000, faults)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}{faults.suffix}", folder / f"{name}.mid", folder / META_FILE]
    with all_appearing(files) as (part, midi, meta):
        kind = faults.suffix[1:].upper()
        options = MP3 if kind == "MP3" else {}
        soundfile.write(part, sound, faults.sample_rate, format=kind, **options)
        _write_midi(midi, performance, faults)
        meta.write_text(f"guitar: {guitar}\nlicence: as the guitar's\n", encoding="utf-8")
    return folder


def spoiled(audio: np.ndarray, sample_rate: int, faults: Faults) -> np.ndarray:
    """The sound, late, on a clock that drifts, humming, at another level, rate and width.

    Args:
      audio: Shape [n_samples].
      sample_rate: Hz.
      faults: What goes wrong.

    Returns:
      float32, shape [n_samples at `faults.sample_rate`, channels].

    Raises:
      OutputError: it would clip.
    """
    import soxr

    rate = faults.sample_rate
    clock = rate * (1.0 + faults.drift_ppm / 1e6)
    sound = soxr.resample(np.asarray(audio, np.float32), sample_rate, clock)
    late = round(faults.lag_ms * rate / 1000.0)
    sound = np.pad(sound, (late, 0)) if late >= 0 else sound[-late:]
    sound *= 10 ** (faults.gain_db / 20)
    if faults.hum is not None:
        first, last = (round(t * rate) for t in faults.hum)
        time = np.arange(len(sound[first:last])) / rate
        for number, share in enumerate(HUM_PARTIALS, 1):
            level = share * np.sqrt(2) * 10 ** (faults.hum_dbfs / 20)
            sound[first:last] += (level * np.sin(2 * np.pi * 50 * number * time)).astype(np.float32)
    if (peak := np.abs(sound).max()) > 1.0:
        raise OutputError(f"a spoiled take would peak at {peak:.2f}; give it a lower gain_db.")
    return np.repeat(sound[:, None], faults.channels, axis=1)


def _write_midi(path: Path, performance: Performance, faults: Faults) -> None:
    """What was annotated: equal velocities, and one note that is held too long."""
    import pretty_midi

    song = pretty_midi.PrettyMIDI(resolution=4000, initial_tempo=120.0)
    guitar = pretty_midi.Instrument(27)
    song.instruments.append(guitar)
    notes = [replace(note, velocity=faults.velocity or note.velocity) for note in performance.notes]
    if faults.overlaps:
        index = _first_that_can_be_longer(notes)
        notes[index] = replace(notes[index], offset=notes[index + 1].onset + MADE_LONGER_S)
    for note in notes:
        guitar.notes.append(pretty_midi.Note(note.velocity, note.pitch, note.onset, note.offset))
    for number, events in performance.controllers.items():
        guitar.control_changes += [
            pretty_midi.ControlChange(number, value, time) for time, value in events
        ]
    song.write(str(path))


def _first_that_can_be_longer(notes: list[Note]) -> int:
    """A note whose next one has another pitch and is long enough to be held into."""
    for index, (note, following) in enumerate(pairwise(notes)):
        if note.pitch != following.pitch and following.offset - following.onset > 2 * MADE_LONGER_S:
            return index
    raise OutputError("no note can be held into the next; give a longer performance.")
