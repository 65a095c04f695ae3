"""The report as plain text: a table for the terminal, and sentences under it.

Road: report -> [report table]: a leaf.
Explained in notebook 05, "The report card".
"""

from __future__ import annotations

import textwrap

from nmsynth_lib.report import REFERENCES, Report
from nmsynth_lib.verdicts import figure_for, goal_in_words

WIDTH = 100
WORDS = {True: "ok", False: "MISSED", None: ""}


def report_rows(report: Report) -> tuple[list[str], list[list[str]]]:
    """The heading and the rows of the table: figure, render, spread, goal, references, verdict.

    Explained in notebook 05, "The report card".
    """
    names = list(report.references)
    spread = ["±"] if report.spreads else []
    heading = ["figure", "render", *spread, "goal", *names, ""]
    rows = []
    for judged in report.verdicts():
        figure, key = figure_for(judged.key), judged.key
        unit = f", {figure.unit}" if figure.unit else ""
        beside = [figure.shown(report.references[name].get(key)) for name in names]
        moved = [figure.shown(report.spreads.get(key))] if spread else []
        rows.append(
            [
                f"{figure.label}{unit}",
                figure.shown(judged.value),
                *moved,
                goal_in_words(key, report.guitar),
                *beside,
                WORDS[judged.met],
            ]
        )
    return heading, rows


def report_text(report: Report) -> str:
    """The table, what is wrong, and the notes to listen to.

    Returns:
      Lines of at most 100 characters, where the names of the references allow it.
    """
    heading, rows = report_rows(report)
    widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]

    def line(cells):
        first, *others = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join([first, *others]).rstrip()

    lines = [line(heading), line(["-" * width for width in widths]), *map(line, rows), ""]
    lines += [f"{name}: {REFERENCES[name].split(': ', 1)[1]}." for name in report.references]
    if report.spreads:
        lines.append("±: largest minus smallest figure over the seeds.")
    lines += ["", *(f"! {alarm}" for alarm in report.alarms)]
    missed = report.missed()
    lines.append("What is wrong:" if missed else "Every goal is reached.")
    lines += [f"- {one.sentence}" for one in missed]
    if report.leaks is not None and (leaks := report.leaks.sentences()):
        lines += ["What leaks:", *(f"- {sentence}" for sentence in leaks)]
    lines += ["Listen first to:", *(f"- {note.sentence}" for note in report.worst)]
    kept = [
        textwrap.fill(text, WIDTH, subsequent_indent="  ") if text[:2] in ("- ", "! ") else text
        for text in lines
    ]
    return "\n".join(kept)
