"""The panel: every control moves the sound the right way, from any thread, and errors are shown.

The instrument is the shipped `string`. Moves arrive as the browser sends them, through `set_state`.
"""

import re
import threading

import numpy as np
import pytest
from page_sounds import displayed, html_of, played_in

from nmsynth_lib.instrument import Instrument
from nmsynth_lib.note_measures import note_table
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.phrases import EXAMPLES, RIFF, loop_seconds, phrases, varied
from nmsynth_lib.schema import ControlSpec
from nmsynth_lib.widgets import HearIt, hear_it
from nmsynth_lib.widgets.sounds import one_loop
from nmsynth_lib.widgets.words import heard_in_words, note_sound

LONG_NOTE = Performance.from_notes([Note(45, 90, 0.1, 2.1)], name="A2, 2 s")


@pytest.fixture(scope="module")
def guitar():
    return Instrument.load("string")


@pytest.fixture
def panel(guitar):
    return HearIt([guitar], {"A2": LONG_NOTE, **phrases()})


def move(panel, **settings):
    """What a browser's message does."""
    panel.set_state({**settings, "asked": panel.answered + 1})
    assert panel.problem == ""
    return note_table(panel.audio, 16000, panel.played(), pitch=False)[0]


def test_phrases_are_the_published_examples_and_a_riff():
    menu = phrases()
    assert list(menu) == [*EXAMPLES, RIFF]
    assert [len(menu[label].notes) for label in EXAMPLES] == [2, 12, 12]
    assert all(0.3 <= loop_seconds(one) - one.duration < 0.8 for one in menu.values())


def test_sliders_come_from_the_schema(panel):
    (slider,) = panel.menus["controls"]
    assert slider["label"] == "Openness (CC55)"
    assert (slider["cc"], slider["low"], slider["high"]) == (55, 0, 127)


def test_a_new_style_channel_gets_a_slider_without_code(guitar):
    class WithVibrato:
        spec = guitar.spec.model_copy(
            update={
                "controls": (
                    *guitar.spec.controls,
                    ControlSpec(name="vibrato", source="cc", cc=1, low=0, high=127),
                )
            }
        )
        sample_rate = guitar.sample_rate
        render = staticmethod(guitar.render)

    panel = HearIt([WithVibrato()], {"A2": LONG_NOTE})
    assert [slider["label"] for slider in panel.menus["controls"]][1] == "vibrato (CC1)"
    move(panel, controls={"vibrato": 90})
    assert panel.played().controllers[1] == ((0.0, 90),)


def test_openness_lengthens_the_ring_at_every_step(panel):
    rings = [move(panel, controls={"openness": value}).t20_s for value in (0, 32, 64, 96, 127)]
    assert rings == sorted(rings)
    assert rings[-1] > 3 * rings[0]


def test_velocity_raises_the_level(panel):
    peaks = [move(panel, velocity=value).peak_db for value in (1, 64, 127)]
    assert peaks[0] < peaks[1] - 1 < peaks[2] - 2


def test_note_length_moves_the_end(panel):
    controls = {"openness": 127}
    for percent in (10, 50, 100):
        move(panel, note_length=percent, controls=controls)
        end = round((0.1 + 2.0 * percent / 100) * 16000)
        before = np.square(panel.audio[end - 1600 : end]).mean()
        after = np.square(panel.audio[end + 3200 : end + 4800]).mean()
        assert 10 * np.log10(before / max(after, 1e-12)) > 15


@pytest.mark.parametrize("semitones", [-9, 0, 12])
def test_transposing_moves_the_pitch(panel, semitones):
    panel.set_state({"transpose": semitones, "controls": {"openness": 127}, "asked": 1})
    measured = note_table(panel.audio, 16000, LONG_NOTE.transposed(semitones))[0]
    assert abs(measured.cents) < 15


def test_as_written_is_the_file(panel, guitar):
    panel.set_state({"phrase": RIFF, "controls": {"openness": None}, "asked": 1})
    written = phrases()[RIFF]
    seconds = loop_seconds(written)
    expected = one_loop(guitar.render(written, tail=seconds), seconds, 16000)
    assert np.abs(panel.audio - expected).max() < 2.0 / 32767


def test_a_value_set_in_another_cell_is_heard(panel):
    before = panel.pcm
    panel.controls = {"openness": 3}
    assert panel.pcm != before


def test_loop_joins_its_beginning():
    loud = np.ones(16000, np.float32)
    for seconds in (0.5, 1.0, 1.5):
        loop = one_loop(loud, seconds, 16000)
        assert len(loop) == seconds * 16000
        assert loop[-1] == 0
        assert np.abs(np.diff(loop)).max() < 0.01 or seconds == 1.5  # padded: the sound ended


