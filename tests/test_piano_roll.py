"""The piano roll's Python side: what is drawn is what is played, written and saved.

Edits arrive as the browser sends them, through `set_state` and custom messages; the instrument is
the shipped `string`, the recordings are the string guitar's, whose onsets are known.
"""

from itertools import pairwise

import numpy as np
import pytest
from page_sounds import displayed, html_of, played_in

from nmsynth_lib.errors import (
    AudioFileError,
    NoNotesError,
    NotMidiError,
    OutputError,
    RecordingError,
)
from nmsynth_lib.guitars.string import string_audio
from nmsynth_lib.instrument import Instrument
from nmsynth_lib.note_measures import note_table
from nmsynth_lib.performance import Note, Performance, held
from nmsynth_lib.phrases import EXAMPLES, phrases
from nmsynth_lib.schema import ControlSpec
from nmsynth_lib.takes import find_takes, load_take
from nmsynth_lib.widgets import PianoRoll, piano_roll
from nmsynth_lib.widgets.raw_recording import RawRecording
from nmsynth_lib.widgets.rolls import lane_events, performance_of, roll_of

RATE = 16000
MELODY = Performance.from_notes(
    [(40, 100, 0.2, 0.7), (52, 80, 0.7, 1.1), (45, 120, 1.5, 1.75), (57, 60, 2.0, 2.8)],
    cc={55: [(0.0, 127), (1.45, 0)]},
    name="four",
)


@pytest.fixture(scope="module")
def guitar():
    return Instrument.load("string")


@pytest.fixture
def roll(guitar):
    return PianoRoll(guitar)


@pytest.fixture(scope="module")
def recorded():
    return string_audio(MELODY, RATE, seed=3)


@pytest.fixture
def annotated(guitar, recorded):
    return PianoRoll(guitar, audio=np.array(recorded))


def drawn(notes, lanes=None):
    """A roll as the page writes it."""
    return {"notes": notes, "lanes": lanes or {}, "bend": [], "by": "page 1"}


def draw(roll, notes, lanes=None):
    """What a browser's message does; gives back the measures of the first note."""
    roll.set_state({"roll": drawn(notes, lanes), "asked": roll.answered + 1})
    assert roll.problem == ""
    assert roll.answered == roll.asked
    return note_table(roll.audio, RATE, roll.performance, pitch=False)[0]


def asked(roll, content, *buffers):
    """The answer to a custom message of the page, and its buffers."""
    said = []
    roll.send = lambda answer, files=None: said.append((answer, files))
    roll._handle_custom_msg({**content, "number": "page 7"}, list(buffers))
    ((answer, files),) = said
    assert answer["answer"] == "page 7"
    return answer, files


@pytest.mark.parametrize("label", EXAMPLES)
def test_a_performance_comes_back_as_it_went_in(label):
    there = phrases()[label]
    back = performance_of(roll_of(there), name=there.name)
    assert back == there


def test_velocity_at_least_middle_and_most_is_heard(roll):
    peaks = [draw(roll, [[45, value, 0.1, 1.6]], {"55": [[0, 127, 0]]}).peak_db
             for value in (1, 64, 127)]  # fmt: skip
    assert peaks[0] < peaks[1] - 1 < peaks[2] - 2


def test_the_lane_at_least_middle_and_most_is_heard(roll):
    rings = [draw(roll, [[45, 90, 0.1, 1.9]], {"55": [[0, value, 0]]}).t20_s
             for value in (0, 64, 127)]  # fmt: skip
    assert rings[0] < rings[1] < rings[2]
    assert rings[2] > 3 * rings[0]


@pytest.mark.parametrize("pitch", [36, 56, 76])
def test_every_pitch_sounds_at_its_pitch(roll, pitch):
    draw(roll, [[pitch, 100, 0.1, 1.0]], {"55": [[0, 127, 0]]})
    assert abs(note_table(roll.audio, RATE, roll.performance)[0].cents) < 15


