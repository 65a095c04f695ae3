// Notes under the pointer: draw, drag, resize, erase, select. `desk` is the roll's common state
// (piano_roll.js), the keys are in roll_keys.js.

const DRAG_PX = 3; // from which a press becomes a drag
const EDGE_PX = 7; // at a note's ends, to resize it
const REACH_PX = { mouse: 2, touch: 14, pen: 6 }; // round a note that still hits it
const FREE_LENGTH = 0.25; // seconds of a note that is clicked in or added by key

class NotesPad {
  constructor(desk) {
    Object.assign(this, { desk, drag: null });
    this.reset();
    this.canvas = element("canvas", {
      class: "roll",
      role: "application",
      tabindex: "0",
      "aria-roledescription": "piano roll",
      "aria-label": "Notes of the roll",
      "aria-describedby": desk.helpId,
    });
    this.canvas.dataset.lmSuppressShortcuts = "true";
    const on = (name, listener) => this.canvas.addEventListener(name, listener);
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", (event) => this.#up(event));
    on("pointercancel", () => this.cancel());
    this.keys = new NoteKeys(desk, this);
    on("keydown", (event) => this.keys.press(event));
    on("focus", () => desk.say(this.keys.greeting()));
  }

  // A new roll begins with notes of the usual kind; else the next one is like the last one.
  reset() {
    [this.length, this.velocity] = [FREE_LENGTH, 100];
  }

  // What is to be drawn: the notes as they are, or as the drag has them.
  get look() {
    const { edits, selected } = this.desk;
    const { preview, erased, box } = this.drag ?? {};
    const notes = (preview?.raw ?? edits.notes).filter((note) => !erased?.has(note.id));
    return { notes, selected, overlaps: preview?.overlaps ?? [], box };
  }

  get busy() {
    return this.drag !== null;
  }

  cancel() {
    if (!this.drag) return;
    this.drag = null;
    this.desk.trying(null);
    this.desk.say("Not done: cancelled.");
  }

