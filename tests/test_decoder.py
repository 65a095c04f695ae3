"""Decoder: causal, its state carries over, and it starts as the architecture says."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nmsynth_lib.controls import control_curves
from nmsynth_lib.decoder import Decoder, LeakyIntegrators, Stack, exp_sigmoid
from nmsynth_lib.performance import Performance
from nmsynth_lib.schema import Architecture, ControlSpec, InstrumentSpec

SMALL = Architecture(
    stack_units=8,
    stack_layers=2,
    gru_units=12,
    gru_every=4,
    mlp_units=16,
    mlp_layers=2,
    n_harmonics=10,
    n_noise_bands=9,
    reverb_seconds=0.01,
)
GRU_EVERY = [1, 3, 4, 16]
MEMORIES = {
    "none": {"gru_units": 0},
    "gru": {"gru_units": 12, "memory": "gru"},
    "leaky": {"gru_units": 12, "memory": "leaky"},
}


def small_spec(**changed):
    return InstrumentSpec(architecture=SMALL.model_copy(update=changed))


def decoder_of(spec, seed=0, perturbed=True):
    """A decoder whose biases, heads and GRU all matter, as after some training."""
    decoder = Decoder(spec, seed)
    decoder.build()
    if perturbed:
        rng = np.random.default_rng(seed + 1)
        for weight in decoder.weights:
            weight.assign(weight.numpy() + rng.normal(0, 0.2, weight.shape))
    return decoder


def curves(n_frames, batch=2, n_controls=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1, [batch, n_frames, n_controls]).astype(np.float32)


def as_numpy(parameters):
    return [part.numpy() for part in parameters]


# Time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", GRU_EVERY)
@pytest.mark.parametrize("memory", MEMORIES)
def test_no_frame_sees_a_later_one(every, memory):
    """Whatever changes from a frame on, all before it stays as it was, to the bit."""
    decoder = decoder_of(small_spec(gru_every=every, **MEMORIES[memory]))
    seen = curves(48)
    said, _ = decoder(tf.constant(seen))
    for frame in (1, 16, 30, 47):
        other = seen.copy()
        other[:, frame:] = curves(48, seed=9)[:, frame:]
        changed, _ = decoder(tf.constant(other))
        for before, after in zip(as_numpy(said), as_numpy(changed), strict=True):
            assert np.array_equal(before[:, :frame], after[:, :frame])
            assert not np.allclose(before[:, frame], after[:, frame], rtol=1e-4, atol=0)


@pytest.mark.parametrize("every", GRU_EVERY)
@pytest.mark.parametrize("memory", MEMORIES)
def test_blocks_with_carried_memory_equal_the_whole(every, memory):
    decoder = decoder_of(small_spec(gru_every=every, **MEMORIES[memory]))
    seen = curves(7 * every)
    whole, _ = decoder(tf.constant(seen))
    state, blocks = decoder.initial_state(2), []
    for a, b in ((0, 1), (1, 4), (4, 5), (5, 7)):
        said, state = decoder(tf.constant(seen[:, a * every : b * every]), state)
        blocks.append(as_numpy(said))
    for one, parts in zip(as_numpy(whole), zip(*blocks, strict=True), strict=True):
        assert np.allclose(one, np.concatenate(parts, axis=1), rtol=2e-4, atol=1e-7)


def test_memory_reaches_further_back_than_a_frame():
    """With a memory an early frame still colours a late one; without, each frame stands alone."""
    for name, sizes in MEMORIES.items():
        decoder, remembers = decoder_of(small_spec(**sizes)), name != "none"
        seen = curves(24)
        other = seen.copy()
        other[:, 0] = 1 - other[:, 0]
        a, b = (decoder(tf.constant(x))[0].amplitude.numpy()[:, 20] for x in (seen, other))
        assert (not np.array_equal(a, b)) == remembers


@pytest.mark.parametrize("every", [2, 4, 16])
def test_between_its_steps_the_memory_moves_in_straight_lines(every):
    """Constant curves: the GRU's part of the input is linear within every step."""
    decoder = decoder_of(small_spec(gru_every=every))
    features = tf.constant(curves(4 * every, n_controls=6 * 8))
    memory, last = decoder._memory(features, tf.zeros([2, 12]))
    steps = memory.numpy().reshape(2, 4, every, 12)
    assert np.allclose(np.diff(steps, n=2, axis=2), 0, atol=1e-6)
    assert np.allclose(steps[:, -1, -1], last, atol=1e-6)
    assert np.allclose(steps[:, 0, -1] / every, steps[:, 0, 0], atol=1e-6)


