"""`nmsynth check`: a verdict and an exit status for a folder of takes, corrections that can go."""

import json
from dataclasses import replace

import matplotlib.image
import pytest

from nmsynth_lib.cli import main
from nmsynth_lib.score import training_score
from nmsynth_lib.spoiled_takes import NO_FAULTS, Faults, write_spoiled_take

SHORT = training_score(0.6, seed=5, low=45, high=58)
FAULTS = replace(
    Faults(), drift_ppm=0.0, hum=None, overlaps=True, sample_rate=16000, suffix=".flac"
)


@pytest.fixture
def nmsynth(capfd):
    """Runs a command in this process: exit status, stdout, stderr."""

    def run(*arguments):
        capfd.readouterr()
        status = main([str(argument) for argument in arguments])
        return status, *capfd.readouterr()

    return run


@pytest.fixture(scope="module")
def badly(tmp_path_factory):
    return write_spoiled_take(tmp_path_factory.mktemp("two words"), "string", SHORT, FAULTS)


@pytest.fixture
def takes(badly, tmp_path):
    """A copy of the bad take to change."""
    folder = tmp_path / "my takes"
    folder.mkdir()
    for path in badly.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_warnings_are_status_1_and_the_remedy_is_a_command(nmsynth, takes):
    status, out, err = nmsynth("check", takes)
    assert (status, err) == (1, "")
    assert out.startswith("take: usable, with warnings\n")
    assert f"nmsynth check '{takes}' --mend" in out.splitlines()[-1]
    assert not (takes / "meta.before-mend.yaml").exists()


def test_mending_makes_it_fit_and_can_be_taken_back(nmsynth, takes):
    before = {path.name: path.read_bytes() for path in takes.iterdir()}
    status, out, _ = nmsynth("check", takes, "--mend")
    assert status == 0
    assert "onset_shift_ms: 3" in out.splitlines()[0]
    assert f"nmsynth train '{takes}'" in out.splitlines()[-1]
    assert "corrected by meta.yaml" in out
    assert (takes / "take.flac").read_bytes() == before["take.flac"]
    assert (takes / "take.mid").read_bytes() == before["take.mid"]
    mended = (takes / "meta.yaml").read_bytes()
    status, out, _ = nmsynth("check", takes, "--mend")
    assert status == 0 and "nothing to put right" in out
    assert (takes / "meta.yaml").read_bytes() == mended
    (takes / "meta.yaml").write_bytes((takes / "meta.before-mend.yaml").read_bytes())
    assert nmsynth("check", takes, "--quiet")[:2] == (1, "take: usable, with warnings\n")


def test_json_is_one_flat_object_of_numbers(nmsynth, takes, tmp_path):
    nmsynth("check", takes, "--json", tmp_path / "a.json", "--quiet")
    figures = json.loads((tmp_path / "a.json").read_text())
    assert figures["take.lag_ms"] == pytest.approx(35, abs=3)
    assert figures["take.tuning_cents"] == pytest.approx(-12, abs=2)
    assert all(isinstance(value, float) for value in figures.values())


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_each_take_gets_a_picture(nmsynth, takes, tmp_path, suffix):
    for kind in (".flac", ".mid"):
        (takes / f"other{kind}").write_bytes((takes / f"take{kind}").read_bytes())
    nmsynth("check", takes, "--plot", tmp_path / f"look{suffix}", "--quiet")
    for name in ("take", "other"):
        path = tmp_path / f"look-{name}{suffix}"
        assert path.stat().st_size > 10_000
        if suffix == ".png":
            assert matplotlib.image.imread(path).std() > 0.05


def test_unfit_is_status_2_and_the_other_takes_are_still_checked(nmsynth, takes, tmp_path):
    (takes / "broken.wav").write_bytes(b"RIFF")
    (takes / "broken.mid").write_bytes((takes / "take.mid").read_bytes())
    status, out, err = nmsynth("check", takes)
    assert (status, err) == (2, "")
    assert "broken: unfit" in out and "take: usable, with warnings" in out
    assert "!! " in out and "broken.wav" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("check nowhere", "no such folder"),
        ("check TAKES --plot a.gif", ".png, .pdf or .svg"),
        ("check TAKES --plot nowhere/a.png", "nowhere"),
        ("check TAKES --json nowhere/a.json", "nowhere"),
    ],
)
def test_bad_usage_is_one_line(nmsynth, takes, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    status, out, err = nmsynth(*(str(takes) if w == "TAKES" else w for w in arguments.split()))
    assert (status, out) == (2, "")
    assert err.count("\n") == 1 and words in err


def test_a_good_take_is_fit(nmsynth, tmp_path):
    write_spoiled_take(tmp_path, "string", SHORT, NO_FAULTS)
    assert nmsynth("check", tmp_path, "--quiet")[:2] == (0, "take: fit\n")
