"""Player, mixer and compare in a real JupyterLab and Chromium, by keyboard and by mouse.

Every part of every sound is a sine of its own frequency and level, so that what the browser plays
tells by itself which takes and parts are in it, and how loud each is.
"""

import ast
import json
import math

import numpy as np
import pytest
import soundfile
from accessibility import at_width, serious_faults
from conftest import CHROMIUM_FLAGS
from lab_server import PATIENCE_S, lab_with, note_errors, write_notebook

from nmsynth_lib.loudness import a_weighted_level_db
from nmsynth_lib.widgets.parts import script, styles

RATE = 16000
PLAYER, MIXER, COMPARE = (f".nmsynth-{name}" for name in ("player", "mixer", "compare"))
TONES = {"deep": (250, 0.4), "high": (2000, 0.1)}  # label: Hz and level
PARTS = {  # whole periods in the loop; label: Hz and level
    "partial 1": (200, 0.2),
    "partial 2": (400, 0.1),
    "noise": (3000, 0.02),
    "reverb": (1000, 0.05),
}
SOURCES = [
    f"""
import numpy as np
from nmsynth_lib.widgets import compare, player
from nmsynth_lib.widgets.mixer_widget import Mixer
time = np.arange(2 * {RATE}) / {RATE}
tone = lambda hz, level: (level * np.sin(2 * np.pi * hz * time)).astype("f4")
tones = {{label: tone(*values) for label, values in {TONES!r}.items()}}
parts = {{label: tone(*values) for label, values in {PARTS!r}.items()}}
p = player(*tones.values(), labels=list(tones))
p""",
    """m = Mixer(
    {name: parts[name] for name in ("noise", "reverb")},
    {name: parts[name] for name in ("partial 1", "partial 2")},
    name="Four sines",
)
m""",
    "c = compare(tones)\nc",
]
LEVELS = """async (root, tones) => {
  const { player } = root.nmsynth;
  const { fftSize, context: { sampleRate } } = player.analyser;
  const samples = new Float32Array(fftSize);
  const seen = [];
  let last = 0;
  await new Promise((wait) => setTimeout(wait, 300));  // faded in, and a whole window after that
  while (seen.length < 5) {
    const time = player.context.currentTime;
    player.analyser.getFloatTimeDomainData(samples);
    if (time > last && player.context.currentTime === time) {
      last = time;
      seen.push(tones.map((hz) => {
        let [re, im, sum] = [0, 0, 0];
        samples.forEach((sample, i) => {
          const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / fftSize);
          const angle = (2 * Math.PI * hz * i) / sampleRate;
          re += window * sample * Math.cos(angle);
          im += window * sample * Math.sin(angle);
          sum += window;
        });
        return (2 * Math.hypot(re, im)) / sum;
      }));
    }
    await new Promise((wait) => setTimeout(wait, 20));
  }
  return seen;
}"""
# Place in the loop minus time on the audio clock: does not change unless the place jumps.
PLACE = """(root) => {
  const { player } = root.nmsynth;
  for (;;) {
    const time = player.context.currentTime;
    const position = player.position;
    if (player.context.currentTime === time) return (position - time) % player.seconds;
  }
}"""
# Hears every sample on the audio thread, however busy the page is.
WATCH = """async (root) => {
  const { analyser, context } = root.nmsynth.player;
  const code = `registerProcessor("watch", class extends AudioWorkletProcessor {
    constructor() {
      super();
      this.last = 1;
      this.quietest = 1;
      this.port.onmessage = () => this.port.postMessage(this.quietest);
    }
    process([[samples]]) {
      const peak = samples ? samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0) : 0;
      this.quietest = Math.min(this.quietest, Math.max(peak, this.last));
      this.last = peak;
      return true;
    }
  });`;
  await context.audioWorklet.addModule(URL.createObjectURL(
    new Blob([code], { type: "text/javascript" })));
  window.watch = new AudioWorkletNode(context, "watch");
  analyser.connect(window.watch);
}"""
QUIETEST = """() => new Promise((resolve) => {
  window.watch.port.onmessage = ({ data }) => resolve(data);
  window.watch.port.postMessage("");
})"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    path = write_notebook(tmp_path_factory.mktemp("made") / "players.ipynb", *SOURCES)
    with lab_with(path, tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="module")
def page(lab, chromium):
    page = chromium.new_context(viewport={"width": 1280, "height": 1400}).new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    page.problems = note_errors(page, [])
    lab.open_and_run(page, "players.ipynb")
    for selector in (PLAYER, MIXER, COMPARE):
        page.locator(selector).wait_for()
    return page


class Widget:
    """One of the widgets, as its user meets it."""

    def __init__(self, page, selector):
        self.page, self.selector = page, selector
        self.root = page.locator(selector)
        self.root.scroll_into_view_if_needed()

    def by(self, role, name):
        return self.root.get_by_role(role, name=name, exact=True)

    def press(self, target, *keys):
        target.focus()
        for key in keys:
            self.page.keyboard.press(key)

    def play(self):
        if not self.root.evaluate("root => root.nmsynth.player.playing"):
            self.press(self.by("button", "Play"), "Enter")
            self.by("button", "Stop").wait_for()

    def stop(self):
        if self.root.evaluate("root => root.nmsynth.player.playing"):
            self.by("button", "Stop").click()

    def levels(self, tones):
        """Amplitude of each sine in what the browser plays now: label to level."""
        hz = [frequency for frequency, _ in tones.values()]
        seen = np.median(self.root.evaluate(LEVELS, hz), axis=0)
        return dict(zip(tones, seen, strict=True))

    def wait_for(self, condition, arg=None):
        handle = self.root.element_handle()
        self.page.wait_for_function(f"([root, arg]) => ({condition})(root, arg)", arg=[handle, arg])


@pytest.fixture
def widget(page):
    """Makes a `Widget`; it is silent again afterwards."""
    made = []

    def of(selector):
        made.append(Widget(page, selector))
        return made[-1]

    yield of
    for one in made:
        one.stop()


def in_kernel(page, code, expression="None"):
    """Runs code in the notebook's kernel; what an expression is then, read back."""
    answer = page.evaluate(
        """async ([code, expression]) => {
          const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
          const user_expressions = { it: expression };
          const { content } = await kernel.requestExecute({ code, user_expressions }).done;
          return content;
        }""",
        [code, f"__import__('json').dumps({expression})"],
    )
    assert answer["status"] == "ok", answer
    return json.loads(ast.literal_eval(answer["user_expressions"]["it"]["data"]["text/plain"]))


