"""Scores: every pitch, length, velocity and openness, none of them tied to another."""

import numpy as np
import pytest

from nmsynth_lib.errors import ControlRangeError
from nmsynth_lib.performance import Performance, held
from nmsynth_lib.score import (
    BLOCK_REST,
    CC_LEAD,
    LENGTHS,
    melody,
    riff,
    training_score,
)

SCORES = {levels: training_score(12, 1, levels) for levels in ("two", "continuous")}


def columns(score: Performance) -> dict[str, np.ndarray]:
    """Pitch, velocity, length, openness at the onset, and gap before, of every note."""
    onset = np.array([note.onset for note in score.notes])
    offset = np.array([note.offset for note in score.notes])
    return {
        "pitch": np.array([note.pitch for note in score.notes]),
        "velocity": np.array([note.velocity for note in score.notes]),
        "length": offset - onset,
        "openness": held(score.controllers[55], onset, 0),
        "gap": np.append(onset[0], onset[1:] - offset[:-1]),
    }


@pytest.mark.parametrize("levels", SCORES)
def test_every_pitch_is_played_equally_often(levels):
    counts = np.unique(columns(SCORES[levels])["pitch"], return_counts=True)
    assert counts[0].tolist() == list(range(36, 77))
    assert counts[1].max() - counts[1].min() <= 1


def test_every_pitch_has_every_length_and_both_levels():
    """Two passes hold every combination, so twelve minutes hold each at least once."""
    of = columns(SCORES["two"])
    nearest = np.abs(of["length"][:, None] - np.array(LENGTHS)).argmin(axis=1)
    cells = set(zip(of["pitch"], nearest, of["openness"], strict=True))
    assert len(cells) == 41 * 5 * 2
    assert np.all(np.abs(of["length"] / np.array(LENGTHS)[nearest] - 1) <= 0.1 + 1e-9)


@pytest.mark.parametrize("levels", SCORES)
def test_nothing_goes_together(levels):
    of = columns(SCORES[levels])
    together = np.corrcoef([of[k] for k in ("pitch", "velocity", "length", "openness")])
    assert np.abs(together - np.eye(4)).max() < 0.12


@pytest.mark.parametrize("levels", SCORES)
def test_velocities_are_spread_evenly(levels):
    velocity = np.sort(columns(SCORES[levels])["velocity"])
    assert np.abs(velocity - np.linspace(30, 127, len(velocity))).max() < 2


def test_two_levels_are_one_and_127_in_equal_shares():
    openness = columns(SCORES["two"])["openness"]
    assert set(openness) == {1, 127}
    assert np.mean(openness == 127) == pytest.approx(0.5, abs=0.02)


def test_continuous_levels_are_spread_evenly():
    openness = np.sort(columns(SCORES["continuous"])["openness"])
    assert np.abs(openness - np.linspace(0, 127, len(openness))).max() < 2


@pytest.mark.parametrize("levels", SCORES)
def test_rests_are_short_inside_blocks_and_long_between(levels):
    gap = columns(SCORES[levels])["gap"][1:]
    contiguous, inside = gap < 1e-6, (gap >= 0.12 - 1e-9) & (gap <= 0.34 + 1e-9)
    between = np.abs(gap - BLOCK_REST) < 1e-6
    assert np.all(contiguous | inside | between)
    assert contiguous.mean() == pytest.approx(0.15, abs=0.04)


def blocks_of(score: Performance) -> list[list]:
    """Its notes, parted where a rest is as long as between blocks."""
    blocks = [[]]
    for note in score.notes:
        if blocks[-1] and note.onset - blocks[-1][-1].offset > 0.5:
            blocks.append([])
        blocks[-1].append(note)
    return blocks


@pytest.mark.parametrize("levels", SCORES)
def test_a_held_out_block_leaves_its_pitches_elsewhere(levels):
    """Three or four pitches, an octave's third apart or more, each in other blocks too."""
    blocks = blocks_of(SCORES[levels])
    pitches = [{note.pitch for note in block} for block in blocks]
    assert all(9 < block[-1].offset - block[0].onset < 25 for block in blocks)
    for held_out, own in enumerate(pitches):
        others = [p for block, p in enumerate(pitches) if block != held_out]
        assert own <= set().union(*others)
    whole_passes = pitches[: 3 * 11]  # the last pass is thinned
    assert {len(own) for own in whole_passes} <= {3, 4}
    spread = [max(own) - min(own) for own in whole_passes]
    assert min(spread) >= 12


