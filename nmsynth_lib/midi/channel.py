"""One MIDI channel, heard as a synthesizer hears it: keys, pedal, controllers and pitch wheel.

Road: .mid -> midi.file -> [midi.channel] -> Performance -> controls -> decoder -> audio.

Messages come in one by one; out come keys with onset, release and the end of their pedalled ring,
controllers, and a bend curve in semitones. `one_at_a_time` then makes one string's notes of them.
Explained in notebook 01, "From notes to curves".
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from nmsynth_lib.errors import OverlapError
from nmsynth_lib.midi.clock import TimeMap

SUSTAIN_PEDAL = 64
DATA_ENTRY, DATA_ENTRY_LSB = 6, 38
NRPN_LSB, NRPN_MSB, RPN_LSB, RPN_MSB = 98, 99, 100, 101
ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF = 120, 121, 123
CHANNEL_MODE = range(120, 128)

# Controllers that are machinery, not expression: read into note offsets and the bend curve.
MACHINERY = frozenset(
    {SUSTAIN_PEDAL, DATA_ENTRY, DATA_ENTRY_LSB, NRPN_LSB, NRPN_MSB, RPN_LSB, RPN_MSB, *CHANNEL_MODE}
)
DEFAULT_BEND_RANGE = 2.0  # semitones, until RPN 0 says otherwise
LARGEST_BEND = 127.0  # semitones, the most that RPN 0 should say
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
TRIMMED_OVERLAP = 0.030  # seconds; what fingers and recorders let slip
_ROUNDING = 1e-9  # seconds; below any tick, above float noise


def note_name(pitch: int) -> str:
    """Name of a MIDI pitch, with middle C (60) = C4, so that the guitar's low string (40) is E2."""
    return f"{PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"


@dataclass
class PressedKey:
    """One key as the file tells it, before the one-note-at-a-time rule.

    Attributes:
      pitch: MIDI pitch, 0..127.
      velocity: 1..127.
      onset: Seconds of the note-on.
      release: Seconds of the note-off.
      rings_until: Seconds until which the sustain pedal keeps it sounding, >= release.
      bar: Bar of the onset, counted from 1.
    """

    pitch: int
    velocity: int
    onset: float
    release: float
    rings_until: float
    bar: int


@dataclass
class GuitarTrack:
    """What one track of a MIDI file asks a guitar to do.

    Attributes:
      keys: In the order of their onsets.
      controllers: CC number -> (seconds, value 0..127) events.
      bend: (seconds, semitones) steps.
      warnings: What was ignored or mended, a line each.
    """

    keys: list[PressedKey]
    controllers: dict[int, list[tuple[float, int]]]
    bend: list[tuple[float, float]]
    warnings: list[str]


@dataclass
class _OpenKey:
    pitch: int
    velocity: int
    on: int
    off: int | None = None
    ends: int | None = None


