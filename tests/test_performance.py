"""MIDI in: what a file says is what the guitarist plays, or an error that says why not.

Most files here are bytes put together by hand, so that no MIDI library vouches for itself.
"""

import itertools
import subprocess
import sys
import time
import warnings
from pathlib import Path

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmsynth_lib.errors import (
    ControlRangeError,
    DrumsError,
    NmsynthError,
    NoNotesError,
    NotMidiError,
    OutputError,
    OverlapError,
    SeveralInstrumentsError,
)
from nmsynth_lib.performance import Note, Performance, held, held_pitch

EXAMPLES = Path(__file__).parent.parent / "assets" / "midi"
BEAT = 0.5  # seconds at 120 bpm, MIDI's default
SECOND = 960  # ticks, at 480 ticks a beat and 120 bpm


# Bytes of a MIDI file ------------------------------------------------------------------------


def variable_length(number):
    """MIDI's 7-bits-a-byte number, most significant first."""
    parts = [number & 0x7F]
    while number := number >> 7:
        parts.append(0x80 | number & 0x7F)
    return bytes(reversed(parts))


def track(*events):
    """Track chunk of (tick, message bytes); ticks count from the start of the file."""
    body, now = b"", 0
    for tick, message in events:
        body += variable_length(tick - now) + bytes(message)
        now = tick
    body += bytes([0, 0xFF, 0x2F, 0])
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def smf(*tracks, kind=1, division=480):
    """Standard MIDI File of these track chunks."""
    numbers = (kind, len(tracks), division)
    header = b"".join(n.to_bytes(2, "big", signed=n < 0) for n in numbers)
    return b"MThd" + (6).to_bytes(4, "big") + header + b"".join(tracks)


def on(pitch, velocity=100, channel=0):
    return [0x90 | channel, pitch, velocity]


def off(pitch, channel=0):
    return [0x80 | channel, pitch, 64]


def cc(number, value, channel=0):
    return [0xB0 | channel, number, value]


def wheel(value, channel=0):
    return [0xE0 | channel, (value + 8192) & 0x7F, (value + 8192) >> 7]


def tempo(bpm):
    return [0xFF, 0x51, 3, *round(60e6 / bpm).to_bytes(3, "big")]


def signature(beats, power_of_two):
    return [0xFF, 0x58, 4, beats, power_of_two, 24, 8]


def notes_of(*notes, channel=0):
    """Track events of (pitch, onset tick, offset tick)."""
    events = [(start, on(pitch, channel=channel)) for pitch, start, _ in notes]
    events += [(end, off(pitch, channel=channel)) for pitch, _, end in notes]
    return sorted(events, key=lambda event: event[0])


@pytest.fixture
def read(tmp_path):
    """Performance of these bytes; a warning is an error unless it is expected."""

    def reader(data, name="take.mid", **options):
        (tmp_path / name).write_bytes(data)
        return Performance.from_midi(tmp_path / name, **options)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield reader


def spans(performance):
    return [(n.pitch, round(n.onset, 6), round(n.offset, 6)) for n in performance.notes]


# The published examples ----------------------------------------------------------------------

C2, DS2, G2, C4, DS4, G4 = 36, 39, 43, 60, 63, 67
PHRASE_PITCHES = [C2, DS2, G2] * 2 + [C4, DS4, G4] * 2
PHRASE_ONSETS = (np.arange(4)[:, None] + [0, 0.25, 0.5]).ravel()
SHORT = pytest.approx(0.065, abs=0.016)  # "the same, short" on the published picture


def about(seconds):
    return pytest.approx(seconds, abs=0.001)


@pytest.mark.parametrize(
    ("name", "pitches", "onsets", "lengths", "cc55"),
    [
        (
            "extra_long_open_closed",
            [C2, C2],
            [0.096, 1.75],
            [about(1.325), about(2.124)],
            [(1.643, 127)],
        ),
        (
            "longer_open_closed",
            PHRASE_PITCHES,
            PHRASE_ONSETS,
            [about(0.2)] * 12,
            [(0, 127), (0.994, 0), (1.995, 127), (2.936, 0)],
        ),
        (
            "long_short",
            PHRASE_PITCHES,
            PHRASE_ONSETS,
            [about(length) for length in [0.25] * 3 + [0.08, 0.05, 0.065] + [0.25] * 3]
            + [SHORT] * 3,
            [(0, 0)],
        ),
    ],
)
def test_published_examples_are_read_as_their_piano_rolls_show(
    name, pitches, onsets, lengths, cc55
):
    played = Performance.from_midi(EXAMPLES / f"test_midi_{name}.mid")
    assert [n.pitch for n in played.notes] == pitches
    np.testing.assert_allclose([n.onset for n in played.notes], onsets, atol=0.001)
    assert [n.offset - n.onset for n in played.notes] == lengths
    np.testing.assert_allclose(played.controllers[55], cc55, atol=0.001)
    assert played.warnings == ()
    assert played.name == f"test_midi_{name}"


