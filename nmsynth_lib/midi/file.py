"""Standard MIDI Files: the keys one guitar track presses, and back again.

Road: .mid -> [midi.file] -> Performance -> controls -> decoder -> synthesis -> audio.

Reading goes through mido, the parser underneath pretty_midi, because `pretty_midi.PrettyMIDI` gives
up what this instrument needs: it ends every sounding note of a pitch at the first note-off, drops
notes of no length and without note-off unsaid, knows no pedal and no bend range, obeys tempo
changes on the first track only, and refuses takes of five minutes at the 19,200 ticks a beat that
some recorders write. Writing goes through pretty_midi.
Explained in notebook 01, "From notes to curves".
"""

import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nmsynth_lib.errors import (
    DrumsError,
    NoNotesError,
    NotMidiError,
    SeveralInstrumentsError,
)
from nmsynth_lib.files import appearing
from nmsynth_lib.midi.channel import (
    DATA_ENTRY,
    DATA_ENTRY_LSB,
    DEFAULT_BEND_RANGE,
    RPN_LSB,
    RPN_MSB,
    ChannelWalk,
    GuitarTrack,
)
from nmsynth_lib.midi.clock import TimeMap

DRUM_CHANNEL = 9
LONGEST_SECONDS = 24 * 3600.0
LARGEST_TICK = 2**53  # beyond it ticks are no longer exact in floating point
LARGEST_BYTES = 20_000_000  # an hour of guitar has less than a tenth of that
LONGEST_NUMBER = 10_000  # bytes of 0x80 and up in a row: mido would take them for one number
# Ticks a beat at 120 bpm, finest first: 0.125 ms, 0.5 ms, 1 ms. Other readers stop at 1e7 ticks.
WRITTEN_RESOLUTIONS = (4000, 1000, 480)
READABLE_TICKS = 1e7
CLEAN_ELECTRIC_GUITAR = 27  # General MIDI program, counted from 0
REMEDY = "Export a Standard MIDI File (format 0 or 1) of the guitar's track."


def read_guitar_track(path: str | Path) -> GuitarTrack:
    """The only instrument of a MIDI file: its keys, controllers and pitch bend.

    Args:
      path: A Standard MIDI File of format 0 or 1; the suffix does not matter.

    Returns:
      Everything in seconds; the pedal and the bend range are already applied.

    Raises:
      NotMidiError: missing, a folder, empty, cut short, damaged, or of a kind not readable.
      NoNotesError, SeveralInstrumentsError, DrumsError: there is not exactly one guitar.
    """
    path = Path(path)
    midi = _parse(path)
    timed = _absolute(midi, path)
    number, channel = _only_voice(midi, timed, path)
    tempos = [(tick, m.tempo) for tick, _, m in timed if m.type == "set_tempo"]
    signatures = [
        (tick, 4.0 * midi.ticks_per_beat * max(m.numerator, 1) / m.denominator)
        for tick, _, m in timed
        if m.type == "time_signature"
    ]
    walk = ChannelWalk(TimeMap(midi.ticks_per_beat, tempos, signatures))
    strays = set()
    for tick, _, message in timed:
        heard_on = getattr(message, "channel", None)  # meta and system messages have none
        if heard_on == channel:
            walk.hear(tick, message)
        elif message.type in ("control_change", "pitchwheel"):
            strays.add(heard_on + 1)
    track = walk.finish(end_of_track=max(tick for tick, n, _ in timed if n == number))
    last = max(max(key.onset, key.rings_until) for key in track.keys)
    if last > LONGEST_SECONDS:
        raise NotMidiError(
            f"{path}: a note lasts until {last / 3600:.0f} hours into the file, which looks like "
            f"damage. {REMEDY}"
        )
    if strays:
        numbers = ", ".join(map(str, sorted(strays)))
        track.warnings.append(
            f"controllers and bends of channel {numbers} ignored: the notes are on {channel + 1}"
        )
    return track


def _parse(path: Path):
    """The file as mido reads it; every way in which that can fail becomes one clear line."""
    import mido

    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= LARGEST_BYTES else b""
    except IsADirectoryError:
        raise NotMidiError(f"{path} is a folder, not a MIDI file. Name one file in it.") from None
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise NotMidiError(f"{path}: {reason}. Check the name and the folder.") from None
    if size > LARGEST_BYTES:
        raise NotMidiError(
            f"{path} has {size / 1e6:.0f} MB, too much for a guitar's MIDI. {REMEDY}"
        )
    if not data:
        raise NotMidiError(f"{path} is empty (0 bytes). {REMEDY}")
    if data[:4] != b"MThd":
        raise NotMidiError(f"{path} is not a MIDI file: it does not begin with MThd. {REMEDY}")
    low = np.flatnonzero(np.frombuffer(data, np.uint8) < 0x80)
    if np.diff(low, append=len(data)).max() > LONGEST_NUMBER:
        raise NotMidiError(f"{path} is damaged: a number in it has no end. {REMEDY}")
    try:
        midi = mido.MidiFile(file=io.BytesIO(data))
    except EOFError:
        raise NotMidiError(
            f"{path} is cut short: it ends at byte {len(data)}, inside a track. {REMEDY}"
        ) from None
    # mido lets its own ValueErrors, LookupErrors and a bare KeySignatureError through.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise NotMidiError(f"{path} is damaged: {reason}. {REMEDY}") from None
    if midi.type not in (0, 1):
        raise NotMidiError(f"{path} is of MIDI format {midi.type}, not 0 or 1. {REMEDY}")
    if midi.ticks_per_beat <= 0:
        raise NotMidiError(
            f"{path} counts time in film frames, not in ticks per quarter note. Export it again "
            "with a resolution such as 480 or 960 ticks per quarter note."
        )
    return midi


