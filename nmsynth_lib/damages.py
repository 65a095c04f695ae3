"""Damages: an instrument broken on purpose, to see whether the report notices.

Road: instrument -> [damages] -> audio -> metrics -> report.
Every damage is one that somebody has built by accident; the original had four of them. A damaged
instrument is played and judged like any other.
Explained in notebook 05, "Break it on purpose".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nmsynth_lib.controls import Controls, n_frames_for
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance, midi_to_hz
from nmsynth_lib.phase_measures import summed_partials
from nmsynth_lib.schema import InstrumentSpec

LATE, SMEARED = 0.015, 0.040  # seconds
EARLY = 0.005  # seconds before its note-on that a note may begin to sound
SHARP = 8.0  # cents
RESTS_DB = -40.0  # re the peak
KEPT_PARTIALS = 10
SQUEEZE = 0.008  # the range that the original's scaling leaves of velocity


@dataclass(frozen=True)
class Damaged:
    """An instrument with something wrong; has what the report asks of an instrument.

    Attributes:
      instrument: A sound one.
      what: What is wrong, in words.
      music: What becomes of a performance before it is played.
      shown: What becomes of the control curves before the network sees them.
      sound: What becomes of the sound: (audio, performance, sample rate) -> audio.
      phases: Type that the partials' phases are summed in; None: as the instrument does it.
    """

    instrument: object
    what: str
    music: Callable[[Performance], Performance] = lambda performance: performance
    shown: Callable[[Controls, InstrumentSpec], Controls] = lambda curves, spec: curves
    sound: Callable[[np.ndarray, Performance, int], np.ndarray] = lambda audio, *_: audio
    phases: type | None = None

    @property
    def spec(self) -> InstrumentSpec:
        """The instrument's own."""
        return self.instrument.spec

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.instrument.sample_rate

    def curves(self, performance: Performance, n_frames: int, first_frame: int = 0) -> Controls:
        """Control curves before the damage."""
        return self.instrument.curves(self.music(performance), n_frames, first_frame)

    def parameters(
        self, performance: Performance, tail: float = 1.0, curves: Controls | None = None
    ) -> dict[str, np.ndarray]:
        """The instrument's own: what the damage does to curves and sound is not in it."""
        return self.instrument.parameters(self.music(performance), tail, curves)

    def render_stems(
        self,
        performance: Performance,
        seed: int = 0,
        tail: float = 1.0,
        curves: Controls | None = None,
    ) -> dict[str, np.ndarray]:
        """Stems of the damaged render, before what is done to the whole sound."""
        played = self.music(performance)
        stems = self.instrument.render_stems(played, seed=seed, tail=tail, curves=curves)
        if self.phases is not None:
            drifting = summed_partials(self.instrument, played, tail, self.phases, curves)
            stems["harmonic"] = drifting[: len(stems["harmonic"])].astype(np.float32)
        return stems

    def render(
        self,
        performance: Performance,
        seed: int = 0,
        tail: float = 1.0,
        curves: Controls | None = None,
    ) -> np.ndarray:
        """Plays a performance, with the damage; arguments as `Instrument.render` has them."""
        played = self.music(performance)
        if curves is None:
            n_samples = round((performance.duration + tail) * self.sample_rate)
            curves = self.instrument.curves(played, n_frames_for(n_samples, self.spec.rates))
        how = {"seed": seed, "tail": tail, "curves": self.shown(curves, self.spec)}
        if self.phases is None:
            audio = self.instrument.render(played, **how)
        else:
            audio = sum(self.render_stems(performance, **how).values())
        damaged = self.sound(audio.astype(float), performance, self.sample_rate)
        return np.clip(damaged, -1.0, 1.0).astype(np.float32)


def late(instrument) -> Damaged:
    """Everything comes 15 ms late, as an mp3 without a gapless header does."""

    def delayed(audio, _, rate):
        return np.concatenate([np.zeros(round(LATE * rate)), audio])[: len(audio)]

    return Damaged(instrument, "15 ms late", sound=delayed)


def sharp(instrument) -> Damaged:
    """Everything is 8 cents sharp."""

    def detuned(curves, _):
        return replace(curves, f0_hz=(curves.f0_hz * 2 ** (SHARP / 1200)).astype(np.float32))

    return Damaged(instrument, "8 cents sharp", shown=detuned)


def cc55_ignored(instrument) -> Damaged:
    """The network sees CC55 half open, whatever is asked."""
    return Damaged(instrument, "CC55 ignored", shown=_held("openness", 0.5))


def velocity_ignored(instrument) -> Damaged:
    """The network sees one velocity, whatever is asked."""
    return Damaged(instrument, "velocity ignored", shown=_held("velocity", 0.7))


def velocity_squeezed(instrument) -> Damaged:
    """The network sees velocities 1 to 127 as 1.000 to 1.008, as the original's did."""

    def squeezed(curves, spec):
        column, values = _column(spec, "velocity"), curves.values.copy()
        values[:, column] = 1.0 + SQUEEZE * values[:, column]
        return replace(curves, values=values)

    return Damaged(instrument, "velocity squeezed to 1.000-1.008", shown=squeezed)


def smeared_attack(instrument) -> Damaged:
    """Every note swells over 40 ms, as the original's do."""

    def smeared(audio, performance, rate):
        return audio * _per_note(
            len(audio),
            performance,
            rate,
            lambda note, age: np.clip((age + EARLY) / SMEARED, 0.0, 1.0),
        )

    return Damaged(instrument, "attacks smeared over 40 ms", sound=smeared)


