"""The three published examples, measured: what the original does, what ours does, what is true.

Road: assets/midi -> instrument -> audio -> [published examples] -> README, demo: a leaf.
Every figure is read off sound alone by one function, whoever made the sound. `ORIGINAL` is what it
read off the audio that the authors published, shifted so that the first note sounds at its note-on.
Explained in notebook 05, "The published examples".
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from nmsynth_lib.guitars import play
from nmsynth_lib.level_measures import level_db, level_slope, level_window, running_energy
from nmsynth_lib.metrics import rest_floor_db
from nmsynth_lib.note_measures import HOP, NoteMeasures, note_table
from nmsynth_lib.onset_measures import onset_time
from nmsynth_lib.performance import Performance, midi_to_hz
from nmsynth_lib.phrases import EXAMPLES, examples_folder
from nmsynth_lib.pitch_measures import partial_decay
from nmsynth_lib.unseen import JITTER_SEED, guitar_learnt

if TYPE_CHECKING:
    from nmsynth_lib.instrument import Instrument

LONG, LENGTHS = "test_midi_extra_long_open_closed", "test_midi_long_short"
PARTIALS, HIGH_PARTIALS = (1, 2, 3, 4, 6), (8, 12)
BODY = (0.2, 1.1)  # seconds after the note-on that a long note's decay is read from
BEGINNING = (0.05, 0.3)  # the same for the high partials, which are gone soon
LAST = 0.2  # seconds before the note-off in which the original begins to let go
BEFORE, AFTER = (-0.030, -0.004), (0.002, 0.028)  # seconds round a note-on that are compared

# Label and unit of each row, in the order of the table.
ROWS = {
    "attack_muted": ("attack, to 3 dB below the peak, muted C2", "ms"),
    "attack_open": ("the same, open C2", "ms"),
    "peak_muted": ("loudest after, muted C2", "ms"),
    "peak_open": ("the same, open C2", "ms"),
    "slope_muted": ("level falls, muted C2", "dB/s"),
    "slope_open": ("level falls, open C2", "dB/s"),
    **{
        f"partial_{k}_{word}": (f"partial {k} falls, {word}", "dB/s")
        for word in ("muted", "open")
        for k in (*PARTIALS, *HIGH_PARTIALS)
    },
    "plucked_anew": ("level rises at a contiguous note's onset", "dB"),
    "length_level": ("level of a short note against the same long one, largest gap", "dB"),
    "lost_before_off": ("level lost in the last 0.2 s before note-off", "dB"),
    "rest_floor": ("level in the rest, re the peak", "dB"),
}

# Measured by `published_figures` on the authors' audio, at 16 kHz, `aligned`.
ORIGINAL = {
    "attack_muted": 21.7, "attack_open": 22.8, "peak_muted": 156.0, "peak_open": 152.0,
    "slope_muted": 10.1, "slope_open": 5.6,
    "partial_1_muted": 9.8, "partial_2_muted": 9.7, "partial_3_muted": 18.0,
    "partial_4_muted": 35.1, "partial_6_muted": 54.5, "partial_8_muted": 176.5,
    "partial_12_muted": 249.5,
    "partial_1_open": 5.2, "partial_2_open": 5.4, "partial_3_open": 4.0, "partial_4_open": 7.4,
    "partial_6_open": 12.2, "partial_8_open": 16.9, "partial_12_open": 17.5,
    "plucked_anew": -1.5, "length_level": -22.8, "lost_before_off": 12.8, "rest_floor": -33.5,
}  # fmt: skip

ABOUT = (
    "The three published examples: the authors' audio (original), our instruments, and the guitars "
    "that these learnt, all read off their sound by the same code. The original's is another "
    "guitar, so ours are to equal the column to their right, not the original."
)
TRUTHS = {"string": "its truth", "sampled": "its guitar"}  # guitar to its column

Row = Mapping[str, float]  # figure by column


def _but_original(row: Row) -> list[float]:
    return [value for name, value in row.items() if name != "original"]


def _ours_within(row: Row, share: float) -> bool:
    """Whether each instrument is that near to the guitar that it learnt."""
    pairs = (("string", "its truth"), ("sampled", "its guitar"))
    return all(abs(row[ours] / row[truth] - 1) < share for ours, truth in pairs)


# What is to be said of a row, and whether that is true of its figures. What has become false, or
# speaks of a column that is not there, is not printed.
COMMENTS: dict[str, tuple[str, Callable[[Row], bool]]] = {
    "attack_muted": (
        "the original swells; ours, 3 to 4 ms softer than their guitars, do not",
        lambda row: (
            row["original"] > 15
            and 2.5 < row["string"] - row["its truth"] < 4.5
            and 2.5 < row["sampled"] - row["its guitar"] < 4.5
        ),
    ),
    "attack_open": (
        "the sampled guitar itself is slow here, `sampled` less so",
        lambda row: row["its guitar"] > 12 and 8 < row["sampled"] < row["its guitar"],
    ),
    "peak_muted": (
        "a plucked string is loudest in its first three periods, of 15 ms each",
        lambda row: row["original"] > 100 and max(_but_original(row)) < 45,
    ),
    "slope_muted": (
        "other guitars than the original's: ours fall as theirs, within 10 %",
        lambda row: _ours_within(row, 0.1),
    ),
    "partial_4_muted": (
        "worse here: `sampled` falls too slowly by some 40 %",
        lambda row: 0.55 < row["sampled"] / row["its guitar"] < 0.65,
    ),
    "partial_6_muted": (
        "the sampled guitar's is gone in 0.2 s; both columns measure what is left",
        lambda row: max(row["sampled"], row["its guitar"]) < 0.25 * row["its truth"],
    ),
    "partial_12_muted": (
        "worse here: `sampled` falls too fast by more than half",
        lambda row: row["sampled"] > 1.5 * row["its guitar"],
    ),
    "partial_1_open": (
        "worse here: `string` falls too fast by a fifth",
        lambda row: 1.1 < row["string"] / row["its truth"] < 1.3,
    ),
    "partial_8_open": (
        "worse here: `string` falls too fast by a third, `sampled` too slowly",
        lambda row: (
            1.2 < row["string"] / row["its truth"] < 1.45
            and row["sampled"] < 0.7 * row["its guitar"]
        ),
    ),
    "plucked_anew": (
        "the original's second and third note fade in",
        lambda row: row["original"] < 3 and min(_but_original(row)) > 10,
    ),
    "length_level": (
        "equal velocities, but the original's short C2 is hardly there",
        lambda row: row["original"] < -15 and max(map(abs, _but_original(row))) < 3,
    ),
    "lost_before_off": (
        "the original lets go before it is told to",
        lambda row: row["original"] > 8 and max(_but_original(row)) < 1,
    ),
    "rest_floor": (
        "the original's rests can be heard",
        lambda row: row["original"] > -40 and max(_but_original(row)) < -60,
    ),
}


def examples() -> dict[str, Performance]:
    """The published examples, name to performance."""
    return {
        name: Performance.from_midi(examples_folder() / f"{name}.mid") for name in EXAMPLES.values()
    }


def published_renders(render: Callable[[Performance], np.ndarray]) -> dict[str, np.ndarray]:
    """The three examples played.

    Args:
      render: An instrument's `render`, or a guitar: performance to audio [n_samples].

    Returns:
      Name of the example to audio.

    Explained in notebook 05, "The published examples".
    """
    return {name: np.asarray(render(performance)) for name, performance in examples().items()}


def published_figures(
    sounds: Mapping[str, np.ndarray], sample_rate: int = 16000
) -> dict[str, float]:
    """What the examples do, read off their sound.

    Attacks and peaks count from the sounding onset. Decays are positive for a falling level: from
    0.2 to 1.1 s after the note-on, those of partials 8 and 12 from 0.05 to 0.3 s.

    Args:
      sounds: Name of the example to audio [n_samples]; second 0 is the MIDI's.
      sample_rate: Hz.

    Returns:
      Figure by key of `ROWS`. `plucked_anew` is the median, over notes that begin where another
      ends, of the level of 26 ms just after the note-on against 26 ms just before; `length_level`
      the largest difference (below 0: the short note is quieter) of peak level between notes of
      one pitch and velocity; `lost_before_off` what the level loses beyond its own earlier decay,
      mean of the long notes.

    Explained in notebook 05, "The published examples".
    """
    music = examples()
    audio = np.asarray(sounds[LONG], float)
    rows = note_table(audio, sample_rate, music[LONG], pitch=False)
    figures = {}
    for word, row in zip(("muted", "open"), rows, strict=True):
        figures |= {
            f"{key}_{word}": value for key, value in _long_note(audio, sample_rate, row).items()
        }
    figures |= _short_notes(np.asarray(sounds[LENGTHS], float), sample_rate, music[LENGTHS])
    figures["lost_before_off"] = float(
        np.mean([_lost_before_off(audio, sample_rate, row.offset) for row in rows])
    )
    figures["rest_floor"] = rest_floor_db(audio, sample_rate, music[LONG])
    return {key: figures[key] for key in ROWS}


def players(instrument: Instrument) -> dict[str, Callable[..., np.ndarray]]:
    """An instrument's `render`, and the guitar that it learnt from if we can ask it to play.

    Args:
      instrument: Any.

    Returns:
      Column of the table to what plays a performance.
    """
    learnt = guitar_learnt(instrument.spec)
    renders = {instrument.spec.name: instrument.render}
    if learnt is not None:
        rate = instrument.sample_rate
        renders[TRUTHS[learnt]] = partial(play, learnt, sample_rate=rate, seed=JITTER_SEED)
    return renders


def published_columns() -> dict[str, dict[str, float]]:
    """The figures of the original, of both shipped instruments, and of the guitars they learnt.

    Returns:
      Column of the table to figure by key.

    Raises:
      ToolMissingError: the sampled guitar can not play, without fluidsynth or its sound font.

    Explained in notebook 05, "The published examples".
    """
    from nmsynth_lib.instrument import shared_instrument

    columns = {"original": ORIGINAL}
    for name in ("string", "sampled"):
        for column, render in players(shared_instrument(name)).items():
            columns[column] = published_figures(published_renders(render))
    return columns


def published_rows(columns: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """The comparison as cells: heading, then a row a figure, with what is to be said of it.

    Args:
      columns: Figures by column, from `published_columns`.

    Returns:
      Rows of equally many cells; the first holds label and unit, the last the comment.
    """
    rows = [["the published examples", *columns, ""]]
    for key, (label, unit) in ROWS.items():
        row = {name: figures[key] for name, figures in columns.items()}
        shown = ["–" if np.isnan(value) else str(round(value)) for value in row.values()]
        rows.append([f"{label}, {unit}", *shown, comment(key, row)])
    return rows


def published_table(columns: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The comparison as the lines of a Markdown table; argument as for `published_rows`."""
    heading, *rows = published_rows(columns)
    lines = [heading, ["---"] * len(heading), *rows]
    return [f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines]


