"""Recordings: every second is used once, none held out is trained on, bad folders say so."""

import itertools
import warnings

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from nmsynth_lib.controls import control_curves
from nmsynth_lib.errors import AudioFileError, NmsynthError, NotMidiError, RecordingError
from nmsynth_lib.performance import Performance
from nmsynth_lib.recordings import (
    LEAD_SECONDS,
    EndToEnd,
    blocks_at_rests,
    cut_starts,
    prepare_examples,
)
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.takes import Take, TakeMeta, load_recording

RATE, HOP, FRAME_RATE = 16000, 64, 250
SPEC = InstrumentSpec()


def melody(n_notes, seed=0, rest=(0.0, 0.6), name="take"):
    """Random notes from 0.1 s on, rests drawn from a range."""
    rng = np.random.default_rng(seed)
    now, notes = 0.1, []
    for _ in range(n_notes):
        length = rng.uniform(0.1, 0.8)
        notes.append((int(rng.integers(40, 70)), int(rng.integers(30, 127)), now, now + length))
        now += length + rng.uniform(*rest)
    return Performance.from_notes(notes, cc={55: [(0.0, 10), (now / 2, 127)]}, name=name)


def take_of(performance, extra=0.5, name="take", split="auto"):
    """Audio in which sample i has the value i, so that every cut tells where it is from."""
    n_samples = round((performance.duration + extra) * RATE)
    audio = np.arange(n_samples, dtype=np.float32)
    return Take(name, audio, performance, RATE, TakeMeta(split=split))


# Blocks ---------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    n_notes=st.integers(1, 80),
    seed=st.integers(0, 1000),
    seconds=st.floats(0.5, 20),
    extra=st.floats(-5, 5),
    rest=st.sampled_from([0.0, 0.02, 0.6]),
)
def test_blocks_cover_the_take_without_gaps_and_cut_at_rests(n_notes, seed, seconds, extra, rest):
    """Also when the MIDI goes on after the sound has ended."""
    performance = melody(n_notes, seed, rest=(0.0, rest))
    extra = max(extra, 0.2 - performance.duration)
    take = take_of(performance, extra)
    blocks = blocks_at_rests(take, seconds)
    assert blocks[0][0] == 0
    assert blocks[-1][1] == len(take.audio) / RATE
    assert all(start < end for start, end in blocks)
    for (_, end), (start, _) in itertools.pairwise(blocks):
        assert end == start
        # No note sounds across a cut, and the next onset has its lead before it, rest permitting.
        assert not any(n.onset < end - 1e-9 and n.offset > end + 1e-9 for n in performance.notes)
        following = min(n.onset for n in performance.notes if n.onset > end - 1e-9)
        assert following - end <= LEAD_SECONDS + 1e-9


def test_blocks_have_about_the_length_asked_for():
    take = take_of(melody(600))
    lengths = [end - start for start, end in blocks_at_rests(take, 15.0)][:-1]
    assert len(lengths) > 10
    assert min(lengths) >= 0.6 * 15
    assert max(lengths) <= 1.6 * 15


def test_a_short_take_still_has_several_blocks():
    assert len(blocks_at_rests(take_of(melody(40)))) >= 5


def test_the_longest_rest_in_reach_is_the_cut():
    """Rests of 0.1 s every second, one of 0.5 s: with blocks of 8 s the cut is there."""
    notes = [(40, 90, t, t + 0.9) for t in np.arange(0.0, 9.0)]
    notes += [(40, 90, t, t + 0.9) for t in np.arange(9.4, 80.0)]
    blocks = blocks_at_rests(take_of(Performance.from_notes(notes)), 8.0)
    assert blocks[0][1] == pytest.approx(9.4 - LEAD_SECONDS)


def test_no_cut_lies_beyond_the_end_of_the_sound():
    """The longest rest in reach comes just after the sound has ended: it is no cut."""
    for last in range(20, 60):
        notes = [(40, 90, float(t), t + (0.5 if t == last else 0.9)) for t in range(70)]
        performance = Performance.from_notes(notes)
        end = last + 0.2
        blocks = blocks_at_rests(take_of(performance, extra=end - performance.duration))
        assert all(start < end_of_block <= end for start, end_of_block in blocks)


# Splitting ------------------------------------------------------------------------------------


def frames_of(spans):
    return {frame for first, end in spans for frame in range(first, end)}


