"""Decoder and synthesiser in one Keras model: what is trained, and what is played.

Road: Performance -> [controls -> decoder -> synthesis -> audio].
`call` is the training view: a cut from the middle of a recording, audio out. `block` is the playing
view: one block of a stream and the state for the next. Both run the same decoder and synthesiser.
Explained in notebook 03, "All of it on one page".
"""

from __future__ import annotations

from typing import NamedTuple

from nmsynth_lib.blending import blend_price
from nmsynth_lib.decoder import Decoder
from nmsynth_lib.engines import keras, tf
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.synthesis import Sound, SynthParameters, SynthState, silent_state, synthesise


class ModelState(NamedTuple):
    """Memory of the network and of the synthesiser between two blocks."""

    memory: tf.Tensor
    synth: SynthState


class GuitarModel(keras.Model):
    """Control curves, F0 and white noise in, sound out.

    Args:
      spec: Declares everything.
      seed: For the initial weights.
    """

    def __init__(self, spec: InstrumentSpec, seed: int = 0):
        super().__init__(name="guitar")
        self.spec = spec
        self.decoder = Decoder(spec, seed, name="decoder")
        self.decoder.build()
        self.built = True

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Audio of cuts from the middle of recordings.

        Args:
          inputs: `controls` [batch, n_frames, n_controls], `f0_hz` and `stiffness`
            [batch, n_frames], `white` [batch, n_frames * hop].
          training: Also price what lies between the values that the recording holds.

        Returns:
          Audio, [batch, n_frames * hop].
        """
        batch = inputs["controls"].shape[0]
        parameters, _ = self.decoder(inputs["controls"])
        if training and any(control.heard for control in self.spec.controls):
            chance = 0.5 * (inputs["white"][:, 0] + 1.0)
            self.add_loss(blend_price(self.decoder, self.spec, inputs["controls"], chance))
        state = silent_state(self.spec.architecture, self.spec.rates, batch)
        sound, _ = self._synthesise(parameters, inputs, state, from_rest=False)
        return sound.harmonic + sound.noise + sound.reverb

    @tf.function(reduce_retracing=False)
    def start(self, controls: tf.Tensor) -> ModelState:
        """The state before the first sample.

        In training a GRU without any past hardly ever meets an onset, and would fade such a note
        in. So it first listens to a stretch of the silence before.

        Args:
          controls: Curves of the frames that end with sample 0, [1, n_frames, n_controls].
        """
        parameters, memory = self.decoder(controls)
        # A note that begins with sample 0 has been rising in the frame before, as any other would.
        amplitudes = parameters.amplitude[:, -1] * parameters.distribution[:, -1]
        rest = silent_state(self.spec.architecture, self.spec.rates)
        return ModelState(memory, rest._replace(amplitudes=amplitudes))

    @tf.function(reduce_retracing=False)
    def block(
        self, inputs: dict[str, tf.Tensor], state: ModelState
    ) -> tuple[Sound, SynthParameters, ModelState]:
        """One block of a stream; shapes as in `call` with batch 1."""
        parameters, memory = self.decoder(inputs["controls"], state.memory)
        sound, synth = self._synthesise(parameters, inputs, state.synth, from_rest=True)
        return sound, parameters, ModelState(memory, synth)

    def _synthesise(self, parameters, inputs, state, from_rest):
        return synthesise(
            parameters,
            inputs["f0_hz"],
            inputs["stiffness"],
            inputs["white"],
            self.decoder.impulse_response(),
            self.spec.rates,
            state,
            from_rest=from_rest,
        )
