"""Settings: what is copied comes back the same, and what is wrong is said in one line."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmsynth_lib.errors import SettingError
from nmsynth_lib.schema import ControlSpec, InstrumentSpec, guitar_controls
from nmsynth_lib.settings import Setting

MIDI = st.integers(0, 127)
OPTIONAL = {
    "velocity": st.integers(1, 127),
    "pitch": MIDI,
    "seconds": st.floats(0.01, 60),
    "phrase": st.text(max_size=20),
    "note_length": st.integers(10, 200),
    "transpose": st.integers(-12, 12),
    "notes": st.lists(
        st.tuples(MIDI, st.integers(1, 127), st.floats(0, 9), st.floats(9, 20)), max_size=3
    ),
    "lanes": st.dictionaries(
        st.text(max_size=9), st.lists(st.tuples(st.floats(0, 9), MIDI), max_size=3), max_size=2
    ),
}
SETTINGS = st.fixed_dictionaries(
    {
        "instrument": st.text(min_size=1, max_size=30),
        "controls": st.dictionaries(st.text(max_size=12), MIDI, max_size=3),
    },
    optional=OPTIONAL,
)
PICK = ControlSpec(name="pick", source="cc", cc=74, low=10, high=90, default=64)
SPEC = InstrumentSpec(name="string", controls=(*guitar_controls(), PICK))


@given(SETTINGS)
def test_json_and_code_bring_a_setting_back(entries):
    setting = Setting.of(entries)
    assert Setting.from_json(setting.to_json()) == setting
    assert "\n" not in setting.to_json()
    # What "Copy as code" puts between the brackets is Python, too.
    assert Setting.of(eval(setting.to_json(), {"__builtins__": {}})) == setting
    assert {**setting.entries(), "format": 1} == setting.entries()
    assert all(setting.entries()[name] is not None for name in setting.entries())


@given(st.one_of(st.text(max_size=60), SETTINGS.map(json.dumps).map(lambda text: text[:-1])))
def test_whatever_is_pasted_gives_a_setting_or_one_line(text):
    try:
        Setting.from_json(text)
    except SettingError as error:
        assert str(error).strip()
        assert "\n" not in str(error)
        assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "nothing to paste"),
        ('{"instrument": "string"', r"stops being JSON \(line 1, character 24\)"),
        ("explore(setting={})", "stops being JSON"),
        ("[" * 5000, "stops being JSON"),
        ("[1, 2]", r"not a setting but \[1, 2\]; it looks like"),
        ('{"format": 2, "what": {}}', "format 2, of a newer nmsynth; this one reads format 1"),
        ('{"format": "1"}', 'format is "1"'),
        ("{}", "'instrument' is missing"),
        ('{"instrument": "s", "pich": 3}', "no entry 'pich'; it may have: .*pitch"),
        ('{"instrument": "s", "velocity": 128}', "velocity is 128; it should be at most 127"),
        ('{"instrument": "s", "velocity": 0}', "velocity is 0; it should be at least 1"),
        ('{"instrument": "s", "velocity": true}', "velocity is true; it should be a whole"),
        ('{"instrument": "s", "pitch": 40.5}', "pitch is 40.5; it should be a whole number"),
        ('{"instrument": "s", "seconds": NaN}', "seconds is NaN"),
        ('{"instrument": "s", "controls": {"a": -1}}', "controls.a is -1; it should be at least 0"),
        ('{"instrument": "s", "controls": [1]}', r"controls is \[1\]; it should be an object"),
        ('{"instrument": 3}', "instrument is 3; it should be a"),
    ],
)
def test_what_is_wrong_is_said(text, says):
    with pytest.raises(SettingError, match=says):
        Setting.from_json(text)


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"controls": {"opennes": 5}}, "string has no style channel 'opennes'; its channels: open"),
        ({"controls": {"pick": 9}}, "pick is 9; string takes 10 to 90"),
        ({"lanes": {"pick": [(0.0, 50), (1.0, 91)]}}, "pick is 91"),
        ({"lanes": {"nail": []}}, "no style channel 'nail'"),
        ({"pitch": 77}, "pitch is 77; string plays 36 to 76"),
    ],
)
def test_what_the_instrument_cannot_play_is_said(entries, says):
    setting = Setting.of({"instrument": "string", **entries})
    with pytest.raises(SettingError, match=says):
        setting.checked(SPEC)


def test_what_it_can_play_is_let_through():
    whole = {"controls": {"openness": 0, "pick": 90}, "pitch": 36, "lanes": {"pick": [(0, 10)]}}
    setting = Setting.of({"instrument": "string", **whole})
    assert setting.checked(SPEC) is setting


def test_what_cannot_be_json_is_refused():
    with pytest.raises(SettingError, match="cannot be JSON"):
        Setting.of({"instrument": "string", "controls": {"openness": {1}}})
    with pytest.raises(SettingError):
        Setting.of({"instrument": "string", "seconds": math.inf})
