"""The pick's position, CC74: the guitar obeys its law, and an instrument learns it from one take.

The law is |sin(pi n p)|: a string that is plucked at a share p of its length does not sound the
partials that stand still there.
"""

import numpy as np
import pytest

from nmsynth_lib.cli import main
from nmsynth_lib.control_sweep import (
    cc55_decay_spearman,
    cc55_span,
    cc55_sweep,
    cc55_violations,
)
from nmsynth_lib.errors import ControlRangeError
from nmsynth_lib.guitars import make_recording, play, string
from nmsynth_lib.guitars.pick import (
    PICK_CC,
    PICK_REST,
    pick_comb_db,
    pick_position,
    pick_value_at,
    with_pick_positions,
)
from nmsynth_lib.guitars.string import string_audio
from nmsynth_lib.ignored import ignored, ignored_controls
from nmsynth_lib.instrument import Instrument
from nmsynth_lib.performance import Note, Performance, held, midi_to_hz
from nmsynth_lib.pick_measures import (
    comb_correlation,
    found_positions,
    pick_position_error,
    pick_sweep,
)
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.score import melody, training_score
from nmsynth_lib.takes import load_recording

RATE = 16000
E2 = 40


# --- The law --------------------------------------------------------------------------------------


def test_the_law_is_the_written_one():
    """Worked out by hand: a pick at a quarter of the string, and the ends of CC74."""
    assert pick_position(64) == 0.137, "music without CC74 must sound as it always did"
    assert pick_position(114) == pytest.approx(2 * 0.137)
    assert pick_position(np.array([0, 127])) == pytest.approx([0.0564, 0.3281], abs=1e-4)
    quarter = pick_comb_db(0.25, np.arange(1, 9))
    expected = [-3.01, 0, -3.01, -20, -3.01, 0, -3.01, -20]
    np.testing.assert_allclose(quarter, expected, atol=0.005)


def test_without_cc74_the_guitar_plays_bit_for_bit_what_it_plays_at_rest():
    music = melody(6, 3, "continuous")
    plain = string_audio(music, seed=4)
    assert np.array_equal(plain, string_audio(music.with_cc(PICK_CC, PICK_REST), seed=4))
    assert not np.array_equal(plain, string_audio(music.with_cc(PICK_CC, 65), seed=4))


def test_the_pick_s_place_is_read_once_when_the_note_begins():
    note = [Note(E2, 100, 0.1, 0.9)]

    def audio(*events):
        return string_audio(Performance.from_notes(note, cc={55: 127, PICK_CC: events}))

    told = audio((0.0, 10), (0.09, 100))
    assert np.array_equal(told, audio((0.0, 100)))
    assert np.array_equal(told, audio((0.0, 100), (0.11, 10), (0.5, 127)))
    assert not np.array_equal(told, audio((0.0, 10)))


# --- The measures ---------------------------------------------------------------------------------


def plucked(performance: Performance, position, rng=None) -> np.ndarray:
    """Steady partials n, 1/n strong, under the comb of `position(note)`, 40 dB above some noise."""
    audio = np.zeros(round((performance.duration + 0.5) * RATE))
    for note in performance.notes:
        first, last = (round(time * RATE) for time in (note.onset, note.offset))
        time, f0 = np.arange(last - first) / RATE, midi_to_hz(note.pitch)
        for n in range(1, int(7000 / f0)):
            level = np.abs(np.sin(np.pi * n * position(note))) / n
            audio[first:last] += level * np.sin(2 * np.pi * n * f0 * time + n * n)
    return audio + 0.01 * np.random.default_rng(1).standard_normal(len(audio))


def test_the_position_is_read_off_partials_that_are_known():
    """Not a guitar at all: sines whose levels are the law's. Other tones, other positions."""

    def render(performance):
        return plucked(
            performance, lambda note: pick_position(pick_value_at(performance, note.onset))
        )

    sweep = pick_sweep(render, pitches=(40, 55))
    assert pick_position_error(sweep) < 0.01
    assert np.abs(found_positions(sweep) / sweep.true_positions - 1).max() < 0.05
    assert comb_correlation(sweep) > 0.97


