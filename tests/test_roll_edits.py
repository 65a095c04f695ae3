"""The piano roll's editing, run by a real Chromium, judged by Python: no edit loses a note.

The scripts are the widget's own; what they make is judged by `Performance`, which refuses two notes
at a time, and by laws that are written here again.
"""

import random
from itertools import pairwise

import pytest

from nmsynth_lib.performance import Performance
from nmsynth_lib.widgets.parts import script
from nmsynth_lib.widgets.rolls import performance_of, roll_of

SCRIPT = script("lane_points.js", "roll_edits.js")
N_EDITS = 500
# One edit, by a name and numbers; which note is meant is a number modulo how many there are.
DO = """([name, which, more]) => {
  const { edits } = window;
  const ids = edits.notes.map((note) => note.id);
  const id = ids.length ? ids[which % ids.length] : -1;
  const note = edits.note(id);
  const lane = edits.lane(more.cc ?? 55);
  const point = lane.length ? lane[which % lane.length] : [0, 0, 0];
  const several = ids.filter((_, i) => (which >> i % 8) & 1);
  const acts = {
    add: () => edits.add(more),
    remove: () => edits.remove([id]),
    removeSeveral: () => edits.remove(several),
    onset: () => edits.change(note ? [[id, { onset: note.onset + more.by }]] : []),
    offset: () => edits.change(note ? [[id, { offset: note.offset + more.by }]] : []),
    move: () => edits.change(note ? [[id, {
      onset: note.onset + more.by, offset: note.offset + more.by, pitch: note.pitch + more.up,
    }]] : []),
    moveSeveral: () => edits.change(several.map((one) => [one, {
      onset: edits.note(one).onset + more.by, offset: edits.note(one).offset + more.by,
    }])),
    velocity: () => edits.change([[id, { velocity: more.velocity }]]),
    undo: () => edits.undo(),
    redo: () => edits.redo(),
    draw: () => edits.drawLane(more.cc, more.stroke, more.how, 0.05),
    setPoint: () => edits.setPoint(more.cc, more.time, more.value, more.glides),
    movePoint: () => edits.movePoint(55, point[0], more.time, more.value, 0),
    erase: () => edits.erasePoints(more.cc, more.time, more.time + 0.3),
  };
  const outcome = acts[name]();
  return {
    ...outcome, plain: edits.plain(), ids: edits.notes.map((note) => note.id),
    touched: name.endsWith("Several") ? several : [id],
    past: edits.past.length, future: edits.future.length,
  };
}"""


@pytest.fixture(scope="module")
def page(chromium):
    page = chromium.new_page()
    page.add_script_tag(content=f"{SCRIPT}\nwindow.RollEdits = RollEdits;")
    yield page
    page.close()


@pytest.fixture
def do(page):
    """Makes one edit, or with `do.all` many, of a fresh roll; gives back what came of each."""
    page.evaluate("() => { window.edits = new RollEdits(); }")

    def one(name, which=0, **more):
        return page.evaluate(DO, [name, which, more])

    one.all = lambda edits: page.evaluate(f"(edits) => edits.map({DO})", edits)
    return one


def random_edit(dice):
    """A name, which note, and numbers, some of them impossible."""
    onset = dice.choice([dice.uniform(-0.1, 8), round(dice.uniform(0, 8), 1)])
    name = dice.choice(
        ["add"] * 8 + ["move"] * 4 + ["onset", "offset"] * 3 + ["undo"] * 3 + ["redo"] * 2
        + ["remove", "removeSeveral", "moveSeveral", "velocity", "draw", "setPoint", "movePoint",
           "erase"]
    )  # fmt: skip
    more = {
        "pitch": dice.choice([0, 127, 128, *range(36, 77)]),
        "velocity": dice.choice([0, 1, 64, 127, 128]),
        "onset": onset,
        "offset": onset + dice.choice([0.0, 0.004, 0.01, 0.2, dice.uniform(0, 3)]),
        "by": dice.choice([-0.001, 0.005, dice.uniform(-2, 2)]),
        "up": dice.randint(-40, 40),
        "cc": dice.choice([55, 55, 74]),
        "time": dice.choice([-1.0, dice.uniform(0, 8)]),
        "value": dice.choice([0, 127, 128, dice.randint(0, 127)]),
        "glides": dice.random() < 0.5,
        "how": dice.choice(["curve", "steps"]),
        "stroke": [[dice.uniform(0, 8), dice.randint(-5, 140)] for _ in range(dice.randint(1, 9))],
    }
    return name, dice.randrange(1 << 16), more


def checked(plain):
    """What Python makes of the page's state: at most one note at a time, all within MIDI."""
    if not plain["notes"]:
        return
    made = performance_of(plain)
    assert len(made.notes) == len(plain["notes"])
    assert [[n.pitch, n.velocity, n.onset, n.offset] for n in made.notes] == plain["notes"]
    for points in plain["lanes"].values():
        times = [time for time, _, _ in points]
        assert times == sorted(set(times))


def notes_by_id(said):
    return dict(zip(said["ids"], map(tuple, said["plain"]["notes"]), strict=True))