def quiet(instrument) -> Damaged:
    """Everything is 3 dB too quiet."""
    return Damaged(instrument, "3 dB too quiet", sound=lambda audio, *_: audio * 10 ** (-3 / 20))


def noisy_rests(instrument) -> Damaged:
    """A noise at -40 dB re the peak lies under everything."""

    def noisy(audio, *_):
        noise = np.random.default_rng(0).standard_normal(len(audio))
        level = np.sqrt(_loudest_mean_square(audio)) * 10 ** (RESTS_DB / 20)
        return audio + level * noise

    return Damaged(instrument, "noise at -40 dB in the rests", sound=noisy)


def cut_release(instrument) -> Damaged:
    """Every note stops dead at its note-off."""

    def cut(audio, performance, rate):
        return audio * _per_note(
            len(audio),
            performance,
            rate,
            lambda note, age: np.clip(1 - (age - (note.offset - note.onset)) / 0.003, 0.0, 1.0),
        )

    return Damaged(instrument, "releases cut off", sound=cut)


def dull(instrument) -> Damaged:
    """Partials above the tenth are gone."""

    def filtered(audio, performance, rate):
        from scipy.signal import butter, sosfiltfilt

        result = audio.copy()
        for pitch in {note.pitch for note in performance.notes}:
            edge = (KEPT_PARTIALS + 0.5) * float(midi_to_hz(pitch))
            if edge < 0.45 * rate:
                low = sosfiltfilt(butter(8, edge, fs=rate, output="sos"), audio)
                own = _per_note(
                    len(audio), performance, rate, lambda note, age, p=pitch: float(note.pitch != p)
                )
                result = np.where(own == 0.0, low, result)
        return result

    return Damaged(instrument, "partials above the tenth removed", sound=filtered)


def wrong_note(instrument) -> Damaged:
    """The longest note is played a semitone too high."""

    def mistaken(performance: Performance) -> Performance:
        longest = max(performance.notes, key=lambda note: note.offset - note.onset)
        notes = [
            replace(note, pitch=note.pitch + 1) if note is longest else note
            for note in performance.notes
        ]
        return replace(performance, notes=tuple(notes))

    return Damaged(instrument, "one note at the wrong pitch", music=mistaken)


def drifting_phase(instrument) -> Damaged:
    """Phases are summed in single precision from the first sample on, as stock DDSP sums them."""
    return Damaged(instrument, "phases drift", phases=np.float32)


def swapped_cc55(instrument) -> Damaged:
    """Open is muted, and muted is open."""

    def swapped(curves, spec):
        column, values = _column(spec, "openness"), curves.values.copy()
        values[:, column] = 1.0 - values[:, column]
        return replace(curves, values=values)

    return Damaged(instrument, "open and muted swapped", shown=swapped)


def cc55_shuffled(instrument) -> Damaged:
    """Every note has another note's CC55."""

    def shuffled(performance: Performance) -> Performance:
        from nmsynth_lib.performance import held

        onsets = [note.onset for note in performance.notes]
        values = held(performance.controllers.get(OPENNESS_CC, ()), onsets, 0).astype(int)
        order = np.random.default_rng(0).permutation(len(values))
        events = list(zip(onsets, values[order].tolist(), strict=True))
        return performance.with_cc(OPENNESS_CC, [(0.0, 0), *events])

    return Damaged(instrument, "CC55 shuffled between the notes", music=shuffled)


DAMAGES: dict[str, Callable[[object], Damaged]] = {
    damage.__name__: damage
    for damage in (
        late, sharp, cc55_ignored, velocity_ignored, smeared_attack, quiet, noisy_rests,
        cut_release, dull, wrong_note, drifting_phase, swapped_cc55,
    )
}  # fmt: skip
"""Twelve ways to break an instrument, by name."""


def _column(spec: InstrumentSpec, name: str) -> int:
    return [control.name for control in spec.controls].index(name)


def _held(name: str, value: float) -> Callable[[Controls, InstrumentSpec], Controls]:
    """A change of curves that holds one control at a value of 0…1."""

    def constant(curves: Controls, spec: InstrumentSpec) -> Controls:
        values = curves.values.copy()
        values[:, _column(spec, name)] = value
        return replace(curves, values=values)

    return constant


def _per_note(
    n_samples: int,
    performance: Performance,
    rate: int,
    gain: Callable[[Note, np.ndarray], np.ndarray | float],
) -> np.ndarray:
    """A gain for each sample, from the note that began last and the seconds since its note-on.

    A note begins 5 ms before its note-on, where the instrument begins to ramp towards it.
    """
    result = np.ones(n_samples)
    starts = [max(0, round((note.onset - EARLY) * rate)) for note in performance.notes]
    for note, start, end in zip(performance.notes, starts, [*starts[1:], n_samples], strict=True):
        here = slice(start, end)
        age = np.arange(n_samples)[here] / rate - note.onset
        result[here] = gain(note, age)
    return result


def _loudest_mean_square(audio: np.ndarray, window: int = 160) -> float:
    """Mean square of the loudest 10 ms (at 16 kHz)."""
    return float(
        np.square(audio[: len(audio) // window * window]).reshape(-1, window).mean(1).max()
    )
