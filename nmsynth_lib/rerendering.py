"""Rendering anew after a change: only what changed is computed.

Road: Performance -> controls -> [rerendering: decoder -> synthesis] -> audio, as `instrument` does.
A sound is made in blocks, and a block hears nothing of what comes after it. So where the control
curves of a changed piece begin as the former ones did, the sound does too: it is taken from there,
and the rendering goes on with the memory, phases, noise and room that the former left at that
place. And a setting that comes back is not rendered at all.
Explained in notebook 04, "Inside one held note".
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmsynth_lib.controls import Controls, n_frames_for
from nmsynth_lib.instrument import SILENCE_FRAMES, Instrument, mixed
from nmsynth_lib.performance import Performance

KEPT_BYTES = 32 * 2**20  # of finished sounds: two minutes of settings of a 4 s phrase, and more


class SoundCache:
    """Finished sounds, the least recently used of which go when there are too many bytes.

    Explained in notebook 04, "Inside one held note".
    """

    def __init__(self, most_bytes: int = KEPT_BYTES):
        self.most_bytes, self.n_bytes = most_bytes, 0
        self._sounds: OrderedDict[Hashable, np.ndarray] = OrderedDict()

    def get(self, key: Hashable) -> np.ndarray | None:
        """The sound kept under a key, now the most recently used; None if there is none."""
        if key in self._sounds:
            self._sounds.move_to_end(key)
        return self._sounds.get(key)

    def put(self, key: Hashable, sound: np.ndarray) -> None:
        """Keeps a sound; one that is larger than the whole room is not kept."""
        if key in self._sounds:
            self.n_bytes -= self._sounds.pop(key).nbytes
        if sound.nbytes > self.most_bytes:
            return
        self._sounds[key] = sound
        self.n_bytes += sound.nbytes
        while self.n_bytes > self.most_bytes:
            self.n_bytes -= self._sounds.popitem(last=False)[1].nbytes


@dataclass(frozen=True)
class _Former:
    """A finished rendering, and what it takes to go on from any of its blocks.

    Attributes:
      made_of: Seed, frames a block, and weights: those of another are of no use.
      before: Curves of the silence before sample 0.
      curves: Of all blocks, whole ones.
      audio: Mix of all blocks, [n_blocks * n_frames * hop].
      states: What lies before block 0, 1, … and after the last: model state, and noise generator.
    """

    made_of: Hashable
    before: Controls
    curves: Controls
    audio: np.ndarray
    states: Sequence[tuple[Any, dict]]


class Rerenderer:
    """An instrument that remembers what it played last, and the sounds it made.

    One piece is rendered at a time: another thread waits for its turn.

    Args:
      instrument: A loaded instrument; of anything else that has `render` finished sounds are kept.
      most_bytes: Of finished sounds that are kept.

    Explained in notebook 04, "Inside one held note".
    """

    def __init__(self, instrument: Instrument, most_bytes: int = KEPT_BYTES):
        self.instrument = instrument
        self._sounds = SoundCache(most_bytes)
        self._former: _Former | None = None
        self._turn = threading.Lock()

    def render(self, performance: Performance, seed: int = 0, tail: float = 1.0) -> np.ndarray:
        """The same samples as `instrument.render` gives, sooner.

        Args:
          performance: What to play.
          seed: Of the noise.
          tail: Seconds after the last note-off.

        Returns:
          Audio, float32, [n_samples], within -1…1; the caller's own.

        Raises:
          ControlRangeError: a wrong tail.

        Explained in notebook 04, "Inside one held note".
        """
        with self._turn:
            weights = self._weights()
            key = (_identity(performance), seed, tail, weights)
            sound = self._sounds.get(key)
            if sound is None:
                sound = self._rendered(performance, seed, tail, weights)
                self._sounds.put(key, sound)
            return sound.copy()

    def _rendered(
        self, performance: Performance, seed: int, tail: float, weights: Hashable
    ) -> np.ndarray:
        """The sound, begun with what is left of the former one."""
        guitar = self.instrument
        if not isinstance(guitar, Instrument):
            return np.asarray(guitar.render(performance, tail=tail))
        rates = guitar.spec.rates
        n_samples = guitar._n_samples(performance, tail)
        n_frames = guitar._whole_steps(guitar._block_frames(n_samples))
        n_blocks = -(-n_frames_for(n_samples, rates) // n_frames)
        made_of = (seed, n_frames, weights)
        before = guitar.curves(performance, SILENCE_FRAMES, -SILENCE_FRAMES)
        curves = guitar.curves(performance, n_blocks * n_frames)
        same = self._same_blocks(made_of, before, curves)
        audio = np.empty(n_blocks * n_frames * rates.hop, np.float32)
        rng = np.random.default_rng(seed)
        if same is None:
            states, same = [(guitar._start(performance), rng.bit_generator.state)], 0
        else:
            states = list(self._former.states[: same + 1])
            first = same * n_frames * rates.hop
            audio[:first] = self._former.audio[:first]
            rng.bit_generator.state = states[same][1]
        for block in range(same, n_blocks):
            now = curves.stretch(block * n_frames, n_frames)
            stems, state = guitar._block(now, rng, states[block][0])
            first = block * n_frames * rates.hop
            audio[first : first + stems.shape[1]] = mixed(stems)
            states.append((state, rng.bit_generator.state))
        self._former = _Former(made_of, before, curves, audio, states)
        return audio[:n_samples]

    def _same_blocks(self, made_of: Hashable, before: Controls, curves: Controls) -> int | None:
        """How many blocks at the beginning sound as they did in the former rendering.

        Returns:
          None where not even the silence before sample 0 is the same.
        """
        former = self._former
        if former is None or former.made_of != made_of:
            return None
        if _first_change(former.before, before) is not None:
            return None
        n_frames = made_of[1]
        most = min(len(former.curves.f0_hz), len(curves.f0_hz)) // n_frames
        change = _first_change(former.curves, curves)
        return most if change is None else min(most, change // n_frames)

    def _weights(self) -> Hashable:
        """Sums over the network's weights: an instrument may be trained on while it is played."""
        if not isinstance(self.instrument, Instrument):
            return None
        arrays = [weight.numpy() for weight in self.instrument.model.weights]
        return tuple(int(array.view(np.uint32).sum(dtype=np.uint64)) for array in arrays)


def _first_change(some: Controls, other: Controls) -> int | None:
    """First frame in which two pieces' curves differ; None: in none that both have."""
    n_frames = min(len(some.f0_hz), len(other.f0_hz))
    differs = some.f0_hz[:n_frames] != other.f0_hz[:n_frames]
    differs |= (some.values[:n_frames] != other.values[:n_frames]).any(axis=1)
    return int(differs.argmax()) if differs.any() else None


def _identity(performance: Performance) -> Hashable:
    """What two performances that sound the same have in common; names do not count."""
    controllers = tuple((number, events) for number, events in performance.controllers.items())
    return performance.notes, controllers, performance.bend
