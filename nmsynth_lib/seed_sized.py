"""The seed-sized baseline: the paper's network on stock DDSP, to compare with.

Road: controls -> [seed-sized baseline] -> audio: beside our decoder and synthesiser.
Stacks of 3 x 512, a GRU of 512, an MLP of 3 x 512, 100 partials, 65 noise bands, 250 frames in 4 s,
a reverb as long as the example; oscillators, noise, reverb and loss as `ddsp` has them. It is fed
with our control curves, which have none of the original's defects, so the comparison is of network
and synthesiser alone.
Explained in notebook 05, "Compared with what?".

Source: Grechin & Groves 2021, figure 1; Engel et al. 2020 (DDSP).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from nmsynth_lib.audio import read_audio
from nmsynth_lib.batches import Cuts, Recipe
from nmsynth_lib.controls import Controls, control_curves, n_frames_for
from nmsynth_lib.decoder import Stack
from nmsynth_lib.engines import keras, tf
from nmsynth_lib.errors import WeightsError
from nmsynth_lib.files import appearing
from nmsynth_lib.performance import Performance
from nmsynth_lib.phrases import EXAMPLES, examples_folder
from nmsynth_lib.recordings import prepare_examples
from nmsynth_lib.schema import Architecture, AudioRates, InstrumentSpec
from nmsynth_lib.score import melody
from nmsynth_lib.stock_ddsp import ddsp
from nmsynth_lib.takes import load_recording
from nmsynth_lib.unseen import LEVELS

PIECE_SECONDS = 4.0
BATCH = 4  # examples a step; the paper has 12
LEARNING_RATE, DECAY, DECAY_STEPS = 1e-3, 0.98, 10_000
WEIGHTS_FILE, ABOUT_FILE = "model.weights.h5", "baseline.yaml"
SHIPPED = Path(__file__).resolve().parent.parent / "assets" / "baseline"
MELODY = "melody"


def seed_sized_spec(units: int = 512, n_harmonics: int = 100) -> InstrumentSpec:
    """The paper's sizes: 62.5 frames a second, all layers of one width."""
    sizes = Architecture(
        stack_units=units,
        stack_layers=3,
        gru_units=units,
        gru_every=1,
        memory="gru",
        mlp_units=units,
        mlp_layers=3,
        n_harmonics=n_harmonics,
        n_noise_bands=65,
    )
    return InstrumentSpec(name="baseline", rates=AudioRates(hop=256), architecture=sizes)


