"""Makes assets/class_runs: the runs of notebook 02 that take longer than a lesson.

    python tools/make_class_runs.py [collapse amount leak inputs bound] [--steps N]

All are of the class configuration (nmsynth_lib/class_runs.py), seeded, in a quarter of an hour of
one core together; `amount` and `leak` are of the sampled guitar, whose notes are as different as
recordings are, the others of the string. What differs between the runs of an experiment is in each
run's `about`.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from nmsynth_lib import class_runs, synthesis
from nmsynth_lib.audio import write_audio
from nmsynth_lib.augmentation import speed
from nmsynth_lib.batches import Cuts, Recipe
from nmsynth_lib.checkpoints import Plan
from nmsynth_lib.class_runs import SHIPPED_RUNS, class_recipe, class_spec
from nmsynth_lib.files import appearing
from nmsynth_lib.guitars import play
from nmsynth_lib.instrument import Instrument
from nmsynth_lib.loss_curves import BOUND_FILE, copy_bound
from nmsynth_lib.losses import SpectrogramLoss, silence_loss
from nmsynth_lib.measured_spec import measured_spec
from nmsynth_lib.model import GuitarModel
from nmsynth_lib.recordings import Examples, prepare_examples
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.score import training_score
from nmsynth_lib.split_leaks import split_after_copying
from nmsynth_lib.takes import Take, TakeMeta, load_recording
from nmsynth_lib.training import Run
from nmsynth_lib.unseen import SHIPPED_RECORDINGS
from nmsynth_lib.widgets.training_view import muted_and_open

LICENCE = "CC0-1.0"
SHORT_S, LEAK_S = 20, 40  # seconds of the recordings that are small
TAUGHT_S = 28  # seconds of the latter that are not held out, where they are held out first
EARLY = 50  # steps of the run that is broken off
COPIES = (1, -1, 2, -2)  # semitones
UNSEEN_S = 25  # seconds of a take that no run has heard
SAMPLED, SAMPLED_LICENCE = ("amount", "leak"), "MIT (FluidR3, Frank Wen)"  # as its recording
SOUNDS = ("collapse", "amount", "inputs")  # experiments whose runs are heard


def take_of(seconds: float, seed: int, split: str = "auto") -> Take:
    """A take of the string guitar's low notes."""
    score = training_score(seconds / 60, seed, "continuous", class_runs.LOW, class_runs.HIGH)
    audio = play("string", score, seed=seed)
    meta = TakeMeta(split=split, licence=LICENCE, guitar="string")
    return Take(f"low notes, seed {seed}", audio, score, 16000, meta)


def whole_take() -> Take:
    """The class recording itself."""
    with tempfile.TemporaryDirectory() as scratch:
        (take,) = load_recording(class_runs.class_recording(scratch))
    return take


def trained(
    name: str,
    label: str,
    examples: Examples,
    spec: InstrumentSpec,
    steps: int,
    end: int | None = None,
    unseen: Take | None = None,
    recipe: Recipe | None = None,
    **about,
) -> tuple[dict, Instrument]:
    """Trains one run; gives its row for the file, and its last weights as an instrument.

    `steps` is what the learning rate is planned for, `end` when it is broken off.
    """

    def watch(run: Run) -> None:
        run.model.stop_training = end is not None and run.state.step >= end

    recipe = recipe or class_recipe(patience=0)
    began = time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        plan = Plan(spec, recipe, None, steps)
        cuts = Cuts(examples, spec, recipe)
        run = Run(Path(scratch) / "run", plan, cuts, quiet=True, watch=watch)
        run.fit()
        drawn = [target for _, target in cuts.training(0).take(25)]
    instrument = Instrument(run.spec, run.model)
    row = {
        "name": name,
        "label": label,
        "steps": run.state.step,
        "cpu_seconds": round(time.process_time() - began, 1),
        "history": [_short(one) for one in run.state.history],
        "figures": {
            "silence_loss": round(run.silence_loss, 4),
            "training_silence_loss": round(silence_of(drawn), 4),
            "unseen_share": round(unseen_share(run.model, spec, recipe, unseen), 4),
        },
        "about": {
            "architecture": {
                key: value
                for key, value in spec.architecture.model_dump(mode="json").items()
                if key not in ("inharmonicity", "tuning_cents")
            },
            "recipe": asdict(recipe),
            "training_seconds": round(_seconds(examples.training, spec), 1),
            "held_out_seconds": round(_seconds(examples.validation, spec), 1),
            **about,
        },
    }
    last = row["history"][-1]
    print(
        f"{name}: {row['cpu_seconds']:.0f} s, loss {last['loss']:.3f}, held out "
        f"{last['held_out_loss']:.3f}, {row['figures']}, "
        f"noise {last['noise_share']:.2f}, {last['level_db']:.0f} dB {last['warning'][:50]}",
        flush=True,
    )
    return row, instrument


