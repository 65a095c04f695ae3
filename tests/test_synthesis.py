"""Synthesis: partials, noise and room against sums written out in float64 numpy.

Stock ddsp sums its phase in float32: after 4 s its oscillators lie 15 dB or less above their error
(measured against float64; 61 dB after 64 ms). Waveforms are therefore compared over 64 ms, where
its phase still holds, and partials' levels over 4 s; long sounds with the closed form.
"""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from nmsynth_lib import synthesis
from nmsynth_lib.noise import noise_audio, noise_ir_size
from nmsynth_lib.room import room_audio, room_size
from nmsynth_lib.schema import Architecture, AudioRates
from nmsynth_lib.stock_ddsp import ddsp
from nmsynth_lib.synthesis import (
    SynthParameters,
    anti_alias_gain,
    partial_bank,
    partial_frequencies,
    phase_spread,
    silent_state,
    synthesise,
)

RATES = AudioRates()
RATE, HOP = RATES.sample_rate, RATES.hop


def harmonic_audio(amplitudes, f0_hz, stiffness, rates, cycles, previous=None):
    """Audio of one block, and the phases after it."""
    bank = partial_bank(f0_hz, stiffness, rates, cycles)
    return synthesis.harmonic_audio(amplitudes, bank, previous), bank.cycles


def snr_db(truth, sound):
    """How far the error lies below the truth."""
    truth, sound = np.asarray(truth, np.float64), np.asarray(sound, np.float64)
    return 10 * np.log10(np.mean(truth**2) / (np.mean((truth - sound) ** 2) + 1e-30))


def frames(value, n_frames):
    """A constant for every frame, [1, n_frames]."""
    return tf.fill([1, n_frames], tf.constant(value, tf.float32))


def amplitudes_of(per_partial, n_frames):
    return tf.tile(tf.constant(per_partial, tf.float32)[None, None], [1, n_frames, 1])


def resting(n_harmonics):
    return tf.zeros([1, n_harmonics], tf.float64)


def partials(per_partial, f0, stiffness, n_frames, cycles=None, previous=None):
    """`harmonic_audio` of constant amplitudes, [n_samples]."""
    n = len(per_partial)
    cycles = resting(n) if cycles is None else tf.constant(cycles, tf.float64)[None]
    sound, _ = harmonic_audio(
        amplitudes_of(per_partial, n_frames),
        frames(f0, n_frames),
        frames(stiffness, n_frames),
        RATES,
        cycles,
        previous,
    )
    return sound[0].numpy()


def sum_of_sines(per_partial, f0, stiffness, samples, cycles=0.0):
    """The closed form: sum of a_k sin(2 pi (f_k n / rate + c_k)), float64."""
    k = np.arange(1, len(per_partial) + 1)
    f0, stiffness = np.float64(np.float32(f0)), np.float64(np.float32(stiffness))
    frequencies = k * f0 * np.sqrt(1 + stiffness * k**2)
    turns = frequencies[:, None] * samples / RATE + np.broadcast_to(cycles, k.shape)[:, None]
    return np.asarray(per_partial) @ np.sin(2 * np.pi * (turns % 1.0))


# Partials -------------------------------------------------------------------------------------


def test_partials_are_a_sum_of_sines():
    """Constant amplitudes, stiffness and starting phases: 90 dB above the error for 1 s."""
    rng = np.random.default_rng(1)
    per_partial, cycles = rng.uniform(0, 0.1, 40), rng.uniform(0, 1, 40)
    sound = partials(per_partial, 110.3, 2e-4, 250, cycles)
    truth = sum_of_sines(per_partial, 110.3, 2e-4, np.arange(16000), cycles)
    assert snr_db(truth, sound) > 90


