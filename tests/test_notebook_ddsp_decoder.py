"""Notebook 03 says what is true: each "Listen for" and each number holds in what its cells made."""

import re

import numpy as np
import pytest
from notebook_cells import Cells, assert_cells_are_short, assert_skeleton, right_answer
from page_sounds import displayed, html_of, played_in

from nmsynth_lib.checks import ddsp_decoder as checks
from nmsynth_lib.decoder_views import moving_units
from nmsynth_lib.plots import Picture
from nmsynth_lib.short_windows import band_swing_db, crest_factor_db
from nmsynth_lib.spectrum_measures import brightness_hz

NOTEBOOK = Cells.of("03_ddsp_decoder")
TEXT, CODE = NOTEBOOK.text, NOTEBOOK.code
RATE = 16000


def sounds(made, part):
    """What the cell that holds this text plays."""
    (shown,) = [s for code, s in zip(CODE, made["shown"], strict=True) if part in code]
    return played_in("".join(html_of(one) for one in shown))


def level_db(audio, start, end):
    piece = np.asarray(audio[round(start * RATE) : round(end * RATE)], float)
    return 10 * np.log10(max(np.square(piece).mean(), 1e-12))


def power_between(audio, low_hz, high_hz):
    """Share of a sound's power in a band."""
    power = np.square(np.abs(np.fft.rfft(audio * np.blackman(len(audio)))))
    hz = np.fft.rfftfreq(len(audio), 1 / RATE)
    return power[(hz >= low_hz) & (hz < high_hz)].sum() / power.sum()


def strongest_hz(audio, start, end):
    piece = audio[round(start * RATE) : round(end * RATE)]
    power = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 1 << 17))
    return power.argmax() * RATE / (1 << 17)


def flatness_db(audio):
    """Peak over mean of a spectrum: large for a tone, small for noise, dB."""
    power = np.square(np.abs(np.fft.rfft(audio * np.hanning(len(audio)))))
    return 10 * np.log10(power.max() / power.mean())


# --- Its form -------------------------------------------------------------------------------------


def test_it_has_the_fixed_skeleton():
    assert_skeleton(NOTEBOOK, "The DDSP decoder", n_sections=12, n_exercises=3)


def test_cells_are_short():
    assert_cells_are_short(NOTEBOOK)
    bodies = re.findall(r"^def .*\n((?:    .*\n?)+)", "\n\n".join(CODE), flags=re.MULTILINE)
    assert max(len(body.splitlines()) for body in bodies) <= 5


def test_sound_comes_first():
    assert "listen(" in CODE[0]


def test_every_section_says_what_to_listen_or_look_for():
    for section in TEXT.split("\n## ")[1:13]:
        assert re.search(r"\*\*(Listen for|Look for|Guess first)[:*]", section), section[:40]
    assert TEXT.count("**Listen for**") >= 12


def test_every_picture_has_alt_text_and_every_sound_a_name(made):
    pictures = [value for value in made["values"] if isinstance(value, Picture)]
    assert len(pictures) == 11
    assert all(len(picture.alt) > 60 and 'alt="' in html_of(picture) for picture in pictures)
    players = "".join(html_of(one) for shown in made["shown"] for one in shown)
    assert players.count("<audio ") == players.count("aria-label=") == len(played_in(players)) > 30


# --- 1. Harmonic, noise, room ---------------------------------------------------------------------


def test_nearly_all_is_partials_and_the_noise_is_a_tick_without_pitch(made, names):
    stems, boosts = names["stems"], names["boosts"]
    for name in ("noise", "reverb"):
        assert 20 * np.log10(boosts[name]) > 15  # "so soft that they are played louder here"
    assert boosts["harmonic"] == 1
    played = sounds(made, "boosts = ")
    loudest = [np.abs(one).max() for one in played]
    np.testing.assert_allclose(loudest, loudest[0], rtol=0.01)
    # "a tick where the string is plucked": louder there than at any later time
    noise = stems["noise"]
    later = max(level_db(noise, start, start + 0.1) for start in (0.3, 0.8, 1.4))
    assert level_db(noise, 0.1, 0.13) > later + 6
    rest, tone = noise[round(0.3 * RATE) : RATE], stems["harmonic"][round(0.3 * RATE) : RATE]
    assert flatness_db(rest) < flatness_db(tone) - 8  # "has no pitch"
    np.testing.assert_allclose(sum(stems.values()), sounds(made, "all together")[0], atol=1e-4)


