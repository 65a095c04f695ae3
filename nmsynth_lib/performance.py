"""MIDI in: the performance, one guitarist playing one note at a time.

Road: .mid -> [performance] -> controls -> decoder -> synthesis -> audio.

A `Performance` is all that the instrument is told: notes, controllers (CC55 is one of them), pitch
bend. Whatever reaches it has been checked, so that nothing down the road has to ask again.
Explained in notebook 01, "From notes to curves".
"""

import operator
import warnings as python_warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from nmsynth_lib.errors import ControlRangeError, NoNotesError, OverlapError
from nmsynth_lib.midi.channel import LARGEST_BEND, MACHINERY, note_name, one_at_a_time
from nmsynth_lib.midi.file import read_guitar_track, write_guitar_track

OPENNESS_CC = 55  # how open the string is: 0 palm-muted, 127 open
_ROUNDING = 1e-9  # seconds; below any tick, above float noise

Events = Iterable[tuple[float, float]]


@dataclass(frozen=True)
class Note:
    """One note of one string.

    Attributes:
      pitch: MIDI pitch, 0..127; middle C is 60, the guitar's low E is 40.
      velocity: How hard it is plucked, 1..127.
      onset: Seconds from the start.
      offset: Seconds from the start, after onset; the string may ring on in its release.
    """

    pitch: int
    velocity: int
    onset: float
    offset: float


