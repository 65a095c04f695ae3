"""The explorer: every control moves the sound the right way, settings go round, errors are shown.

The instrument is the shipped `string`. Moves arrive as the browser sends them, through `set_state`.
"""

import asyncio
import re

import numpy as np
import pytest
from page_sounds import displayed, html_of, played_in

from nmsynth_lib.errors import InstrumentNotFoundError, SettingError
from nmsynth_lib.guitars.string import string_audio, string_partial_decay
from nmsynth_lib.instrument import Instrument
from nmsynth_lib.instrument_files import SPEC_FILE, find_instrument
from nmsynth_lib.note_decay import decay_in_words, decay_law, partial_traces
from nmsynth_lib.note_measures import note_table
from nmsynth_lib.performance import Performance, midi_to_hz
from nmsynth_lib.schema import ControlSpec, InstrumentSpec
from nmsynth_lib.settings import Setting
from nmsynth_lib.widgets import Explorer, explore


@pytest.fixture(scope="module")
def guitar():
    return Instrument.load("string")


@pytest.fixture
def explorer(guitar):
    return Explorer([guitar])


def move(explorer, **settings):
    """What a browser's message does; gives back the note, measured."""
    explorer.set_state({**settings, "asked": explorer.answered + 1})
    assert explorer.problem == ""
    assert explorer.told["number"] == explorer.heard["number"]
    return note_table(explorer.audio, 16000, explorer.played())[0]


def test_openness_lengthens_the_ring_at_every_step(explorer):
    rings = [move(explorer, controls={"openness": value}).t20_s for value in (0, 64, 127)]
    assert rings[0] * 1.5 < rings[1] < rings[2]
    assert rings[2] > 3 * rings[0]
    assert "Open" in explorer.told["words"][0]


def test_pitch_velocity_and_length_do_what_they_say(explorer):
    low, high = explorer.menus["pitches"]
    assert (low, high) == (36, 76)
    for pitch in (low, 56, high):
        assert abs(move(explorer, pitch=pitch).cents) < 15
    move(explorer, pitch=45)
    peaks = [move(explorer, velocity=value).peak_db for value in (1, 64, 127)]
    assert peaks[0] < peaks[1] - 1 < peaks[2] - 2
    for seconds in (0.1, 1.8, 3.5):
        move(explorer, seconds=seconds)
        end = round((0.1 + seconds) * 16000)
        before = np.square(explorer.audio[end - 800 : end]).mean()
        after = np.square(explorer.audio[end + 3200 : end + 6400]).mean()
        assert 10 * np.log10(before / max(after, 1e-12)) > 15
        assert len(explorer.audio) == 4 * 16000


def test_every_style_channel_of_the_schema_gets_a_slider_without_code(guitar):
    vibrato = ControlSpec(name="vibrato", source="cc", cc=1, low=0, high=100, default=30)

    class WithVibrato:
        spec = guitar.spec.model_copy(update={"controls": (*guitar.spec.controls, vibrato)})
        sample_rate = guitar.sample_rate
        render = staticmethod(guitar.render)

    explorer = Explorer([WithVibrato()])
    assert [one["label"] for one in explorer.menus["channels"]] == [
        "Openness (CC55)",
        "vibrato (CC1)",
    ]
    assert explorer.setting["controls"] == {"openness": 127, "vibrato": 30}
    for value in (0, 50, 100):
        move(explorer, controls={"vibrato": value})
        assert explorer.played().controllers[1] == ((0.0, value),)


# Decay against the law -------------------------------------------------------------------------


@pytest.mark.parametrize("openness", [10, 127])
def test_measured_decay_is_the_waveguides_own(guitar, openness):
    """The string itself, whose law is known, measured as the explorer measures the network."""
    music = Performance.from_notes([(45, 110, 0.1, 2.6)], cc={55: openness})
    audio = string_audio(music, tail=1.4)
    traces = partial_traces(audio, 16000, music, music.notes[0], guitar.spec)
    assert [one.partial for one in traces] == [1, 2, 4, 8]
    for one in traces:
        law = string_partial_decay(110.0, openness / 127, one.partial)
        assert one.law_db_per_s == pytest.approx(law)
        assert one.decay_db_per_s == pytest.approx(law, rel=0.12, abs=1.0)
        at = int(np.ceil(one.fit_from / 0.02)) + 2
        expected = one.fit_db - law * (0.02 * at - one.fit_from)
        assert one.level_db[at] == pytest.approx(expected, abs=1.5)


def test_the_network_is_told_beside_the_law(explorer):
    move(explorer, controls={"openness": 127}, pitch=40, seconds=3.0)
    told = explorer.told["partials"]
    f0 = float(midi_to_hz(40))
    for one in told:
        assert one["law"] == pytest.approx(string_partial_decay(f0, 1.0, one["partial"]))
    assert told[0]["decay"] < told[3]["decay"]
    said = explorer.told["words"][1]
    rates = re.findall(r"partial (\d) (\d+) \(law (\d+)\)", said)
    assert [int(partial) for partial, _, _ in rates] == [1, 2, 4, 8]
    assert [int(rate) for _, rate, _ in rates] == [round(one["decay"]) for one in told]


def test_where_no_law_is_known_it_says_so(guitar):
    sampled = Instrument.load("sampled")
    assert decay_law(sampled.spec) is None
    pick = InstrumentSpec.read(find_instrument("string_pick") / SPEC_FILE)
    assert decay_law(pick) is decay_law(guitar.spec) is not None
    explorer = Explorer([sampled])
    assert "Nobody knows a law of the guitar that sampled learnt from" in explorer.told["words"][1]
    assert all(one["law"] is None for one in explorer.told["partials"])


