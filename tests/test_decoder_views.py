"""Views of the network's inside: each against the layer's own equation, written out in NumPy."""

import numpy as np
import pytest

from nmsynth_lib.decoder_plots import (
    plot_costs,
    plot_heads,
    plot_layers,
    plot_phases,
    plot_spectra,
)
from nmsynth_lib.decoder_views import (
    HEADS,
    _memory_alone,
    block_costs,
    moving_units,
    note_activations,
    parameter_counts,
    units_that_differ,
)
from nmsynth_lib.engines import keras
from nmsynth_lib.instrument import Instrument
from nmsynth_lib.long_tones import partial_cents, steady_tone
from nmsynth_lib.model import GuitarModel
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.schema import Architecture, InstrumentSpec
from nmsynth_lib.short_windows import (
    band_swing_db,
    crest_factor_db,
    short_window_db,
    short_window_distance_db,
)

RATE = 16000
UNITS, MEMORY, LAST, PARTIALS, BANDS, EVERY = 8, 6, 10, 12, 9, 2
NOTE = Performance.from_notes([Note(45, 90, 0.1, 0.3)], cc={55: 127})


def small_instrument(**changes):
    size = {
        "stack_units": UNITS,
        "stack_layers": 2,
        "gru_units": MEMORY,
        "gru_every": EVERY,
        "mlp_units": LAST,
        "mlp_layers": 2,
        "n_harmonics": PARTIALS,
        "n_noise_bands": BANDS,
        "reverb_seconds": 0.01,
    }
    spec = InstrumentSpec(architecture=Architecture(**(size | changes)))
    return Instrument(spec, GuitarModel(spec, seed=3))


@pytest.fixture(scope="module")
def instrument():
    return small_instrument()


@pytest.fixture(scope="module")
def inside(instrument):
    return note_activations(instrument, NOTE, tail=0.2)


@pytest.fixture(scope="module")
def costs(instrument):
    return block_costs(instrument, repeats=3)


# --- What each layer says -------------------------------------------------------------------------


def test_layers_stand_in_the_order_of_the_road(instrument, inside):
    controls = [control.name for control in instrument.spec.controls]
    assert list(inside.layers) == [*controls, "memory", "mlp", *HEADS]
    widths = [values.shape[1] for values in inside.layers.values()]
    assert widths == [UNITS] * len(controls) + [MEMORY, LAST, 1, PARTIALS, BANDS]
    assert {len(values) for values in inside.layers.values()} == {len(inside.seconds)}
    assert inside.seconds[-1] >= 0.5


def test_the_heads_are_what_the_instrument_plays_with(instrument, inside):
    said = instrument.parameters(NOTE, tail=0.2)
    for name in HEADS:
        np.testing.assert_allclose(inside.layers[name].squeeze(), said[name], rtol=1e-5, atol=1e-9)


def test_a_stack_is_its_dense_layers(instrument, inside):
    curves = instrument.curves(NOTE, len(inside.seconds)).values
    for column, stack in enumerate(instrument.model.decoder.stacks):
        x = curves[:, column : column + 1].astype(float)
        for dense in stack.dense:
            x = x @ dense.kernel.numpy() + dense.bias.numpy()
            x = np.where(x > 0, x, 0.2 * x)
        np.testing.assert_allclose(inside.layers[stack.name], x, atol=1e-4)


def test_the_memory_is_a_gru_by_its_equations(instrument, inside):
    """Cho et al. 2014 with Keras' second bias, a step every other frame."""
    gru = instrument.model.decoder.gru
    kernel, recurrent, bias = (weight.numpy().astype(float) for weight in gru.weights)
    stacks = [inside.layers[control.name] for control in instrument.spec.controls]
    features = np.concatenate(stacks, axis=1)[::EVERY].astype(float)
    silence = instrument.curves(NOTE, 64, -64)
    state = instrument.model.start(silence.values[None]).memory.numpy()[0].astype(float)
    for step, x in enumerate(features):
        of_input, of_state = x @ kernel + bias[0], state @ recurrent + bias[1]
        keep, reset = (
            1 / (1 + np.exp(-(a + b)))
            for a, b in zip(np.split(of_input, 3)[:2], np.split(of_state, 3)[:2], strict=True)
        )
        new = np.tanh(np.split(of_input, 3)[2] + reset * np.split(of_state, 3)[2])
        state = keep * state + (1 - keep) * new
        here = inside.layers["memory"][EVERY * step + EVERY - 1]
        np.testing.assert_allclose(here, state, atol=1e-4)


def test_a_decoder_without_memory_has_none_to_show():
    without = small_instrument(gru_units=0)
    shown = note_activations(without, NOTE, tail=0.2)
    assert "memory" not in shown.layers
    said = without.parameters(NOTE, tail=0.2)
    np.testing.assert_allclose(shown.layers["noise"], said["noise"], rtol=1e-5, atol=1e-9)
    costs = block_costs(without, repeats=1)
    assert (costs["memory"].parameters, costs["memory"].milliseconds) == (0, 0)


def test_a_memory_of_another_kind_is_timed_as_well():
    other = small_instrument()
    convolution = keras.layers.Conv1D(MEMORY, 3, padding="causal", name="gru")
    convolution.build((None, None, UNITS * len(other.spec.controls)))
    object.__setattr__(other.model.decoder, "gru", convolution)
    run, arguments = _memory_alone(other.model.decoder, np.zeros((1, 8, 48), np.float32))
    assert run(*arguments).shape == (1, 8, MEMORY)


