"""Scores: what the guitars play, to teach an instrument and to test it.

Road: [score] -> Performance -> guitars -> recordings -> training.
`training_score` visits every pitch, length, velocity and openness without letting any two of them
go together; `melody` and `riff` are music, from other generators, never trained on.
Explained in notebook 01, "A score that teaches".
"""

import numpy as np

from nmsynth_lib.errors import ControlRangeError
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance

MUTED, OPEN = 1, 127
LENGTHS = (0.12, 0.24, 0.5, 1.0, 2.0)  # seconds, each played +-10 %
VELOCITIES = (30, 127)
RESTS = (0.12, 0.34)  # seconds between notes of a block
BLOCK_REST = 0.6  # seconds between blocks: longer than any rest inside one
CONTIGUOUS = 0.15  # share of notes that follow the one before without a rest
CC_LEAD = 0.010  # seconds by which a CC55 event comes before its note-on
LEAD_IN = 0.25  # seconds before the first note
CURVE_STEP = 0.010  # seconds between the events of a curve
CURVED_CC, CURVED_BEND = 0.20, 0.10  # shares of the notes of at least 0.5 s, levels="continuous"

Curve = list[tuple[float, float]]


def training_score(
    minutes: float = 12, seed: int = 1, levels: str = "two", low: int = 36, high: int = 76
) -> Performance:
    """A score that visits every pitch, length, velocity and openness, decorrelated.

    It consists of passes over all pitches. A pass plays each pitch with the five lengths and, in
    turn, different openness. Three or four pitches, far apart and drawn anew for each pass, make a
    block of about 13 to 22 s, shuffled; blocks are 0.6 s apart. So a whole block can be held out
    while its pitches still occur in another pass. The last pass is thinned to fill `minutes`.

    Args:
      minutes: Length to fill, minutes, > 0; kept within about 2 %.
      seed: Integer >= 0; the same seed gives the same score.
      levels: "two" for CC55 in {1, 127}; "continuous" for all of 0..127, with CC55 curves inside
        every fifth and pitch-bend curves inside every tenth note of at least 0.5 s.
      low: Lowest MIDI pitch.
      high: Highest MIDI pitch.

    Returns:
      The performance, with a CC55 event at time 0 and 10 ms before each note-on.

    Raises:
      ControlRangeError: an argument out of range.

    Explained in notebook 01, "A score that teaches".
    """
    _check_levels(levels)
    if not minutes > 0:
        raise ControlRangeError(f"training score: minutes is {minutes}; give a number above 0.")
    if not 0 <= low <= high <= 127:
        raise ControlRangeError(
            f"training score: pitches {low}..{high}; give 0 <= low <= high <= 127."
        )
    n_notes = max(1, round(minutes * 60))
    for _ in range(3):  # seconds per note vary with the seed: correct the count by what it gave
        score = _build(n_notes, np.random.default_rng([seed, 1]), levels, low, high)
        n_notes = max(1, round(n_notes * minutes * 60 / (score.duration + LEAD_IN)))
    return score


def _build(n_notes: int, rng: np.random.Generator, levels: str, low: int, high: int) -> Performance:
    """The training score with a given number of notes."""
    blocks = _blocks(n_notes, rng, low, high)
    n_notes = sum(len(block) for block in blocks)
    velocities = iter(_stratified(n_notes, *VELOCITIES, rng))
    openness = iter(_stratified(n_notes, 0, 127, rng))
    notes: list[Note] = []
    cc: Curve = []
    bend: Curve = []
    time = LEAD_IN
    for block in blocks:
        for position, (pitch, length, is_open) in enumerate(block):
            if position:
                time += 0.0 if rng.random() < CONTIGUOUS else rng.uniform(*RESTS)
            two_level = OPEN if is_open else MUTED
            value = two_level if levels == "two" else int(next(openness))
            offset = time + length * rng.uniform(0.9, 1.1)
            notes.append(Note(pitch, int(next(velocities)), time, offset))
            cc.append((time - CC_LEAD, value))
            if levels == "continuous" and offset - time >= 0.5:
                if rng.random() < CURVED_CC:
                    cc += _openness_curve(time, offset, value, rng)
                if rng.random() < CURVED_BEND:
                    bend += _bend_curve(time, offset, rng)
            time = offset
        time += BLOCK_REST
    cc.insert(0, (0.0, cc[0][1]))
    return Performance.from_notes(notes, cc={OPENNESS_CC: cc}, bend=bend, name="training score")


