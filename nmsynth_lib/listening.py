"""The ABX test: can anybody hear the difference, or do they only think so?

Road: two sounds -> [listening test] -> a p-value, in words.
A is one sound, B the other, X is one of them again, drawn by lot. Who hears no difference is right
half of the time; how unlikely a score is by guessing says the binomial law. The number of trials is
fixed before: who stops when it looks good always finds something.
Explained in notebook 05, "Can you hear it?".

Source: Munson & Gardner 1950 (the procedure); Burstein 1988 (its statistics).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from nmsynth_lib.errors import NmsynthError
from nmsynth_lib.performance import OPENNESS_CC, Performance

TRIALS = 12
HEARD = 0.05  # a score that guessing reaches more seldom counts as heard
OPENNESS_STEPS = ((127, 1), (127, 96), (127, 112))

Pair = tuple[np.ndarray, np.ndarray]


class ListeningError(NmsynthError):
    """A listening test that cannot be made, or an answer that is none."""


def p_value(right: int, trials: int) -> float:
    """How often guessing does at least as well: one-sided exact binomial, 0…1."""
    from scipy.stats import binomtest

    return float(binomtest(right, trials, 0.5, alternative="greater").pvalue)


def in_words(right: int, trials: int) -> str:
    """What a score says, and what it does not.

    Explained in notebook 05, "Can you hear it?".
    """
    p = p_value(right, trials)
    share = f"{100 * p:.1f} %" if p >= 0.001 else "less than 0.1 %"
    said = f"{right} of {trials} right (p = {p:.3f}). "
    if p < HEARD:
        return (
            f"{said}Who only guesses does so well in {share} of such tests: you hear a difference."
        )
    return (
        f"{said}Who only guesses does so well in {share} of such tests. That does not show that "
        "you hear a difference, nor that there is none; more trials would tell more."
    )


@dataclass
class ListeningTest:
    """The trials of one pair; what X is stays in here until the last answer.

    Attributes:
      trials: How many, fixed from the start.
      seed: Of the lots; None draws them anew each time.
      answers: "A" or "B", in order.
    """

    trials: int = TRIALS
    seed: int | None = None
    answers: list[str] = field(default_factory=list)

    def __post_init__(self):
        if not 1 <= self.trials <= 1000:
            raise ListeningError(f"{self.trials} trials: give a number from 1 to 1000.")
        lots = np.random.default_rng(self.seed).integers(2, size=self.trials)
        self._x = ["AB"[lot] for lot in lots]

    @property
    def done(self) -> bool:
        """Whether all trials are answered."""
        return len(self.answers) == self.trials

    def x(self) -> str:
        """What X is in the trial that is on."""
        return self._x[min(len(self.answers), self.trials - 1)]

    def answer(self, choice: str) -> None:
        """Notes an answer and goes on to the next trial.

        Raises:
          ListeningError: it is neither "A" nor "B", or the test is over.
        """
        if choice not in ("A", "B"):
            raise ListeningError(f"The answer {choice!r} is neither A nor B.")
        if self.done:
            raise ListeningError("This test is over; start another.")
        self.answers.append(choice)

    def rows(self) -> list[dict[str, object]]:
        """One row for each trial, once all are answered; none before."""
        if not self.done:
            return []
        return [
            {"trial": number, "x": x, "answer": answer, "right": x == answer}
            for number, (x, answer) in enumerate(zip(self._x, self.answers, strict=True), 1)
        ]

    def result(self) -> dict[str, object]:
        """`right`, `trials`, `p`, `words` and `rows`; empty until all trials are answered."""
        if not self.done:
            return {}
        rows = self.rows()
        right = sum(bool(row["right"]) for row in rows)
        return {
            "right": right,
            "trials": self.trials,
            "p": p_value(right, self.trials),
            "words": in_words(right, self.trials),
            "rows": rows,
        }


def listening_pairs(
    instrument,
    performance: Performance,
    target: np.ndarray | None = None,
    baseline: np.ndarray | None = None,
) -> dict[str, Pair]:
    """What is worth a blind test on one phrase.

    Args:
      instrument: Has `.render(performance)`.
      performance: The phrase, a few seconds.
      target: The guitar playing it, [n_samples].
      baseline: The seed-sized baseline playing it, [n_samples].

    Returns:
      Label to pair: target against render, baseline against render, then open against less open.

    Explained in notebook 05, "Can you hear it?".
    """
    render = instrument.render(performance)
    pairs: dict[str, Pair] = {}
    if target is not None:
        pairs["guitar or network"] = (target, render)
    if baseline is not None:
        pairs["seed-sized baseline or network"] = (baseline, render)
    for high, low in OPENNESS_STEPS:
        sounds = tuple(
            instrument.render(performance.with_cc(OPENNESS_CC, value)) for value in (high, low)
        )
        pairs[f"CC55 = {high} or {low}"] = sounds
    return pairs


def same_lengths(pair: Pair) -> Pair:
    """Both sounds as long as the shorter one."""
    shortest = min(map(len, pair))
    return pair[0][:shortest], pair[1][:shortest]


def checked_pairs(pairs: Mapping[str, object]) -> dict[str, Pair]:
    """Pairs by label; a single pair may be given as two named sounds.

    Raises:
      ListeningError: no pair, or sounds that are empty, of several channels, or not numbers.
    """
    values = list(pairs.values())
    if len(pairs) == 2 and all(isinstance(value, np.ndarray) for value in values):
        pairs = {" or ".join(pairs): tuple(values)}
    for label, pair in pairs.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ListeningError(f"'{label}': give two sounds.")
        for sound in pair:
            sound = np.asarray(sound)
            if sound.ndim != 1 or len(sound) == 0 or not np.isfinite(sound).all():
                raise ListeningError(f"'{label}': give one channel of finite samples, not empty.")
    if not pairs:
        raise ListeningError("There is nothing to compare: give at least one pair of sounds.")
    return {label: (np.asarray(a), np.asarray(b)) for label, (a, b) in pairs.items()}
