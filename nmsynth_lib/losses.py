"""What training minimises: how different two sounds look in spectrograms of several window lengths.

Stock DDSP compares log magnitudes down to 1e-5 of an unscaled spectrum, about -150 dB: half of its
gradient then comes from the noise floor between the notes, and the network comes out too quiet.
Here spectra are scaled so that a full-scale sine reads 1, and the log has a floor at -94 dB.
Road: controls -> decoder -> synthesis -> audio -> [losses] -> training.
Explained in notebook 02, "What does the loss see?".
"""

from __future__ import annotations

import numpy as np

from nmsynth_lib.engines import keras, tf

FFT_SIZES = (2048, 1024, 512, 256, 128, 64)


def scaled_magnitudes(audio: tf.Tensor, fft_size: int, overlap: float = 0.75) -> tf.Tensor:
    """Spectrogram in which a sine of amplitude 1 has the value 1.

    Args:
      audio: [batch, n_samples].
      fft_size: Window length in samples (Hann).
      overlap: Of neighbouring windows, 0…1.

    Returns:
      Magnitudes, [batch, n_windows, fft_size // 2 + 1].
    """
    hop = max(1, round(fft_size * (1.0 - overlap)))
    window = tf.signal.hann_window(fft_size) * (4.0 / fft_size)
    # The inverse FFT counts each bin between 0 and Nyquist twice, and divides by fft_size.
    once = np.full(fft_size // 2 + 1, 0.5 * fft_size, np.float32)
    once[[0, -1]] = fft_size

    @tf.custom_gradient
    def magnitudes(sound):
        # By the chain rule the gradient is one inverse FFT a window and their overlapping sum;
        # TensorFlow's own goes through full complex spectra and takes more than twice as long.
        spectrum = tf.signal.rfft(tf.signal.frame(sound, fft_size, hop) * window)
        real, imaginary = tf.math.real(spectrum), tf.math.imag(spectrum)
        # |z| has no gradient at 0; the 1e-12 lies 120 dB below full scale.
        size = tf.sqrt(real**2 + imaginary**2 + 1e-12)

        def gradient(upstream):
            share = upstream * once / size
            frames = tf.signal.irfft(tf.complex(real * share, imaginary * share), [fft_size])
            summed = tf.signal.overlap_and_add(frames * window, hop)
            return tf.pad(summed, [[0, 0], [0, tf.shape(sound)[1] - tf.shape(summed)[1]]])

        return size, gradient

    return magnitudes(audio)


@keras.saving.register_keras_serializable(package="nmsynth")
class SpectrogramLoss(keras.losses.Loss):
    """Mean distance of linear and of log magnitudes over several window lengths, plus log mel.

    Args:
      sample_rate: Of both sounds.
      linear_weight: Weight of |A - B|, which the loud parts decide.
      log_weight: Weight of |log A - log B|, in nepers, which decay tails decide.
      mel_weight: Weight of the log distance in 64 mel bands (FFT 1024), in nepers.
      floor: Amplitude below which the logs no longer tell (2e-5: -94 dBFS).
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        linear_weight: float = 300.0,
        log_weight: float = 1.0,
        mel_weight: float = 2.0,
        floor: float = 2e-5,
        name: str = "spectrogram_loss",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self.linear_weight, self.log_weight = linear_weight, log_weight
        self.mel_weight, self.floor = mel_weight, floor
        self.sample_rate = sample_rate
        # With TensorFlow's mel matrix a band's value is the sum of its bins.
        self.mel = tf.signal.linear_to_mel_weight_matrix(
            64, 513, sample_rate, 30.0, sample_rate / 2.0
        )

    def call(self, target: tf.Tensor, audio: tf.Tensor) -> tf.Tensor:
        """Distance of each pair of sounds, [batch]; both are [batch, n_samples]."""
        total = 0.0
        for fft_size in FFT_SIZES:
            a = scaled_magnitudes(target, fft_size)
            b = scaled_magnitudes(audio, fft_size)
            total += self.linear_weight * tf.reduce_mean(tf.abs(a - b), axis=(1, 2))
            total += self.log_weight * self._log_distance(a, b)
            if fft_size == 1024 and self.mel_weight:
                power_a, power_b = (tf.tensordot(x**2, self.mel, 1) for x in (a, b))
                total += self.mel_weight * self._log_distance(
                    tf.sqrt(power_a + 1e-12), tf.sqrt(power_b + 1e-12)
                )
        return total / len(FFT_SIZES)

    def get_config(self) -> dict:
        """What Keras needs to build the same loss again."""
        names = ("sample_rate", "linear_weight", "log_weight", "mel_weight", "floor")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _log_distance(self, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        logs = tf.math.log((a + self.floor) / (b + self.floor))
        return tf.reduce_mean(tf.abs(logs), axis=(1, 2))


def silence_loss(loss: SpectrogramLoss, target: tf.Tensor) -> float:
    """The loss of saying nothing at all: a trained network must stay far below it."""
    return float(np.mean(loss(target, tf.zeros_like(target))))
