"""Copy synthesis: the best that this synthesiser could do, if the network were perfect.

Road: recordings -> [copy synthesis] -> synthesis -> audio: a short cut past controls and decoder.
The level of every partial and of every noise band is free in every frame, and is fitted straight to
the recording: first read off its spectrogram, then improved by gradient descent on the training
loss. Pitches, stiffness, phases, noise, and room stay the instrument's own. No decoder can come
nearer, but for chance; what is still missing then is the synthesiser's fault, not the network's.
Explained in notebook 05, "Compared with what?".

Source: analysis by synthesis, as in Serra & Smith 1990 (spectral modelling synthesis), with the
loss of Engel et al. 2020 (DDSP).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from nmsynth_lib.controls import inharmonicity, n_frames_for
from nmsynth_lib.engines import keras, tf
from nmsynth_lib.level_measures import noise_floor_db, running_energy
from nmsynth_lib.losses import SpectrogramLoss
from nmsynth_lib.noise import noise_audio
from nmsynth_lib.performance import Performance
from nmsynth_lib.room import room_audio
from nmsynth_lib.synthesis import (
    SynthParameters,
    harmonic_audio,
    partial_bank,
    phase_spread,
    silent_state,
    synthesise,
)

STEPS = 100
SEGMENT, LEAD = 500, 64  # frames fitted at once, and frames before them
FAST, SLOW = 0.2, 0.02  # of a neper, per step: learning rate at the beginning and at the end
QUIETEST = 1e-6
GUESS_WINDOW, GUESS_FFT = 512, 2048
BLOCK = 500  # frames synthesised at a time


def copy_synthesis(
    instrument,
    target: np.ndarray,
    performance: Performance,
    steps: int = STEPS,
    progress: Callable[[float], None] = lambda share: None,
) -> np.ndarray:
    """A recording played by the instrument's synthesiser with fitted parameters, and no network.

    Args:
      instrument: Gives `.spec`, `.curves` and the room of `.model`.
      target: The recording, at the instrument's sample rate, [n_samples].
      performance: What is played: the pitches.
      steps: Of gradient descent; 0 gives the first guess.
      progress: Called with the share that is done, 0…1.

    Returns:
      Audio, float32, shape [n_samples].

    Explained in notebook 05, "Compared with what?".
    """
    instrument = getattr(instrument, "instrument", instrument)  # of a damaged one, the sound one
    spec = instrument.spec
    hop, n_samples = spec.rates.hop, len(target)
    n_frames = math.ceil(n_frames_for(n_samples, spec.rates) / SEGMENT) * SEGMENT
    # Silence before the first and after the last frame, so that all segments are equally long.
    padded = np.zeros((LEAD + n_frames) * hop, np.float32)
    padded[LEAD * hop :][:n_samples] = target
    curves = instrument.curves(performance, LEAD + n_frames, -LEAD)
    white = np.random.default_rng(0).random(len(padded), np.float32) * 2.0 - 1.0
    pitch = {
        "f0_hz": curves.f0_hz,
        "stiffness": inharmonicity(curves.f0_hz, spec),
    }
    levels = first_guess(padded, pitch, spec)
    room = instrument.model.decoder.impulse_response()
    if steps:
        _fit(levels, padded, white, pitch, room, spec, steps, progress)
    return _played(levels, white, pitch, room, spec)[LEAD * hop :][:n_samples]


def first_guess(padded: np.ndarray, pitch: dict, spec) -> dict[str, np.ndarray]:
    """Natural logs of the levels, read off a spectrogram.

    Partials are read where they should lie; noise is taken to be what the quietest moments are.

    Args:
      padded: Sound of all frames, the first `LEAD` of them silent, [n_samples].
      pitch: `f0_hz` and `stiffness` of each frame, [n_frames].
      spec: Rates and sizes.

    Returns:
      `partials` [n_frames, n_harmonics] and `noise` [n_frames, n_noise_bands].
    """
    rates, n_frames = spec.rates, len(pitch["f0_hz"])
    window = np.hanning(GUESS_WINDOW + 1)[:-1]
    audio = np.pad(padded, (GUESS_WINDOW // 2, GUESS_WINDOW))
    starts = (np.arange(n_frames) + 1) * rates.hop  # windows centred on the ends of the frames
    frequencies, _ = _partials(pitch, spec)
    bins = np.minimum(np.round(frequencies * GUESS_FFT / rates.sample_rate), GUESS_FFT // 2)
    found = np.empty(frequencies.shape, np.float32)
    for first in range(0, n_frames, SEGMENT):
        rows = slice(first, first + SEGMENT)
        frames = audio[starts[rows, None] + np.arange(GUESS_WINDOW)] * window
        spectrum = np.abs(np.fft.rfft(frames, GUESS_FFT)) * 2 / window.sum()
        found[rows] = np.take_along_axis(spectrum, bins[rows].astype(int), axis=1)
    # White noise in -1…1 has the power 1/3.
    floor = math.sqrt(3.0) * 10 ** (
        noise_floor_db(running_energy(padded[LEAD * rates.hop :]), rates.sample_rate) / 20
    )
    quiet = max(floor, 10 * QUIETEST)
    n_bands = spec.architecture.n_noise_bands
    return {
        "partials": np.log(np.maximum(found, QUIETEST)),
        "noise": np.full((n_frames, n_bands), np.log(quiet), np.float32),
    }


def _partials(pitch: dict, spec) -> tuple[np.ndarray, np.ndarray]:
    """Frequency (Hz), and phase before each frame (cycles), [n_frames, n_harmonics], float64."""
    k = np.arange(1, spec.architecture.n_harmonics + 1)
    stretch = np.sqrt(1.0 + pitch["stiffness"].astype(float)[:, None] * k**2)
    frequencies = pitch["f0_hz"].astype(float)[:, None] * k * stretch
    travelled = np.cumsum(frequencies * spec.rates.hop / spec.rates.sample_rate, axis=0)
    before = np.vstack([np.zeros(len(k)), travelled[:-1]]) + phase_spread(spec.architecture)
    return frequencies, before % 1.0


def _fit(levels, padded, white, pitch, room, spec, steps, progress) -> None:
    """Gradient descent on the training loss, in place, a segment at a time.

    A segment begins with the last frames of the one before, so that what rings on from there is
    heard; those frames keep what the segment before has found.
    """
    hop, length = spec.rates.hop, SEGMENT + LEAD
    n_segments = (len(pitch["f0_hz"]) - LEAD) // SEGMENT
    cycles = _partials(pitch, spec)[1]
    variables = {
        name: keras.Variable(np.zeros((1, length, values.shape[1]), np.float32))
        for name, values in levels.items()
    }
    optimizer = keras.optimizers.Adam(FAST)
    optimizer.build(list(variables.values()))
    loss = SpectrogramLoss(spec.rates.sample_rate)

    @tf.function(autograph=False)
    def improve(bank, noise, wanted):
        partials, bands = (variables[name].value for name in ("partials", "noise"))
        with tf.GradientTape() as tape:
            dry = harmonic_audio(tf.exp(partials), bank)
            dry += noise_audio(tf.exp(bands), noise)[:, : length * hop]
            wet = room_audio(dry, room)[:, : length * hop]
            cost = tf.reduce_mean(loss(wanted, dry + wet))
        gradients = tape.gradient(cost, [partials, bands])
        optimizer.apply(gradients, [variables["partials"], variables["noise"]])

    for segment in range(n_segments):
        first = segment * SEGMENT
        rows, samples = slice(first, first + length), slice(first * hop, (first + length) * hop)
        for name, variable in variables.items():
            variable.assign(levels[name][None, rows])
        bank = partial_bank(
            tf.constant(pitch["f0_hz"][None, rows]),
            tf.constant(pitch["stiffness"][None, rows]),
            spec.rates,
            tf.constant(cycles[None, first]),
        )
        inputs = bank, tf.constant(white[None, samples]), tf.constant(padded[None, samples])
        for step in descent(optimizer, steps):
            improve(*inputs)
            progress((segment + (step + 1) / steps) / n_segments)
        keep = 0 if segment == 0 else LEAD
        for name, variable in variables.items():
            levels[name][first + keep : first + length] = variable.numpy()[0, keep:]


def descent(optimizer: keras.optimizers.Optimizer, steps: int) -> Iterator[int]:
    """Steps from 0 with a rate that falls from `FAST` to `SLOW`, and no memory of former fits."""
    for slot in optimizer.variables:
        slot.assign(tf.zeros_like(slot))
    for step in range(steps):
        optimizer.learning_rate = FAST * (SLOW / FAST) ** (step / max(1, steps - 1))
        yield step


def _played(levels, white, pitch, room, spec) -> np.ndarray:
    """The whole sound, block by block."""
    rates, state, blocks = spec.rates, silent_state(spec.architecture, spec.rates), []
    for first in range(0, len(pitch["f0_hz"]), BLOCK):
        rows = slice(first, first + BLOCK)
        partials = tf.exp(tf.constant(levels["partials"][None, rows]))
        total = tf.reduce_sum(partials, axis=-1, keepdims=True)
        said = SynthParameters(total, partials / total, tf.exp(levels["noise"][None, rows]))
        f0_hz, stiffness = (tf.constant(pitch[name][None, rows]) for name in pitch)
        noise = tf.constant(white[None, rows.start * rates.hop : rows.stop * rates.hop])
        sound, state = synthesise(said, f0_hz, stiffness, noise, room, rates, state)
        blocks.append((sound.harmonic + sound.noise + sound.reverb).numpy()[0])
    return np.concatenate(blocks)