# Reading the format --------------------------------------------------------------------------


def test_running_status_and_note_on_of_velocity_0_as_note_off(read):
    body = bytes([0, 0x90, 40, 100, 0x83, 0x60, 40, 0, 0, 43, 90, 0x83, 0x60, 43, 0])
    body += bytes([0, 0xFF, 0x2F, 0])
    data = smf(b"MTrk" + len(body).to_bytes(4, "big") + body, kind=0)
    assert [(n.pitch, n.velocity, n.onset, n.offset) for n in read(data).notes] == [
        (40, 100, 0.0, 0.5),
        (43, 90, 0.5, 1.0),
    ]


def test_format_0_and_1_say_the_same(read):
    timing = [(0, tempo(90)), (480, tempo(45))]
    guitar = [*notes_of((40, 0, 480), (43, 600, 960)), (960, cc(55, 127))]
    merged = sorted([*timing, *guitar], key=lambda event: event[0])
    assert read(smf(track(*merged), kind=0)) == read(smf(track(*timing), track(*guitar)))


@pytest.mark.parametrize("where", [0, 1, 2])
def test_tempo_changes_on_any_track_add_up_in_closed_form(read, where):
    """120 bpm for 1 beat, 60 for 2, 240 for 4: 0.5 + 2 + 1 s; pretty_midi obeys track 0 only."""
    tracks = [[], notes_of((40, 480, 960), (43, 1440, 3360), (45, 3360, 3600)), []]
    changes = [(480, tempo(60)), (1440, tempo(240))]
    tracks[where] = sorted([*tracks[where], *changes], key=lambda event: event[0])
    expected = [(40, 0.5, 1.5), (43, 2.5, 3.5), (45, 3.5, 3.625)]
    assert spans(read(smf(*(track(*events) for events in tracks)))) == expected


def test_last_of_several_tempi_on_one_tick_counts(read):
    timing = track((0, tempo(200)), (0, tempo(60)), (480, tempo(30)), (480, tempo(120)))
    assert spans(read(smf(timing, track(*notes_of((40, 480, 960)))))) == [(40, 1.0, 1.5)]


def test_an_hour_at_19200_ticks_a_beat_is_read(read):
    """Recorders write such files; pretty_midi calls them corrupt from 1e7 ticks on."""
    hour = 19200 * 2 * 3600
    data = smf(track(*notes_of((40, 0, 19200), (43, hour, hour + 9600))), division=19200)
    assert spans(read(data)) == [(40, 0, 0.5), (43, 3600, 3600.25)]


def test_controllers_of_the_guitars_channel_count_on_every_track(read):
    data = smf(track((0, cc(55, 127, 3))), track(*notes_of((40, 0, SECOND), channel=3)))
    assert read(data).controllers == {55: ((0.0, 127),)}


def test_of_several_values_at_one_instant_the_last_counts(read):
    data = smf(track((0, cc(55, 127)), (0, cc(55, 3)), (0, cc(1, 9)), *notes_of((40, 0, SECOND))))
    assert read(data).controllers == {1: ((0.0, 9),), 55: ((0.0, 3),)}


def test_suffix_in_capitals_reads_alike(read):
    data = smf(track(*notes_of((40, 0, SECOND))))
    assert read(data, "take.MID") == read(data, "take.mid")


def test_program_changes_do_not_split_the_guitar(read):
    """A take that switches from clean (27) to muted (28) is still one guitar."""
    events = [(0, [0xC0, 27]), *notes_of((40, 0, 480)), (480, [0xC0, 28])]
    data = smf(track(*events, *notes_of((43, 480, 960))))
    assert spans(read(data)) == [(40, 0, 0.5), (43, 0.5, 1.0)]


@st.composite
def ordinary_files(draw):
    """Monophonic format 1 files within everything that pretty_midi keeps."""
    steps = st.lists(st.integers(1, 900), min_size=1, max_size=8)
    changes = itertools.accumulate(draw(steps))
    timing = [(0, tempo(120))] + [(t, tempo(draw(st.integers(40, 240)))) for t in changes]
    now, guitar = 0, []
    for pitch in draw(st.lists(st.integers(28, 88), min_size=1, max_size=12)):
        start = now + draw(st.integers(0, 300))
        now = start + draw(st.integers(1, 900))
        guitar += [(start, on(pitch, draw(st.integers(1, 127)))), (now, off(pitch))]
        guitar += [(now, cc(draw(st.sampled_from([1, 11, 55])), draw(st.integers(0, 127))))]
    return smf(track(*timing), track(*guitar), division=draw(st.sampled_from([96, 480, 960])))


