"""The keyboard: a key gets its note, held as long as the finger stays, and damped as by the guitar.

The instruments are shipped ones. Questions arrive as the browser sends them, through `set_state`.
"""

from dataclasses import replace

import numpy as np
import pytest
from page_sounds import displayed, html_of, played_in

from nmsynth_lib.instrument import Instrument
from nmsynth_lib.live_notes import held_audio, let_go, live_note, release_gain_db
from nmsynth_lib.note_measures import note_table
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.widgets import Keyboard, keyboard
from nmsynth_lib.widgets.keyboard_widget import BEGINNING_S, OPEN_STRINGS, WHOLE_S

RATE = 16000


@pytest.fixture(scope="module")
def guitars():
    return {name: Instrument.load(name) for name in ("string", "sampled", "string_pick")}


@pytest.fixture(scope="module")
def keys(guitars):
    return Keyboard([guitars["string"], guitars["string_pick"]])


def asked(keys, pitch=40, velocity=96, seconds=WHOLE_S, **moves):
    """What a browser's question does; a number for a channel is where it stands."""
    steps = {name: one if isinstance(one, list) else [[0, one]] for name, one in moves.items()}
    wanted = {"pitch": pitch, "velocity": velocity, "seconds": seconds, "moves": steps}
    keys.set_state({"wanted": wanted, "asked": keys.answered + 1})
    assert keys.answered == keys.asked
    return keys.audio


def measured(audio, pitch=40, tuning=False):
    """The row of a held note."""
    played = Performance.from_notes([Note(pitch, 96, 0.0, len(audio) / RATE - 0.01)])
    (row,) = note_table(audio, RATE, played, pitch=tuning)
    return row


def level_db(audio):
    """Level of every 5 ms, smoothed over a period of the lowest string."""
    power = np.convolve(np.square(audio, dtype=float), np.ones(200) / 200, "same")
    return 10 * np.log10(power[:: RATE // 200] + 1e-12)


# --- The note that a key gets ---------------------------------------------------------------------


@pytest.mark.parametrize("pitch", [36, 55, 76])
def test_a_key_gets_its_pitch(keys, pitch):
    assert abs(measured(asked(keys, pitch, openness=127), pitch, tuning=True).cents) < 3


def test_sliders_move_what_is_heard_at_their_ends_and_between(keys):
    rings = [measured(asked(keys, openness=value)).t20_s for value in (0, 64, 127)]
    assert rings[0] * 1.5 < rings[1] < rings[2] / 1.5
    peaks = [measured(asked(keys, velocity=value, openness=127)).peak_db for value in (1, 64, 127)]
    assert peaks[0] + 10 < peaks[1] < peaks[2] - 6


def test_the_whole_note_begins_as_its_beginning_did(keys):
    """So that one can go over into the other in mid-note; and it rings on to its end."""
    beginning = asked(keys, seconds=BEGINNING_S, openness=127)
    assert len(keys.note["release_db"]) == 0
    whole = asked(keys, seconds=WHOLE_S, openness=127)
    assert (len(beginning), len(whole)) == (BEGINNING_S * RATE, WHOLE_S * RATE)
    np.testing.assert_array_equal(beginning, whole[: len(beginning)])
    falls = np.diff(level_db(whole)[40::200])
    assert np.all(falls < 0) and np.all(falls > -30), "no release: it rings on to its end"


def test_a_note_without_known_end_is_the_note_of_a_file(guitars):
    """The network learnt both ways: they differ less than a fifth in amplitude while it rings."""
    for guitar in guitars.values():
        held = held_audio(guitar, live_note(45, 96, {"openness": [(0, 127)]}, guitar), 1.5)
        file = guitar.render(Performance.from_notes([Note(45, 96, 0.0, 2.0)], {55: 127}))
        difference = np.abs(level_db(held) - level_db(file[: len(held)]))[:-40]
        assert difference.max() < 1.5


def test_a_slider_that_moves_while_a_note_sounds_changes_what_follows(keys):
    steady = asked(keys, openness=127)
    moved = asked(keys, openness=[[0, 127], [0.8, 0]])
    same = round(0.79 * RATE)
    np.testing.assert_array_equal(moved[:same], steady[:same])
    after = slice(180, 280)  # 0.9 to 1.4 s, every 5 ms
    falls = [
        np.polyfit(np.arange(100) / 200, level_db(one)[after], 1)[0] for one in (moved, steady)
    ]
    assert falls[0] < falls[1] - 10


# --- The release ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["string", "sampled"])
@pytest.mark.parametrize(("pitch", "openness"), [(40, 127), (40, 20), (59, 127)])
def test_a_note_that_is_let_go_dies_as_the_instrument_renders_it(guitars, name, pitch, openness):
    """The gain that the browser lays over a held note, against a render with its true end."""
    guitar = guitars[name]
    note = live_note(pitch, 96, {"openness": [(0, openness)]}, guitar)
    held = held_audio(guitar, note, 2.0)
    gain_db = release_gain_db(guitar, note, held)
    assert np.all(np.diff(gain_db) <= 0)
    for age in (0.1, 0.4):
        n_frames = 250 * 2
        ended, curves = let_go(guitar, note, age, n_frames)
        truth = guitar.render(ended, tail=1.0, curves=curves)
        since = np.arange(len(truth)) / RATE - age
        times = 0.004 * np.arange(len(gain_db) + 1)
        damped = held[: len(truth)] * 10 ** (np.interp(since, times, [0, *gain_db]) / 20)
        levels = [
            level_db(one)[round(200 * age) : round(200 * age) + 50] for one in (truth, damped)
        ]
        heard = levels[0] > max(levels[0][0] - 30, -70)
        assert np.abs(levels[0] - levels[1])[heard].mean() < 3


# --- What can go wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"pitch": 200}, "pitch is 200"),
        ({"pitch": "E2"}, "pitch is 'E2'"),
        ({"velocity": 0}, "velocity is 0"),
        ({"seconds": -1}, "seconds is -1"),
        ({"moves": {"vibrato": [[0, 1]]}}, "no style channel 'vibrato'. Channels: openness"),
        ({"moves": {"openness": [[0, 300]]}}, "300"),
    ],
)
def test_a_wrong_wish_is_told_and_the_next_one_plays(keys, wish, words):
    before = asked(keys)
    wanted = {"pitch": 40, "velocity": 96, "seconds": 1.0, "moves": {}}
    keys.set_state({"wanted": {**wanted, **wish}, "asked": keys.answered + 1})
    assert words in keys.problem and "Traceback" not in keys.problem
    np.testing.assert_array_equal(keys.audio, before)
    asked(keys, pitch=45)
    assert keys.problem == ""