# --- 2. to 4. Partials ----------------------------------------------------------------------------


def test_more_sines_are_brighter_and_of_the_same_pitch(made):
    played = sounds(made, '"1 sine"')
    colours = [brightness_hz(sound, RATE, 0.1) for sound in played]
    assert colours[0] < colours[1] < colours[2] / 3
    for sound in played:  # the same period, 1/82.4 s
        piece = sound[:RATE] - sound[:RATE].mean()
        likeness = np.array([piece[:8000] @ piece[lag : lag + 8000] for lag in range(150, 250)])
        assert RATE / (150 + likeness.argmax()) == pytest.approx(82.4, abs=0.4)


def test_each_partial_falls_by_3_db_an_octave():
    assert 20 * np.log10(np.sqrt(2)) == pytest.approx(3, abs=0.02)
    assert "/ np.sqrt(k)" in "".join(CODE)


def test_a_steady_machine_becomes_a_string_that_closes(made):
    steady, plucked = sounds(made, '"each partial decays"')
    assert level_db(steady, 0.1, 0.2) - level_db(steady, 1.8, 1.9) < 0.5
    assert level_db(plucked, 0.1, 0.2) - level_db(plucked, 1.8, 1.9) > 10
    assert brightness_hz(plucked, RATE, 0.0) > 2 * brightness_hz(plucked, RATE, 1.0)


def test_aligned_partials_rasp_and_spread_ones_do_not(made, names):
    aligned, string = sounds(made, 'labels=["aligned", "spread"]')
    early = slice(320, 960)  # 20 to 60 ms, what the picture shows
    assert crest_factor_db(aligned[early]) > crest_factor_db(string[early]) + 2.5
    assert band_swing_db(aligned[early]) > band_swing_db(string[early]) + 15
    spectra = [np.abs(np.fft.rfft(sound[:RATE] * np.hanning(RATE))) for sound in (aligned, string)]
    at_partials = np.round(82.40625 * np.arange(1, 40)).astype(int)
    np.testing.assert_allclose(*[s[at_partials] for s in spectra], rtol=0.1)  # same levels
    assert 1000 / names["f0"] / 4 > 2.9  # "a window of 4 ms, a third of a period"


def test_a_guitar_s_stiffness_is_hardly_heard_and_a_hundred_times_it_is_a_bar(made, names):
    straight, guitar, bar = sounds(made, '"B = 0.00001"')
    cents = [1200 * np.log2(np.sqrt(1 + B * 20**2)) for B in (1e-5, 1e-3)]
    assert cents[0] < 5 < 100 < cents[1]  # "a few cents at the twentieth partial"

    def period_likeness(sound):
        """How alike a period and the next one are, 0.2 s after the pluck."""
        piece, lag = sound[3200 : 3200 + 1600], 194.16
        later = np.interp(np.arange(1600) + lag, np.arange(2400), sound[3200 : 3200 + 2400])
        return np.corrcoef(piece, later)[0, 1]

    assert period_likeness(straight) > 0.98
    assert period_likeness(guitar) > 0.95
    assert period_likeness(bar) < 0.85


def test_stiffness_is_measured_as_the_guitar_was_made(made, names):
    said = NOTEBOOK.value_of(made, "note_stiffness(")
    assert names["B"] == pytest.approx(1e-5, rel=0.1)  # the guitar's law, guitars/string.py
    assert names["n_partials"] > 15
    noted = np.array(names["guitar"].spec.architecture.inharmonicity[:3])
    assert noted[0, 0] < 40 < noted[-1, 0]
    assert names["B"] == pytest.approx(np.interp(40, *noted.T), rel=0.2)
    assert said.startswith("measured 1.0e-05")


# --- 5. and 6. Rests and steps --------------------------------------------------------------------


def test_at_8_hz_the_rests_rumble_and_onsets_chirp(made, names):
    fallen, held = sounds(made, 'labels=["rests at 8 Hz", "rests hold the pitch"]')
    assert names["midi_to_hz"](0) == pytest.approx(8.18, abs=0.005)
    for start, end, hz in ((0.45, 0.65, 146.8), (1.05, 1.25, 220.0), (1.65, 1.95, 110.0)):
        assert strongest_hz(fallen, start, end) < 40
        assert strongest_hz(held, start, end) == pytest.approx(hz, rel=0.01)
        assert level_db(held, start, end) > -40  # it rings on
    onset = names["music"].notes[1].onset
    climbing = names["dropped"][np.abs(names["frames"] - onset) < 0.016]
    assert climbing[0] < 9 and climbing[-1] > 200  # a chirp within a frame or two
    assert np.ptp(names["held"][np.abs(names["frames"] - 0.5) < 0.1]) == 0