@pytest.mark.parametrize("steps", [1, 50])
def test_leaky_integrators_are_their_recursion(steps):
    """h(t) = a h(t - 1) + (1 - a) W x(t), step by step in float64; the slowest forgets in 4 s."""
    layer = LeakyIntegrators(5, step_rate=62.5, seed=0)
    layer.build((None, None, 3))
    layer.into.bias.assign([0.1, -0.2, 0.3, 0.0, 0.5])
    rng = np.random.default_rng(0)
    x, state = rng.normal(size=(2, steps, 3)), rng.normal(size=(2, 5))
    seconds = np.geomspace(1 / 62.5, 4.0, 5)
    keep = np.exp(-1 / (62.5 * seconds))
    kernel, bias = (weight.numpy().astype(float) for weight in layer.weights)
    expected, h = [], state
    for t in range(steps):
        h = keep * h + (1 - keep) * (x[:, t] @ kernel + bias)
        expected.append(h)
    states, last = layer(tf.constant(x, tf.float32), tf.constant(state, tf.float32))
    np.testing.assert_allclose(states, np.stack(expected, axis=1), atol=1e-5)
    np.testing.assert_allclose(last, h, atol=1e-5)


# What it says ---------------------------------------------------------------------------------


def test_parameters_have_their_shapes_and_ranges():
    said, memory = decoder_of(small_spec())(tf.constant(curves(10, batch=3)))
    assert said.amplitude.shape == (3, 10, 1)
    assert said.distribution.shape == (3, 10, 10)
    assert said.noise.shape == (3, 10, 9)
    assert memory.shape == (3, 12)
    for part in said:
        assert (part.numpy() >= 0).all()
        assert (part.numpy() <= 2.0001).all()


def test_exp_sigmoid_is_ddsps():
    from nmsynth_lib.stock_ddsp import ddsp

    x = tf.constant(np.linspace(-30, 30, 301), tf.float32)
    np.testing.assert_allclose(exp_sigmoid(x), ddsp.core.exp_sigmoid(x), rtol=1e-4, atol=1e-12)


def test_shares_of_the_partials_sum_to_one():
    said, _ = decoder_of(small_spec(), seed=3)(tf.constant(curves(50)))
    assert np.allclose(said.distribution.numpy().sum(-1), 1, atol=1e-6)
    assert said.distribution.numpy().std(axis=1).max() > 1e-3  # and they do move


def test_one_more_on_a_logit_is_20_db_more_of_that_partial():
    """Against the others: for shares as for the exp-sigmoid heads."""
    decoder = decoder_of(small_spec())
    seen = tf.constant(curves(5))
    before, _ = decoder(seen)
    bias = decoder.distribution_head.bias
    bias.assign(bias.numpy() + np.eye(10)[4])
    after, _ = decoder(seen)
    ratio = (after.distribution[..., 4] / after.distribution[..., 0]) / (
        before.distribution[..., 4] / before.distribution[..., 0]
    )
    assert np.allclose(20 * np.log10(ratio), 20, atol=0.01)


# How it starts --------------------------------------------------------------------------------


def test_the_shipped_size_stays_below_a_million_parameters():
    decoder = decoder_of(InstrumentSpec(), perturbed=False)
    count = sum(int(np.prod(weight.shape)) for weight in decoder.weights)
    assert 100_000 < count <= 1_000_000


def test_parameter_count_follows_the_architecture():
    """Counted by hand: 6 stacks, GRU (three gates, two biases each), MLP, three heads, room."""
    decoder = decoder_of(small_spec())
    stacks = 6 * ((1 + 1) * 8 + (8 + 1) * 8)
    gru = 3 * 12 * (48 + 12 + 2)
    mlp = (60 + 1) * 16 + (16 + 1) * 16
    heads = (16 + 1) * (1 + 10 + 9)
    assert sum(int(np.prod(w.shape)) for w in decoder.weights) == stacks + gru + mlp + heads + 160
    assert decoder.count_params() == sum(int(np.prod(w.shape)) for w in decoder.trainable_weights)


def test_initial_weights_come_from_the_seed_alone():
    keras.utils.set_random_seed(1)
    one = decoder_of(small_spec(), seed=5, perturbed=False)
    keras.utils.set_random_seed(2)
    same = decoder_of(small_spec(), seed=5, perturbed=False)
    other = decoder_of(small_spec(), seed=6, perturbed=False)
    for a, b in zip(one.weights, same.weights, strict=True):
        assert np.array_equal(a, b)
    kernels = [
        (a.numpy(), b.numpy())
        for a, b in zip(one.weights, other.weights, strict=True)
        if a.name.endswith("kernel")
    ]
    assert len(kernels) > 10
    assert not any(np.allclose(a, b) for a, b in kernels)


def test_no_two_stacks_start_alike():
    decoder = decoder_of(small_spec(), perturbed=False)
    first = [stack.dense[0].kernel.numpy() for stack in decoder.stacks]
    for i, one in enumerate(first):
        assert not any(np.allclose(one, other) for other in first[i + 1 :])


