"""The report card: every figure of an instrument, beside what it is compared with, and in words.

Road: instrument -> metrics -> [report] -> a table, a JSON file, a page.
The instrument plays what a guitar has played, and the two sounds are compared. Every figure stands
beside the best that the synthesiser could do (copy synthesis), what a user would otherwise reach
for (the nearest-note sampler, the seed-sized baseline), and doing nothing (silence). Where the
guitar can be asked, single controls are swept on both.
Explained in notebook 05, "The report card".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nmsynth_lib import metrics
from nmsynth_lib.control_sweep import Sweep, cc55_sweep, control_figures
from nmsynth_lib.errors import RecordingError
from nmsynth_lib.guitars import play
from nmsynth_lib.ignored import ignored, ignored_alarm, ignored_controls
from nmsynth_lib.leakage import Leakage, leakage
from nmsynth_lib.note_measures import NoteMeasures, note_table
from nmsynth_lib.performance import Performance
from nmsynth_lib.phase_measures import oscillator_snr_db
from nmsynth_lib.references import nearest_note_sampler, silence
from nmsynth_lib.spectral_distances import MEL_HOP, log_mel_distances
from nmsynth_lib.unseen import JITTER_SEED, training_recording, unseen_melody  # noqa: F401
from nmsynth_lib.verdicts import IGNORED, Verdict, verdict
from nmsynth_lib.worst_notes import WorstNote, worst_notes

COPY, SAMPLER, BASELINE, SILENCE = "copy", "sampler", "baseline", "silence"
GUITAR = "guitar"
REFERENCES = {
    COPY: "copy synthesis: the same synthesiser's parameters fitted to the target, no network",
    SAMPLER: "nearest-note sampler: training notes, cut and pasted",
    BASELINE: "seed-sized baseline: the paper's network on stock DDSP",
    SILENCE: "silence: doing nothing",
    GUITAR: "guitar: what its own controls do",
}
SPREAD = "spread_"


@dataclass(frozen=True)
class Report:
    """All that is known of one instrument on one piece.

    Attributes:
      instrument: Its name.
      guitar: The guitar that played the target, if it can be asked; its goals count.
      sample_rate: Of all sounds, Hz.
      performance: What was played.
      sounds: "target", "render", and one for each reference, all of shape [n_samples].
      figures: Figure by key.
      references: Reference to its own figures.
      spreads: Key to largest minus smallest value over the seeds; empty for one seed.
      ways: Signed figures: in which direction something is off.
      truth: Note table of the target.
      table: Note table of the render.
      worst: The notes to listen to first.
      sweeps: CC55 sweeps, "instrument" and "guitar"; empty where the guitar cannot be asked.
      leaks: What each control moves besides what it should; None as above.
      ignored: Keys of the controls that the network ignores.
      alarms: What must be said loudly.
    """

    instrument: str
    guitar: str | None
    sample_rate: int
    performance: Performance
    sounds: Mapping[str, np.ndarray]
    figures: Mapping[str, float]
    references: Mapping[str, Mapping[str, float]]
    spreads: Mapping[str, float]
    ways: Mapping[str, float]
    truth: Sequence[NoteMeasures]
    table: Sequence[NoteMeasures]
    worst: Sequence[WorstNote]
    sweeps: Mapping[str, Sweep] = field(default_factory=dict)
    leaks: Leakage | None = None
    ignored: Sequence[str] = ()
    alarms: Sequence[str] = ()

    def verdicts(self) -> list[Verdict]:
        """Every figure judged against its goal, in words."""
        return [
            verdict(key, value, self.guitar, self.ways, self._heeded(key))
            for key, value in self.figures.items()
        ]

    def _heeded(self, key: str) -> bool | None:
        """Whether the network listens to a control; None for any other key."""
        return key not in self.ignored if key.startswith(IGNORED) else None

    def missed(self) -> list[Verdict]:
        """The figures that do not reach their goals."""
        return [one for one in self.verdicts() if one.met is False]

    def flat(self) -> dict[str, float]:
        """One flat object of key to number, as `--json` writes it; what has no answer is left out.

        References have their name before the key (`sampler_mss`), spreads `spread_`.
        """
        numbers = dict(self.figures)
        numbers |= {SPREAD + key: value for key, value in self.spreads.items()}
        for name, figures in self.references.items():
            numbers |= {f"{name}_{key}": value for key, value in figures.items()}
        return {
            key: round(float(value), 6) for key, value in numbers.items() if math.isfinite(value)
        }


def report_card(
    instrument,
    target: np.ndarray,
    performance: Performance,
    *,
    guitar: str | None = None,
    takes: Sequence = (),
    baseline: np.ndarray | None = None,
    seeds: int = 1,
    quick: bool = False,
    step: Callable[[str], None] = lambda doing: None,
) -> Report:
    """Judges an instrument on a piece that it was not trained on.

    Args:
      instrument: `Instrument`, or whatever has its interface (`damages.Damaged`).
      target: The piece as it should sound, at the instrument's sample rate, [n_samples].
      performance: What is played; second 0 is the first sample.
      guitar: "string" or "sampled" if that guitar played the target; then controls are swept on
        both, and its goals count.
      takes: The instrument's training takes, for the nearest-note sampler.
      baseline: The seed-sized baseline playing the same, [n_samples].
      seeds: How often to do it all, with other noise and another jitter of the guitar, to see how
        much each figure moves.
      quick: Without copy synthesis, leakage, and exactness of the oscillators.
      step: Called with words before each stretch of work.

    Returns:
      The report.

    Raises:
      RecordingError: the target is not sound that can be judged.

    Explained in notebook 05, "The report card".
    """
    rate = instrument.sample_rate
    if target.ndim != 1 or not np.isfinite(target).all() or np.abs(target).max(initial=0) < 1e-4:
        raise RecordingError("The recording to judge by is silent or damaged; record it again.")
    step("playing the piece")
    tail = max(0.0, len(target) / rate - performance.duration)
    render = metrics.same_length(instrument.render(performance, tail=tail), len(target))
    sounds = {"target": target, "render": render}
    truth = note_table(target, rate, performance)
    table = note_table(render, rate, performance)
    figures = metrics.evaluate_render(target, render, performance, rate, (truth, table))
    step("shuffling its controls")
    rises, noise = ignored_controls(instrument, target, performance)
    if not quick:
        figures["oscillator_snr_db"] = oscillator_snr_db(instrument, performance)
    sweeps, leaks = {}, None
    if guitar is not None:
        step("sweeping its controls, and the guitar's")
        sweeps = _sweeps(instrument, guitar)
        figures |= control_figures(sweeps["instrument"], sweeps["guitar"])
        if not quick:
            leaks = leakage(
                instrument.render, lambda music: play(guitar, music, rate, JITTER_SEED), rate
            )
    sounds |= _reference_sounds(instrument, target, performance, takes, baseline, quick, step)
    step("measuring the references")
    references = {
        name: metrics.evaluate_render(target, sounds[name], performance, rate, (truth, None))
        for name in sounds
        if name not in ("target", "render")
    }
    if sweeps:
        references[GUITAR] = control_figures(sweeps["guitar"], sweeps["guitar"])
    again = [
        _again(instrument, target, performance, guitar, seed, tail, step)
        for seed in range(1, seeds)
    ]
    figures |= rises
    spreads = {
        key: float(np.ptp([figures[key], *(other[key] for other in again)]))
        for key in (again[0] if again else ())
    }
    distances = log_mel_distances(target, render, rate)
    return Report(
        instrument=instrument.spec.name,
        guitar=guitar,
        sample_rate=rate,
        performance=performance,
        sounds=sounds,
        figures=figures,
        references=references,
        spreads=spreads,
        ways=metrics.signed_medians(truth, table),
        truth=truth,
        table=table,
        worst=worst_notes(distances, rate / MEL_HOP, performance, truth, table),
        sweeps=sweeps,
        leaks=leaks,
        ignored=ignored(rises, noise),
        alarms=ignored_alarm(rises, noise),
    )


def _sweeps(instrument, guitar: str, seed: int = 0) -> dict[str, Sweep]:
    """The CC55 sweep of both; the goals ask only for what CC55 does."""
    rate = instrument.sample_rate
    return {
        "instrument": cc55_sweep(lambda m: instrument.render(m, seed=seed), sample_rate=rate),
        "guitar": cc55_sweep(lambda m: play(guitar, m, rate, JITTER_SEED + seed), sample_rate=rate),
    }


def _reference_sounds(
    instrument,
    target: np.ndarray,
    performance: Performance,
    takes: Sequence,
    baseline: np.ndarray | None,
    quick: bool,
    step: Callable[[str], None],
) -> dict[str, np.ndarray]:
    """What the render is compared with, each as long as the target."""
    n_samples, rate, sounds = len(target), instrument.sample_rate, {}
    if not quick:
        from nmsynth_lib.copy_synthesis import copy_synthesis

        step("fitting the synthesiser straight to the target")
        sounds[COPY] = copy_synthesis(instrument, target, performance)
    if len(takes):
        step("patching the piece together from training notes")
        sampler = nearest_note_sampler(takes, performance, rate)
        sounds[SAMPLER] = metrics.same_length(sampler, n_samples)
    if baseline is not None:
        sounds[BASELINE] = metrics.same_length(baseline, n_samples)
    return {**sounds, SILENCE: silence(n_samples)}


def _again(
    instrument,
    target: np.ndarray,
    performance: Performance,
    guitar: str | None,
    seed: int,
    tail: float,
    step: Callable[[str], None],
) -> dict[str, float]:
    """The figures with other noise and, where the guitar can be asked, another jitter of it."""
    step(f"once more, with seed {seed}")
    rate = instrument.sample_rate
    if guitar is not None:
        played = play(guitar, performance, rate, JITTER_SEED + seed, tail)
        target = metrics.same_length(played, len(target))
    render = metrics.same_length(instrument.render(performance, seed=seed, tail=tail), len(target))
    figures = metrics.evaluate_render(target, render, performance, rate)
    if guitar is not None:
        figures |= control_figures(*_sweeps(instrument, guitar, seed).values())
    return figures | ignored_controls(instrument, target, performance, seed)[0]
