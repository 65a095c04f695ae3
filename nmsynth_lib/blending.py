"""Between the values that a recording holds: a style channel with few levels is blended.

Road: recordings -> [blending] -> decoder, while it trains.
A recording with CC55 at 1 and 127 alone says nothing of 64, and a network may do there what it
likes. What is assumed instead, and written into the schema (`heard`), is the plainest thing:
between two neighbouring values that were heard, the level of every partial and of every noise band
moves in a straight line in dB. Training pays a price for anything else; playing costs nothing.
Explained in notebook 02, "What was never recorded".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmsynth_lib.controls import scaled
from nmsynth_lib.engines import tf
from nmsynth_lib.performance import Performance, held
from nmsynth_lib.schema import ControlSpec, InstrumentSpec

MOST_LEVELS = 4  # a channel with more values than that is taken to cover its range
PRICE = 0.1  # of a neper of mean distance from the straight line
FLOOR = 2e-5  # levels below -94 dBFS no longer tell, as in the loss
EXAMPLES = 2  # of a batch that the price is read from


def heard_levels(
    control: ControlSpec, performances: Sequence[Performance]
) -> tuple[float, ...] | None:
    """The few values that a style channel has at the notes of a recording.

    Args:
      control: The channel.
      performances: What the takes play.

    Returns:
      The values in rising order, in MIDI's unit; None where there are many, or only one.
    """
    if control.source != "cc":
        return None
    found: set[float] = set()
    for performance in performances:
        onsets = np.array([note.onset for note in performance.notes])
        events = performance.controllers.get(control.cc, ())
        found |= set(np.unique(held(events, onsets, control.default)).tolist())
    return tuple(sorted(found)) if 2 <= len(found) <= MOST_LEVELS else None


def blend_price(decoder, spec: InstrumentSpec, controls: tf.Tensor, chance: tf.Tensor) -> tf.Tensor:
    """How far the decoder is from straight lines between the heard levels.

    Args:
      decoder: The network.
      spec: Its schema; channels with `heard` are blended.
      controls: Curves of a batch, scaled to 0…1, [batch, n_frames, n_controls].
      chance: Where between two levels to look, 0…1, [batch].

    Returns:
      Mean distance in nepers times its price, a scalar; 0 if no channel has `heard`.
    """
    price = tf.zeros([])
    for column, control in enumerate(spec.controls):
        if control.heard is None:
            continue
        levels = tf.constant(scaled(control, np.array(control.heard)), tf.float32)
        share = chance[:EXAMPLES, None] * (len(control.heard) - 1)
        left = tf.minimum(tf.cast(share, tf.int32), len(control.heard) - 2)
        share -= tf.cast(left, tf.float32)
        low, high = tf.gather(levels, left), tf.gather(levels, left + 1)
        at = [low, high, low + share * (high - low)]

        def held_at(value, column=column):
            curve = tf.repeat(value, controls.shape[1], axis=1)[..., None]
            rest = controls[:EXAMPLES]
            return tf.concat([rest[..., :column], curve, rest[..., column + 1 :]], axis=-1)

        said, _ = decoder(tf.concat([held_at(value) for value in at], axis=0))
        for linear in (said.amplitude * said.distribution, said.noise):
            first, last, between = tf.split(tf.math.log(linear + FLOOR), 3)
            line = tf.stop_gradient(first + share[..., None] * (last - first))
            # Five times the price drowned the recording: `sampled` stayed noise for 800 steps.
            # Squares pull too little at the end: 9 % of the steps went the wrong way, now none.
            price += PRICE * tf.reduce_mean(tf.abs(between - line))
    return price
