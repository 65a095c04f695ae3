"""Verdicts: what each figure of the report means, how good is good enough, and what one would hear.

Road: metrics -> [verdicts] -> report.
One row a key, in the order of the report: a label, a unit, the goal, and two sentences, one for a
figure that reaches its goal and one for a figure that does not. Nothing else in this project knows
a goal or says what a key is.
Explained in notebook 05, "The report card".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

UNKNOWN_GUITAR = "sampled"  # whose goals count for a guitar that we do not know
IGNORED = "ignored_"


@dataclass(frozen=True)
class Figure:
    """What is to be known of one key.

    Attributes:
      label: For a table.
      unit: Behind the number; may be empty.
      digits: After the decimal point.
      goal: (lowest, highest) value that is good enough on the string guitar; None: no goal.
      goal_sampled: The same on the sampled guitar, and on any other recording.
      good: Sentence for a figure within its goal; `{value}` is number and unit.
      bad: Sentence for one outside; may name a direction, see `_WAYS`.
    """

    label: str
    unit: str
    digits: int
    goal: tuple[float, float] | None
    goal_sampled: tuple[float, float] | None
    good: str
    bad: str

    def goal_for(self, guitar: str | None) -> tuple[float, float] | None:
        """Lowest and highest value that is good enough."""
        return self.goal if guitar == "string" else self.goal_sampled

    def shown(self, value: float | None) -> str:
        """The number as the tables print it; a dash for what has no answer."""
        if value is None or not math.isfinite(value):
            return "–"
        return f"{value:.{self.digits}f}"


@dataclass(frozen=True)
class Verdict:
    """One figure judged.

    Attributes:
      key: Of the figure.
      value: The figure.
      met: Whether it reaches its goal; None without a goal or without an answer.
      sentence: The same in words.
    """

    key: str
    value: float
    met: bool | None
    sentence: str


def _at_most(string: float, sampled: float | None = None) -> tuple:
    return (-math.inf, string), (-math.inf, string if sampled is None else sampled)


def _at_least(string: float, sampled: float | None = None) -> tuple:
    return (string, math.inf), (string if sampled is None else sampled, math.inf)


def _within(low: float, high: float) -> tuple:
    return (low, high), (low, high)


_NO_GOAL = (None, None)

# What "{way}" says: (the signed figure it is read from, what it is compared with, words if above,
# words if below).
_WAYS = {
    "f0_cents_median": ("cents", 0.0, "sharp", "flat"),
    "onset_ms_median": ("onset_ms", 0.0, "late", "early"),
    "level_db_median": ("level_db", 0.0, "too loud", "too quiet"),
    "decay_error_median": ("decay_ratio", 1.0, "die away too fast", "ring too long"),
    "release_ms_error": ("release_ms", 0.0, "let go too slowly", "are cut off"),
    "high_partials_db_median": ("high_partials_db", 0.0, "too bright", "too dull"),
}

FIGURES: dict[str, Figure] = {
    "log_mel_db": Figure(
        "distance of the mel spectrograms", "dB", 2, *_at_most(1.5, 2.0),
        "The two spectrograms differ by {value} on average: hard to tell apart by eye.",
        "The two spectrograms differ by {value} on average: look where, at the worst notes.",
    ),
    "mss": Figure(
        "multi-scale spectral distance", "", 2, *_NO_GOAL,
        "DDSP's own distance is {value}; it means something only beside the references.",
        "",
    ),
    "f0_cents_median": Figure(
        "tuning error", "cents", 1, *_at_most(3.0, 5.0),
        "In tune: {value} off at the median.",
        "Out of tune: {value} off at the median, mostly {way}.",
    ),
    "wrong_pitches": Figure(
        "notes of a wrong pitch", "", 0, *_at_most(0.0),
        "Every note has its pitch.",
        "{value} of the longer notes sound at another pitch than the MIDI asks for.",
    ),
    "onset_ms_median": Figure(
        "onset error", "ms", 1, *_at_most(4.0, 6.0),
        "Notes begin where the MIDI says, within {value}.",
        "Notes begin {value} {way}: a player would feel it.",
    ),
    "onset_f1": Figure(
        "onsets heard (F-measure)", "", 3, *_at_least(0.98, 0.95),
        "Every onset is heard, and none that is not there (F {value}).",
        "Onsets are missing, or heard where there are none (F {value}).",
    ),
    "attack_ms_median": Figure(
        "attack", "ms", 1, *_at_most(8.0, 10.0),
        "Notes are plucked: {value} from onset to nearly full level.",
        "Notes swell instead of being plucked: {value} from onset to nearly full level.",
    ),
    "level_db_median": Figure(
        "level error", "dB", 2, *_at_most(1.5, 2.0),
        "Each note is as loud as it should be, within {value}.",
        "Notes are off in level by {value}, mostly {way}.",
    ),
    "high_partials_db_median": Figure(
        "error above the tenth partial", "dB", 2, *_at_most(3.0),
        "Plucks are as bright as they should be: what lies above the tenth partial is right within "
        "{value}.",
        "Plucks are {way}: what lies above the tenth partial is off by {value}.",
    ),
    "decay_error_median": Figure(
        "decay error", "", 3, *_at_most(0.15, 0.25),
        "Notes ring as long as they should (relative error of the decay rate {value}).",
        "Notes {way} (relative error of the decay rate {value}).",
    ),
    "release_ms_error": Figure(
        "release error", "ms", 1, *_at_most(25.0, 40.0),
        "After note-off strings are damped as fast as they should be, within {value}.",
        "After note-off notes {way}: {value} off.",
    ),
    "rest_floor_db": Figure(
        "level in rests", "dB", 0, *_at_most(-60.0),
        "Rests are silent: {value} re the loudest moment.",
        "Rests are not silent: noise at {value} re the loudest moment.",
    ),
    "oscillator_snr_db": Figure(
        "exactness of the oscillators", "dB", 0, *_at_least(60.0),
        "The partials' phases are exact to the end ({value} SNR against double precision).",
        "The partials' phases drift: at the end of the piece the sound differs from its own "
        "parameters (only {value} SNR against double precision).",
    ),
    "cc55_decay_spearman": Figure(
        "CC55 orders the ring", "", 3, *_at_least(0.98),
        "The higher CC55, the longer the ring (rank correlation {value}).",
        "CC55 does not order the ring as it should (rank correlation {value}; 1 is perfect, 0 "
        "none, -1 backwards).",
    ),
    "cc55_violations": Figure(
        "CC55 steps the wrong way", "", 3, *_at_most(0.02),
        "Hardly a step of CC55 shortens the ring (share {value}).",
        "A share of {value} of the steps of CC55 shortens the ring instead of lengthening it.",
    ),
    "cc55_span": Figure(
        "reach of CC55 re the guitar's", "", 2, *_within(0.8, 1.25),
        "CC55 reaches as far as on the guitar ({value} of its span).",
        "CC55 does not reach as far as on the guitar, or too far ({value} of its span).",
    ),
    "cc55_interpolation_error": Figure(
        "T20 error between the extremes", "", 2, *_at_most(0.35),
        "Between muted and open it rings as the guitar does (relative error of T20 {value}).",
        "Between muted and open it does not ring as the guitar does (relative error of T20 "
        "{value}).",
    ),
    "cc55_leak_cents": Figure(
        "CC55 leaks into the pitch", "cents", 1, *_at_most(3.0),
        "CC55 leaves the pitch alone (at most {value}).",
        "CC55 bends the pitch, by up to {value}.",
    ),
    "velocity_level_slope": Figure(
        "velocity moves the level, re the guitar's", "", 2, *_within(0.9, 1.1),
        "Velocity moves the level as on the guitar ({value} of its slope).",
        "Velocity does not move the level as on the guitar ({value} of its slope; 0 is not at "
        "all).",
    ),
    "velocity_brightness_spearman": Figure(
        "velocity orders the brightness", "", 3, (0.95, math.inf), None,
        "The harder the pluck, the brighter (rank correlation {value}).",
        "A harder pluck is not brighter as it should be (rank correlation {value}).",
    ),
}  # fmt: skip


def figure_for(key: str) -> Figure:
    """The row of a key; `ignored_<control>` has one for whatever controls there are."""
    if key in FIGURES:
        return FIGURES[key]
    control = key.removeprefix(IGNORED)
    return Figure(
        f"loss when {control} is shuffled", "", 3, None, None,
        f"It listens to {control}: shuffled between the notes, it costs {{value}}.",
        f"It ignores {control}: shuffled between the notes, it costs {{value}}, no more than "
        "chance.",
    )  # fmt: skip


def verdict(
    key: str,
    value: float,
    guitar: str | None = None,
    ways: Mapping[str, float] | None = None,
    met: bool | None = None,
) -> Verdict:
    """A figure judged against its goal, in words.

    Args:
      key: Of the figure.
      value: The figure; NaN has no verdict.
      guitar: "string" or "sampled": whose goals count; others are judged as "sampled".
      ways: Signed figures that tell in which direction something is off, as
        `metrics.signed_medians` gives them.
      met: Overrides the goal (for a key whose limit is not a fixed number).

    Returns:
      The verdict.

    Explained in notebook 05, "The report card".
    """
    row = figure_for(key)
    if value is None or not math.isfinite(value):
        return Verdict(key, math.nan, None, f"{row.label}: nothing to measure it on.")
    goal = row.goal_for(guitar)
    if met is None and goal is not None:
        met = goal[0] <= value <= goal[1]
    number = f"{row.shown(value)} {row.unit}".strip()
    if met is None and row.goal is not None:  # good enough on one guitar, unknown on this one
        return Verdict(key, value, None, f"{row.label[0].upper()}{row.label[1:]}: {number}.")
    sentence = row.bad if met is False else row.good
    return Verdict(key, value, met, sentence.format(value=number, way=_way(key, ways or {})))


def goal_in_words(key: str, guitar: str | None = None) -> str:
    """The goal as a table prints it: "≤ 1.5", "0.8 … 1.25", or a dash."""
    goal = figure_for(key).goal_for(guitar)
    if goal is None:
        return "–"
    low, high = goal
    if math.isinf(low):
        return f"≤ {high:g}"
    return f"≥ {low:g}" if math.isinf(high) else f"{low:g} … {high:g}"


def _way(key: str, ways: Mapping[str, float]) -> str:
    """The direction in which a figure is off; "off" where it is not known."""
    if key not in _WAYS:
        return ""
    name, neutral, above, below = _WAYS[key]
    signed = ways.get(name, math.nan)
    if not math.isfinite(signed) or signed == neutral:
        return "off"
    return above if signed > neutral else below