# --- Player ---------------------------------------------------------------------------------------


def test_a_take_changes_by_key_without_a_gap_and_at_the_same_place(widget, record_property):
    """By letter, by arrow and by mouse; level never falls, not even for a fraction of a window."""
    player = widget(PLAYER)
    player.play()
    assert player.levels(TONES)["deep"] == pytest.approx(0.4, rel=0.03)
    player.root.evaluate(WATCH)
    places = [player.root.evaluate(PLACE)]
    for how in ("letter", "arrow", "mouse", "letter"):
        heard = "B" if player.by("radio", "A: deep").is_checked() else "A"
        if how == "letter":
            player.press(player.by("button", "Stop"), heard.lower())
        elif how == "arrow":
            player.press(player.root.get_by_role("radio", checked=True), "ArrowDown")
        else:
            player.root.get_by_text(f"{heard}: ").first.click()
        label = ("deep", "high")["AB".index(heard)]
        player.by("radio", f"{heard}: {label}").wait_for()
        player.wait_for("(root, letter) => root.nmsynth.bar.letter === letter", heard)
        player.page.wait_for_timeout(250)
        places.append(player.root.evaluate(PLACE))
    quietest = player.page.evaluate(QUIETEST)
    record_property("quietest_peak_of_16_ms", round(quietest, 3))
    moved = np.diff(places)
    assert np.abs((moved + 1) % 2 - 1).max() < 0.01
    assert quietest > 0.09  # the quieter take has 0.1
    assert player.levels(TONES)["deep"] == pytest.approx(0.4, rel=0.03)


