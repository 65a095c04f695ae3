"""References: the nearest-note sampler gives back what it was given."""

from dataclasses import dataclass

import numpy as np
import pytest

from nmsynth_lib.errors import RecordingError
from nmsynth_lib.guitars.string import string_audio
from nmsynth_lib.metrics import log_mel_db
from nmsynth_lib.note_measures import note_table
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.references import nearest_note_sampler, silence

RATE = 16000


@dataclass
class Take:
    audio: np.ndarray
    performance: Performance


def phrase(*notes: tuple[int, int, float, float, int]) -> Performance:
    """A performance of (pitch, velocity, onset, offset, CC55)."""
    openness = [(max(0.0, onset - 0.01), value) for _, _, onset, _, value in notes]
    return Performance.from_notes([Note(*note[:4]) for note in notes], cc={55: openness})


TRAINING = phrase(
    (40, 90, 0.2, 0.7, 127),
    (40, 90, 1.0, 1.5, 1),
    (47, 60, 1.5, 2.5, 127),
    (52, 100, 2.8, 3.3, 64),
    (52, 40, 3.6, 4.1, 64),
)


@pytest.fixture(scope="module")
def recording() -> np.ndarray:
    return string_audio(TRAINING)


def error_db(found: np.ndarray, wanted: np.ndarray) -> float:
    return 10 * np.log10(np.mean((found - wanted) ** 2) / np.mean(wanted**2) + 1e-20)


def test_asked_for_the_training_notes_it_returns_the_training_audio(recording):
    played = nearest_note_sampler((recording, TRAINING), TRAINING, RATE)
    assert played.dtype == np.float32 and played.shape == recording.shape
    assert error_db(played, recording) < -60


@pytest.mark.parametrize("index", range(len(TRAINING.notes)))
def test_the_closest_note_is_taken_wherever_it_is_asked_for(recording, index):
    """A lone note of the training set, elsewhere in time, is the training note."""
    note = TRAINING.notes[index]
    value = [127, 1, 127, 64, 64][index]
    length = note.offset - note.onset
    asked = phrase((note.pitch, note.velocity, 0.3, 0.3 + length, value))
    played = nearest_note_sampler((recording, TRAINING), asked, RATE, tail=0.0)
    first = round(note.onset * RATE)
    wanted = recording[first : first + round((length - 0.01) * RATE)]
    begin = round(0.3 * RATE)
    assert error_db(played[begin : begin + len(wanted)], wanted) < -40


def test_openness_decides_before_a_semitone_of_pitch(recording):
    """A muted F2 comes from the muted E2, resampled, in tune and on time."""
    asked = phrase((41, 90, 0.3, 0.7, 10))
    played = nearest_note_sampler((recording, TRAINING), asked, RATE)
    row = note_table(played, RATE, asked)[0]
    muted = note_table(recording, RATE, TRAINING)[1]
    assert row.cents == pytest.approx(0, abs=1.0)
    assert abs(row.onset_ms) < 1.0
    assert row.t20_s == pytest.approx(muted.t20_s * 2 ** (-1 / 12), rel=0.05)


def test_a_note_that_is_long_enough_is_preferred():
    training = phrase((52, 90, 0.2, 0.4, 127), (52, 88, 0.8, 2.0, 127))
    recording = string_audio(training)
    asked = phrase((52, 90, 0.2, 1.2, 127))
    played = nearest_note_sampler((recording, training), asked, RATE)
    assert note_table(played, RATE, asked, pitch=False)[0].decay_db_per_s < 15


def test_a_shortened_note_is_let_go_as_fast_as_the_takes_let_go(recording):
    asked = phrase((47, 60, 0.2, 0.5, 127))
    played = nearest_note_sampler((recording, TRAINING), asked, RATE)
    usual = [row.release_ms for row in note_table(recording, RATE, TRAINING, pitch=False)]
    row = note_table(played, RATE, asked, pitch=False)[0]
    assert row.release_ms == pytest.approx(np.nanmedian(usual), rel=0.15)


def test_takes_are_searched_together(recording):
    other = phrase((64, 90, 0.2, 0.7, 127))
    takes = [Take(recording, TRAINING), Take(string_audio(other), other)]
    played = nearest_note_sampler(takes, other, RATE)
    assert error_db(played, takes[1].audio) < -60


def test_contiguous_notes_meet_without_a_click(recording):
    """Two halves of one note, cut in the middle, are crossfaded: no step above the string's own."""
    asked = phrase((40, 90, 0.2, 0.45, 127), (40, 90, 0.45, 0.7, 127))
    played = nearest_note_sampler((recording, TRAINING), asked, RATE)
    seam = slice(round(0.43 * RATE), round(0.449 * RATE))  # before the pluck itself
    assert np.abs(np.diff(played[seam])).max() < 1.5 * np.abs(np.diff(recording)).max()


def test_it_beats_silence_on_notes_it_never_heard(recording):
    asked = phrase((45, 80, 0.2, 0.8, 100), (50, 70, 1.0, 1.6, 30))
    target = string_audio(asked, seed=3)
    played = nearest_note_sampler((recording, TRAINING), asked, RATE)
    nothing = silence(len(target))
    assert log_mel_db(target, played, RATE) < 0.5 * log_mel_db(target, nothing, RATE)


def test_a_note_at_the_very_beginning_is_played(recording):
    asked = phrase((40, 90, 0.0, 0.3, 127))
    played = nearest_note_sampler((recording, TRAINING), asked, RATE)
    assert abs(note_table(played, RATE, asked, pitch=False)[0].onset_ms) < 1.0


def test_without_takes_there_is_nothing_to_play():
    with pytest.raises(RecordingError, match="no training notes"):
        nearest_note_sampler([], TRAINING, RATE)