def _absolute(midi, path: Path) -> list[tuple[int, int, object]]:
    """All messages of all tracks as (tick, track, message), in the order they sound."""
    timed = []
    for number, track in enumerate(midi.tracks):
        tick = 0
        for message in track:
            tick += message.time
            if tick > LARGEST_TICK:
                raise NotMidiError(
                    f"{path} is damaged: track {number + 1} goes on for more ticks than a file "
                    f"can have. {REMEDY}"
                )
            timed.append((tick, number, message))
    return sorted(timed, key=lambda event: event[0])  # stable: keeps the order within a tick


def _only_voice(midi, timed, path: Path) -> tuple[int, int]:
    """The one (track, channel) that has notes."""
    voices: dict[tuple[int, int], int] = defaultdict(int)
    for _, number, message in timed:
        if message.type == "note_on" and message.velocity > 0:
            voices[number, message.channel] += 1
    if not voices:
        raise NoNotesError(f"{path} has no notes. Check that the guitar's track was exported.")

    def describe(voice):
        number, channel = voice
        name = " ".join(midi.tracks[number].name.split())
        kind = "drums" if channel == DRUM_CHANNEL else f"channel {channel + 1}"
        return f"track {number + 1}{f' {name!r}' if name else ''} ({kind}, {voices[voice]} notes)"

    if len(voices) > 1:
        shown = [describe(voice) for voice in list(voices)[:4]]
        more = f" and {len(voices) - 4} more" if len(voices) > 4 else ""
        raise SeveralInstrumentsError(
            f"{path} has {len(voices)} instruments: {', '.join(shown)}{more}. "
            "Export the guitar's track alone, on one channel."
        )
    voice = next(iter(voices))
    if voice[1] == DRUM_CHANNEL:
        raise DrumsError(
            f"{path} has only drums (channel 10), which have no pitch. Export the guitar's track, "
            "or move it to another channel."
        )
    return voice


def write_guitar_track(
    path: str | Path,
    notes: Sequence,
    controllers: dict[int, Sequence[tuple[float, int]]],
    bend: Sequence[tuple[float, float]],
    name: str,
) -> None:
    """One guitar track as a format 1 file, 120 bpm; appears under its name only when complete.

    Args:
      path: Where to.
      notes: With pitch, velocity, onset and offset (seconds), sorted and not overlapping.
      controllers: CC number -> (seconds, value) events.
      bend: (seconds, semitones) steps; beyond 2 semitones the bend range (RPN 0) is written too.
      name: Track name.

    Raises:
      OutputError: the folder is missing, not writable, or full.
    """
    import mido
    import pretty_midi

    events = [*bend, *(event for series in controllers.values() for event in series)]
    end = max([note.offset for note in notes] + [time for time, _ in events])
    resolution = next(
        (r for r in WRITTEN_RESOLUTIONS if end * 2 * r < READABLE_TICKS), WRITTEN_RESOLUTIONS[-1]
    )
    song = pretty_midi.PrettyMIDI(resolution=resolution, initial_tempo=120.0)
    guitar = pretty_midi.Instrument(
        CLEAN_ELECTRIC_GUITAR, name=name.encode("latin1", "replace").decode("latin1")
    )
    song.instruments.append(guitar)
    tick = 0.5 / resolution
    for note in notes:
        stop = max(note.offset, note.onset + tick)
        guitar.notes.append(pretty_midi.Note(note.velocity, note.pitch, note.onset, stop))

    def last_of_each_tick(series):
        # pretty_midi sorts what falls on one tick by value, which would let the largest one win.
        return {song.time_to_tick(time): (time, value) for time, value in series}.values()

    for number, series in controllers.items():
        for time, value in last_of_each_tick(series):
            guitar.control_changes.append(pretty_midi.ControlChange(number, value, time))
    bend_range = max(DEFAULT_BEND_RANGE, np.ceil(max((abs(b) for _, b in bend), default=0.0)))
    for time, semitones in last_of_each_tick(bend):
        wheel = min(round(semitones / bend_range * 8192), 8191)
        guitar.pitch_bends.append(pretty_midi.PitchBend(wheel, time))

    written = io.BytesIO()
    song.write(written)
    midi = mido.MidiFile(file=io.BytesIO(written.getvalue()))
    if bend_range > DEFAULT_BEND_RANGE:
        # Inserted here because pretty_midi would sort the data entry before the parameter number.
        track = midi.tracks[1]
        start = 1 + next(i for i, m in enumerate(track) if m.type == "program_change")
        sequence = [(RPN_MSB, 0), (RPN_LSB, 0), (DATA_ENTRY, int(bend_range)), (DATA_ENTRY_LSB, 0)]
        track[start:start] = [
            mido.Message("control_change", control=number, value=value)
            for number, value in sequence
        ]
    finished = io.BytesIO()
    midi.save(file=finished)
    with appearing(path) as part:
        part.write_bytes(finished.getvalue())