def test_position_by_keyboard_and_by_mouse(widget):
    player = widget(PLAYER)
    slider = player.by("slider", "Player: position")

    def position():
        assert float(slider.get_attribute("aria-valuenow")) == pytest.approx(
            player.root.evaluate("root => root.nmsynth.player.position"), abs=0.006
        )
        return float(slider.get_attribute("aria-valuenow"))

    assert slider.get_attribute("aria-valuemax") == "2.00"
    player.press(slider, "Home", *["ArrowRight"] * 3, "PageUp")
    assert position() == pytest.approx(0.5)
    assert slider.get_attribute("aria-valuetext") == "0.50 of 2.00 seconds"
    player.press(slider, "End")
    assert position() == pytest.approx(2.0, abs=0.01)
    box = slider.bounding_box()
    plot = box["width"] - 46 - 6
    y = box["y"] + box["height"] / 2
    player.page.mouse.click(box["x"] + 46 + plot / 4, y)
    assert position() == pytest.approx(0.5, abs=0.02)
    player.page.mouse.move(box["x"] + 46 + plot / 4, y)
    player.page.mouse.down()
    player.page.mouse.move(box["x"] + 46 + plot * 0.7, y, steps=4)
    player.page.mouse.up()
    player.page.mouse.move(box["x"] + 46, y)
    assert position() == pytest.approx(1.4, abs=0.02)
    player.press(slider, "Space")  # plays from there
    player.by("button", "Stop").wait_for()
    now = "root => root.nmsynth.player.context.currentTime"

    def sought(seconds, gesture):
        """It plays from that place on, whenever between the two the gesture arrived."""
        before = player.root.evaluate(now)
        gesture()
        place, after = player.root.evaluate(PLACE), player.root.evaluate(now)
        assert (seconds - place - before + 0.01) % 2 < after - before + 0.02

    sought(0, lambda: player.press(slider, "Home"))
    place = player.root.evaluate(
        """({ nmsynth: { bar, player } }) => {
          bar.seek(1.25);
          return player.position;
        }"""
    )
    assert place == pytest.approx(1.25, abs=0.05)
    sought(1.5, lambda: player.page.mouse.click(box["x"] + 46 + 0.75 * plot, y))
    player.press(slider, "Home")
    player.press(slider, "Space")
    assert player.by("button", "Play").is_visible()
    assert position() == 0.0


def test_the_level_is_shown_and_not_shouted(widget):
    """0.4 of full scale is -8 dBFS; a screen reader is not told of it all the time."""
    player = widget(PLAYER)
    player.press(player.by("button", "Play"), "a")
    meter = player.by("meter", "Level, dBFS")
    assert float(meter.get_attribute("value")) == -60
    player.play()
    player.wait_for("(root) => Math.abs(root.querySelector('meter').value + 7.96) < 0.3")
    assert player.root.locator(".peak").inner_text() == "peak −8.0 dBFS"
    live = "(node) => Boolean(node.closest('[aria-live], [role=status], [role=alert]'))"
    assert not player.root.locator(".peak").evaluate(live)
    assert not meter.evaluate(live)
    assert "You hear A: deep, 2.00 seconds, peak −8.0 dBFS." in player.root.inner_text()


def test_without_loop_it_stops_at_the_end(widget):
    player = widget(PLAYER)
    player.press(player.by("checkbox", "Loop"), "Space")
    player.press(player.by("slider", "Player: position"), "Home")
    player.play()
    player.by("button", "Play").wait_for()
    player.press(player.by("checkbox", "Loop"), "Space")


def test_the_wav_is_the_sound(widget, tmp_path):
    """To the last of 16 bits, under the name of the take."""
    player = widget(PLAYER)
    player.press(player.by("button", "Play"), "b")
    with player.page.expect_download() as download:
        player.press(player.by("button", "Download WAV"), "Enter")
    assert download.value.suggested_filename == "high.wav"
    download.value.save_as(tmp_path / "high.wav")
    samples, rate = soundfile.read(tmp_path / "high.wav", dtype="int16")
    assert soundfile.info(tmp_path / "high.wav").subtype == "PCM_16"
    hz, level = TONES["high"]
    time = np.arange(2 * RATE) / RATE
    exact = (level * np.sin(2 * np.pi * hz * time)).astype("f4") * 32767
    assert rate == RATE
    assert np.array_equal(samples, exact.round())


def test_python_feeds_it_while_it_plays(widget):
    """A new sound is heard at once, at the same place; Python knows which take is heard."""
    player = widget(PLAYER)
    player.press(player.by("button", "Play"), "b")
    player.play()
    before = player.root.evaluate(PLACE)
    assert in_kernel(player.page, "p.show(tone(600, 0.2), 'fed')", "p.heard") == "C"
    player.by("radio", "C: fed").wait_for()
    assert player.levels({"fed": (600, 0)})["fed"] == pytest.approx(0.2, rel=0.03)
    assert abs((player.root.evaluate(PLACE) - before + 1) % 2 - 1) < 0.01
    player.press(player.by("button", "Stop"), "a")
    player.wait_for("(root) => root.nmsynth.bar.letter === 'A'")
    player.page.wait_for_timeout(200)
    assert in_kernel(player.page, "", "p.heard") == "A"
    in_kernel(player.page, "p.takes = p.takes[:2]")
    player.by("radio", "C: fed").wait_for(state="detached")