class SeedSizedModel(keras.Model):
    """The network and stock DDSP's synthesiser in one.

    Args:
      spec: Sizes, from `seed_sized_spec`.
      seed: For the initial weights.
    """

    def __init__(self, spec: InstrumentSpec, seed: int = 0):
        super().__init__(name="baseline")
        self.spec, size = spec, spec.architecture
        layers, width = 3, len(spec.controls) * size.stack_units
        keras.utils.set_random_seed(seed)
        self.stacks = [
            Stack(size.stack_units, layers, 1000 * seed + 10 * i, name=control.name)
            for i, control in enumerate(spec.controls)
        ]
        self.gru = keras.layers.GRU(size.gru_units, return_sequences=True, return_state=True)
        self.mlp = Stack(size.mlp_units, layers, 1000 * seed + 900, name="mlp")
        self.heads = [
            keras.layers.Dense(units, name=name)
            for units, name in (
                (1, "amplitude"),
                (size.n_harmonics, "distribution"),
                (size.n_noise_bands, "noise"),
            )
        ]
        for stack in self.stacks:
            stack.build((None, None, 1))
        self.gru.build((None, None, width))
        self.mlp.build((None, None, width + size.gru_units))
        for head in self.heads:
            head.build((None, None, size.mlp_units))
        n_room = round(PIECE_SECONDS * spec.rates.sample_rate)
        start = keras.initializers.RandomNormal(0.0, 1e-6, seed)
        self.room = self.add_weight(shape=(n_room,), initializer=start, name="room")
        self.built = True

    def parameters(self, controls: tf.Tensor, memory: tf.Tensor | None = None):
        """What the network says, as stock DDSP takes it before scaling.

        Args:
          controls: Curves scaled to 0…1, [batch, n_frames, n_controls].
          memory: The GRU's, from the piece before, [batch, units].

        Returns:
          Amplitude [batch, n_frames, 1], distribution, noise magnitudes, and the memory.
        """
        curves = tf.split(controls, len(self.stacks), axis=-1)
        features = tf.concat([s(c) for s, c in zip(self.stacks, curves, strict=True)], axis=-1)
        if memory is None:
            memory = tf.zeros([tf.shape(controls)[0], self.spec.architecture.gru_units])
        said, memory = self.gru(features, initial_state=memory)
        last = self.mlp(tf.concat([said, features], axis=-1))
        return *(head(last) for head in self.heads), memory

    def call(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """Audio of training cuts, [batch, n_samples]; inputs as `batches.Cuts` gives them."""
        amplitude, distribution, noise, _ = self.parameters(inputs["controls"])
        n_samples = inputs["white"].shape[1]
        harmonic = ddsp.synths.Harmonic(n_samples, self.spec.rates.sample_rate)
        said = harmonic.get_controls(amplitude, distribution, inputs["f0_hz"][..., None])
        dry = harmonic.get_signal(**said) + filtered_noise(noise, inputs["white"])
        return self.with_room(dry)

    def with_room(self, dry: tf.Tensor) -> tf.Tensor:
        """Stock reverb: the dry sound and its answer, same shape as `dry`, [batch, n_samples]."""
        room = tf.tile(self.room[None], [tf.shape(dry)[0], 1])
        room = tf.ensure_shape(room, [dry.shape[0], self.room.shape[0]])
        return ddsp.effects.Reverb(trainable=False, add_dry=True).get_signal(dry, room)


def filtered_noise(magnitudes: tf.Tensor, white: tf.Tensor) -> tf.Tensor:
    """Stock filtered noise, of noise that is given, [batch, n_samples]."""
    synth = ddsp.synths.FilteredNoise(white.shape[1])
    scaled = synth.get_controls(magnitudes)["magnitudes"]
    return ddsp.core.frequency_filter(white, scaled, window_size=synth.window_size)


class Baseline:
    """A trained baseline, to play with.

    Args:
      model: The network.
      provenance: How it was made.
    """

    def __init__(self, model: SeedSizedModel, provenance: dict | None = None):
        self.model, self.provenance = model, provenance or {}
        self.sample_rate = model.spec.rates.sample_rate

    @classmethod
    def load(cls, folder: str | Path) -> Baseline:
        """Reads what `tools/train_seed_sized.py` has written.

        Raises:
          WeightsError: the folder holds no baseline, or a damaged one.
        """
        folder = Path(folder)
        try:
            about = yaml.safe_load((folder / ABOUT_FILE).read_text(encoding="utf-8"))
            model = SeedSizedModel(seed_sized_spec(about["units"], about["n_harmonics"]))
            model.load_weights(folder / WEIGHTS_FILE)
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
            reason = " ".join(str(error).split())[:200]
            raise WeightsError(
                f"{folder}: holds no baseline that can be read ({reason}). Train one: "
                "python tools/train_seed_sized.py --help"
            ) from None
        return cls(model, about)

    def save(self, folder: str | Path) -> None:
        """Writes weights and provenance; each appears when it is whole."""
        folder, size = Path(folder), self.model.spec.architecture
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"part.{WEIGHTS_FILE}"  # Keras writes only to names with its own suffix
        self.model.save_weights(part)
        part.replace(folder / WEIGHTS_FILE)
        about = {"units": size.gru_units, "n_harmonics": size.n_harmonics, **self.provenance}
        with appearing(folder / ABOUT_FILE) as file:
            file.write_text(yaml.safe_dump(about, sort_keys=False), encoding="utf-8")

    def render(self, performance: Performance, seed: int = 0, tail: float = 1.0) -> np.ndarray:
        """Plays a performance, 4 s at a time; the oscillators' phase and the GRU go on.

        Args:
          performance: What to play.
          seed: Of the noise.
          tail: Seconds after the last note-off.

        Returns:
          Audio, float32, [n_samples], within -1…1.
        """
        spec, rates = self.model.spec, self.model.spec.rates
        n_samples = round((performance.duration + tail) * rates.sample_rate)
        piece = round(PIECE_SECONDS * rates.frame_rate)
        rng, memory, phase, dry = np.random.default_rng(seed), None, None, []
        for first in range(0, n_frames_for(n_samples, rates), piece):
            curves = control_curves(performance, spec, piece, first)
            white = rng.uniform(-1, 1, (1, piece * rates.hop)).astype(np.float32)
            sound, memory, phase = self._piece(curves, white, memory, phase)
            dry.append(sound)
        whole = np.concatenate(dry)[:n_samples]
        return np.clip(self.model.with_room(whole[None]).numpy()[0, :n_samples], -1.0, 1.0)

    def _piece(self, curves: Controls, white: np.ndarray, memory, phase):
        """One piece of dry sound [n_samples], and what the next one goes on from."""
        if memory is None:
            memory, phase = tf.zeros([1, self.model.spec.architecture.gru_units]), tf.zeros([1] * 3)
        given = (curves.values[None], curves.f0_hz[None, :, None], white)
        dry, memory, phase = self._dry(*map(tf.constant, given), memory, phase)
        return dry.numpy()[0], memory, phase

    def _dry(self, controls, f0_hz, white, memory, phase):
        """The same of tensors, [1, n_frames, n] and [1, n_samples], op by op."""
        amplitude, distribution, noise, memory = self.model.parameters(controls, memory)
        said = ddsp.synths.Harmonic().get_controls(amplitude, distribution, f0_hz)
        harmonic, phase = ddsp.core.streaming_harmonic_synthesis(
            f0_hz,
            said["amplitudes"],
            said["harmonic_distribution"],
            phase,
            white.shape[1],
            self.sample_rate,
        )
        return tf.reshape(harmonic, [1, -1]) + filtered_noise(noise, white), memory, phase


def baseline_cuts(
    recording: str | Path, spec: InstrumentSpec, batch: int = BATCH, seed: int = 0
) -> Cuts:
    """The training examples of a recording: 4 s each, held-out blocks left out."""
    takes = load_recording(recording, spec.rates.sample_rate)
    recipe = Recipe(batch=batch, example_seconds=PIECE_SECONDS, unknown_share=0.0, seed=seed)
    return Cuts(prepare_examples(takes, spec, seed), spec, recipe)


def compiled(model: SeedSizedModel) -> SeedSizedModel:
    """The model ready for `fit`: stock spectral loss, Adam as in the paper."""
    stock = ddsp.losses.SpectralLoss(loss_type="L1", mag_weight=1.0, logmag_weight=1.0)
    rate = keras.optimizers.schedules.ExponentialDecay(LEARNING_RATE, DECAY_STEPS, DECAY)
    # Gradients are clipped at norm 3, as DDSP's own trainer does.
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=3.0)
    model.compile(optimizer=optimizer, loss=lambda target, audio: stock(target, audio))
    return model


def pieces(guitar: str) -> dict[str, Performance]:
    """What there are shipped renders of: the unseen melody and the published examples."""
    examples = {
        name: Performance.from_midi(examples_folder() / f"{name}.mid") for name in EXAMPLES.values()
    }
    return {MELODY: melody(60.0, levels=LEVELS[guitar]), **examples}


def shipped_baseline(guitar: str, performance: Performance) -> np.ndarray | None:
    """The shipped render of a piece by the baseline that learnt this guitar.

    Args:
      guitar: "string" or "sampled".
      performance: The piece; known by its notes, controllers and bend.

    Returns:
      Audio at 16 kHz, [n_samples]; None where there is none of this piece.

    Explained in notebook 05, "Compared with what?".
    """
    for name, piece in pieces(guitar).items():
        path = SHIPPED / guitar / f"{name}.flac"
        if _music(piece) == _music(performance) and path.is_file():
            return read_audio(path, 16000)[0]
    return None


def _music(performance: Performance) -> tuple:
    """All of a performance but its name."""
    return performance.notes, dict(performance.controllers), performance.bend