def silence_of(targets: Iterable) -> float:
    """The mean loss of saying nothing."""
    loss = SpectrogramLoss()
    return float(np.mean([silence_loss(loss, target) for target in targets]))


def unseen_share(
    model: GuitarModel, spec: InstrumentSpec, recipe: Recipe, unseen: Take | None
) -> float:
    """The loss of another take of the same kind, which no run has heard; silence is 1."""
    unseen = unseen or take_of(UNSEEN_S, 60, "validation")
    takes = [take_of(3, 61, "train"), unseen]
    pairs = list(Cuts(prepare_examples(takes, spec), spec, recipe).validation())
    loss = SpectrogramLoss()
    found = [float(np.mean(loss.call(target, model(inputs)))) for inputs, target in pairs]
    return float(np.mean(found)) / silence_of(target for _, target in pairs)


def _seconds(spans, spec: InstrumentSpec) -> float:
    return sum(end - first for first, end in spans) / spec.rates.frame_rate


def _short(row: dict) -> dict:
    """A row with as many digits as a picture shows."""
    kept = ("step", "seconds", "loss", "held_out_loss", "noise_share", "level_db", "warning")
    return {
        key: float(f"{row[key]:.4g}") if isinstance(row[key], float) else row[key] for key in kept
    }


@contextmanager
def aligned_phases() -> Iterator[None]:
    """All partials start at phase 0, as in stock DDSP."""
    spread = synthesis.phase_spread
    synthesis.phase_spread = lambda architecture: np.zeros(architecture.n_harmonics)
    try:
        yield
    finally:
        synthesis.phase_spread = spread


def collapse(steps: int) -> Iterator[tuple[dict, Instrument]]:
    """How loud the noise is at the start, and a MIDI that belongs to another take."""
    take = whole_take()
    for bias in (-10.0, -5.0, -1.0):
        spec = measured_spec("collapse", [take], class_spec(noise_bias=bias))
        with aligned_phases():
            yield trained(
                f"bias{bias:.0f}",
                f"noise starts at {bias:.0f}",
                prepare_examples([take], spec),
                spec,
                steps,
                phases="aligned",
            )
    spec = measured_spec("collapse", [take], class_spec())
    strange = replace(take, performance=training_score(2.5, 77, "continuous", 40, 52))
    yield trained(
        "strange", "the MIDI of another take", prepare_examples([strange], spec), spec, steps
    )


def amount(steps: int) -> Iterator[tuple[dict, Instrument]]:
    """Twenty seconds of the sampled guitar against twelve minutes, examined on the same piece."""
    (take,) = load_recording(SHIPPED_RECORDINGS / "sampled")
    exam, unseen = (_piece(take, start, UNSEEN_S, "validation") for start in (0, 30))
    long = _piece(take, 60, take.seconds - 60, "train")
    label = "12 minutes"
    for name, one, told, end in (
        ("early", long, f"{label}, {EARLY} steps", EARLY),
        ("short", _piece(take, 60, SHORT_S, "train"), f"{SHORT_S} s", steps),
        ("all", long, label, steps),
    ):
        spec = measured_spec("amount", [one], class_spec())
        examples = prepare_examples([one, exam], spec)
        # The rate stays high to the end: a falling one would stop the learning by heart, too.
        recipe = class_recipe(patience=0, flat_until=0.99)
        yield trained(name, told, examples, spec, steps, end, unseen, recipe, guitar="sampled")


def _piece(take: Take, start: float, seconds: float, split: str) -> Take:
    """A stretch of a take as a take of its own."""
    rate = take.sample_rate
    return replace(
        take,
        audio=np.array(take.audio[round(start * rate) : round((start + seconds) * rate)]),
        performance=take.performance.between(start, start + seconds),
        meta=take.meta.model_copy(update={"split": split}),
    )