@settings(deadline=None, max_examples=60)
@given(data=ordinary_files())
def test_agrees_with_pretty_midi_on_ordinary_files(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("midi") / "take.mid"
    path.write_bytes(data)
    ours, theirs = Performance.from_midi(path), pretty_midi.PrettyMIDI(str(path)).instruments[0]
    assert [(n.pitch, n.velocity) for n in ours.notes] == [
        (n.pitch, n.velocity) for n in theirs.notes
    ]
    np.testing.assert_allclose(
        [(n.onset, n.offset) for n in ours.notes],
        [(n.start, n.end) for n in theirs.notes],
        atol=1e-9,
    )
    for number, events in ours.controllers.items():
        kept = {c.time: c.value for c in theirs.control_changes if c.number == number}
        np.testing.assert_allclose(events, list(kept.items()), atol=1e-9)


# Sustain pedal -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pedal", "offsets"),
    [
        ([], [1.0, 3.0]),
        ([(0, 127), (1440, 0)], [1.5, 3.0]),  # up at 1.5 s, in the rest
        ([(0, 127), (2400, 0)], [2.0, 3.0]),  # up at 2.5 s, but the next note takes the string
        ([(480, 64), (1440, 63)], [1.5, 3.0]),  # half and just below half
        ([(960, 127), (1440, 0)], [1.5, 3.0]),  # down with the note-off, before it in the file
        ([(1200, 127), (1440, 0)], [1.0, 3.0]),  # down too late
        ([(0, 127), (960, 0)], [1.0, 3.0]),  # up with the note-off
        ([(2400, 127), (3840, 0)], [1.0, 4.0]),
    ],
)
def test_pedal_holds_a_note_until_it_comes_up_or_the_next_note_begins(read, pedal, offsets):
    events = [(tick, cc(64, value)) for tick, value in pedal]
    events += notes_of((40, 0, SECOND), (43, 2 * SECOND, 3 * SECOND))
    played = read(smf(track(*sorted(events, key=lambda event: event[0]))))
    assert [n.offset for n in played.notes] == offsets
    assert 64 not in played.controllers


def test_pedal_excuses_no_keys_held_together(read):
    data = smf(track((0, cc(64, 127)), *notes_of((40, 0, 2 * SECOND), (43, SECOND, 2 * SECOND))))
    with pytest.raises(OverlapError):
        read(data)


def test_pedal_that_stays_down_rings_to_the_end_of_the_track_and_is_told(read):
    data = smf(track((0, cc(64, 127)), *notes_of((40, 0, SECOND)), (2 * SECOND, cc(1, 0))))
    with pytest.warns(UserWarning, match=r"take.mid: .*pedal that never comes up: 1"):
        assert spans(read(data)) == [(40, 0, 2.0)]


@pytest.mark.parametrize(
    ("number", "plain", "pedalled"), [(120, 0.5, 0.5), (123, 0.5, 1.5), (121, 1.0, 1.0)]
)
def test_channel_mode_messages_end_notes_as_in_a_synthesizer(read, number, plain, pedalled):
    """All sound off (120) ends a note, all notes off (123) too unless the pedal is down; reset
    controllers (121) only lifts the pedal."""
    events = [(0, on(40)), (480, cc(number, 0)), (960, off(40))]
    assert spans(read(smf(track(*events)))) == [(40, 0, plain)]
    events = [(0, cc(64, 127)), *events, (1440, cc(64, 0))]
    assert spans(read(smf(track(*events)))) == [(40, 0, pedalled)]


# Pitch bend ----------------------------------------------------------------------------------


def bend_range(semitones, cents=None):
    entry = [cc(101, 0), cc(100, 0), cc(6, semitones)]
    return [(0, message) for message in (entry + [cc(38, cents)] if cents is not None else entry)]


@pytest.mark.parametrize(
    ("before", "semitones"),
    [
        ([], 1.0),  # half of the default, 2
        (bend_range(12), 6.0),
        (bend_range(12, 50), 6.25),
        (bend_range(12, 50) + bend_range(2), 1.0),  # a new range clears the cents
        ([(0, cc(100, 0)), (0, cc(101, 0)), (0, cc(6, 7))], 3.5),  # the order that synths allow
        (bend_range(12) + [(0, cc(101, 127)), (0, cc(100, 127))], 6.0),  # RPN null closes
    ],
)
def test_bend_in_semitones_follows_the_range_of_rpn_0(read, before, semitones):
    wheels = [(240, wheel(4096)), (480, wheel(-8192)), (720, wheel(0))]
    played = read(smf(track(*before, *wheels, *[(960, on(40)), (1920, off(40))])))
    assert played.bend == ((0.25, semitones), (0.5, -2 * semitones), (0.75, 0.0))
    assert played.controllers == {}