def test_one_sound_at_a_time(widget):
    player, mixer = widget(PLAYER), widget(MIXER)
    player.play()
    mixer.play()
    assert player.by("button", "Play").is_visible()
    assert not player.root.evaluate("root => root.nmsynth.player.playing")


# --- Mixer ----------------------------------------------------------------------------------------


def test_mixer_by_keyboard(widget):
    """What is soloed, muted and turned down is what the browser plays, within 2 %."""
    mixer = widget(MIXER)
    mixer.play()
    full = {label: level for label, (_, level) in PARTS.items()}

    def heard(words, **levels):
        expected = {label: levels.get(label.replace(" ", "_"), 0.0) for label in PARTS}
        assert mixer.levels(PARTS) == pytest.approx(expected, rel=0.02, abs=2e-4)
        mixer.wait_for("(root, words) => root.innerText.includes(words)", words)

    everything = {label.replace(" ", "_"): level for label, level in full.items()}
    heard("You hear harmonic, noise, reverb. Master 0 dB", **everything)
    solo = mixer.by("button", "Solo partial 2")
    mixer.press(solo, "Enter")
    assert solo.get_attribute("aria-pressed") == "true"
    heard("You hear partial 2. Silent: partial 1, noise, reverb. Master 0 dB", partial_2=0.1)
    mixer.press(solo, "Enter")
    mixer.press(mixer.by("button", "Mute noise"), "Space")
    gain = mixer.by("slider", "Gain of harmonic")
    mixer.press(gain, *["ArrowLeft"] * 6)
    assert gain.get_attribute("aria-valuetext") == "−6 dB"
    noise = mixer.by("slider", "Gain of noise")
    assert noise.get_attribute("aria-valuetext") == "0 dB, muted"
    mixer.press(mixer.by("slider", "Master level"), *["ArrowLeft"] * 20)
    factor = 10 ** (-20 / 20)
    lower = factor * 10 ** (-6 / 20)
    heard(
        "You hear harmonic (−6 dB), reverb. Silent: noise. Master −20 dB",
        partial_1=0.2 * lower,
        partial_2=0.1 * lower,
        reverb=0.05 * factor,
    )
    assert in_kernel(mixer.page, "", "m.mix") == {
        "gains": {"harmonic": -6},
        "muted": ["noise"],
        "soloed": [],
        "master": -20,
    }
    mixer.press(mixer.by("button", "As rendered"), "Enter")
    heard("You hear harmonic, noise, reverb. Master 0 dB", **everything)


def test_the_browsers_sum_is_pythons_sum(widget, record_property):
    """All parts by the browser's own engine: the whole, to -80 dB, and so is any other mix."""
    mixer = widget(MIXER)
    for mix in (
        {},
        {"gains": {"partial 1": -7, "reverb": 5}, "muted": ["noise"], "master": -3},
        {"soloed": ["harmonic", "noise"], "gains": {"harmonic": -12}},
        {"soloed": ["harmonic", "partial 2", "noise"]},
        {"muted": ["harmonic"]},
    ):
        python = np.array(in_kernel(mixer.page, f"m.mix = {mix!r}", "m.audio.tolist()"))
        mixer.wait_for(
            "(root, mix) => Object.entries(mix).every(([name, value]) =>"
            " JSON.stringify(root.nmsynth.mix()[name]) === JSON.stringify(value))",
            {"gains": {}, "muted": [], "soloed": [], "master": 0} | mix,
        )
        browser = np.array(
            mixer.root.evaluate("async (root) => Array.from(await root.nmsynth.rendered())")
        )
        shown = np.array(
            mixer.root.evaluate("(root) => Array.from(root.nmsynth.bar.shown.samples)")
        )
        for made in (browser, shown):
            noise, power = np.square(made - python).mean(), np.square(python).mean()
            error = 10 * np.log10(noise / power + 1e-20)
            assert error < -80, mix
    record_property("browser_sum_against_python_db", round(error, 1))
    in_kernel(mixer.page, "m.mix = {}")


def test_too_loud_is_said(widget):
    mixer = widget(MIXER)
    mixer.press(mixer.by("slider", "Master level"), "End")
    time = np.arange(2 * RATE) / RATE
    whole = sum(level * np.sin(2 * np.pi * hz * time) for hz, level in PARTS.values())
    over = math.ceil(12 + 20 * np.log10(np.abs(whole).max()))
    assert over > 0
    said = mixer.root.get_by_role("alert").inner_text()
    assert said == f"Too loud: it clips. Turn the master down by {over} dB."
    mixer.press(mixer.by("button", "As rendered"), "Enter")
    assert not mixer.root.locator(".problem").is_visible()


