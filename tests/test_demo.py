"""`make demo` gives sounds, three pictures, and one page that holds them all and their figures."""

import numpy as np
import pytest
from page_sounds import played_in

from nmsynth_lib.audio import read_audio
from nmsynth_lib.demo import main
from nmsynth_lib.errors import ToolMissingError
from nmsynth_lib.guitars import play, sampled
from nmsynth_lib.instrument import shared_instrument
from nmsynth_lib.performance import Performance
from nmsynth_lib.phrases import EXAMPLES
from nmsynth_lib.published import ORIGINAL, ROWS
from nmsynth_lib.unseen import JITTER_SEED


@pytest.fixture
def without_fluidsynth(monkeypatch):
    def missing():
        raise ToolMissingError("fluidsynth: not found. Install it.")

    monkeypatch.setattr(sampled, "find_sound_font", missing)


def test_demo_makes_sounds_pictures_and_a_page(tmp_path, capsys, midi_dir, without_fluidsynth):
    folder = tmp_path / "a b" / "demo"
    assert main(["--out", str(folder)]) == 0
    said = capsys.readouterr()
    assert str(folder / "index.html") in said.out
    assert said.err.count("\n") == 1 and "fluidsynth" in said.err
    who = ("string", "its-truth", "sampled")  # the sampled guitar itself is left out
    expected = {f"{name}-{one}.flac" for name in EXAMPLES.values() for one in who}
    expected |= {f"{name}.png" for name in EXAMPLES.values()}
    assert {path.name for path in folder.iterdir()} == expected | {"index.html"}

    page = (folder / "index.html").read_text()
    assert len(page) < 1.5e6
    assert page.count("<img ") == page.count("alt=") == 3
    assert "src=" in page and "http" not in page
    sounds = iter(played_in(page))
    renders = {
        "string": shared_instrument("string").render,
        "its-truth": lambda music: play("string", music, seed=JITTER_SEED),
        "sampled": shared_instrument("sampled").render,
    }
    for name in EXAMPLES.values():
        performance = Performance.from_midi(midi_dir / f"{name}.mid")
        for one, render in renders.items():
            written, _ = read_audio(folder / f"{name}-{one}.flac")
            np.testing.assert_allclose(written, render(performance), atol=1e-4)
            np.testing.assert_array_equal(next(sounds), written)
    assert next(sounds, None) is None


def test_the_page_shows_the_figures_beside_the_original_s(tmp_path):
    assert main(["--out", str(tmp_path), "--instrument", "string"]) == 0
    page = (tmp_path / "index.html").read_text()
    assert page.count("<audio ") == 6
    assert page.count('<th scope="row">') == len(ROWS)
    cells = "".join(f'<th scope="col">{one}</th>' for one in ("original", "string", "its truth"))
    assert cells in page
    assert f"muted C2, ms</th><td>{round(ORIGINAL['attack_muted'])}</td>" in page
    assert "fade in</td>" in page
    assert "`" not in page.split("<tbody>")[1].split("</tbody>")[0]


def test_demo_says_in_one_line_what_is_wrong(tmp_path, capsys):
    assert main(["--out", str(tmp_path / "out"), "--instrument", "banjo"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("demo: banjo: no instrument of that name")
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()