def test_a_pick_that_strikes_elsewhere_is_found_where_it_is():
    """One note of the sweep is plucked half as far again from the bridge as its CC74 says."""

    def render(performance):
        def position(note):
            wrong = 1.5 if note is performance.notes[4] else 1.0
            return wrong * pick_position(pick_value_at(performance, note.onset))

        return plucked(performance, position)

    sweep = pick_sweep(render, pitches=(40,))
    ratio = found_positions(sweep)[0] / sweep.true_positions
    assert ratio[4] == pytest.approx(1.5, rel=0.03)
    assert np.abs(np.delete(ratio, 4) - 1).max() < 0.05


@pytest.mark.parametrize(
    "position",
    [lambda value: 0.137 + 0 * value, lambda value: pick_position(127 - value)],
    ids=["ignored", "backwards"],
)
def test_a_pick_that_ignores_cc74_or_goes_backwards_is_told(position):
    def render(performance):
        return plucked(performance, lambda note: position(pick_value_at(performance, note.onset)))

    sweep = pick_sweep(render, pitches=(40, 55))
    assert comb_correlation(sweep) < 0.2
    assert pick_position_error(sweep) > 0.25


def test_the_guitar_s_notches_lie_where_the_law_puts_them(monkeypatch):
    """Without jitter the position is right within half a per cent; with it, within the jitter."""
    jittery = pick_sweep(lambda music: play("string", music, seed=5))
    assert pick_position_error(jittery) < 1.2 * string.JITTER_PICK
    assert comb_correlation(jittery) > 0.85
    monkeypatch.setattr(string, "JITTER_PICK", 0.0)
    exact = pick_sweep(lambda music: play("string", music, seed=5), pitches=(40, 52, 64))
    assert pick_position_error(exact) < 0.006
    assert comb_correlation(exact) > 0.97


# --- The score and the recording ------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [0.2, 5])
def test_pick_positions_are_spread_evenly_and_go_with_nothing_else(minutes):
    score = training_score(minutes, 2, "continuous")
    picked = with_pick_positions(score, 2)
    onsets = np.array([note.onset for note in score.notes])
    values = pick_value_at(picked, onsets)
    even = np.linspace(0, 127, len(values))
    assert np.abs(np.sort(values) - even).max() <= 1 + 128 / len(values)
    columns = [
        [note.pitch for note in score.notes],
        [note.velocity for note in score.notes],
        [note.offset - note.onset for note in score.notes],
        held(score.controllers[55], onsets, 0),
    ]
    together = np.corrcoef([values, *columns])[0, 1:]
    assert np.abs(together).max() < (0.35 if minutes < 1 else 0.05)


def test_nothing_else_of_the_music_changes():
    score = training_score(1, 4, "continuous")
    picked = with_pick_positions(score, 4)
    assert (picked.notes, picked.bend) == (score.notes, score.bend)
    assert picked.controllers[55] == score.controllers[55]
    assert PICK_CC not in score.controllers
    times = np.array([time for time, _ in picked.controllers[PICK_CC]])
    assert times[0] == 0
    np.testing.assert_allclose(times[1:], [note.onset - 0.010 for note in score.notes])
    assert with_pick_positions(score, 4) == picked != with_pick_positions(score, 5)
    with pytest.raises(ControlRangeError, match="has CC74 already"):
        with_pick_positions(picked)


def test_a_note_at_time_0_and_music_without_cc55_get_their_pick_too():
    music = Performance.from_notes([Note(40, 90, 0.0, 0.3), Note(45, 90, 0.4, 0.8)])
    events = with_pick_positions(music).controllers[PICK_CC]
    assert [time for time, _ in events] == pytest.approx([0.0, 0.39])


def test_the_command_makes_it_again_and_never_for_recorded_notes(tmp_path, capsys):
    command = "make-recording string --pick-position --levels continuous --seed 2 --minutes 0.1"
    for name in ("one", "two"):
        assert main([*command.split(), "--out", str(tmp_path / name)]) == 0
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["meta.yaml", "pick_position.flac", "pick_position.mid"]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    capsys.readouterr()
    refused = ["make-recording", "sampled", "--pick-position", "--out", str(tmp_path / "no")]
    assert main(refused) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "pick" in said and "string" in said
    assert not (tmp_path / "no").exists()


def test_a_midi_file_keeps_its_name_when_its_notes_get_pick_positions(tmp_path):
    song = tmp_path / "song.mid"
    Performance.from_notes([Note(40, 90, 0.2, 0.5), Note(47, 90, 0.6, 1.0)]).write_midi(song)
    folder = make_recording("string", tmp_path / "takes", midi=song, pick_position=True)
    assert len(Performance.from_midi(folder / "song.mid").controllers[PICK_CC]) == 3