# --- Compare --------------------------------------------------------------------------------------


def test_compare_matches_by_default_and_can_be_told_not_to(widget):
    """Equally loud by the A curve as the browser plays them; as they are without the tick."""
    both = widget(COMPARE)
    both.play()

    def played():
        found = {}
        for letter, label in zip("ab", TONES, strict=True):
            both.press(both.by("button", "Stop"), letter)
            found[label] = both.levels(TONES)[label]
            samples = both.root.evaluate(
                "root => Array.from(root.nmsynth.player.voice.source.buffer.getChannelData(0))"
            )
            found[f"{label}, dB(A)"] = a_weighted_level_db(np.array(samples), RATE)
        return found

    matched = played()
    assert matched["deep, dB(A)"] == pytest.approx(matched["high, dB(A)"], abs=0.1)
    # -8.67 dB at 250 Hz and +1.2 at 2 kHz (IEC 61672-1): 0.4 there is as loud as 0.128 here.
    assert matched["high"] == pytest.approx(0.128, rel=0.03)
    assert matched["deep"] == pytest.approx(0.4, rel=0.03)
    said = " ".join(both.root.inner_text().split())
    assert "A: deep as it is" in said and "B: high turned up by 2.2 dB" in said
    box = both.by("checkbox", "All equally loud")
    assert box.is_checked()
    both.press(box, "Space")
    both.wait_for("(root) => !root.innerText.includes('turned up')")
    raw = played()
    assert raw["deep"] == pytest.approx(0.4, rel=0.03)
    assert raw["high"] == pytest.approx(0.1, rel=0.03)
    assert in_kernel(both.page, "", "c.matched") is False
    both.press(box, "Space")


def test_a_picture_is_heard_by_a_click_and_says_so(widget):
    both = widget(COMPARE)
    pictures = both.root.get_by_role("figure")
    assert pictures.count() == 2
    for number, letter in ((1, "B"), (0, "A")):
        pictures.nth(number).click()
        assert both.root.evaluate("root => root.nmsynth.bar.letter") == letter
        assert pictures.nth(number).get_by_text("you hear this").is_visible()
        assert not pictures.nth(1 - number).get_by_text("you hear this").is_visible()
    heights = [picture.locator("canvas").bounding_box() for picture in pictures.all()]
    assert heights[0]["height"] == heights[1]["height"]
    assert heights[0]["width"] == heights[1]["width"]


# --- All of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_they_fit_and_shut_nobody_out(page, lab, theme, repository):
    """360 to 1,600 px, no part wider than its place; axe finds nothing serious at the narrowest."""
    lab.theme(page, theme)
    folder = repository / "build" / "screenshots"
    for selector in (PLAYER, MIXER, COMPARE):
        for width in (1600, 800, 360):
            picture = folder / f"{selector[9:]}_{theme}_{width}.png"
            with at_width(page.locator(selector), width, picture) as sticking_out:
                assert sticking_out == [], (selector, width)
                assert width > 360 or serious_faults(page, selector) == []


def test_no_error_on_the_console(page):
    assert page.problems == []


def test_without_a_kernel_they_play_and_mix_on(lab, page, widget):
    """Last, because it takes the kernel away: no move of these three needs it."""
    lab.kill_kernels()
    page.wait_for_timeout(1000)  # for JupyterLab's notice
    for button in page.locator(".jp-Dialog button.jp-mod-accept").all():
        button.click()
    mixer = widget(MIXER)
    mixer.play()
    mixer.press(mixer.by("button", "Solo noise"), "Enter")
    levels = mixer.levels(PARTS)
    assert levels["noise"] == pytest.approx(0.02, rel=0.03)
    assert levels["partial 1"] < 1e-3
    both = widget(COMPARE)
    both.play()
    both.press(both.by("button", "Stop"), "b")
    assert both.levels(TONES)["high"] == pytest.approx(0.128, rel=0.03)
    both.press(both.by("checkbox", "All equally loud"), "Space")
    assert both.levels(TONES)["high"] == pytest.approx(0.1, rel=0.03)


# --- The bar alone, for widgets whose sound changes under the hand --------------------------------

