"""Rendering anew: the same samples as a render from scratch, and only the changed blocks are made.

The network is small and random: what must hold of it holds for any weights.
"""

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_instrument import random_instrument

from nmsynth_lib.errors import ControlRangeError
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.rerendering import Rerenderer, SoundCache

NOTES = [(40, 100, 0.1, 0.9), (45, 80, 1.1, 1.9), (52, 110, 2.1, 2.9), (47, 60, 3.1, 3.9)]
PHRASE = Performance.from_notes(NOTES, cc={55: [(0.0, 100), (2.0, 10)]})
BLOCKS = 5  # of 252 frames: 1.008 s


@pytest.fixture(scope="module")
def instrument():
    return random_instrument()


@pytest.fixture
def made(instrument, monkeypatch):
    """Counts the blocks that the network computes."""
    block, calls = instrument.model.block, []
    counting = lambda *inputs: calls.append(1) or block(*inputs)  # noqa: E731
    monkeypatch.setattr(type(instrument.model), "block", staticmethod(counting))
    yield calls


EDITS = st.one_of(
    st.tuples(st.just("cc"), st.lists(st.tuples(st.floats(0, 4.5), st.integers(0, 127)))),
    st.tuples(st.just("move"), st.integers(0, 3), st.floats(0.0, 0.15)),
    st.tuples(st.just("cut"), st.integers(1, 4), st.just(0)),
    st.tuples(st.just("pitch"), st.integers(0, 3), st.integers(36, 70)),
    st.tuples(st.just("bend"), st.floats(0, 4), st.floats(-2, 2)),
    st.tuples(st.just("tail"), st.floats(0, 3), st.just(0)),
    st.tuples(st.just("seed"), st.integers(0, 2), st.just(0)),
)


def edited(state, edit):
    """A performance, seed and tail after one edit."""
    performance, seed, tail = state
    kind, *values = edit
    notes = list(performance.notes)
    if kind == "cc":
        return performance.with_cc(55, values[0]), seed, tail
    if kind == "bend":
        return replace(performance, bend=(tuple(values),)), seed, tail
    if kind == "tail":
        return performance, seed, values[0]
    if kind == "seed":
        return performance, values[0], tail
    index = min(values[0], len(notes) - 1)
    one = notes[index]
    if kind == "move":
        notes[index] = Note(one.pitch, one.velocity, one.onset + values[1], one.offset)
    if kind == "pitch":
        notes[index] = replace(one, pitch=values[1])
    if kind == "cut":
        notes = notes[: index + 1]
    return replace(performance, notes=tuple(notes)), seed, tail


@settings(max_examples=10)
@given(st.lists(EDITS, min_size=1, max_size=3))
def test_any_edits_give_the_samples_of_a_whole_render(instrument, edits):
    """To the last bit, whatever was played before; there and back again."""
    player = Rerenderer(instrument)
    state, states = (PHRASE, 0, 1.0), []
    for edit in edits:
        states.append(state)
        state = edited(state, edit)
    for performance, seed, tail in [*states, state, states[0]]:
        expected = instrument.render(performance, seed=seed, tail=tail)
        assert np.array_equal(player.render(performance, seed=seed, tail=tail), expected)


def last_note(**changed):
    *others, last = PHRASE.notes
    return replace(PHRASE, notes=(*others, replace(last, **changed)))


@pytest.mark.parametrize(
    ("change", "n_blocks"),
    [
        (PHRASE.with_cc(55, [(0.0, 100), (2.0, 10), (3.5, 90)]), 2),
        (PHRASE.with_cc(55, [(0.0, 100), (2.5, 10)]), 4),
        (last_note(pitch=50), 2),
        (last_note(offset=3.8), 2),  # from its onset on: the network hears how long it will be
        (last_note(velocity=90), 2),
        (replace(PHRASE, name="another name"), 0),
        (PHRASE.with_cc(55, [(0.0, 101), (2.0, 10)]), 5),
        (PHRASE.with_cc(55, [(0.0, 100), (2.0, 10), (4.97, 90)]), 1),
    ],
)
def test_only_what_changed_is_computed(instrument, made, change, n_blocks):
    player = Rerenderer(instrument)
    player.render(PHRASE, tail=1.1)
    assert len(made) == BLOCKS
    sound = player.render(change, tail=PHRASE.duration + 1.1 - change.duration)
    assert len(made) == BLOCKS + n_blocks
    assert np.array_equal(
        sound, instrument.render(change, tail=PHRASE.duration + 1.1 - change.duration)
    )


def test_going_back_costs_nothing_and_what_is_given_is_the_callers_own(instrument, made):
    player = Rerenderer(instrument)
    first = player.render(PHRASE)
    kept = first.copy()
    player.render(PHRASE.transposed(1))
    n_made = len(made)
    first[:] = 0.0  # by a caller who fades it
    assert np.array_equal(player.render(PHRASE), kept)
    assert len(made) == n_made


def test_training_on_is_heard(instrument):
    """The weights may change under a player; then nothing old is of use."""
    player = Rerenderer(instrument)
    before = player.render(PHRASE)
    bias = instrument.model.decoder.amplitude_head.bias
    old = bias.numpy()
    try:
        bias.assign(old - 0.2)
        after = player.render(PHRASE)
        assert np.array_equal(after, instrument.render(PHRASE))
        assert not np.array_equal(before, after)
    finally:
        bias.assign(old)


def test_an_error_in_the_middle_leaves_the_former_sound_usable(instrument, monkeypatch):
    player = Rerenderer(instrument)
    player.render(PHRASE)
    changed = PHRASE.with_cc(55, [(0.0, 100), (1.5, 20)])
    block, left = instrument.model.block, [2]

    def breaking(*inputs):
        left[0] -= 1
        if left[0] < 0:
            raise MemoryError("no more")
        return block(*inputs)

    with monkeypatch.context() as patch:
        patch.setattr(type(instrument.model), "block", staticmethod(breaking))
        with pytest.raises(MemoryError):
            player.render(changed)
    assert np.array_equal(player.render(changed), instrument.render(changed))
    with pytest.raises(ControlRangeError, match="tail"):
        player.render(PHRASE, tail=-1.0)


def test_threads_get_the_sound_that_they_asked_for(instrument):
    player = Rerenderer(instrument)
    pieces = [PHRASE.with_cc(55, [(0.0, 100), (2.0, value)]) for value in range(0, 120, 10)]
    expected = [instrument.render(piece) for piece in pieces]
    wrong = []

    def play(order):
        for index in order:
            if not np.array_equal(player.render(pieces[index]), expected[index]):
                wrong.append(index)

    orders = [np.random.default_rng(seed).permutation(len(pieces)) for seed in range(3)]
    threads = [threading.Thread(target=play, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40))), st.integers(20, 100))
def test_the_cache_never_holds_more_than_it_may_and_keeps_the_newest(puts, most):
    cache = SoundCache(most * 4)
    for key, size in puts:
        cache.put(key, np.full(size, key, np.float32))
        held = [one for one in range(6) if cache.get(one) is not None]
        assert sum(cache.get(one).nbytes for one in held) == cache.n_bytes <= most * 4
        assert (key in held) == (size <= most)


def test_other_things_that_render_are_played_too():
    class Click:
        n = 0

        def render(self, performance, tail):
            Click.n += 1
            return np.ones(100, np.float32)

    player = Rerenderer(Click())
    for _ in range(3):
        assert player.render(PHRASE).sum() == 100
    assert Click.n == 1
