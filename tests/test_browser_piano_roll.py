"""The piano roll in a real JupyterLab and a real Chromium: a phrase redrawn, a recording annotated.

What was drawn is judged by the MIDI file that the browser hands out, and by `nmsynth check`.
"""

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from accessibility import at_width, serious_faults
from lab_server import PATIENCE_S, lab_with, note_errors, write_notebook
from machine import slowness

from nmsynth_lib.audio import write_audio
from nmsynth_lib.guitars.string import string_audio
from nmsynth_lib.performance import Note, Performance

ROOT = Path(__file__).resolve().parents[1]
SCREENSHOTS = ROOT / "build" / "screenshots"
RATE = 16000
PITCHES = (40, 45, 50, 55, 59, 64, 47, 52, 43, 57)
VELOCITIES = (50, 110, 80, 120, 65, 95, 40, 105, 75, 60)
TAKE = Performance.from_notes(
    [(pitch, velocity, 0.5 + 3.2 * i, 2.9 + 3.2 * i)
     for i, (pitch, velocity) in enumerate(zip(PITCHES, VELOCITIES, strict=True))],
    cc={55: 127},
    name="take",
)  # fmt: skip

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# The sound that the page has is that of what is drawn, and nothing is on its way.
SETTLED = """(root) => {
  const { desk } = root.nmsynth;
  return !desk.wire.waiting && desk.live?.heard.by === desk.model.get('roll').by;
}"""


def astray(performance, seed=0):
    """The same with onsets 30 to 80 ms off, early or late, as if drawn in by eye."""
    dice = random.Random(seed)
    offs = [dice.choice([-1, 1]) * dice.uniform(0.030, 0.080) for _ in performance.notes]
    notes = [Note(n.pitch, n.velocity, n.onset + off, n.offset)
             for n, off in zip(performance.notes, offs, strict=True)]  # fmt: skip
    return Performance.from_notes(notes, dict(performance.controllers), name="take")


class Roll:
    """The piano roll as a person meets it."""

    def __init__(self, page, number):
        self.page = page
        self.root = page.locator("section.nmsynth-roll").nth(number)
        self.root.wait_for()
        self.notes = self.root.locator("canvas.roll")
        self.lane = self.root.locator("canvas.lane").first

    def look(self, expression, arg=None):
        """A JavaScript expression of the desk (`desk`) and an argument (`arg`)."""
        return self.root.evaluate(
            f"(root, arg) => (({{ desk }}) => {expression})(root.nmsynth)", arg
        )

    def settled(self):
        self.page.wait_for_function(SETTLED, arg=self.root.element_handle())

    def button(self, name):
        return self.root.get_by_role("button", name=name, exact=True)

    def choose(self, menu, value):
        self.root.get_by_label(menu, exact=True).select_option(value)

    def type(self, field, value):
        """Types a number and leaves the field."""
        box = self.root.get_by_role("spinbutton", name=field, exact=True)
        box.fill(str(value))
        box.press("Tab")

    def press(self, *keys, on=None):
        (on or self.notes).focus()
        for key in keys:
            self.page.keyboard.press(key)

    def place(self, time, pitch):
        """Where on the page a time and the middle of a pitch's row are."""
        box = self.notes.bounding_box()
        x, y = self.look("[desk.view.x(arg[0]), desk.view.y(arg[1]) + desk.view.rowHeight / 2]",
                         [time, pitch])  # fmt: skip
        return box["x"] + x + 1, box["y"] + y + 1

    def lane_place(self, time, value):
        box = self.lane.bounding_box()
        x, y = self.look("[desk.view.x(arg[0]), desk.lanes[0].y(arg[1])]", [time, value])
        return box["x"] + x + 1, box["y"] + y + 1

    def drag(self, *places):
        """Presses at the first place, moves through the others, and lets go."""
        mouse = self.page.mouse
        mouse.move(*places[0])
        mouse.down()
        for place in places[1:]:
            mouse.move(*place, steps=3)
        mouse.up()

    def draw(self, onset, offset, pitch):
        """Draws a note from within the cell of the grid that it begins in."""
        self.drag(self.place(onset + 0.01, pitch), self.place(offset, pitch))

    def rows(self):
        return self.look("desk.edits.plain().notes")

    def lane_points(self):
        return self.look("desk.edits.lane(55)")

    def exported(self, folder):
        self.settled()
        with self.page.expect_download() as waiting:
            self.button("Export MIDI").click()
        path = folder / "export.mid"
        waiting.value.save_as(path)
        return Performance.from_midi(path)

    def emptied(self):
        """Back to an empty roll, and nothing to undo that a test could trip over."""
        self.button("Clear").click()
        self.page.keyboard.press("Escape")
        self.choose("Grid", "1/20 s")
        self.choose("Notes", "Draw and move")
        assert self.rows() == []


