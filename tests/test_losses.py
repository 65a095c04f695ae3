"""Loss: it reads levels as they are, ranks sounds as ears would, and has librosa's spectra."""

import keras
import librosa
import numpy as np
import pytest
import tensorflow as tf

from nmsynth_lib.losses import FFT_SIZES, SpectrogramLoss, scaled_magnitudes, silence_loss
from nmsynth_lib.stock_ddsp import ddsp

RATE = 16000
N = 8192


@pytest.fixture(scope="module")
def loss():
    return SpectrogramLoss(RATE)


def batch(*sounds):
    return tf.constant(np.stack(sounds), tf.float32)


def distance(loss, target, audio):
    """The loss of one pair."""
    return float(loss(batch(target), batch(audio)))


def pluck(level=0.3, f0=110.0, n_partials=20, phases=None, n=N):
    """A decaying note with falling partials."""
    t = np.arange(n) / RATE
    phases = np.zeros(n_partials) if phases is None else phases
    k = np.arange(1, n_partials + 1)[:, None]
    waves = np.sin(2 * np.pi * (k * f0 * t + phases[:, None])) * np.exp(-k * t)
    return level * np.sum(waves / k, axis=0) / 2


def by_numpy(target, audio, linear, logs, mel, floor=2e-5):
    """The definition once more: librosa's STFT and mel triangles by hand, float64.

    Magnitudes and mel bands have 1e-6 (-120 dBFS) under their root, for the gradient at silence.
    """
    total = 0.0
    for n_fft in FFT_SIZES:
        a, b = (
            np.sqrt(
                np.abs(
                    librosa.stft(x, n_fft=n_fft, hop_length=n_fft // 4, center=False) * 4 / n_fft
                )
                ** 2
                + 1e-12
            )
            for x in (target.astype(float), audio.astype(float))
        )
        total += linear * np.mean(np.abs(a - b))
        total += logs * np.mean(np.abs(np.log(a + floor) - np.log(b + floor)))
        if n_fft == 1024:
            bands = mel_triangles()
            a, b = (np.sqrt(bands @ x**2 + 1e-12) for x in (a, b))
            total += mel * np.mean(np.abs(np.log(a + floor) - np.log(b + floor)))
    return total / len(FFT_SIZES)


def mel_triangles(n_bands=64, n_fft=1024, low=30.0, high=RATE / 2):
    """HTK mel triangles of height 1, straight in mel, written out: [n_bands, n_fft // 2 + 1]."""

    def mel(hz):
        return 1127.0 * np.log1p(np.asarray(hz) / 700.0)

    edges = np.linspace(mel(low), mel(high), n_bands + 2)
    bins = mel(np.arange(1, n_fft // 2 + 1) * RATE / n_fft)  # the bin at 0 Hz has no weight
    rows = []
    for left, middle, right in zip(edges, edges[1:], edges[2:], strict=False):
        up, down = (bins - left) / (middle - left), (right - bins) / (right - middle)
        rows.append(np.concatenate([[0.0], np.maximum(0, np.minimum(up, down))]))
    return np.array(rows)


# The spectrogram ------------------------------------------------------------------------------


@pytest.mark.parametrize("fft_size", FFT_SIZES)
@pytest.mark.parametrize("amplitude", [1.0, 0.01])
def test_a_sine_reads_its_amplitude(fft_size, amplitude):
    """On a bin of every window length; a full-scale sine reads 1."""
    t = np.arange(N) / RATE
    sine = amplitude * np.sin(2 * np.pi * 1000.0 * t + 0.3)
    spectrum = scaled_magnitudes(batch(sine), fft_size).numpy()[0]
    assert spectrum.max(axis=1) == pytest.approx(amplitude, rel=1e-4)
    assert spectrum.argmax(axis=1) == pytest.approx(1000 * fft_size / RATE)


def test_silence_reads_120_db_below_full_scale():
    assert scaled_magnitudes(tf.zeros([1, N]), 512).numpy() == pytest.approx(1e-6)


@pytest.mark.parametrize("fft_size", FFT_SIZES)
def test_magnitudes_are_librosas(fft_size):
    sound = np.random.default_rng(0).normal(0, 0.1, N)
    got = scaled_magnitudes(batch(sound), fft_size).numpy()[0].T
    truth = np.abs(librosa.stft(sound, n_fft=fft_size, hop_length=fft_size // 4, center=False))
    assert got.shape == truth.shape
    assert np.allclose(got, truth * 4 / fft_size, atol=2e-6)


# The distance ---------------------------------------------------------------------------------


def test_equal_sounds_have_no_distance(loss):
    assert distance(loss, pluck(), pluck()) == 0
    assert distance(loss, np.zeros(N), np.zeros(N)) == 0


def test_it_is_the_same_both_ways(loss):
    one, other = pluck(), pluck(0.1, 146.8)
    assert distance(loss, one, other) == pytest.approx(distance(loss, other, one), rel=1e-6)


def test_it_is_the_written_definition(loss):
    """Against librosa and hand-made mel triangles, with the loss's own weights."""
    rng = np.random.default_rng(1)
    pairs = [
        (pluck(), pluck(0.2, 111.0)),
        (pluck(), np.zeros(N)),
        (pluck(), pluck() + rng.normal(0, 0.001, N)),
    ]
    for target, audio in pairs:
        truth = by_numpy(
            target, audio, loss.linear_weight, loss.log_weight, loss.mel_weight, loss.floor
        )
        assert distance(loss, target, audio) == pytest.approx(truth, rel=1e-3)


@pytest.mark.parametrize("part", ["linear_weight", "log_weight", "mel_weight"])
def test_each_part_alone_is_its_written_definition(part):
    weights = {"linear_weight": 0.0, "log_weight": 0.0, "mel_weight": 0.0, part: 1.5}
    target, audio = pluck(), pluck(0.2, 150.0)
    got = distance(SpectrogramLoss(RATE, **weights), target, audio)
    truth = by_numpy(target, audio, *weights.values())
    assert got == pytest.approx(truth, rel=1e-3)
    assert got > 0


def test_a_batch_is_the_mean_of_its_pairs(loss):
    targets, sounds = (pluck(), pluck(0.5, 80.0)), (pluck(0.1), pluck(0.4, 90.0))
    apart = [distance(loss, *pair) for pair in zip(targets, sounds, strict=True)]
    assert float(loss(batch(*targets), batch(*sounds))) == pytest.approx(np.mean(apart), rel=1e-5)


@pytest.mark.parametrize("direction", [1, -1])
def test_it_grows_with_the_level_error(loss, direction):
    """0, 1, 2 … 20 dB too loud or too quiet: every dB more costs more."""
    target = pluck(0.05)
    costs = [distance(loss, target, target * 10 ** (direction * db / 20)) for db in range(21)]
    assert (np.diff(costs) > 0).all()


def test_it_grows_with_added_noise_a_wrong_pitch_and_a_wrong_decay(loss):
    target, noise = pluck(), np.random.default_rng(2).normal(size=N)
    t = np.arange(N) / RATE
    for wrong in (
        [target + level * noise for level in (0, 1e-5, 1e-4, 1e-3, 1e-2)],
        [pluck(f0=110.0 * 2 ** (cents / 1200)) for cents in (0, 5, 20, 50, 100)],
        [target * np.exp(-rate * t) for rate in (0, 0.5, 2, 8)],
    ):
        costs = [distance(loss, target, audio) for audio in wrong]
        assert (np.diff(costs) > 0).all()


def test_phase_costs_far_less_than_tone(loss):
    """Other starting phases and a shift by a few samples: less than 2 dB or a semitone costs."""
    target = pluck()
    heard = min(
        distance(loss, target, pluck(0.3 * 10**-0.1)), distance(loss, target, pluck(f0=116.5))
    )
    shifted = distance(loss, target[:-4], target[4:])
    assert shifted < 0.5 * heard
    phases = np.random.default_rng(3).uniform(0, 1, 20)
    steady, other = (pluck(f0=440.0, n_partials=8, phases=p[:8]) for p in (0 * phases, phases))
    assert distance(loss, steady, other) < distance(loss, steady, pluck(f0=466.2, n_partials=8))


def test_below_the_floor_nothing_counts(loss):
    """Noise at -110 dBFS against digital silence: a hundredth of what -60 dBFS costs."""
    noise = np.random.default_rng(4).normal(size=N)
    quiet = distance(loss, np.zeros(N), 3e-6 * noise)
    loud = distance(loss, np.zeros(N), 1e-3 * noise)
    assert quiet < 0.05 * loud


def test_silence_is_worse_than_being_half_right(loss):
    """The loss of silence, given for the alarm, is that of zeros; a note 6 dB off beats it."""
    target = batch(pluck(), pluck(0.1))
    silent = silence_loss(loss, target)
    assert silent == pytest.approx(float(loss(target, tf.zeros_like(target))))
    assert float(loss(target, 0.5 * target)) < 0.5 * silent


# Its gradient ---------------------------------------------------------------------------------


def gradient_of(loss, target, audio):
    sound = tf.Variable(batch(audio))
    with tf.GradientTape() as tape:
        value = loss(batch(target), sound)
    return tape.gradient(value, sound)[0].numpy()


def test_the_gradient_is_finite_at_silence(loss):
    for target in (pluck(), np.zeros(N)):
        assert np.isfinite(gradient_of(loss, target, np.zeros(N))).all()


def test_a_step_against_the_gradient_helps(loss):
    target = pluck()
    audio = 0.5 * target + np.random.default_rng(5).normal(0, 1e-3, N)
    gradient = gradient_of(loss, target, audio)
    step = 0.01 * np.linalg.norm(audio) / np.linalg.norm(gradient)
    assert distance(loss, target, audio - step * gradient) < distance(loss, target, audio)


def test_a_quiet_sound_is_told_to_grow(loss):
    """The slope along the sound itself is negative when it is too quiet, positive if too loud."""
    target = pluck()
    for gain, sign in ((0.03, -1), (0.5, -1), (2.0, 1)):
        slope = np.dot(gradient_of(loss, target, gain * target), gain * target)
        assert np.sign(slope) == sign


@pytest.mark.parametrize("fft_size", [64, 512])
def test_the_written_out_gradient_is_tensorflows_own(fft_size):
    """The same spectrogram from tf.signal.stft, differentiated by TensorFlow."""
    rng = np.random.default_rng(fft_size)
    audio = tf.constant(rng.normal(0, 0.1, (2, 1500)), tf.float32)

    def plain(sound):
        spectrum = tf.signal.stft(sound, fft_size, fft_size // 4, fft_size) * (4.0 / fft_size)
        return tf.sqrt(tf.math.real(spectrum) ** 2 + tf.math.imag(spectrum) ** 2 + 1e-12)

    def slopes(spectrogram):
        with tf.GradientTape() as tape:
            tape.watch(audio)
            score = tf.reduce_sum(tf.sin(7.0 * spectrogram(audio)))
        return tape.gradient(score, audio).numpy()

    own, expected = slopes(lambda sound: scaled_magnitudes(sound, fft_size)), slopes(plain)
    np.testing.assert_allclose(own, expected, atol=1e-4 * np.abs(expected).max())


# Beside stock ddsp ----------------------------------------------------------------------------


def test_it_ranks_sounds_as_ddsps_spectral_loss_does(loss):
    """Level, pitch, decay and noise errors of growing size: the same order within each kind."""
    stock = ddsp.losses.SpectralLoss(mag_weight=1.0, logmag_weight=1.0)
    target, noise = pluck(), np.random.default_rng(6).normal(size=N)
    for wrong in (
        [pluck(0.3 * 10 ** (-db / 20)) for db in (1, 3, 6, 12)],
        [pluck(f0=110 * 2 ** (cents / 1200)) for cents in (10, 30, 100)],
        [target + level * noise for level in (1e-4, 1e-3, 1e-2)],
    ):
        ours = [distance(loss, target, audio) for audio in wrong]
        theirs = [float(stock(batch(target), batch(audio))) for audio in wrong]
        assert np.array_equal(np.argsort(ours), np.argsort(theirs))


def test_unlike_stock_ddsp_the_noise_floor_of_a_rest_weighs_little(loss):
    """A note 3 dB too quiet against a haze at -100 dBFS in silence.

    Stock ddsp's unscaled spectra see the haze as the worse of the two; ours as far the lesser.
    """
    stock = ddsp.losses.SpectralLoss(mag_weight=1.0, logmag_weight=1.0)
    rest = np.zeros(N)
    haze = 1e-5 * np.random.default_rng(7).normal(size=N)
    note, quieter = pluck(), pluck(0.3 * 10**-0.15)
    ours = distance(loss, rest, haze) / distance(loss, note, quieter)
    theirs = float(stock(batch(rest), batch(haze))) / float(stock(batch(note), batch(quieter)))
    assert theirs > 1 > ours
    assert theirs > 10 * ours


def test_keras_knows_it_by_name_and_keeps_its_weights():
    """A saved and restored loss measures the same."""
    own = SpectrogramLoss(22050, linear_weight=7.0, floor=1e-3)
    back = keras.losses.deserialize(keras.losses.serialize(own))
    assert distance(back, pluck(), pluck(0.1)) == distance(own, pluck(), pluck(0.1))