@pytest.mark.parametrize(
    "other",
    [
        [cc(99, 0), cc(98, 0), cc(6, 12)],  # NRPN 0
        [cc(101, 0), cc(100, 0), cc(98, 0), cc(99, 0), cc(6, 12)],  # NRPN 0 instead of RPN 0
        [cc(101, 0), cc(100, 2), cc(6, 70)],  # coarse tuning
        [cc(101, 0), cc(100, 0), cc(101, 127), cc(100, 127), cc(6, 12)],  # after null
        [cc(6, 12), cc(101, 0), cc(100, 0)],  # data before its parameter
    ],
)
def test_data_entries_of_other_parameters_leave_the_range_and_are_told(read, other):
    events = [(0, message) for message in other] + [(0, wheel(4096))]
    with pytest.warns(UserWarning, match=r"data entries ignored.*: 1"):
        played = read(smf(track(*events, *notes_of((40, 0, SECOND)))))
    assert played.bend == ((0.0, 1.0),)


def test_a_range_that_changes_under_a_bent_wheel_bends_there_and_then(read):
    later = [(480, message) for _, message in bend_range(4)]
    data = smf(track((0, on(40)), (0, wheel(4096)), *later, (960, off(40))))
    assert read(data).bend == ((0.0, 1.0), (0.5, 2.0))


def test_pressure_is_told_not_swallowed(read):
    with pytest.warns(UserWarning, match="pressure messages that no control listens to: 2"):
        read(smf(track((0, on(40)), (10, [0xD0, 90]), (20, [0xA0, 40, 90]), (960, off(40)))))


# One note at a time --------------------------------------------------------------------------


def test_an_overlap_of_up_to_30_ms_is_trimmed_and_told(read):
    data = smf(track(*notes_of((40, 0, 1030), (43, 1000, 2000))), division=500)  # 1 tick = 1 ms
    with pytest.warns(UserWarning) as caught:
        played = read(data)
    assert spans(played) == [(40, 0, 1.0), (43, 1.0, 2.0)]
    (line,) = played.warnings
    assert line == str(caught[0].message)
    assert line == (
        "take.mid: overlaps trimmed: 1, by up to 30 ms, the first in bar 1 at 1.00 s (E2 into G2)"
    )


def test_an_overlap_of_31_ms_is_an_error_that_says_where(read):
    data = smf(track(*notes_of((40, 4000, 5031), (43, 5000, 6000))), division=500)
    with pytest.raises(OverlapError) as caught:
        read(data)
    assert str(caught.value) == (
        "take.mid, bar 3, 5.00 s: E2 is held 31 ms into G2; this instrument plays one note at a "
        'time. Shorten E2, or let the later note win: overlaps="last".'
    )


def test_bars_follow_the_time_signatures(read):
    """Two bars of 3/4, one of 6/8, then 4/4: beats 0, 3, 6, 9, 13; the overlap is in bar 5."""
    beat = 480
    timing = [(0, signature(3, 2)), (6 * beat, signature(6, 3)), (9 * beat, signature(4, 2))]
    clash = notes_of((40, 12 * beat, 14 * beat), (43, 13 * beat, 14 * beat))
    with pytest.raises(OverlapError, match=r"bar 5, 6\.50 s"):
        read(smf(track(*timing), track(*clash)))


def test_the_last_note_wins_if_asked(read):
    """A string that was taken away does not come back when the shorter note ends."""
    data = smf(track(*notes_of((40, 0, 4 * SECOND), (43, SECOND, 2 * SECOND), (45, 2880, 3360))))
    with pytest.raises(OverlapError, match=r"E2 is held 3000 ms into G2; "):
        read(data)
    with pytest.warns(UserWarning, match="by up to 3000 ms"):
        played = read(data, overlaps="last")
    assert spans(played) == [(40, 0, 1.0), (43, 1.0, 2.0), (45, 3.0, 3.5)]


def test_two_notes_at_one_instant_are_an_overlap_however_short(read):
    data = smf(track(*notes_of((40, 0, 10), (47, 0, 10), (40, SECOND, 1000))))
    with pytest.raises(
        OverlapError, match=r"bar 1, 0\.00 s: E2 and B2 begin together; .* Keep one"
    ):
        read(data)
    with pytest.warns(UserWarning):
        assert [n.pitch for n in read(data, overlaps="last").notes] == [47, 40]


def test_overlapping_notes_of_one_pitch_keep_their_own_ends(read):
    """First in, first out; pretty_midi would end both with the first note-off."""
    with pytest.warns(UserWarning, match="by up to 21 ms"):
        played = read(smf(track(*notes_of((40, 0, 980), (40, 960, 2 * SECOND)))))
    assert spans(played) == [(40, 0, 1.0), (40, 1.0, 2.0)]


def test_a_repeated_note_may_restart_before_its_note_off_in_the_same_tick(read):
    data = smf(track((0, on(40)), (480, on(40)), (480, off(40)), (960, off(40))))
    assert spans(read(data)) == [(40, 0, 0.5), (40, 0.5, 1.0)]


def test_notes_of_no_length_are_left_out_and_told(read):
    data = smf(track(*notes_of((40, 0, SECOND)), (1000, on(43)), (1000, off(43))))
    with pytest.warns(UserWarning, match="notes of no length left out: 1"):
        assert spans(read(data)) == [(40, 0, 1.0)]