@pytest.fixture(scope="module")
def shipped_take(repository):
    (take,) = load_recording(repository / "assets" / "recordings" / "pick_position")
    return take


def test_the_shipped_recording_is_what_the_command_makes(shipped_take, repository):
    """The score whole, the sound of its first 12 s: jitter depends on a note's place alone."""
    score = with_pick_positions(training_score(5, 2, "continuous"), 2)
    read = shipped_take.performance
    assert [(n.pitch, n.velocity) for n in read.notes] == [
        (n.pitch, n.velocity) for n in score.notes
    ]
    onsets = np.array([note.onset for note in score.notes])
    for number in (55, PICK_CC):
        ours, theirs = (held(p.controllers[number], onsets, 0) for p in (score, read))
        assert np.array_equal(ours, theirs)
    beginning = [note for note in score.notes if note.onset < 12]
    music = Performance.from_notes(beginning, cc=score.controllers, bend=score.bend)
    audio = play("string", music, seed=2)[: round(beginning[-1].onset * RATE) - 100]
    np.testing.assert_allclose(audio, shipped_take.audio[: len(audio)], atol=1.5 / 32768)
    assert shipped_take.meta.licence == "CC0-1.0"
    folder = repository / "assets" / "recordings" / "pick_position"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3e6


# --- The schema -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema(repository):
    return InstrumentSpec.read(repository / "assets" / "schemas" / "pick-position.yaml")


def test_the_schema_is_the_guitar_s_and_one_channel_more(schema):
    (new,) = [control for control in schema.controls if control.name == "pick_position"]
    others = tuple(control for control in schema.controls if control is not new)
    update = {"controls": others, "description": ""}
    assert schema.model_copy(update=update) == InstrumentSpec()
    assert (new.source, new.cc, new.default) == ("cc", PICK_CC, PICK_REST)
    assert (new.low, new.high) == (0, 127)
    assert (new.low_label, new.high_label) == ("near the bridge", "near the neck")


def test_the_learnt_controls_are_the_schema_s(schema, learnt):
    assert learnt.spec.controls == schema.controls


# --- An instrument that learnt it from one of its two takes ---------------------------------------


@pytest.fixture(scope="module")
def learnt():
    return Instrument.load("string_pick")


def test_it_moves_the_notches_as_the_law_says(learnt, record_property):
    sweep = pick_sweep(learnt.render)
    figures = {"correlation": comb_correlation(sweep), "error": pick_position_error(sweep)}
    record_property("pick", figures)
    assert figures["correlation"] > 0.7
    assert figures["error"] < 0.06


def test_an_instrument_that_never_heard_of_cc74_moves_no_notch():
    """The same measure on `string`: it renders the same whatever CC74 says."""
    sweep = pick_sweep(Instrument.load("string").render, pitches=(40, 55))
    assert abs(comb_correlation(sweep)) < 0.2
    assert pick_position_error(sweep) > 0.25


def test_without_cc74_it_plays_at_rest(learnt):
    music = melody(4, 3, "continuous")
    plain = learnt.render(music)
    assert np.array_equal(plain, learnt.render(music.with_cc(PICK_CC, PICK_REST)))
    assert not np.allclose(plain, learnt.render(music.with_cc(PICK_CC, 127)), atol=0.01)


@pytest.mark.parametrize("value", [20, PICK_REST, 110])
def test_cc55_is_unharmed_wherever_the_pick_strikes(learnt, value):
    """T20 hangs on the spectrum, so the guitar is asked with the pick at the same place."""

    def swept(render):
        return cc55_sweep(
            lambda music: render(music.with_cc(PICK_CC, value)), (40, 52, 64), velocities=(80,)
        )

    sweep, truth = swept(learnt.render), swept(lambda music: play("string", music, seed=99))
    assert cc55_decay_spearman(sweep) >= 0.98
    assert cc55_violations(sweep) <= 0.02
    assert 0.8 <= cc55_span(sweep, truth) <= 1.25


def test_neither_channel_is_ignored(learnt):
    """On music that it never heard, with both channels moving."""
    music = with_pick_positions(melody(12, levels="continuous"), 7)
    rises, noise = ignored_controls(learnt, play("string", music, seed=99), music)
    assert ignored(rises, noise) in ([], ["ignored_to_offset"])
    assert rises["ignored_pick_position"] > 10 * noise
    assert rises["ignored_openness"] > 10 * noise