@pytest.mark.parametrize(("onset", "offset"), [(0.0, 0.01), (1.234, 1.734), (29.0, 30.0)])
def test_every_time_sounds_at_its_time(roll, onset, offset):
    """Silence until the note begins, and sound right behind it, up to minutes."""
    draw(roll, [[50, 100, onset, offset]], {"55": [[0, 127, 0]]})
    at = round(onset * RATE)
    after = np.abs(roll.audio[at : at + 480]).max()
    assert after > 0.02
    assert np.abs(roll.audio[: max(at - 64, 0)]).max(initial=0) < 0.05 * after
    assert roll.heard["seconds"] >= offset


def test_pitches_outside_the_training_range_are_owned_up_to(roll):
    draw(roll, [[20, 100, 0.1, 0.5], [45, 100, 0.6, 0.9]])
    assert "1 notes lie outside the pitches" in roll.heard["words"][0]


def test_an_empty_roll_is_silent_and_says_so_in_python(roll, tmp_path):
    draw(roll, [[45, 100, 0.1, 0.5]])
    roll.set_state({"roll": drawn([]), "asked": roll.answered + 1})
    assert roll.problem == ""
    assert len(roll.audio) == 4 * RATE
    assert not roll.audio.any()
    with pytest.raises(NoNotesError, match="no notes"):
        _ = roll.performance
    with pytest.raises(NoNotesError):
        roll.write_midi(tmp_path / "nothing.mid")
    assert not any(tmp_path.iterdir())


def test_what_one_string_cannot_play_is_said_and_the_old_sound_stays(roll):
    draw(roll, [[45, 100, 0.1, 0.5]])
    before = roll.pcm
    for notes in ([[45, 100, 0.1, 0.5], [47, 100, 0.3, 0.6]], [[45, 0, 0.1, 0.5]],
                  [[45, 90, 0.5, 0.1]], [[45]], "nonsense"):  # fmt: skip
        roll.set_state({"roll": drawn(notes), "asked": roll.answered + 1})
        assert roll.problem, notes
        assert roll.answered == roll.asked
        assert roll.pcm == before
    assert draw(roll, [[45, 100, 0.1, 0.5]])


def test_only_what_changed_is_computed(roll, guitar, monkeypatch):
    """Moving the last note of a phrase leaves the blocks before it alone; samples are the same."""
    blocks = []
    whole = Instrument._block
    monkeypatch.setattr(
        Instrument, "_block", lambda *given: blocks.append(1) or whole(*given), raising=True
    )
    notes = [[45, 100, 0.1 + i, 0.6 + i] for i in range(8)]
    draw(roll, notes)
    all_of_them = len(blocks)
    blocks.clear()
    draw(roll, [*notes[:-1], [47, 100, 7.2, 7.6]])
    assert 0 < len(blocks) <= all_of_them / 2
    blocks.clear()
    expected = PianoRoll(guitar, roll.performance)
    assert len(blocks) == all_of_them
    assert roll.pcm == expected.pcm


def test_a_glide_becomes_as_many_steps_as_can_be_told_apart():
    """At every 10 ms the value in force is the line's, rounded."""
    events = lane_events([[0.5, 20, 1], [1.5, 100, 0], [2.0, 7, 1]])
    times = np.arange(0.5, 1.5, 0.010)
    line = np.interp(times, [0.5, 1.5], [20, 100])
    assert np.abs(held(events, times, 0) - line).max() <= 0.5 + 80 * 0.001
    assert events[-2:] == [(1.5, 100), (2.0, 7)]
    assert all(b[1] != a[1] for a, b in pairwise(events))


def test_where_the_instrument_glides_by_itself_a_step_stays_a_step():
    events = lane_events([[0.0, 20, 0], [1.0, 100, 1], [2.0, 0, 0]], ramps=True)
    times, values = np.array(events).T
    assert np.interp([0.5, 0.99, 1.0, 1.5], times, values).tolist() == [20, 20, 100, 50]


