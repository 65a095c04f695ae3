"""`make demo` gives three sounds, three pictures, and one page that holds them all."""

import numpy as np
from page_sounds import played_in

from nmsynth_lib.audio import read_audio
from nmsynth_lib.demo import main
from nmsynth_lib.instrument import Instrument
from nmsynth_lib.performance import Performance
from nmsynth_lib.phrases import EXAMPLES


def test_demo_makes_sounds_pictures_and_a_page(tmp_path, capsys, midi_dir):
    folder = tmp_path / "a b" / "demo"
    assert main(["--out", str(folder)]) == 0
    expected = {f"{name}.{kind}" for name in EXAMPLES.values() for kind in ("wav", "png")}
    assert {path.name for path in folder.iterdir()} == expected | {"index.html"}
    assert str(folder / "index.html") in capsys.readouterr().out

    page = (folder / "index.html").read_text()
    assert page.count("<img ") == page.count("alt=") == 3
    assert "src=" in page and "http" not in page
    guitar = Instrument.load("string")
    for sound, name in zip(played_in(page), EXAMPLES.values(), strict=True):
        written, rate = read_audio(folder / f"{name}.wav")
        performance = Performance.from_midi(midi_dir / f"{name}.mid")
        rendered = guitar.render(performance)
        n = round(performance.duration * rate)
        assert np.abs(written[:n] - rendered[:n]).max() < 1e-4
        assert np.abs(sound - written).max() < 1e-4


def test_demo_says_in_one_line_what_is_wrong(tmp_path, capsys):
    assert main(["--out", str(tmp_path / "out"), "--instrument", "banjo"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("demo: banjo: no instrument of that name")
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()
