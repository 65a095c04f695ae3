"""Instrument: one sound, rendered or streamed, twice or from two threads; bad files are named.

No trained weights: a small network whose weights are drawn at random plays here, with partials,
noise and room all clearly audible, because what must hold of it holds for any weights.
"""

import shutil
import threading
import tracemalloc

import numpy as np
import pytest

from nmsynth_lib.errors import (
    ControlRangeError,
    InstrumentNotFoundError,
    NmsynthError,
    SchemaError,
    WeightsError,
)
from nmsynth_lib.instrument import RENDER_FRAMES, Instrument
from nmsynth_lib.instrument_files import find_instrument
from nmsynth_lib.model import GuitarModel
from nmsynth_lib.performance import Performance
from nmsynth_lib.schema import Architecture, AudioRates, ControlSpec, InstrumentSpec

SMALL = Architecture(
    stack_units=8,
    stack_layers=2,
    gru_units=12,
    gru_every=4,
    mlp_units=16,
    mlp_layers=2,
    n_harmonics=12,
    n_noise_bands=17,
    reverb_seconds=0.06,
    inharmonicity=[(40.0, 1e-4), (60.0, 5e-4)],
    tuning_cents=[(40.0, -3.0), (60.0, 4.0)],
)


def random_instrument(seed=1, controls=None, rates=None, **changed):
    """Weights moved far from their start; the levels of the stems set by their biases."""
    spec = InstrumentSpec(
        name="random",
        architecture=SMALL.model_copy(update=changed),
        controls=controls or InstrumentSpec().controls,
        rates=rates or AudioRates(),
    )
    model = GuitarModel(spec, seed)
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(weight.numpy() + rng.normal(0, 0.2, weight.shape))
    decoder = model.decoder
    decoder.amplitude_head.bias.assign([-2.4])
    decoder.noise_head.bias.assign(rng.uniform(-4, -3, decoder.noise_head.bias.shape))
    size = decoder.room_size
    decoder.room.assign(rng.normal(0, 0.03, size) * np.exp(-3 * np.arange(size) / size))
    return Instrument(spec, model)


@pytest.fixture(scope="module")
def instrument():
    return random_instrument()


@pytest.fixture(scope="module")
def music():
    """Five seconds with rests, a bend, contiguous and short notes, CC55 moving inside a note."""
    return Performance.from_notes(
        [
            (40, 100, 0.013, 0.7),
            (47, 60, 0.7, 0.95),
            (52, 127, 1.2, 1.21),
            (45, 90, 1.9, 3.3),
            (64, 30, 3.5, 4.2),
        ],
        cc={55: [(0.0, 10), (0.4, 127), (2.3, 60)]},
        bend=[(2.1, 0.5), (2.5, 0.0)],
    )


@pytest.fixture(scope="module")
def rendered(instrument, music):
    return instrument.render(music)


def error_db(truth, sound):
    """Level of the difference under the truth's."""
    power = np.mean((truth - sound) ** 2.0) / np.mean(truth**2.0)
    return 10 * np.log10(power + 1e-30)


def test_the_test_instrument_is_audible_and_does_not_clip(instrument, music):
    """Otherwise the laws below would hold of silence."""
    stems = instrument.render_stems(music)
    for stem in stems.values():
        assert 10 * np.log10(np.mean(stem**2)) > -45
    assert 0.05 < np.abs(sum(stems.values())).max() < 1.0


# Streaming ------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1, 37, 64, 1000, 5000, 10**6])
def test_streaming_equals_rendering(instrument, music, rendered, block):
    """By 80 dB over all, and at every block border: no sample is off by more than -80 dBFS."""
    blocks = list(instrument.stream(music, block=block))
    assert all(len(part) == block for part in blocks[:-1])
    assert 1 <= len(blocks[-1]) <= block
    streamed = np.concatenate(blocks)
    assert streamed.shape == rendered.shape
    assert error_db(rendered, streamed) < -80
    assert np.abs(rendered - streamed).max() < 1e-4
    borders = np.arange(block, len(rendered), block) if block > 1 else np.array([64, 256])
    near = (borders[:, None] + np.arange(-8, 8)).ravel()
    near = near[(near >= 0) & (near < len(rendered))]
    if len(near):
        assert error_db(rendered[near], streamed[near]) < -70


@pytest.mark.parametrize("every", [1, 3, 8, 64])
def test_streaming_equals_rendering_however_often_the_gru_moves(every, music):
    """Render's own blocks are no multiple of 3, 8 or 64 frames by themselves."""
    other = random_instrument(gru_every=every)
    whole = other.render(music)
    assert len(whole) > RENDER_FRAMES * 64 * 2
    streamed = np.concatenate(list(other.stream(music, block=3000)))
    assert error_db(whole, streamed) < -80