@dataclass(frozen=True)
class Performance:
    """What the guitarist does, in seconds; sorted, one note at a time, within MIDI's ranges.

    Attributes:
      notes: Sorted by onset; each ends before or when the next begins.
      controllers: CC number -> (seconds, value 0..127) steps; a value holds until the next.
      bend: (seconds, semitones) steps; 0 before the first.
      name: For messages and file names.
      warnings: What reading the file mended or left out, a line each.

    Raises:
      NoNotesError: there is no note.
      ControlRangeError: a pitch, velocity, time, controller or bend that MIDI does not have.
      OverlapError: two notes sound together.

    Explained in notebook 01, "From notes to curves".
    """

    notes: tuple[Note, ...]
    controllers: Mapping[int, tuple[tuple[float, int], ...]] = field(default_factory=dict)
    bend: tuple[tuple[float, float], ...] = ()
    name: str = "performance"
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self):
        def put(name, value):
            object.__setattr__(self, name, value)

        notes = sorted(map(self._checked_note, self.notes), key=lambda n: n.onset)
        if not notes:
            raise NoNotesError(f"{self.name} has no notes. Give it at least one.")
        for i, (note, following) in enumerate(pairwise(notes)):
            if note.offset > following.onset + _ROUNDING:
                raise OverlapError(
                    f"{self.name}, {following.onset:.2f} s: {note_name(note.pitch)} is held "
                    f"{1000 * (note.offset - following.onset):.0f} ms into "
                    f"{note_name(following.pitch)}; this instrument plays one note at a time. "
                    f"Shorten {note_name(note.pitch)}."
                )
            if note.offset > following.onset:
                notes[i] = replace(note, offset=following.onset)
        put("notes", tuple(notes))
        put("controllers", {n: self._checked_cc(n, self.controllers[n]) for n in self._numbers()})
        put("bend", self._checked_bend())
        put("warnings", tuple(self.warnings))

    @property
    def duration(self) -> float:
        """Seconds until the last offset."""
        return self.notes[-1].offset

    @classmethod
    def from_notes(
        cls,
        notes: Iterable[Note | tuple[int, int, float, float]],
        cc: Mapping[int, int | Events] | None = None,
        bend: Events = (),
        name: str = "performance",
    ) -> "Performance":
        """A performance from notes in any order.

        Args:
          notes: `Note`s, or (pitch, velocity, onset, offset) with seconds.
          cc: CC number -> one value for the whole performance, or (seconds, value) steps.
          bend: (seconds, semitones) steps.
          name: For messages and file names.

        Raises:
          NoNotesError, ControlRangeError, OverlapError: as `Performance`.
        """
        notes = tuple(n if isinstance(n, Note) else Note(*n) for n in notes)
        return cls(notes, {n: _steps(value) for n, value in (cc or {}).items()}, bend, name)

    @classmethod
    def from_midi(cls, path: str | Path, overlaps: str = "error") -> "Performance":
        """The one instrument of a MIDI file, played one note at a time.

        The sustain pedal lengthens notes until it comes up or the next note begins; the pitch
        wheel becomes semitones by the range that RPN 0 sets (2 until then). Overlaps of up to
        30 ms are trimmed; that, and all else that was mended, is told as a warning.

        Args:
          path: A Standard MIDI File of format 0 or 1.
          overlaps: "error", or "last": each note ends when the next begins.

        Raises:
          NotMidiError: missing, a folder, empty, cut short, or damaged.
          NoNotesError, SeveralInstrumentsError, DrumsError: there is not exactly one guitar.
          OverlapError: notes overlap by more than 30 ms, or begin together.

        Explained in notebook 01, "From notes to curves".
        """
        if overlaps not in ("error", "last"):
            raise ValueError(f'overlaps is "error" or "last", not {overlaps!r}')
        path = Path(path)
        track = read_guitar_track(path)
        keys, mended = one_at_a_time(track.keys, path.name, overlaps)
        told = tuple(f"{path.name}: {line}" for line in [*track.warnings, *mended])
        for line in told:
            python_warnings.warn(line, stacklevel=2)
        if not keys:
            raise NoNotesError(f"{path} has only notes of no length. Export it again.")
        notes = [Note(key.pitch, key.velocity, key.onset, key.rings_until) for key in keys]
        return cls(notes, track.controllers, track.bend, path.stem, told)

    def write_midi(self, path: str | Path) -> None:
        """Write a MIDI file that `from_midi` reads back to within 0.1 ms (0.5 ms after 20 minutes).

        Raises:
          OutputError: the file could not be written; nothing half-written is left.
        """
        write_guitar_track(path, self.notes, self.controllers, self.bend, self.name)

    def with_cc(self, number: int, value: int | Events) -> "Performance":
        """The same with one controller replaced: by one value, or by (seconds, value) steps."""
        return replace(self, controllers={**self.controllers, number: _steps(value)})

    def transposed(self, semitones: int) -> "Performance":
        """The same, every note higher by whole semitones (negative: lower)."""
        if semitones % 1:
            raise ControlRangeError(
                f"Transpose by whole semitones, not {semitones}. Use bend for what is between."
            )
        return replace(self, notes=[replace(n, pitch=n.pitch + semitones) for n in self.notes])

    def with_velocity(self, velocity: int) -> "Performance":
        """The same, every note plucked equally hard (1..127)."""
        return replace(self, notes=[replace(n, velocity=velocity) for n in self.notes])

    def with_note_lengths(self, scale: float) -> "Performance":
        """The same onsets, lengths times `scale` (> 0); a note still ends when the next begins."""
        if not 0 < scale < np.inf:
            raise ControlRangeError(f"Note lengths can be scaled by more than 0, not by {scale}.")
        limits = [following.onset for following in self.notes[1:]] + [np.inf]
        ends = [n.onset + scale * (n.offset - n.onset) for n in self.notes]
        notes = [
            replace(n, offset=min(end, limit))
            for n, end, limit in zip(self.notes, ends, limits, strict=True)
        ]
        return replace(self, notes=notes)

    def between(self, start: float, end: float) -> "Performance":
        """A window as a performance of its own, in which `start` is second 0.

        Notes that reach in from outside are cut at the border; controllers and bend begin with the
        value in force at `start`.

        Raises:
          NoNotesError: nothing sounds in the window.
        """
        if not 0 <= start < end:
            raise ControlRangeError(
                f"{self.name}: a window from {start} s to {end} s; it must end after it starts."
            )
        notes = [
            replace(n, onset=max(n.onset - start, 0.0), offset=min(n.offset, end) - start)
            for n in self.notes
            if n.offset > start + _ROUNDING and n.onset < end - _ROUNDING
        ]
        if not notes:
            raise NoNotesError(f"{self.name}: no note sounds from {start:.2f} to {end:.2f} s.")

        def window(events):
            before = [value for time, value in events if time <= start][-1:]
            inside = [(time - start, value) for time, value in events if start < time < end]
            return tuple([(0.0, value) for value in before] + inside)

        controllers = {number: window(events) for number, events in self.controllers.items()}
        return replace(self, notes=notes, controllers=controllers, bend=window(self.bend))

    def _checked_note(self, note: Note) -> Note:
        where = f"{self.name}, note at {note.onset} s"
        pitch = _whole(note.pitch, 0, 127, f"{where}: pitch")
        velocity = _whole(note.velocity, 1, 127, f"{where}: velocity")
        onset, offset = float(note.onset), float(note.offset)
        if not (0 <= onset < offset < np.inf):
            raise ControlRangeError(
                f"{where}: it goes from {onset} to {offset} s. It must begin at 0 or later and end "
                "after that."
            )
        return Note(pitch, velocity, onset, offset)

    def _numbers(self) -> list[int]:
        for number in self.controllers:
            _whole(number, 0, 119, f"{self.name}: controller number")
            if number in MACHINERY:
                raise ControlRangeError(
                    f"{self.name}: CC{number} is not a style controller: the pedal is in the note "
                    "offsets, bend range and tuning are in `bend`. Use another number."
                )
        return sorted(self.controllers)

    def _checked_cc(self, number: int, events: Events) -> tuple[tuple[float, int], ...]:
        where = f"{self.name}: CC{number}"
        return tuple(
            (time, _whole(value, 0, 127, f"{where} at {time} s"))
            for time, value in _sorted_steps(events, where)
        )

    def _checked_bend(self) -> tuple[tuple[float, float], ...]:
        steps = _sorted_steps(self.bend, f"{self.name}: bend")
        for time, semitones in steps:
            if not abs(semitones) <= LARGEST_BEND:
                raise ControlRangeError(
                    f"{self.name}: bend at {time} s is {semitones}; it must be within "
                    f"±{LARGEST_BEND:.0f} semitones."
                )
        return tuple((time, float(semitones)) for time, semitones in steps)


