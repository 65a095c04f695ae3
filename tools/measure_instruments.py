"""Measures the shipped instruments and writes the figures to where they are shown.

    .venv/bin/python tools/measure_instruments.py [--seeds 5]
    .venv/bin/python tools/measure_instruments.py --published
    .venv/bin/python tools/measure_instruments.py --only string_pick

Fills `figures` of each instrument.yaml (and renews SHA256SUMS) and the tables in README.md between
their marks. With --published only the table of the published examples is renewed; with --only the
figures of one instrument and no table.
"""

from __future__ import annotations

import argparse
import math
import re
import textwrap
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
NAMES = ("string", "sampled")
REFERENCES = ("copy", "sampler", "baseline", "silence")
SHOWN = (
    "log_mel_db",
    "mss",
    "f0_cents_median",
    "onset_ms_median",
    "attack_ms_median",
    "level_db_median",
    "high_partials_db_median",
    "decay_error_median",
    "release_ms_error",
    "rest_floor_db",
)
CONTROL = (
    "cc55_decay_spearman",
    "cc55_violations",
    "cc55_span",
    "cc55_interpolation_error",
    "cc55_leak_cents",
    "velocity_level_slope",
    "velocity_brightness_spearman",
    "ignored_velocity",
    "ignored_openness",
)

LOWEST = (
    "The examples' C2 lies below a guitar's low E; ours learnt from C2 up. Neither the original "
    "nor ours holds anything to speak of above 8 kHz."
)


def measure(name: str, seeds: int) -> dict[str, float]:
    """Every figure of one shipped instrument, written into its instrument.yaml."""
    from nmsynth_lib.evaluation import evaluation
    from nmsynth_lib.instrument import Instrument
    from nmsynth_lib.instrument_files import SHIPPED, write_spec

    instrument = Instrument.load(name)
    report = evaluation(instrument, seeds=seeds, step=lambda doing: print(name, doing, flush=True))
    figures = {key: round(value, 4) for key, value in report.flat().items()}
    if any(control.name == "pick_position" for control in instrument.spec.controls):
        figures |= {key: round(value, 4) for key, value in pick_figures(instrument).items()}
    held_out = instrument.spec.figures.get("held_out_loss")
    figures = {"held_out_loss": held_out, **figures}
    write_spec(SHIPPED / name, instrument.spec.model_copy(update={"figures": figures}))
    return figures


def pick_figures(instrument) -> dict[str, float]:
    """How well the pick's position is played, by the law and beside the guitar."""
    from nmsynth_lib.guitars import play
    from nmsynth_lib.guitars.pick import with_pick_positions
    from nmsynth_lib.ignored import ignored_controls
    from nmsynth_lib.pick_measures import comb_correlation, pick_position_error, pick_sweep
    from nmsynth_lib.score import melody
    from nmsynth_lib.unseen import JITTER_SEED

    def guitar(music):
        return play("string", music, seed=JITTER_SEED)

    figures = {}
    for prefix, render in (("", instrument.render), ("guitar_", guitar)):
        sweep = pick_sweep(render)
        figures[f"{prefix}pick_comb_correlation"] = comb_correlation(sweep)
        figures[f"{prefix}pick_position_error"] = pick_position_error(sweep)
    music = with_pick_positions(melody(30, levels="continuous"))
    rises, _ = ignored_controls(instrument, guitar(music), music)
    return figures | {"ignored_pick_position": rises["ignored_pick_position"]}


def sound_table(by_name: dict[str, dict[str, float]]) -> list[str]:
    """The figures on the unseen melody beside their references, as a Markdown table."""
    from nmsynth_lib.verdicts import figure_for, goal_in_words

    head = " | ".join(f"`{name}` | goal | {' | '.join(REFERENCES)}" for name in by_name)
    rows = [
        f"| on a melody that neither was trained on | {head} |",
        "|---|" + "---|" * (2 + len(REFERENCES)) * len(by_name),
    ]
    for key in SHOWN:
        figure = figure_for(key)
        cells = []
        for name, figures in by_name.items():
            spread = figures.get(f"spread_{key}")
            moved = "" if spread is None else f" ± {figure.shown(spread)}"
            cells.append(figure.shown(figures.get(key)) + moved)
            cells.append(goal_in_words(key, name))
            cells += [figure.shown(figures.get(f"{prefix}_{key}")) for prefix in REFERENCES]
        unit = f", {figure.unit}" if figure.unit else ""
        rows.append(f"| {figure.label}{unit} (`{key}`) | {' | '.join(cells)} |")
    return rows


def control_table(by_name: dict[str, dict[str, float]]) -> list[str]:
    """What the controls do, beside the goals, as a Markdown table."""
    from nmsynth_lib.verdicts import figure_for, goal_in_words

    head = " | ".join(f"`{name}` | its guitar" for name in by_name)
    rows = [
        f"| what the controls do | goal | {head} |",
        "|---|---|" + "---|---|" * len(by_name),
    ]
    for key in CONTROL:
        figure = figure_for(key)
        cells = [
            figure.shown(figures.get(prefix + key))
            for figures in by_name.values()
            for prefix in ("", "guitar_")
        ]
        unit = f", {figure.unit}" if figure.unit else ""
        goal = goal_in_words(key, "string")
        rows.append(f"| {figure.label}{unit} (`{key}`) | {goal} | {' | '.join(cells)} |")
    return rows


def readme_with(text: str, by_name: dict[str, dict[str, float]]) -> str:
    """README.md with the tables of the figures renewed."""
    return _between(text, "figures", [*sound_table(by_name), "", *control_table(by_name)])


def readme_with_published(text: str) -> str:
    """README.md with what is said of the published examples renewed."""
    from nmsynth_lib.published import ABOUT, published_columns, published_table

    paragraph = textwrap.wrap(f"{ABOUT} {LOWEST}", 100)
    return _between(text, "published", [*paragraph, "", *published_table(published_columns())])


def _between(text: str, mark: str, lines: list[str]) -> str:
    body = f"<!-- {mark} -->\n" + "\n".join(lines) + f"\n<!-- end of {mark} -->"
    return re.sub(rf"<!-- {mark} -->.*?<!-- end of {mark} -->", lambda _: body, text, flags=re.S)


def main() -> None:
    """Measures the instruments and renews the README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="repetitions, for the spread")
    parser.add_argument("--published", action="store_true", help="only the published examples")
    parser.add_argument("--only", metavar="NAME", help="one shipped instrument, no tables")
    chosen = parser.parse_args()
    if chosen.only:
        for key, value in sorted(measure(chosen.only, chosen.seeds).items()):
            print(f"{key:36} {value:10.3f}")
        return
    text = readme_with_published(README.read_text(encoding="utf-8"))
    if not chosen.published:
        by_name = {name: measure(name, chosen.seeds) for name in NAMES}
        text = readme_with(text, by_name)
        for key in sorted(set().union(*by_name.values())):
            values = (figures.get(key, math.nan) for figures in by_name.values())
            print(f"{key:36}", *(f"{value:10.3f}" for value in values))
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
