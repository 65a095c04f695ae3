"""Schema: what is written is read back, what is wrong is said in a line, and data is enough."""

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nmsynth_lib.controls import control_curves
from nmsynth_lib.errors import SchemaError
from nmsynth_lib.midi.channel import MACHINERY
from nmsynth_lib.performance import Performance
from nmsynth_lib.schema import (
    Architecture,
    AudioRates,
    ControlSpec,
    InstrumentSpec,
)

finite = st.floats(-1e6, 1e6, allow_nan=False)
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30)


@st.composite
def specs(draw):
    """Any instrument that the schema can say."""
    cc = ControlSpec(
        name="channel",
        source="cc",
        cc=draw(st.integers(0, 119).filter(lambda number: number not in MACHINERY)),
        low=0,
        high=draw(st.floats(0.5, 127)),
        default=draw(finite),
        interpolation=draw(st.sampled_from(["hold", "ramp"])),
        unknown=draw(st.none() | finite),
        label=draw(words),
    )
    points = sorted(draw(st.lists(st.tuples(finite, finite), min_size=1, max_size=4)))
    return InstrumentSpec(
        name=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)),
        description=draw(words),
        rates=AudioRates(
            sample_rate=draw(st.integers(8000, 96000)), hop=draw(st.integers(8, 1024))
        ),
        controls=(*InstrumentSpec().controls, cc),
        architecture=Architecture(
            gru_units=draw(st.integers(0, 2048)), inharmonicity=points, tuning_cents=points
        ),
        provenance={"minutes": draw(finite), "note": draw(words)},
        figures={"mss": draw(finite)},
    )


@given(spec=specs())
def test_what_is_written_is_read_back(spec, tmp_path_factory):
    path = tmp_path_factory.mktemp("schema") / "instrument.yaml"
    spec.write(path)
    assert InstrumentSpec.read(path) == spec


def test_the_file_is_plain_yaml_in_the_order_of_the_page(tmp_path):
    path = tmp_path / "instrument.yaml"
    InstrumentSpec(name="mine").write(path)
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert list(entries)[:5] == ["name", "description", "format", "rates", "controls"]
    assert entries["controls"][2]["cc"] == 55


WRONG = {
    "hop of 4 samples": ("rates", {"hop": 4}, "rates.hop"),
    "sample rate in words": ("rates", {"sample_rate": "high"}, "rates.sample_rate"),
    "a misspelt entry": ("archtecture", {}, "archtecture"),
    "a misspelt size": ("architecture", {"gru_unit": 8}, "architecture.gru_unit"),
    "no partials": ("architecture", {"n_harmonics": 0}, "architecture.n_harmonics"),
    "no stiffness points": ("architecture", {"inharmonicity": []}, "architecture.inharmonicity"),
    "pitches that fall": (
        "architecture",
        {"tuning_cents": [[60, 1.0], [40, 1.0]]},
        "architecture.tuning_cents",
    ),
    "a cent that is no number": (
        "architecture",
        {"tuning_cents": [[60, float("nan")]]},
        "architecture.tuning_cents.0.1",
    ),
    "another format": ("format", 2, "format"),
    "a name with a slash": ("name", "a/b", "name"),
    "no controls": ("controls", [], "pitch"),
    "controls as a word": ("controls", "all", "controls"),
}
WRONG_CONTROL = {
    "low above high": ({"low": 5, "high": 1}, "bend_depth"),
    "low that is no number": ({"low": float("nan")}, "controls.1.low"),
    "cc 128": ({"cc": 128}, "controls.1.cc"),
    "no cc": ({"cc": None}, "bend_depth"),
    "cc with another source": ({"source": "velocity"}, "bend_depth"),
    "unheard-of source": ({"source": "breath"}, "controls.1.source"),
    "a log scale of a cc": ({"scale": "log"}, "bend_depth"),
    "a ramp of note times": (
        {"source": "since_onset", "cc": None, "interpolation": "ramp"},
        "bend_depth: interpolation: ramp is for source: cc",
    ),
    "a ramp of velocity": (
        {"source": "velocity", "cc": None, "interpolation": "ramp"},
        "bend_depth: interpolation: ramp is for source: cc",
    ),
    "knee of 0": ({"knee": 0}, "controls.1.knee"),
    "a name in capitals": ({"name": "Bend"}, "controls.1.name"),
    "a name used twice": ({"name": "pitch"}, "pitch"),
}