@pytest.mark.parametrize("changed", [{"gru_units": 0}, {"memory": "leaky"}, {"reverb_seconds": 0}])
def test_streaming_equals_rendering_without_gru_or_room(changed, music):
    other = random_instrument(**changed)
    streamed = np.concatenate(list(other.stream(music, block=777)))
    assert error_db(other.render(music), streamed) < -80


@pytest.mark.parametrize(("sample_rate", "hop"), [(8000, 65), (22050, 100), (48000, 192)])
def test_streaming_equals_rendering_at_other_rates(sample_rate, hop, music):
    """Also where a hop and the noise filter's tail would just fill an FFT (65 + 64 - 1 = 128)."""
    rates = AudioRates(sample_rate=sample_rate, hop=hop)
    other = random_instrument(rates=rates, n_noise_bands=33)
    short = music.between(0.0, 1.0)
    stems = other.render_stems(short)
    assert all(np.abs(stem).max() > 0.001 for stem in stems.values())
    whole = other.render(short)
    assert len(whole) == round(1.95 * sample_rate)
    assert error_db(whole, np.concatenate(list(other.stream(short, block=333)))) < -80


def test_streaming_makes_sound_as_it_is_asked_for(instrument):
    """The first block of ten minutes is there before the rest is made."""
    long = Performance.from_notes([(40, 100, 0.0, 600.0)])
    stream = instrument.stream(long, block=256)
    first = [next(stream) for _ in range(3)]
    assert np.abs(np.concatenate(first)).max() > 0


def test_blocks_of_no_samples_are_refused(instrument, music):
    with pytest.raises(ControlRangeError, match="block: 0"):
        next(instrument.stream(music, block=0))


# Samples --------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_samples(instrument, music, rendered):
    assert np.array_equal(rendered, instrument.render(music))
    assert not np.array_equal(rendered, instrument.render(music, seed=1))


def test_the_seed_changes_noise_and_its_echo_but_no_partial(instrument, music):
    one, other = instrument.render_stems(music), instrument.render_stems(music, seed=1)
    assert np.array_equal(one["harmonic"], other["harmonic"])
    correlation = np.corrcoef(one["noise"], other["noise"])[0, 1]
    assert abs(correlation) < 0.05
    assert np.std(one["noise"]) == pytest.approx(np.std(other["noise"]), rel=0.1)


def test_stems_sum_to_the_render(instrument, music, rendered):
    stems = instrument.render_stems(music)
    assert list(stems) == ["harmonic", "noise", "reverb"]
    assert np.array_equal(sum(stems.values()), rendered)


def test_the_reverb_stem_is_the_room_over_the_dry_stems(instrument, music):
    """numpy's convolution of the sum of the other two with the learnt response."""
    stems = instrument.render_stems(music)
    response = instrument.model.decoder.impulse_response().numpy().astype(float)
    response[0] = 0
    dry = (stems["harmonic"] + stems["noise"]).astype(float)[: 3 * 16000]
    truth = np.convolve(dry, response)[: len(dry)]
    assert error_db(truth, stems["reverb"][: len(dry)]) < -80


def test_partials_sound_at_the_midi_pitch(instrument):
    """A4 with its tuning and stiffness: the strongest line near 440 Hz lies there within a cent."""
    harmonic = instrument.render_stems(Performance.from_notes([(69, 100, 0.0, 2.0)]))["harmonic"]
    sound = harmonic[8000:24000] * np.blackman(16000)
    spectrum = np.log(np.abs(np.fft.rfft(sound, 1 << 18)) + 1e-12)
    low, high = (round(f * (1 << 18) / 16000) for f in (425, 455))
    peak = low + int(np.argmax(spectrum[low:high]))
    expected = 440 * 2 ** (4 / 1200) * np.sqrt(1 + 5e-4)
    assert abs(1200 * np.log2(peak * 16000 / (1 << 18) / expected)) < 1


def test_render_is_float32_within_full_scale(instrument, music, rendered):
    assert rendered.dtype == np.float32
    assert rendered.shape == (round(5.2 * 16000),)
    loud = random_instrument()
    loud.model.decoder.amplitude_head.bias.assign([3.0])
    loud.model.decoder.noise_head.bias.assign(np.full(17, 2.0))
    audio = loud.render(music)
    assert np.abs(audio).max() == 1.0
    streamed = np.concatenate(list(loud.stream(music, block=900)))
    assert np.abs(audio - streamed).max() < 1e-4


@pytest.mark.parametrize("seconds", [0.0001, 0.004, 0.05, 0.0507, 2.0, 2.0001, 180.0])
@pytest.mark.parametrize("tail", [0.0, 0.5])
def test_any_length(instrument, seconds, tail):
    audio = instrument.render(Performance.from_notes([(45, 100, 0.0, seconds)]), tail=tail)
    assert len(audio) == max(1, round((seconds + tail) * 16000))
    assert np.isfinite(audio).all()