def test_a_note_without_note_off_ends_at_the_next_note_or_the_end_of_the_track(read):
    data = smf(track((0, on(40)), (480, on(43)), (960, cc(1, 5))))
    with pytest.warns(UserWarning, match="notes without note-off.*: 2"):
        assert spans(read(data)) == [(40, 0, 0.5), (43, 0.5, 1.0)]


def test_overlaps_has_two_values(read):
    with pytest.raises(ValueError, match="'first'"):
        read(smf(track(*notes_of((40, 0, SECOND)))), overlaps="first")


# Bad input -----------------------------------------------------------------------------------

GOOD = smf(track(*notes_of((40, 0, SECOND))))
BAD_FILES = {
    "empty": (b"", NotMidiError, "is empty"),
    "text": (b"dear diary\nnothing\n", NotMidiError, "does not begin with MThd"),
    "wave": (b"RIFF\x24\0\0\0WAVEfmt ", NotMidiError, "does not begin with MThd"),
    "only a header": (GOOD[:14], NotMidiError, "cut short"),
    "half a file": (GOOD[:-9], NotMidiError, "cut short"),
    "a data byte of 200": (smf(track((0, [0x90, 40, 200]))), NotMidiError, "is damaged"),
    "running status of nothing": (smf(track((0, [40, 100]))), NotMidiError, "is damaged"),
    "eleven flats": (smf(track((0, [0xFF, 0x59, 2, 0xF5, 0]))), NotMidiError, "is damaged"),
    "format 2": (smf(track(*notes_of((40, 0, 9))), kind=2), NotMidiError, "format 2"),
    "film frames": (smf(track(*notes_of((40, 0, 9))), division=-6360), NotMidiError, "film"),
    "no resolution": (smf(track(*notes_of((40, 0, 9))), division=0), NotMidiError, "frames"),
    "a tick of days": (smf(track(*notes_of((40, 10**9, 10**9 + 9)))), NotMidiError, "289 hours"),
    "a note of days": (smf(track((0, on(40)), (10**9, cc(1, 1)))), NotMidiError, "289 hours"),
    "no tracks": (smf(), NoNotesError, "no notes"),
    "no notes": (smf(track((0, cc(55, 127)))), NoNotesError, "no notes"),
    "only silent notes": (smf(track((0, on(40, 0)))), NoNotesError, "no notes"),
    "two tracks": (
        smf(track((0, [0xFF, 3, 3, *b"Gtr"]), *notes_of((40, 0, 9))), track(*notes_of((28, 0, 9)))),
        SeveralInstrumentsError,
        "2 instruments: track 1 'Gtr' (channel 1, 1 notes), track 2 (channel 1, 1 notes)",
    ),
    "two channels": (
        smf(track(*notes_of((40, 0, 9)), *notes_of((28, 9, 18), channel=1)), kind=0),
        SeveralInstrumentsError,
        "channel 2",
    ),
    "a string a channel": (
        smf(
            track(
                *(event for c in range(6) for event in notes_of((40, 9 * c, 9 * c + 9), channel=c))
            )
        ),
        SeveralInstrumentsError,
        "and 2 more",
    ),
    "drums": (smf(track(*notes_of((36, 0, 9), channel=9))), DrumsError, "no pitch"),
    "guitar and drums": (
        smf(track(*notes_of((40, 0, 9))), track(*notes_of((36, 0, 9), channel=9))),
        SeveralInstrumentsError,
        "(drums, 1 notes)",
    ),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_named_in_one_line(read, tmp_path, kind):
    data, error, says = BAD_FILES[kind]
    with pytest.raises(error) as caught:
        read(data)
    message = str(caught.value)
    assert says in message
    assert message.startswith(str(tmp_path / "take.mid"))
    assert "\n" not in message


def test_only_notes_of_no_length_are_no_notes(read):
    with pytest.warns(UserWarning), pytest.raises(NoNotesError, match="no length"):
        read(smf(track((0, on(40)), (0, off(40)))))


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(NotMidiError, match=r"riff\.mid: no such file"):
        Performance.from_midi(tmp_path / "riff.mid")
    with pytest.raises(NotMidiError, match="is a folder"):
        Performance.from_midi(str(tmp_path))


def test_a_file_cut_at_any_byte_is_told_as_such(read):
    whole = (EXAMPLES / "test_midi_longer_open_closed.mid").read_bytes()
    for length in range(len(whole)):
        with pytest.raises(NotMidiError):
            read(whole[:length])


@settings(deadline=None, max_examples=400)
@given(data=st.data())
def test_damaged_bytes_give_a_performance_or_one_line(data, tmp_path_factory):
    whole = bytearray((EXAMPLES / "test_midi_longer_open_closed.mid").read_bytes())
    places = st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), min_size=1)
    for place, value in data.draw(places):
        whole[place] = value
    path = tmp_path_factory.getbasetemp() / "damaged.mid"
    path.write_bytes(whole)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            assert Performance.from_midi(path).duration > 0
        except NmsynthError as error:
            assert "\n" not in str(error)


