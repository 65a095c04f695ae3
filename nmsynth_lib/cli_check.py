"""`nmsynth check`: is this folder of takes fit to train on, what is wrong, and what helps?

Road: a leaf beside it; [cli] -> take checks -> take findings -> mending.
Explained by `nmsynth check --help`, and in notebook 01, "Is the sound sound?".
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmsynth_lib.errors import NmsynthError

if TYPE_CHECKING:
    from nmsynth_lib.take_checks import TakeCheck
    from nmsynth_lib.take_findings import Finding


def check_command(
    recording: Annotated[
        Path, typer.Argument(metavar="DIR", help="Takes: NAME.wav|flac|mp3|ogg with NAME.mid.")
    ],
    mend: Annotated[
        bool,
        typer.Option(
            "--mend",
            help="Write what can be put right into DIR/meta.yaml, and check again. Sound and MIDI "
            "stay as they are.",
        ),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also draw each take (.png, .pdf or .svg): sound, notes, lags."
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write {take.figure: number, ...}."),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only the verdict of each take.")
    ] = False,
) -> int:
    """Say whether takes are fit to train on, and what helps.

    Figures, a verdict in words and remedies for each take.
    Exit status: 0 fit, 1 usable with warnings, 2 unfit.

    \b
    Examples:
      nmsynth check takes
      nmsynth check takes --mend
      nmsynth check takes --plot takes.png --json takes.json
    """  # noqa: D301
    import json

    from nmsynth_lib.files import appearing
    from nmsynth_lib.mending import write_corrections
    from nmsynth_lib.outputs import check_output
    from nmsynth_lib.take_findings import corrections_by_take, verdict
    from nmsynth_lib.take_table import check_text, correction_text

    for path in (plot, json_file):
        if path is not None:
            check_output(path)
    if plot is not None and plot.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise NmsynthError(f"{plot}: a picture is written as .png, .pdf or .svg.")
    checked = list(_checked(recording, quiet))
    if mend:
        new = corrections_by_take(checked)
        if new:
            path = write_corrections(recording, new)
            if not quiet:
                for name, entries in new.items():
                    print(f"{path}: {name}: {correction_text(entries)}")
            checked = list(_checked(recording, quiet))
        elif not quiet:
            print(f"{recording}: nothing to put right.")
    status = max(verdict(found)[0] for _, found in checked)
    for one, found in checked:
        print(f"{one.files.name}: {verdict(found)[1]}" if quiet else check_text(one, found) + "\n")
    if json_file is not None:
        figures = {
            f"{one.files.name}.{key}": value
            for one, _ in checked
            for key, value in one.figures().items()
        }
        with appearing(json_file) as part:
            part.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if plot is not None:
        _draw([one for one, _ in checked], plot)
    if not quiet:
        print(_what_next(recording, status, checked, mend))
    return status


def _checked(recording: Path, quiet: bool) -> Iterator[tuple[TakeCheck, list[Finding]]]:
    """Each take of the folder with its findings, behind a progress bar."""
    from tqdm.auto import tqdm

    from nmsynth_lib.take_checks import checked_take
    from nmsynth_lib.take_findings import findings
    from nmsynth_lib.takes import find_takes

    for files in tqdm(find_takes(recording), unit="take", leave=False, disable=quiet or None):
        check = checked_take(files)
        yield check, findings(check)


def _draw(checks: list[TakeCheck], path: Path) -> None:
    """A picture each: FILE for one take, FILE with the take's name behind its stem for several."""
    from nmsynth_lib.files import appearing
    from nmsynth_lib.take_plots import plot_check

    for check in checks:
        name = path if len(checks) == 1 else path.with_stem(f"{path.stem}-{check.files.name}")
        with appearing(name) as part:
            plot_check(check).savefig(part, format=path.suffix[1:].lower(), dpi=110)


def _what_next(recording: Path, status: int, checked: list, mended: bool) -> str:
    """One line: which command comes next."""
    shown = shlex.quote(str(recording))
    if not mended and any(one.correction for _, found in checked for one in found):
        return f"Put right what can be put right: nmsynth check {shown} --mend"
    if status == 2:
        return "Not to be trained on as it is: lines marked !! above say why and what helps."
    return f"Train on it: nmsynth train {shown} --out my-guitar"
