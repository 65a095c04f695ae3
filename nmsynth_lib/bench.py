"""Speed, each figure against the seed-sized baseline in the same process and run.

Both sides train on the same recording and play the same melodies, in turns (`bench_turns`). What
can only be measured in a process of its own (one thread, memory, import) is in `bench_children`.
Road: beside it; bench sides -> bench turns, bench children -> [bench] -> bench table.
Explained by `nmsynth bench --help`.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nmsynth_lib.bench_children import import_seconds, in_child
from nmsynth_lib.bench_turns import Figures, render_speed, time_to_baseline, train_speed
from nmsynth_lib.threads import processors

BASELINE = {"units": 512, "n_harmonics": 100}


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
      minutes: Of recording to train on.
      rounds: Of training and of rendering, half of them in each order.
      steps: Training steps of ours in a round; the baseline does one.
      music_s: Seconds of the melody that is rendered.
      one_thread_s: Seconds of the melody that the baseline renders on one thread.
      baseline_s: Seconds that the baseline trains before ours is to pass it.
      looks: At the baseline's loss in that time, of which the best counts.
      judge_every_s: Seconds of our training between two looks at the loss.
      snr_s: Seconds after which the oscillators are compared.
      memory_s: Seconds of the short and of the long melody.
      imports: Rounds of importing.
      quick: Says so in the table.
    """

    minutes: float = 2.0
    rounds: int = 6
    steps: int = 10
    music_s: float = 60.0
    one_thread_s: float = 8.0
    baseline_s: float = 180.0
    looks: int = 8
    judge_every_s: float = 1.0
    snr_s: float = 60.0
    memory_s: tuple[float, float] = (60.0, 600.0)
    imports: int = 7
    quick: bool = False


FULL = Sizes()
QUICK = Sizes(
    minutes=1.0,
    rounds=4,
    steps=5,
    music_s=16.0,
    one_thread_s=4.0,
    baseline_s=20.0,
    looks=4,
    imports=3,
    quick=True,
)


def measured_speed(
    sizes: Sizes = FULL,
    instrument: str | Path = "string",
    threads: int | None = None,
    say: Callable[[str], None] = lambda what: None,
    spec=None,
    recipe=None,
    baseline: Mapping[str, int] = BASELINE,
) -> Figures:
    """All figures of `nmsynth bench`, which `bench_table.GOALS` has goals for.

    Args:
      sizes: How much is measured.
      instrument: Name or folder of what renders.
      threads: That TensorFlow has in this process (see `use_threads`); default: one a processor.
      say: Told what is done next.
      spec: Of our training; default: the guitar's.
      recipe: Of our training; default: that of `nmsynth train`.
      baseline: Its sizes, arguments of `seed_sized_spec`.

    Returns:
      Flat, figure -> number; all are finite.
    """
    began, threads = time.monotonic(), threads or processors()
    figures: Figures = {
        "threads": threads,
        "rounds": sizes.rounds,
        "quick": float(sizes.quick),
        "load_at_start": _load(),
    }
    from nmsynth_lib.instrument_files import find_instrument

    folder = str(find_instrument(instrument).resolve())
    with tempfile.TemporaryDirectory(prefix="nmsynth-bench-") as temporary:
        places = (folder, Path(temporary), say)
        figures |= _in_children(sizes, *places, threads, baseline)
        figures |= _against_the_baseline(sizes, *places, spec, recipe, baseline)
    figures["took_s"] = time.monotonic() - began
    return figures


def _in_children(
    sizes: Sizes, instrument: str, folder: Path, say, threads: int, baseline
) -> Figures:
    """Import, rendering on one thread, and memory, each in processes of its own."""
    say("importing the library")
    figures = import_seconds(sizes.imports)
    say("rendering on one thread")
    one = in_child(
        "rendering",
        1,
        instrument=instrument,
        seconds=sizes.music_s,
        rounds=sizes.rounds,
        baseline_seconds=sizes.one_thread_s,
        baseline=dict(baseline),
    )
    say("rendering a short and a long MIDI file")
    short_s, long_s = sizes.memory_s
    rose = in_child(
        "memory",
        threads,
        instrument=instrument,
        short_s=short_s,
        long_s=long_s,
        folder=str(folder),
    )
    return figures | {
        "render_rtf_1_thread": one["rtf"],
        "baseline_render_rtf_1_thread": one["baseline_rtf"],
        "render_start_s": one["start_s"],
        "render_cores_1_thread": one["cores"],
        "render_memory_mb_10min": rose["grown_mb"],
        "render_peak_mb": rose["long_mb"],
    }


def _against_the_baseline(
    sizes: Sizes, instrument: str, folder: Path, say, spec, recipe, baseline_sizes
) -> Figures:
    """Training, rendering and oscillators, both sides in this process."""
    from nmsynth_lib.bench_sides import (
        Judge,
        TracedBaseline,
        baseline_trainer,
        our_trainer,
        stock_oscillator_snr_db,
    )
    from nmsynth_lib.guitars import make_recording
    from nmsynth_lib.instrument import Instrument
    from nmsynth_lib.phase_measures import oscillator_snr_db
    from nmsynth_lib.score import melody
    from nmsynth_lib.seed_sized import seed_sized_spec

    say(f"recording {sizes.minutes:g} minutes of the string guitar to train on")
    recording = make_recording("string", folder / "takes", sizes.minutes, levels="continuous")
    ours = our_trainer(recording, folder / "ours", spec, recipe)
    baseline = baseline_trainer(recording, seed_sized_spec(**baseline_sizes))
    say("training, ours and the baseline in turns")
    figures = train_speed(ours, baseline, sizes.rounds, sizes.steps)
    say(f"training the baseline for {sizes.baseline_s:.0f} s in all, then ours until it is better")
    fresh = our_trainer(recording, folder / "race", spec, recipe, sizes.baseline_s / 60.0)
    figures |= time_to_baseline(
        fresh, baseline, Judge(), sizes.baseline_s, sizes.looks, sizes.judge_every_s
    )
    say(f"rendering {sizes.music_s:.0f} s of MIDI, ours and the baseline in turns")
    guitar = Instrument.load(instrument)
    music = melody(sizes.music_s)
    figures |= render_speed(guitar, TracedBaseline(baseline.model), music, sizes.rounds)
    say(f"comparing the oscillators with float64 after {sizes.snr_s:.0f} s")
    music = melody(sizes.snr_s)
    return figures | {
        "oscillator_snr_db": oscillator_snr_db(guitar, music),
        "baseline_oscillator_snr_db": stock_oscillator_snr_db(guitar, music),
    }


def _load() -> float:
    """Processes that wanted a processor in the last minute; 0 where the system does not say."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return 0.0
