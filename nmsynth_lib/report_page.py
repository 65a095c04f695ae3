"""The report as one page: pictures, sounds to switch between, figures beside their references.

Road: report -> [report page] -> one HTML file: a leaf.
The file needs nothing beside it: sounds are FLAC and pictures PNG, both inside. What can be said in
words is; no meaning lies in a colour alone.
Explained in notebook 05, "The report card".
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nmsynth_lib.report import REFERENCES, SILENCE, Report
from nmsynth_lib.report_plots import plot_against, plot_decay_map, plot_leakage
from nmsynth_lib.report_table import WORDS, report_rows

_HERE = Path(__file__).parent
LEAD = 0.1  # seconds played before a worst note
EDGE = 0.01  # seconds over which a clip fades in and out


def report_page(report: Report) -> str:
    """The whole page.

    Args:
      report: Of one instrument on one piece.

    Returns:
      HTML that needs no network and no other file.

    Explained in notebook 05, "The report card".
    """
    title = f"Report card: {report.instrument}"
    seconds = len(report.sounds["target"]) / report.sample_rate
    played = f"{len(report.performance.notes)} notes, {seconds:.0f} s"
    by = f" played by the {report.guitar} guitar" if report.guitar else ""
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>Judged on {played}{by}: &ldquo;{html.escape(report.performance.name)}&rdquo;.</p>",
        _summary(report),
        "<h2>Listen</h2>",
        "<p>Play one and switch to another while it sounds: it goes on at the same place. "
        "Levels are as they are, nothing is normalised.</p>",
        _switch(_heard(report), report.sample_rate, "piece"),
        "<h2>Figures</h2>",
        _table(report),
        _references(report),
        "<h2>Target and render</h2>",
        plot_against(report.sounds["target"], report.sounds["render"], report.sample_rate).html(),
    ]
    if report.sweeps:
        parts += [
            "<h2>What CC55 does at every pitch</h2>",
            "<p>Seconds until a note has fallen by 20 dB. The two maps should be alike.</p>",
            plot_decay_map(report.sweeps).html(),
        ]
    if report.leaks is not None:
        parts += [
            "<h2>What each control moves besides</h2>",
            "<p>The instrument's change minus the guitar's. Beyond one just noticeable difference "
            "it is a leak.</p>",
            plot_leakage(report.leaks).html(),
            _list(report.leaks.sentences() or ["Nothing by more than one can hear."]),
        ]
    parts += ["<h2>The notes to listen to first</h2>", _worst(report)]
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{_asset('report_page.css')}</style>\n"
        + "\n".join(parts)
        + f"\n<script>\n{_asset('report_page.js')}</script>\n</html>\n"
    )


def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _summary(report: Report) -> str:
    """What to know first: alarms, what is wrong, how many goals are reached."""
    verdicts = report.verdicts()
    met, missed = (sum(one.met is state for one in verdicts) for state in (True, False))
    alarms = "".join(f'<p class="alarm">{html.escape(alarm)}</p>' for alarm in report.alarms)
    said = f"<p>{met} goals reached, {missed} missed.</p>"
    return alarms + said + _list([one.sentence for one in report.missed()])


def _heard(report: Report) -> dict[str, np.ndarray]:
    return {name: sound for name, sound in report.sounds.items() if name != SILENCE}


def _table(report: Report) -> str:
    heading, rows = report_rows(report)
    *heading, _ = heading
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in [*heading, "in words"])
    body = []
    for row, judged in zip(rows, report.verdicts(), strict=True):
        *cells, _ = row
        first, *others = cells
        numbers = "".join(f"<td>{html.escape(cell)}</td>" for cell in others)
        state = WORDS[judged.met]
        mark = f'<b class="{state.lower()}">{state}</b> ' if state else ""
        body.append(
            f'<tr><th scope="row" title="{judged.key}">{html.escape(first)}</th>{numbers}'
            f'<td class="words">{mark}{html.escape(judged.sentence)}</td></tr>'
        )
    caption = "<caption>Every figure, its goal, and what it is compared with</caption>"
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="Figures"><table>{caption}'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _references(report: Report) -> str:
    lines = [REFERENCES[name] for name in report.references]
    if report.spreads:
        lines.append("±: largest minus smallest figure over the seeds")
    return _list([f"{line}." for line in lines])


def _worst(report: Report) -> str:
    """A switch for each of the worst notes: the stretch round it, of target and render."""
    rate, parts = report.sample_rate, []
    for number, note in enumerate(report.worst, 1):
        piece = slice(max(0, round((note.start - LEAD) * rate)), round(note.end * rate))
        clips = {name: _clip(report.sounds[name][piece], rate) for name in ("target", "render")}
        words = f"{number}. {note.sentence} The spectrograms differ by {note.distance_db:.1f} dB."
        parts.append(f"<p>{html.escape(words)}</p>" + _switch(clips, rate, f"note {number}"))
    return "".join(parts)


def _clip(sound: np.ndarray, rate: int) -> np.ndarray:
    """A copy that fades in and out, so that cutting it out does not click."""
    clip, edge = np.array(sound, np.float32), max(1, round(EDGE * rate))
    ramp = np.linspace(0.0, 1.0, min(edge, len(clip) // 2), dtype=np.float32)
    clip[: len(ramp)] *= ramp
    clip[len(clip) - len(ramp) :] *= ramp[::-1]
    return clip


def _switch(sounds: Mapping[str, np.ndarray], rate: int, what: str) -> str:
    """Players of which one is heard at a time; without scripts they are plain players."""
    players = "".join(
        f'<figure><figcaption>{html.escape(name)}</figcaption><audio controls preload="none" '
        f'aria-label="{html.escape(f"{what}, {name}")}" src="{_flac(sound, rate)}"></audio>'
        "</figure>"
        for name, sound in sounds.items()
    )
    label = html.escape(what)
    return f'<div class="switch" role="group" aria-label="{label}">{players}</div>'


def _flac(sound: np.ndarray, rate: int) -> str:
    import soundfile

    stream = io.BytesIO()
    clipped = np.clip(np.asarray(sound, np.float32), -1.0, 1.0)
    soundfile.write(stream, clipped, rate, format="FLAC", subtype="PCM_16")
    return "data:audio/flac;base64," + base64.b64encode(stream.getvalue()).decode()


def _list(sentences: list[str]) -> str:
    if not sentences:
        return ""
    return "<ul>" + "".join(f"<li>{html.escape(one)}</li>" for one in sentences) + "</ul>"
