"""Measurements that need a process of their own: one thread, peak memory, import time.

How many threads TensorFlow has is decided once in a process, the highest memory use of a process
never falls, and a module is imported only once. So each of these is measured in a fresh Python,
`python -m nmsynth_lib.bench_children NAME ARGUMENTS`, which prints its figures as JSON.
Road: beside it; instrument -> [bench children] -> bench.
Explained by `nmsynth bench --help`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from nmsynth_lib.errors import NmsynthError
from nmsynth_lib.threads import thread_variables

ROOT = Path(__file__).resolve().parent.parent


def in_child(name: str, threads: int, **arguments) -> dict[str, float]:
    """Figures of one of `MEASURES`, from a fresh Python with so many threads.

    Raises:
      NmsynthError: it failed; the message ends with its last words.
    """
    asked = json.dumps(arguments)
    done = _python(["-m", "nmsynth_lib.bench_children", name, asked], thread_variables(threads))
    if done.returncode:
        words = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        words = words.removeprefix("Error: ")
        raise NmsynthError(f"bench: measuring {name} in a process of its own failed: {words}")
    return json.loads(done.stdout.splitlines()[-1])


def import_seconds(rounds: int = 7) -> dict[str, float]:
    """What `import nmsynth_lib` adds to the start of a bare Python; both take turns.

    Args:
      rounds: Of which medians are taken.

    Returns:
      `import_s` and `bare_python_s`.
    """
    took: dict[str, list[float]] = {"import nmsynth_lib": [], "pass": []}
    for number in range(rounds + 1):
        for code in sorted(took, reverse=bool(number % 2)):
            began = time.perf_counter()
            _python(["-c", code], {}).check_returncode()
            if number:  # the first round fills the disk cache
                took[code].append(time.perf_counter() - began)
    added, bare = median(took["import nmsynth_lib"]), median(took["pass"])
    return {"import_s": max(0.0, added - bare), "bare_python_s": bare}


def rendering(
    instrument: str,
    seconds: float,
    rounds: int,
    baseline_seconds: float,
    baseline: Mapping[str, int],
) -> dict[str, float]:
    """How many times faster than real time this process renders, and how long it needs to start.

    Args:
      instrument: Name or folder.
      seconds: Of the melody.
      rounds: Of which medians are taken.
      baseline_seconds: Of the melody that the seed-sized baseline renders as often.
      baseline: Its sizes, arguments of `seed_sized_spec`.

    Returns:
      `rtf`, `baseline_rtf`, `start_s` (loading and tracing, imports included) and `cores`
      (processor seconds a second on the clock: 1 for one thread).
    """
    began = time.perf_counter()
    from nmsynth_lib.instrument import Instrument
    from nmsynth_lib.score import melody

    guitar = Instrument.load(instrument)
    short = melody(4.0)
    guitar.render(short)
    start_s = time.perf_counter() - began
    from nmsynth_lib.bench_sides import TracedBaseline
    from nmsynth_lib.bench_turns import alternated
    from nmsynth_lib.seed_sized import SeedSizedModel, seed_sized_spec

    other = TracedBaseline(SeedSizedModel(seed_sized_spec(**baseline)))
    other.render(short)
    music, less, cores = melody(seconds), melody(baseline_seconds), []
    ours, theirs = alternated(
        lambda: _times_real(guitar, music, cores), lambda: _times_real(other, less, []), rounds
    )
    return {
        "rtf": median(ours),
        "baseline_rtf": median(theirs),
        "start_s": start_s,
        "cores": median(cores),
    }


def memory(instrument: str, short_s: float, long_s: float, folder: str) -> dict[str, float]:
    """How much higher memory rises for a long MIDI file than for a short one.

    Both are rendered by `nmsynth render` to a sound file, after one for starting.

    Args:
      instrument: Name or folder.
      short_s: Seconds of the short melody.
      long_s: Seconds of the long one.
      folder: For the files.

    Returns:
      `short_mb`, `long_mb`: highest resident memory while rendering; `grown_mb`.
    """
    from nmsynth_lib.cli import main
    from nmsynth_lib.score import melody

    peaks = []
    for name, seconds in (("start", short_s), ("short", short_s), ("long", long_s)):
        midi, sound = (str(Path(folder) / f"{name}{suffix}") for suffix in (".mid", ".wav"))
        melody(seconds).write_midi(midi)
        forget_peak()
        if main(["render", midi, "-o", sound, "--instrument", instrument, "--quiet"]):
            raise SystemExit(2)  # the command has said why
        peaks.append(peak_mb())
    return {"short_mb": peaks[1], "long_mb": peaks[2], "grown_mb": peaks[2] - peaks[1]}


MEASURES = {"rendering": rendering, "memory": memory}


def _times_real(player, music, cores: list[float]) -> float:
    """Seconds of sound a second; adds to `cores` the processor seconds a second."""
    began, worked = time.perf_counter(), time.process_time()
    audio = player.render(music)
    took = time.perf_counter() - began
    cores.append((time.process_time() - worked) / took)
    return len(audio) / player.sample_rate / took


def forget_peak() -> None:
    """Lets the system measure the highest memory use anew, where it can (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_mb() -> float:
    """Highest resident memory in MB, since the start or since it was forgotten."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError, ValueError):
        unit = 2**20 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _python(arguments: list[str], variables: Mapping[str, str]) -> subprocess.CompletedProcess:
    """Runs this Python, which finds the library even where it is not installed."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, **variables, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, check=False
    )


if __name__ == "__main__":
    print(json.dumps(MEASURES[sys.argv[1]](**json.loads(sys.argv[2]))))
