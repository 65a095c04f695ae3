// The piano roll's common state: what is drawn, what is chosen, what is heard, and the wire.

const EMPTY_SECONDS = 4; // that a roll shows at least
const ROOM_SECONDS = 2; // behind all that there is, to draw on
const REQUEST_MS = 15000; // without an answer to an import, export or piece for so long, say so

// Requests to Python that are answered one by one: import, export, pieces of the recording.
class Requests {
  constructor(model, onSilence, onAnswer) {
    Object.assign(this, { model, onSilence, onAnswer });
    Object.assign(this, { waiting: new Map(), number: 0, page: freshId() });
    this.listener = (content, buffers) => {
      const resolve = this.waiting.get(content.answer);
      this.waiting.delete(content.answer);
      resolve?.({ ...content, bytes: buffers?.[0] });
    };
    model.on("msg:custom", this.listener);
  }

  ask(content, buffers = []) {
    const number = `${this.page} ${++this.number}`;
    return new Promise((resolve) => {
      const timer = setTimeout(this.onSilence, REQUEST_MS);
      this.waiting.set(number, (answer) => {
        clearTimeout(timer);
        this.onAnswer();
        resolve(answer);
      });
      this.model.send({ ...content, number }, undefined, buffers);
    });
  }

  close() {
    this.model.off("msg:custom", this.listener);
  }
}

// What notes, lanes, fields and buttons share.
class RollDesk {
  #drawing = 0;
  #writes = 0;

