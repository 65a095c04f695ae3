"""Player, mixer and compare without a browser: what goes to the page is the sound, all of it.

The instrument is the shipped `string`. What the page makes of it is in `test_browser_players.py`.
"""

import re

import numpy as np
import pytest
from page_sounds import displayed, html_of, played_in

from nmsynth_lib.errors import AudioFileError, SettingError
from nmsynth_lib.instrument import shared_instrument
from nmsynth_lib.loudness import a_weighted_level_db
from nmsynth_lib.partial_stems import partial_groups, render_partials
from nmsynth_lib.performance import Note, Performance, midi_to_hz
from nmsynth_lib.phrases import RIFF, phrases, varied
from nmsynth_lib.widgets import Compare, Mixer, Player, compare, mixer, player
from nmsynth_lib.widgets.mixer_widget import part_gains

RATE = 16000
STEP = 1 / 32767  # of 16 bits
A2 = Performance.from_notes([Note(45, 90, 0.1, 2.1)], {55: 127}, name="A2")


def tone(hz, level, seconds=1.0):
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype("f4")


def ratio_db(error, truth):
    return 10 * np.log10(np.square(error).mean() / np.square(truth).mean())


@pytest.fixture(scope="module")
def guitar():
    return shared_instrument("string")


@pytest.fixture(scope="module")
def mixed():
    """What a notebook's cell gives, of a phrase with several notes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nmsynth_lib.widgets.mixer_widget.in_notebook", lambda: True)
        return mixer(A2, "string")


# --- Player ---------------------------------------------------------------------------------------


def test_player_has_every_sound_at_its_own_level():
    loud, quiet = tone(220, 0.9), tone(330, 0.003)
    one = Player(loud, quiet, labels=["loud", "quiet"])
    for label, sound in {"loud": loud, "quiet": quiet}.items():
        assert np.abs(one.sounds[label] - sound).max() <= STEP / 2 + 1e-7


def test_show_exchanges_what_is_heard_or_named_and_adds_what_is_new():
    first, second, third = (tone(hz, 0.5) for hz in (220, 330, 440))
    one = Player(first, second, labels=["a", "b"])
    one.heard = "B"
    one.show(third)
    assert list(one.sounds) == ["a", "b"] and one.heard == "B"
    assert np.abs(one.sounds["b"] - third).max() < STEP
    one.show(second, "a")
    assert one.heard == "A" and np.abs(one.sounds["a"] - second).max() < STEP
    for number in range(3):
        one.show(first, f"new {number}")
    assert list(one.sounds) == ["a", "b", "new 0", "new 1", "new 2"] and one.heard == "E"
    with pytest.raises(AudioFileError, match="'sixth' would be take 6; it holds 5"):
        one.show(first, "sixth")


@pytest.mark.parametrize(
    ("sounds", "labels", "says"),
    [
        ([], None, "player: 0 sounds; give 1 to 5"),
        ([tone(220, 0.1)] * 6, None, "player: 6 sounds; give 1 to 5"),
        ([tone(220, 0.1)] * 2, ["one"], "2 sounds but 1 labels"),
        ([tone(220, 0.1)] * 2, ["x", "x"], "two sounds are labelled 'x'"),
        ([tone(220, 1.5)], ["hot"], "'hot' peaks at 1.50 of full scale and would clip"),
        ([np.zeros((2, 9))], ["wide"], r"'wide' has shape \(2, 9\)"),
        ([np.array([0.1, np.nan])], ["odd"], "'odd' peaks at nan"),
    ],
)
def test_player_refuses_what_cannot_be_played_as_it_is(sounds, labels, says):
    with pytest.raises(AudioFileError, match=says):
        player(*sounds, labels=labels)


def test_pages_without_widgets_play_the_same_sounds(monkeypatch, mixed):
    sounds = {"loud": tone(220, 0.9), "quiet": tone(330, 0.01)}
    shown = displayed(monkeypatch)
    player(*sounds.values(), labels=list(sounds), fallback=True)
    compare(sounds, matched=False)  # no notebook here
    pages = [html_of(Player(*sounds.values(), labels=list(sounds))), *map(html_of, shown)]
    assert len(pages) == 3
    for page in pages:
        assert re.findall(r"<figcaption>([^<]+)", page) == list(sounds)
        for found, sound in zip(played_in(page), sounds.values(), strict=True):
            assert np.abs(found - sound).max() < 3 * STEP
    together, *stems = played_in(html_of(mixed))
    assert len(stems) == 3
    assert np.abs(sum(stems) - together).max() < 4 * STEP


# --- Mixer ----------------------------------------------------------------------------------------


def test_all_parts_together_are_the_render(guitar, mixed, record_property):
    """As they go to the page, rounded: within -80 dB of what `render` gives."""
    n_samples = len(mixed.audio) - round(0.02 * RATE)  # the loop's end is faded
    whole = guitar.render(A2, tail=1.0)[:n_samples]
    error = mixed.audio[:n_samples] - whole
    record_property("parts_against_render_db", round(ratio_db(error, whole), 1))
    assert ratio_db(error, whole) < -80


def test_partials_sum_to_the_harmonic_stem_of_a_riff(guitar):
    """Over many notes and blocks, however they are grouped."""
    riff = phrases()[RIFF]
    stem = guitar.render_stems(riff)["harmonic"]
    n_harmonics = guitar.spec.architecture.n_harmonics
    for singles in (1, 5, n_harmonics):
        groups = partial_groups(n_harmonics, singles)
        assert [k for group in groups.values() for k in group] == [*range(1, n_harmonics + 1)]
    parts = render_partials(guitar, riff, partial_groups(n_harmonics, 3))
    assert ratio_db(sum(parts.values()) - stem, stem) < -80


def test_each_partial_is_where_a_string_has_it(mixed):
    """Partial k sounds at k times the fundamental, a little sharp, and nowhere else."""
    alone = {part["label"]: n for n, part in enumerate(mixed.parts)}
    for k in (1, 2, 5, 8):
        mixed.mix = {"soloed": [f"partial {k}"]}
        sound = mixed.audio[4000:20000]
        power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
        hz = np.fft.rfftfreq(len(sound), 1 / RATE)
        middle = np.average(hz, weights=power)
        assert k * midi_to_hz(45) * 0.997 < middle < k * midi_to_hz(45) * 1.02
        near = np.abs(hz - middle) < 20
        assert power[near].sum() > 0.999 * power.sum()
        assert f"partial {k}" in alone
    mixed.mix = {}


def test_what_goes_to_the_page_is_two_bytes_a_sample_and_part(mixed):
    seconds = len(mixed.audio) / RATE
    assert len(mixed.parts) == 12
    assert mixed.n_bytes == 384_000 * seconds


PARTS = [
    {"label": label, "bus": bus}
    for label, bus in [("p1", "harmonic"), ("p2", "harmonic"), ("noise", ""), ("reverb", "")]
]


@pytest.mark.parametrize(
    ("mix", "gains"),
    [
        ({}, [1, 1, 1, 1]),
        ({"muted": ["p1"]}, [0, 1, 1, 1]),
        ({"muted": ["harmonic"]}, [0, 0, 1, 1]),
        ({"soloed": ["p2"]}, [0, 1, 0, 0]),
        ({"soloed": ["harmonic"]}, [1, 1, 0, 0]),
        ({"soloed": ["harmonic", "p2"]}, [0, 1, 0, 0]),
        ({"soloed": ["noise", "p1"]}, [1, 0, 1, 0]),
        ({"soloed": ["noise"], "muted": ["noise"]}, [0, 0, 0, 0]),
        ({"gains": {"harmonic": -20, "p1": 20, "reverb": -40}}, [1, 0.1, 1, 0.01]),
    ],
)
def test_mute_wins_over_solo_and_a_partial_over_its_stem(mix, gains):
    assert part_gains(PARTS, mix) == pytest.approx(gains)


def test_mixer_refuses_parts_that_do_not_fit():
    with pytest.raises(AudioFileError, match=r"mixer: 2 parts of \[8, 9\] samples"):
        Mixer({"noise": np.zeros(8), "reverb": np.zeros(9)})
    with pytest.raises(AudioFileError, match="'noise' holds samples that are not numbers"):
        Mixer({"noise": np.array([0.1, np.inf])})


# --- Compare --------------------------------------------------------------------------------------


@pytest.fixture
def in_a_notebook(monkeypatch):
    monkeypatch.setattr("nmsynth_lib.widgets.compare_widget.in_notebook", lambda: True)


def test_matched_sounds_are_equally_loud_and_the_others_as_they_are():
    sounds = {"low": tone(100, 0.9), "middle": tone(1000, 0.2), "short": tone(1000, 0.05, 0.5)}
    both = Compare(sounds)
    levels = [a_weighted_level_db(one, RATE) for one in both.sounds.values()]
    assert np.ptp(levels) < 0.05
    largest = [max(np.abs(one).max() for one in some.values()) for some in (sounds, both.sounds)]
    assert largest[1] == pytest.approx(largest[0], rel=1e-3)  # nothing clips, nobody is startled
    # The A curve: 19.1 dB less at 100 Hz than at 1 kHz (IEC 61672-1, table 3).
    loudness = {"low": 20 * np.log10(0.9) - 19.1, "middle": -13.98, "short": -26.02}
    for label, level in loudness.items():
        apart = both.gains_db["low"] - both.gains_db[label]
        assert apart == pytest.approx(level - loudness["low"], abs=0.15)
    both.matched = False
    for label, sound in sounds.items():
        assert np.abs(both.sounds[label][: len(sound)] - sound).max() < STEP
        assert not both.sounds[label][len(sound) :].any()


def test_silence_is_left_alone():
    both = Compare({"silence": np.zeros(RATE, "f4"), "tone": tone(440, 0.5)})
    assert set(both.gains_db.values()) == {0.0}


def test_takes_are_instruments_settings_performances_or_sounds(guitar, in_a_notebook):
    low = Performance.from_notes([Note(40, 80, 0.0, 1.0)], {55: 0})
    takes = {
        "loaded": guitar,
        "by name": "string",
        "setting": {"controls": {"openness": 0}, "velocity": 40},
        "copied": '{"instrument": "string", "controls": {"openness": 0}, "velocity": 40}',
        "other notes": low,
    }
    both = compare(takes, A2, matched=False)
    muted = varied(A2, {55: 0}, velocity=40)
    played = {"loaded": A2, "by name": A2, "setting": muted, "copied": muted, "other notes": low}
    for label, performance in played.items():
        rendered = guitar.render(performance, tail=0.1)
        assert np.abs(both.sounds[label][: len(rendered)] - rendered).max() < STEP
    said = {take["label"]: take["words"] for take in both.takes}
    assert said["loaded"].startswith("Open A2") and said["setting"].startswith("Muted A2")
    mixed_in = compare({"sound": tone(220, 0.1), "string": guitar}, A2)
    assert list(mixed_in.sounds) == ["sound", "string"]


@pytest.mark.parametrize(
    ("takes", "error", "says"),
    [
        ({}, AudioFileError, "compare: 0 sounds; give 1 to 6"),
        ({"x": {"controls": {"opennes": 3}}}, SettingError, "no style channel 'opennes'"),
        ({"x": {"velocity": 400}}, SettingError, "velocity is 400"),
    ],
)
def test_compare_says_what_is_wrong(in_a_notebook, takes, error, says):
    with pytest.raises(error, match=says):
        compare(takes, A2)


def test_rates_that_differ_are_refused(guitar, in_a_notebook):
    with pytest.raises(AudioFileError, match="'mine' 44100 Hz, 'string' 16000 Hz"):
        compare({"mine": tone(220, 0.1), "string": guitar}, A2, sample_rate=44100)
