// A lane of one controller under pointer and keys: curve, steps, single points, erase.

const POINT_PX = { mouse: 9, touch: 18, pen: 12 }; // round a point that still hits it
const LANE_PAD = 7; // pixels above and below the range of values
const LANE_STEP_S = 0.02; // of drawn steps when the grid is off
const POINT_GAP = 0.5; // seconds to a point that is added behind the last one

class LanePad {
  constructor(desk, channel) {
    Object.assign(this, { desk, channel, drag: null, at: null }); // at: time of the chosen point
    this.canvas = element("canvas", {
      class: "lane",
      role: "application",
      tabindex: "0",
      "aria-roledescription": "controller lane",
      "aria-label": channel.label,
      "aria-describedby": desk.laneHelpId,
    });
    this.canvas.dataset.lmSuppressShortcuts = "true";
    const on = (name, listener) => this.canvas.addEventListener(name, listener);
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", (event) => this.#up(event));
    on("pointercancel", () => this.cancel());
    on("keydown", (event) => this.#key(event));
    on("focus", () => {
      desk.useLane(this);
      desk.say(this.#greeting());
    });
  }

  get points() {
    return this.desk.edits.lane(this.channel.cc);
  }

  // The chosen point [time, value, glides], or null.
  get point() {
    return this.points.find(([time]) => time === this.at) ?? null;
  }

  choose(time) {
    this.at = time;
    this.desk.redraw();
    this.desk.showFields();
  }

  cancel() {
    if (!this.drag) return;
    this.drag = null;
    this.desk.trying(null);
    this.desk.say("Not done: cancelled.");
  }

  y(value) {
    const { low, high } = this.channel;
    const room = this.canvas.clientHeight - 2 * LANE_PAD;
    return LANE_PAD + room * (1 - (value - low) / (high - low));
  }

  #value(y) {
    const { low, high } = this.channel;
    const part = 1 - (y - LANE_PAD) / (this.canvas.clientHeight - 2 * LANE_PAD);
    return Math.round(Math.min(Math.max(low + part * (high - low), low), high));
  }

  draw(grid) {
    const area = prepared(this.canvas);
    if (!area) return;
    const { pen, height, plot, colours } = area;
    const { view } = this.desk;
    const { low, high } = this.channel;
    pen.fillStyle = colours.ink;
    pen.textAlign = "right";
    for (const value of [low, high]) pen.fillText(`${value}`, LEFT - 5, this.y(value));
    pen.fillText(`CC${this.channel.cc}`, LEFT - 5, height / 2);
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, 0, plot, height);
    pen.clip();
    drawGrid(pen, view, colours, grid, { from: 0, to: height });
    const { preview } = this.drag ?? {};
    drawCurve(pen, view, colours, this, preview ?? this.points);
    if (this.drag?.stroke) this.#drawStroke(pen, colours);
    pen.restore();
  }

