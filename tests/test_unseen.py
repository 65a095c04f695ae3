"""Music to judge by: takes joined to one piece, and the guitar that can be asked."""

import numpy as np
import pytest

from nmsynth_lib.errors import RecordingError
from nmsynth_lib.performance import Note, Performance, held
from nmsynth_lib.schema import ControlSpec, InstrumentSpec, guitar_controls
from nmsynth_lib.takes import Take, TakeMeta
from nmsynth_lib.unseen import guitar_heard, guitar_learnt, one_piece, unseen_melody

RATE = 16000


def take(name, seconds, notes, cc=None, bend=(), **meta):
    performance = Performance.from_notes(notes, cc=cc or {}, bend=bend, name=name)
    audio = np.full(round(seconds * RATE), 0.1, np.float32)
    return Take(name, audio, performance, RATE, TakeMeta(**meta))


def test_takes_follow_each_other_with_their_own_controllers():
    first = take("one", 2.0, [Note(40, 90, 0.5, 1.0)], {55: [(0.0, 127)]}, bend=[(0.2, 1.0)])
    second = take("two", 3.0, [Note(45, 80, 0.25, 1.5)], {74: [(0.1, 30)]})
    audio, music = one_piece([first, second], 60)
    assert len(audio) == 5 * RATE
    assert [(n.pitch, n.onset, n.offset) for n in music.notes] == [(40, 0.5, 1.0), (45, 2.25, 3.5)]
    assert held(music.controllers[55], [0.5, 2.25], 0).tolist() == [127, 0]
    assert held(music.controllers[74], [0.5, 2.05, 2.25], 0).tolist() == [0, 0, 30]
    assert held(music.bend, [0.5, 2.25], 0.0).tolist() == [1.0, 0.0]


def test_a_take_without_a_channel_is_at_that_channel_s_declared_rest():
    """Before the first event nothing needs to be said; after another take's events it does."""
    spec = InstrumentSpec(
        controls=(
            *guitar_controls(),
            ControlSpec(name="pick", source="cc", cc=74, low=0, high=127, default=64),
        )
    )
    plain = take("one", 2.0, [Note(40, 90, 0.5, 1.0)])
    moved = take("two", 2.0, [Note(45, 80, 0.25, 1.5)], {74: [(0.0, 3)]})
    _, music = one_piece([plain, moved, plain], 60, spec)
    assert held(music.controllers[74], [0.5, 2.25, 4.5], 64).tolist() == [64, 3, 64]
    _, music = one_piece([plain, plain], 60, spec)
    assert 74 not in music.controllers


def test_no_more_than_the_seconds_asked_for():
    long = take("one", 10.0, [Note(40, 90, i + 0.1, i + 0.9) for i in range(10)])
    audio, music = one_piece([long, long], 4.5)
    assert len(audio) == 4.5 * RATE
    assert len(music.notes) == 5
    assert music.notes[-1].offset == pytest.approx(4.5)


def test_held_out_takes_come_alone():
    takes = [
        take("one", 2.0, [Note(40, 90, 0.5, 1.0)]),
        take("two", 2.0, [Note(45, 90, 0.5, 1.0)], split="validation"),
    ]
    _, music = one_piece(takes)
    assert [note.pitch for note in music.notes] == [45]


def test_notes_beyond_the_sound_are_left_out():
    late = take("one", 1.0, [Note(40, 90, 0.5, 1.5), Note(45, 90, 2.0, 3.0)])
    _, music = one_piece([late])
    assert [(note.pitch, note.offset) for note in music.notes] == [(40, 1.0)]


def test_a_beginning_without_notes_is_refused_in_words():
    late = take("one", 9.0, [Note(40, 90, 5.0, 6.0)])
    with pytest.raises(RecordingError, match="no note begins in its first 4 s"):
        one_piece([late], 4)


def test_which_guitar_can_be_asked():
    known = take("one", 1.0, [Note(40, 90, 0.1, 0.5)], guitar="string")
    own = take("two", 1.0, [Note(40, 90, 0.1, 0.5)])
    assert guitar_heard([known, known]) == "string"
    assert guitar_heard([known, own]) is None
    assert guitar_heard([own]) is None
    spec = InstrumentSpec(provenance={"recording": "takes", "guitar": "sampled"})
    assert guitar_learnt(spec) == "sampled"
    assert guitar_learnt(InstrumentSpec(provenance={"recording": "my takes"})) is None


def test_the_unseen_melody_has_another_jitter_for_another_seed():
    (one, music), (other, same) = (unseen_melody("string", 4.0, seed=seed) for seed in (1, 2))
    assert music == same
    assert len(one) == len(other)
    assert not np.array_equal(one, other)
