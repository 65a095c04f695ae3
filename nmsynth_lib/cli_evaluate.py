"""`nmsynth evaluate`: an instrument judged on music that it never heard.

Road: a leaf beside it; [cli] -> evaluation -> report -> table, JSON file, page.
Explained by `nmsynth evaluate --help`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from nmsynth_lib.cli_arguments import Quiet, check_above_zero, doing
from nmsynth_lib.errors import NmsynthError


def evaluate_command(
    instrument: Annotated[
        str, typer.Option(metavar="NAME|DIR", help="Shipped name, or a folder you trained.")
    ] = "string",
    recording: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Takes that it was not trained on.  [default: a melody by the guitar it learnt]",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(metavar="S", help="Judge at most so much of the recording.")
    ] = 60.0,
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, max=100, help="Repeat, to see how figures move.")
    ] = 1,
    guitar: Annotated[
        Literal["string", "sampled"] | None,
        typer.Option(help="Which guitar plays the recording.  [default: what meta.yaml says]"),
    ] = None,
    takes: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="What it was trained on, for the nearest-note sampler."),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A seed-sized baseline from tools/train_seed_sized.py."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out copy synthesis, leakage and oscillators.")
    ] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write {key: number, ...}."),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Also write a page with pictures and sounds."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Judge an instrument on music that it never heard.

    Prints every figure beside its goal and its references, what is wrong in words, and the notes to
    listen to first. Takes a minute or two; --quick half of that.

    \b
    Examples:
      nmsynth evaluate --instrument string
      nmsynth evaluate --instrument my-guitar --recording held-out --takes takes --html card.html
      nmsynth evaluate --instrument sampled --seeds 5 --json figures.json
    """  # noqa: D301
    import json

    from nmsynth_lib.outputs import check_output

    check_above_zero("--seconds", seconds)
    outputs = [check_output(path) for path in (json_file, page) if path is not None]
    if len(set(outputs)) < len(outputs):
        raise NmsynthError("--json and --html: name two files.")
    from nmsynth_lib.evaluation import evaluation
    from nmsynth_lib.files import appearing
    from nmsynth_lib.report_table import report_text

    report = evaluation(
        instrument,
        recording,
        seconds=seconds,
        guitar=guitar,
        training=takes,
        baseline=baseline,
        seeds=seeds,
        quick=quick,
        step=doing(quiet),
    )
    if json_file is not None:
        with appearing(json_file) as part:
            part.write_text(json.dumps(report.flat(), indent=2) + "\n", encoding="utf-8")
    if page is not None:
        from nmsynth_lib.report_page import report_page

        with appearing(page) as part:
            part.write_text(report_page(report), encoding="utf-8")
    if not quiet:
        print(report_text(report))
