"""An instrument: schema, network and weights under one name, ready to play.

Road: Performance -> [controls -> decoder -> synthesis] -> audio, with one call.
`render` and `stream` run the same blocks: rendering is streaming with large ones.
Explained in notebook 00, "One note, two ways".
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nmsynth_lib.controls import Controls, control_curves, inharmonicity, n_frames_for
from nmsynth_lib.errors import ControlRangeError, WeightsError
from nmsynth_lib.instrument_files import (
    SPEC_FILE,
    WEIGHTS_FILE,
    check_sums,
    find_instrument,
    shipped_names,
    write_instrument,
)
from nmsynth_lib.performance import Performance
from nmsynth_lib.schema import InstrumentSpec

RENDER_FRAMES = 252  # frames a block when rendering at once: 1 s, and 4 s are four such blocks
LONG_FRAMES = 500  # the same for long pieces, where fewer and larger blocks are a fifth faster
LONG_PIECE = 8 * LONG_FRAMES  # frames from which a piece is long; little is computed past its end
CURVE_FRAMES = 2000  # frames that control curves are computed for at a time
SILENCE_FRAMES = 64  # frames of the silence before, for the GRU to settle on
STEMS = ("harmonic", "noise", "reverb")


class Instrument:
    """A trained instrument. Calls share no state, so threads may use one instrument at once.

    Attributes:
      spec: Everything that `instrument.yaml` declares.
      model: The Keras model (`GuitarModel`) with its weights.
    """

    def __init__(self, spec: InstrumentSpec, model):
        self.spec = spec
        self.model = model

    @staticmethod
    def names() -> list[str]:
        """Names of the shipped instruments."""
        return shipped_names()

    @classmethod
    def load(cls, name: str | Path) -> Instrument:
        """Loads an instrument by name (shipped) or by folder (trained by you).

        Raises:
          InstrumentNotFoundError: neither a shipped name nor an instrument folder.
          SchemaError: instrument.yaml cannot be used.
          WeightsError: weights missing, damaged, or of another architecture.
        """
        folder = find_instrument(name)
        check_sums(folder)
        spec = InstrumentSpec.read(folder / SPEC_FILE)
        weights = folder / WEIGHTS_FILE
        if not weights.is_file():
            raise WeightsError(f"{weights}: missing; copy the whole instrument folder again.")
        from nmsynth_lib.model import GuitarModel

        model = GuitarModel(spec)
        try:
            model.load_weights(weights)
        except Exception as error:  # h5py and Keras raise what they like on a damaged file
            reason = " ".join(str(error).split())[:160]
            raise WeightsError(f"{weights}: cannot be read ({reason}); copy it again.") from None
        return cls(spec, model)

    def save(self, folder: str | Path) -> None:
        """Writes the instrument to a folder: schema, weights, checksums.

        Raises:
          OutputError: a file is in the folder's place, not permitted, or disk full; an older
            instrument stays, at worst without its checksums.
        """
        values = [weight.numpy() for weight in self.model.weights]
        write_instrument(folder, self.spec, values, sums=True)

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.spec.rates.sample_rate

    def render(
        self,
        music: str | Path | Performance,
        cc: dict[int, int] | None = None,
        transpose: int = 0,
        seed: int = 0,
        tail: float = 1.0,
        overlaps: str = "error",
        curves: Controls | None = None,
    ) -> np.ndarray:
        """Plays a MIDI file or a performance.

        Args:
          music: Path of a MIDI file, or a `Performance`.
          cc: Controllers to hold at a value over the whole piece, e.g. {55: 127}.
          transpose: Semitones.
          seed: Of the noise; the same seed gives the same samples.
          tail: Seconds after the last note-off, for it to ring out.
          overlaps: "error", or "last": a new note cuts the old one.
          curves: What the decoder sees instead of the performance's own control curves, from
            `curves`; after their end the last frame holds.

        Returns:
          Audio, float32, [n_samples], within -1…1.

        Raises:
          ControlRangeError: a CC that this instrument does not know, or a value outside 0…127.
        """
        performance = self.performance(music, cc, transpose, overlaps)
        audio = np.empty(self._n_samples(performance, tail), np.float32)
        first = 0
        for made in self._mixed(performance, self._block_frames(len(audio)), seed, tail, curves):
            audio[first : first + len(made)] = made
            first += len(made)
        return audio

    def render_stems(
        self,
        music: str | Path | Performance,
        cc: dict[int, int] | None = None,
        transpose: int = 0,
        seed: int = 0,
        tail: float = 1.0,
        overlaps: str = "error",
        curves: Controls | None = None,
    ) -> dict[str, np.ndarray]:
        """The same as `render`, apart: `harmonic`, `noise` and `reverb`, which sum to it."""
        performance = self.performance(music, cc, transpose, overlaps)
        n_samples = self._n_samples(performance, tail)
        whole = np.empty((len(STEMS), n_samples), np.float32)
        first = 0
        n_frames = self._block_frames(n_samples)
        for block in self._blocks(performance, n_frames, seed, tail, curves):
            whole[:, first : first + block.shape[1]] = block[:, : n_samples - first]
            first += block.shape[1]
        return dict(zip(STEMS, whole, strict=True))

    def stream(
        self,
        music: str | Path | Performance,
        cc: dict[int, int] | None = None,
        transpose: int = 0,
        seed: int = 0,
        tail: float = 1.0,
        overlaps: str = "error",
        block: int = 1024,
    ) -> Iterator[np.ndarray]:
        """The same sound in blocks, made as they are asked for; arguments as for `render`.

        `block` is in samples, at least 1; the last block may be shorter.

        Returns:
          Iterator of float32, [block]; together they are what `render` gives.

        Raises:
          ControlRangeError: at once, as `render` does.
        """
        if block < 1:
            raise ControlRangeError(f"block: {block} samples; give at least 1.")
        performance = self.performance(music, cc, transpose, overlaps)
        self._n_samples(performance, tail)  # refuses a wrong tail now, not at the first block
        return self._in_blocks(performance, block, seed, tail)

    def _in_blocks(
        self, performance: Performance, block: int, seed: int, tail: float
    ) -> Iterator[np.ndarray]:
        """The mix in blocks of so many samples."""
        suiting = self._block_frames(self._n_samples(performance, tail))
        n_frames = min(block // self.spec.rates.hop, suiting)
        waiting = np.zeros(0, np.float32)
        for made in self._mixed(performance, n_frames, seed, tail):
            waiting = np.concatenate([waiting, made])
            whole = len(waiting) // block * block
            yield from waiting[:whole].reshape(-1, block)
            waiting = waiting[whole:]
        if len(waiting):
            yield waiting

    def performance(
        self,
        music: str | Path | Performance,
        cc: dict[int, int] | None = None,
        transpose: int = 0,
        overlaps: str = "error",
    ) -> Performance:
        """Reads and adapts what is to be played; arguments as for `render`."""
        performance = (
            music
            if isinstance(music, Performance)
            else Performance.from_midi(music, overlaps=overlaps)
        )
        known = {control.cc for control in self.spec.style_channels()}
        for number, value in (cc or {}).items():
            if number not in known:
                names = ", ".join(f"CC{number}" for number in sorted(known)) or "no CC"
                raise ControlRangeError(
                    f"CC{number}: {self.spec.name} has no such control; it knows {names}."
                )
            performance = performance.with_cc(number, value)
        return performance.transposed(transpose) if transpose else performance

    def curves(self, performance: Performance, n_frames: int, first_frame: int = 0) -> Controls:
        """What the decoder sees of a performance: its control curves, by this schema."""
        return control_curves(performance, self.spec, n_frames, first_frame)

    def parameters(
        self, performance: Performance, tail: float = 1.0, curves: Controls | None = None
    ) -> dict[str, np.ndarray]:
        """What the decoder says while it plays, for looking at; arguments as for `render`.

        Returns:
          `amplitude` [n_frames], `distribution` [n_frames, n_harmonics], `noise` [n_frames, bands],
          and `f0_hz` [n_frames].
        """
        n_frames = n_frames_for(self._n_samples(performance, tail), self.spec.rates)
        every = self.spec.architecture.gru_every
        n_frames = math.ceil(n_frames / every) * every
        if curves is None:
            curves = self.curves(performance, n_frames)
        curves = curves.stretch(0, n_frames)
        said, _ = self.model.decoder(curves.values[None], self._start(performance).memory)
        return {
            "amplitude": said.amplitude[0, :, 0].numpy(),
            "distribution": said.distribution[0].numpy(),
            "noise": said.noise[0].numpy(),
            "f0_hz": curves.f0_hz,
        }

    def _start(self, performance: Performance):
        """The state before sample 0, after a stretch of silence."""
        every = self.spec.architecture.gru_every
        before = math.ceil(SILENCE_FRAMES / every) * every
        silence = self.curves(performance, before, -before)
        return self.model.start(silence.values[None])

    def _block_frames(self, n_samples: int) -> int:
        """Frames a block that suit a piece of this length."""
        long = n_frames_for(n_samples, self.spec.rates) >= LONG_PIECE
        return LONG_FRAMES if long else RENDER_FRAMES

    def _n_samples(self, performance: Performance, tail: float) -> int:
        if not 0.0 <= tail < np.inf:
            raise ControlRangeError(f"tail: {tail} s; give 0 or more.")
        return max(1, round((performance.duration + tail) * self.sample_rate))

    def _mixed(
        self,
        performance: Performance,
        n_frames: int,
        seed: int,
        tail: float,
        curves: Controls | None = None,
    ) -> Iterator[np.ndarray]:
        """The sum of the stems, block by block, as long as the piece and its tail."""
        left = self._n_samples(performance, tail)
        for stems in self._blocks(performance, n_frames, seed, tail, curves):
            yield mixed(stems)[:left]
            left -= stems.shape[1]

    def _blocks(
        self,
        performance: Performance,
        n_frames: int,
        seed: int,
        tail: float,
        given: Controls | None = None,
    ) -> Iterator[np.ndarray]:
        """Stems [3, n_samples], about `n_frames` frames at a time, until all is played.

        The GRU moves every few frames, so a block is a whole number of its steps.
        """
        n_frames = self._whole_steps(n_frames)
        rates, rng = self.spec.rates, np.random.default_rng(seed)
        total = n_frames_for(self._n_samples(performance, tail), rates)
        state = self._start(performance)
        # Curves come in long stretches: listing all notes anew for each small block would take
        # longer than playing it.
        stretch = max(1, CURVE_FRAMES // n_frames) * n_frames
        for first in range(0, total, n_frames):
            if first % stretch == 0:
                curves = self.curves(performance, stretch, first)
                if given is not None:
                    curves = given.stretch(first, stretch)
            now = curves.stretch(first % stretch, n_frames)
            stems, state = self._block(now, rng, state)
            yield stems

    def _whole_steps(self, n_frames: int) -> int:
        """So many frames, rounded down to whole steps of the memory; at least one step."""
        every = self.spec.architecture.gru_every
        return max(1, n_frames // every) * every

    def _block(self, curves: Controls, rng: np.random.Generator, state):
        """One block: its stems [3, n_samples], and the state for the next; `rng` moves on."""
        n_samples = len(curves.f0_hz) * self.spec.rates.hop
        white = rng.random(n_samples, dtype=np.float32) * 2.0 - 1.0
        inputs = {
            "controls": curves.values[None],
            "f0_hz": curves.f0_hz[None],
            "stiffness": inharmonicity(curves.f0_hz, self.spec)[None],
            "white": white[None],
        }
        sound, _, state = self.model.block(inputs, state)
        return np.concatenate([stem.numpy() for stem in sound]), state


def mixed(stems: np.ndarray) -> np.ndarray:
    """What one hears of stems [3, n_samples]: their sum, within -1…1."""
    return np.clip(stems.sum(axis=0), -1.0, 1.0)


@functools.lru_cache(maxsize=4)
def shared_instrument(name: str) -> Instrument:
    """A shipped instrument, loaded once and kept: for widgets and notebooks."""
    return Instrument.load(name)
