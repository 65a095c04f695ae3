// Notes under the keys: whoever has no pointer can do everything, and hears where they are.

const FREE_STEP = 0.01; // seconds that an arrow moves when the grid is off
const NUDGES = { ",": -0.001, ".": 0.001, "<": -0.005, ">": 0.005, ";": -0.005, ":": 0.005 };
const ONSET_REACH = 0.15; // seconds within which a note is pulled to an onset

class NoteKeys {
  constructor(desk, pad) {
    Object.assign(this, { desk, pad });
  }

  // A note behind the current one, in the first gap that has room; at the play head if none is.
  addBehind(since) {
    const { edits, current } = this.desk;
    const now = current ?? null;
    let onset = now ? now.offset : tidyTime(this.desk.snap(this.desk.position()));
    let until = Infinity;
    for (const note of edits.notes) {
      if (note.offset <= onset + HAIR) continue;
      until = note.onset;
      if (until - onset >= SHORTEST_NOTE) break;
      [onset, until] = [note.offset, Infinity];
    }
    const length = now ? now.offset - now.onset : this.pad.length;
    const pitch = now?.pitch ?? this.desk.middle;
    const velocity = now?.velocity ?? this.pad.velocity;
    this.pad.add({ pitch, velocity, onset, offset: Math.min(onset + length, until) }, since);
  }

  remove(since) {
    const { desk } = this;
    const { notes } = desk.edits;
    const at = notes.findIndex((note) => desk.selected.has(note.id));
    const outcome = desk.edits.remove(desk.selected);
    const next = desk.edits.notes[Math.min(Math.max(at, 0), desk.edits.notes.length - 1)];
    if (!outcome.done) return desk.did(outcome, since);
    desk.choose(next ? [next.id] : []);
    const now = next ? ` Now at ${this.pad.words(next)}` : " The roll is empty.";
    outcome.words += now;
    desk.did(outcome, since);
  }

  snapToOnset(since) {
    const { desk } = this;
    const changes = [];
    for (const note of desk.chosen) {
      const apart = (onset) => Math.abs(onset - note.onset);
      const nearest = desk.onsets.reduce(
        (best, one) => (apart(one) < apart(best) ? one : best),
        Infinity,
      );
      if (apart(nearest) <= ONSET_REACH) changes.push([note.id, { onset: nearest }]);
    }
    if (!changes.length) {
      return desk.did(refused("no onset is heard within 150 ms of the selected note."), since);
    }
    const outcome = desk.edits.change(changes);
    if (outcome.done) outcome.words = `${this.#placeWords()} ${outcome.words}`;
    desk.did(outcome, since);
  }

  #placeWords() {
    const { current } = this.desk;
    return current ? this.pad.words(current) : "";
  }

  greeting() {
    const count = this.desk.edits.notes.length;
    if (!count) return "The roll is empty. Enter adds a note at the play head.";
    return this.#placeWords() || `${count} notes. Right arrow goes to the first.`;
  }

  press(event) {
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() !== "a") return;
      this.desk.choose(this.desk.edits.notes.map((note) => note.id));
      this.desk.say(`${this.desk.selected.size} notes selected.`);
    } else if (event.key.startsWith("Arrow")) {
      this.#arrow(event);
    } else if (!this.#plainKey(event)) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  #plainKey({ key, timeStamp }) {
    const { desk } = this;
    const { notes } = desk.edits;
    if (key === "Home" || key === "End") this.#goTo(notes.at(key === "Home" ? 0 : -1));
    else if (key === "Insert" || key === "Enter") this.addBehind(timeStamp);
    else if (key === "Delete" || key === "Backspace") this.remove(timeStamp);
    else if (key === "Escape") this.#escape();
    else if (key === " ") desk.toggle();
    else if (key === "+" || key === "=") desk.zoom(2);
    else if (key === "-") desk.zoom(0.5);
    else if (key in NUDGES) this.nudge(NUDGES[key], timeStamp);
    else if (key.toLowerCase() === "o" && desk.onsets.length) this.snapToOnset(timeStamp);
    else return false;
    return true;
  }

  #escape() {
    if (this.pad.busy) return this.pad.cancel();
    this.desk.choose([]);
    this.desk.say("Nothing selected.");
  }

  nudge(seconds, since) {
    const { desk } = this;
    const changes = desk.chosen.map(({ id, onset }) => [
      id,
      { onset: Math.max(tidyTime(onset + seconds), 0) },
    ]);
    this.#changeBy(changes, since);
  }

  // Plain arrows walk; Alt moves; Shift moves the end, or the velocity; both together the onset.
  #arrow({ key, altKey, shiftKey, timeStamp }) {
    const { desk } = this;
    const across = { ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0;
    const up = { ArrowUp: 1, ArrowDown: -1 }[key] ?? 0;
    if (!altKey && !shiftKey) return across ? this.#walk(across) : this.#climb(up);
    const step = (desk.grid || FREE_STEP) * across;
    const notes = desk.chosen;
    if (altKey && shiftKey && across) {
      const changes = notes.map(({ id, onset }) => [id, { onset: Math.max(onset + step, 0) }]);
      this.#changeBy(changes, timeStamp);
    } else if (altKey) {
      this.#changeBy(movedNotes(notes, step, up), timeStamp);
    } else if (across) {
      this.#changeBy(notes.map(({ id, offset }) => [id, { offset: offset + step }]), timeStamp);
    } else {
      const louder = (velocity) => Math.min(Math.max(velocity + up, 1), 127);
      const changes = notes.map(({ id, velocity }) => [id, { velocity: louder(velocity) }]);
      this.#changeBy(changes, timeStamp);
    }
  }

  #changeBy(changes, since) {
    if (!changes.length) return this.desk.say("No note is selected.");
    const outcome = this.desk.edits.change(changes);
    if (outcome.done) {
      outcome.words = `${this.#placeWords()} ${outcome.words}`;
      const { current } = this.desk;
      if (current) this.desk.view.reveal(current.onset, current.offset, current.pitch);
    }
    this.desk.did(outcome, since);
  }

  #walk(step) {
    const { edits, current } = this.desk;
    const at = current ? edits.notes.findIndex((note) => note.id === current.id) : -1;
    const next = current ? at + step : step > 0 ? 0 : edits.notes.length - 1;
    if (!edits.notes[next]) {
      const edge = step > 0 ? "That was the last note." : "That was the first note.";
      return this.desk.say(edits.notes.length ? edge : this.greeting());
    }
    this.#goTo(edits.notes[next]);
  }

  // To the nearest note in time that is higher, or lower.
  #climb(up) {
    const { edits, current } = this.desk;
    if (!current) return this.#walk(1);
    const apart = (note) => Math.abs(note.onset - current.onset);
    const there = edits.notes.filter((note) => up * (note.pitch - current.pitch) > 0);
    const next = there.sort((a, b) => apart(a) - apart(b))[0];
    if (next) this.#goTo(next);
    else this.desk.say(`No ${up > 0 ? "higher" : "lower"} note.`);
  }

  #goTo(note) {
    if (!note) return this.desk.say(this.greeting());
    this.desk.choose([note.id]);
    this.desk.view.reveal(note.onset, note.offset, note.pitch);
    this.desk.redraw();
    this.desk.say(this.pad.words(note));
  }
}
