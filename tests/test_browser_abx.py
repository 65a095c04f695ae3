"""The blind test in real JupyterLab and Chromium: by keyboard, equally loud, and honest.

Listeners are scripted. One guesses; the other compares what the page plays for X with what it plays
for A and B, as an ear would, since the page knows no more than that.
"""

import itertools

import numpy as np
import pytest
from lab_server import PATIENCE_S, lab_with, note_errors, write_notebook

from nmsynth_lib.loudness import a_weighted_level_db

PANEL = ".nmsynth-abx"
TRIALS = 24
RATE = 16000
LOOP = 1.0  # seconds
GLIDE = 1500  # Hz a second: the pitch tells where in its loop a sound is
LOWEST = {"low": 300, "high": 3300}  # Hz: and its height, which sound it is
SOURCE = f"""
import numpy as np
from nmsynth_lib.widgets import abx
time = np.arange({round(LOOP * RATE)}) / {RATE}
low, high = (
    loud * np.sin(2 * np.pi * (lowest * time + {GLIDE / 2} * time**2))
    for loud, lowest in ((0.3, {LOWEST["low"]}), (0.05, {LOWEST["high"]}))
)
abx({{"low": low, "high": high}}, trials={TRIALS})
"""

# Everything on one clock, the context's: each press of a letter, just before and just after the
# panel has dealt with it, and the sound that comes out, whenever the page finds time to look.
WATCH = """(root) => {
  const { player } = root.nmsynth;
  const watch = { presses: [], windows: [], root };
  const look = () => {  // again, if time went on between the two
    for (;;) {
      const time = player.context.currentTime;
      const position = player.position;
      if (player.context.currentTime === time) return { time, position };
    }
  };
  watch.onKey = (event) => {
    const press = { letter: event.key.toUpperCase(), before: look(), after: null };
    watch.presses.push(press);
    setTimeout(() => (press.after = look()), 0);
  };
  window.addEventListener('keydown', watch.onKey, { capture: true });
  watch.timer = setInterval(() => {
    const samples = new Float32Array(player.analyser.fftSize);
    const { time } = look();
    player.analyser.getFloatTimeDomainData(samples);
    if (player.context.currentTime !== time || watch.windows.at(-1)?.time === time) return;
    watch.windows.push({ time, samples: Array.from(samples) });
  }, 20);
  window.watch = watch;
}"""
UNWATCH = """() => {
  const { presses, windows, onKey, timer } = window.watch;
  window.removeEventListener('keydown', onKey, { capture: true });
  clearInterval(timer);
  delete window.watch;
  return { presses, windows };
}"""
# Ten looks at a sound that has wholly faded in.
SEEN = """() => {
  const { presses, windows } = window.watch;
  const { after } = presses.at(-1) ?? {};
  return after && windows.filter(({ time }) => time > after.time + 0.3).length >= 10;
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    path = write_notebook(tmp_path_factory.mktemp("made") / "abx.ipynb", SOURCE)
    with lab_with(path, tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="module")
def page(lab, chromium):
    page = chromium.new_context(viewport={"width": 1200, "height": 800}).new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    page.problems = note_errors(page, [])
    lab.open_and_run(page, "abx.ipynb")
    page.wait_for_selector(PANEL)
    return page


def trial(page) -> int:
    return page.evaluate(f"() => document.querySelector('{PANEL} progress').value") + 1


def press(page, key):
    page.locator(PANEL).focus()
    page.keyboard.press(key)


def restart(page):
    """Begins anew; a test without an answer is new already, and other lots could come late."""
    if trial(page) == 1:
        return
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


def heard_place(samples) -> tuple[float, float]:
    """Place in the loop at a window's middle, in seconds, and the width of its spectrum, in Hz."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / RATE)
    middle = np.average(hz, weights=power)
    width = np.sqrt(np.average((hz - middle) ** 2, weights=power))
    lowest = max(lowest for lowest in LOWEST.values() if lowest < middle + 100)
    return (middle - lowest) / GLIDE, width


def apart(place, other):
    """Seconds from one place in the loop to another, the shorter way round."""
    return abs((place - other + LOOP / 2) % LOOP - LOOP / 2)


def phases(windows, since, until) -> list[float]:
    """Where the loop began, on the context's clock, by each look at a sound between two times."""
    length = 2048 / RATE
    whole = [w for w in windows if w["time"] - length > since + 0.06 and w["time"] < until]
    looks = [(w["time"] - length / 2, *heard_place(np.array(w["samples"]))) for w in whole]
    # A window over the seam holds the end and the beginning of the glide: it is far wider.
    return [(time - place) % LOOP for time, place, width in looks if width < 100]


def test_switching_goes_on_at_the_same_place(page, record_property):
    """What sounds after a switch is where it would be without, by its pitch and by `position`.

    Nothing here depends on how soon the page or this test gets its turn: a switch that took the
    page long may come that much late, and one near the loop's beginning tells nothing.
    """
    restart(page)
    press(page, "a")
    page.wait_for_function(f"() => document.querySelector('{PANEL}').nmsynth.player.playing")
    page.locator(PANEL).evaluate(WATCH)
    telling = 0
    for number in range(40):
        press(page, "ab"[number % 2])
        page.wait_for_function(SEEN)
        before, after = page.evaluate(
            "() => [window.watch.presses.at(-1)].flatMap(({ before, after }) => [before, after])"
        )
        took = after["time"] - before["time"]
        assert apart(after["position"], before["position"] + took) < 0.02
        telling += apart(before["position"], 0) > 0.15 + took
        if telling >= 5:
            break
    assert telling >= 5
    watched = page.evaluate(UNWATCH)
    starts = [press["after"]["time"] for press in watched["presses"]]
    took = [one["after"]["time"] - one["before"]["time"] for one in watched["presses"]]
    ends = [press["before"]["time"] for press in watched["presses"][1:]] + [np.inf]
    began = [
        np.median(phases(watched["windows"], *span)) for span in zip(starts, ends, strict=True)
    ]
    moved = [apart(one, other) for one, other in itertools.pairwise(began)]
    record_property("moved_ms", [round(1000 * float(seconds), 1) for seconds in moved])
    record_property("took_ms", [round(1000 * seconds, 1) for seconds in took])
    late = [sum(pair) for pair in itertools.pairwise(took)]
    assert all(one < 0.04 + other for one, other in zip(moved, late, strict=True)), (moved, late)
    press(page, "Escape")
    assert page.evaluate(f"() => document.querySelector('{PANEL}').nmsynth.player.playing") is False


def test_a_sound_that_just_starts_is_at_its_beginning(page):
    """Not at the loop's end, in the milliseconds before its first sample."""
    position, took = page.locator(PANEL).evaluate(
        """async (root) => {
            const { player } = root.nmsynth;
            player.setSound(root.nmsynth.sounds.A);
            const before = player.context.currentTime;
            await player.play();
            const position = player.position;
            const took = player.context.currentTime - before;
            player.stop();
            return [position, took];
        }"""
    )
    assert 0 <= position <= took


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