def assert_refused(path, named):
    with pytest.raises(SchemaError) as caught:
        InstrumentSpec.read(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert named in message
    assert "\n" not in message
    assert len(message) < len(str(path)) + 300


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_entry_is_named_in_one_line(case, tmp_path):
    entry, value, named = WRONG[case]
    path = tmp_path / "instrument.yaml"
    path.write_text(yaml.safe_dump({"name": "mine", entry: value}))
    assert_refused(path, named)


@pytest.mark.parametrize("case", WRONG_CONTROL)
def test_a_wrong_control_is_named_in_one_line(case, tmp_path):
    changed, named = WRONG_CONTROL[case]
    pitch = {"name": "pitch", "source": "pitch", "low": 0, "high": 127}
    control = {"name": "bend_depth", "source": "cc", "cc": 20, "low": 0, "high": 127}
    path = tmp_path / "instrument.yaml"
    path.write_text(yaml.safe_dump({"controls": [pitch, {**control, **changed}]}))
    assert_refused(path, named)


@pytest.mark.parametrize(
    "content", [b"", b"[1, 2]", b"a: b: c", b"\xff\xfe\x00", b"- !!python/object:os.system x"]
)
def test_a_file_that_is_no_schema_is_refused(content, tmp_path):
    path = tmp_path / "instrument.yaml"
    path.write_bytes(content)
    assert_refused(path, "instrument.yaml")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    assert_refused(tmp_path / "instrument.yaml", "no such file")
    assert_refused(tmp_path, "YAML")


def test_a_spec_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="frozen"):
        InstrumentSpec().name = "other"


def test_a_new_style_channel_is_one_entry_and_no_code(tmp_path):
    """CC20, written into the file by hand, is read, shown as a style channel, and has its curve."""
    path = tmp_path / "instrument.yaml"
    InstrumentSpec(name="mine").write(path)
    entries = yaml.safe_load(path.read_text())
    entries["controls"].append(
        {"name": "vibrato", "source": "cc", "cc": 20, "low": 0, "high": 100, "label": "Vibrato"}
    )
    path.write_text(yaml.safe_dump(entries))
    spec = InstrumentSpec.read(path)
    assert [channel.label for channel in spec.style_channels()] == ["Openness (CC55)", "Vibrato"]
    music = Performance.from_notes([(40, 100, 0.0, 0.4)], cc={20: [(0.0, 10), (0.2, 50)]})
    curve = control_curves(music, spec, 100).values[:, -1]
    ends = (1 + np.arange(100)) / 250
    assert np.allclose(curve, np.where(ends < 0.2 - 1e-9, 0.1, 0.5), atol=1e-6)


@pytest.mark.parametrize(("sample_rate", "hop"), [(16000, 64), (44100, 128), (48000, 1000)])
def test_frame_rate_is_samples_over_hop(sample_rate, hop):
    assert AudioRates(sample_rate=sample_rate, hop=hop).frame_rate == sample_rate / hop


@pytest.mark.parametrize("number", [6, 64, 101, 123])
def test_midi_s_own_controllers_are_no_style_channels(number):
    with pytest.raises(ValueError, match=f"CC{number} is MIDI's own"):
        ControlSpec(name="pedal", source="cc", cc=number, low=0, high=127)


def test_a_ramp_of_pitch_is_read_and_changes_nothing(tmp_path):
    """Older instruments have one; pitch follows the bend in either case."""
    path = tmp_path / "instrument.yaml"
    InstrumentSpec(name="mine").write(path)
    entries = yaml.safe_load(path.read_text())
    entries["controls"][0]["interpolation"] = "ramp"
    path.write_text(yaml.safe_dump(entries))
    music = Performance.from_notes(
        [(40, 100, 0.0, 0.2), (47, 90, 0.2, 0.4)], bend=[(0.1, 0.5), (0.3, 0.0)]
    )
    older, newer = (control_curves(music, spec, 120) for spec in (
        InstrumentSpec.read(path), InstrumentSpec(name="mine")))  # fmt: skip
    assert np.array_equal(older.values, newer.values)
    assert np.array_equal(older.f0_hz, newer.f0_hz)


def test_older_files_name_a_gru_and_get_one():
    """The memory was always a GRU; a file that names its width means that."""
    assert Architecture(gru_units=128).memory == "gru"
    assert Architecture().memory == "leaky"
    kept = Architecture(gru_units=64, memory="leaky")
    assert Architecture.model_validate(kept.model_dump()).memory == "leaky"
