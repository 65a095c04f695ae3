"""The network: control curves in, synthesis parameters out.

Road: Performance -> controls -> [decoder] -> synthesis -> audio.
Each control has its own stack of dense layers; their outputs meet in a GRU, and a last stack reads
the GRU together with what went into it. Three heads say how loud, which partials, which noise.
It is causal: a frame's parameters depend on that frame and on earlier ones only.
Explained in notebook 03, "Follow a note through the network".

Source: Grechin & Groves 2021, figure 1; sizes by configuration.
"""

from __future__ import annotations

import numpy as np

from nmsynth_lib.engines import keras, tf
from nmsynth_lib.room import room_size
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.synthesis import SynthParameters

LEAK = 0.2
LN_10 = float(np.log(10.0))
ROOM_PRICE = 0.1
ROOM_FADE = 5.0  # nepers: the room's end lies 43 dB below its beginning


class _SpreadKinks(keras.initializers.Initializer):
    """Biases that spread the kinks of a scalar's first layer over 0…1 instead of piling them on 0.

    With kernel w and bias -w c a unit bends at x = c. With zero biases every unit bends at x = 0,
    and the layer is one straight line over the whole range of the control.
    """

    def __init__(self, kernel: np.ndarray, seed: int):
        centres = np.random.default_rng(seed).uniform(-0.1, 1.1, kernel.shape[-1])
        self.bias = -kernel[0] * centres

    def __call__(self, shape, dtype=None):
        return tf.reshape(tf.constant(self.bias, dtype or tf.float32), shape)


