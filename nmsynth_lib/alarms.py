"""Alarms: says in words when a network in training has stopped being a guitar.

Road: model -> [alarms] -> training.
A loss that falls is not yet a guitar: noise alone can fit a blurred spectrogram well enough to get
stuck there, and silence is a good guess for a recording full of rests.
Explained in notebook 02, "When it collapses".
"""

from __future__ import annotations

import math

from nmsynth_lib.engines import tf
from nmsynth_lib.model import GuitarModel


def noise_share(model: GuitarModel, batch: dict[str, tf.Tensor]) -> tuple[float, float]:
    """How much of the energy is noise, and how loud the output is.

    Returns:
      Share 0…1 of noise energy in harmonic + noise energy, and the RMS level in dBFS.
    """
    parameters, _ = model.decoder(batch["controls"])
    harmonic = tf.reduce_mean((parameters.amplitude * parameters.distribution) ** 2) * (
        0.5 * model.spec.architecture.n_harmonics
    )
    # White noise in -1…1 has the power 1/3; a band's power is the square of its magnitude.
    noise = tf.reduce_mean(parameters.noise**2) / 3.0
    total = float(harmonic + noise) + 1e-20
    return float(noise) / total, 10.0 * math.log10(total)


def collapse_warning(share: float, level_db: float, target_db: float) -> str | None:
    """Says in words when the network has stopped being a guitar.

    Args:
      share: Of noise in the output's energy.
      level_db: RMS of the output, dBFS.
      target_db: RMS of the held-out recording, dBFS.
    """
    if level_db < target_db - 20.0:
        return (
            f"The output is {target_db - level_db:.0f} dB quieter than the recording: it collapses "
            "to silence. Check that audio and MIDI are aligned and belong together."
        )
    if share > 0.5:
        return (
            f"{100 * share:.0f} % of the energy is noise: the partials are not being used. Let "
            "the noise start lower (architecture: {noise_bias: -12} in a schema file) or train "
            "longer; check the pitches of the MIDI."
        )
    return None


def overfitting_warning(history: list[dict[str, float]], epochs: int = 8) -> str | None:
    """Says in words when the network learns its examples by heart.

    Args:
      history: One row an epoch, with `loss` and `held_out_loss`.
      epochs: The best held-out loss must be so many epochs old.
    """
    best = min(range(len(history)), key=lambda i: history[i]["held_out_loss"])
    if len(history) - 1 - best < epochs:
        return None
    then, now = history[best], history[-1]
    rise = now["held_out_loss"] / then["held_out_loss"] - 1.0
    if now["loss"] < then["loss"] and rise > 0.05:
        return (
            f"The held-out loss has risen by {100 * rise:.0f} % since step {then['step']} and the "
            "training loss still falls: the examples are being learnt by heart. The best weights "
            "are kept; more recording helps, more training does not."
        )
    return None
