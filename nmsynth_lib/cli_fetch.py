"""`nmsynth fetch`: a recording that somebody else has published, laid out as takes.

Road: a leaf beside it; [cli] -> authors_recording -> takes.
Explained by `nmsynth fetch --help`, and in notebook 01, "The authors' own recordings".
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer


def fetch_command(
    data_set: Annotated[
        Literal["original"], typer.Argument(metavar="NAME", help='Only "original" so far.')
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the takes.")],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Download the recording of the paper's authors.

    It comes from their public Google Drive folder and is laid out as takes. They give no licence:
    it is for your own study. The same command goes on where it was stopped, and does nothing when
    all is there.

    \b
    Examples:
      nmsynth fetch original --out authors
      nmsynth train authors --out authors-guitar --schema assets/schemas/original.yaml
    """  # noqa: D301
    from nmsynth_lib.authors_recording import LICENCE, SCHEMA, fetch_authors_recording

    try:
        fetched = fetch_authors_recording(out, quiet=quiet)
    except KeyboardInterrupt:
        print("Stopped; what has come is kept, the same command goes on.", file=sys.stderr)
        raise SystemExit(130) from None
    if not quiet:
        print(*fetched.told, sep="\n", end="\n" if fetched.told else "")
        shown, came = shlex.quote(str(out)), f"files fetched: {fetched.n_new}"
        use = f" --schema {shlex.quote(os.path.relpath(SCHEMA))}" if SCHEMA.is_file() else ""
        print(f"{out}: takes: {len(fetched.takes)}, {came if fetched.n_new else 'all there before'}"
              f". Licence: {LICENCE}. Look: nmsynth check {shown}. "
              f"Train: nmsynth train {shown} --out authors-guitar{use}")  # fmt: skip