def test_another_instrument_brings_its_own_channels(keys):
    assert [one["name"] for one in keys.menus["channels"]] == ["openness"]
    keys.set_state({"instrument": "string_pick", "asked": keys.answered + 1})
    assert [one["name"] for one in keys.menus["channels"]] == ["openness", "pick_position"]
    bridge, neck = (
        measured(asked(keys, openness=127, pick_position=value)).brightness_hz for value in (0, 127)
    )
    assert bridge > 1.2 * neck
    assert keys.note["instrument"] == "string_pick"
    keys.set_state({"instrument": "string", "asked": keys.answered + 1})
    assert keys.problem == "" and [one["name"] for one in keys.menus["channels"]] == ["openness"]


# --- Where there are no keys ----------------------------------------------------------------------


def test_pages_without_widgets_get_the_six_strings(keys):
    data, _ = keys._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    sounds = played_in(data["text/html"])
    assert len(sounds) == 2
    music = Performance.from_notes(
        [Note(pitch, 96, 0.1 + 0.6 * i, 0.6 + 0.6 * i) for i, pitch in enumerate(OPEN_STRINGS)]
    )
    rows = [note_table(sound, RATE, music) for sound in sounds]
    assert all(abs(row.cents) < 5 for row in rows[0])
    assert all(one.t20_s > two.t20_s for one, two in zip(*rows, strict=True))


def test_outside_a_notebook_plain_players_are_shown(guitars, monkeypatch):
    shown = displayed(monkeypatch)
    assert keyboard(guitars["string"]) is None
    assert len(played_in(html_of(shown[0]))) == 3


def test_let_go_hides_the_end_until_it_comes(guitars):
    """All that the network sees before the finger lifts is what it sees of a note that goes on."""
    guitar = guitars["string"]
    note = live_note(40, 96, {}, guitar)
    _, curves = let_go(guitar, note, 0.5, 250)
    going_on = guitar.curves(note, 250)
    np.testing.assert_array_equal(curves.values[:124], going_on.values[:124])
    (column,) = [i for i, one in enumerate(guitar.spec.controls) if one.source == "to_offset"]
    assert np.all(curves.values[126:, column] == 0)
    known = guitar.curves(replace(note, notes=[Note(40, 96, 0.0, 0.5)]), 250)
    assert np.all(known.values[:120, column] < curves.values[:120, column])