def test_steps_make_a_sine_bright_and_ramps_do_not(made, names):
    steps, ramps = sounds(made, '"steps", "ramps"')
    high = [10 * np.log10(power_between(sound, 600, 8000)) for sound in (steps, ramps)]
    assert high[0] > high[1] + 20
    assert "hop = 256" in "".join(CODE) and 256 / RATE == 0.016
    assert np.abs(np.diff(steps)).max() > 1.5 * np.abs(np.diff(ramps)).max()


def test_a_level_for_every_sample_would_be_64_times_as_many(names):
    assert names["guitar"].spec.rates.hop == 64
    assert "which would be 64 times as many numbers" in TEXT


# --- 7. and 8. Noise and room ---------------------------------------------------------------------


def test_seams_hiss_over_the_dark_end(made):
    cut, over = sounds(made, 'labels=["frame by frame", "ringing over"]')
    strokes = [power_between(over[s], 2000, 8000) for s in (slice(0, 1600), slice(RATE, 2 * RATE))]
    assert strokes[0] > 100 * strokes[1]  # "bright at first and then dark"
    cut, over = cut[RATE:], over[RATE:]
    hiss = [10 * np.log10(power_between(sound, 1000, 8000)) for sound in (cut, over)]
    assert hiss[0] > hiss[1] + 15
    assert power_between(over, 0, 600) > 0.95  # "a dark rumble"


def test_the_noise_by_hand_is_a_filter_of_its_curves(names):
    """The mean spectrum over the steady end follows the curve that was asked for."""
    sound = names["ringing_over"][RATE : 2 * RATE].reshape(-1, 500)
    power = np.square(np.abs(np.fft.rfft(sound * np.hanning(500)))).mean(axis=0)
    hz = np.fft.rfftfreq(500, 1 / RATE)
    assert 10 * np.log10(power[hz < 150].mean() / power[(hz > 800) & (hz < 1500)].mean()) > 25


def test_the_room_alone_keeps_the_pitch_and_loses_the_attack(made, names):
    dry, both, wet = sounds(made, '"the room alone"')
    np.testing.assert_allclose(both, dry + wet[: len(dry)], atol=1e-3)
    partial = round(strongest_hz(wet, 0.5, 1.5) / names["f0"])
    assert strongest_hz(wet, 0.5, 1.5) == pytest.approx(partial * names["f0"], rel=0.01)

    def rise_ms(sound):
        """Until the level over a period has come within 3 dB of its loudest."""
        power = np.convolve(np.square(sound[:RATE]), np.ones(194) / 194)
        return 1000 * np.flatnonzero(power > power.max() / 2)[0] / RATE

    assert rise_ms(wet) > 2 * rise_ms(dry)


# --- 9. Follow a note -----------------------------------------------------------------------------


def test_three_stacks_are_stripes_and_the_clocks_move(names):
    inside = names["inside"]
    for name in ("pitch", "velocity", "openness"):
        assert moving_units(inside, name) == (0, 0)
    for name in ("since_onset", "since_offset"):
        assert moving_units(inside, name)[0] > 10
    since = inside.layers["since_onset"]
    speed = np.abs(np.diff(since, axis=0)).mean(axis=1)
    early = (inside.seconds[1:] > 0.11) & (inside.seconds[1:] < 0.15)
    late = (inside.seconds[1:] > 1.0) & (inside.seconds[1:] < 1.5)
    assert speed[early].mean() > 5 * speed[late].mean()  # "a clock that runs fast at first"
    sounding = (inside.seconds > 0.11) & (inside.seconds < 1.59)
    waking = inside.layers["since_offset"]
    assert np.ptp(waking[sounding], axis=0).max() < 1e-3 * np.abs(waking).max()
    assert np.ptp(waking[inside.seconds > 1.6], axis=0).max() > 0.1 * np.abs(waking).max()
    before = inside.seconds < 0.0999
    assert np.ptp(since[before], axis=0).max() < 1e-3  # "nothing looks ahead"
    assert "250 times a second" in TEXT and names["guitar"].spec.rates.frame_rate == 250


