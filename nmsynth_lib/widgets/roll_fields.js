// Exact fields of the chosen note and of the chosen point: what a mouse cannot hit can be typed.

// A labelled box for a number; `onSet(value, timeStamp)` when one was typed.
function numberField(label, { low, high, step }, onSet) {
  const id = freshId();
  const limits = { min: `${low}`, max: `${high}`, step: `${step}` };
  const box = element("input", { id, type: "number", ...limits });
  const set = (event) => {
    if (Number.isFinite(box.valueAsNumber)) onSet(box.valueAsNumber, event.timeStamp);
  };
  box.addEventListener("change", set);
  const node = element("div", { class: "field" }, element("label", { for: id }, label), box);
  // The hand in the field wins: what is typed and not yet taken stays.
  const show = (text) => {
    if (box.value !== text) box.value = text;
  };
  return { node, box, show, value: () => box.valueAsNumber };
}

const button = (text, onclick) => element("button", { type: "button", onclick }, text);

class NoteFields {
  constructor(desk, pad) {
    const seconds = { low: 0, high: LONGEST_ROLL, step: 0.001 };
    this.desk = desk;
    this.onset = numberField("Onset, s", seconds, (value, at) => this.#one({ onset: value }, at));
    this.offset = numberField("End, s", seconds, (value, at) => this.#one({ offset: value }, at));
    this.pitch = numberField("Pitch", { low: 0, high: 127, step: 1 }, (value, at) =>
      this.#one({ pitch: value }, at),
    );
    this.velocity = numberField("Velocity", { low: 1, high: 127, step: 1 }, (value, at) =>
      this.#change(desk.chosen, { velocity: value }, at),
    );
    this.name = element("output", { for: this.pitch.box.id });
    this.pitch.node.append(this.name);
    const nameIt = () => (this.name.textContent = pitchWord(this.pitch.value()));
    this.pitch.box.addEventListener("input", nameIt);
    const group = { class: "row fields", role: "group", "aria-label": "Chosen note" };
    this.node = element(
      "div",
      group,
      this.onset.node,
      this.offset.node,
      this.pitch.node,
      this.velocity.node,
      button("Add note", (event) => this.#add(pad, event.timeStamp)),
      button("Delete note", (event) => pad.keys.remove(event.timeStamp)),
    );
  }

  show() {
    const { current } = this.desk;
    if (current) {
      this.onset.show(timeText(current.onset));
      this.offset.show(timeText(current.offset));
      this.pitch.show(`${current.pitch}`);
      this.velocity.show(`${current.velocity}`);
    }
    this.name.textContent = pitchWord(this.pitch.value());
  }

  #one(change, since) {
    this.#change(this.desk.current ? [this.desk.current] : [], change, since);
  }

  #change(notes, change, since) {
    if (!notes.length) return; // typed for a note to come: "Add note"
    const outcome = this.desk.edits.change(notes.map(({ id }) => [id, change]));
    if (!outcome.done) this.show();
    this.desk.did(outcome, since);
  }

  // The typed note, where none is chosen; else one behind the chosen one, as the Insert key does.
  #add(pad, since) {
    const note = {
      pitch: this.pitch.value(),
      velocity: this.velocity.value(),
      onset: this.onset.value(),
      offset: this.offset.value(),
    };
    const typed = Object.values(note).every(Number.isFinite);
    if (this.desk.current || !typed) pad.keys.addBehind(since);
    else pad.add(note, since);
  }
}

const pitchWord = (pitch) => (whole(pitch, 0, 127) ? pitchName(pitch) : "");

class PointFields {
  constructor(desk) {
    this.desk = desk;
    const set = (value, at) => this.#set(at);
    this.time = numberField("Point at, s", { low: 0, high: LONGEST_ROLL, step: 0.001 }, set);
    this.value = numberField("Value", { low: 0, high: 127, step: 1 }, set);
    this.glides = element("input", { type: "checkbox" });
    this.glides.addEventListener("change", (event) => this.#set(event.timeStamp));
    this.title = element("span", { class: "title" });
    const group = { class: "row fields", role: "group", "aria-label": "Chosen point of a lane" };
    this.node = element(
      "div",
      group,
      this.title,
      this.time.node,
      this.value.node,
      element("label", {}, this.glides, "Glide to the next"),
      button("Add point", (event) => desk.lane.addPoint(this.typed(), event.timeStamp)),
      button("Delete point", (event) => desk.lane.remove(event.timeStamp)),
    );
  }

  typed() {
    const [time, value] = [this.time.value(), this.value.value()];
    const { desk } = this;
    return {
      time: Number.isFinite(time) ? time : desk.position(),
      value: Number.isFinite(value) ? value : desk.lane.channel.high,
      glides: this.glides.checked,
    };
  }

  show() {
    const { lane } = this.desk;
    this.node.hidden = !lane;
    if (!lane) return;
    this.title.textContent = lane.channel.label;
    if (!lane.point) return;
    const [time, value, glides] = lane.point;
    this.time.show(timeText(time));
    this.value.show(`${value}`);
    this.glides.checked = Boolean(glides);
  }

  #set(since) {
    const { lane } = this.desk;
    if (!lane?.point) return; // typed for a point to come: "Add point"
    const { time, value, glides } = this.typed();
    const [at] = lane.point;
    // A time that was only shown rounded is not changed by typing a value.
    lane.moveTo(timeText(time) === timeText(at) ? at : time, value, glides, since);
    this.show();
  }
}