def test_controllers_of_other_channels_are_told(read):
    data = smf(track((0, cc(55, 127, 4)), *notes_of((40, 0, SECOND))))
    with pytest.warns(UserWarning, match="channel 5 ignored: the notes are on 1"):
        assert read(data).controllers == {}


# A performance checks itself -----------------------------------------------------------------

E2 = Note(40, 100, 0.0, 1.0)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"notes": [(128, 100, 0, 1)]}, "pitch is 128"),
        ({"notes": [(-1, 100, 0, 1)]}, "pitch is -1"),
        ({"notes": [(40.5, 100, 0, 1)]}, "pitch is 40.5"),
        ({"notes": [(40, 0, 0, 1)]}, "velocity is 0"),
        ({"notes": [(40, 128, 0, 1)]}, "velocity is 128"),
        ({"notes": [(40, 100, -0.1, 1)]}, "begin at 0 or later"),
        ({"notes": [(40, 100, 1, 1)]}, "end after"),
        ({"notes": [(40, 100, 0, float("nan"))]}, "end after"),
        ({"notes": [(40, 100, 0, float("inf"))]}, "end after"),
        ({"notes": [E2], "cc": {55: 128}}, "CC55 at 0.0 s is 128"),
        ({"notes": [E2], "cc": {55: [(0, 5), (0.5, -1)]}}, "CC55 at 0.5 s is -1"),
        ({"notes": [E2], "cc": {55: [(-1, 5)]}}, "CC55: an event at -1"),
        ({"notes": [E2], "cc": {55: "loud"}}, "CC55 at 0.0 s is loud"),
        ({"notes": [E2], "cc": {200: 5}}, "controller number is 200"),
        ({"notes": [E2], "cc": {64: 127}}, "CC64 is not a style controller"),
        ({"notes": [E2], "bend": [(0, 128)]}, "bend at 0.0 s is 128"),
        ({"notes": [E2], "bend": [(0, float("nan"))]}, "bend at 0.0 s is nan"),
    ],
)
def test_values_that_midi_does_not_have_are_refused(wrong, says):
    with pytest.raises(ControlRangeError) as caught:
        Performance.from_notes(**wrong, name="riff")
    assert str(caught.value).startswith("riff")
    assert says in str(caught.value)


def test_a_performance_is_sorted_and_never_overlaps():
    later = Note(43, 90, 1.0, 2.0)
    assert Performance.from_notes([later, E2]).notes == (E2, later)
    with pytest.raises(OverlapError, match=r"0\.80 s: E2 is held 200 ms into G2"):
        Performance.from_notes([E2, Note(43, 90, 0.8, 2.0)])
    with pytest.raises(NoNotesError):
        Performance.from_notes([])


def test_float_noise_is_no_overlap():
    notes = Performance.from_notes([(40, 100, 0, 0.1 + 0.2), (43, 100, 0.3, 0.4)]).notes
    assert notes[0].offset == notes[1].onset


def test_numpy_numbers_become_plain_ones():
    numbers = (np.int64(40), np.float32(100), np.float64(0), np.float32(1))
    played = Performance.from_notes([numbers], cc={np.int64(55): np.uint8(3)})
    assert type(played.notes[0].pitch) is type(played.notes[0].velocity) is int
    assert played.controllers == {55: ((0.0, 3),)}


# Changing a performance ----------------------------------------------------------------------

RIFF = Performance.from_notes(
    [(40, 100, 0.0, 1.0), (43, 60, 1.0, 1.5), (47, 30, 2.0, 3.0)],
    cc={55: [(0.0, 127), (1.2, 0)], 1: 9},
    bend=[(0.5, 1.0), (2.5, -1.0)],
    name="riff",
)


def test_with_cc_replaces_one_controller():
    assert RIFF.with_cc(55, 64).controllers == {1: ((0.0, 9),), 55: ((0.0, 64),)}
    assert RIFF.with_cc(2, [(1, 5), (0, 3)]).controllers[2] == ((0.0, 3), (1.0, 5))
    assert RIFF.controllers[55] == ((0.0, 127), (1.2, 0))


def test_transposed_moves_pitches_only():
    up = RIFF.transposed(12)
    assert [n.pitch for n in up.notes] == [52, 55, 59]
    assert up.transposed(-12) == RIFF
    with pytest.raises(ControlRangeError, match="pitch is 130"):
        RIFF.transposed(90)
    with pytest.raises(ControlRangeError, match=r"not 0\.5"):
        RIFF.transposed(0.5)


def test_with_velocity_evens_out():
    assert {n.velocity for n in RIFF.with_velocity(77).notes} == {77}
    with pytest.raises(ControlRangeError, match="velocity is 0"):
        RIFF.with_velocity(0)