def test_longer_music_begins_with_the_same_samples(instrument, music, rendered):
    """A longer tail changes nothing before it."""
    longer = instrument.render(music, tail=4.0)
    assert error_db(rendered, longer[: len(rendered)]) < -80


@pytest.mark.parametrize("tail", [-0.5, float("nan"), float("inf")])
def test_an_impossible_tail_is_refused(instrument, music, tail):
    with pytest.raises(ControlRangeError, match="tail"):
        instrument.render(music, tail=tail)


# What is played -------------------------------------------------------------------------------


def test_cc_given_to_render_replaces_the_files(instrument, music, rendered):
    forced = instrument.render(music, cc={55: 127})
    assert np.array_equal(forced, instrument.render(music.with_cc(55, 127)))
    assert error_db(rendered, forced) > -40


def test_transpose_moves_the_notes(instrument, music):
    assert np.array_equal(
        instrument.render(music, transpose=-4), instrument.render(music.transposed(-4))
    )


def test_a_midi_file_sounds_as_its_performance(instrument, music, tmp_path):
    music.write_midi(tmp_path / "take.mid")
    read = Performance.from_midi(tmp_path / "take.mid")
    assert np.array_equal(instrument.render(tmp_path / "take.mid"), instrument.render(read))
    assert np.array_equal(instrument.render(str(tmp_path / "take.mid")), instrument.render(read))


@pytest.mark.parametrize(
    "wrong", [{"cc": {56: 1}}, {"cc": {55: 128}}, {"cc": {55: -1}}, {"transpose": 90}]
)
def test_controls_that_it_does_not_have_are_refused(instrument, music, wrong):
    def first_block(*args, **more):
        return next(instrument.stream(*args, **more))

    for play in (instrument.render, instrument.render_stems, first_block):
        with pytest.raises(ControlRangeError) as caught:
            play(music, **wrong)
        assert "\n" not in str(caught.value)


def test_an_unknown_cc_names_those_it_knows(instrument, music):
    with pytest.raises(ControlRangeError, match=r"CC56.*random.*CC55"):
        instrument.render(music, cc={56: 1})


def test_a_style_channel_of_ones_own_is_heard(music):
    """CC20, declared in the schema only, is accepted and changes the sound."""
    vibrato = ControlSpec(name="vibrato", source="cc", cc=20, low=0, high=127)
    own = random_instrument(controls=(*InstrumentSpec().controls, vibrato))
    low, high = own.render(music, cc={20: 0}), own.render(music, cc={20: 127})
    assert np.array_equal(low, own.render(music))
    assert error_db(low, high) > -40


def test_parameters_are_those_of_the_sound(instrument, music):
    """Shapes by frame; and the harmonic stem's level follows amplitude and shares."""
    said = instrument.parameters(music)
    n_frames = len(said["amplitude"])
    assert n_frames >= 5.2 * 250
    assert said["distribution"].shape == (n_frames, 12)
    assert said["noise"].shape == (n_frames, 17)
    assert said["f0_hz"].shape == (n_frames,)
    harmonic = instrument.render_stems(music)["harmonic"][: 1300 * 64].reshape(-1, 64 * 20)
    partials = (said["amplitude"][:, None] * said["distribution"])[:1300]
    expected = np.sqrt(np.sum(partials.reshape(-1, 20, 12) ** 2, axis=(1, 2)) / 40)
    got = np.sqrt(np.mean(harmonic**2, axis=1))
    assert np.median(np.abs(20 * np.log10(got / expected))) < 1.0


# Threads and memory ---------------------------------------------------------------------------


def test_two_threads_get_what_one_gets(instrument, music, rendered):
    """Two renders and a stream at once, twice each; no state is shared."""
    other = music.transposed(5)
    alone = {"a": rendered, "b": instrument.render(other, seed=3)}
    got = {"a": [], "b": [], "s": []}

    def work(name, play):
        for _ in range(2):
            got[name].append(play())

    threads = [
        threading.Thread(target=work, args=("a", lambda: instrument.render(music))),
        threading.Thread(target=work, args=("b", lambda: instrument.render(other, seed=3))),
        threading.Thread(
            target=work,
            args=("s", lambda: np.concatenate(list(instrument.stream(music, block=4096)))),
        ),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(results) for results in got.values()] == [2, 2, 2]
    assert all(np.array_equal(result, alone["a"]) for result in got["a"])
    assert all(np.array_equal(result, alone["b"]) for result in got["b"])
    assert all(error_db(rendered, result) < -80 for result in got["s"])


def test_rendering_holds_little_more_than_the_sound(instrument):
    """numpy's peak while three minutes are rendered: less than twice what is given back."""
    long = Performance.from_notes([(40 + i % 12, 100, i / 2, i / 2 + 0.4) for i in range(360)])
    instrument.render(long.between(0, 5))
    tracemalloc.start()
    audio = instrument.render(long)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * audio.nbytes