def test_two_threads_and_a_flood_of_moves_end_at_the_last(guitar, monkeypatch):
    """No move is lost for good, none breaks the sound, and stale ones are not rendered."""
    panel = HearIt([guitar], {"A2": LONG_NOTE})
    renders = []
    sound = panel._sound
    monkeypatch.setattr(panel, "_sound", lambda: renders.append(1) or sound())

    def flood(low):
        for value in range(low, 64, 2):
            panel.set_state({"controls": {"openness": value}, "asked": panel.asked + 1})

    threads = [threading.Thread(target=flood, args=(low,)) for low in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    panel.set_state({"controls": {"openness": 100}, "asked": panel.asked + 1})
    assert panel.problem == ""
    assert panel.answered == panel.asked
    assert panel.heard["settings"]["controls"] == {"openness": 100}
    assert panel.pcm == HearIt._sound(panel)[0]
    assert len(renders) <= 65


def test_errors_are_shown_and_the_old_sound_stays(panel):
    before = panel.pcm
    panel.set_state({"instrument": "nowhere", "asked": 1})
    assert "nowhere: no instrument of that name" in panel.problem
    assert panel.pcm == before
    assert panel.answered == 1
    panel.set_state({"instrument": "string", "asked": 2})
    assert panel.problem == ""
    panel.set_state({"phrase": "Bolero", "asked": 3})
    assert "There is no phrase 'Bolero'. Choose one of" in panel.problem


def test_a_bug_in_an_instrument_is_shown_not_swallowed(guitar):
    class Broken:
        spec, sample_rate = guitar.spec, guitar.sample_rate

        def render(self, music, tail):
            if music.controllers:
                raise ZeroDivisionError("division by zero")
            return guitar.render(music, tail=tail)

    panel = HearIt([Broken()], {"A2": LONG_NOTE})
    panel.set_state({"controls": {"openness": 10}, "asked": 1})
    assert panel.problem == "ZeroDivisionError: division by zero"
    panel.set_state({"controls": {}, "asked": 2})
    assert panel.problem == ""


def test_pitches_outside_the_training_range_are_owned_up_to(panel):
    panel.set_state({"transpose": -12, "asked": 1})
    assert "outside the pitches" in panel.heard["words"][-1]


def ringing_tone(decay_db_per_s, f0=110.0, seconds=2.5, partials=10):
    """Harmonics from 0.1 s on, all losing the same dB a second."""
    t = np.arange(int(seconds * 16000)) / 16000 - 0.1
    harmonics = sum(np.sin(2 * np.pi * f0 * k * t + k) for k in range(1, partials + 1))
    return np.where((t >= 0) & (t < 2), 0.05 * harmonics * 10 ** (-decay_db_per_s * t / 20), 0)


def test_words_tell_the_decay_and_the_brightness():
    """Equal partials 1 to 10 centre on 5.5 times the fundamental; 40 dB/s are 20 dB in 0.5 s."""
    measured = note_sound(ringing_tone(40), LONG_NOTE, LONG_NOTE.notes[0], 16000)
    assert measured.measures.decay_db_per_s == pytest.approx(40, rel=0.02)
    assert measured.centroid_hz == pytest.approx(5.5 * 110, rel=0.02)
    (said,) = heard_in_words(ringing_tone(40), LONG_NOTE, 16000)
    assert said.startswith("Muted A2 (CC55 = 0) dies away: 20 dB down after 0.5")
    (said,) = heard_in_words(ringing_tone(5), varied(LONG_NOTE, {55: 127}), 16000)
    assert said.startswith("Open A2 (CC55 = 127) rings until it is released, losing 5 dB a second")
    assert "bright" in said


def test_pages_without_widgets_get_players(panel):
    """The open string in the plain players rings longer than the muted one."""
    data, _ = panel._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    labels = re.findall(r"<figcaption>([^<]+)", data["text/html"])
    assert labels == ["open string (CC55 = 127)", "palm-muted (CC55 = 0)"]
    sounds = played_in(data["text/html"])
    rings = [note_table(one, 16000, LONG_NOTE, pitch=False)[0].t20_s for one in sounds]
    assert rings[0] > 3 * rings[1]


@pytest.mark.parametrize("fallback", [True, False])
def test_fallback_plays_and_shows_without_a_front_end(guitar, fallback, monkeypatch):
    """Asked for, or because there is no notebook here."""
    shown = displayed(monkeypatch)
    assert hear_it(guitar, performances={"A2": LONG_NOTE}, fallback=fallback) is None
    htmls = [html_of(one) for one in shown]
    assert len(played_in(htmls[0])) == 3
    assert any("alt=" in html for html in htmls)
