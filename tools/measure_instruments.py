"""Measures the shipped instruments and writes their figures where they are read.

    .venv/bin/python tools/measure_instruments.py

Fills `figures` of each instrument.yaml (and renews SHA256SUMS) and the tables in README.md between
the `figures` marks. Takes about two minutes.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
SOUND_ROWS = {
    "log_mel_db": ("spectrum, mean distance of 64 log-mel bands, dB", 2),
    "mss": ("multi-scale spectral loss", 2),
    "f0_cents_median": ("tuning, median error, cents", 1),
    "onset_ms_median": ("onset, median error, ms", 1),
    "attack_ms_median": ("attack, onset to 3 dB below the peak, ms", 1),
    "level_db_median": ("level of a note, median error, dB", 2),
    "decay_error_median": ("decay rate, median relative error", 3),
    "release_ms_error": ("release, median error, ms", 1),
    "rest_floor_db": ("level in rests, dB below the peak", 0),
}
DECAY_ROWS = {"level_slope": "level", **{f"partial_{k}": f"partial {k}" for k in range(1, 5)}}
ORIGINAL = {  # dB/s, measured on the audio that the authors published
    "muted": {
        "level_slope": 13.4,
        "partial_1": 10,
        "partial_2": 10,
        "partial_3": 18,
        "partial_4": 34,
    },
    "open": {"level_slope": 5.0, "partial_1": 5, "partial_2": 6, "partial_3": 4, "partial_4": 8},
}


def measure(name: str) -> dict[str, float]:
    """Every figure of one shipped instrument."""
    from nmsynth_lib.instrument import Instrument
    from nmsynth_lib.instrument_files import SHIPPED
    from nmsynth_lib.recordings import load_recording
    from nmsynth_lib.report import control_report, long_note, sound_figures, training_recording

    instrument = Instrument.load(name)
    with training_recording(name) as folder:
        figures = sound_figures(instrument, name, load_recording(folder))
    figures |= control_report(instrument, name)[0]
    for word, openness in (("muted", 0), ("open", 127)):
        for key, value in long_note(
            instrument.render, 36, openness, sample_rate=instrument.sample_rate
        ).items():
            figures[f"c2_{word}_{key}"] = value
    figures = {key: round(float(v), 4) for key, v in figures.items() if math.isfinite(v)}
    held_out = instrument.spec.figures.get("held_out_loss")
    instrument.spec = instrument.spec.model_copy(
        update={"figures": {"held_out_loss": held_out, **figures}}
    )
    instrument.save(SHIPPED / name)
    return figures


def sound_table(string: dict[str, float], sampled: dict[str, float]) -> list[str]:
    """The figures on the unseen melody as a Markdown table."""
    rows = [
        "| on a melody that neither was trained on | `string` | sampler | silence "
        "| `sampled` | sampler | silence |",
        "|---|---|---|---|---|---|---|",
    ]
    for key, (label, digits) in SOUND_ROWS.items():
        cells = [
            figures.get(prefix + key)
            for figures in (string, sampled)
            for prefix in ("", "sampler_", "silence_")
        ]
        shown = " | ".join("–" if cell is None else f"{cell:.{digits}f}" for cell in cells)
        rows.append(f"| {label} (`{key}`) | {shown} |")
    return rows


def decay_table(string: dict[str, float], sampled: dict[str, float]) -> list[str]:
    """The long C2 of the first published example as a Markdown table."""
    from nmsynth_lib.guitars.string import string_partial_decay

    rows = [
        "| C2, dB/s | the paper's, muted | `string` | its law | `sampled` "
        "| the paper's, open | `string` | its law | `sampled` |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key, label in DECAY_ROWS.items():
        cells = []
        for word, openness in (("muted", 0.0), ("open", 1.0)):
            law = None
            if key != "level_slope":
                law = float(string_partial_decay(65.406, openness, int(key[-1])))
            name = f"c2_{word}_{key}"
            cells += [ORIGINAL[word].get(key), string.get(name), law, sampled.get(name)]
        shown = " | ".join("–" if cell is None else f"{cell:.0f}" for cell in cells)
        rows.append(f"| {label} | {shown} |")
    return rows


def readme_with(text: str, string: dict[str, float], sampled: dict[str, float]) -> str:
    """README.md with both tables renewed."""
    tables = [*sound_table(string, sampled), "", *decay_table(string, sampled)]
    marked = "<!-- figures -->\n" + "\n".join(tables) + "\n<!-- end of figures -->"
    return re.sub(r"<!-- figures -->.*?<!-- end of figures -->", lambda _: marked, text, flags=re.S)


def main() -> None:
    """Measures both instruments and renews the README."""
    string, sampled = measure("string"), measure("sampled")
    README.write_text(readme_with(README.read_text(encoding="utf-8"), string, sampled), "utf-8")
    for key in sorted({*string, *sampled}):
        print(f"{key:32} {string.get(key, math.nan):10.3f} {sampled.get(key, math.nan):10.3f}")


if __name__ == "__main__":
    main()
