"""`make demo`: the three published examples as sound, picture, and one page that plays them.

Road: assets/midi -> Performance -> instruments, guitars -> [demo] -> build/demo: a leaf.
Explained in notebook 00, "Play it".
"""

from __future__ import annotations

import argparse
import base64
import html
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nmsynth_lib.audio import write_audio
from nmsynth_lib.errors import NmsynthError, OutputError, ToolMissingError
from nmsynth_lib.files import appearing
from nmsynth_lib.phrases import EXAMPLES

SHOWN = ("string", "sampled")
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>nmsynth: three examples</title>
<style>
{style}
.switch {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); }}
audio {{ width: 100%; }}
</style>
<h1>Three examples, played by a neural guitar</h1>
<p>The notes and controllers are those of the examples that Grechin and Groves published (DMRN+16,
2021), rebuilt from their piano rolls. {who} Inside an instrument are no samples: a small network
steers partials, noise and reverb. CC55 is openness: 127 an open string, 0 a palm-muted one.</p>
<p>Play one and switch to another while it sounds: it goes on at the same place. Levels are as
rendered.</p>
{examples}
<h2>In figures</h2>
<p>{about}</p>
{table}
<script>
{script}</script>
</html>
"""


def render_demo(folder: str | Path, instruments: Sequence[str] = SHOWN) -> list[Path]:
    """Renders the three examples: sounds, a picture each, and one page with all of them inside.

    Args:
      folder: Created if missing.
      instruments: Names of shipped instruments, or folders, at one sample rate. Beside each, the
        guitar that it learnt from is heard, if it can play here.

    Returns:
      The files written, the page last.

    Raises:
      NmsynthError: an instrument, an example or the folder cannot be used.
    """
    from nmsynth_lib.instrument import Instrument
    from nmsynth_lib.plots import plot_example
    from nmsynth_lib.published import ORIGINAL, examples, published_figures
    from nmsynth_lib.widgets.words import heard_in_words

    guitars = [Instrument.load(name) for name in instruments]
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be made ({error.strerror}). Choose another."
        ) from error
    rate, music = guitars[0].sample_rate, examples()
    sounds = {who: heard for guitar in guitars for who, heard in _renders(guitar).items()}
    written, sections = [], []
    for label, name in EXAMPLES.items():
        players = []
        for who, heard in sounds.items():
            path = folder / f"{name}-{who.replace(' ', '-')}.flac"
            write_audio(path, heard[name], rate)
            players.append(_player(path, who, label))
            written.append(path)
        first = next(iter(sounds))
        picture = plot_example(sounds[first][name], music[name], rate, title=f"{label}: {first}")
        picture_path = folder / f"{name}.png"
        with appearing(picture_path) as part:
            part.write_bytes(picture.png())
        written.append(picture_path)
        said = " ".join(heard_in_words(sounds[first][name], music[name], rate))
        sections.append(
            f'<h2>{html.escape(label)}</h2>\n<div class="switch" role="group" '
            f'aria-label="{html.escape(label)}">{"".join(players)}</div>\n'
            f"{picture.html()}\n<p>{html.escape(said)}</p>"
        )
    figures = {who: published_figures(heard, rate) for who, heard in sounds.items()}
    page = _page(
        [guitar.spec.name for guitar in guitars], sections, {"original": ORIGINAL} | figures
    )
    with appearing(folder / "index.html") as part:
        part.write_text(page, encoding="utf-8")
    return [*written, folder / "index.html"]


def _renders(instrument) -> dict[str, dict[str, np.ndarray]]:
    """The examples by an instrument and by the guitar that it learnt, if that can play here."""
    from nmsynth_lib.published import players, published_renders

    heard = {}
    for who, render in players(instrument).items():
        try:
            heard[who] = published_renders(render)
        except ToolMissingError as missing:
            print(f"demo: {missing} Left out.", file=sys.stderr)
    return heard


def _player(path: Path, who: str, label: str) -> str:
    """A player with the file inside it."""
    source = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><figcaption>{html.escape(who)}</figcaption><audio controls preload="none" '
        f'aria-label="{html.escape(f"{label}, {who}")}" src="data:audio/flac;base64,{source}">'
        "</audio></figure>"
    )


def _page(
    names: Sequence[str], sections: Sequence[str], columns: Mapping[str, Mapping[str, float]]
) -> str:
    from nmsynth_lib.published import ABOUT, published_rows

    here = Path(__file__).parent
    quoted = " and ".join(f"&ldquo;{html.escape(name)}&rdquo;" for name in names)
    what = "instrument" if len(names) == 1 else "instruments"
    (_, *heading, _), *rows = published_rows(columns)
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in ["", *heading, ""])
    body = "".join(_row(row) for row in rows)
    return PAGE.format(
        style=(here / "report_page.css").read_text(encoding="utf-8"),
        script=(here / "report_page.js").read_text(encoding="utf-8"),
        who=f"They are played by the {what} {quoted}. &ldquo;Its truth&rdquo; and &ldquo;its "
        "guitar&rdquo; are what an instrument learnt from: a simulated string, a recorded guitar.",
        examples="\n".join(sections),
        about=html.escape(ABOUT),
        table='<div class="wide" tabindex="0" role="region" aria-label="Figures"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>",
    )


def _row(cells: Sequence[str]) -> str:
    first, *numbers, said = (re.sub(r"`(.+?)`", r"\1", html.escape(cell)) for cell in cells)
    middle = "".join(f"<td>{number}</td>" for number in numbers)
    return f'<tr><th scope="row">{first}</th>{middle}<td class="words">{said}</td></tr>\n'


def main(arguments: list[str] | None = None) -> int:
    """Command line: `python -m nmsynth_lib.demo [--out DIR] [--instrument NAME]`.

    Returns:
      Exit status: 0 done, 2 bad input.
    """
    parser = argparse.ArgumentParser(prog="nmsynth_lib.demo", description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build/demo", help="folder for the results")
    parser.add_argument("--instrument", help="shipped name or a folder; else both shipped ones")
    chosen = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # else it greets on stderr
    try:
        written = render_demo(chosen.out, [chosen.instrument] if chosen.instrument else SHOWN)
    except NmsynthError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    print(f"{len(written)} files:")
    for path in written:
        print(f"  {path}")
    print(f"Open this page in a browser to hear and see them:\n  {written[-1].resolve().as_uri()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
