"""Takes: corrections are read from meta.yaml, long rests are left out, nothing is spliced."""

import itertools

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from nmsynth_lib.errors import RecordingError
from nmsynth_lib.performance import Performance, held_pitch
from nmsynth_lib.recordings import prepare_examples
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.takes import SHORTEST_PIECE_S, Take, TakeMeta, load_recording

RATE, HOP = 16000, 64


def take_of(notes, seconds, **meta):
    """A take whose sample i has the value i."""
    audio = np.arange(round(seconds * RATE), dtype=np.float32)
    return Take("take", audio, Performance.from_notes(notes), RATE, TakeMeta(**meta))


# What is left out -----------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    rests=st.lists(st.floats(0.0, 30.0), min_size=2, max_size=12),
    lengths=st.lists(st.floats(0.05, 3.0), min_size=12, max_size=12),
    longest=st.none() | st.floats(0.5, 5.0),
    skip=st.lists(st.tuples(st.floats(0, 60), st.floats(0.1, 5)), max_size=3),
)
def test_no_note_is_left_out_and_every_onset_keeps_what_comes_before(rests, lengths, longest, skip):
    now, notes = 0.0, []
    for rest, length in zip(rests[:-1], lengths, strict=False):
        now += rest
        notes.append((50, 64, now, now + length))
        now += length
    meta = {"longest_rest": longest, "skip": [(a, a + d) for a, d in skip]}
    take = take_of(notes, now + rests[-1] + 0.1, **meta)
    out = take.left_out()
    assert all(a < b for a, b in out)
    assert all(earlier[1] < later[0] for earlier, later in itertools.pairwise(out))
    if skip:
        return
    for note in take.performance.notes:
        for start, end in out:
            assert end <= note.onset or start >= note.offset
    if longest is None:
        assert out == []
        return
    before = min(0.5, longest / 2)
    edges = [0.0, *(t for n in take.performance.notes for t in (n.onset, n.offset)), take.seconds]
    for rest_from, rest_to in zip(edges[::2], edges[1::2], strict=True):
        gone = sum(max(0.0, min(b, rest_to) - max(a, rest_from)) for a, b in out)
        if rest_to - rest_from <= longest:
            assert gone == 0
        elif rest_to < take.seconds:
            assert rest_to - rest_from - gone >= before - 1e-9  # context before the next onset
            if rest_from > 0:
                assert rest_to - rest_from - gone >= longest - 1e-9
    pieces = [0.0, *(t for stretch in out for t in stretch)]
    if len(out) > 1:  # what lies between two stretches is long enough for an example
        inner = zip(pieces[2:-1:2], pieces[3::2], strict=False)
        assert all(b - a >= SHORTEST_PIECE_S - 1e-9 for a, b in inner)


def test_examples_never_cross_what_is_left_out():
    """No splice: inside each span the samples are consecutive ones of the file."""
    notes = [(50, 64, t, t + 1.0) for t in (5.0, 15.0, 16.2, 40.0, 41.5, 43.0, 60.0, 61.4)]
    take = take_of(notes, 70.0, skip=[(15.5, 15.8)])
    examples = prepare_examples([take], InstrumentSpec())
    out = take.left_out()
    assert sum(b - a for a, b in out) > 35
    for first, end in (*examples.training, *examples.validation):
        sound = examples.audio[first * HOP : end * HOP]
        assert (np.diff(sound) == 1).all()
        start, stop = first * HOP / RATE, end * HOP / RATE
        assert not any(start < b - 0.004 and stop > a + 0.004 for a, b in out)


