"""Note measures: what one note of a recording does, read off its sound.

Road: instrument -> audio -> [note measures] -> metrics -> report.
The performance says where each note should be; the table says where it is and what it does there:
onset, attack, level, decay, release and pitch, a row a note. Nothing here compares two sounds;
`metrics` does.

Levels are mean squares over whole periods of the note, so that a low string does not ripple at its
own pitch, and are given in dB re full scale (a sine of amplitude 1 has -3 dB).
Explained in notebook 05, "How long does it ring?".
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from nmsynth_lib.level_measures import (
    SILENT_DB,
    falling_slope,
    level_db,
    level_window,
    noise_floor_db,
    running_energy,
)
from nmsynth_lib.onset_measures import attack_time, onset_time
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance, held, midi_to_hz
from nmsynth_lib.pitch_measures import note_cents
from nmsynth_lib.spectrum_measures import brightness_hz, high_partials_db

HOP = 0.0005  # seconds between the points of a level curve
DECAY_RANGE_DB, FLOOR_MARGIN_DB = 40.0, 6.0
SHORTEST_DECAY = 0.020  # seconds of level a slope is read from
T20_DB, SLOWEST_DECAY = 20.0, 0.1  # dB; dB/s
RELEASE_DROP_DB, RELEASE_ROOM = 30.0, 0.6  # dB; seconds after note-off that are listened to


@dataclass(frozen=True)
class NoteMeasures:
    """One row of the note table; what can not be measured is NaN.

    Attributes:
      pitch: MIDI pitch.
      velocity: MIDI velocity.
      cc55: Openness in force at the note-on, 0..127.
      onset: Note-on, seconds.
      offset: Note-off, seconds.
      onset_ms: Sounding onset minus note-on, ms; NaN without a sounding onset.
      attack_ms: From the sounding onset (note-on if there is none) to 3 dB below the peak, ms.
      peak_db: Peak level, dB re full scale.
      decay_db_per_s: Slope of the level after its peak, positive for a falling level.
      t20_s: Seconds from the peak until the level is 20 dB lower.
      release_ms: From the note-off until the level is 30 dB lower; NaN if it never gets there.
      release_room_ms: How long after the note-off that was listened for.
      cents: Median of F0 minus the MIDI pitch (bend included); NaN without a clear pitch.
      brightness_hz: Spectral centroid of its first 50 ms; 0 for silence.
      high_partials_db: Level of all above its tenth partial, same 50 ms, dB re full scale.
    """

    pitch: int
    velocity: int
    cc55: int
    onset: float
    offset: float
    onset_ms: float
    attack_ms: float
    peak_db: float
    decay_db_per_s: float
    t20_s: float
    release_ms: float
    release_room_ms: float
    cents: float
    brightness_hz: float
    high_partials_db: float

    as_dict = asdict


def note_table(
    audio: np.ndarray, sample_rate: int, performance: Performance, pitch: bool = True
) -> list[NoteMeasures]:
    """Every note of a sound, measured.

    Args:
      audio: A recording or a render of the performance, float, shape [n_samples].
      sample_rate: Hz.
      performance: What was played; second 0 is the first sample.
      pitch: Whether to track F0 as well (most of the time this takes).

    Returns:
      A row for each note, in order.

    Explained in notebook 05, "How long does it ring?".
    """
    notes = performance.notes
    cents = note_cents(audio, sample_rate, performance) if pitch else np.full(len(notes), np.nan)
    openness = held(
        performance.controllers.get(OPENNESS_CC, ()), [note.onset for note in notes], default=0
    )
    energy = running_energy(audio)
    floor = noise_floor_db(energy, sample_rate)
    rows = []
    for index, note in enumerate(notes):
        ends = [following.onset for following in notes[index + 1 : index + 2]]
        began = [before.onset for before in notes[max(0, index - 1) : index]]
        limit = min([*ends, (len(audio) - 1) / sample_rate])
        onset = onset_time(audio, sample_rate, note, began[0] if began else 0.0, limit)
        heard = note.onset if np.isnan(onset) else onset
        rows.append(
            NoteMeasures(
                **asdict(note),
                cc55=int(openness[index]),
                onset_ms=1000 * float(onset - note.onset),
                attack_ms=1000 * attack_time(audio, sample_rate, heard, min(note.offset, limit)),
                **_level_measures(energy, sample_rate, note, heard, limit, floor),
                cents=float(cents[index]),
                brightness_hz=brightness_hz(audio, sample_rate, heard),
                high_partials_db=high_partials_db(
                    audio, sample_rate, float(midi_to_hz(note.pitch)), heard
                ),
            )
        )
    return rows


def _level_measures(
    energy: np.ndarray, rate: int, note: Note, heard: float, limit: float, floor: float
) -> dict[str, float]:
    """Peak, decay and release of one note, as keyed in `NoteMeasures`."""
    window = level_window(note.pitch)
    end = min(note.offset, limit)
    # Windows centred on `times`: a sudden start reaches half its power at its own time.
    times = np.arange(heard - window / 2, max(end - window / 2, heard + window), HOP)
    level = level_db(energy, rate, times - window / 2, window)
    top = int(level.argmax())
    peak = level[top]
    sounding = peak > floor + 2 * FLOOR_MARGIN_DB and peak > SILENT_DB + 2 * FLOOR_MARGIN_DB
    slope, t20 = _decay(times[top:], level[top:], window, floor) if sounding else (np.nan, np.nan)
    release, room = _release(energy, rate, note.offset, limit, window)
    return {
        "peak_db": float(peak),
        "decay_db_per_s": slope,
        "t20_s": t20,
        "release_ms": release,
        "release_room_ms": room,
    }


def _decay(
    times: np.ndarray, level: np.ndarray, window: float, floor: float
) -> tuple[float, float]:
    """Slope (dB/s) and T20 (s) of a level that begins at its peak.

    The slope is a regression from half a window after the peak until the note-off, until 40 dB
    below the peak, or until 6 dB above the noise floor. T20 is read off; where the note ends
    first it is carried on with the slope of the second half.
    """
    lowest = max(level[0] - DECAY_RANGE_DB, floor + FLOOR_MARGIN_DB)
    under = np.flatnonzero(level < lowest)
    count = under[0] if len(under) else len(level)
    after = int(np.ceil(window / 2 / HOP))
    times, level = times[:count] - times[0], level[:count]
    if (count - after) * HOP < SHORTEST_DECAY:
        return np.nan, np.nan
    slope = falling_slope(times[after:], level[after:])
    fallen = level[0] - level
    reached = np.flatnonzero(fallen >= T20_DB)
    if len(reached):
        return slope, float(times[reached[0]])
    half = slice(after + (count - after) // 2, None)
    late = max(falling_slope(times[half], level[half]), SLOWEST_DECAY)
    so_far = fallen[half].mean() + late * (times[-1] - times[half].mean())
    return slope, float(times[-1] + (T20_DB - so_far) / late)


def _release(
    energy: np.ndarray, rate: int, offset: float, limit: float, window: float
) -> tuple[float, float]:
    """Time to fall 30 dB after note-off (NaN: not within the room), and that room, both in ms."""
    room = max(0.0, min(RELEASE_ROOM, limit - window - offset))
    held_level = level_db(energy, rate, np.array([offset - window]), window)[0]
    starts = np.arange(offset, offset + room, HOP)
    level = level_db(energy, rate, starts, window)
    fallen = np.flatnonzero(level <= held_level - RELEASE_DROP_DB)
    return (1000 * HOP * float(fallen[0]) if len(fallen) else np.nan), 1000 * float(room)