def test_kinks_of_a_scalars_first_layer_are_spread_over_its_range():
    """A unit bends where its input crosses 0: x = -b / w, all of them somewhere in -0.1…1.1."""
    stack = Stack(96, 3, seed=4, scalar=True)
    stack.build((None, None, 1))
    first = stack.dense[0]
    kinks = -first.bias.numpy() / first.kernel.numpy()[0]
    assert kinks.min() >= -0.1001
    assert kinks.max() <= 1.1001
    counts, _ = np.histogram(kinks, bins=6, range=(-0.1, 1.1))
    assert counts.min() >= 5


def test_the_untrained_first_layer_is_no_straight_line():
    """Most units bend inside 0…1; with zero biases each would be one straight line."""
    stack = Stack(96, 1, seed=4, scalar=True)
    stack.build((None, None, 1))
    x = np.linspace(0, 1, 201, dtype=np.float32)[None, :, None]
    response = stack(tf.constant(x)).numpy()[0]
    line = np.linspace(response[0], response[-1], 201)
    bends = np.abs(response - line).max(axis=0) / np.ptp(response, axis=0)
    assert np.mean(bends > 0.02) > 0.5

    stack.dense[0].bias.assign(np.zeros(96))
    response = stack(tf.constant(x)).numpy()[0]
    line = np.linspace(response[0], response[-1], 201)
    assert np.abs(response - line).max() < 1e-5


def test_noise_starts_quieter_than_the_partials():
    said, _ = decoder_of(InstrumentSpec(), perturbed=False)(tf.constant(curves(20)))
    loud = np.sqrt(np.mean(np.sum((said.amplitude * said.distribution) ** 2, axis=-1) / 2))
    noise = np.sqrt(np.mean(said.noise.numpy() ** 2) / 3)
    assert 20 * np.log10(loud / noise) > 40


def test_low_partials_start_stronger():
    said, _ = decoder_of(InstrumentSpec(), perturbed=False)(tf.constant(curves(20)))
    level_db = 20 * np.log10(said.distribution.numpy().mean(axis=(0, 1)))
    slope, _ = np.polyfit(np.log2(np.arange(1, 81)), level_db, 1)
    assert -4.5 < slope < -1.5  # dB an octave; 3 are meant, and each partial has its own luck


def test_the_room_starts_empty_and_costs_its_energy():
    decoder = decoder_of(small_spec(), perturbed=False)
    assert np.abs(decoder.room.numpy()).max() == 0
    decoder.room.assign(np.full(160, 0.1))
    losses = np.array([float(loss) for loss in decoder.losses])
    assert losses[losses > 0].sum() == pytest.approx(0.1 * 160 * 0.01, rel=1e-4)


def test_the_room_dies_away_whatever_it_has_learnt():
    """Its response is the weights under a straight line in dB, from 0 to -43 dB."""
    decoder = decoder_of(small_spec(), perturbed=False)
    decoder.room.assign(np.full(160, -0.5))
    level = 20 * np.log10(np.abs(decoder.impulse_response().numpy()) / 0.5)
    assert np.allclose(level, np.linspace(0, -43.16, 160), atol=0.05)


# Learning and configuring ---------------------------------------------------------------------


@pytest.mark.parametrize("memory", MEMORIES)
def test_gradients_reach_every_weight_but_the_room(memory):
    """The room belongs to the synthesiser; all others must be able to learn."""
    decoder = decoder_of(small_spec(**MEMORIES[memory]))
    weights = [w for w in decoder.trainable_weights if "room" not in w.name]
    with tf.GradientTape() as tape:
        said, _ = decoder(tf.constant(curves(16)))
        total = sum(tf.reduce_sum(tf.math.log(part + 1e-6) ** 2) for part in said)
    for weight, gradient in zip(
        weights, tape.gradient(total, [w.value for w in weights]), strict=True
    ):
        assert np.isfinite(gradient).all(), weight.path
        assert np.abs(gradient).max() > 0, weight.path


def test_a_style_channel_more_is_a_stack_more():
    """The new control moves the sound, and code was not touched."""
    vibrato = ControlSpec(name="vibrato", source="cc", cc=20, low=0, high=127)
    spec = InstrumentSpec(architecture=SMALL, controls=(*InstrumentSpec().controls, vibrato))
    decoder = decoder_of(spec)
    assert [stack.name for stack in decoder.stacks][-1] == "vibrato"
    said = []
    for value in (0, 127):
        music = Performance.from_notes([(40, 100, 0.0, 0.2)], cc={20: value})
        seen = control_curves(music, spec, 48).values[None]
        said.append(decoder(tf.constant(seen))[0].amplitude.numpy())
    assert np.abs(said[0] - said[1]).max() > 1e-4


def test_the_wrong_number_of_curves_is_refused():
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        decoder_of(small_spec())(tf.constant(curves(8, n_controls=5)))
