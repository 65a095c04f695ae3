"""`nmsynth bench`: how fast it is, beside the network and synthesiser that it replaces.

Road: a leaf beside it; [cli] -> bench -> bench table.
Explained by `nmsynth bench --help`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from nmsynth_lib.cli_arguments import doing


def bench_command(
    quick: Annotated[
        bool, typer.Option("--quick", help="Under 3 minutes on 2 cores; fewer and shorter rounds.")
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="For both sides.  [default: one a processor]"),
    ] = None,
    instrument: Annotated[
        str, typer.Option(metavar="NAME|DIR", help="What renders; what trains is a new one.")
    ] = "string",
    profile: Annotated[
        bool,
        typer.Option(
            "--profile",
            help="Say instead where a training step and a second of rendering go, block by block.",
        ),
    ] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write {key: number, ...}."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Measure speed against the paper's network on stock DDSP.

    Both train on the same recording and play the same melodies, in turns, in one run, some 8
    minutes. The table shows training, rendering, memory, oscillators and import, each beside the
    baseline and its goal, met or missed. Close other programs first.

    \b
    Examples:
      nmsynth bench
      nmsynth bench --quick --json speed.json
      nmsynth bench --threads 1
      nmsynth bench --profile --threads 1
    """  # noqa: D301
    import json

    from nmsynth_lib.files import appearing
    from nmsynth_lib.instrument_files import find_instrument
    from nmsynth_lib.outputs import check_output
    from nmsynth_lib.threads import use_threads

    if json_file is not None:
        check_output(json_file)
    find_instrument(instrument)
    say = doing(quiet)
    say("loading TensorFlow")
    threads = use_threads(threads)
    figures, text = (_profiled if profile else _measured)(quick, instrument, threads, say)
    if json_file is not None:
        with appearing(json_file) as part:
            part.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if not quiet:
        print(text)


Say = Callable[[str], None]


def _measured(quick: bool, instrument: str, threads: int, say: Say) -> tuple[dict, str]:
    """Figures and table of the benchmark."""
    from nmsynth_lib.bench import FULL, QUICK, measured_speed
    from nmsynth_lib.bench_table import bench_text

    figures = measured_speed(QUICK if quick else FULL, instrument, threads, say)
    return figures, bench_text(figures)


def _profiled(quick: bool, instrument: str, threads: int, say: Say) -> tuple[dict, str]:
    """Figures and tables of the profile."""
    from nmsynth_lib.instrument import Instrument
    from nmsynth_lib.profiling import profile_figures, profile_text, render_profile, step_profile

    repeats = 5 if quick else 15
    say("profiling a training step")
    step = step_profile(repeats=repeats)
    say("profiling a second of rendering")
    second = render_profile(Instrument.load(instrument), repeats=4 * repeats)
    how = f"{threads} thread{'s' * (threads > 1)}, medians, each block alone"
    text = [
        profile_text(f"A training step, forward and backward: {how}", step),
        profile_text(f"A second of rendering: {how}", second),
    ]
    return profile_figures("step", step) | profile_figures("render", second), "\n\n".join(text)