def test_cc55_enters_by_its_own_stack_only(instrument, inside):
    muted = note_activations(instrument, NOTE.with_cc(55, 1), tail=0.2)
    differing = units_that_differ(inside, muted)
    stacks = [control.name for control in instrument.spec.controls]
    assert differing["openness"] > 0
    assert all(differing[name] == 0 for name in stacks if name != "openness")
    assert differing["memory"] > 0 and differing["mlp"] > 0
    assert set(units_that_differ(inside, inside).values()) == {0}


def test_only_clocks_move_while_one_note_sounds(inside):
    for name in ("pitch", "velocity", "openness"):
        assert moving_units(inside, name) == (0, 0)
    n_moving, at_onset = moving_units(inside, "since_onset")
    assert 0 < at_onset <= n_moving <= UNITS
    n_moving, at_onset = moving_units(inside, "since_offset")
    assert n_moving > 0


# --- What each block costs ------------------------------------------------------------------------


def test_parameters_are_those_of_the_architecture(instrument):
    n_stacks, width = len(instrument.spec.controls), UNITS * len(instrument.spec.controls)
    counts = parameter_counts(instrument)
    assert counts["pitch"] == (1 + 1) * UNITS + (UNITS + 1) * UNITS
    assert counts["gru"] == 3 * MEMORY * (width + MEMORY + 2)
    assert counts["mlp"] == (width + MEMORY + 1) * LAST + (LAST + 1) * LAST
    assert counts["distribution"] == (LAST + 1) * PARTIALS
    assert counts["room"] == 160
    assert len(counts) == n_stacks + 6
    assert sum(counts.values()) == instrument.model.decoder.count_params()


def test_blocks_hold_all_parameters_and_take_time(instrument, costs):
    assert list(costs) == ["stacks", "memory", "last layers", "partials", "noise", "room"]
    total = sum(cost.parameters for cost in costs.values())
    assert total == instrument.model.decoder.count_params()
    assert costs["partials"].parameters == costs["noise"].parameters == 0
    assert all(cost.milliseconds > 0 for cost in costs.values())
    assert costs["room"].parameters == 160


# --- Tones and short windows ----------------------------------------------------------------------


def test_a_long_tone_of_ours_is_the_truth():
    ours, truth = steady_tone(82.40625, 4, seconds=3, keep=1)
    assert ours.shape == truth.shape == (RATE,)
    assert 10 * np.log10(np.sum(truth**2) / np.sum((ours - truth) ** 2)) > 60
    power = np.mean(np.square(truth))  # four sines of 1/8
    assert power == pytest.approx(4 * 0.125**2 / 2, rel=0.01)


def test_partials_astray_are_found_by_the_cents_they_were_moved():
    moved = np.array([44.5, -60.5, 0.0, 3.0])
    hertz = 82.40625 * np.arange(1, 5) * 2 ** (moved / 1200)
    tone = np.sin(2 * np.pi * hertz[:, None] * np.arange(2 * RATE) / RATE + 0.3).sum(axis=0)
    np.testing.assert_allclose(partial_cents(tone, 82.40625, 4), moved, atol=0.05)


def test_crest_factors_are_the_textbook_s():
    times = np.arange(RATE) / RATE
    assert crest_factor_db(np.sin(2 * np.pi * 100 * times)) == pytest.approx(3.01, abs=0.01)
    assert crest_factor_db(np.sign(np.sin(2 * np.pi * 100 * times + 0.01))) == pytest.approx(0)
    pulses = (np.arange(RATE) % 100 == 0).astype(float)
    assert crest_factor_db(pulses) == pytest.approx(20.0)


def test_a_short_window_sees_a_sine_at_its_level_and_silence_at_the_floor():
    sine = 0.1 * np.sin(2 * np.pi * 2000 * np.arange(RATE) / RATE)  # bin 8 of 64
    levels = short_window_db(sine)
    assert levels.shape == (1 + (RATE - 64) // 8, 33)
    np.testing.assert_allclose(levels[:, 8], -20, atol=0.2)
    assert short_window_db(np.zeros(200)).max() == -80
    assert short_window_distance_db(sine, sine) == 0
    assert short_window_distance_db(sine, 0.1 * sine) > 1


def test_pulses_swing_and_noise_does_so_less():
    pulses = (np.arange(RATE) % 200 == 0).astype(float)
    noise = np.random.default_rng(0).normal(0, 0.1, RATE)
    assert band_swing_db(pulses) > 50
    assert band_swing_db(noise) < 30


# --- Pictures -------------------------------------------------------------------------------------


def test_pictures_have_units_marks_and_words(inside, costs):
    turns = 2 * np.pi * np.arange(RATE) / RATE
    tones = {"one": np.sin(100 * turns), "two": 0.1 * np.sin(1000 * turns)}
    pictures = {
        "layers": plot_layers(inside, ["pitch", "memory"]),
        "heads": plot_heads(inside),
        "phases": plot_phases(tones),
        "spectra": plot_spectra(tones, marks_hz=[100.0]),
        "costs": plot_costs({"small": costs, "again": costs}),
    }
    words = {
        "layers": "pitch: 0 of 8 units move",
        "heads": "Amplitude: largest at",
        "phases": "one: crest factor 3.0 dB",
        "spectra": "two: strongest at 1000 Hz",
        "costs": "small, parameters and time for a second of sound: stacks",
    }
    for name, picture in pictures.items():
        assert words[name] in picture.alt
        assert "nan" not in picture.alt
        labels = "".join(ax.get_xlabel() + ax.get_ylabel() for ax in picture.axes)
        assert any(unit in labels for unit in ("seconds", "ms", "Hz"))
        assert len(picture.png()) > 5000
    (first, *_) = pictures["layers"].axes
    onset, offset = first.lines
    assert (onset.get_xdata()[0], offset.get_xdata()[0]) == (0.1, 0.3)
    assert onset.get_linestyle() != offset.get_linestyle()