class Stack(keras.layers.Layer):
    """Dense layers with leaky rectifiers.

    Args:
      units: Width.
      layers: Depth.
      seed: For the initial weights.
      scalar: The input is one control curve: spread the first layer's kinks over 0…1.
    """

    def __init__(self, units: int, layers: int, seed: int, scalar: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.dense = []
        for layer in range(layers):
            kernel = keras.initializers.HeNormal(seed + layer)
            bias = "zeros"
            if scalar and layer == 0:
                slopes = np.random.default_rng(seed).normal(0.0, 3.0, (1, units))
                kernel = keras.initializers.Constant(slopes)
                bias = _SpreadKinks(slopes, seed)
            self.dense.append(
                keras.layers.Dense(
                    units, kernel_initializer=kernel, bias_initializer=bias, name=f"dense_{layer}"
                )
            )

    def build(self, input_shape):
        """Makes the weights for inputs of this shape."""
        for dense in self.dense:
            dense.build(input_shape)
            input_shape = (*input_shape[:-1], dense.units)
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Features of a curve, [..., units]."""
        for dense in self.dense:
            x = tf.nn.leaky_relu(dense(x), LEAK)
        return x


class LeakyIntegrators(keras.layers.Layer):
    """A linear recurrence in a GRU's place: each unit forgets at a speed of its own.

    h(t) = a h(t - 1) + (1 - a) W x(t), with time constants spread from one step to 4 s. Being
    linear, all steps of a block are one matrix product instead of a loop.

    Args:
      units: Width.
      step_rate: Steps per second.
      seed: For the initial weights.
    """

    def __init__(self, units: int, step_rate: float, seed: int, **kwargs):
        super().__init__(**kwargs)
        seconds = np.geomspace(1.0 / step_rate, 4.0, units)
        self.keep = np.exp(-1.0 / (seconds * step_rate))
        kernel = keras.initializers.GlorotUniform(seed)
        self.into = keras.layers.Dense(units, kernel_initializer=kernel, name="into")

    def build(self, input_shape):
        """Makes the weights for inputs of this shape."""
        self.into.build(input_shape)
        self.built = True

    def call(self, x: tf.Tensor, initial_state: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """All states [batch, n_steps, units], and the last of them, [batch, units]."""
        n_steps = x.shape[1]
        age = np.arange(n_steps)[:, None] - np.arange(n_steps)
        weights = np.where(age >= 0, self.keep[:, None, None] ** np.maximum(age, 0), 0.0)
        weights = (weights * (1.0 - self.keep)[:, None, None]).astype(np.float32)
        left = self.keep ** (np.arange(n_steps)[:, None] + 1.0)
        states = tf.einsum("uts,bsu->btu", weights, self.into(x))
        states += left.astype(np.float32) * initial_state[:, None]
        return states, states[:, -1]


class Decoder(keras.layers.Layer):
    """Stacks, GRU, MLP and three heads, and the learnt room that they share.

    Args:
      spec: Names the controls and gives the sizes.
      seed: For the initial weights.
    """

    def __init__(self, spec: InstrumentSpec, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        size = spec.architecture
        self.size = size
        self.room_size = room_size(size, spec.rates)
        self.room_fade = np.exp(-ROOM_FADE * np.arange(self.room_size) / self.room_size)
        seeds = iter(range(1000 * seed + 1, 1000 * seed + 1000, 10))
        self.stacks = [
            Stack(size.stack_units, size.stack_layers, next(seeds), scalar=True, name=control.name)
            for control in spec.controls
        ]
        self.gru = None
        if size.gru_units and size.memory == "leaky":
            self.gru = LeakyIntegrators(
                size.gru_units, spec.rates.frame_rate / size.gru_every, next(seeds), name="gru"
            )
        elif size.gru_units:
            self.gru = keras.layers.GRU(
                size.gru_units,
                return_sequences=True,
                return_state=True,
                kernel_initializer=keras.initializers.GlorotUniform(next(seeds)),
                recurrent_initializer=keras.initializers.Orthogonal(seed=next(seeds)),
                name="gru",
            )
        self.mlp = Stack(size.mlp_units, size.mlp_layers, next(seeds), name="mlp")

        def head(units: int, bias: float, name: str) -> keras.layers.Dense:
            return keras.layers.Dense(
                units,
                kernel_initializer=keras.initializers.RandomNormal(0.0, 0.02, next(seeds)),
                bias_initializer=keras.initializers.Constant(bias),
                name=name,
            )

        self.amplitude_head = head(1, -1.0, "amplitude")
        self.distribution_head = head(size.n_harmonics, 0.0, "distribution")
        self.noise_head = head(size.n_noise_bands, size.noise_bias, "noise")

    def build(self, input_shape=None):
        """Makes all weights; sizes come from the spec, not from an input."""
        batch, frames = None, None
        for stack in self.stacks:
            stack.build((batch, frames, 1))
        width = len(self.stacks) * self.size.stack_units
        if self.gru is not None:
            self.gru.build((batch, frames, width))
        self.mlp.build((batch, frames, width + self.size.gru_units))
        for dense in (self.amplitude_head, self.distribution_head, self.noise_head):
            dense.build((batch, frames, self.size.mlp_units))
        # Without a price the room takes over what partials and noise should say.
        self.room = self.add_weight(
            shape=(self.room_size,),
            initializer="zeros",
            regularizer=keras.regularizers.L2(ROOM_PRICE),
            name="room",
        )
        # The first guess falls by 3 dB an octave, since a string's partials fall.
        rolloff = -0.5 * np.log10(np.arange(1, self.size.n_harmonics + 1))
        self.distribution_head.bias.assign(rolloff)
        self.built = True

    def impulse_response(self) -> tf.Tensor:
        """The learnt room, [room_size]; it always dies away, so that it cannot stop abruptly."""
        return self.room * tf.constant(self.room_fade, tf.float32)

    def initial_state(self, batch: int = 1) -> tf.Tensor:
        """The GRU's memory before the first frame, shape [batch, gru_units]."""
        return tf.zeros([batch, self.size.gru_units])

    def call(self, controls: tf.Tensor, state: tf.Tensor | None = None):
        """Synthesis parameters of a block of frames.

        Args:
          controls: Curves scaled to 0…1, [batch, n_frames, n_controls]; `n_frames` is a multiple of
            `gru_every` for all blocks of a stream.
          state: The GRU's memory from the block before, [batch, gru_units].

        Returns:
          `SynthParameters`, and the memory for the next block.
        """
        curves = tf.split(controls, len(self.stacks), axis=-1)
        features = tf.concat(
            [stack(curve) for stack, curve in zip(self.stacks, curves, strict=True)], axis=-1
        )
        if state is None:
            state = tf.zeros([tf.shape(controls)[0], self.size.gru_units])
        joined = features
        if self.gru is not None:
            memory, state = self._memory(features, state)
            joined = tf.concat([memory, features], axis=-1)
        last = self.mlp(joined)
        return SynthParameters(
            amplitude=exp_sigmoid(self.amplitude_head(last)),
            distribution=_shares(self.distribution_head(last)),
            noise=exp_sigmoid(self.noise_head(last)),
        ), state

    def _memory(self, features: tf.Tensor, state: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The GRU, one step every few frames, in straight lines between its steps."""
        every, n_frames = self.size.gru_every, features.shape[1]
        outputs, new_state = self.gru(features[:, ::every], initial_state=state)
        before = tf.concat([state[:, None], outputs[:, :-1]], axis=1)
        rise = (tf.range(every, dtype=tf.float32) + 1.0)[None, None, :, None] / every
        steps = before[:, :, None] * (1.0 - rise) + outputs[:, :, None] * rise
        flat = tf.reshape(steps, [tf.shape(features)[0], -1, self.size.gru_units])
        return flat[:, :n_frames], new_state


def exp_sigmoid(logits: tf.Tensor) -> tf.Tensor:
    """Positive levels from any number: 2 sigmoid(x) ** ln 10 + 1e-7, same shape.

    Far below 0 a step of 1 is 20 dB. Written with a softplus it takes a third of the time.

    Source: Engel et al. 2020 (DDSP), section 3.2.
    """
    return 2.0 * tf.exp(-LN_10 * tf.math.softplus(-logits)) + 1e-7


def _shares(logits: tf.Tensor) -> tf.Tensor:
    """Positive shares that sum to 1 over partials; +1 of a logit is +20 dB, as in exp-sigmoid."""
    return tf.nn.softmax(logits * LN_10, axis=-1)
