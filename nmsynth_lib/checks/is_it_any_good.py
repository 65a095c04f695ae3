"""Checks of the exercises in notebook 05: each measures for itself and compares answers.

Road: answer -> instrument -> audio -> metrics -> [words].
Explained in notebook 05, "Your turn".
"""

from __future__ import annotations

from numbers import Real

import numpy as np

from nmsynth_lib.checks.hear_it import RIGHT
from nmsynth_lib.damages import DAMAGES, Damaged
from nmsynth_lib.level_measures import level_slope
from nmsynth_lib.listening import HEARD, p_value
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance

MUTED_E2 = Performance.from_notes(
    [Note(40, 100, 0.1, 1.1)], cc={OPENNESS_CC: 1}, name="muted E2, 1 s"
)
FROM, TO = 0.15, 0.55  # seconds between which exercise 1 reads the level
TRIALS = 12
SHOWN_BY = {  # damage -> the figure of evaluate_render that names it
    "late": "onset_ms_median",
    "sharp": "f0_cents_median",
    "smeared_attack": "attack_ms_median",
    "quiet": "level_db_median",
    "noisy_rests": "rest_floor_db",
    "cut_release": "release_ms_error",
    "dull": "high_partials_db_median",
    "wrong_note": "wrong_pitches",
}
_MYSTERIES = ("smeared_attack", "quiet", "swapped_cc55", "cut_release")


def check_decay(guitar, rate: float | None) -> str:
    """Is this how fast the muted E2 falls between 0.15 and 0.55 s, in dB a second?

    Args:
      guitar: A loaded instrument.
      rate: The learner's dB/s.

    Returns:
      The verdict in words.
    """
    if rate is None:
        return "Not yet. Replace None by a number: dB lost, divided by the seconds it took."
    if not isinstance(rate, Real) or not np.isfinite(rate):
        return f"Not yet. {rate!r} is not a number of dB/s."
    truly = level_slope(guitar.render(MUTED_E2), guitar.sample_rate, FROM, TO)
    if rate < 0:
        return "Not yet. A falling level has a positive decay here: turn the sign round."
    if 0.8 < rate / (truly * (TO - FROM)) < 1.1:  # two pieces lie less than TO - FROM apart
        return (
            f"Not yet. {rate:.1f} dB is what it loses. Divide by the seconds between the middles "
            "of the two pieces that you took."
        )
    if abs(2 * rate / truly - 1) < 0.1:
        return (
            f"Not yet. The best straight line falls {truly:.0f} dB/s, and {rate:.0f} is half of "
            "that: 10 log10 is for a mean square, 20 log10 for an rms."
        )
    if abs(rate / truly - 1) > 0.15:
        return (
            f"Not yet. The best straight line falls {truly:.0f} dB/s; {rate:.0f} is more than 15 % "
            "off. Are both levels in dB, 20 log10 of the rms?"
        )
    return f"{RIGHT}The best straight line falls {truly:.1f} dB/s; two points gave {rate:.1f}."


def mystery(guitar, number: int) -> Damaged:
    """Something is wrong with this instrument.

    Args:
      guitar: A sound one.
      number: 1 to 4: which patient.

    Returns:
      A damaged instrument that does not say what is wrong.

    Raises:
      ValueError: there is no such patient.
    """
    if number not in range(1, len(_MYSTERIES) + 1):
        raise ValueError(f"There is no patient {number}; choose 1 to {len(_MYSTERIES)}.")
    broken = DAMAGES[_MYSTERIES[number - 1]](guitar)
    return Damaged(guitar, "?", broken.music, broken.shown, broken.sound, broken.phases)


def check_mystery(number: int, damage: str | None) -> str:
    """Is this what is wrong with that patient?

    Args:
      number: 1 to 4.
      damage: One of the names in `damages.DAMAGES`.

    Returns:
      The verdict in words.
    """
    if damage is None:
        return "Not yet. Judge the patient, see which figure is off, and name a damage."
    if damage in SHOWN_BY.values():
        return (
            f"Not yet. {damage} is a figure, not a damage: what would have to happen to the sound "
            f"to move it? Choose one of {', '.join(DAMAGES)}."
        )
    if damage not in DAMAGES:
        return f"Not yet. There is no damage {damage!r}; choose one of {', '.join(DAMAGES)}."
    if damage != _MYSTERIES[number - 1]:
        return (
            f"Not yet. With {damage} {SHOWN_BY.get(damage, 'another figure')} would stand out. "
            "Compare figure by figure with the sound instrument: which one moved most?"
        )
    return f"{RIGHT}Patient {number} has: {damage}."


def check_score(right: int | None) -> str:
    """Is this the fewest right answers of 12 that guessing reaches in less than 5 % of tests?

    Args:
      right: The learner's number.

    Returns:
      The verdict in words.
    """
    if right is None:
        return "Not yet. Replace None by a number from 0 to 12."
    if not isinstance(right, Real) or right % 1 or not 0 <= right <= TRIALS:
        return f"Not yet. {right!r} is not a number of right answers: take 0 to {TRIALS}."
    p = p_value(int(right), TRIALS)
    said = f"Guessing gets {int(right)} or more of {TRIALS} right in {100 * p:.1f} % of tests"
    if p >= HEARD:
        return f"Not yet. {said}: too often to be believed. Ask for more."
    if right > 0 and p_value(int(right) - 1, TRIALS) < HEARD:
        return f"Not yet. {said}: that would do, but fewer would do as well."
    return f"{RIGHT}{said}."