def test_500_random_edits_break_nothing(do):
    """One note at a time, no note lost or gained but by adding and deleting, undo^n exact."""
    dice = random.Random(1)
    empty = {"plain": {"notes": [], "lanes": {}, "bend": []}, "ids": [], "past": 0, "future": 0}
    was, behind, ahead, happened = empty, [], [], {}
    edits = [random_edit(dice) for _ in range(N_EDITS)]
    for (name, _, _), now in zip(edits, do.all(edits), strict=True):
        checked(now["plain"])
        grown = now["past"] - was["past"]
        old, new = notes_by_id(was), notes_by_id(now)
        happened[name, now["done"]] = happened.get((name, now["done"]), 0) + 1
        if not now["done"]:
            assert now["plain"] == was["plain"]
            assert grown == 0
            assert now["words"]
        elif name == "undo":
            ahead.append(was)
            was = behind.pop()
            assert (now["plain"], now["ids"]) == (was["plain"], was["ids"])
            was = now
            continue
        elif name == "redo":
            behind.append(was)
            was = ahead.pop()
            assert (now["plain"], now["ids"]) == (was["plain"], was["ids"])
            was = now
            continue
        elif name == "add":
            assert new.keys() - old.keys() == {now["id"]}
            assert old.keys() <= new.keys()
        elif name.startswith("remove"):
            assert old.keys() - new.keys() == set(now["touched"])
            assert new.keys() <= old.keys()
        else:
            assert new.keys() == old.keys()
        if now["done"]:
            assert_only_shortened(old, new, {*now["touched"], now.get("id")}, now["words"])
        if grown:
            behind.append(was)
            ahead = []
        elif now["done"]:
            assert now["plain"] == was["plain"]
        was = now
    assert now["past"] == len(behind)
    for state, now in zip(behind[::-1], do.all([("undo", 0, {})] * len(behind)), strict=True):
        assert (now["plain"], now["ids"]) == (state["plain"], state["ids"])
    assert now["plain"] == empty["plain"]
    assert not do("undo")["done"]
    for kind in ("add", "move", "onset", "offset", "draw", "setPoint", "movePoint"):
        assert happened.get((kind, True), 0) > 0, kind  # else the dice tried nothing
        assert happened.get((kind, False), 0) > 0 or kind == "draw", kind


def assert_only_shortened(old, new, touched, words):
    """A note that nobody touched stays, or ends where another begins, and that is said."""
    onsets = {row[2] for row in new.values()}
    for note, (pitch, velocity, onset, offset) in old.items():
        if note in touched or note not in new:
            continue
        assert new[note][:3] == (pitch, velocity, onset)
        if new[note][3] != offset:
            assert new[note][3] < offset
            assert new[note][3] in onsets
            assert "now ends at" in words or offset - new[note][3] < 1e-4


def test_the_earlier_note_ends_where_the_later_begins(do):
    do("add", pitch=40, velocity=100, onset=0.0, offset=2.0)
    said = do("add", pitch=43, velocity=90, onset=0.5, offset=1.0)
    assert said["plain"]["notes"] == [[40, 100, 0.0, 0.5], [43, 90, 0.5, 1.0]]
    assert said["words"] == "E2 now ends at 0.500 s."
    said = do("offset", 0, by=3.0)  # pulled over the whole of the other: it still ends there
    assert said["plain"]["notes"][0] == [40, 100, 0.0, 0.5]


@pytest.mark.parametrize("onset", [0.5, 0.495, 0.5099])
def test_what_would_leave_nothing_of_a_note_is_refused(do, onset):
    """Two notes that begin within 10 ms: the earlier would have no length, so nothing happens."""
    before = do("add", pitch=40, velocity=100, onset=0.5, offset=2.0)
    said = do("add", pitch=43, velocity=90, onset=onset, offset=1.0)
    assert not said["done"]
    assert "nothing would be left of" in said["words"]
    assert said["plain"] == before["plain"]


def test_dragging_tells_what_dropping_would_do(page, do):
    do("add", pitch=40, velocity=100, onset=0.0, offset=2.0)
    do("add", pitch=43, velocity=90, onset=3.0, offset=3.5)
    told = page.evaluate("""() => {
      const [, note] = edits.notes;
      const made = edits.preview([[note.id, { onset: 1.5, offset: 2 }]]);
      return { overlap: made.overlaps[0][2], raw: made.raw.length, after: made.notes[0].offset,
               now: edits.notes[0].offset };
    }""")
    assert told == {"overlap": 0.5, "raw": 2, "after": 1.5, "now": 2.0}


def test_a_drawn_curve_keeps_within_two_values_of_the_hand(page, do):
    """A swell drawn as 200 places comes back as few points, and steps as steps of the grid."""
    stroke = [[i / 100, 64 + 60 * (i / 200) ** 2] for i in range(201)]
    said = do("draw", cc=55, stroke=stroke, how="curve")
    points = said["plain"]["lanes"]["55"]
    assert 3 <= len(points) < 20
    worst = page.evaluate(
        """stroke => Math.max(...stroke.map(
          ([time, value]) => Math.abs(laneValue(edits.lane(55), time, 0) - value)))""",
        stroke,
    )
    assert worst <= 2
    said = do("draw", cc=55, stroke=[[0.5, 10], [0.52, 90], [0.61, 20]], how="steps")
    inside = [point for point in said["plain"]["lanes"]["55"] if 0.5 <= point[0] <= 0.61]
    assert inside == [[0.5, 90, 0], [0.6, 20, 0]]
    lanes = said["plain"]["lanes"]
    assert all(a[0] < b[0] for a, b in pairwise(lanes["55"]))


def test_what_was_imported_and_not_touched_keeps_its_exact_times(page, midi_dir):
    """Ticks are not tenths of a millisecond; only what is edited is rounded to them."""
    for path in sorted(midi_dir.glob("*.mid")):
        there = Performance.from_midi(path)
        back = page.evaluate(
            """(roll) => {
              const edits = new RollEdits(roll);
              edits.change([[edits.notes[0].id, { velocity: 99 }]]);
              edits.setPoint(74, 0.5, 3, false);
              edits.undo();
              edits.undo();
              return edits.plain();
            }""",
            roll_of(there),
        )
        assert performance_of(back, name=there.name) == there