def test_a_note_too_short_to_tell_is_owned_up_to(explorer, guitar):
    move(explorer, seconds=0.1, pitch=40)
    assert "too short or too quiet to tell" in explorer.told["words"][1]
    assert [one["decay"] for one in explorer.told["partials"]] == [None] * 4
    silence = partial_traces(
        np.zeros(64000), 16000, explorer.played(), explorer.played().notes[0], guitar.spec
    )
    assert "too quiet" in decay_in_words(silence, guitar.spec)
    move(explorer, seconds=3.5, pitch=76)
    assert all(one["hz"] < 7200 for one in explorer.told["partials"])


# Settings --------------------------------------------------------------------------------------


def test_a_setting_brings_the_same_sound_back(explorer, guitar):
    move(explorer, controls={"openness": 33}, pitch=52, velocity=71, seconds=1.2)
    setting = explorer.setting
    assert setting == explorer.heard["setting"]
    assert Explorer([guitar], setting).pcm == explorer.pcm
    other = Explorer([guitar])
    before = other.pcm
    other.setting = Setting.of(setting).to_json()
    assert other.pcm == explorer.pcm != before


def paste(explorer, text):
    number = explorer.pasted.get("number", 0) + 1
    asked = explorer.answered + 1
    explorer.set_state({"pasted": {"text": text, "number": number}, "asked": asked})
    assert explorer.answered == asked
    return explorer.paste_problem


def test_pasting_takes_what_is_right_and_says_what_is_wrong(explorer):
    before = explorer.pcm
    for text, says in {
        "": "nothing to paste",
        '{"instrument": "nowhere"}': "no instrument 'nowhere' here; there is: string",
        '{"instrument": "string", "controls": {"wah": 3}}': "no style channel 'wah'",
        '{"instrument": "string", "pitch": 90}': "string plays 36 to 76",
        '{"instrument": "string", "seconds": 9}': "seconds is 9; give 0.1 to 3.5",
        '{"instrument": "string", "phrase": "Riff"}': "plays a whole phrase",
    }.items():
        assert says in paste(explorer, text)
        assert explorer.pcm == before
    good = '{"instrument": "string", "controls": {"openness": 5}, "velocity": 90, "seconds": 2}'
    assert paste(explorer, good) == ""
    assert explorer.controls == {"openness": 5}
    assert (explorer.velocity, explorer.seconds) == (90, 2.0)
    assert explorer.pcm != before
    assert explorer.heard["setting"]["controls"] == {"openness": 5}


def test_wrong_settings_in_code_are_errors(guitar):
    with pytest.raises(SettingError, match="'instrument' is missing"):
        Explorer([guitar], {"controls": {}})
    with pytest.raises(SettingError, match="no instrument 'nowhere'"):
        explore(guitar, setting={"instrument": "nowhere"})
    with pytest.raises(InstrumentNotFoundError):
        Explorer(["nowhere"])


# Sound first -----------------------------------------------------------------------------------


def test_words_wait_until_the_hand_rests(guitar):
    """In a kernel's loop: ten moves, ten sounds, and words about the last one alone."""
    explorer = Explorer([guitar])
    described, describe = [], explorer._describe
    explorer._describe = lambda settings: described.append(settings) or describe(settings)

    async def drag():
        for value in range(30, 40):
            explorer.set_state({"controls": {"openness": value}, "asked": explorer.asked + 1})
            assert explorer.heard["setting"]["controls"] == {"openness": value}
            assert explorer.answered == explorer.asked
            await asyncio.sleep(0)
        assert described == []
        before = explorer.told["number"]
        for _ in range(200):
            await asyncio.sleep(0.02)
            if explorer.told["number"] != before:
                break

    asyncio.run(drag())
    assert [one["controls"] for one in described] == [{"openness": 39}]
    assert explorer.told["number"] == explorer.heard["number"]
    assert "CC55 = 39" in explorer.told["words"][0]
    assert 0 < explorer.clock["received"] <= explorer.clock["made"]


def test_what_another_cell_sets_is_described_at_once(guitar):
    async def cell():
        explorer = Explorer([guitar])
        explorer.controls = {"openness": 3}
        assert "CC55 = 3" in explorer.told["words"][0]

    asyncio.run(cell())


def test_a_bug_is_shown_and_the_old_sound_stays(guitar):
    class Broken:
        spec, sample_rate = guitar.spec, guitar.sample_rate

        def render(self, music, tail):
            if music.notes[0].velocity == 13:
                raise ZeroDivisionError("division by zero")
            return guitar.render(music, tail=tail)

    explorer = Explorer([Broken()])
    before = explorer.pcm
    explorer.set_state({"velocity": 13, "asked": 1})
    assert explorer.problem == "ZeroDivisionError: division by zero"
    assert (explorer.pcm, explorer.answered) == (before, 1)
    explorer._describe = lambda settings: 1 / 0
    explorer.set_state({"velocity": 14, "asked": 2})
    assert explorer.problem == "ZeroDivisionError: division by zero"
    assert explorer.pcm != before


# Without widgets --------------------------------------------------------------------------------


def test_pages_without_widgets_get_players(explorer):
    """The setting as it is, open and muted: the open string rings longest."""
    move(explorer, controls={"openness": 64})
    data, _ = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    as_set, opened, muted = played_in(data["text/html"])
    rings = [
        note_table(one, 16000, explorer.played(), pitch=False)[0].t20_s
        for one in (muted, as_set, opened)
    ]
    assert rings == sorted(rings)
    assert rings[2] > 2 * rings[0]


def test_fallback_plays_without_a_front_end(guitar, monkeypatch):
    shown = displayed(monkeypatch)
    assert explore(guitar, setting={"instrument": "string", "pitch": 52}, fallback=True) is None
    assert len(played_in(html_of(shown[0]))) == 3
