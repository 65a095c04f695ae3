"""Controls: every curve is what its definition says, at any time, for any stretch of the music."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmsynth_lib.controls import (
    FAR,
    control_curves,
    inharmonicity,
    midi_to_hz,
    n_frames_for,
    note_times,
    scaled,
    with_unknown,
)
from nmsynth_lib.performance import Performance
from nmsynth_lib.schema import Architecture, AudioRates, ControlSpec, InstrumentSpec

SPEC = InstrumentSpec()
COLUMN = {control.name: column for column, control in enumerate(SPEC.controls)}
FRAME = 0.004  # seconds: 64 samples at 16 kHz


def one_note(onset=0.1, offset=0.5, pitch=45, velocity=100, **more):
    return Performance.from_notes([(pitch, velocity, onset, offset)], **more)


def curve(performance, name, n_frames, first_frame=0, spec=SPEC):
    column = [control.name for control in spec.controls].index(name)
    return control_curves(performance, spec, n_frames, first_frame).values[:, column]


def log_scale(seconds, high, knee=0.004):
    """The formula of the log scale, written out for one number."""
    return math.log(1 + min(max(seconds, 0.0), high) / knee) / math.log(1 + high / knee)


seconds = st.floats(0.0, 20.0, allow_nan=False)


@st.composite
def performances(draw):
    """Up to eight notes with rests or without, CC55 moves and bends at any time."""
    now, notes = draw(st.floats(0.0, 1.0)), []
    for _ in range(draw(st.integers(1, 8))):
        length = draw(st.floats(0.001, 1.0))
        pitch, velocity = draw(st.integers(36, 76)), draw(st.integers(1, 127))
        notes.append((pitch, velocity, now, now + length))
        now += length + draw(st.sampled_from([0.0, 0.004, 0.3]) | st.floats(0.0, 0.5))
    cc = draw(st.lists(st.tuples(st.floats(0.0, 8.0), st.integers(0, 127)), max_size=5))
    bend = draw(st.lists(st.tuples(st.floats(0.0, 8.0), st.floats(-2.0, 2.0)), max_size=5))
    return Performance.from_notes(notes, cc={55: cc} if cc else {}, bend=bend)


# When a curve is read -------------------------------------------------------------------------


def test_a_frame_is_read_at_its_end():
    """Frame i covers samples 64 i … 64 i + 63; its time is that of the sample after them."""
    note = one_note(onset=0.100, offset=0.500)
    since = curve(note, "since_onset", 60)
    for frame in range(25, 60):
        assert since[frame] == pytest.approx(log_scale((frame + 1) * FRAME - 0.1, 8), abs=2e-6)


@given(onset=st.floats(0.0, 5.0), frame=st.integers(0, 2000))
def test_time_since_an_onset_is_never_rounded_to_a_frame(onset, frame):
    """Undoing the scale gives back the seconds since any onset, to float32 precision."""
    time = (frame + 1) * FRAME
    note = one_note(onset=onset, offset=onset + 0.01)
    value = float(curve(note, "since_onset", 1, first_frame=frame)[0])
    if time < onset - 1e-9:
        assert value == 1.0
        return
    back = 0.004 * math.expm1(value * math.log1p(8 / 0.004))
    assert back == pytest.approx(min(max(time - onset, 0.0), 8.0), rel=3e-6, abs=2e-9)


@given(performance=performances(), first=st.integers(0, 900), n_frames=st.integers(1, 200))
def test_any_stretch_is_a_slice_of_the_whole(performance, first, n_frames):
    """To the bit: a block of a stream sees what the whole render sees."""
    whole = control_curves(performance, SPEC, first + n_frames)
    part = control_curves(performance, SPEC, n_frames, first)
    assert np.array_equal(part.values, whole.values[first:])
    assert np.array_equal(part.f0_hz, whole.f0_hz[first:])


@given(n_samples=st.integers(0, 10**7), hop=st.integers(8, 1024))
def test_frames_and_samples_agree_for_every_length(n_samples, hop):
    """The frames cover all samples, and one frame fewer would not."""
    n_frames = n_frames_for(n_samples, AudioRates(hop=hop))
    assert n_frames * hop >= n_samples > (n_frames - 1) * hop
    assert n_frames_for(n_frames * hop, AudioRates(hop=hop)) == n_frames


@given(performance=performances(), n_frames=st.integers(0, 300))
def test_curves_have_the_frames_asked_for_and_lie_between_0_and_1(performance, n_frames):
    controls = control_curves(performance, SPEC, n_frames)
    assert controls.values.shape == (n_frames, 6)
    assert controls.f0_hz.shape == (n_frames,)
    assert controls.values.dtype == controls.f0_hz.dtype == np.float32
    assert ((controls.values >= 0) & (controls.values <= 1)).all()


@given(k=st.integers(3, 5000), late=st.sampled_from([-1e-10, 0.0, 1e-10]))
def test_pitch_and_time_change_on_the_same_frame_when_an_onset_meets_a_frames_end(k, late):
    """An onset of k/250 s, however its product rounds, starts pitch, velocity and clock at once."""
    onset = k / 250 + late
    music = Performance.from_notes([(40, 10, 0.0, onset), (52, 120, onset, onset + 1)])
    controls = control_curves(music, SPEC, 3, k - 2)
    assert np.isclose(controls.f0_hz, 2 * midi_to_hz(40)).tolist() == [False, True, True]
    assert np.isclose(controls.values[:, COLUMN["velocity"]], 120 / 127).tolist() == [
        False,
        True,
        True,
    ]
    clock = controls.values[:, COLUMN["since_onset"]]
    assert clock[0] > clock[1]
    assert clock[1] == pytest.approx(0.0, abs=1e-6)


# The time channels ----------------------------------------------------------------------------


@given(performance=performances(), times=st.lists(seconds, min_size=1, max_size=20))
def test_note_times_follow_their_definition(performance, times):
    """Against a plain loop over the notes, away from the exact borders."""
    borders = [t for note in performance.notes for t in (note.onset, note.offset)]
    times = [t for t in times if min(abs(t - border) for border in borders) > 1e-6]
    got = note_times(performance, np.array(times))
    for i, time in enumerate(times):
        begun = [note for note in performance.notes if note.onset <= time]
        if not begun:
            expected = (FAR, 0.0, FAR)
        else:
            last = begun[-1]
            expected = (time - last.onset, max(last.offset - time, 0), max(time - last.offset, 0))
        values = (got["since_onset"][i], got["to_offset"][i], got["since_offset"][i])
        assert values == pytest.approx(expected, abs=1e-9)


def test_time_since_onset_runs_on_through_the_release():
    since = curve(one_note(0.0, 0.2), "since_onset", 500)
    assert (np.diff(since) > 0).all()


def test_before_the_first_note_no_note_has_ever_been():
    before = control_curves(one_note(onset=1.0, offset=2.0), SPEC, 100).values
    assert (before[:, COLUMN["since_onset"]] == 1).all()
    assert (before[:, COLUMN["since_offset"]] == 1).all()
    assert (before[:, COLUMN["to_offset"]] == 0).all()


@given(seconds=st.floats(-1.0, 20.0), knee=st.floats(1e-4, 1.0), high=st.floats(0.1, 100.0))
def test_log_scale_formula(seconds, knee, high):
    control = ControlSpec(name="t", source="since_onset", low=0, high=high, scale="log", knee=knee)
    expected = log_scale(seconds, high, knee)
    assert float(scaled(control, np.array(seconds))) == pytest.approx(expected, abs=1e-12)


def test_log_scale_gives_every_doubling_of_time_the_same_step():
    """Far above the knee; and 4 ms are a tenth of the range, not a thirty-thousandth."""
    control = SPEC.controls[COLUMN["since_onset"]]
    steps = np.diff(scaled(control, np.array([0.5, 1.0, 2.0, 4.0, 8.0])))
    assert np.allclose(steps, steps[0], rtol=0.01)
    assert scaled(control, np.array(0.004)) > 0.05


# Pitch, velocity, controllers -----------------------------------------------------------------


def test_rests_hold_pitch_and_velocity():
    music = Performance.from_notes([(40, 30, 0.0, 0.1), (64, 90, 0.5, 0.6)])
    controls = control_curves(music, SPEC, 250)
    ends = (1 + np.arange(250)) * FRAME
    expected = np.where(ends < 0.5 - 1e-9, 82.4069, 329.6276)  # E2 and E4, by table
    assert np.allclose(controls.f0_hz, expected, rtol=1e-5)
    assert np.allclose(
        controls.values[:, COLUMN["velocity"]], np.where(ends < 0.5 - 1e-9, 30, 90) / 127
    )


def test_a_bend_bends_f0_and_pitch():
    music = one_note(0.0, 1.0, pitch=57, bend=[(0.2, 12.0), (0.4, -1.0)])
    controls = control_curves(music, SPEC, 150)
    ends = (1 + np.arange(150)) * FRAME
    semitones = np.select([ends < 0.2 - 1e-9, ends < 0.4 - 1e-9], [0, 12], -1)
    assert np.allclose(controls.f0_hz, 220 * 2 ** (semitones / 12), rtol=1e-6)
    assert np.allclose(controls.values[:, COLUMN["pitch"]], (57 + semitones - 28) / 60, atol=1e-6)


def test_a4_is_440_hz_and_an_octave_doubles():
    assert midi_to_hz(69) == 440.0
    assert midi_to_hz(np.array([57, 81])) == pytest.approx([220, 880])


def test_the_recorded_guitars_mistuning_moves_f0_but_not_the_pitch_control():
    cents = [(40.0, -10.0), (50.0, 10.0)]
    spec = SPEC.model_copy(update={"architecture": Architecture(tuning_cents=cents)})
    for pitch, expected in ((36, -10), (40, -10), (45, 0), (50, 10), (70, 10)):
        controls = control_curves(one_note(pitch=pitch), spec, 1)
        got = 1200 * np.log2(controls.f0_hz[0] / midi_to_hz(pitch))
        assert got == pytest.approx(expected, abs=0.01)
        assert controls.values[0, 0] == pytest.approx((pitch - 28) / 60)


def test_a_controller_has_its_default_when_absent_and_before_its_first_event():
    half = ControlSpec(name="mute", source="cc", cc=20, low=0, high=127, default=127)
    spec = SPEC.model_copy(update={"controls": (*SPEC.controls, half)})
    assert (curve(one_note(), "mute", 50, spec=spec) == 1).all()
    assert (curve(one_note(), "openness", 50) == 0).all()
    late = one_note(cc={20: [(0.1, 0)], 55: [(0.1, 127)]})
    ends = (1 + np.arange(50)) * FRAME
    assert np.array_equal(curve(late, "mute", 50, spec=spec), ends < 0.1 - 1e-9)
    assert np.array_equal(curve(late, "openness", 50, spec=spec), ends >= 0.1 - 1e-9)


def test_held_steps_and_ramps():
    """Hold: the last event's value. Ramp: a straight line between events, flat after the last."""
    ramp = ControlSpec(
        name="slide", source="cc", cc=21, low=0, high=100, default=50, interpolation="ramp"
    )
    spec = SPEC.model_copy(update={"controls": (*SPEC.controls, ramp)})
    events = [(0.1, 0), (0.3, 100)]
    music = one_note(0.0, 1.0, cc={21: events, 55: events})
    ends = (1 + np.arange(100)) * FRAME
    line = np.select([ends < 0.1 - 1e-9, ends < 0.3], [0.5, (ends - 0.1) / 0.2], 1.0)
    assert np.allclose(curve(music, "slide", 100, spec=spec), line, atol=1e-6)
    assert np.allclose(
        curve(music, "openness", 100), np.where(ends < 0.3 - 1e-9, 0, 100 / 127), atol=1e-6
    )