def _blocks(
    n_notes: int, rng: np.random.Generator, low: int, high: int
) -> list[list[tuple[int, float, bool]]]:
    """Blocks of (pitch, length in seconds, open?), pass after pass."""
    pitches = np.arange(low, high + 1)
    per_pass = len(pitches) * len(LENGTHS)
    blocks = []
    for number, start in enumerate(range(0, n_notes, per_pass)):
        share = min(1.0, (n_notes - start) / per_pass)
        cells = _pass_cells(pitches, share, number, rng)
        # A thinned pass has fewer notes a pitch, so its blocks take more pitches.
        size = min(len(pitches), max(1, round(4 / share)))
        played = [int(pitch) for pitch in pitches if cells[int(pitch)]]
        n_blocks = -(-len(played) // size)
        for block_pitches in _far_apart_groups(played, n_blocks, rng):
            block = [cell for pitch in block_pitches for cell in cells[pitch]]
            blocks.append([block[i] for i in rng.permutation(len(block))])
    return blocks


def _pass_cells(
    pitches: np.ndarray, share: float, number: int, rng: np.random.Generator
) -> dict[int, list[tuple[int, float, bool]]]:
    """The notes of one pass by pitch: every length, or an even `share` of all (pitch, length)."""
    order = rng.permutation(len(pitches))  # which pitches a thinned pass favours
    lengths_first = rng.permutation(len(LENGTHS))
    cells: dict[int, list[tuple[int, float, bool]]] = {int(p): [] for p in pitches}
    n_cells = len(pitches) * len(LENGTHS)
    for k in range(max(1, round(share * n_cells))):
        lap, place = divmod(k, len(pitches))
        row = int(order[place])
        column = int(lengths_first[(place + lap) % len(LENGTHS)])
        # A chequerboard that turns over from pass to pass: two passes hold every combination.
        is_open = (row + column + number) % 2 == 1
        cells[int(pitches[row])].append((int(pitches[row]), LENGTHS[column], is_open))
    return cells


def _far_apart_groups(
    pitches: list[int], n_groups: int, rng: np.random.Generator
) -> list[list[int]]:
    """Deals sorted pitches into groups whose members come from different registers."""
    registers = [pitches[i : i + n_groups] for i in range(0, len(pitches), n_groups)]
    shuffled = [list(rng.permutation(register)) for register in registers]
    last = shuffled[-1]
    last += [None] * (n_groups - len(last))
    shuffled[-1] = [last[i] for i in rng.permutation(n_groups)]
    groups = [[int(p) for p in group if p is not None] for group in zip(*shuffled, strict=True)]
    return [groups[i] for i in rng.permutation(n_groups)]


def _stratified(n: int, low: int, high: int, rng: np.random.Generator) -> np.ndarray:
    """`n` integers spread evenly over low..high, shuffled, int [n]."""
    spread = low + (np.arange(n) + rng.random(n)) / n * (high - low + 1)
    return rng.permutation(np.minimum(spread.astype(int), high))


def _openness_curve(onset: float, offset: float, start: int, rng: np.random.Generator) -> Curve:
    """CC55 events that lead from `start` to another value while the note sounds."""
    target = int(rng.integers(0, 128))
    begin = onset + (offset - onset) * rng.uniform(0.05, 0.4)
    end = begin + (offset - 0.03 - begin) * rng.uniform(0.3, 1.0)
    times = np.arange(begin, end, CURVE_STEP)
    ease = 0.5 - 0.5 * np.cos(np.pi * np.arange(1, len(times) + 1) / len(times))
    values = np.rint(start + (target - start) * ease).astype(int)
    changed = np.diff(values, prepend=start) != 0
    return [(float(t), int(v)) for t, v in zip(times[changed], values[changed], strict=True)]


def _bend_curve(onset: float, offset: float, rng: np.random.Generator) -> Curve:
    """A bend of up to two semitones or a vibrato, back at 0 before the note ends."""
    begin = onset + (offset - onset) * rng.uniform(0.05, 0.3)
    times = np.arange(begin, offset - 0.03, CURVE_STEP)
    place = np.linspace(0.0, 1.0, len(times))
    if rng.random() < 0.5:
        semitones = rng.choice([-1.0, 1.0, 2.0]) * rng.uniform(0.5, 1.0)
        shape = np.clip(1.5 * np.sin(np.pi * place), 0.0, 1.0)  # up, hold, back
    else:
        semitones = rng.uniform(0.15, 0.5)
        shape = np.sin(np.pi * place) * np.sin(2 * np.pi * rng.uniform(4.5, 6.5) * (times - begin))
    values = semitones * shape
    values[-1] = 0.0
    return [(float(t), float(v)) for t, v in zip(times, values, strict=True)]


_SCALE = (0, 3, 5, 7, 10, 12, 14, 15)  # E minor pentatonic with passing notes, from E2 upward
_BARS = (  # beats; negative ones are rests
    (1, 1, 1, 1),
    (0.5, 0.5, 1, 0.5, 0.5, 1),
    (1.5, 0.5, 1, 1),
    (0.5, 0.5, 0.5, 0.5, 1, -1),
    (0.25, 0.25, 0.5, 0.25, 0.25, 0.5, 1, 1),
    (1, 0.5, 0.5, 2),
    (-0.5, 0.5, 1.5, 0.5, 1),
    (0.75, 0.75, 0.5, 1, -1),
)
_CADENCES = ((2, -2), (1, 1, 2), (3, -1), (0.5, 0.5, 2, -1))


def melody(seconds: float = 60, seed: int = 7, levels: str = "two") -> Performance:
    """A melody of four-bar phrases that no instrument was trained on.

    A walk over E minor, mostly by step, with leaps, that turns back at the ends of the range (E2 to
    E5, MIDI 40..76). Bars have rhythms, every fourth ends in a cadence; the first beat is
    accented and a phrase swells and falls back; some bars are legato. Openness stays for a few
    notes, as a player's palm does.

    Args:
      seconds: Length, seconds, > 0; the last note ends at or before it.
      seed: Integer >= 0.
      levels: "two" for CC55 in {1, 127}, "continuous" for all of 0..127.

    Returns:
      The performance.

    Raises:
      ControlRangeError: an argument out of range.

    Explained in notebook 01, "A score that teaches".
    """
    _check_levels(levels)
    if not seconds > 0.5:
        raise ControlRangeError(f"melody: {seconds} s is too short; give more than 0.5 s.")
    rng = np.random.default_rng([seed, 2])  # another stream than the training score's
    ladder = sorted(
        {40 + 12 * octave + step for octave in range(4) for step in _SCALE} & set(range(40, 77))
    )
    beat = 60.0 / rng.uniform(92, 116)
    rung = int(rng.integers(5, 12))
    notes: list[Note] = []
    cc: Curve = []
    time, bar, value, keep = 0.1, 0, OPEN, 0
    while True:
        place = bar % 4
        rhythms = _CADENCES if place == 3 else _BARS
        legato = rng.random() < 0.3
        beats_in = 0.0
        for beats in rhythms[rng.integers(len(rhythms))]:
            onset, length = time, abs(beats) * beat
            time += length
            beats_in += abs(beats)
            if beats < 0:
                continue
            offset = onset + length * (1.0 if legato else rng.uniform(0.6, 0.95))
            if offset > seconds and notes:
                cc.insert(0, (0.0, cc[0][1]))
                return Performance.from_notes(notes, cc={OPENNESS_CC: cc}, name="melody")
            if keep == 0:
                keep = int(rng.integers(2, 7))
                value = _other_openness(value, levels, rng)
            keep -= 1
            accent = 14 if beats_in == abs(beats) else 0
            swell = 18 * np.sin(np.pi * (place + beats_in / 4) / 4)
            velocity = int(np.clip(66 + accent + swell + rng.normal(0, 14), 30, 127))
            notes.append(Note(ladder[rung], velocity, onset, min(offset, seconds)))
            cc.append((onset - CC_LEAD, value))
            leap = rng.random() < 0.2
            stride = int(rng.integers(3, 6)) if leap else int(rng.choice([0, 1, 1, 1, 2]))
            up = rng.random() < 0.5 + 0.6 * (0.5 - rung / (len(ladder) - 1))
            rung = int(np.clip(rung + (stride if up else -stride), 0, len(ladder) - 1))
        bar += 1


def riff() -> Performance:
    """Two bars of E minor, 4 s, from palm-muted eighths to an open ringing note.

    Returns:
      The performance: CC55 1 in the first bar, opening step by step to 127 in the second.

    Explained in notebook 00, "Hear it".
    """
    eighth = 0.25
    line = (  # pitch, velocity, start and length in eighths, CC55
        (40, 112, 0, 0.9, 1),
        (40, 78, 1, 0.7, 1),
        (40, 84, 2, 0.7, 1),
        (43, 104, 3, 0.9, 1),
        (40, 80, 4, 0.7, 1),
        (45, 106, 5, 0.9, 1),
        (40, 82, 6, 0.7, 1),
        (46, 100, 7, 0.5, 16),
        (45, 96, 7.5, 0.5, 24),
        (43, 104, 8, 1.0, 48),
        (40, 92, 9, 0.9, 64),
        (50, 110, 10, 1.0, 96),
        (52, 118, 11, 1.5, 127),
        (55, 102, 12.5, 0.5, 127),
        (52, 120, 13, 3.0, 127),
    )
    notes = [
        Note(pitch, velocity, start * eighth, (start + length) * eighth)
        for pitch, velocity, start, length, _ in line
    ]
    cc = [(max(0.0, start * eighth - CC_LEAD), value) for _, _, start, _, value in line]
    return Performance.from_notes(notes, cc={OPENNESS_CC: cc}, name="riff")


def _other_openness(value: int, levels: str, rng: np.random.Generator) -> int:
    """The next stretch's CC55: the other of two levels, or a value well away from this one."""
    if levels == "two":
        return MUTED if value == OPEN else OPEN
    return (value + int(rng.integers(32, 97))) % 128


def _check_levels(levels: str) -> None:
    if levels not in ("two", "continuous"):
        raise ControlRangeError(f'levels is {levels!r}; choose "two" or "continuous".')
