// The piano roll's notes and lanes and every edit of them: no page, no sound, nothing to draw.
// One rule makes a melody of what is drawn: the earlier note ends where the later one begins. An
// edit that would leave nothing of a note is refused, so no note is ever lost but by deleting it.

const SHORTEST_NOTE = 0.01; // seconds that an edit leaves of a note, at least
const MOST_UNDO = 2000;
const PITCH_CLASSES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];

const pitchName = (pitch) => `${PITCH_CLASSES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
const timeText = (time) => time.toFixed(4).replace(/0$/, ""); // 0.1 ms only where it is not 0
const inSeconds = (time) => `${timeText(time)} s`;
const whole = (value, low, high) => Number.isInteger(value) && value >= low && value <= high;

// Why a note cannot be; null if it can.
function noteFault({ pitch, velocity, onset, offset }) {
  if (!whole(pitch, 0, 127)) return "A pitch is a whole number from 0 to 127.";
  if (!whole(velocity, 1, 127)) return "A velocity is a whole number from 1 to 127.";
  if (!(onset >= 0)) return "A note begins at 0 s or later.";
  if (!(offset <= LONGEST_ROLL)) return `A note ends before ${LONGEST_ROLL} s.`;
  if (!(offset - onset >= SHORTEST_NOTE - HAIR)) {
    return `A note lasts at least ${1000 * SHORTEST_NOTE} ms.`;
  }
  return null;
}

// Neighbours that sound together: [[earlier, later, seconds], …] of notes in any order.
function overlapsOf(notes) {
  const sorted = [...notes].sort((a, b) => a.onset - b.onset || a.id - b.id);
  const found = [];
  for (let i = 0; i < sorted.length; i++) {
    for (let j = i + 1; j < sorted.length && sorted[j].onset < sorted[i].offset - HAIR; j++) {
      const until = Math.min(sorted[i].offset, sorted[j].offset);
      found.push([sorted[i], sorted[j], until - sorted[j].onset]);
    }
  }
  return found;
}

// Notes as one string plays them: {notes, shortened: [[before, after], …]}, or {refusal}.
function oneAtATime(notes) {
  const sorted = [...notes].sort((a, b) => a.onset - b.onset || a.id - b.id);
  const shortened = [];
  for (let i = 0; i + 1 < sorted.length; i++) {
    const [note, next] = [sorted[i], sorted[i + 1]];
    if (note.offset <= next.onset + HAIR) continue;
    if (next.onset - note.onset < SHORTEST_NOTE - HAIR) {
      return {
        refusal:
          `Not done: at ${inSeconds(next.onset)} nothing would be left of ` +
          `${pitchName(note.pitch)} under ${pitchName(next.pitch)}. Move or delete one of them.`,
      };
    }
    sorted[i] = Object.freeze({ ...note, offset: next.onset });
    shortened.push([note, sorted[i]]);
  }
  return { notes: sorted, shortened };
}

function shorteningWords(shortened, tense = "now ends") {
  return shortened
    .filter(([before, after]) => before.offset - after.offset > 0.5 / TIME_STEPS)
    .map(([, after]) => `${pitchName(after.pitch)} ${tense} at ${inSeconds(after.offset)}.`)
    .join(" ");
}

// --- The roll: what is written now, and how it came to be ---

class RollEdits {
  constructor(plain = {}) {
    this.nextId = 1;
    this.past = [];
    this.future = [];
    this.state = this.#fromPlain(plain);
  }

  get notes() {
    return this.state.notes;
  }

  lane(cc) {
    return this.state.lanes[cc] ?? [];
  }

  note(id) {
    return this.notes.find((note) => note.id === id) ?? null;
  }

  // What goes over the wire, and what `load` takes: plain rows, no ids.
  plain() {
    const { notes, lanes, bend } = this.state;
    const row = ({ pitch, velocity, onset, offset }) => [pitch, velocity, onset, offset];
    return { notes: notes.map(row), lanes, bend };
  }

  // What a change would come to, without making it: {raw, overlaps} as drawn, and as dropped
  // {notes, words} or {refusal}.
  preview(changes, added = []) {
    const wanted = new Map(changes);
    const touched = [];
    const raw = this.notes.map((note) => {
      if (!wanted.has(note.id)) return note;
      const next = { ...note, ...wanted.get(note.id) };
      if (next.onset !== note.onset) next.onset = tidyTime(next.onset);
      if (next.offset !== note.offset) next.offset = tidyTime(next.offset);
      if (Object.keys(next).every((key) => next[key] === note[key])) return note;
      touched.push([next, next.onset === note.onset && next.offset === note.offset]);
      return Object.freeze(next);
    });
    for (const note of added) {
      const { pitch, velocity } = note;
      const [onset, offset] = [tidyTime(note.onset), tidyTime(note.offset)];
      const made = Object.freeze({ id: this.nextId + raw.length, pitch, velocity, onset, offset });
      touched.push([made, false]);
      raw.push(made);
    }
    const overlaps = overlapsOf(raw);
    for (const [note, sameTimes] of touched) {
      const fault = noteFault(sameTimes ? { ...note, onset: 0, offset: 1 } : note);
      if (fault) return { raw, overlaps, refusal: `Not done: ${fault}` };
    }
    const settled = oneAtATime(raw);
    if (settled.refusal) return { raw, overlaps, refusal: settled.refusal };
    return { raw, overlaps, notes: settled.notes, shortened: settled.shortened };
  }

  // Each edit gives {done, words}; one that is refused changes nothing and says why.

  change(changes) {
    return this.#settle(this.preview(changes));
  }

  add(note) {
    const made = this.preview([], [note]);
    const outcome = this.#settle(made);
    return outcome.done ? { ...outcome, id: made.raw.at(-1).id } : outcome;
  }

  remove(ids) {
    const gone = new Set(ids);
    const notes = this.notes.filter((note) => !gone.has(note.id));
    const count = this.notes.length - notes.length;
    if (!count) return { done: false, words: "No note is selected." };
    this.#put({ ...this.state, notes });
    return { done: true, words: count === 1 ? "Note deleted." : `${count} notes deleted.` };
  }

  setLane(cc, points, words = "") {
    const lanes = { ...this.state.lanes, [cc]: Object.freeze(points) };
    if (!points.length) delete lanes[cc];
    this.#put({ ...this.state, lanes: Object.freeze(lanes) });
    return { done: true, words };
  }

  setPoint(cc, time, value, glides) {
    if (!whole(value, 0, 127)) return refused("A value is a whole number from 0 to 127.");
    if (!(time >= 0 && time <= LONGEST_ROLL)) return refused("A point lies at 0 s or later.");
    const point = lanePoint(time, value, glides);
    return this.setLane(cc, withPoints(this.lane(cc), [point]), pointWords(cc, point));
  }

  // Moves the point at `from`; a point that lies where it goes is not overwritten.
  movePoint(cc, from, time, value, glides) {
    const others = withoutPoints(this.lane(cc), from, from);
    if (others.length === this.lane(cc).length) return refused("no point is chosen.");
    if (!whole(value, 0, 127)) return refused("A value is a whole number from 0 to 127.");
    if (!(time >= 0 && time <= LONGEST_ROLL)) return refused("A point lies at 0 s or later.");
    const moved = lanePoint(time, value, glides);
    const point = time === from ? Object.freeze([from, moved[1], moved[2]]) : moved;
    if (others.some(([other]) => other === point[0])) {
      return refused(`At ${inSeconds(point[0])} there is a point already.`);
    }
    return this.setLane(cc, withPoints(others, [point]), pointWords(cc, point));
  }

  erasePoints(cc, from, to) {
    const left = withoutPoints(this.lane(cc), from, to);
    const count = this.lane(cc).length - left.length;
    if (!count) return { done: false, words: "No point there." };
    return this.setLane(cc, left, count === 1 ? "Point deleted." : `${count} points deleted.`);
  }

  // Puts a stroke [[time, value], …] in the place of what was there; how: "curve" or "steps".
  drawLane(cc, stroke, how, grid = 0.02) {
    const points = strokePoints(stroke, how, grid);
    if (!points.length) return { done: false, words: "" };
    const times = stroke.map(([time]) => time);
    const until = Math.max(points.at(-1)[0], ...times);
    const rest = withoutPoints(this.lane(cc), points[0][0], until);
    const [from, to] = [inSeconds(points[0][0]), inSeconds(until)];
    const words = `CC${cc}: ${how} drawn from ${from} to ${to}, ${points.length} points.`;
    return this.setLane(cc, withPoints(rest, points), words);
  }

  // Another roll in the place of this one; undo brings this one back.
  load(plain) {
    this.#put(this.#fromPlain(plain));
  }

  undo() {
    return this.#step(this.past, this.future, "undo", "Undone");
  }

  redo() {
    return this.#step(this.future, this.past, "redo", "Done again");
  }

  #step(from, to, name, told) {
    if (!from.length) return { done: false, words: `Nothing to ${name}.` };
    to.push(this.state);
    this.state = from.pop();
    const count = this.notes.length;
    const words = `${told}: ${count} ${count === 1 ? "note" : "notes"}.`;
    return { done: true, words };
  }

  #settle({ notes, shortened, refusal }) {
    if (refusal) return { done: false, words: refusal };
    const same = notes.length === this.notes.length && notes.every((n, i) => n === this.notes[i]);
    if (!same) this.#put({ ...this.state, notes });
    return { done: true, words: shorteningWords(shortened) };
  }

  #put(state) {
    this.past.push(this.state);
    if (this.past.length > MOST_UNDO) this.past.shift();
    this.future = [];
    this.nextId = Math.max(this.nextId, ...state.notes.map((note) => note.id + 1));
    this.state = Object.freeze({ ...state, notes: Object.freeze(state.notes) });
  }

  #fromPlain({ notes = [], lanes = {}, bend = [] }) {
    const made = notes.map(([pitch, velocity, onset, offset]) =>
      Object.freeze({ id: this.nextId++, pitch, velocity, onset, offset }),
    );
    const frozen = ([time, value, glides]) => Object.freeze([time, value, glides ?? 0]);
    const copied = Object.entries(lanes).map(([cc, points]) => [
      cc,
      Object.freeze(points.map(frozen)),
    ]);
    return Object.freeze({
      notes: Object.freeze(made),
      lanes: Object.freeze(Object.fromEntries(copied)),
      bend,
    });
  }
}

const refused = (why) => ({ done: false, words: `Not done: ${why}` });

const pointWords = (cc, [time, value, glides]) =>
  `CC${cc} is ${value} at ${inSeconds(time)}${glides ? ", gliding to the next point" : ""}.`;