def test_values_beyond_the_range_stay_at_its_ends():
    assert control_curves(one_note(pitch=20), SPEC, 1).values[0, 0] == 0
    assert control_curves(one_note(pitch=100), SPEC, 1).values[0, 0] == 1


# Live playing, stiffness ----------------------------------------------------------------------


@settings(max_examples=30)
@given(performance=performances())
def test_unknown_hides_the_future_of_held_notes_and_nothing_else(performance):
    controls = control_curves(performance, SPEC, 400)
    live = with_unknown(controls.values, SPEC)
    column = COLUMN["to_offset"]
    ends = (1 + np.arange(400)) * FRAME
    sounding = note_times(performance, ends)["to_offset"] > 0
    assert (live[sounding, column] == 1).all()  # 8 s, the top of the range
    assert (live[~sounding, column] == 0).all()
    others = [i for i in range(live.shape[1]) if i != column]
    assert np.array_equal(live[:, others], controls.values[:, others])


def test_with_unknown_leaves_its_argument_alone():
    values = control_curves(one_note(), SPEC, 50).values
    before = values.copy()
    with_unknown(values[None], SPEC)
    assert np.array_equal(values, before)


def test_stiffness_is_a_straight_line_in_log_b_over_pitch():
    points = [(40.0, 1e-5), (64.0, 1e-3)]
    spec = SPEC.model_copy(update={"architecture": Architecture(inharmonicity=points)})
    pitches = np.array([30, 40, 52, 64, 80])
    got = inharmonicity(midi_to_hz(pitches), spec)
    assert got == pytest.approx([1e-5, 1e-5, 1e-4, 1e-3, 1e-3], rel=1e-5)
    assert inharmonicity(np.array([100.0]), SPEC)[0] < 1e-9  # none measured: multiples of F0
