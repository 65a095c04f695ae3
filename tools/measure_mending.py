"""Measures what mending is worth: training on a clean take, a bad one mended, and as it was.

    .venv/bin/python tools/measure_mending.py string
    .venv/bin/python tools/measure_mending.py sampled

Records six minutes, spoils them (see `nmsynth_lib/spoiled_takes.py`), checks and mends, trains
1,000 steps on each and evaluates all on the unseen melody. Takes some 25 minutes on one core; what
is there already in build/mending is not made again. Prints the README's row.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from nmsynth_lib.guitars import GUITARS
from nmsynth_lib.score import training_score
from nmsynth_lib.spoiled_takes import NO_FAULTS, Faults, write_spoiled_take
from nmsynth_lib.takes import META_FILE

ROOT = Path(__file__).parent.parent / "build" / "mending"
SEED, MINUTES, STEPS = 3, 6, 1000


def nmsynth(*arguments: object) -> None:
    """The command line, which ends this program where it fails."""
    command = [sys.executable, "-m", "nmsynth_lib.cli", *map(str, arguments)]
    done = subprocess.run(command)
    if done.returncode > 1:  # 1 is a usable take with warnings
        sys.exit(done.returncode)


def takes(guitar: str, kind: str) -> Path:
    """The folder of a clean, mended or raw take."""
    folder = ROOT / f"{guitar}-{kind}-take"
    if not folder.exists():
        music = training_score(MINUTES, SEED, "continuous" if guitar == "string" else "two")
        write_spoiled_take(folder, guitar, music, NO_FAULTS if kind == "clean" else Faults(), SEED)
        if kind == "mended":
            nmsynth("check", folder, "--mend")
        elif kind == "raw":  # the overlap alone is mended, or nothing could be trained at all
            meta = folder / META_FILE
            meta.write_text(meta.read_text() + "overlaps: last\n")
    return folder


def distance(guitar: str, kind: str) -> float:
    """log_mel_db of an instrument that has learnt from such a take."""
    out, figures = ROOT / f"{guitar}-{kind}", ROOT / f"{guitar}-{kind}.json"
    if not figures.exists():
        shutil.rmtree(out, ignore_errors=True)
        recording = takes(guitar, kind)
        nmsynth("train", recording, "--out", out, "--steps", STEPS, "--seed", 0, "--quiet")
        nmsynth("evaluate", "--instrument", out, "--guitar", guitar, "--quick", "--quiet",
                "--json", figures)  # fmt: skip
    return json.loads(figures.read_text())["log_mel_db"]


def main() -> None:
    """Measures one guitar and prints its row."""
    if len(sys.argv) != 2 or sys.argv[1] not in GUITARS:
        sys.exit(f"Which guitar? {' or '.join(GUITARS)}")
    guitar = sys.argv[1]
    cells = [f"{distance(guitar, kind):.2f} dB" for kind in ("clean", "mended", "raw")]
    print(f"| `{guitar}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
