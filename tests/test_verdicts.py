"""Verdicts: goals as agreed, sentences that name what is wrong and in which direction."""

import math

import pytest

from nmsynth_lib.verdicts import FIGURES, figure_for, goal_in_words, verdict

# Goal by key: (string, sampled). What is not here has no goal.
GOALS = {
    "log_mel_db": ("≤ 1.5", "≤ 2"),
    "f0_cents_median": ("≤ 3", "≤ 5"),
    "onset_ms_median": ("≤ 4", "≤ 6"),
    "onset_f1": ("≥ 0.98", "≥ 0.95"),
    "attack_ms_median": ("≤ 8", "≤ 10"),
    "level_db_median": ("≤ 1.5", "≤ 2"),
    "decay_error_median": ("≤ 0.15", "≤ 0.25"),
    "release_ms_error": ("≤ 25", "≤ 40"),
    "rest_floor_db": ("≤ -60", "≤ -60"),
    "cc55_decay_spearman": ("≥ 0.98", "≥ 0.98"),
    "cc55_violations": ("≤ 0.02", "≤ 0.02"),
    "cc55_span": ("0.8 … 1.25", "0.8 … 1.25"),
    "cc55_interpolation_error": ("≤ 0.35", "≤ 0.35"),
    "cc55_leak_cents": ("≤ 3", "≤ 3"),
    "velocity_level_slope": ("0.9 … 1.1", "0.9 … 1.1"),
    "velocity_brightness_spearman": ("≥ 0.95", "–"),
    "mss": ("–", "–"),
    "ignored_openness": ("–", "–"),
}


@pytest.mark.parametrize("key", GOALS)
def test_goals_are_the_agreed_ones(key):
    assert (goal_in_words(key, "string"), goal_in_words(key, "sampled")) == GOALS[key]
    assert goal_in_words(key, None) == GOALS[key][1]


@pytest.mark.parametrize(
    ("key", "value", "ways", "says"),
    [
        ("onset_ms_median", 15.2, {"onset_ms": 15.2}, "15.2 ms late"),
        ("onset_ms_median", 15.2, {"onset_ms": -15.2}, "15.2 ms early"),
        ("f0_cents_median", 8.0, {"cents": 8.0}, "mostly sharp"),
        ("f0_cents_median", 8.0, {"cents": -8.0}, "mostly flat"),
        ("level_db_median", 3.0, {"level_db": -3.0}, "too quiet"),
        ("decay_error_median", 0.5, {"decay_ratio": 1.5}, "die away too fast"),
        ("decay_error_median", 0.5, {"decay_ratio": 0.5}, "ring too long"),
        ("release_ms_error", 60.0, {"release_ms": -60.0}, "are cut off"),
        ("high_partials_db_median", 9.0, {"high_partials_db": -9.0}, "too dull"),
        ("attack_ms_median", 41.0, {}, "swell instead of being plucked"),
        ("rest_floor_db", -34.0, {}, "noise at -34 dB"),
        ("wrong_pitches", 1.0, {}, "another pitch"),
        ("cc55_decay_spearman", -0.9, {}, "-0.900"),
        ("velocity_level_slope", 0.0, {}, "Velocity does not move the level"),
    ],
)
def test_a_missed_goal_is_said_in_words(key, value, ways, says):
    judged = verdict(key, value, "string", ways)
    assert judged.met is False
    assert says in judged.sentence


@pytest.mark.parametrize("key", FIGURES)
def test_good_and_bad_sound_different_and_name_the_value(key):
    goal = FIGURES[key].goal
    if goal is None:
        return
    inside = goal[1] if math.isinf(goal[0]) else goal[0]
    outside = inside + 1000 if math.isinf(goal[0]) else inside - 1000
    good, bad = (verdict(key, value, "string") for value in (inside, outside))
    assert (good.met, bad.met) == (True, False)
    assert good.sentence != bad.sentence
    assert figure_for(key).shown(outside) in bad.sentence
    assert "{" not in good.sentence + bad.sentence


def test_the_border_of_a_goal_belongs_to_it():
    assert verdict("cc55_span", 0.8, "string").met and verdict("cc55_span", 1.25, "string").met
    assert verdict("cc55_span", 0.799, "string").met is False
    assert verdict("cc55_span", 1.251, "string").met is False


def test_what_has_no_answer_has_no_verdict():
    judged = verdict("rest_floor_db", math.nan, "string")
    assert judged.met is None
    assert "nothing to measure" in judged.sentence


def test_the_sampled_guitar_is_not_asked_for_brightness():
    """Its velocity changes loudness only."""
    unjudged = verdict("velocity_brightness_spearman", -0.4, "sampled")
    assert unjudged.met is None
    assert unjudged.sentence == "Velocity orders the brightness: -0.400."
    assert verdict("velocity_brightness_spearman", -0.4, "string").met is False


def test_an_unknown_direction_is_not_guessed():
    assert "mostly off" in verdict("level_db_median", 9.0, "string").sentence


def test_a_control_of_any_name_has_a_row():
    judged = verdict("ignored_pick_position", 0.001, met=False)
    assert "ignores pick_position" in judged.sentence