@pytest.mark.parametrize("pitch_shifts", [(1,), (-1,), (2, -3)])
def test_no_copy_of_a_held_out_second_is_trained_on(pitch_shifts):
    """The leakage test: held-out sound is loud, the rest is silent, and no copy is loud.

    The original split after it had copied; `test_copies_made_before_the_split_leak` does that.
    """
    notes = [(50, 64, t, t + 0.8) for t in np.arange(0.5, 100.0)]
    quiet = Take(
        "take",
        np.zeros(101 * RATE, np.float32),
        Performance.from_notes(notes),
        RATE,
        TakeMeta(),
    )
    spec = InstrumentSpec()
    held_out = prepare_examples([quiet], spec, 5, 0.3).validation
    audio = np.zeros(101 * RATE, np.float32)
    rng = np.random.default_rng(0)
    for first, end in held_out:
        audio[first * HOP : end * HOP] = rng.uniform(-1, 1, (end - first) * HOP)
    loud = Take("take", audio, quiet.performance, RATE, TakeMeta())
    examples = prepare_examples([loud], spec, 5, 0.3, pitch_shifts=pitch_shifts)
    assert examples.validation == held_out
    own = -(-len(audio) // HOP)
    copies = [span for span in examples.training if span[0] >= own]
    assert sum(b - a for a, b in copies) > 0.6 * len(pitch_shifts) * 0.7 * own
    for first, end in examples.training:
        assert np.abs(examples.audio[first * HOP : end * HOP]).max() < 2e-3
    # The copies themselves are loud where they come from held-out blocks.
    assert np.abs(examples.audio[own * HOP :]).max() > 0.3


def test_a_copy_has_the_curves_of_its_own_pitch_and_time():
    notes = [(50, 64, t, t + 0.8) for t in np.arange(0.5, 40.0)]
    take = take_of(notes, 41.0)
    spec = InstrumentSpec()
    examples = prepare_examples([take], spec, pitch_shifts=(3,))
    own = -(-len(take.audio) // HOP)
    factor = 2 ** (3 / 12)
    middle = own + round((10.9 / factor) * 250)  # in the note from 10.5 to 11.3 s
    assert examples.f0_hz[middle] == pytest.approx(440 * 2 ** ((53 - 69) / 12), rel=1e-4)
    assert len(examples.f0_hz) - own == pytest.approx(own / factor, abs=2)


# Corrections ----------------------------------------------------------------------------------


def write_take(folder, meta, notes=((40, 100, 0.5, 1.0), (45, 90, 1.5, 2.0))):
    Performance.from_notes(notes).write_midi(folder / "a.mid")
    soundfile.write(
        folder / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(3 * RATE), RATE
    )
    (folder / "meta.yaml").write_text(meta)


def test_lag_and_drift_move_notes_controllers_and_bends(tmp_path):
    write_take(tmp_path, "onset_shift_ms: 100\ndrift_ppm: 5000\n")
    (take,) = load_recording(tmp_path)
    assert [note.onset for note in take.performance.notes] == pytest.approx(
        [0.1 + 1.005 * 0.5, 0.1 + 1.005 * 1.5], abs=1e-4
    )


def test_tuning_bends_every_note(tmp_path):
    write_take(tmp_path, "tuning_cents: -12\n")
    (take,) = load_recording(tmp_path)
    assert held_pitch(take.performance, np.array([0.7, 1.2, 1.7])) == pytest.approx(
        [39.88, 39.88, 44.88]
    )


def test_overlaps_are_refused_unless_meta_lets_the_later_note_win(tmp_path):
    import pretty_midi

    write_take(tmp_path, "")
    song = pretty_midi.PrettyMIDI()
    guitar = pretty_midi.Instrument(27)
    guitar.notes += [pretty_midi.Note(90, 40, 0.5, 1.7), pretty_midi.Note(90, 45, 1.5, 2.0)]
    song.instruments.append(guitar)
    song.write(str(tmp_path / "a.mid"))
    with pytest.raises(Exception, match="one note at a time"):
        load_recording(tmp_path)
    (tmp_path / "meta.yaml").write_text("takes: {a: {overlaps: last}}\n")
    (take,) = load_recording(tmp_path)
    assert take.performance.notes[0].offset == pytest.approx(1.5, abs=1e-3)


@pytest.mark.parametrize(
    "entry",
    ["skip: [[3, 2]]", "skip: 5", "tuning_cents: 2000", "measured_velocity: 2", "overlaps: maybe",
     "longest_rest: 0", "drift_ppm: .nan", "noise_floor: sometimes"],
)  # fmt: skip
def test_an_impossible_correction_is_one_line_that_names_it(tmp_path, entry):
    write_take(tmp_path, entry + "\n")
    with pytest.raises(RecordingError, match=entry.split(":")[0]) as caught:
        load_recording(tmp_path)
    assert "\n" not in str(caught.value)