def midi_to_hz(pitch: np.ndarray | float) -> np.ndarray:
    """Frequency of a MIDI pitch in equal temperament: A4 = MIDI 69 = 440 Hz."""
    return 440.0 * 2.0 ** ((np.asarray(pitch, dtype=np.float64) - 69.0) / 12.0)


def held(events: Sequence[tuple[float, float]], times: np.ndarray, default: float) -> np.ndarray:
    """Value in force at each time: that of the last event at or before it, to the nanosecond.

    Args:
      events: (seconds, value) steps, sorted.
      times: Seconds, any shape.
      default: Value before the first event.

    Returns:
      float64, in the shape of times.

    Explained in notebook 01, "From notes to curves".
    """
    times = np.asarray(times, float)
    if not len(events):
        return np.full(times.shape, float(default))
    when, value = np.array(events, float).T
    index = np.searchsorted(when, times + _ROUNDING, side="right")
    return np.concatenate([[float(default)], value])[index]


def held_pitch(performance: Performance, times: np.ndarray) -> np.ndarray:
    """MIDI pitch of the string at each time, bend included; a rest keeps the last note's.

    Args:
      performance: What is played.
      times: Seconds, any shape.

    Returns:
      Fractional MIDI pitch, float64, in the shape of times; before the first note, its pitch.

    Explained in notebook 01, "From notes to curves".
    """
    onsets = [(note.onset, note.pitch) for note in performance.notes]
    pitch = held(onsets, times, default=performance.notes[0].pitch)
    return pitch + held(performance.bend, times, default=0.0)


def _steps(value: int | Events) -> tuple[tuple[float, float], ...]:
    """One value for good, or steps, as steps."""
    return ((0.0, value),) if np.isscalar(value) else tuple(value)


def _sorted_steps(events: Events, where: str) -> list[tuple[float, float]]:
    """Events by time; of several at one time the last one given."""
    steps = {}
    for time, value in sorted(((float(t), v) for t, v in events), key=lambda event: event[0]):
        if not 0 <= time < np.inf:
            raise ControlRangeError(f"{where}: an event at {time} s. Times begin at 0.")
        steps[time] = value
    return list(steps.items())


def _whole(value, low: int, high: int, what: str) -> int:
    """A whole number within its range, or a ControlRangeError that says which."""
    try:
        number = operator.index(value)
    except TypeError:
        number = int(value) if isinstance(value, float | np.floating) and value % 1 == 0 else None
    if number is None or not low <= number <= high:
        raise ControlRangeError(f"{what} is {value}; it must be a whole number {low}..{high}.")
    return number