@dataclass
class ChannelWalk:
    """Listens to one channel in order, as a synthesizer does; all its state is here."""

    time: TimeMap
    keys: list[_OpenKey] = field(default_factory=list)
    down: dict[int, deque[_OpenKey]] = field(default_factory=lambda: defaultdict(deque))
    sustained: list[_OpenKey] = field(default_factory=list)
    pedal: bool = False
    wheel: float = 0.0  # -1..1
    bend_range: list[int] = field(default_factory=lambda: [int(DEFAULT_BEND_RANGE), 0])
    parameter: list[int | None] = field(default_factory=lambda: [None, None])
    controllers: dict[int, list[tuple[float, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    bend: list[tuple[float, float]] = field(default_factory=list)
    told: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def hear(self, tick: int, message) -> None:
        """Take one message in."""
        if message.type == "note_on" and message.velocity > 0:
            key = _OpenKey(message.note, message.velocity, tick)
            self.keys.append(key)
            self.down[key.pitch].append(key)
        elif message.type in ("note_on", "note_off"):
            if self.down[message.note]:
                self._release(self.down[message.note].popleft(), tick)
        elif message.type == "pitchwheel":
            self._bend_to(tick, message.pitch / 8192)
        elif message.type == "control_change":
            if message.control in MACHINERY:
                self._machinery(tick, message.control, message.value)
            else:
                self.controllers[message.control].append((self.time.seconds(tick), message.value))
        elif message.type in ("aftertouch", "polytouch"):
            self.told["pressure messages that no control listens to"] += 1

    def finish(self, end_of_track: int) -> GuitarTrack:
        """Everything heard; keys that were never released ring until the tick `end_of_track`."""
        hanging = [key for queue in self.down.values() for key in queue]
        for key in hanging:
            key.off, key.ends = key.on, end_of_track
            self.told["notes without note-off, ended at the next note or the end of the track"] += 1
        for key in self.sustained:
            key.ends = end_of_track
            self.told["notes under a sustain pedal that never comes up"] += 1
        seconds = self.time.seconds
        keys = [
            PressedKey(
                key.pitch,
                key.velocity,
                seconds(key.on),
                seconds(key.off),
                seconds(key.ends),
                self.time.bar(key.on),
            )
            for key in self.keys
        ]
        warnings = [f"{what}: {count}" for what, count in self.told.items()]
        return GuitarTrack(keys, dict(self.controllers), self.bend, warnings)

    def _release(self, key: _OpenKey, tick: int) -> None:
        key.off = tick
        if self.pedal:
            self.sustained.append(key)
        else:
            key.ends = tick

    def _pedal_up(self, tick: int) -> None:
        self.pedal = False
        for key in self.sustained:
            key.ends = tick
        self.sustained.clear()

    def _bend_to(self, tick: int, wheel: float) -> None:
        self.wheel = wheel
        semitones, cents = self.bend_range
        bend_range = min(semitones + cents / 100, LARGEST_BEND)
        self.bend.append((self.time.seconds(tick), wheel * bend_range))

    def _machinery(self, tick: int, number: int, value: int) -> None:
        if number == SUSTAIN_PEDAL:
            if value >= 64:
                self.pedal = True
            else:
                self._pedal_up(tick)
        elif number in (NRPN_LSB, NRPN_MSB):
            self.parameter = [None, None]
        elif number in (RPN_MSB, RPN_LSB):
            self.parameter[number == RPN_LSB] = value
        elif number in (DATA_ENTRY, DATA_ENTRY_LSB):
            if self.parameter != [0, 0]:
                self.told["data entries ignored, only the bend range (RPN 0) is known"] += 1
                return
            # A new number of semitones clears the cents, as MIDI 1.0 has it for 14-bit values.
            self.bend_range = [value, 0] if number == DATA_ENTRY else [self.bend_range[0], value]
            if self.wheel:
                self._bend_to(tick, self.wheel)
        elif number == RESET_CONTROLLERS:
            self._pedal_up(tick)
            self.parameter = [None, None]
            if self.wheel:
                self._bend_to(tick, 0.0)
        elif number == ALL_SOUND_OFF or number >= ALL_NOTES_OFF:
            for queue in self.down.values():
                while queue:
                    self._release(queue.popleft(), tick)
            if number == ALL_SOUND_OFF:
                for key in self.sustained:
                    key.ends = tick
                self.sustained.clear()


def one_at_a_time(
    keys: Sequence[PressedKey], file: str, overlaps: str
) -> tuple[list[PressedKey], list[str]]:
    """Keys as one string plays them: each rings until its end or the next onset.

    Args:
      keys: In the order of their onsets.
      file: Name for the message.
      overlaps: "error", or "last": the later note wins.

    Returns:
      Keys that do not overlap, and what had to be mended, a line each.

    Raises:
      OverlapError: keys held together for more than 30 ms, or pressed together.
    """
    sounding = [key for key in keys if key.rings_until > key.onset + _ROUNDING]
    mended = []
    if len(sounding) < len(keys):
        mended.append(f"notes of no length left out: {len(keys) - len(sounding)}")
    played, cut = [], []
    for key, following in zip(sounding, [*sounding[1:], None], strict=False):
        end = key.rings_until
        if following:
            end = min(end, following.onset)
            if key.release > following.onset + _ROUNDING or end <= key.onset:
                cut.append((key, following))
        if end > key.onset:
            played.append(replace(key, rings_until=end))
    too_long = held_together(sounding)
    if too_long and overlaps == "error":
        raise OverlapError(_overlap_message(file, *too_long[0], len(too_long) - 1))
    if cut:
        key, following = cut[0]
        mended.append(
            f"overlaps trimmed: {len(cut)}, by up to {1000 * max(_overlap(*c) for c in cut):.0f} "
            f"ms, the first in bar {following.bar} at {following.onset:.2f} s "
            f"({note_name(key.pitch)} into {note_name(following.pitch)})"
        )
    return played, mended


def held_together(keys: Sequence[PressedKey]) -> list[tuple[PressedKey, PressedKey]]:
    """Neighbours that one string cannot play: pressed together, or held on for more than 30 ms.

    Args:
      keys: In the order of their onsets.

    Returns:
      Pairs of a key and the one after it.
    """
    return [
        pair for pair in pairwise(keys) if _is_chord(*pair) or _overlap(*pair) > TRIMMED_OVERLAP
    ]


def _is_chord(key: PressedKey, following: PressedKey) -> bool:
    return following.onset <= key.onset


def _overlap(key: PressedKey, following: PressedKey) -> float:
    """Seconds that a key is held into the next, rounded to what ticks can mean."""
    return max(round(key.release - following.onset, 9), 0.0)


def _overlap_message(file: str, key: PressedKey, following: PressedKey, more: int) -> str:
    first, second = note_name(key.pitch), note_name(following.pitch)
    if _is_chord(key, following):
        what, remedy = f"{first} and {second} begin together", "Keep one of them"
    else:
        held_on = f"{1000 * _overlap(key, following):.0f} ms"
        what, remedy = f"{first} is held {held_on} into {second}", f"Shorten {first}"
    others = f" (and {more} more)" if more else ""
    return (
        f"{file}, bar {following.bar}, {following.onset:.2f} s: {what}{others}; this instrument "
        f'plays one note at a time. {remedy}, or let the later note win: overlaps="last".'
    )