  constructor(model) {
    const { pitch_range: range, channels, recording } = model.get("setup");
    Object.assign(this, { model, channels, recording, me: freshId() });
    Object.assign(this, { selected: new Set(), anchor: null, lane: null, wave: null });
    Object.assign(this, { noteTool: "draw", laneTool: "curve", grid: 0.05 });
    [this.closed, this.tried] = [false, false];
    [this.helpId, this.laneHelpId] = [freshId(), freshId()];
    this.edits = new RollEdits(model.get("roll"));
    const pitches = this.edits.notes.map((note) => note.pitch);
    this.onsets = recording?.onsets ?? [];
    this.view = new RollView(Math.min(...range, ...pitches), Math.max(...range, ...pitches));
    this.view.fit(this.seconds);
    this.middle = Math.round((range[0] + range[1]) / 2);
    const silent = (words) => this.complain((this.silence = words));
    this.wire = new Wire(model, (_since, times) => this.#answered(times), silent);
    const answers = () => this.#hearAgain();
    this.requests = new Requests(model, () => silent(SILENT), answers);
    this.bar = this.#makeBar();
    this.log = new MoveLog();
    this.words = element("p", { class: "words now", "aria-live": "polite" });
    this.problem = element("p", { class: "problem", role: "alert", hidden: true });
    this.head = element("div", { class: "cursor", "aria-hidden": "true" });
    this.follows = element("input", { type: "checkbox" });
    this.snap = this.snap.bind(this);
  }

  get chosen() {
    return this.edits.notes.filter((note) => this.selected.has(note.id));
  }

  get current() {
    return this.selected.has(this.anchor) ? this.edits.note(this.anchor) : null;
  }

  snap(time) {
    return this.grid ? Math.round(time / this.grid) * this.grid : time;
  }

  position = () => this.bar.player.position;

  toggle = () => this.bar.toggle();

  seek(seconds) {
    this.bar.seek(seconds);
    this.say(`Play head at ${inSeconds(this.position())}.`);
  }

  zoom(factor) {
    const { current, view } = this;
    view.zoom(factor, current ? (current.onset + current.offset) / 2 : undefined);
    if (current) view.reveal(current.onset, current.offset);
    this.redraw();
    this.say(`${inSeconds(view.start)} to ${inSeconds(view.start + view.span)} are shown.`);
  }

  choose(ids, anchor = ids.at(-1) ?? null) {
    [this.selected, this.anchor] = [new Set(ids), anchor];
    this.showFields();
    this.redraw();
  }

  useLane(lane) {
    this.lane = lane;
    this.showFields();
  }

  typedPoint = () => this.pointFields.typed();

  get glides() {
    return this.pointFields.glides.checked;
  }

  say(text) {
    if (this.words.textContent !== text) this.words.textContent = text;
  }

  complain(text, isProblem = true) {
    this.problem.textContent = text;
    this.problem.hidden = !text;
    this.problem.classList.toggle("plain", !isProblem);
  }

  // An edit was made, or refused: says so, and asks for its sound.
  did({ done, words }, since) {
    this.complain(done ? "" : words);
    if (done && words) this.say(words.trim());
    if (done || this.tried) this.#send(this.edits.plain(), since);
    this.tried = false; // a drag was heard on its way, and may have ended where nothing is done
    this.refresh();
  }

  // A drag's sound while it lasts; null: it was given up.
  trying(preview, since) {
    if (!preview) this.#send(this.edits.plain(), performance.now());
    else if (preview.notes) {
      const notes = preview.notes.map((n) => [n.pitch, n.velocity, n.onset, n.offset]);
      this.#send({ ...this.edits.plain(), notes }, since);
      this.tried = true;
    }
    this.redraw();
  }

  tryingLane(cc, points, since) {
    const plain = this.edits.plain();
    this.#send({ ...plain, lanes: { ...plain.lanes, [cc]: points } }, since);
    this.tried = true;
  }

  undo = ({ timeStamp }) => this.pad.busy || this.did(this.edits.undo(), timeStamp);

  redo = ({ timeStamp }) => this.pad.busy || this.did(this.edits.redo(), timeStamp);

  load(plain, words, since) {
    this.edits.load(plain);
    this.choose([]);
    this.did({ done: true, words }, since);
    const pitches = this.edits.notes.map((note) => note.pitch);
    if (pitches.length) {
      this.view.low = Math.min(this.view.low, ...pitches);
      this.view.high = Math.max(this.view.high, ...pitches);
    }
    this.pad.reset();
    this.showAll();
  }

  showAll() {
    this.view.fit(this.seconds);
    this.redraw();
    this.say(`${this.words.textContent} ${inSeconds(this.view.span)} are shown.`.trim());
  }

  // From the beginning to the end of the notes and of the recording; a whole half second.
  get seconds() {
    const { notes } = this.edits;
    const last = Math.max(0, ...notes.map((note) => note.offset));
    const own = notes.length ? Math.ceil(2 * (last + 0.3)) / 2 : 0;
    return Math.max(own, this.recording?.seconds ?? EMPTY_SECONDS);
  }

  // Python, or another view of this widget, has put another roll in the place of this one.
  takeRoll() {
    const roll = this.model.get("roll");
    if (String(roll.by ?? "").startsWith(`${this.me} `)) return;
    this.edits.load(roll);
    this.choose(this.chosen.map((note) => note.id));
    this.say(`${this.edits.notes.length} notes came from Python. Undo brings the former back.`);
    this.refresh();
  }

  takeSound() {
    const heard = this.model.get("heard");
    if (!heard.seconds) return;
    const bytes = this.model.get("pcm");
    const samples = samplesFromBytes(bytes);
    const label = this.model.get("setup").instrument;
    const [rate, size] = [heard.sample_rate, bytes.byteLength];
    this.#setSounds({ samples, rate, label, heard, bytes: size });
    this.heardWords.textContent = heard.words.join(" ");
    this.redraw();
  }

  // Draws everything, once, before the next frame.
  redraw() {
    cancelAnimationFrame(this.#drawing);
    this.#drawing = requestAnimationFrame(() => this.#draw());
  }

  showFields() {
    this.noteFields?.show();
    this.pointFields?.show();
  }

  placeHead() {
    const { view, bar, head, pad } = this;
    const at = bar.player.position;
    if (this.follows.checked && bar.player.playing && !pad.busy) {
      if (at < view.start || at > view.start + view.span) {
        view.scroll(at);
        this.redraw();
      }
    }
    head.hidden = at < view.start || at > view.start + view.span;
    head.style.transform = `translateX(${view.x(at) - 1}px)`;
  }

  close() {
    this.closed = true;
    cancelAnimationFrame(this.#drawing);
    this.wire.close();
    this.requests.close();
    this.bar.close();
  }

  #makeBar() {
    const onMove = () => this.head?.parentNode && this.placeHead();
    const label = this.recording ? "Recording and instrument" : "Piano roll";
    return new PlayerBar({ label, takes: ["A", "B"], onMove });
  }

  // With a recording A is it, B both together, C the instrument; else A and B are free to keep.
  #setSounds(live) {
    const { bar, wave } = this;
    this.live = live;
    if (!wave) return bar.setLive(live);
    const { samples, rate } = wave.sound;
    const both = live.samples.map((sample, i) => 0.5 * (sample + (samples[i] ?? 0)));
    const heard = bar.letter ?? "A";
    bar.setLive(live, { listen: false });
    bar.setTakes([wave.sound, { samples: both, rate, label: "both together" }], heard);
    bar.keepers.hidden = true;
  }

  // Again with what has come of the recording.
  takePiece() {
    if (this.live && this.wave.complete) {
      this.wave.sound = { ...this.wave.sound }; // else the player keeps its half-filled buffer
      this.#setSounds(this.live);
    }
    this.redraw();
  }

  #send(plain, since) {
    this.#writes += 1;
    this.wire.wish("roll", { ...plain, by: `${this.me} ${this.#writes}` }, since);
  }

  #answered(times) {
    const problem = this.model.get("problem");
    if (problem) return this.complain(problem);
    this.#hearAgain();
    if (!this.bar.player.playing) return;
    this.log.add(times, performance.now() + 1000 * START_SECONDS, this.live.bytes);
  }

  refresh() {
    for (const id of this.selected) if (!this.edits.note(id)) this.selected.delete(id);
    this.view.extend(this.seconds + ROOM_SECONDS);
    this.undoButton.setAttribute("aria-disabled", `${!this.edits.past.length}`);
    this.redoButton.setAttribute("aria-disabled", `${!this.edits.future.length}`);
    this.showFields();
    this.redraw();
  }

  #draw() {
    if (this.closed) return;
    const { view, grid, onsets } = this;
    const wave = this.wave && ((pen, colours) => this.wave.draw(pen, view, colours));
    drawRoll(this.pad.canvas, view, { ...this.pad.look, grid, onsets, wave });
    for (const lane of this.lanes) lane.draw(grid);
    this.scroller.show();
    this.placeHead();
  }

  // Python answers, however late: it is no longer said that it does not.
  #hearAgain() {
    if (this.silence && this.problem.textContent === this.silence) this.complain("");
  }
}
