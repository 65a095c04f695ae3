"""Blending: what lies between the few values that a recording holds."""

import numpy as np
import pytest
import tensorflow as tf

from nmsynth_lib.blending import PRICE, blend_price, heard_levels
from nmsynth_lib.errors import SchemaError
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.schema import InstrumentSpec, guitar_controls
from nmsynth_lib.score import training_score
from nmsynth_lib.synthesis import SynthParameters

OPENNESS = next(control for control in guitar_controls() if control.name == "openness")
COLUMN = [control.name for control in guitar_controls()].index("openness")


def piece(*values):
    """One note for each CC55 value."""
    notes = [Note(pitch=50, velocity=90, onset=i * 1.0, offset=i + 0.5) for i in range(len(values))]
    return Performance(notes, {55: [(i * 1.0, value) for i, value in enumerate(values)]})


def test_few_levels_are_found_and_many_are_a_range():
    assert heard_levels(OPENNESS, [piece(1, 127, 1)]) == (1, 127)
    assert heard_levels(OPENNESS, [piece(0, 64), piece(127)]) == (0, 64, 127)
    assert heard_levels(OPENNESS, [piece(64, 64)]) is None
    assert heard_levels(OPENNESS, [piece(*range(0, 120, 10))]) is None


def test_the_built_in_scores_are_what_they_say():
    two, all_of_them = training_score(2, 0, "two"), training_score(2, 0, "continuous")
    assert heard_levels(OPENNESS, [two]) == (1, 127)
    assert heard_levels(OPENNESS, [all_of_them]) is None


def test_only_controllers_are_blended():
    for control in guitar_controls():
        if control.source != "cc":
            assert heard_levels(control, [piece(1, 127)]) is None


def spec_with(heard):
    controls = [
        control.model_copy(update={"heard": heard}) if control.name == "openness" else control
        for control in guitar_controls()
    ]
    return InstrumentSpec(controls=controls)


def decoder_whose_level_in_nepers_is(of_openness):
    """One partial and one noise band, far above the floor, with a level that is known."""

    def decoder(controls):
        level = tf.exp(of_openness(controls[..., COLUMN : COLUMN + 1]))
        return SynthParameters(level, tf.ones_like(level), level), None

    return decoder


def price_of(of_openness, heard=(0.0, 127.0), chance=0.5):
    controls = tf.constant(np.random.default_rng(0).random((3, 20, 6)), tf.float32)
    decoder = decoder_whose_level_in_nepers_is(of_openness)
    return float(blend_price(decoder, spec_with(heard), controls, tf.fill([3], chance)))


def test_a_straight_line_in_db_is_free():
    assert price_of(lambda o: 5.0 * o - 2.0, chance=0.3) == pytest.approx(0.0, abs=1e-4)
    assert price_of(lambda o: 5.0 * o - 2.0, (0.0, 32.0, 127.0), 0.8) == pytest.approx(0, abs=1e-4)


def test_a_bend_costs_its_distance_from_the_line():
    """o squared lies a quarter below the line at the middle; partials and noise pay alike."""
    assert price_of(lambda o: o**2) == pytest.approx(2 * PRICE * 0.25, rel=1e-3)
    by_parts = price_of(lambda o: o**2, (0.0, 63.5, 127.0), chance=0.25)
    assert by_parts == pytest.approx(2 * PRICE * 0.0625, rel=1e-3)


def test_a_channel_that_covers_its_range_costs_nothing():
    assert price_of(lambda o: o**2, heard=None) == 0.0


@pytest.mark.parametrize("heard", [[1], [127, 1], [1, 1, 127]])
def test_levels_that_make_no_sense_are_refused(heard, tmp_path):
    path = tmp_path / "instrument.yaml"
    pitch = "{name: pitch, source: pitch, low: 28, high: 88}"
    style = f"{{name: a, source: cc, cc: 55, low: 0, high: 127, heard: {heard}}}"
    path.write_text(f"controls:\n- {pitch}\n- {style}\n")
    with pytest.raises(SchemaError, match="heard"):
        InstrumentSpec.read(path)
