"""The check of a folder as plain text: a table of figures and a verdict in words for each take.

Road: take checks, take findings -> [take table]: a leaf.
Explained in notebook 01, "Is the sound sound?".
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np

from nmsynth_lib.midi.channel import note_name
from nmsynth_lib.take_checks import TakeCheck
from nmsynth_lib.take_findings import Finding, verdict
from nmsynth_lib.takes import TakeMeta

WIDTH = 100
MARKS = {"unfit": "!!", "warning": "!", "note": "-"}


def check_rows(check: TakeCheck) -> list[tuple[str, str]]:
    """Label and value of each figure of a take; what could not be measured is left out.

    Explained in notebook 01, "Is the sound sound?".
    """
    rows: list[tuple[str, str]] = []
    if (sound := check.sound) is not None:
        channels = {1: "mono", 2: "stereo"}.get(sound.channels, f"{sound.channels} channels")
        rows += [
            ("sound", f"{_minutes(sound.seconds)}, {sound.sample_rate} Hz, {channels}"),
            ("peak, floor", f"{sound.peak_dbfs:.1f} dBFS, {sound.floor_dbfs:.0f} dBFS"),
            ("clipped, DC, lost in mono", f"{sound.clipped} samples, {100 * sound.dc:.1f} %, "
                                          f"{sound.cancelled_db:.1f} dB"),
            ("hum", f"{sound.hum_seconds:.1f} s at {sound.hum_hz:.0f} Hz" if sound.hum else "none"),
        ]  # fmt: skip
    if check.n_notes:
        openness = ", ".join(f"{100 * share:.0f} % {name}" for name, share in check.openness)
        rows += [
            ("notes", f"{check.n_notes}, {note_name(check.lowest)} to {note_name(check.highest)}"),
            ("CC55 (openness)", openness),
            ("overlaps, past the end", f"{len(check.overlaps)}, {check.past_the_end}"),
        ]
    if (at := check.alignment) is not None:
        end = at.late_ms(check.sound.seconds)
        rows += [
            ("sound is late by", f"{at.lag_ms:+.1f} ms at the beginning, {end:+.1f} ms at the end"),
            ("clock drift, spread", f"{at.drift_ppm:+.0f} ppm, {at.spread_ms:.1f} ms"),
            ("notes heard, silent", f"{100 * at.heard:.0f} %, {check.silent_notes}"),
            ("tuning", _tuning(check)),
            ("0.1 s after note-off", _shown(check.tail_db, "{:.0f} dB quieter")),
            ("velocity", _velocity(check)),
            ("usable", _minutes(60 * check.minutes_usable)),
        ]
    if corrected := _corrected(check):
        rows.append(("corrected by meta.yaml", correction_text(corrected)))
    return rows


def check_text(check: TakeCheck, found: Sequence[Finding]) -> str:
    """One take: its name with the verdict, the figures, and what to do.

    Returns:
      Lines of at most 100 characters.
    """
    lines = [f"{check.files.name}: {verdict(list(found))[1]}"]
    lines += [
        textwrap.fill(value, WIDTH, initial_indent=f"  {label:<26}", subsequent_indent=" " * 28)
        for label, value in check_rows(check)
    ]
    for one in found:
        mark = MARKS[one.grade]
        lines.append(
            textwrap.fill(
                one.sentence, WIDTH, initial_indent=f"  {mark:<3}", subsequent_indent="     "
            )
        )
    return "\n".join(lines)


def correction_text(entries: dict) -> str:
    """Entries of meta.yaml as they stand there, in one line."""
    return ", ".join(f"{name}: {value}" for name, value in entries.items())


def _corrected(check: TakeCheck) -> dict:
    """Corrections that are in force, by their entries."""
    usual = TakeMeta()
    names = ("onset_shift_ms", "drift_ppm", "tuning_cents", "measured_velocity", "overlaps", "skip")
    own = {name: getattr(check.files.meta, name) for name in names}
    return {name: value for name, value in own.items() if value != getattr(usual, name)}


def _tuning(check: TakeCheck) -> str:
    strings = " ".join(f"{name} {cents:+.1f}" for name, cents in check.string_cents)
    return _shown(check.tuning_cents, "{:+.1f} cents") + (
        f" (strings {strings})" if strings else ""
    )


def _velocity(check: TakeCheck) -> str:
    if check.velocities == 1:
        return "the same for all notes"
    rank = _shown(check.velocity_rank, "rank correlation with loudness {:.2f}")
    return f"{check.velocities} values, {rank}"


def _shown(value: float, words: str) -> str:
    return words.format(value) if np.isfinite(value) else "not measurable"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
