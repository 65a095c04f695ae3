"""The benchmark as plain text: each figure with a bar, the baseline's, its goal, and a verdict.

Road: beside it; bench -> [bench table]: a leaf.
Explained by `nmsynth bench --help`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

WIDTH, BAR = 100, 40
EIGHTHS = " ▏▎▍▌▋▊▉"
MET, MISSED = "met", "MISSED"


@dataclass(frozen=True)
class Goal:
    """A row of the table.

    Attributes:
      key: Of the figure that is judged.
      title: What it is, with the unit of the bars.
      ours: Figure that our bar shows.
      baseline: Figure that the baseline's bar shows; "": there is none.
      wanted: The goal, in the unit of `key`.
      sense: "least": at least so much; "most": at most.
      of_baseline: The goal's bar shows the baseline's figure times this; 0: the goal itself.
      words: What the figure says, with {key} placeholders.
    """

    key: str
    title: str
    ours: str
    baseline: str
    wanted: float
    sense: Literal["least", "most"]
    of_baseline: float
    words: str

    def met(self, figures: Mapping[str, float]) -> bool:
        """Whether the goal is reached."""
        value = figures[self.key]
        return value >= self.wanted if self.sense == "least" else value <= self.wanted

    def shown(self, figures: Mapping[str, float]) -> float:
        """The goal in the unit of the bars."""
        if not self.of_baseline:
            return self.wanted
        return figures[self.baseline] * self.of_baseline


GOALS = (
    Goal(
        "train_speedup",
        "Training, seconds of sound a second",
        "train_audio_seconds_per_second",
        "baseline_train_audio_seconds_per_second",
        30.0,
        "least",
        30.0,
        "{train_speedup:.1f} times the baseline ({train_speedup_lowest:.1f} to "
        "{train_speedup_highest:.1f} over the rounds); goal: at least 30 times",
    ),
    Goal(
        "render_speedup",
        "Rendering, seconds for {render_music_s:.0f} s of MIDI",
        "render_s",
        "baseline_render_s",
        15.0,
        "least",
        1 / 15.0,
        "{render_speedup:.1f} times as fast as the baseline ({render_speedup_lowest:.1f} to "
        "{render_speedup_highest:.1f} over the rounds); goal: at least 15 times",
    ),
    Goal(
        "render_rtf_1_thread",
        "Rendering on one thread, times real time",
        "render_rtf_1_thread",
        "baseline_render_rtf_1_thread",
        200.0,
        "least",
        0.0,
        "{render_rtf_1_thread:.0f} times real time after {render_start_s:.1f} s of loading and "
        "tracing; goal: at least 200",
    ),
    Goal(
        "render_memory_mb_10min",
        "Memory, MB more for ten minutes of MIDI than for one",
        "render_memory_mb_10min",
        "",
        100.0,
        "most",
        0.0,
        "{render_memory_mb_10min:.0f} MB more, {render_peak_mb:.0f} MB in all; goal: at most 100",
    ),
    Goal(
        "oscillator_snr_db",
        "Oscillators against float64 after a minute, dB",
        "oscillator_snr_db",
        "baseline_oscillator_snr_db",
        60.0,
        "least",
        0.0,
        "{oscillator_snr_db:.1f} dB, stock DDSP in one go {baseline_oscillator_snr_db:.1f}; "
        "goal: at least 60",
    ),
    Goal(
        "time_to_baseline_share",
        "Training until as good as the baseline, seconds",
        "time_to_baseline_s",
        "baseline_training_s",
        0.1,
        "most",
        0.1,
        "{time_to_baseline_s:.1f} s to a loss of {loss_then:.2f}; the baseline's best in "
        "{baseline_training_s:.0f} s was {baseline_loss:.2f}; goal: at most a tenth of that time",
    ),
    Goal(
        "import_s",
        "import nmsynth_lib, seconds",
        "import_s",
        "",
        0.3,
        "most",
        0.0,
        "{import_s:.2f} s on top of Python's own {bare_python_s:.2f} s; goal: at most 0.3",
    ),
)


def bench_text(figures: Mapping[str, float]) -> str:
    """The table of `measured_speed`.

    Returns:
      Lines of at most 100 characters: a title, bars, and a verdict in words for each goal.
    """
    blocks = [_heading(figures)]
    for goal in GOALS:
        values = {"ours": figures[goal.ours], "goal": goal.shown(figures)}
        if goal.baseline:
            values = {"ours": values["ours"], "baseline": figures[goal.baseline], **values}
        largest = max(values.values())
        lines = [goal.title.format(**figures)]
        for name, value in values.items():
            lines.append(f"  {name:9}{_number(value):>9}  {bar(value, largest)}".rstrip())
        verdict = MET if goal.met(figures) else MISSED
        lines.append(f"  {goal.words.format(**figures)}: {verdict}.")
        blocks.append(
            "\n".join(
                textwrap.fill(line, WIDTH, subsequent_indent="  ") if len(line) > WIDTH else line
                for line in lines
            )
        )
    return "\n\n".join([*blocks, _ending(figures)])


def bar(value: float, largest: float, width: int = BAR) -> str:
    """A bar of blocks, as long as the value's share of the largest, to an eighth of a character.

    Args:
      value: Below 0 counts as 0.
      largest: What fills the width.
      width: Characters.
    """
    eighths = round(8 * width * min(1.0, max(0.0, value) / largest)) if largest > 0 else 0
    whole, part = divmod(eighths, 8)
    return "█" * whole + (EIGHTHS[part] if part else "")


def missed(figures: Mapping[str, float]) -> list[str]:
    """Keys of the goals that are not reached."""
    return [goal.key for goal in GOALS if not goal.met(figures)]


def _heading(figures: Mapping[str, float]) -> str:
    threads, load = round(figures["threads"]), figures["load_at_start"]
    how = f"{threads} thread{'s' * (threads > 1)}, medians of {figures['rounds']:.0f} rounds, ours "
    text = [
        f"Ours against the seed-sized baseline, in one run: {how}first in one half of them and "
        "last in the other."
    ]
    if figures["quick"]:
        text.append(
            "Quick: fewer rounds, less music, and less training of the baseline than without "
            "--quick, so the figures move more from run to run; a baseline that has hardly begun "
            "is soon passed: only the full run says how soon."
        )
    if load > 0.5:
        text.append(
            f"The machine was busy when this began (load {load:.1f}): times are too long, and "
            "ratios can be off. Measure again when it is quiet."
        )
    return "\n".join(textwrap.fill(line, WIDTH) for line in text)


def _ending(figures: Mapping[str, float]) -> str:
    """What is not in the bars: tracing, and how many goals are reached."""
    left = missed(figures)
    reached = f"{len(GOALS) - len(left)} of {len(GOALS)} goals are met"
    text = [
        f"Not counted: {figures['train_trace_s']:.1f} s in which TensorFlow traces a training step "
        f"first (the baseline's: {figures['baseline_train_trace_s']:.1f} s). Losses are stock "
        "DDSP's spectral loss, which the baseline minimises and ours does not, on a melody that "
        "neither was trained on; by our own loss ours would be as good after "
        f"{figures['time_to_baseline_own_loss_s']:.1f} s.",
        f"{reached}{'; missed: ' + ', '.join(left) if left else ''}. It took "
        f"{figures['took_s']:.0f} s.",
    ]
    return "\n".join(textwrap.fill(line, WIDTH) for line in text)


def _number(value: float) -> str:
    """Three figures that count."""
    size = abs(value)
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