def test_phases_do_not_drift_over_a_minute_of_blocks():
    """After 60 s in uneven blocks the last second still is the closed form, by 80 dB."""
    per_partial, f0, stiffness = 0.5 / np.arange(1, 21), 82.41, 1e-4
    cycles, first = tf.constant(phase_spread(Architecture(n_harmonics=20)))[None], 0
    start = cycles[0].numpy()
    while first < 60 * 250:
        n_frames = min(997, 60 * 250 - first)
        sound, cycles = harmonic_audio(
            amplitudes_of(per_partial, n_frames),
            frames(f0, n_frames),
            frames(stiffness, n_frames),
            RATES,
            cycles,
        )
        first += n_frames
    last = sound[0].numpy()
    samples = np.arange(60 * RATE - len(last), 60 * RATE)
    assert snr_db(sum_of_sines(per_partial, f0, stiffness, samples, start), last) > 80


@settings(max_examples=30)
@given(f0=st.floats(20, 2000), stiffness=st.floats(0, 1e-2), n_harmonics=st.integers(1, 120))
def test_partial_frequencies_follow_the_stiff_string(f0, stiffness, n_harmonics):
    got = partial_frequencies(
        tf.constant([f0], tf.float64), tf.constant([stiffness], tf.float64), n_harmonics
    )[0].numpy()
    for k in (1, (n_harmonics + 1) // 2, n_harmonics):
        assert got[k - 1] == pytest.approx(k * f0 * (1 + stiffness * k * k) ** 0.5, rel=1e-12)


def test_partials_sound_where_the_stiff_string_has_them():
    """Peaks of a long spectrum, not the formula: within 0.1 cent."""
    f0, stiffness = 110.0, 5e-4
    sound = partials(np.full(12, 0.05), f0, stiffness, 1000)
    n_fft = 1 << 19
    level = np.log(np.abs(np.fft.rfft(sound * np.blackman(len(sound)), n_fft)) + 1e-12)
    for k in range(1, 13):
        expected = k * f0 * np.sqrt(1 + stiffness * k * k)
        middle = round(expected * n_fft / RATE)
        peak = middle - 60 + int(np.argmax(level[middle - 60 : middle + 61]))
        a, b, c = level[peak - 1 : peak + 2]
        found = (peak + 0.5 * (a - c) / (a - 2 * b + c)) * RATE / n_fft
        assert abs(1200 * np.log2(found / expected)) < 0.1


def test_amplitudes_move_in_straight_lines():
    """A cosine partial's envelope is the ramp from frame end to frame end, sample by sample."""
    ends = np.array([0.0, 0.8, 0.3, 0.3, 1.0, 0.0])
    f0 = 250.0  # 64 samples a period: every frame begins at the same phase
    sound, _ = harmonic_audio(
        tf.constant(ends, tf.float32)[None, :, None],
        frames(f0, 6),
        frames(0.0, 6),
        RATES,
        resting(1),
        tf.zeros([1, 1]),
    )
    line = np.interp(np.arange(1, 6 * HOP + 1), np.arange(7) * HOP, [0.0, *ends])
    carrier = np.sin(2 * np.pi * np.arange(6 * HOP) / HOP)
    assert np.allclose(sound[0], line * carrier, atol=2e-6)


def test_without_a_past_the_first_frame_does_not_swell():
    sound = partials([0.5], 1000.0, 0.0, 2)
    truth = sum_of_sines([0.5], 1000.0, 0.0, np.arange(2 * HOP))
    assert np.allclose(sound, truth, atol=1e-5)


def test_a_frequency_step_keeps_the_phase():
    """The waveform has no jump when F0 changes: no sample step is larger than a sine can make."""
    f0 = tf.constant([[200.0] * 10 + [317.0] * 10])
    sound, _ = harmonic_audio(amplitudes_of([1.0], 20), f0, frames(0.0, 20), RATES, resting(1))
    assert np.abs(np.diff(sound[0])).max() <= 2 * np.pi * 317 / RATE + 1e-4


@pytest.mark.parametrize("f0", [1046.5, 1975.5, 3951.1, 7040.0])
def test_nothing_is_folded_back_below_nyquist(f0):
    """High notes: outside the partials themselves the spectrum lies 75 dB below them."""
    n_harmonics = 40
    sound = partials(np.full(n_harmonics, 1.0 / n_harmonics), f0, 0.0, 1000)
    spectrum = np.abs(np.fft.rfft(sound * np.blackman(len(sound))))
    frequencies = np.fft.rfftfreq(len(sound), 1 / RATE)
    from_partial = np.abs(frequencies - f0 * np.maximum(1, np.round(frequencies / f0)))
    elsewhere = spectrum[from_partial > 20]
    assert 20 * np.log10(elsewhere.max() / spectrum.max()) < -75


def test_partials_above_nyquist_are_silent():
    assert np.abs(partials([1.0], 8000.0, 0.0, 10)).max() == 0
    assert np.abs(partials([0.0, 1.0], 4000.1, 0.0, 10)).max() == 0
    assert np.abs(partials([0.0, 1.0], 3500.0, 0.0, 10)).max() > 0.5


def test_the_anti_alias_fade_is_a_straight_line():
    gain = anti_alias_gain(tf.constant([0.0, 7199.0, 7600.0, 8000.0, 9000.0]), RATE).numpy()
    assert gain == pytest.approx([1, 1, 0.5, 0, 0], abs=2e-3)


def stock_harmonic(per_partial, f0_curve, amplitude_curve, n_samples):
    """`ddsp.synths.Harmonic` with its own upsampling of one curve a frame."""
    n_frames = len(f0_curve)
    shares = np.asarray(per_partial) / np.sum(per_partial)
    synth = ddsp.synths.Harmonic(
        n_samples=n_samples, sample_rate=RATE, scale_fn=None, amp_resample_method="linear"
    )
    return synth.get_signal(
        tf.constant(amplitude_curve, tf.float32)[None, :, None],
        tf.tile(tf.constant(shares, tf.float32)[None, None], [1, n_frames, 1]),
        tf.constant(f0_curve, tf.float32)[None, :, None],
    )[0].numpy()


def test_same_waveform_as_stock_ddsp_while_its_phase_holds():
    """First 64 ms, aligned phases, slowly varying amplitude.

    The first sample of ddsp already has one step of phase, ours has none; and it reads amplitudes
    at frame starts, ours at frame ends. Shifted by a sample and a frame they agree by 45 dB;
    what is left is the shift of the amplitudes by that sample.
    """
    per_partial = 1.0 / np.arange(1, 11)
    shares = per_partial / per_partial.sum()
    n_frames = 18
    level = 0.5 + 0.3 * np.sin(2 * np.pi * np.arange(n_frames) / n_frames)
    stock = stock_harmonic(per_partial, np.full(n_frames, 220.0), level, n_frames * HOP)
    ours, _ = harmonic_audio(
        tf.constant(level[1:, None] * shares, tf.float32)[None],
        frames(220.0, n_frames - 1),
        frames(0.0, n_frames - 1),
        RATES,
        resting(10),
        tf.constant(level[0] * shares, tf.float32)[None],
    )
    n = 16 * HOP
    assert snr_db(ours[0, 1 : n + 1], stock[:n]) > 45


def test_same_spectrum_as_stock_ddsp_over_four_seconds():
    """Its phase drifts and so widens its lines, but their levels agree within 0.1 dB."""
    per_partial = 1.0 / np.arange(1, 11)
    stock = stock_harmonic(per_partial, np.full(1000, 220.0), np.full(1000, 0.5), 4 * RATE)
    ours = partials(0.5 * per_partial / per_partial.sum(), 220.0, 0.0, 1000)
    window = np.hanning(4 * RATE)
    a, b = (np.abs(np.fft.rfft(x * window)) for x in (stock, ours))
    for k in range(1, 11):
        near = slice(k * 880 - 200, k * 880 + 201)  # ±50 Hz, 4 bins a Hz
        difference = 10 * np.log10(np.sum(a[near] ** 2) / np.sum(b[near] ** 2))
        assert abs(difference) < 0.1


# Noise ----------------------------------------------------------------------------------------


def white(n_samples, seed=0, batch=1):
    rng = np.random.default_rng(seed)
    return tf.constant(rng.uniform(-1, 1, [batch, n_samples]), tf.float32)


def test_noise_bands_have_the_levels_asked_for():
    """Welch spectrum in the middle of wide plateaus: the white noise's own, times the gain."""
    n_bands, n_frames = 65, 4000
    gains = np.repeat([0.02, 0.5, 0.1, 0.004], [17, 16, 16, 16])
    magnitudes = tf.constant(np.tile(gains, (1, n_frames, 1)), tf.float32)
    source = white(n_frames * HOP)
    filtered = noise_audio(magnitudes, source)[0].numpy()
    assert len(filtered) == n_frames * HOP + 2 * (n_bands - 1) - 1

    def band_db(sound, low, high):
        blocks = sound[: len(sound) // 1024 * 1024].reshape(-1, 1024) * np.hanning(1024)
        power = np.mean(np.abs(np.fft.rfft(blocks)) ** 2, axis=0)
        return 10 * np.log10(np.mean(power[int(low * 512) : int(high * 512)]))

    for plateau, gain in enumerate([0.02, 0.5, 0.1, 0.004]):
        low, high = plateau / 4 + 0.08, plateau / 4 + 0.17
        got = band_db(filtered, low, high) - band_db(source[0].numpy(), low, high)
        assert got == pytest.approx(20 * np.log10(gain), abs=0.5)


@pytest.mark.parametrize("n_bands", [5, 17, 33, 65])
@pytest.mark.parametrize("hop", [33, 57, 64, 65, 120, 128, 129])
def test_noise_of_a_frame_ends_one_filter_later(n_bands, hop):
    """Only frame 3 sounds: nothing before it, something in it, nothing after its filter's tail.

    Some of these sizes just fill ddsp's FFT, where its convolution by itself gives back nothing.
    """
    on = np.zeros([1, 8, n_bands], np.float32)
    on[0, 3] = 1.0
    size = noise_ir_size(Architecture(n_noise_bands=n_bands))
    filtered = noise_audio(tf.constant(on), white(8 * hop))[0].numpy()
    assert len(filtered) == 8 * hop + size - 1
    assert np.abs(filtered[: 3 * hop]).max() < 1e-6
    assert np.abs(filtered[4 * hop + size - 1 :]).max() < 1e-6
    # A flat curve is an impulse in the filter's middle: the frame comes out delayed by half of it.
    middle = slice(3 * hop + size // 2, 4 * hop + size // 2)
    assert filtered[middle] == pytest.approx(white(8 * hop)[0, 3 * hop : 4 * hop], abs=1e-4)


# Room -----------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    n_samples=st.integers(8, 3000) | st.sampled_from([256, 960, 1024]),
    size=st.integers(1, 500) | st.sampled_from([1, 65, 1025]),
)
def test_room_is_a_convolution_without_the_dry_sound(n_samples, size):
    """Against numpy, for any length of sound and room, also where they just fill ddsp's FFT."""
    rng = np.random.default_rng(n_samples * 1000 + size)
    dry, answer = rng.normal(size=n_samples), rng.normal(size=size)
    truth = np.convolve(dry, np.concatenate([[0.0], answer[1:]]))
    wet = room_audio(tf.constant(dry, tf.float32)[None], tf.constant(answer, tf.float32))
    assert wet.shape == (1, n_samples + size - 1)
    assert np.allclose(wet[0], truth, atol=1e-5 * np.sqrt(size) * 10)


def test_room_size_counts_samples_and_no_room_is_one_sample():
    assert room_size(Architecture(reverb_seconds=0.125), RATES) == 2000
    assert room_size(Architecture(reverb_seconds=0.0), RATES) == 1


# All together ---------------------------------------------------------------------------------

SMALL = Architecture(n_harmonics=12, n_noise_bands=17, reverb_seconds=0.05)


def random_inputs(n_frames, architecture=SMALL, rates=RATES, batch=1, seed=0):
    """Parameters that jump from frame to frame, F0 and noise, and a room of full length."""
    rng = np.random.default_rng(seed)
    shares = rng.uniform(0, 1, [batch, n_frames, architecture.n_harmonics])
    said = SynthParameters(
        tf.constant(rng.uniform(0, 0.5, [batch, n_frames, 1]), tf.float32),
        tf.constant(shares / shares.sum(-1, keepdims=True), tf.float32),
        tf.constant(rng.uniform(0, 0.2, [batch, n_frames, architecture.n_noise_bands]), tf.float32),
    )
    f0 = tf.constant(rng.uniform(70, 900, [batch, n_frames]), tf.float32)
    stiffness = tf.constant(rng.uniform(0, 1e-3, [batch, n_frames]), tf.float32)
    size = room_size(architecture, rates)
    room = tf.constant(rng.normal(0, 0.05, size), tf.float32)
    return said, f0, stiffness, white(n_frames * rates.hop, seed, batch), room


def played(inputs, cuts, architecture=SMALL, rates=RATES):
    """The stems, [3, n_samples], in blocks that end at these frames."""
    said, f0, stiffness, noise, room = inputs
    state, stems = silent_state(architecture, rates, f0.shape[0]), []
    for a, b in zip([0, *cuts[:-1]], cuts, strict=True):
        sound, state = synthesise(
            SynthParameters(*(part[:, a:b] for part in said)),
            f0[:, a:b],
            stiffness[:, a:b],
            noise[:, a * rates.hop : b * rates.hop],
            room,
            rates,
            state,
        )
        stems.append(tf.stack(sound))
    return tf.concat(stems, axis=-1)[:, 0].numpy()


@settings(max_examples=10)
@given(cuts=st.sets(st.integers(1, 59), max_size=4), reverb=st.sampled_from([0.0, 0.003, 0.05]))
def test_blocks_of_any_split_equal_one_shot(cuts, reverb):
    """Each stem by 80 dB, whatever the blocks: shorter or longer than the room and the filter."""
    architecture = SMALL.model_copy(update={"reverb_seconds": reverb})
    inputs = random_inputs(60, architecture)
    whole = played(inputs, [60], architecture)
    blocks = played(inputs, [*sorted(cuts), 60], architecture)
    assert whole.shape == blocks.shape == (3, 60 * HOP)
    for one, other in zip(whole, blocks, strict=True):
        if np.abs(one).max() == 0:
            assert np.abs(other).max() == 0
        else:
            assert snr_db(one, other) > 80


@pytest.mark.parametrize(("hop", "seconds"), [(65, 65 / 16000), (64, 129 / 16000), (33, 0.0)])
def test_odd_sizes_join_too(hop, seconds):
    """Hops and rooms that just fill ddsp's FFT in some block."""
    rates = AudioRates(hop=hop)
    architecture = Architecture(n_harmonics=3, n_noise_bands=33, reverb_seconds=seconds)
    inputs = random_inputs(24, architecture, rates)
    whole = played(inputs, [24], architecture, rates)
    assert np.abs(whole[1]).max() > 0.01
    for cuts in ([1, 24], [2, 24], [3, 4, 6, 24], [16, 24], [15, 24]):
        blocks = played(inputs, cuts, architecture, rates)
        assert np.allclose(whole, blocks, atol=2e-5)


def test_the_first_block_starts_from_rest_and_a_cut_does_not():
    """A stream fades in over its first frame; a cut from the middle of a recording does not."""
    said, f0, stiffness, noise, room = random_inputs(4)
    said = said._replace(noise=tf.zeros_like(said.noise))
    state = silent_state(SMALL, RATES)
    rest, _ = synthesise(said, f0, stiffness, noise, room, RATES, state)
    cut, _ = synthesise(said, f0, stiffness, noise, room, RATES, state, from_rest=False)
    rise = np.arange(1, HOP + 1) / HOP
    assert np.allclose(rest.harmonic[0, :HOP], cut.harmonic[0, :HOP] * rise, atol=1e-5)
    assert np.allclose(rest.harmonic[0, HOP:], cut.harmonic[0, HOP:], atol=1e-6)


def test_sound_is_linear_in_its_amplitudes():
    """Twice the amplitudes and noise: twice the sound. Two sounds' sum: the sum of the sounds."""
    said, *rest = random_inputs(20)
    twice = SynthParameters(2 * said.amplitude, said.distribution, 2 * said.noise)
    once = played((said, *rest), [20])
    assert np.allclose(played((twice, *rest), [20]), 2 * once, atol=1e-5)
    quiet = played((said._replace(amplitude=0 * said.amplitude), *rest), [20])
    tonal = played((said._replace(noise=0 * said.noise), *rest), [20])
    assert np.allclose(quiet + tonal, once, atol=1e-5)


def test_silence_in_is_silence_out():
    said, *rest = random_inputs(30)
    silent = SynthParameters(0 * said.amplitude, said.distribution, 0 * said.noise)
    assert np.abs(played((silent, *rest), [7, 30])).max() == 0


def test_examples_of_a_batch_do_not_hear_each_other():
    inputs = random_inputs(10, batch=3)
    said, f0, stiffness, noise, room = inputs
    state = silent_state(SMALL, RATES, 3)
    together, _ = synthesise(said, f0, stiffness, noise, room, RATES, state)
    for i in range(3):
        one = (
            SynthParameters(*(part[i : i + 1] for part in said)),
            f0[i : i + 1],
            stiffness[i : i + 1],
            noise[i : i + 1],
            room,
        )
        assert np.allclose(tf.stack(together)[:, i], played(one, [10]), atol=1e-5)


def test_gradients_reach_amplitudes_shares_noise_and_room():
    said, f0, stiffness, noise, room = random_inputs(20)
    watched = [*said, room]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        sound, _ = synthesise(
            SynthParameters(*watched[:3]),
            f0,
            stiffness,
            noise,
            watched[3],
            RATES,
            silent_state(SMALL, RATES),
        )
        energy = tf.reduce_sum((sound.harmonic + sound.noise + sound.reverb) ** 2)
    for gradient, value in zip(tape.gradient(energy, watched), watched, strict=True):
        assert np.isfinite(gradient).all()
        # One entry may lie still by chance (the room's ignored first sample does), not most.
        assert np.mean(gradient.numpy() != 0) > 0.9, value.shape


def test_gradient_of_an_amplitude_is_the_sines_it_scales():
    """Finite differences in float32: the sound is linear, so a step of 0.1 is exact."""
    amplitudes = tf.Variable(np.full([1, 4, 2], 0.3, np.float32))
    weights = tf.constant(np.random.default_rng(0).normal(size=4 * HOP), tf.float32)

    def weighed():
        sound, _ = harmonic_audio(
            tf.convert_to_tensor(amplitudes), frames(123.0, 4), frames(0.0, 4), RATES, resting(2)
        )
        return tf.reduce_sum(sound[0] * weights)

    with tf.GradientTape() as tape:
        before = weighed()
    gradient = tape.gradient(before, amplitudes).numpy()
    for frame in range(4):
        amplitudes[0, frame, 1].assign(0.4)
        assert float(weighed() - before) / 0.1 == pytest.approx(gradient[0, frame, 1], abs=0.01)
        amplitudes[0, frame, 1].assign(0.3)


def test_starting_phases_are_drawn_once_per_instrument():
    one, same = phase_spread(Architecture(phase_seed=3)), phase_spread(Architecture(phase_seed=3))
    other = phase_spread(Architecture(phase_seed=4))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)
    assert one.min() >= 0
    assert one.max() < 1


def test_spread_phases_have_a_lower_peak_than_aligned_ones():
    """The reason for them: 80 equal partials in phase make a pulse train."""
    per_partial = np.full(80, 1 / 80)
    aligned = np.abs(partials(per_partial, 90.0, 0.0, 250)).max()
    spread = np.abs(partials(per_partial, 90.0, 0.0, 250, phase_spread(Architecture()))).max()
    assert spread < 0.6 * aligned


# Written-out gradients and short cuts ---------------------------------------------------------


@pytest.mark.parametrize("n_groups", [1, 3, 7])
def test_groups_of_like_pitch_sound_like_all_partials_together(n_groups):
    """Leaving out what lies above Nyquist changes neither the sound nor its gradient."""
    rng = np.random.default_rng(3)
    f0 = tf.constant(440 * 2 ** (rng.integers(-30, 12, (2, 10)) / 12), tf.float32)
    stiffness = tf.constant(rng.uniform(0, 3e-4, (2, 10)), tf.float32)
    levels = tf.Variable(rng.random((2, 10, 60)), dtype=tf.float32)
    cycles = tf.constant(rng.random((2, 60)))
    weights = tf.constant(rng.normal(size=(2, 10 * HOP)), tf.float32)

    def sound_and_slope(groups):
        with tf.GradientTape() as tape:
            bank = partial_bank(f0, stiffness, RATES, cycles, groups)
            sound = synthesis.harmonic_audio(levels, bank)
            score = tf.reduce_sum(sound * weights)
        return sound.numpy(), tape.gradient(score, levels).numpy(), bank

    sound, slope, all_of_them = sound_and_slope(None)
    trimmed, same_slope, bank = sound_and_slope(n_groups)
    np.testing.assert_allclose(trimmed, sound, atol=1e-4)
    np.testing.assert_allclose(same_slope, slope, atol=1e-4)
    np.testing.assert_array_equal(bank.cycles, all_of_them.cycles)
    made = sum(int(tf.size(part)) for part in bank.sines)
    assert made <= int(tf.size(all_of_them.sines[0])) * (1.0 if n_groups == 1 else 0.9)


@pytest.mark.parametrize("n_bands, hop", [(65, 64), (5, 8), (33, 100)])
def test_noise_filter_is_ddsps(n_bands, hop):
    """Band magnitudes to impulse response to sound, with stock ddsp's design and convolution."""
    rng = np.random.default_rng(n_bands)
    magnitudes = tf.constant(rng.random((2, 6, n_bands)), tf.float32)
    white = tf.constant(rng.uniform(-1, 1, (2, 6 * hop)), tf.float32)
    responses = ddsp.core.frequency_impulse_response(magnitudes).numpy()
    expected = np.zeros((2, 6 * hop + noise_ir_size(Architecture(n_noise_bands=n_bands)) - 1))
    for row in range(2):
        for frame in range(6):
            piece = white[row, frame * hop : (frame + 1) * hop].numpy()
            ringing = np.convolve(piece, responses[row, frame])
            expected[row, frame * hop :][: len(ringing)] += ringing
    np.testing.assert_allclose(noise_audio(magnitudes, white), expected, atol=2e-5)


def slope_by_differences(of, at, direction, size=1e-2):
    """Slope of a scalar in one direction, by a central difference."""
    up, down = of(at + size * direction), of(at - size * direction)
    return float(up - down) / (2 * size)


@pytest.mark.parametrize("what", ["noise", "dry", "room"])
def test_written_out_gradients_are_slopes(what):
    """Against central differences; each is linear in its argument, so they are exact."""
    rng = np.random.default_rng(11)

    def normal(*shape):
        return tf.constant(rng.normal(size=shape), tf.float32)

    white, dry, room = normal(2, 5 * HOP), normal(2, 300), normal(40)
    of, at = {
        "noise": (lambda x: noise_audio(x, white), normal(2, 5, 17)),
        "dry": (lambda x: room_audio(x, room), dry),
        "room": (lambda x: room_audio(dry, x), room),
    }[what]
    weights = normal(*of(at).shape)

    def score(x):
        return tf.reduce_sum(of(x) * weights)

    with tf.GradientTape() as tape:
        tape.watch(at)
        value = score(at)
    slopes = tape.gradient(value, at)
    for _ in range(3):
        direction = normal(*at.shape)
        expected = slope_by_differences(score, at, direction)
        assert float(tf.reduce_sum(slopes * direction)) == pytest.approx(expected, rel=2e-3)