BAR = ("player.js", "elements.js", "pictures.js", "position_wave.js", "player_bar.js")
START = """
const shown = [];
const bar = new PlayerBar({
  label: "Test", onShown: (sound, letter) => shown.push([letter, sound.label]),
});
const root = element("section", { class: "nmsynth" }, bar.node, bar.waveform);
document.body.append(root);
const tone = (hz, label) => ({
  samples: Float32Array.from({ length: 16000 }, (_, i) => 0.5 * Math.sin(Math.PI * hz * i / 8000)),
  rate: 16000,
  label,
});
root.nmsynth = { bar, player: bar.player, shown, tone };
"""


def bar_page(browser, folder, extra=""):
    page = browser.new_page(viewport={"width": 800, "height": 400})
    page.set_default_timeout(1000 * PATIENCE_S)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    file = folder / "bar.html"  # a page written by Playwright would count as clicked
    file.write_text(
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Bar</title>"
        f"<style>{styles()}</style><body><script>{{{script(*BAR)}{START}{extra}}}</script></body></html>"
    )
    page.goto(file.as_uri())
    return page


def test_a_live_sound_is_kept_and_compared(chromium, tmp_path):
    page = bar_page(chromium, tmp_path)
    bar = Widget(page, "section")

    def live(hz, label, **options):
        bar.root.evaluate(
            """({ nmsynth: { bar, tone } }, [hz, label, options]) =>
              bar.setLive(tone(hz, label), options)""",
            [hz, label, options],
        )

    live(400, "first")
    assert bar.by("radio", "C: live, first").is_checked()
    assert bar.by("radio", "A: empty").is_disabled()
    bar.press(bar.by("button", "Keep as A"), "Enter")
    assert "Kept as A: first." in bar.root.get_by_role("status").inner_text()
    bar.play()
    place = bar.root.evaluate(PLACE)
    live(900, "second")
    tones = {"first": (400, 0), "second": (900, 0)}
    assert bar.levels(tones) == pytest.approx({"first": 0, "second": 0.5}, abs=0.02)
    bar.press(bar.by("radio", "C: live, second"), "a")
    assert bar.levels(tones) == pytest.approx({"first": 0.5, "second": 0}, abs=0.02)
    live(900, "third", listen=False)
    assert bar.levels(tones)["first"] == pytest.approx(0.5, abs=0.02)
    bar.press(bar.by("radio", "A: first"), "ArrowUp")  # round to the last
    assert bar.by("radio", "C: live, third").is_checked()
    assert abs((bar.root.evaluate(PLACE) - place + 0.5) % 1 - 0.5) < 0.01
    assert bar.root.evaluate("(root) => root.nmsynth.bar.outline.letter") == "A"
    kept = bar.root.evaluate("({ nmsynth: { bar: { kept } } }) => [kept.A.label, kept.B]")
    assert kept == ["first", None]
    assert bar.root.evaluate("(root) => root.nmsynth.shown") == [
        ["C", "first"],
        ["C", "second"],
        ["A", "first"],
        ["C", "third"],
    ]
    bar.root.evaluate("(root) => root.nmsynth.bar.answered(performance.now() - 50)")
    (latency,) = bar.root.evaluate("(root) => root.nmsynth.bar.latencies")
    assert 50 < latency < 1000
    assert serious_faults(page, "section") == []
    bar.root.evaluate("(root) => root.nmsynth.bar.close()")
    assert not bar.root.evaluate("(root) => root.nmsynth.player.playing")
    assert page.problems == []
    page.close()


def test_a_browser_that_wants_a_click_first_is_explained(chromium, chromium_path, tmp_path):
    """A sound that something else than a gesture starts: says so, and Play then plays."""
    flags = [flag for flag in CHROMIUM_FLAGS if "autoplay" not in flag]
    strict = chromium.browser_type.launch(
        executable_path=chromium_path,
        args=[*flags, "--autoplay-policy=document-user-activation-required"],
    )
    page = bar_page(strict, tmp_path, "bar.setLive(tone(400)); bar.play();")
    bar = Widget(page, "section")
    page.get_by_text("The browser waits for a click: press Play.").wait_for()
    assert not bar.root.evaluate("(root) => root.nmsynth.player.playing")
    bar.by("button", "Play").click()
    bar.by("button", "Stop").wait_for()
    assert bar.levels({"it": (400, 0)})["it"] == pytest.approx(0.5, abs=0.02)
    assert page.get_by_role("status").inner_text() == ""
    assert page.problems == []
    strict.close()