@settings(max_examples=15)
@given(
    seed=st.integers(0, 1000),
    n_takes=st.integers(1, 3),
    held_out=st.floats(0.01, 0.6),
    n_frames=st.integers(1, 60),
    step=st.integers(1, 5),
)
def test_no_training_cut_overlaps_a_held_out_sample(seed, n_takes, held_out, n_frames, step):
    """The leakage test: sample by sample, by what the cuts contain."""
    takes = [take_of(melody(12, seed + i), name=f"t{i}") for i in range(n_takes)]
    examples = prepare_examples(takes, SPEC, seed, held_out)
    held, trained = frames_of(examples.validation), frames_of(examples.training)
    assert held
    assert not held & trained
    starts = cut_starts(examples.training, n_frames, step)
    cut = {frame for start in starts for frame in range(start, start + n_frames)}
    assert not cut & held
    # And no frame of the takes is in neither.
    assert held | trained == set(range(len(examples.f0_hz)))


@settings(max_examples=60)
@given(
    lengths=st.lists(st.integers(0, 900), min_size=1, max_size=5),
    hop=st.integers(1, 130),
    data=st.data(),
)
def test_sounds_laid_end_to_end_are_cut_like_one_array(lengths, hop, data):
    """Frames and samples agree to the sample, whatever the lengths."""
    sounds = [np.arange(1, n + 1, dtype=np.float32) + 1000 * i for i, n in enumerate(lengths)]
    whole = np.concatenate([np.pad(sound, (0, -len(sound) % hop)) for sound in sounds])
    laid = EndToEnd(sounds, hop)
    assert len(laid) == len(whole) == sum(-(-n // hop) for n in lengths) * hop
    edge = st.none() | st.integers(-len(whole) - 3, len(whole) + 3)
    part = slice(data.draw(edge), data.draw(edge))
    assert np.array_equal(laid[part], whole[part])


def test_the_split_comes_from_the_seed():
    takes = [take_of(melody(150))]
    one, same, other = (prepare_examples(takes, SPEC, seed) for seed in (1, 1, 2))
    assert one.validation == same.validation
    assert one.validation != other.validation


def test_about_the_share_asked_for_is_held_out():
    take = take_of(melody(800))
    for share in (0.05, 0.2, 0.5):
        examples = prepare_examples([take], SPEC, held_out=share)
        got = len(frames_of(examples.validation)) / len(examples.f0_hz)
        assert got == pytest.approx(share, abs=0.06)


def test_takes_can_be_held_out_by_name():
    """meta.yaml's split: the take marked `validation` is all that is held out."""
    takes = [
        take_of(melody(10, 1), name="a"),
        take_of(melody(10, 2), name="b", split="validation"),
        take_of(melody(10, 3), name="c", split="train"),
    ]
    lengths = [-(-len(take.audio) // HOP) for take in takes]
    examples = prepare_examples(takes, SPEC)
    assert examples.validation == ((lengths[0], lengths[0] + lengths[1]),)
    total = sum(lengths)
    assert examples.training == ((0, lengths[0]), (lengths[0] + lengths[1], total))


def test_no_cut_reaches_from_one_take_into_the_next():
    """Where two takes meet there is a splice that nobody played."""
    takes = [take_of(melody(12, i), name=f"t{i}") for i in range(4)]
    borders = np.cumsum([-(-len(take.audio) // HOP) for take in takes])[:-1]
    examples = prepare_examples(takes, SPEC, seed=3)
    for spans in (examples.training, examples.validation):
        starts = cut_starts(spans, 20)
        for border in borders:
            assert not ((starts < border) & (starts + 20 > border)).any()


def test_arrays_hold_each_take_and_its_own_curves():
    """Takes lie end to end on whole frames, each with the curves of its own time 0."""
    takes = [take_of(melody(5, i), extra=0.5 + i / 777, name=f"t{i}") for i in range(3)]
    examples = prepare_examples(takes, SPEC)
    first = 0
    for take in takes:
        n_frames = -(-len(take.audio) // HOP)
        part = slice(first, first + n_frames)
        curves = control_curves(take.performance, SPEC, n_frames)
        assert np.array_equal(examples.controls[part], curves.values)
        assert np.array_equal(examples.f0_hz[part], curves.f0_hz)
        audio = examples.audio[first * HOP : (first + n_frames) * HOP]
        assert np.array_equal(audio[: len(take.audio)], take.audio)  # to the last sample
        assert not audio[len(take.audio) :].any()
        first += n_frames
    assert len(examples.audio) == first * HOP
    assert examples.controls.shape == (first, 6)
    assert examples.stiffness.shape == examples.f0_hz.shape == (first,)


@pytest.mark.parametrize("split", ["auto", "train", "validation"])
def test_a_recording_that_cannot_be_split_is_refused(split):
    one_note = Performance.from_notes([(40, 100, 0.0, 1.0)])
    with pytest.raises(RecordingError) as caught:
        prepare_examples([take_of(one_note, split=split)], SPEC)
    assert "\n" not in str(caught.value)
    assert "held out" in str(caught.value) or "hold a part" in str(caught.value)


# Cuts -----------------------------------------------------------------------------------------

spans_of_any_kind = st.lists(st.integers(0, 400), min_size=2, max_size=10, unique=True).map(
    lambda edges: tuple(zip(*[iter(sorted(edges))] * 2, strict=False))
)


@given(spans=spans_of_any_kind, n_frames=st.integers(1, 120), step=st.integers(1, 130))
def test_cuts_lie_inside_their_spans_and_reach_both_ends(spans, n_frames, step):
    long_enough = [(a, b) for a, b in spans if b - a >= n_frames]
    if not long_enough:
        with pytest.raises(RecordingError, match=f"{n_frames} frames"):
            cut_starts(spans, n_frames, step)
        return
    starts = cut_starts(spans, n_frames, step)
    assert starts.dtype == np.int64
    assert (np.diff(starts) > 0).all()
    for first, end in long_enough:
        inside = starts[(starts >= first) & (starts < end)]
        assert inside[0] == first
        assert inside[-1] + n_frames == end
        assert (np.diff(inside) <= step).all()
    assert len(starts) == sum(
        ((starts >= a) & (starts + n_frames <= b)).sum() for a, b in long_enough
    )


def test_with_a_step_of_their_length_cuts_cover_every_frame():
    starts = cut_starts(((10, 93), (200, 230)), 25, step=25)
    covered = {frame for start in starts for frame in range(start, start + 25)}
    assert covered == set(range(10, 93)) | set(range(200, 230))


# Folders --------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """One good take: a.wav and a.mid."""
    write_take(tmp_path, "a")
    return tmp_path


def write_take(folder, stem, audio_suffix=".wav", midi_suffix=".mid", seconds=3.0, rate=RATE):
    Performance.from_notes([(40, 100, 0.5, 1.0), (45, 90, 1.5, 2.0)]).write_midi(
        folder / f"{stem}{midi_suffix}"
    )
    t = np.arange(round(seconds * rate)) / rate
    sound = 0.3 * np.sin(2 * np.pi * 220 * t) * (t > 0.5)
    kinds = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3"}
    soundfile.write(
        folder / f"{stem}{audio_suffix}", sound, rate, format=kinds[audio_suffix.lower()]
    )


def refused(folder, error=RecordingError):
    with pytest.raises(error) as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load_recording(folder)
    assert isinstance(caught.value, NmsynthError)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_takes_come_in_the_order_of_their_names_whatever_the_case(tmp_path):
    write_take(tmp_path, "B", ".WAV", ".MID")
    write_take(tmp_path, "a", ".Flac", ".midi")
    write_take(tmp_path, "c", ".ogg", ".Midi")
    (tmp_path / "notes.txt").write_text("tuned down")
    (tmp_path / ".hidden.wav").write_bytes(b"")
    takes = load_recording(tmp_path)
    assert [take.name for take in takes] == ["a", "B", "c"]
    assert all(take.sample_rate == RATE and take.audio.dtype == np.float32 for take in takes)
    assert all(len(take.performance.notes) == 2 for take in takes)


def test_sound_and_midi_of_one_take_may_differ_in_case(tmp_path):
    write_take(tmp_path, "Solo", ".wav", ".mid")
    (tmp_path / "Solo.wav").rename(tmp_path / "SOLO.WAV")
    assert len(load_recording(tmp_path)) == 1


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_takes_of_any_rate_keep_their_times(tmp_path, rate):
    write_take(tmp_path, "a", rate=rate)
    (take,) = load_recording(tmp_path)
    assert len(take.audio) == pytest.approx(3 * RATE, abs=2)
    assert np.flatnonzero(np.abs(take.audio) > 0.1)[0] / RATE == pytest.approx(0.5, abs=0.003)


@pytest.mark.parametrize("shift_ms", [0, 20, -30, 500])
def test_onset_shift_moves_the_midi_to_the_sound(folder, shift_ms):
    """`onset_shift_ms: 20` says that the sound comes 20 ms late: its notes begin later."""
    (folder / "meta.yaml").write_text(f"onset_shift_ms: {shift_ms}\n")
    (take,) = load_recording(folder)
    onset = np.flatnonzero(np.abs(take.audio) > 1e-3)[0] / RATE
    assert onset == pytest.approx(0.5, abs=0.001)
    assert take.performance.notes[0].onset - onset == pytest.approx(shift_ms / 1000, abs=0.001)


def test_meta_is_kept_with_the_takes(folder):
    (folder / "meta.yaml").write_text("licence: CC0-1.0\nsource: my attic\nmood: good\n")
    (take,) = load_recording(folder)
    assert (take.meta.licence, take.meta.source, take.meta.split) == ("CC0-1.0", "my attic", "auto")


def test_meta_may_hold_out_a_single_take(tmp_path):
    for name in ("Day", "evening"):
        write_take(tmp_path, name)
    (tmp_path / "meta.yaml").write_text("licence: CC0-1.0\ntakes: {Evening: {split: validation}}\n")
    day, evening = load_recording(tmp_path)
    assert (day.meta.split, evening.meta.split) == ("auto", "validation")
    assert day.meta.licence == evening.meta.licence == "CC0-1.0"
    n_frames = -(-len(day.audio) // HOP)
    assert prepare_examples([day, evening], SPEC).training == ((0, n_frames),)


@pytest.mark.parametrize(
    "entries", ["takes: {night: {split: train}}", "takes: [a]", "takes: {a: 3}", "just words"]
)
def test_a_wrong_entry_for_a_take_is_one_line(folder, entries):
    (folder / "meta.yaml").write_text(entries)
    with pytest.raises(RecordingError, match=r"meta\.yaml") as caught:
        load_recording(folder)
    assert "\n" not in str(caught.value)


def test_an_empty_meta_says_nothing(folder):
    (folder / "meta.yaml").write_text("")
    assert load_recording(folder)[0].meta == TakeMeta()


def test_no_folder(tmp_path):
    assert "nowhere" in refused(tmp_path / "nowhere")


def test_a_file_in_place_of_a_folder(folder):
    assert "a.wav" in refused(folder / "a.wav")


def test_an_empty_folder(tmp_path):
    assert "no takes" in refused(tmp_path)


@pytest.mark.parametrize(
    ("gone", "left", "lacks"), [("a.mid", "a.wav", "MIDI"), ("a.wav", "a.mid", "sound")]
)
def test_half_a_take(folder, gone, left, lacks):
    (folder / gone).unlink()
    message = refused(folder)
    assert left in message
    assert lacks in message


def test_one_lonely_file_among_good_takes(folder):
    write_take(folder, "b")
    (folder / "b.mid").unlink()
    assert "b.wav" in refused(folder)


@pytest.mark.parametrize("second", ["a.flac", "A.wav", "a.midi"])
def test_two_files_of_one_stem(folder, second):
    (folder / second).write_bytes((folder / "a.wav").read_bytes())
    message = refused(folder)
    assert "same name" in message
    assert "a." in message.lower()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"split: sometimes", "split"),
        (b"onset_shift_ms: late", "onset_shift_ms"),
        (b"onset_shift_ms: .nan", "onset_shift_ms"),
        (b"onset_shift_ms: .inf", "onset_shift_ms"),
        (b"- a\n- list", "meta.yaml"),
        (b"a: b: c", "meta.yaml"),
        (b"\xff\xfe\x00", "meta.yaml"),
    ],
)
def test_a_wrong_meta_is_named(folder, content, named):
    (folder / "meta.yaml").write_bytes(content)
    message = refused(folder)
    assert "meta.yaml" in message
    assert named in message


def test_a_folder_named_meta(folder):
    (folder / "meta.yaml").mkdir()
    assert "meta.yaml" in refused(folder)


def test_midi_that_begins_after_the_sound_has_ended(tmp_path):
    write_take(tmp_path, "a", seconds=0.4)
    message = refused(tmp_path)
    assert "a.mid" in message
    assert "belong together" in message


def test_a_shift_longer_than_the_sound_is_refused(folder):
    (folder / "meta.yaml").write_text("onset_shift_ms: 10000\n")
    assert "a.mid" in refused(folder)


def test_midi_that_ends_after_the_sound_is_used_as_far_as_it_sounds(tmp_path):
    write_take(tmp_path, "a", seconds=1.2)
    (take,) = load_recording(tmp_path)
    assert len(take.audio) == pytest.approx(1.2 * RATE, abs=2)
    assert blocks_at_rests(take)[-1][1] == len(take.audio) / RATE


def test_damaged_files_are_named(folder):
    good = (folder / "a.wav").read_bytes()
    (folder / "a.wav").write_bytes(b"no sound")
    assert "a.wav" in refused(folder, AudioFileError)
    (folder / "a.wav").write_bytes(good)
    (folder / "a.mid").write_bytes(b"no notes")
    assert "a.mid" in refused(folder, NotMidiError)