def comment(key: str, row: Row) -> str:
    """What is to be said of a row of the table; empty if nothing that is true of its figures."""
    text, holds = COMMENTS.get(key, ("", None))
    try:
        return text if text and holds(row) else ""
    except (KeyError, ValueError):  # it compares with a column that is not there
        return ""


def aligned(sounds: Mapping[str, np.ndarray], sample_rate: int) -> dict[str, np.ndarray]:
    """Examples of unknown latency, each shifted so that its first note sounds at its note-on.

    Args:
      sounds: Name of the example to audio [n_samples].
      sample_rate: Hz.

    Returns:
      The same, of the same lengths; what is missing is silence.
    """
    shifted = {}
    for name, performance in examples().items():
        audio, note = sounds[name], performance.notes[0]
        onset = onset_time(audio, sample_rate, note, 0.0, note.offset)
        late = 0 if np.isnan(onset) else round((onset - note.onset) * sample_rate)
        padded = np.pad(audio, abs(late))
        shifted[name] = padded[abs(late) + late :][: len(audio)]
    return shifted


def _long_note(audio: np.ndarray, rate: int, row: NoteMeasures) -> dict[str, float]:
    """Attack, peak and decays of one long note."""
    f0_hz, window = float(midi_to_hz(row.pitch)), level_window(row.pitch)
    heard = row.onset if np.isnan(row.onset_ms) else row.onset + row.onset_ms / 1000
    times = np.arange(heard, row.offset - window, HOP)
    level = level_db(running_energy(audio), rate, times - window / 2, window)
    body, beginning = (
        [row.onset + seconds for seconds in stretch] for stretch in (BODY, BEGINNING)
    )
    slow = partial_decay(audio, rate, f0_hz, PARTIALS, *body)
    fast = partial_decay(audio, rate, f0_hz, HIGH_PARTIALS, *beginning)
    decays = zip((*PARTIALS, *HIGH_PARTIALS), (*slow, *fast), strict=True)
    return {
        "attack": row.attack_ms,
        "peak": 1000 * float(times[level.argmax()] - heard),
        "slope": level_slope(audio, rate, *body),
        **{f"partial_{k}": float(decay) for k, decay in decays},
    }


def _lost_before_off(audio: np.ndarray, rate: int, offset: float) -> float:
    """What a long note loses in its last moments beyond what it lost before, dB."""
    own = level_slope(audio, rate, offset - 3 * LAST, offset - LAST)
    return (level_slope(audio, rate, offset - LAST, offset) - own) * LAST


def _short_notes(audio: np.ndarray, rate: int, music: Performance) -> dict[str, float]:
    """What becomes of notes that are contiguous, or short."""
    energy, pairs = running_energy(audio), itertools.pairwise(music.notes)
    onsets = [note.onset for before, note in pairs if note.onset - before.offset < 0.01]
    before, after = (
        level_db(energy, rate, np.add(onsets, start), end - start) for start, end in (BEFORE, AFTER)
    )
    rows = note_table(audio, rate, music, pitch=False)
    by_length = sorted(rows, key=lambda row: row.onset - row.offset)  # the longest first
    gaps = [
        short.peak_db - long.peak_db
        for long, short in itertools.combinations(by_length, 2)
        if (long.pitch, long.velocity) == (short.pitch, short.velocity)
    ]
    return {
        "plucked_anew": float(np.median(after - before)),
        "length_level": max(gaps, key=abs),
    }