def leak(steps: int) -> Iterator[tuple[dict, Instrument]]:
    """Copies at other pitches, then lots; and lots first, then copies of the training part."""
    (whole,) = load_recording(SHIPPED_RECORDINGS / "sampled")
    take, unseen = _piece(whole, 60, LEAK_S, "auto"), _piece(whole, 30, UNSEEN_S, "validation")
    spec = measured_spec("leak", [take], class_spec(), max(COPIES))
    learnt = _piece(take, 0, TAUGHT_S, "train")
    exam = _piece(take, TAUGHT_S, LEAK_S - TAUGHT_S, "validation")
    honest = prepare_examples([learnt, exam], spec, 0, 0.1, COPIES)
    taught = _piece(take, 0, LEAK_S, "train")
    both = prepare_examples([taught, unseen], spec, 0, 0.1, COPIES)
    leaky = replace(both, **_lots(take, both, spec))
    about = {"unseen": unseen, "guitar": "sampled", "copies": COPIES}
    yield trained("leaky", "copied, then split", leaky, spec, steps, **about)
    yield trained("honest", "split, then copied", honest, spec, steps, **about)


def _lots(take: Take, whole: Examples, spec: InstrumentSpec) -> dict:
    """Spans of pieces of 4 s that were dealt out after the copies were made."""
    firsts = whole.audio.edges[:-1] // spec.rates.hop
    # The take, the one that only had to be there, and then the copies in their order.
    places = dict(zip((0, *COPIES), (firsts[0], *firsts[2:]), strict=True))
    spans: dict = {"training": [], "validation": []}
    for piece in split_after_copying(take, COPIES):
        factor = spec.rates.frame_rate / speed(piece.semitones)
        first, end = (round(places[piece.semitones] + s * factor) for s in (piece.start, piece.end))
        spans["validation" if piece.held_out else "training"].append((first, end))
    return {kind: tuple(found) for kind, found in spans.items()}


def inputs(steps: int) -> Iterator[tuple[dict, Instrument]]:
    """One run without each input: its curve is held still at its mean. And a second seed."""
    take = whole_take()
    spec = measured_spec("inputs", [take], class_spec())
    examples = prepare_examples([take], spec)
    yield trained("all", "all inputs", examples, spec, steps)
    for column, control in enumerate(spec.controls):
        still = examples.controls.copy()
        still[:, column] = still[:, column].mean()
        yield trained(
            control.name,
            f"without {control.name}",
            replace(examples, controls=still),
            spec,
            steps,
            held_still=control.name,
        )


def bound() -> None:
    """Copy synthesis of the class recording's held-out blocks."""
    take = whole_take()
    spec, recipe = measured_spec("bound", [take], class_spec()), class_recipe()
    with tempfile.TemporaryDirectory() as scratch:
        cuts = Cuts(prepare_examples([take], spec), spec, recipe)
        run = Run(Path(scratch) / "run", Plan(spec, recipe, None, 1), cuts, quiet=True)
        began = time.process_time()
        values = {steps: copy_bound(run, steps) for steps in (60, 200)}
    print(values, f"{time.process_time() - began:.0f} s", flush=True)
    _write(BOUND_FILE, LICENCE, {"held_out_loss": round(values[200], 4), "steps": 200})


EXPERIMENTS = {"collapse": collapse, "amount": amount, "leak": leak, "inputs": inputs}
STEPS = {"collapse": 200, "amount": 600, "leak": 800, "inputs": 250}


def _write(name: str, licence: str, content: dict) -> None:
    SHIPPED_RUNS.mkdir(parents=True, exist_ok=True)
    made = {"made_by": "tools/make_class_runs.py", "licence": licence}
    with appearing(SHIPPED_RUNS / name) as part:
        part.write_text(json.dumps({**made, **content}, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", nargs="*", help="experiments; none: all")
    parser.add_argument("--steps", type=int, help="instead of each experiment's own number")
    chosen = parser.parse_args()
    which = chosen.which or ["bound", *EXPERIMENTS]
    if unknown := set(which) - {"bound", *EXPERIMENTS}:
        parser.error(f"there is no {', '.join(sorted(unknown))}.")
    if "bound" in which:
        bound()
    for experiment in (name for name in which if name in EXPERIMENTS):
        rows = []
        for row, instrument in EXPERIMENTS[experiment](chosen.steps or STEPS[experiment]):
            rows.append(row)
            if experiment in SOUNDS:
                audio = instrument.render(muted_and_open(), tail=0.3)
                write_audio(SHIPPED_RUNS / f"{experiment}_{row['name']}.flac", audio)
        licence = SAMPLED_LICENCE if experiment in SAMPLED else LICENCE
        _write(f"{experiment}.json", licence, {"runs": rows})


if __name__ == "__main__":
    main()