@pytest.mark.parametrize(
    ("scale", "offsets"), [(0.5, [0.5, 1.25, 2.5]), (1, [1, 1.5, 3]), (10, [1, 2, 12])]
)
def test_note_lengths_scale_until_the_next_note_begins(scale, offsets):
    played = RIFF.with_note_lengths(scale)
    assert [n.offset for n in played.notes] == offsets
    assert [n.onset for n in played.notes] == [n.onset for n in RIFF.notes]
    with pytest.raises(ControlRangeError):
        RIFF.with_note_lengths(0)


def test_between_cuts_a_window_and_keeps_what_is_in_force():
    window = RIFF.between(0.75, 2.25)
    assert spans(window) == [(40, 0, 0.25), (43, 0.25, 0.75), (47, 1.25, 1.5)]
    assert window.controllers == {1: ((0.0, 9),), 55: ((0.0, 127), (pytest.approx(0.45), 0))}
    assert window.bend == ((0.0, 1.0),)
    assert RIFF.between(0, RIFF.duration) == RIFF
    with pytest.raises(NoNotesError, match=r"1\.60 to 1\.90"):
        RIFF.between(1.6, 1.9)
    with pytest.raises(ControlRangeError):
        RIFF.between(2, 1)


@given(start=st.floats(0, 2.9), length=st.floats(0.01, 4), data=st.data())
def test_a_window_holds_what_the_whole_holds(start, length, data):
    end = start + length
    if not any(n.offset > start + 1e-6 and n.onset < end - 1e-6 for n in RIFF.notes):
        return
    window = RIFF.between(start, end)
    events = [t for series in [*RIFF.controllers.values(), RIFF.bend] for t, _ in series]
    times = np.array(data.draw(st.lists(st.floats(start, end, exclude_max=True), min_size=1)))
    times = times[[np.min(np.abs(np.subtract(events, t))) > 1e-9 for t in times]]
    for number in (1, 55):
        whole = held(RIFF.controllers[number], times, 0)
        part = held(window.controllers[number], times - start, 0)
        np.testing.assert_array_equal(whole, part)
    whole = held(RIFF.bend, times, 0)
    np.testing.assert_array_equal(whole, held(window.bend, times - start, 0))


# Values in force -----------------------------------------------------------------------------


@given(
    events=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 127)), unique_by=lambda e: e[0]),
    times=st.lists(st.integers(-2, 22), min_size=1),
)
def test_held_is_the_last_event_at_or_before(events, times):
    """At a frame that float arithmetic puts a hair early, too: see the 5,000 notes below."""
    events = sorted(events)
    expected = [next((v for t, v in reversed(events) if t <= now), 7) for now in times]
    np.testing.assert_array_equal(held(events, np.array(times), default=7), expected)


def test_pitch_is_held_through_rests_and_bends():
    times = np.array([0, 0.49, 0.5, 0.99, 1.0, 1.7, 2.0, 2.5, 9.0])
    expected = [40, 40, 41, 41, 44, 44, 48, 46, 46]
    np.testing.assert_array_equal(held_pitch(RIFF, times), expected)
    late = Performance.from_notes([(52, 100, 5.0, 6.0)])
    assert held_pitch(late, np.array([0.0, 5.5])).tolist() == [52, 52]


def test_the_whole_of_a_long_performance_is_looked_up_at_once():
    notes = [Note(40 + i % 37, 100, i * 0.2, i * 0.2 + 0.15) for i in range(5000)]
    played = Performance.from_notes(notes, cc={55: [(i * 0.2, i % 128) for i in range(5000)]})
    times = np.arange(0, 1000, 1 / 250)
    start = time.process_time()
    pitch, openness = held_pitch(played, times), held(played.controllers[55], times, 0)
    assert time.process_time() - start < 1.0  # takes 20 ms
    steps = np.floor(times / 0.2 + 1e-6).astype(int)
    np.testing.assert_array_equal(pitch, 40 + steps % 37)
    np.testing.assert_array_equal(openness, steps % 128)


# Writing -------------------------------------------------------------------------------------


@st.composite
def performances(draw):
    """Up to 30 notes of 1 ms and more, with controllers and bends at any time."""
    moment = st.floats(0, 120)
    now, notes = 0.0, []
    for pitch in draw(st.lists(st.integers(0, 127), min_size=1, max_size=30)):
        onset = now + draw(st.floats(0, 5))
        now = onset + draw(st.floats(0.001, 5))
        notes.append((pitch, draw(st.integers(1, 127)), onset, now))
    values = st.lists(st.tuples(moment, st.integers(0, 127)), max_size=10)
    cc = draw(st.dictionaries(st.sampled_from([0, 1, 7, 11, 55, 65, 119]), values, max_size=4))
    bend = draw(st.lists(st.tuples(moment, st.floats(-30, 30)), max_size=10))
    return Performance.from_notes(notes, cc={n: v for n, v in cc.items() if v}, bend=bend)