# On disk --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(instrument, tmp_path_factory):
    folder = tmp_path_factory.mktemp("instruments") / "with a space" / "random"
    instrument.save(folder)
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


def assert_one_line(caught, *named):
    message = str(caught.value)
    assert "\n" not in message
    for word in named:
        assert word in message


def test_a_saved_instrument_comes_back_to_the_bit(instrument, saved, music, rendered):
    back = Instrument.load(saved)
    assert back.spec == instrument.spec
    for one, other in zip(instrument.model.weights, back.model.weights, strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(back.render(music), rendered)
    assert sorted(path.name for path in saved.iterdir()) == [
        "SHA256SUMS",
        "instrument.yaml",
        "model.weights.h5",
    ]


def test_saving_over_an_instrument_replaces_it(copy, music):
    other = random_instrument(seed=2)
    other.save(copy)
    assert np.array_equal(Instrument.load(copy).render(music), other.render(music))


def test_damaged_weights_are_noticed(copy):
    """One bit in the middle of the file, found by its checksum."""
    path = copy / "model.weights.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        Instrument.load(copy)
    assert_one_line(caught, "model.weights.h5", "SHA-256")


def test_a_changed_schema_is_noticed(copy):
    path = copy / "instrument.yaml"
    path.write_text(path.read_text().replace("random", "raised"))
    with pytest.raises(WeightsError) as caught:
        Instrument.load(copy)
    assert_one_line(caught, "instrument.yaml", "SHA256SUMS")


@pytest.mark.parametrize("content", [b"", b"not weights", None])
def test_unreadable_weights_are_noticed_without_checksums(copy, content):
    (copy / "SHA256SUMS").unlink()
    path = copy / "model.weights.h5"
    path.write_bytes(path.read_bytes()[:3000] if content is None else content)
    with pytest.raises(WeightsError) as caught:
        Instrument.load(copy)
    assert_one_line(caught, "model.weights.h5")


def test_weights_of_another_size_are_noticed(copy, saved):
    (copy / "SHA256SUMS").unlink()
    path = copy / "instrument.yaml"
    path.write_text(path.read_text().replace("gru_units: 12", "gru_units: 16"))
    with pytest.raises(WeightsError) as caught:
        Instrument.load(copy)
    assert_one_line(caught, "model.weights.h5")


@pytest.mark.parametrize("sums", [True, False])
def test_missing_weights_are_noticed(copy, sums):
    (copy / "model.weights.h5").unlink()
    if not sums:
        (copy / "SHA256SUMS").unlink()
    with pytest.raises(WeightsError) as caught:
        Instrument.load(copy)
    assert_one_line(caught, "missing", "model.weights.h5")


def test_a_broken_schema_is_a_schema_error(copy):
    (copy / "SHA256SUMS").unlink()
    (copy / "instrument.yaml").write_text("name: random\nrates: {hop: 3}\n")
    with pytest.raises(SchemaError) as caught:
        Instrument.load(copy)
    assert_one_line(caught, "rates.hop")


@pytest.mark.parametrize("name", ["nylon", "", "no/such/folder", "../x"])
def test_an_unknown_instrument_names_the_shipped_ones(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InstrumentNotFoundError) as caught:
        Instrument.load(name)
    assert_one_line(caught, *Instrument.names())
    assert issubclass(InstrumentNotFoundError, NmsynthError)


def test_shipped_instruments_are_found_by_their_names():
    for name in Instrument.names():
        assert find_instrument(name).name == name


# Curves ---------------------------------------------------------------


def test_its_own_curves_given_back_sound_the_same(instrument, music, rendered):
    curves = instrument.curves(music, -(-len(rendered) // instrument.spec.rates.hop))
    assert error_db(rendered, instrument.render(music, curves=curves)) < -100


def test_what_the_decoder_sees_can_be_changed_and_nothing_else(instrument, music, rendered):
    """Curves of another CC55 sound as that CC55 does: the notes stay where they are."""
    other = music.with_cc(55, [(0.0, 10), (0.4, 127), (2.3, 5)])
    curves = instrument.curves(other, -(-len(rendered) // instrument.spec.rates.hop))
    wanted = instrument.render(other)
    assert error_db(wanted, instrument.render(music, curves=curves)) < -100
    assert error_db(wanted, rendered) > -40


def test_curves_that_end_early_hold_their_last_frame(instrument, music):
    from nmsynth_lib.controls import Controls

    curves = instrument.curves(music, 100)
    held = np.r_[np.arange(100), np.full(10**4, 99)]
    longer = Controls(curves.values[held], curves.f0_hz[held])
    first, second = (instrument.render(music, curves=c) for c in (curves, longer))
    assert np.array_equal(first, second)