def test_a_new_style_channel_gets_a_lane_without_code(guitar):
    class WithVibrato:
        spec = guitar.spec.model_copy(
            update={
                "controls": (
                    *guitar.spec.controls,
                    ControlSpec(name="vibrato", source="cc", cc=1, low=0, high=127),
                )
            }
        )
        sample_rate = guitar.sample_rate
        render = staticmethod(guitar.render)

    roll = PianoRoll(WithVibrato(), MELODY)
    assert [one["label"] for one in roll.setup["channels"]] == ["Openness (CC55)", "vibrato (CC1)"]
    draw(roll, [[45, 100, 0.1, 0.5]], {"1": [[0.0, 90, 0]]})
    assert roll.performance.controllers == {1: ((0.0, 90),)}


def test_the_roll_can_be_set_and_read_in_another_cell(roll, tmp_path):
    silence = roll.pcm
    roll.performance = MELODY
    assert roll.pcm != silence
    assert roll.performance == MELODY
    assert roll.roll["by"].startswith("python")
    roll.write_midi(tmp_path / "four.mid")
    assert same(Performance.from_midi(tmp_path / "four.mid"), MELODY)


def same(one, other, tolerance=1e-3):
    """Whether two performances have the same notes and controllers, times within a tolerance."""
    rows = [np.array([[n.pitch, n.velocity, n.onset, n.offset] for n in p.notes])
            for p in (one, other)]  # fmt: skip
    lanes = [{cc: np.array(events) for cc, events in p.controllers.items()} for p in (one, other)]
    return (
        rows[0].shape == rows[1].shape
        and np.abs(rows[0] - rows[1]).max() <= tolerance
        and lanes[0].keys() == lanes[1].keys()
        and all(
            lanes[0][cc].shape == lanes[1][cc].shape
            and np.abs(lanes[0][cc] - lanes[1][cc]).max() <= tolerance
            for cc in lanes[0]
        )
    )


def test_import_and_export_are_each_others_inverse(roll, midi_dir, tmp_path):
    for path in sorted(midi_dir.glob("*.mid")):
        said, _ = asked(roll, {"do": "import", "name": path.name}, path.read_bytes())
        assert "problem" not in said
        said, (written,) = asked(roll, {"do": "export", "roll": said["roll"]})
        assert said["name"] == path.name
        (tmp_path / "back.mid").write_bytes(written)
        assert same(Performance.from_midi(tmp_path / "back.mid"), Performance.from_midi(path))


def test_import_and_export_say_what_is_wrong(roll, tmp_path):
    said, _ = asked(roll, {"do": "import", "name": "photo.mid"}, b"JFIF")
    assert said["problem"].startswith("photo.mid is not a MIDI file")
    said, _ = asked(roll, {"do": "import", "name": "../../empty.mid"}, b"")
    assert said["problem"].startswith("empty.mid is empty")
    said, _ = asked(roll, {"do": "export", "roll": drawn([])})
    assert "no notes" in said["problem"]
    overlapping = tmp_path / "two.mid"
    overlapping.write_bytes(two_together())
    said, _ = asked(roll, {"do": "import", "name": "two.mid"}, overlapping.read_bytes())
    assert "one note at a time" in said["problem"]
    content = {"do": "import", "name": "two.mid", "last_wins": True}
    said, _ = asked(roll, content, overlapping.read_bytes())
    assert len(said["roll"]["notes"]) == 2
    assert "overlaps trimmed" in said["words"][0]
    with pytest.raises(NotMidiError):
        PianoRoll("string", tmp_path / "none.mid")


def two_together():
    """A MIDI file in which E2 is held 200 ms into G2."""
    import io

    import mido

    song = mido.MidiFile(ticks_per_beat=1000)
    rows = [("note_on", 40, 0), ("note_on", 43, 400), ("note_off", 40, 400), ("note_off", 43, 400)]
    song.tracks.append(
        mido.MidiTrack(mido.Message(kind, note=note, velocity=90, time=time)
                       for kind, note, time in rows)
    )  # fmt: skip
    data = io.BytesIO()
    song.save(file=data)
    return data.getvalue()


