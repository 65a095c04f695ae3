"""The blind test: lots, statistics, words; and the widget's Python half."""

import csv
import io
from math import comb

import numpy as np
import pytest

from nmsynth_lib.errors import OutputError
from nmsynth_lib.listening import (
    ListeningError,
    ListeningTest,
    in_words,
    listening_pairs,
    p_value,
)
from nmsynth_lib.loudness import a_weighted_level_db
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.widgets import abx

RATE = 16000


def tone(hz, amplitude=0.3, seconds=0.5):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


PAIR = {"low": tone(220), "high": tone(330, 0.1)}


@pytest.mark.parametrize(("right", "trials"), [(12, 12), (10, 12), (6, 12), (0, 8), (9, 16)])
def test_p_is_the_tail_of_the_binomial_law(right, trials):
    tail = sum(comb(trials, k) for k in range(right, trials + 1)) / 2**trials
    assert p_value(right, trials) == pytest.approx(tail)


def test_words_say_what_a_score_shows_and_what_it_does_not():
    assert "you hear a difference" in in_words(10, 12)
    assert "1.9 %" in in_words(10, 12)
    assert "less than 0.1 %" in in_words(12, 12)
    assert "does not show that you hear" in in_words(9, 12)
    assert "nor that there is none" in in_words(6, 12)


def run(listener, trials=12, seed=None):
    test = ListeningTest(trials, seed)
    while not test.done:
        test.answer(listener(test))
    return test.result()


def test_a_listener_who_guesses_gets_p_of_a_half_and_is_rarely_believed():
    """Over 2,000 tests: mean p near 1/2, and p < 0.05 in at most 5 % of them."""
    rng = np.random.default_rng(5)
    p = [run(lambda _: "AB"[rng.integers(2)], seed=seed)["p"] for seed in range(2000)]
    # E[p] of the exact test is (1 + P(two equal scores)) / 2.
    ties = sum((comb(12, k) / 2**12) ** 2 for k in range(13))
    assert np.mean(p) == pytest.approx((1 + ties) / 2, abs=0.02)
    assert np.mean(np.array(p) < 0.05) < 0.05


def test_a_listener_who_knows_gets_p_below_one_per_cent():
    assert run(lambda test: test.x())["p"] == pytest.approx(1 / 4096)


def test_lots_are_fair_and_independent_of_the_last():
    lots = np.array([row["x"] == "A" for row in run(lambda _: "A", 1000, seed=1)["rows"]])
    assert abs(lots.mean() - 0.5) < 0.05
    assert abs(np.mean(lots[1:] == lots[:-1]) - 0.5) < 0.05
    assert [r["x"] for r in run(lambda _: "A", 40)["rows"]] != [
        r["x"] for r in run(lambda _: "A", 40)["rows"]
    ]


def test_nothing_is_told_before_the_last_answer():
    test = ListeningTest(3, seed=0)
    test.answer("A")
    assert test.result() == {} and test.rows() == []
    with pytest.raises(ListeningError, match="neither A nor B"):
        test.answer("X")
    test.answer("A")
    test.answer("B")
    assert test.result()["trials"] == 3
    with pytest.raises(ListeningError, match="over"):
        test.answer("A")


@pytest.mark.parametrize("trials", [0, -1, 1001])
def test_a_test_of_no_trials_is_refused(trials):
    with pytest.raises(ListeningError, match="from 1 to 1000"):
        ListeningTest(trials)


# --- the widget, without a page


def pcm(data):
    return np.frombuffer(data, "<i2").astype(float) / 32767


def test_the_widget_sends_equally_loud_sounds_and_hides_what_x_is():
    widget = abx(PAIR, trials=4, seed=3)
    levels = [a_weighted_level_db(pcm(sound), RATE) for sound in (widget.a, widget.b)]
    assert abs(levels[0] - levels[1]) < 0.1
    assert widget.x in (widget.a, widget.b)
    sent = set(widget.keys)
    assert {"a", "b", "x", "trial", "answer"} <= sent
    assert not any(isinstance(getattr(widget, name), str) and getattr(widget, name) in "AB"
                   for name in ("pair",))  # fmt: skip
    assert widget.result == {}


def test_answers_are_counted_once_and_lead_to_a_result():
    widget = abx(PAIR, trials=4, seed=3)
    for trial in range(1, 5):
        right = "A" if widget.x == widget.a else "B"
        assert widget.trial == trial
        widget.answer = {"trial": trial, "choice": right}
        widget.answer = {"trial": trial, "choice": "B" if right == "A" else "A"}  # too late
    assert widget.trial == 5
    assert widget.result["right"] == 4 and widget.result["p"] == pytest.approx(1 / 16)
    rows = list(csv.DictReader(io.StringIO(widget.csv())))
    assert [row["right"] for row in rows] == ["True"] * 4
    assert {row["pair"] for row in rows} == {"low or high"}


def test_another_pair_or_number_of_trials_starts_anew():
    widget = abx({"one": (tone(200), tone(300)), "two": (tone(200), tone(400))}, trials=2)
    widget.answer = {"trial": 1, "choice": "A"}
    widget.pair = "two"
    assert (widget.trial, widget.result) == (1, {})
    widget.answer = {"trial": 1, "choice": "A"}
    widget.trials = 1
    assert widget.trial == 1
    widget.answer = {"trial": 1, "choice": "A"}
    assert widget.result["trials"] == 1
    widget.pair = "three"
    assert "Choose one of: one, two" in widget.problem


@pytest.mark.parametrize(
    "pairs",
    [
        {},
        {"a": (tone(200),)},
        {"a": (tone(200), np.zeros((2, 5)))},
        {"a": (tone(200), np.zeros(0))},
        {"a": (tone(200), np.full(9, np.nan))},
    ],
)
def test_what_can_not_be_compared_is_refused(pairs):
    with pytest.raises(ListeningError):
        abx(pairs)


def test_results_are_written_whole_or_not_at_all(tmp_path):
    widget = abx(PAIR, trials=1)
    widget.answer = {"trial": 1, "choice": "A"}
    widget.to_csv(tmp_path / "abx.csv")
    assert (tmp_path / "abx.csv").read_text().splitlines()[0] == "pair,trial,x,answer,right"
    with pytest.raises(OutputError):
        widget.to_csv(tmp_path / "none" / "abx.csv")


def test_without_a_front_end_there_are_two_plain_players():
    data, _ = abx(PAIR)._repr_mimebundle_()
    assert data["text/html"].count("<audio ") == 2


def test_pairs_worth_a_test():
    class Guitar:
        def render(self, performance):
            return tone(100 + performance.controllers.get(55, ((0, 0),))[0][1])

    music = Performance.from_notes([Note(45, 90, 0.0, 0.4)])
    pairs = listening_pairs(Guitar(), music, target=tone(250), baseline=tone(260))
    assert list(pairs)[:2] == ["guitar or network", "seed-sized baseline or network"]
    assert "CC55 = 127 or 1" in pairs
    assert all(len(pair) == 2 for pair in pairs.values())