  #drawStroke(pen, colours) {
    const { view } = this.desk;
    pen.strokeStyle = colours.ink;
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (const [time, value] of this.drag.stroke) pen.lineTo(view.x(time), this.y(value));
    pen.stroke();
  }

  #hit(x, y, kind) {
    const reach = POINT_PX[kind] ?? POINT_PX.mouse;
    const away = ([time, value]) => Math.hypot(this.desk.view.x(time) - x, this.y(value) - y);
    const nearest = [...this.points].sort((a, b) => away(a) - away(b))[0];
    return nearest && away(nearest) <= reach ? nearest : null;
  }

  #down(event) {
    if (event.button || this.drag) return;
    const { desk } = this;
    const { offsetX: x, offsetY: y, pointerType } = event;
    this.canvas.setPointerCapture(event.pointerId);
    const kind = desk.laneTool;
    desk.useLane(this);
    this.drag = { kind, x, y };
    if (kind === "points") {
      const hit = this.#hit(x, y, pointerType);
      this.drag.from = hit?.[0] ?? null;
      this.drag.glides = hit ? hit[2] : desk.glides;
      this.choose(this.drag.from);
    } else {
      this.drag.stroke = [];
    }
    this.#move(event);
  }

  #move(event) {
    const { drag, desk } = this;
    if (!drag) return;
    const { offsetX: x, offsetY: y } = event;
    const time = Math.max(desk.view.time(x), 0);
    drag.moved ||= Math.hypot(x - drag.x, y - drag.y) > DRAG_PX;
    if (drag.kind === "points") {
      const at = event.altKey ? time : desk.snap(time);
      drag.point = lanePoint(at, this.#value(y), drag.glides);
      const others =
        drag.from === null ? this.points : withoutPoints(this.points, drag.from, drag.from);
      if (drag.from === null || drag.moved) drag.preview = withPoints(others, [drag.point]);
    } else {
      drag.stroke.push([time, this.#value(y)]);
      if (drag.kind === "erase") drag.preview = withoutPoints(this.points, ...this.#strokeSpan());
      else drag.preview = this.#drawn();
    }
    desk.redraw();
    if (drag.preview) desk.tryingLane(this.channel.cc, drag.preview, event.timeStamp);
    desk.say(`CC${this.channel.cc} ${this.#value(y)} at ${inSeconds(time)}.`);
  }

  #strokeSpan() {
    const times = this.drag.stroke.map(([time]) => time);
    const reach = (POINT_PX.mouse * this.desk.view.span) / this.desk.view.plot;
    return [Math.min(...times) - reach, Math.max(...times) + reach];
  }

  #grid() {
    return this.desk.grid || LANE_STEP_S;
  }

  #drawn() {
    const points = strokePoints(this.drag.stroke, this.drag.kind, this.#grid());
    const until = Math.max(points.at(-1)[0], ...this.drag.stroke.map(([time]) => time));
    return withPoints(withoutPoints(this.points, points[0][0], until), points);
  }

  #up(event) {
    const { drag, desk } = this;
    if (!drag) return;
    this.#move(event);
    const { cc } = this.channel;
    const span = drag.stroke && this.#strokeSpan();
    this.drag = null;
    if (drag.kind === "erase") {
      desk.did(desk.edits.erasePoints(cc, ...span), event.timeStamp);
    } else if (drag.stroke) {
      desk.did(desk.edits.drawLane(cc, drag.stroke, drag.kind, this.#grid()), event.timeStamp);
    } else if (drag.from === null) {
      this.#set(...drag.point, event.timeStamp);
    } else if (drag.moved) {
      this.moveTo(...drag.point, event.timeStamp);
    } else {
      desk.redraw();
      desk.say(this.#words());
    }
  }

  #set(time, value, glides, since) {
    const outcome = this.desk.edits.setPoint(this.channel.cc, time, value, glides);
    if (outcome.done) {
      this.at = tidyTime(time);
      outcome.words = this.#words();
    }
    this.desk.did(outcome, since);
    if (outcome.done) this.desk.view.reveal(this.at, this.at);
  }

  // Moves the chosen point.
  moveTo(time, value, glides, since) {
    const outcome = this.desk.edits.movePoint(this.channel.cc, this.at, time, value, glides);
    if (outcome.done && time !== this.at) this.at = tidyTime(time);
    if (outcome.done) outcome.words = this.#words();
    this.desk.did(outcome, since);
  }

  // Adds a point: as typed if none is chosen, else half-way to the one after the chosen one.
  addPoint(typed, since) {
    const { point, points } = this;
    if (!point) return this.#set(typed.time, typed.value, typed.glides, since);
    const next = points[points.indexOf(point) + 1];
    const gap = next ? (next[0] - point[0]) / 2 : this.desk.grid || POINT_GAP;
    const value = next ? Math.round((point[1] + next[1]) / 2) : point[1];
    this.#set(point[0] + gap, value, point[2], since);
  }

  remove(since) {
    const { desk, points, at } = this;
    const index = points.findIndex(([time]) => time === at);
    if (index < 0) return desk.did(refused("no point is chosen."), since);
    const outcome = desk.edits.erasePoints(this.channel.cc, at, at);
    this.at = (this.points[index] ?? this.points[index - 1])?.[0] ?? null;
    if (this.at !== null) outcome.words += ` Now at ${this.#words()}`;
    desk.did(outcome, since);
  }

  #words() {
    const { points, point } = this;
    if (!point) return this.#greeting();
    const place = `point ${points.indexOf(point) + 1} of ${points.length}`;
    return `${pointWords(this.channel.cc, point)} This is ${place}.`;
  }

  #greeting() {
    const { points, channel } = this;
    if (this.point) return this.#words();
    if (!points.length) {
      return `${channel.label}: nothing is drawn, ${channel.default} holds. Enter adds a point.`;
    }
    return `${channel.label}: ${points.length} points. Right arrow goes to the first.`;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey) return;
    const { key, altKey, shiftKey, timeStamp } = event;
    const { desk, points, point } = this;
    const across = { ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0;
    const up = { ArrowUp: 1, ArrowDown: -1 }[key] ?? 0;
    const at = points.findIndex(([time]) => time === this.at);
    if (key === "Home" || key === "End") this.#goTo(points.at(key === "Home" ? 0 : -1));
    else if (across && altKey) this.#shift((desk.grid || FREE_STEP) * across, 0, timeStamp);
    else if (across) this.#goTo(points[at < 0 && across < 0 ? points.length - 1 : at + across]);
    else if (up) this.#shift(0, up * (shiftKey ? 10 : 1), timeStamp);
    else if (key === "Insert" || key === "Enter") this.addPoint(desk.typedPoint(), timeStamp);
    else if (key === "Delete" || key === "Backspace") this.remove(timeStamp);
    else if (key.toLowerCase() === "g" && point) {
      this.moveTo(point[0], point[1], point[2] ? 0 : 1, timeStamp);
    } else if (key === " ") desk.toggle();
    else if (key === "Escape") {
      if (this.drag) this.cancel();
      else this.choose(null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #goTo(point) {
    if (!point) return this.desk.say(this.points.length ? "No further point." : this.#greeting());
    this.desk.view.reveal(point[0], point[0]);
    this.choose(point[0]);
    this.desk.say(this.#words());
  }

  #shift(seconds, by, since) {
    const { point, channel } = this;
    if (!point) return this.desk.say("No point is chosen: arrows left and right walk.");
    const value = Math.min(Math.max(point[1] + by, channel.low), channel.high);
    this.moveTo(Math.max(point[0] + seconds, 0), value, point[2], since);
  }
}
