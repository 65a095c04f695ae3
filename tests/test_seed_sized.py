"""The seed-sized baseline: the paper's sizes, stock DDSP's sound, and a network that does learn."""

import numpy as np
import pytest
import tensorflow as tf

from nmsynth_lib.errors import WeightsError
from nmsynth_lib.guitars import make_recording
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.phrases import phrases
from nmsynth_lib.seed_sized import (
    SHIPPED,
    Baseline,
    SeedSizedModel,
    baseline_cuts,
    compiled,
    pieces,
    seed_sized_spec,
    shipped_baseline,
)
from nmsynth_lib.stock_ddsp import ddsp

MUSIC = Performance.from_notes([Note(45, 100, 0.1, 0.9), Note(52, 70, 0.9, 5.2)], cc={55: 100})


@pytest.fixture(scope="module")
def small():
    return SeedSizedModel(seed_sized_spec(units=16, n_harmonics=20), seed=1)


def test_sizes_are_the_paper_s():
    """Six stacks of 3 x 512, a GRU and an MLP of 512, three heads, a room of 4 s."""
    u, stacks, heads = 512, 6, 1 + 100 + 65
    stack = (1 * u + u) + 2 * (u * u + u)
    gru = 3 * (stacks * u * u + u * u + 2 * u)
    mlp = ((stacks + 1) * u * u + u) + 2 * (u * u + u)
    expected = stacks * stack + gru + mlp + heads * (u + 1) + 4 * 16000
    spec = seed_sized_spec()
    assert SeedSizedModel(spec).count_params() == expected
    assert 4.0 * spec.rates.frame_rate == 250


def test_a_training_cut_is_stock_ddsp(small):
    """Partials, noise and reverb by ddsp's own processors, from what the network says."""
    rng = np.random.default_rng(0)
    inputs = {
        "controls": rng.uniform(0, 1, (2, 50, 6)).astype(np.float32),
        "f0_hz": np.full((2, 50), 110.0, np.float32),
        "white": rng.uniform(-1, 1, (2, 50 * 256)).astype(np.float32),
    }
    inputs = {name: tf.constant(value) for name, value in inputs.items()}
    amplitude, distribution, noise, _ = small.parameters(inputs["controls"])
    harmonic = ddsp.synths.Harmonic(50 * 256)(amplitude, distribution, inputs["f0_hz"][..., None])
    magnitudes = ddsp.core.exp_sigmoid(noise - 5.0)
    dry = harmonic + ddsp.core.frequency_filter(inputs["white"], magnitudes, window_size=257)
    np.testing.assert_allclose(small(inputs), dry, atol=1e-4)  # the room is still silent


def test_it_learns(tmp_path):
    """Twenty steps on half a minute of guitar lower the loss."""
    spec = seed_sized_spec(units=16, n_harmonics=20)
    folder = make_recording("string", tmp_path / "takes", minutes=0.5, seed=3)
    cuts = baseline_cuts(folder, spec, batch=2)
    history = compiled(SeedSizedModel(spec)).fit(
        cuts.training(0), epochs=4, steps_per_epoch=5, shuffle=False, verbose=0
    )
    losses = history.history["loss"]
    assert losses[-1] < 0.9 * losses[0]


def test_saved_and_loaded_it_plays_the_same(small, tmp_path):
    baseline = Baseline(small, {"steps": 3})
    baseline.save(tmp_path / "baseline")
    again = Baseline.load(tmp_path / "baseline")
    assert again.provenance["steps"] == 3
    np.testing.assert_array_equal(again.render(MUSIC), baseline.render(MUSIC))


@pytest.mark.parametrize("seconds", [0.4, 4.0, 9.3])
def test_any_length(small, seconds):
    music = Performance.from_notes([Note(45, 100, 0.0, seconds)])
    audio = Baseline(small).render(music, tail=0.5)
    assert len(audio) == round((seconds + 0.5) * 16000)
    assert np.isfinite(audio).all() and np.abs(audio).max() <= 1


def test_no_click_where_two_pieces_meet(small):
    """The oscillators go on across 4 s: no jump larger than those around it."""
    audio = Baseline(small).render(Performance.from_notes([Note(40, 100, 0.0, 8.0)]), tail=0.0)
    steps = np.abs(np.diff(audio))
    assert steps[63990:64010].max() < 2 * steps[60000:63000].max()


@pytest.mark.parametrize("damage", ["missing", "weights", "yaml"])
def test_a_folder_without_a_baseline_is_named(small, tmp_path, damage):
    folder = tmp_path / "baseline"
    if damage != "missing":
        Baseline(small).save(folder)
        file = {"weights": "model.weights.h5", "yaml": "baseline.yaml"}[damage]
        (folder / file).write_text("nothing of use")
    with pytest.raises(WeightsError, match="holds no baseline"):
        Baseline.load(folder)


@pytest.mark.parametrize("guitar", ["string", "sampled"])
def test_shipped_renders_are_found_by_their_music(guitar):
    known = pieces(guitar)
    assert len(known) == 4
    for name, performance in known.items():
        audio = shipped_baseline(guitar, performance)
        assert len(audio) == round((performance.duration + 1) * 16000), name
    assert shipped_baseline(guitar, phrases()["Riff"]) is None
    assert (SHIPPED / guitar / "baseline.yaml").is_file()
