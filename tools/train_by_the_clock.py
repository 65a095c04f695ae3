"""Trains an instrument and keeps what it is after so many minutes, to see what more time brings.

    python tools/train_by_the_clock.py RECORDING --out DIR --minutes 2 5 10 30 60
    python tools/train_by_the_clock.py --judge DIR --guitar string

Trains once, up to the last of the minutes, on one thread. DIR/instrument is the whole run's, and
DIR/after_005 the best weights after five minutes; the learning rate of an early one is still high,
so a run that was planned for five minutes is better than that. --processor counts the processor's
minutes instead, on a machine that does other things besides. --judge evaluates all of them on the
unseen melody and writes DIR/curve.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.threads import use_threads


def train_and_keep(
    recording: Path,
    out: Path,
    minutes: list[float],
    steps: int | None,
    seed: int,
    schema: Path | None,
    processor: bool,
) -> None:
    """Trains to the last of the minutes, or so many steps, and copies the instrument at each."""
    from nmsynth_lib.training import train

    instrument, left, began = out / "instrument", sorted(minutes), time.process_time()

    def keep(run) -> None:
        while left[:-1] and run.seconds() >= 60 * left[0] and run.state.best_weights is not None:
            shutil.copytree(
                instrument,
                out / f"after_{left.pop(0):03.0f}",
                ignore=shutil.ignore_patterns("training"),
                dirs_exist_ok=True,
            )

    resume = (instrument / "training").exists()
    budget = {"steps": steps} if steps else {"minutes": max(minutes)}
    spec = InstrumentSpec.read(schema) if schema else None
    clock = time.process_time if processor else time.monotonic
    how = {"seed": seed, "watch": keep, "resume": resume, "spec": spec, "clock": clock}
    train(recording, instrument, **budget, **how)
    print(f"{(time.process_time() - began) / 60:.1f} minutes of the processor's time")


def judge(out: Path, guitar: str) -> None:
    """Figures of every kept instrument on the unseen melody."""
    from nmsynth_lib.evaluation import evaluation

    curve = {}
    for folder in sorted(out.iterdir()):
        if (folder / "instrument.yaml").is_file():
            flat = evaluation(folder, guitar=guitar, quick=True).flat()
            curve[folder.name] = {key: flat[key] for key in ("log_mel_db", "mss")}
            print(folder.name, curve[folder.name], flush=True)
    (out / "curve.json").write_text(json.dumps(curve, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording", nargs="?", type=Path, help="folder of takes to train on")
    parser.add_argument("--out", type=Path, help="folder for the instruments")
    parser.add_argument("--minutes", type=float, nargs="+", default=[2, 5, 10, 30, 60])
    parser.add_argument("--steps", type=int, help="train so many steps instead")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--schema", type=Path, help="an instrument.yaml to train, as nmsynth train")
    parser.add_argument("--processor", action="store_true", help="count the processor's minutes")
    parser.add_argument("--judge", type=Path, metavar="DIR", help="evaluate what is kept there")
    parser.add_argument("--guitar", choices=("string", "sampled"), default="string")
    chosen = parser.parse_args()
    use_threads(1)
    if chosen.judge:
        judge(chosen.judge, chosen.guitar)
    elif chosen.recording and chosen.out:
        train_and_keep(
            chosen.recording,
            chosen.out,
            chosen.minutes,
            chosen.steps,
            chosen.seed,
            chosen.schema,
            chosen.processor,
        )
    else:
        parser.error("give RECORDING and --out, or --judge.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