def test_many_units_answer_at_the_pluck_and_some_go_on_moving(names):
    inside = names["inside"]
    later = (inside.seconds > 0.6) & (inside.seconds < 1.5)
    for name in {"memory", "mlp"} & set(inside.layers):
        values = inside.layers[name]
        assert moving_units(inside, name)[1] > 0.2 * values.shape[1]
        moves = np.ptp(values[later], axis=0) > 0.01 * np.abs(values).max()
        assert moves.sum() > 0.1 * values.shape[1]


def test_upper_partials_die_first_and_noise_is_loudest_at_the_onset(names):
    inside = names["inside"]
    partials = inside.layers["amplitude"] * inside.layers["distribution"]
    early, late = (np.searchsorted(inside.seconds, t) for t in (0.12, 1.0))
    fall = 20 * np.log10(partials[early] / np.maximum(partials[late], 1e-9))
    assert np.median(fall[12:24]) > np.median(fall[:6]) + 15
    loudest = inside.seconds[inside.layers["noise"].sum(axis=1).argmax()]
    assert abs(loudest - 0.1) < 0.02


def test_cc55_comes_in_by_one_stack_and_goes_out_by_all_heads(made, names):
    differing = NOTEBOOK.value_of(made, "units_that_differ(inside")
    stacks = [control.name for control in names["guitar"].spec.controls]
    assert {name for name in stacks if differing[name]} == {"openness"}
    assert all(count > 0 for name, count in differing.items() if name not in stacks)

    def falls(inside):
        level = (inside.layers["amplitude"] * inside.layers["distribution"])[:, 3]
        early, late = (np.searchsorted(inside.seconds, t) for t in (0.15, 0.6))
        return 20 * np.log10(level[early] / max(level[late], 1e-9))

    assert falls(names["muted"]) > falls(names["inside"]) + 10  # "each partial falls faster"


# --- 10. All of it on one page --------------------------------------------------------------------


def test_ten_lines_play_what_the_library_plays(made):
    said = NOTEBOOK.value_of(made, "def snr_db")
    assert float(said.removesuffix(" dB")) > 50


def test_the_pulse_at_the_right_instant_is_nearest_and_aligned_is_furthest(names):
    distance, tries = names["distance"], names["tries"]
    far = {name: distance(sound) for name, sound in tries.items()}
    assert far["at the right instant"] < far["spread"] - 0.5 < far["aligned"] - 1.0
    piece = slice(3200, 3840)
    for name in ("aligned", "at the right instant"):  # "have a pulse as the guitar has"
        assert crest_factor_db(tries[name][piece]) > crest_factor_db(tries["spread"][piece]) + 1.5


# --- 11. The same parts from ddsp -----------------------------------------------------------------


def test_stock_plays_the_same_partials_with_a_rasp(names):
    stock, ours = names["stock_note"], names["our_note"]
    assert len(stock) == len(ours) == RATE
    held = slice(round(0.3 * RATE), round(0.9 * RATE))
    assert level_db(stock, 0.3, 0.9) == pytest.approx(level_db(ours, 0.3, 0.9), abs=1.0)
    assert crest_factor_db(stock[held]) > crest_factor_db(ours[held]) + 1
    assert strongest_hz(stock, 0.3, 0.9) == pytest.approx(strongest_hz(ours, 0.3, 0.9), rel=0.005)


def test_stock_begins_right_and_is_a_sour_chord_after_a_minute(made, names):
    stock, f0 = names["stock"], names["f0"]
    fresh = names["stock_tone"](2)  # its phase is counted as ours in `exact`
    assert names["snr_db"](names["exact"](2)[:800], fresh[:800]) > 40
    off = names["partial_cents"](stock[60], f0, 4)
    assert (off > 30).sum() == 3 and (off < -30).sum() == 1  # "three of them up and one down"
    assert np.abs(names["partial_cents"](stock[4], f0, 4)).max() < 3  # "but not yet the pitch"
    assert names["snr_db"](names["exact"](4), stock[4]) < 6  # "lost the phase"
    for seconds in (4, 60):
        ours, truth = names["ours"][seconds]
        assert names["snr_db"](truth, ours) > 60
        assert np.abs(names["partial_cents"](ours, f0, 4)).max() < 0.1


def test_the_same_level_a_b_is_there(names):
    test = names["test"]
    assert list(test.labels) == ["after 4 s", "after a minute", "a second of the guitar"]
    assert test.problem == ""
    a, b = (np.frombuffer(pcm, np.int16) / 32768 for pcm in (test.a, test.b))
    assert abs(level_db(a, 0.2, 1.8) - level_db(b, 0.2, 1.8)) < 1.5