def notebook(folder):
    """A notebook with an empty roll, and one with a recording whose annotation is astray."""
    write_audio(folder / "take.flac", string_audio(TAKE, RATE, seed=1), RATE)
    astray(TAKE).write_midi(folder / "astray.mid")
    empty = "from nmsynth_lib.widgets import piano_roll\nroll = piano_roll()\nroll"
    annotated = (
        f"folder = {str(folder)!r}\n"
        "take = piano_roll('string', folder + '/astray.mid', audio=folder + '/take.flac')\ntake"
    )
    return write_notebook(folder / "rolls.ipynb", empty, annotated)


@pytest.fixture(scope="module")
def session(chromium, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rolls")
    with lab_with(notebook(folder), tmp_path_factory.mktemp("lab") / "a b") as lab:
        page = chromium.new_page(viewport={"width": 1280, "height": 1100}, accept_downloads=True)
        page.set_default_timeout(1000 * PATIENCE_S)
        errors = note_errors(page, [])
        lab.open_and_run(page, "rolls.ipynb")
        yield {"lab": lab, "page": page, "errors": errors, "folder": folder}
        page.close()


@pytest.fixture
def roll(session):
    one = Roll(session["page"], 0)
    one.root.scroll_into_view_if_needed()
    one.settled()
    return one


def in_kernel(page, code):
    """Runs code in the notebook's kernel; gives back what went wrong, or None."""
    return page.evaluate(
        """async (code) => {
          const { session } = window.jupyterapp.shell.currentWidget.sessionContext;
          const reply = await session.kernel.requestExecute({ code }).done;
          return reply.content.status === 'ok' ? null : reply.content.evalue;
        }""",
        code,
    )


def check(folder):
    """Exit status and words of the real command."""
    command = [sys.executable, "-m", "nmsynth_lib.cli", "check", folder]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def near(one, other, tolerance=1e-3):
    """Whether two tables of numbers are the same within a tolerance."""
    one, other = np.array(one, float), np.array(other, float)
    return one.shape == other.shape and bool((np.abs(one - other) <= tolerance).all())


def rows_of(performance):
    return [[n.pitch, n.velocity, n.onset, n.offset] for n in performance.notes]


def test_a_phrase_is_redrawn_from_nothing_and_undone_to_nothing(roll, midi_dir, tmp_path):
    """Notes by mouse, two typed, one by keys; CC55 by mouse and typed: the MIDI file is equal."""
    wanted = Performance.from_midi(midi_dir / "test_midi_longer_open_closed.mid")
    roll.emptied()
    begun = roll.look("desk.edits.past.length")
    *by_mouse, typed, other, by_keys = wanted.notes
    for note in by_mouse:
        roll.draw(note.onset, note.offset, note.pitch)
    for note in (typed, other):
        roll.press("Escape")
        for field, value in (("Onset, s", note.onset), ("End, s", note.offset),
                             ("Pitch", note.pitch), ("Velocity", note.velocity)):  # fmt: skip
            roll.type(field, round(value, 3))
        roll.button("Add note").click()
    # Behind the last one, at its pitch: one step of the grid later, and up to its own pitch.
    roll.press("Enter", "Alt+ArrowRight", *["Alt+ArrowUp"] * (by_keys.pitch - other.pitch))
    assert near(roll.rows(), rows_of(wanted))

    points = wanted.controllers[55]
    roll.choose("Lanes", "Steps")
    roll.drag(roll.lane_place(0.001, 127), roll.lane_place(0.9, 127))
    for time, value in points[1:]:
        roll.press("Escape", on=roll.lane)
        roll.type("Point at, s", round(time, 3))
        roll.type("Value", value)
        roll.button("Add point").click()
    assert near([point[:2] for point in roll.lane_points()], points)

    made = roll.exported(tmp_path)
    assert near(rows_of(made), rows_of(wanted))
    assert made.controllers.keys() == {55}
    assert near(made.controllers[55], points)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    roll.root.screenshot(path=SCREENSHOTS / "piano_roll_redrawn.png")

    for _ in range(roll.look("desk.edits.past.length") - begun):
        roll.press("Control+z")
    assert (roll.rows(), roll.lane_points()) == ([], [])
    roll.settled()
    assert roll.look("desk.live.samples.every((sample) => sample === 0)")
    roll.button("Export MIDI").click()
    roll.root.get_by_text("The roll has no notes. Draw at least one.").wait_for()
    for _ in range(roll.look("desk.edits.future.length")):
        roll.press("Control+y")
    assert near(roll.rows(), rows_of(wanted))


def test_dragging_shows_the_overlap_and_dropping_resolves_it(roll):
    """Hatched and in words while it lasts; the earlier note ends where the later begins."""
    roll.emptied()
    roll.draw(0.5, 1.0, 50)
    roll.draw(1.5, 2.0, 55)
    mouse = roll.page.mouse
    mouse.move(*roll.place(1.75, 55))
    mouse.down()
    mouse.move(*roll.place(1.0, 57), steps=5)
    words = roll.root.locator(".now").inner_text()
    assert "D3 and A3 overlap by 250 ms (hatched)" in words
    assert "When dropped: D3 will end at 0.750 s." in words
    assert near(roll.rows(), [[50, 100, 0.5, 1.0], [55, 100, 1.5, 2.0]])  # not yet
    roll.root.screenshot(path=SCREENSHOTS / "piano_roll_overlap.png")
    mouse.up()
    assert near(roll.rows(), [[50, 100, 0.5, 0.75], [57, 100, 0.75, 1.25]])
    assert "D3 now ends at 0.750 s." in roll.root.locator(".now").inner_text()
    # Onto its very onset nothing would be left of the other: refused, in words, all as before.
    roll.drag(roll.place(1.0, 57), roll.place(0.75, 57))
    assert near(roll.rows(), [[50, 100, 0.5, 0.75], [57, 100, 0.75, 1.25]])
    assert "nothing would be left of D3" in roll.root.get_by_role("alert").inner_text()
    roll.drag(roll.place(0.98, 57), roll.place(0.98, 58))  # the next edit takes the words away
    assert roll.root.get_by_role("alert").count() == 0
    # At either end, and erased.
    roll.drag(roll.place(1.245, 58), roll.place(1.495, 58))
    roll.drag(roll.place(0.505, 50), roll.place(0.305, 50))
    assert near(roll.rows(), [[50, 100, 0.3, 0.75], [58, 100, 0.75, 1.5]])
    roll.choose("Notes", "Erase")
    roll.drag(roll.place(0.5, 50), roll.place(0.55, 50))
    assert near(roll.rows(), [[58, 100, 0.75, 1.5]])


def test_whoever_has_only_a_keyboard_can_do_everything(roll):
    """Add, walk, move, resize, velocity, delete, a lane with a glide; each step is announced."""
    roll.emptied()
    said = roll.root.locator(".now").inner_text
    roll.press("Enter")
    assert "note 1 of 1" in said()
    roll.type("End, s", 0.25)
    roll.type("Velocity", 100)
    roll.press("Alt+ArrowUp", "Alt+ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown")
    assert near(roll.rows(), [[57, 99, 0.05, 0.35]])
    roll.press("Insert", "Alt+Shift+ArrowRight", ",", ">")
    assert near(roll.rows(), [[57, 99, 0.05, 0.35], [57, 99, 0.404, 0.65]])
    roll.press("ArrowLeft")
    assert said() == "A3, 0.050 to 0.350 s, velocity 99, note 1 of 2."
    roll.press("Delete")
    assert "Now at A3" in said()
    assert len(roll.rows()) == 1
    roll.press("Backspace")
    assert "The roll is empty." in said()
    lane = roll.lane
    roll.type("Point at, s", 1)
    roll.type("Value", 100)
    lane.focus()
    assert "nothing is drawn" in said()
    roll.press("Enter", "Enter", "g", on=lane)  # the second half a step of the grid behind
    roll.press("ArrowLeft", "g", "ArrowRight", *["Shift+ArrowDown"] * 3, "Alt+ArrowRight", on=lane)
    first, second = roll.lane_points()
    assert first[2] == 1
    assert second[1] == first[1] - 30
    assert "This is point 2 of 2" in said()
    roll.press("Delete", "Delete", on=lane)
    assert roll.lane_points() == []


def test_a_finger_moves_what_it_hardly_hits(roll):
    """A note is taken from 12 pixels beside its row, and the page stays where it is."""
    roll.emptied()
    roll.draw(1.0, 1.5, 50)
    x, y = roll.place(1.25, 50)
    there = roll.place(2.25, 55)
    finger = roll.page.context.new_cdp_session(roll.page)

    def touch(kind, *points):
        places = [{"x": x, "y": y} for x, y in points]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    beside = 12 + roll.look("desk.view.rowHeight") / 2
    touch("touchStart", (x, y + beside))
    for part in (0.3, 0.7, 1.0):
        touch("touchMove", (x + part * (there[0] - x), y + beside + part * (there[1] - y)))
    touch("touchEnd")
    finger.detach()
    assert near(roll.rows(), [[55, 100, 2.0, 2.5]])
    assert roll.place(2.25, 55) == there


def test_a_curve_is_drawn_by_hand_and_erased(roll):
    roll.emptied()
    roll.choose("Lanes", "Curve")
    roll.drag(roll.lane_place(0.5, 20), roll.lane_place(1.0, 120), roll.lane_place(2.0, 60))
    times, values, glides = np.array(roll.lane_points()).T
    drawn = np.interp([0.5, 0.75, 1.0, 1.5, 2.0], times, values)
    assert np.abs(drawn - [20, 70, 120, 90, 60]).max() <= 4
    assert glides[:-1].all()
    assert not glides[-1]
    roll.choose("Lanes", "Erase")
    roll.drag(roll.lane_place(0.9, 60), roll.lane_place(2.2, 60))
    assert max(point[0] for point in roll.lane_points()) < 0.9


@pytest.mark.alone
def test_a_change_is_heard_and_how_soon(roll, record_property):
    """Milliseconds from a key to its sound, for a phrase of 4 s."""
    roll.emptied()
    for at in (0.1, 1.0, 2.0, 3.0):
        roll.draw(at, at + 0.6, 45)
    roll.settled()
    roll.button("Play").click()
    roll.page.wait_for_function(
        "root => root.nmsynth.player.playing", arg=roll.root.element_handle()
    )
    roll.look("desk.log.latencies.length = 0")
    slow = []
    for number in range(12):
        if number % 4 == 0:
            slow.append(slowness(0.2))
        roll.press("Alt+ArrowUp" if number % 2 else "Alt+ArrowDown")
        roll.settled()
    latencies = roll.look("desk.log.latencies")
    roll.button("Stop").click()
    median, p95 = np.percentile(latencies, [50, 95])
    record_property("key_to_sound_ms_median", round(median))
    record_property("key_to_sound_ms_p95", round(p95))
    record_property("slowness", round(np.median(slow), 2))
    print(f"key to sound: median {median:.0f} ms, p95 {p95:.0f} ms, slowness {np.median(slow):.1f}")
    assert len(latencies) == 12
    assert median / np.median(slow) < 150


def test_a_midi_file_is_imported_or_refused_in_words(roll, midi_dir, tmp_path):
    roll.emptied()
    upload = roll.root.get_by_label("Import MIDI")
    upload.set_input_files(midi_dir / "test_midi_long_short.mid")
    roll.root.get_by_text("test_midi_long_short.mid: 12 notes.").wait_for()
    wanted = Performance.from_midi(midi_dir / "test_midi_long_short.mid")
    assert near(roll.rows(), rows_of(wanted), 1e-9)
    assert near(rows_of(roll.exported(tmp_path)), rows_of(wanted))
    (tmp_path / "photo.mid").write_bytes(b"JFIF")
    upload.set_input_files(tmp_path / "photo.mid")
    roll.root.get_by_text("photo.mid is not a MIDI file").wait_for()
    assert near(roll.rows(), rows_of(wanted), 1e-9)
    roll.press("Control+z")
    assert roll.rows() == []


def test_another_cell_and_the_page_edit_the_same_roll(session, roll):
    roll.emptied()
    roll.draw(0.5, 1.0, 50)
    roll.settled()
    code = "assert len(roll.performance.notes) == 1, roll.roll\n"
    code += "roll.performance = roll.performance.transposed(7)"
    assert in_kernel(session["page"], code) is None
    roll.page.wait_for_function(
        "root => root.nmsynth.desk.edits.notes[0]?.pitch === 57", arg=roll.root.element_handle()
    )
    roll.press("Control+z")
    assert near(roll.rows(), [[50, 100, 0.5, 1.0]])


@pytest.mark.parametrize(("theme", "width"), [("light", 1600), ("dark", 800), ("light", 360)])
def test_it_looks_right_and_shuts_nobody_out(session, roll, theme, width):
    """Nothing is wider than it is given, axe finds nothing serious; pictures are for looking at."""
    take = Roll(session["page"], 1)
    session["lab"].theme(roll.page, theme)
    for number, one in enumerate((roll, take)):
        picture = SCREENSHOTS / f"piano_roll_{number}_{theme}_{width}.png"
        with at_width(one.root, width, picture) as sticking_out:
            assert sticking_out == []
            assert serious_faults(roll.page, ".nmsynth-roll") == []


def test_a_recording_is_annotated_until_the_check_finds_it_fit(session):
    """Ten onsets 30 to 80 ms astray: seven are pulled to the recording's, three nudged by keys."""
    page, folder = session["page"], session["folder"]
    roll = Roll(page, 1)
    roll.root.scroll_into_view_if_needed()
    roll.page.wait_for_function("root => root.nmsynth.desk.wave?.complete",
                                arg=roll.root.element_handle())  # fmt: skip
    assert in_kernel(page, "take.save_take(folder + '/before', 'evening')") is None
    status, words = check(folder / "before")
    assert status == 1, words
    assert "Single notes lie" in words

    roll.press("Home")
    for number, note in enumerate(TAKE.notes):
        if number < 7:
            roll.press("o")
        else:
            nudge(roll, note.onset)
        roll.press("ArrowRight")
    onsets = [row[2] for row in roll.rows()]
    assert np.abs(np.array(onsets) - [note.onset for note in TAKE.notes]).max() < 0.004
    roll.button("Zoom in").click()
    roll.root.screenshot(path=SCREENSHOTS / "piano_roll_annotated.png")
    roll.settled()
    code = "take.save_take(folder + '/after', 'evening')"
    assert in_kernel(page, code) is None
    status, words = check(folder / "after")
    assert status == 0, words
    assert "evening: fit" in words
    heard_as_recorded(roll)


def nudge(roll, onset):
    """Moves the chosen note's onset by 5 and 1 ms, by keys, until the field shows the onset."""
    field = roll.root.get_by_role("spinbutton", name="Onset, s", exact=True)
    for _ in range(40):
        late = round(1000 * (float(field.input_value()) - onset))
        if late == 0:
            return
        key = ("<" if late > 0 else ">") if abs(late) >= 5 else ("," if late > 0 else ".")
        roll.press(key)
    raise AssertionError(f"never came to {onset}")


def heard_as_recorded(roll):
    """A is the recording, C the instrument, B both at half their level."""
    for name in ("A: recording take", "B: both together", "C: live, string"):
        assert roll.root.get_by_role("radio", name=name).count() == 1
    first, count = RATE // 2, 2000
    a, b, c = np.array(
        roll.look(
            """[desk.bar.kept.A, desk.bar.kept.B, desk.bar.live].map(
              ({ samples }) => [...samples.slice(arg[0], arg[1])])""",
            [first, first + count],
        )
    )
    recorded = string_audio(TAKE, RATE, seed=1)[first : first + count]
    assert np.abs(a - recorded).max() < 1e-3
    assert np.abs(c).max() > 0.05
    assert np.abs(b - (a + c) / 2).max() < 1e-3


def test_no_error_on_the_console(session):
    assert session["errors"] == []


def test_when_the_kernel_is_gone_it_says_so_and_keeps_what_is_drawn(session, roll):
    """Last, because it takes the kernel away."""
    roll.emptied()
    session["lab"].kill_kernels()
    roll.page.wait_for_timeout(1000)  # for JupyterLab's notice
    for accept in roll.page.locator(".jp-Dialog button.jp-mod-accept").all():
        accept.click()
    roll.draw(0.5, 1.0, 50)
    alert = roll.root.get_by_role("alert")
    alert.wait_for()
    assert "kernel" in alert.inner_text()
    assert near(roll.rows(), [[50, 100, 0.5, 1.0]])
