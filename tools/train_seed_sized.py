"""Trains the seed-sized baseline, or renders what is shipped of it.

    python tools/train_seed_sized.py RECORDING --out DIR [--minutes 65]
    python tools/train_seed_sized.py --render DIR --guitar string

Minutes are of the process's own CPU time: the shipped instruments were trained 65 minutes on one
core each. Ctrl-C or a TERM signal ends the training and keeps the weights.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from pathlib import Path

SAVE_EVERY = 180  # CPU seconds
JUDGE_EVERY = 60  # CPU seconds; at first more often


def train(recording: Path, out: Path, minutes: float, seed: int) -> None:
    """Trains until the CPU minutes are used up."""
    import numpy as np

    from nmsynth_lib.engines import keras
    from nmsynth_lib.losses import SpectrogramLoss
    from nmsynth_lib.seed_sized import (
        BATCH,
        Baseline,
        SeedSizedModel,
        baseline_cuts,
        compiled,
        seed_sized_spec,
    )

    spec = seed_sized_spec()
    cuts = baseline_cuts(recording, spec, BATCH, seed)
    model = compiled(SeedSizedModel(spec, seed))
    baseline = Baseline(model)
    began, loaded, saved, judged = time.monotonic(), time.process_time(), time.process_time(), 0.0
    step, curve = 0, []
    held_out, judge = list(cuts.validation()), SpectrogramLoss(spec.rates.sample_rate)

    def held_out_loss() -> float:
        return float(np.mean([judge(target, model(inputs)) for inputs, target in held_out]))

    def save() -> None:
        write_curve(out, curve)
        baseline.provenance = {
            "recording": recording.name,
            "cpu_minutes": round((time.process_time() - loaded) / 60, 2),
            "steps": step,
            "batch": BATCH,
            "seed": seed,
            "n_parameters": int(model.count_params()),
        }
        baseline.save(out)

    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            nonlocal step, saved, loaded, judged
            step += 1
            used = time.process_time() - loaded
            if step % 10 == 1:
                spent = f"{used / 60:.1f} CPU minutes, {time.monotonic() - began:.0f} s"
                print(f"step {step}: {spent}, loss {logs['loss']:.3f}", flush=True)
            if used - judged > min(JUDGE_EVERY, max(5.0, 0.5 * judged)):
                before = time.process_time()
                curve.append({"seconds": round(used, 1), "held_out_loss": held_out_loss()})
                loaded += time.process_time() - before  # judging is not training
                judged = used
            if time.process_time() - saved > SAVE_EVERY:
                saved = time.process_time()
                save()
            self.model.stop_training = used > 60 * minutes

    with contextlib.suppress(KeyboardInterrupt):
        model.fit(
            cuts.training(0),
            epochs=10**6,
            steps_per_epoch=50,
            shuffle=False,
            verbose=0,
            callbacks=[Keep()],
        )
    save()
    print(baseline.provenance)


def write_curve(out: Path, curve: list[dict[str, float]]) -> None:
    """Writes `curve.json`: our loss of the held-out blocks against CPU seconds of training."""
    import json

    out.mkdir(parents=True, exist_ok=True)
    (out / "curve.json").write_text(json.dumps(curve, indent=1) + "\n", encoding="utf-8")


def render(folder: Path, guitar: str) -> None:
    """Writes the renders that are shipped, and where they come from."""
    import yaml

    from nmsynth_lib.audio import write_audio
    from nmsynth_lib.seed_sized import SHIPPED, Baseline, pieces

    baseline = Baseline.load(folder)
    out = SHIPPED / guitar
    out.mkdir(parents=True, exist_ok=True)
    for name, performance in pieces(guitar).items():
        write_audio(out / f"{name}.flac", baseline.render(performance), baseline.sample_rate)
    about = yaml.safe_dump(baseline.provenance, sort_keys=False)
    (out / "baseline.yaml").write_text(about, encoding="utf-8")
    print(f"{out}: {', '.join(pieces(guitar))}")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording", nargs="?", type=Path, help="folder of takes to train on")
    parser.add_argument("--out", type=Path, help="folder for weights and provenance")
    parser.add_argument("--minutes", type=float, default=65.0, help="of CPU time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--render", type=Path, metavar="DIR", help="trained baseline to render")
    parser.add_argument("--guitar", choices=("string", "sampled"), help="that it learnt")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if chosen.render and chosen.guitar:
        render(chosen.render, chosen.guitar)
    elif chosen.recording and chosen.out:
        train(chosen.recording, chosen.out, chosen.minutes, chosen.seed)
    else:
        parser.error("give RECORDING and --out, or --render and --guitar.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