# --- 12. What each block costs --------------------------------------------------------------------


def test_the_network_has_all_numbers_and_at_the_paper_s_sizes_most_of_the_time(names):
    ours, paper = (names["costs"][who] for who in ("this guitar", "the paper's sizes"))
    network = ("stacks", "memory", "last layers")
    for blocks in (ours, paper):
        assert blocks["partials"].parameters == blocks["noise"].parameters == 0
        total = sum(cost.parameters for cost in blocks.values())
        assert sum(blocks[name].parameters for name in network) > 0.95 * total
    time = {name: cost.milliseconds for name, cost in paper.items()}
    assert sum(time[name] for name in network) > 0.7 * sum(time.values())
    units = {getattr(names["paper"].spec.architecture, f"{what}_units")
             for what in ("stack", "gru", "mlp")}  # fmt: skip
    assert units == {512}
    assert all(cost.milliseconds > 0 for name, cost in ours.items() if name != "memory")


# --- Its predictions ------------------------------------------------------------------------------


def test_predicted_aligned_phases_rasp_at_the_same_pitch(made):
    """A pulse a period: most power lies in a small part of it; and the pitch is the same."""
    assert right_answer("aligned") == "Yes: one of them rasps"
    together = []
    for sound in sounds(made, 'labels=["aligned", "spread"]'):
        power = np.sort(np.square(sound[320 : 320 + 5 * 194].reshape(5, 194)), axis=1)[:, ::-1]
        together.append((power[:, :19].sum() / power.sum()).round(2))  # a tenth of each period
        piece = sound[1600:9600]
        likeness = [piece[:6000] @ piece[lag : lag + 6000] for lag in range(150, 250)]
        assert RATE / (150 + int(np.argmax(likeness))) == pytest.approx(82.4, abs=0.4)
    assert together[0] > 1.3 * together[1]


def test_predicted_only_stacks_of_time_move_within_a_note(names):
    assert right_answer("which stacks") == "Those that tell the time"
    inside = names["inside"]
    moving = {c.name for c in names["guitar"].spec.controls if moving_units(inside, c.name)[0]}
    assert {"since_onset", "since_offset"} <= moving
    assert moving <= {"since_onset", "since_offset", "to_offset"}


def test_predicted_stock_is_a_quarter_of_a_semitone_off_after_a_minute(names):
    assert right_answer("a minute on").startswith("By more than 25 cents")
    assert np.abs(names["partial_cents"](names["stock"][60], names["f0"], 4)).min() > 25
    assert np.abs(names["partial_cents"](names["ours"][60][0], names["f0"], 4)).max() < 0.1


# --- Its exercises --------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", NOTEBOOK.answers())
def test_exercise(made, answer, monkeypatch):
    displayed(monkeypatch)
    NOTEBOOK.assert_answered(made, answer)


@pytest.mark.parametrize(
    ("check", "answer", "says"),
    [
        ("check_phases", None, "needs 40 finite numbers"),
        ("check_phases", np.full(40, np.nan), "needs 40 finite numbers"),
        ("check_phases", 0.5 * np.arange(40), "is a delay"),
        ("check_envelope", None, "is not a function"),
        ("check_envelope", lambda levels, hop: None, "gives back None"),
        ("check_envelope", lambda levels, hop: levels[99], "fails: IndexError"),
        ("check_envelope", lambda levels, hop: np.full(hop * len(levels), np.nan), "not finite"),
        ("check_turns", lambda cycles, n: np.zeros(n, np.float32), "out of tune"),
    ],
)
def test_what_is_no_answer_is_told_so(check, answer, says, monkeypatch):
    displayed(monkeypatch)
    verdict = getattr(checks, check)(answer)
    assert verdict.startswith("Not yet. ")
    assert says in verdict


def test_other_right_answers_are_right_too(monkeypatch):
    """The chirp that the solution mentions; and a phase that starts a sample later."""
    displayed(monkeypatch)
    assert checks.check_phases(0.5 * np.arange(40) ** 2 / 40).startswith("Right. ")
    later = (np.arange(1, checks.MINUTE + 1) * checks.CYCLES % 1).astype(np.float32)
    assert checks.check_turns(lambda cycles, n: later).startswith("Right. ")