@pytest.mark.parametrize("levels", SCORES)
def test_openness_is_told_at_time_0_and_just_before_each_note(levels):
    score = SCORES[levels]
    times = np.array([time for time, _ in score.controllers[55]])
    assert times[0] == 0
    for note in score.notes:
        assert np.abs(times - (note.onset - CC_LEAD)).min() < 1e-6


def test_curves_move_inside_some_long_notes_and_are_over_before_the_next():
    score = SCORES["continuous"]
    long_notes = [note for note in score.notes if note.offset - note.onset >= 0.5]

    def inside(events):
        times = np.array([time for time, _ in events])
        return [n for n in long_notes if ((times > n.onset) & (times < n.offset - 0.02)).any()]

    assert len(inside(score.controllers[55])) / len(long_notes) == pytest.approx(0.2, abs=0.06)
    assert len(inside(score.bend)) / len(long_notes) == pytest.approx(0.1, abs=0.05)
    onsets = np.array([note.onset for note in score.notes])
    assert np.all(held(score.bend, onsets, 0.0) == 0)
    assert 1.0 < np.abs([value for _, value in score.bend]).max() <= 2.0
    assert SCORES["two"].bend == ()


@pytest.mark.parametrize("minutes", [0.1, 1, 3, 12, 20])
@pytest.mark.parametrize("levels", SCORES)
def test_the_minutes_are_filled(minutes, levels):
    score = training_score(minutes, 3, levels)
    assert score.duration == pytest.approx(60 * minutes, rel=0.03, abs=2.0)


def test_one_minute_is_thin_but_even():
    of = columns(training_score(1, 5))
    counts = np.unique(of["pitch"], return_counts=True)[1]
    assert len(counts) == 41 and counts.max() <= 2
    nearest = np.abs(of["length"][:, None] - np.array(LENGTHS)).argmin(axis=1)
    assert np.ptp(np.bincount(nearest)) <= 3
    assert np.mean(of["openness"] == 127) == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize(("low", "high"), [(40, 40), (50, 51), (0, 127)])
def test_any_range_of_pitches(low, high):
    score = training_score(1, 1, "continuous", low, high)
    assert all(low <= note.pitch <= high for note in score.notes)
    assert score.duration == pytest.approx(60, abs=3)


def test_the_seed_decides():
    assert training_score(1, 4, "continuous") == training_score(1, 4, "continuous")
    assert training_score(1, 4).notes != training_score(1, 5).notes
    assert melody(20, 4) == melody(20, 4)
    assert melody(20, 4).notes != melody(20, 5).notes


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("levels", SCORES)
def test_a_melody_walks_through_the_range(seed, levels):
    score = melody(60, seed, levels)
    of = columns(score)
    assert 55 < score.duration <= 60
    assert of["pitch"].min() >= 40 and of["pitch"].max() <= 76
    steps = np.abs(np.diff(of["pitch"]))
    assert np.median(steps) <= 5 and steps.max() >= 7
    assert np.ptp(of["velocity"]) > 40
    assert (of["gap"] < 1e-6).any() and (of["gap"] > 0.2).any()
    assert (set(of["openness"]) == {1, 127}) if levels == "two" else (np.ptp(of["openness"]) > 80)


def test_the_riff_opens_from_muted_to_open_in_four_seconds():
    score = riff()
    openness = columns(score)["openness"]
    assert score.duration == 4.0
    assert openness[0] == 1 and openness[-1] == 127 and np.all(np.diff(openness) >= 0)


@pytest.mark.parametrize("score", [*SCORES.values(), melody(), riff()], ids=lambda s: s.name)
def test_scores_survive_the_midi_file(score, tmp_path):
    score.write_midi(tmp_path / "score.mid")
    read = Performance.from_midi(tmp_path / "score.mid")
    assert len(read.notes) == len(score.notes)
    for name, values in columns(score).items():
        assert np.abs(columns(read)[name] - values).max() < 1e-3, name


@pytest.mark.parametrize(
    "arguments",
    [{"levels": "three"}, {"minutes": 0}, {"low": 80}, {"high": 128}, {"minutes": float("nan")}],
)
def test_impossible_scores_are_refused(arguments):
    with pytest.raises(ControlRangeError):
        training_score(**arguments)