  // The note under a place, and which part of it.
  #hit(x, y, reach) {
    const { view, edits, selected } = this.desk;
    const near = (note) => {
      const [left, right, top] = [view.x(note.onset), view.x(note.offset), view.y(note.pitch)];
      const across = Math.max(left - x, x - right, 0);
      const down = Math.max(top - y, y - top - view.rowHeight, 0);
      return Math.max(across, down);
    };
    const [distance, note] = edits.notes
      .map((one) => [near(one) - (selected.has(one.id) ? 0.5 : 0), one])
      .reduce((best, one) => (one[0] < best[0] ? one : best), [Infinity, null]);
    if (distance > reach) return null;
    const [left, right] = [view.x(note.onset), view.x(note.offset)];
    const edge = Math.min(EDGE_PX, (right - left) / 3);
    const part = x < left + edge ? "start" : x > right - edge ? "end" : "body";
    return { note, part };
  }

  #down(event) {
    if (event.button || this.drag) return;
    const { desk } = this;
    const { offsetX: x, offsetY: y } = event;
    if (y < RULER || x < LEFT - EDGE_PX) return desk.seek(Math.max(desk.view.time(x), 0));
    this.canvas.setPointerCapture(event.pointerId);
    const hit = this.#hit(x, y, REACH_PX[event.pointerType] ?? REACH_PX.mouse);
    const time = Math.max(desk.view.time(x), 0);
    const start = { x, y, time, pitch: desk.view.pitch(y), moved: false };
    if (desk.noteTool === "erase") this.drag = { kind: "erase", erased: new Set(), ...start };
    else if (hit) this.#grab(hit, start, event.shiftKey);
    else if (desk.noteTool === "select" || event.shiftKey) this.#openBox(start, event.shiftKey);
    else this.drag = { kind: "draw", ...start };
    this.#move(event);
  }

  #grab({ note, part }, start, add) {
    const { selected } = this.desk;
    if (add && selected.has(note.id)) {
      selected.delete(note.id);
      this.desk.choose([...selected]);
      return;
    }
    const ids = add ? [...selected, note.id] : selected.has(note.id) ? [...selected] : [note.id];
    this.desk.choose(ids, note.id);
    this.desk.say(this.words(note));
    this.drag = { kind: part, note, ids, ...start };
  }

  #openBox(start, add) {
    const before = add ? [...this.desk.selected] : [];
    this.drag = { kind: "box", before, box: [start.x, start.y, start.x, start.y], ...start };
  }

  #move(event) {
    const { drag, desk } = this;
    if (!drag) return this.#pointTo(event);
    const { offsetX: x, offsetY: y } = event;
    drag.moved ||= Math.hypot(x - drag.x, y - drag.y) > DRAG_PX;
    if (drag.kind === "erase") {
      const hit = this.#hit(x, y, REACH_PX.mouse);
      if (hit) drag.erased.add(hit.note.id);
      return desk.redraw();
    }
    if (drag.kind === "box") {
      drag.box = [drag.x, drag.y, x, y];
      const inside = desk.edits.notes.filter((note) => this.#inBox(note, drag.box));
      desk.choose([...drag.before, ...inside.map((note) => note.id)]);
      return;
    }
    if (!drag.moved && drag.kind !== "draw") return;
    drag.preview = this.#previewed(desk.view.time(x), desk.view.pitch(y), event.altKey);
    desk.trying(drag.preview, event.timeStamp);
    desk.say(this.#dragWords(drag.preview));
  }

  #previewed(time, pitch, free) {
    const { drag, desk } = this;
    const snap = free ? (value) => value : desk.snap;
    if (drag.kind === "draw") {
      const grid = free ? 0 : desk.grid;
      const onset = grid ? Math.floor(drag.time / grid + HAIR) * grid : drag.time;
      const until = drag.moved ? Math.max(snap(time), onset + (grid || 0.03)) : onset + this.length;
      const note = { pitch: drag.pitch, velocity: this.velocity, onset, offset: until };
      drag.added = note;
      return desk.edits.preview([], [note]);
    }
    drag.changes = this.#changed(drag, time - drag.time, pitch - drag.pitch, snap);
    return desk.edits.preview(drag.changes);
  }

  // Rows [id, change] of the notes that are dragged, by so many seconds and semitones.
  #changed({ kind, note, ids }, seconds, semitones, snap) {
    const notes = ids.map((id) => this.desk.edits.note(id)).filter(Boolean);
    if (kind === "start") {
      const by = snap(note.onset + seconds) - note.onset;
      return notes.map(({ id, onset, offset }) => [
        id,
        { onset: Math.min(Math.max(onset + by, 0), offset - SHORTEST_NOTE) },
      ]);
    }
    if (kind === "end") {
      const by = snap(note.offset + seconds) - note.offset;
      return notes.map(({ id, onset, offset }) => [
        id,
        { offset: Math.max(offset + by, onset + SHORTEST_NOTE) },
      ]);
    }
    return movedNotes(notes, snap(note.onset + seconds) - note.onset, semitones);
  }

  #up(event) {
    const { drag, desk } = this;
    if (!drag) return;
    this.#move(event);
    this.drag = null;
    if (drag.kind === "erase") {
      if (drag.erased.size) desk.did(desk.edits.remove(drag.erased), event.timeStamp);
      else desk.redraw();
    } else if (drag.kind === "box") {
      desk.redraw();
      desk.say(`${desk.selected.size} notes selected.`);
    } else if (drag.kind === "draw") {
      this.add(drag.added, event.timeStamp);
    } else if (drag.moved) {
      desk.did(desk.edits.change(drag.changes), event.timeStamp);
    }
  }

  // Adds a note and goes to it.
  add(note, since) {
    const { desk } = this;
    const outcome = desk.edits.add(note);
    if (outcome.done) {
      desk.choose([outcome.id]);
      const made = desk.edits.note(outcome.id);
      outcome.words = `${this.words(made)} ${outcome.words}`;
      [this.length, this.velocity] = [note.offset - note.onset, note.velocity];
    }
    desk.did(outcome, since);
    if (outcome.done) desk.view.reveal(note.onset, note.offset, note.pitch);
  }

  // A note in words, with its place in the row.
  words(note) {
    const { notes } = this.desk.edits;
    const number = notes.findIndex((one) => one.id === note.id) + 1;
    return (
      `${pitchName(note.pitch)}, ${timeText(note.onset)} to ${inSeconds(note.offset)}, ` +
      `velocity ${note.velocity}, note ${number} of ${notes.length}.`
    );
  }

  #dragWords({ raw, overlaps, shortened, refusal }) {
    const ids = this.drag.ids;
    const own = ids ? raw.find((note) => note.id === this.drag.note.id) : raw.at(-1);
    const place = `${pitchName(own.pitch)}, ${timeText(own.onset)} to ${inSeconds(own.offset)}.`;
    if (refusal) return `${place} ${refusal}`;
    if (!overlaps.length) return place;
    const [earlier, later, seconds] = overlaps[0];
    const held = `${pitchName(earlier.pitch)} and ${pitchName(later.pitch)}`;
    const together = `${held} overlap by ${Math.round(1000 * seconds)} ms (hatched).`;
    return `${place} ${together} When dropped: ${shorteningWords(shortened, "will end")}`;
  }

  #inBox(note, [x0, y0, x1, y1]) {
    const { view } = this.desk;
    const [left, right, top] = [view.x(note.onset), view.x(note.offset), view.y(note.pitch)];
    const across = right >= Math.min(x0, x1) && left <= Math.max(x0, x1);
    return across && top + view.rowHeight >= Math.min(y0, y1) && top <= Math.max(y0, y1);
  }

  #pointTo(event) {
    const hit = this.#hit(event.offsetX, event.offsetY, REACH_PX.mouse);
    const inRoll = event.offsetY > RULER && event.offsetX > LEFT;
    const empty = inRoll && this.desk.noteTool === "draw" ? "crosshair" : "default";
    const over = hit && (hit.part === "body" ? "move" : "ew-resize");
    this.canvas.style.cursor = over ?? empty;
  }
}

// Changes that move notes together, as far as all of them can go.
function movedNotes(notes, seconds, semitones) {
  const by = Math.max(seconds, -Math.min(...notes.map((note) => note.onset)));
  const pitches = notes.map((note) => note.pitch);
  const up = Math.min(Math.max(semitones, -Math.min(...pitches)), 127 - Math.max(...pitches));
  return notes.map(({ id, onset, offset, pitch }) => [
    id,
    { onset: onset + by, offset: offset + by, pitch: pitch + up },
  ]);
}