def assert_same_steps(read_back, given, value_error):
    """Steps that fall on one tick may have become one; the rest keep time and value."""
    times = [t for t, _ in given]
    apart = [e for e, later in zip(given, [*times[1:], 1e9], strict=False) if later - e[0] > 3e-4]
    found = np.array(read_back).reshape(-1, 2)
    for when, value in apart:
        nearest = found[np.argmin(np.abs(found[:, 0] - when))]
        assert abs(nearest[0] - when) < 1e-4
        assert abs(nearest[1] - value) <= value_error


@settings(deadline=None, max_examples=60)
@given(given_=performances())
def test_a_written_performance_reads_back_the_same(given_, tmp_path_factory):
    path = tmp_path_factory.mktemp("midi") / "take.mid"
    given_.write_midi(path)
    back = Performance.from_midi(path)
    assert [(n.pitch, n.velocity) for n in back.notes] == [
        (n.pitch, n.velocity) for n in given_.notes
    ]
    ours, theirs = ([(n.onset, n.offset) for n in p.notes] for p in (given_, back))
    np.testing.assert_allclose(theirs, ours, atol=1e-4)
    assert back.controllers.keys() == given_.controllers.keys()
    for number, steps in given_.controllers.items():
        assert_same_steps(back.controllers[number], steps, 0)
    largest = max((abs(b) for _, b in given_.bend), default=0)
    assert_same_steps(back.bend, given_.bend, max(2, np.ceil(largest)) / 8191)
    assert back.warnings == ()


def test_what_was_written_is_not_written_differently_again(tmp_path):
    RIFF.write_midi(tmp_path / "riff.mid")
    once = Performance.from_midi(tmp_path / "riff.mid")
    once.write_midi(tmp_path / "again.mid")
    assert (tmp_path / "again.mid").read_bytes() == (tmp_path / "riff.mid").read_bytes()


def test_pretty_midi_reads_what_was_written(tmp_path):
    RIFF.write_midi(tmp_path / "riff.mid")
    song = pretty_midi.PrettyMIDI(str(tmp_path / "riff.mid"))
    assert song.get_tempo_changes()[1].tolist() == [120.0]
    (guitar,) = song.instruments
    assert (guitar.name, guitar.program) == ("riff", 27)
    ours = [(n.pitch, n.velocity, n.onset, n.offset) for n in RIFF.notes]
    theirs = [(n.pitch, n.velocity, n.start, n.end) for n in guitar.notes]
    np.testing.assert_allclose(theirs, ours, atol=1e-9)


@pytest.mark.parametrize(("minutes", "tolerance"), [(12, 1e-4), (30, 5e-4), (120, 6e-4)])
def test_long_takes_stay_readable_elsewhere(tmp_path, minutes, tolerance):
    """Exact to a tick at the end, too, and within the 1e7 ticks that pretty_midi allows."""
    end = 60 * minutes + 0.12345
    Performance.from_notes([(40, 99, 0, 1), (43, 99, end - 1, end)]).write_midi(tmp_path / "l.mid")
    assert Performance.from_midi(tmp_path / "l.mid").duration == pytest.approx(end, abs=tolerance)
    assert pretty_midi.PrettyMIDI(str(tmp_path / "l.mid")).get_end_time() == pytest.approx(
        end, abs=tolerance
    )


@pytest.mark.parametrize(("largest", "entries"), [(2.0, []), (2.01, [3]), (12, [12]), (30.5, [31])])
def test_a_bend_beyond_2_semitones_brings_its_range_in_the_right_order(tmp_path, largest, entries):
    path = tmp_path / "bend.mid"
    Performance.from_notes([E2], bend=[(0, -largest), (0.5, 0)]).write_midi(path)
    messages = [m for m in mido.MidiFile(path).tracks[1] if not m.is_meta]
    sequence = [(m.control, m.value) for m in messages if m.type == "control_change"]
    assert sequence == [p for n in entries for p in ((101, 0), (100, 0), (6, n), (38, 0))]
    kinds = [m.type for m in messages]
    assert kinds.index("pitchwheel") > max(
        (i for i, kind in enumerate(kinds) if kind == "control_change"), default=0
    )


def test_names_that_midi_can_not_spell_are_no_obstacle(tmp_path):
    played = Performance.from_notes([E2], name="Гитара 🎸")
    played.write_midi(tmp_path / "гитара.mid")
    assert Performance.from_midi(tmp_path / "гитара.mid").name == "гитара"


def test_nothing_half_written_is_left(tmp_path):
    with pytest.raises(OutputError, match="not written"):
        RIFF.write_midi(tmp_path / "missing" / "riff.mid")
    (tmp_path / "folder.mid").mkdir()
    with pytest.raises(OutputError):
        RIFF.write_midi(tmp_path / "folder.mid")
    assert [p.name for p in tmp_path.iterdir()] == ["folder.mid"]


def test_importing_a_performance_stays_cheap():
    heavy = "{'tensorflow', 'librosa', 'matplotlib', 'pretty_midi', 'mido', 'scipy'}"
    code = f"import sys, nmsynth_lib.performance; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
