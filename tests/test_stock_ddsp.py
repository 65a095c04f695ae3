"""The door to ddsp: it opens on today's Python, and what is behind it is the published package."""

import subprocess
import sys
from importlib import metadata

import numpy as np
import tensorflow as tf

from nmsynth_lib.stock_ddsp import ddsp


def test_it_is_the_package_of_that_name_and_version():
    assert metadata.version("ddsp") == "3.7.0"
    assert ddsp.core.__file__.endswith("ddsp/core.py")


def test_an_empty_module_stands_in_for_crepe():
    """Nothing of that name was loaded from disk; the real one would download weights."""
    assert getattr(sys.modules["crepe"], "__file__", None) is None


def test_tensorflow_probability_is_not_loaded_but_can_be():
    """It would cost every kernel 45 MB."""
    code = (
        "import sys; from nmsynth_lib.stock_ddsp import ddsp; assert 'tf_keras' not in sys.modules;"
        "import tensorflow_probability as tfp; print(tfp.distributions.Normal(0.0, 1.0).name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "Normal\n", done.stderr[-500:]


def test_exp_sigmoid_is_the_published_curve():
    """2 sigmoid(x)^ln 10 + 1e-7; far below 0 a step of 1 is 20 dB."""
    x = np.linspace(-12, 8, 50)
    truth = 2.0 * (1 / (1 + np.exp(-x))) ** np.log(10) + 1e-7
    got = ddsp.core.exp_sigmoid(tf.constant(x, tf.float32)).numpy()
    assert np.allclose(got, truth, rtol=1e-4)
    low = ddsp.core.exp_sigmoid(tf.constant([-6.0, -5.0])).numpy() - 1e-7
    assert abs(20 * np.log10(low[1] / low[0]) - 20) < 0.2


def test_a_flat_filter_curve_is_one_impulse():
    response = ddsp.core.frequency_impulse_response(tf.ones([1, 1, 65]))[0, 0].numpy()
    assert np.argmax(np.abs(response)) == 64
    assert np.allclose(response, np.eye(128)[64], atol=1e-6)


def test_the_spectral_loss_runs_and_is_zero_for_equal_sounds():
    loss = ddsp.losses.SpectralLoss(mag_weight=1.0, logmag_weight=1.0)
    sound = tf.random.stateless_uniform([1, 8000], [1, 2], -1, 1)
    assert float(loss(sound, sound)) == 0.0
    assert float(loss(sound, 0.5 * sound)) > 0.5


def test_it_opens_where_the_error_stream_is_closed():
    """As some services start a program."""
    code = "import os, sys; os.close(2); from nmsynth_lib.engines import tf; print(tf.ones(1)[0])"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (0, "tf.Tensor(1.0, shape=(), dtype=float32)\n")