def test_onsets_of_a_recording_are_where_the_strings_were_plucked(annotated):
    found = np.array(annotated.setup["recording"]["onsets"])
    wanted = np.array([note.onset for note in MELODY.notes])
    off = np.abs(found[:, None] - wanted).min(axis=0)
    assert off.max() < 0.004
    assert len(found) == len(wanted)


def test_the_page_gets_an_overview_and_then_every_sample(annotated, recorded):
    peaks = np.frombuffer(annotated.envelope, np.uint8) / 255
    assert len(peaks) <= 4000
    loudest = int(np.abs(recorded).argmax()) / len(recorded)
    assert abs(peaks.argmax() / len(peaks) - loudest) < 0.01
    assert peaks.max() == pytest.approx(np.abs(recorded).max(), abs=0.01)
    got = b""
    while len(got) < 2 * len(recorded):
        _, (piece,) = asked(annotated, {"do": "piece", "first": len(got) // 2})
        got += piece
    samples = np.frombuffer(got, "<i2") / 32767
    assert np.abs(samples - recorded).max() < 1 / 32767
    assert annotated.heard["seconds"] == pytest.approx(len(recorded) / RATE)


@pytest.mark.parametrize("kind", ["samples", "take.wav", "take.flac"])
def test_a_saved_take_is_the_recording_and_what_was_drawn(guitar, recorded, tmp_path, kind):
    from nmsynth_lib.audio import write_audio

    sound = np.array(recorded)
    if kind != "samples":
        write_audio(tmp_path / kind, sound, RATE, bits=24)
        sound = tmp_path / kind
    roll = PianoRoll(guitar, MELODY, audio=sound)
    folder = roll.save_take(tmp_path / "takes" / "new", "evening")
    (files,) = find_takes(folder)
    take = load_take(files)
    assert same(take.performance, MELODY)
    assert np.abs(take.audio - recorded).max() < 1e-3
    if kind != "samples":
        assert files.sound.read_bytes() == sound.read_bytes()
    roll.performance = MELODY.transposed(1)
    roll.save_take(folder, "evening")  # again: the newest annotation is the one that counts
    assert load_take(find_takes(folder)[0]).performance.notes[0].pitch == 41


def test_a_take_that_cannot_be_saved_leaves_everything_as_it_was(annotated, roll, tmp_path):
    annotated.performance = MELODY
    (tmp_path / "Evening.wav").write_bytes(b"of somebody else")
    for name in ("evening", "", "a/b", ".hidden"):
        with pytest.raises(OutputError):
            annotated.save_take(tmp_path, name)
    annotated.performance = None
    with pytest.raises(NoNotesError):
        annotated.save_take(tmp_path, "morning")
    with pytest.raises(RecordingError, match="no recording"):
        roll.save_take(tmp_path, "morning")
    assert [path.name for path in tmp_path.iterdir()] == ["Evening.wav"]
    with pytest.raises(AudioFileError):
        RawRecording(tmp_path / "none.wav", RATE)


def test_pages_without_widgets_get_players(guitar, annotated, recorded):
    annotated.performance = MELODY
    data, _ = annotated._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    sounds = played_in(data["text/html"])
    assert np.abs(sounds[0] - recorded).max() < 2 / 32767
    assert np.abs(sounds[1] - annotated.audio).max() < 2 / 32767


@pytest.mark.parametrize("fallback", [True, False])
def test_fallback_plays_without_a_front_end(guitar, fallback, monkeypatch):
    """Asked for, or because there is no notebook here."""
    shown = displayed(monkeypatch)
    assert (
        piano_roll(guitar, Performance.from_notes([Note(45, 90, 0.1, 1)]), fallback=fallback)
        is None
    )
    (sound,) = played_in("".join(html_of(one) for one in shown))
    assert np.abs(sound).max() > 0.05
