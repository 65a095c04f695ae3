"""The blind test in real JupyterLab and Chromium: by keyboard, equally loud, and honest.

Listeners are scripted. One guesses; the other compares what the page plays for X with what it plays
for A and B, as an ear would, since the page knows no more than that.
"""

import itertools

import nbformat
import numpy as np
import pytest
from lab_server import lab_with

from nmsynth_lib.loudness import a_weighted_level_db

PANEL = ".nmsynth-abx"
TRIALS = 24
SOURCE = f"""
import numpy as np
from nmsynth_lib.widgets import abx
time = np.arange(8000) / 16000
low, high = 0.3 * np.sin(2 * np.pi * 220 * time), 0.05 * np.sin(2 * np.pi * 330 * time)
abx({{"low": low, "high": high}}, trials={TRIALS})
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(SOURCE)],
        metadata={
            "kernelspec": {
                "name": "python3",
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
            },
            "language_info": {"name": "python"},
        },
    )
    path = tmp_path_factory.mktemp("made") / "abx.ipynb"
    nbformat.write(notebook, path)
    with lab_with(path, tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="module")
def page(lab, chromium):
    page = chromium.new_context(viewport={"width": 1200, "height": 800}).new_page()
    page.problems = []
    page.on("console", lambda m: m.type == "error" and page.problems.append(m.text))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    lab.open_and_run(page, "abx.ipynb")
    page.wait_for_selector(PANEL)
    return page


def trial(page) -> int:
    return page.evaluate(f"() => document.querySelector('{PANEL} progress').value") + 1


def press(page, key):
    page.locator(PANEL).focus()
    page.keyboard.press(key)


def restart(page):
    page.get_by_role("button", name="Start again").click()
    page.wait_for_function(f"() => document.querySelector('{PANEL} progress').value === 0")


def answer_all(page, choose):
    """Answers every trial with the key that `choose(trial)` gives; the verdict in words."""
    restart(page)
    for number in range(1, TRIALS + 1):
        press(page, choose(number))
        page.wait_for_function(
            f"n => document.querySelector('{PANEL} progress').value === n", arg=number
        )
    page.wait_for_function(f"() => document.querySelector('{PANEL} .verdict').textContent")
    return page.locator(f"{PANEL} .verdict").inner_text()


def p_of(words: str) -> float:
    return float(words.split("p = ")[1].split(")")[0])


def played(page, letter) -> np.ndarray:
    """What the page plays for a letter: the samples of the buffer that its source holds."""
    press(page, letter)
    page.wait_for_function(
        f"l => document.querySelector('{PANEL} button.sounding')?.textContent === `Play ${{l}}`",
        arg=letter.upper(),
    )
    samples = page.evaluate(
        f"() => Array.from(document.querySelector('{PANEL}').nmsynth.player.voice"
        ".source.buffer.getChannelData(0))"
    )
    return np.array(samples)


def test_a_listener_who_knows_gets_p_below_one_per_cent(page):
    def choose(_):
        x, a = (played(page, letter) for letter in "xa")
        return "1" if np.array_equal(x, a) else "2"

    words = answer_all(page, choose)
    assert words.startswith(f"{TRIALS} of {TRIALS} right")
    assert p_of(words) < 0.01
    assert "you hear a difference" in words


def test_a_listener_who_guesses_gets_p_of_about_a_half(page):
    rng = np.random.default_rng(2)
    p = [p_of(answer_all(page, lambda _: "12"[rng.integers(2)])) for _ in range(8)]
    # The mean of eight such p lies within 0.55 +- 0.3 in 99.7 % of all cases.
    assert 0.25 < np.mean(p) < 0.85
    assert min(p) > 0.001


def test_levels_are_matched_as_the_browser_plays_them(page):
    restart(page)
    sounds = [played(page, letter) for letter in "abx"]
    levels = [a_weighted_level_db(sound, 16000) for sound in sounds]
    assert np.ptp(levels) < 0.1
    assert not np.array_equal(sounds[0], sounds[1])
    press(page, "Escape")


def test_switching_goes_on_at_the_same_place(page):
    position = f"() => document.querySelector('{PANEL}').nmsynth.player.position"
    press(page, "a")
    page.wait_for_function(f"() => ({position})() > 0.2")
    press(page, "b")
    assert page.evaluate(position) > 0.15
    press(page, "Escape")
    assert page.evaluate(f"() => document.querySelector('{PANEL}').nmsynth.player.playing") is False


def test_buttons_do_what_keys_do_and_have_names(page):
    restart(page)
    for name in ("Play A", "Play B", "Play X", "Stop"):
        page.get_by_role("button", name=name, exact=True).click()
    page.get_by_role("button", name="X is B").click()
    page.wait_for_function(f"() => document.querySelector('{PANEL} progress').value === 1")
    assert page.get_by_label("Compare").input_value() == "low or high"
    assert page.get_by_label("Trials", exact=True).input_value() == str(TRIALS)
    assert trial(page) == 2
    unnamed = page.evaluate(
        f"""() => [...document.querySelectorAll('{PANEL} :is(button, select, a, progress)')]
        .filter((one) => !(one.textContent.trim() || one.ariaLabel || one.labels?.length)).length"""
    )
    assert unnamed == 0


def test_the_results_can_be_taken_along(page):
    answer_all(page, lambda _: "1")
    link = page.locator(f"{PANEL} a.download")
    text = page.evaluate("href => fetch(href).then((r) => r.text())", link.get_attribute("href"))
    lines = text.strip().splitlines()
    assert lines[0] == "trial,x,answer,right"
    assert len(lines) == TRIALS + 1
    assert all(line.split(",")[2] == "A" for line in lines[1:])


@pytest.mark.parametrize(
    ("theme", "width"), list(itertools.product(("light", "dark"), (360, 800, 1600)))
)
def test_it_fits_and_can_be_read(page, lab, theme, width, repository):
    """Nothing sticks out, and words stand out from what is behind them."""
    lab.theme(page, theme)
    panel = page.locator(PANEL)
    panel.evaluate("(root, width) => (root.style.width = `${width}px`)", width)
    sticking_out = panel.evaluate(
        """(root) => [...root.querySelectorAll('button, select, p, progress, a')].filter((one) => {
            const [box, outer] = [one, root].map((node) => node.getBoundingClientRect());
            return box.width && (box.left < outer.left - 1 || box.right > outer.right + 1);
        }).length"""
    )
    contrast = panel.evaluate(
        """(root) => {
            const light = (colour) => {
                const part = colour.match(/[0-9.]+/g).slice(0, 3).map((c) => c / 255)
                    .map((c) => (c <= 0.04 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
                return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
            };
            const style = getComputedStyle(root);
            const [a, b] = [light(style.color), light(style.backgroundColor)];
            return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        }"""
    )
    folder = repository / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    panel.screenshot(path=folder / f"abx_{theme}_{width}.png")
    assert sticking_out == 0
    assert contrast > 4.5


def test_the_console_is_clean(page):
    assert page.problems == []
