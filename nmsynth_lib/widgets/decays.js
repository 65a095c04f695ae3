// How the partials of a note die away: solid what is heard, dotted the guitar's law, dashed a kept
// sound. Every line has its name beside it. Joined after elements.js and pictures.js.

const DECAY_TOP_DB = 0;
const DECAY_FLOOR_DB = -90;
const LINE_HEIGHT = 13; // pixels between two names

// A decay in words, "12 dB/s".
const perSecond = (decay) => (decay === null ? "?" : `${decay.toFixed(0)} dB/s`);

class DecayView {
  #drawing = 0;
  #seconds = 1;
  #shown = null;
  #kept = []; // {letter, told}

  constructor(height = 210) {
    this.canvas = element("canvas", { role: "img", style: `height:${height}px` });
    this.cursor = element("div", { class: "cursor", "aria-hidden": "true" });
    this.node = element("div", { class: "pictures" }, this.canvas, this.cursor);
    this.close = redrawn(this.canvas, () => this.redraw());
  }

  // What is told of the sound that is heard, and of the kept ones; `note` has onset and offset.
  show(seconds, shown, kept, note) {
    this.#seconds = seconds;
    this.#shown = { ...shown, note };
    this.#kept = kept;
    const said = shown.partials.map((one) => {
      const law = one.law === null ? "" : `, law ${perSecond(one.law)}`;
      return `partial ${one.partial} ${perSecond(one.decay)}${law}`;
    });
    const others = kept.map(({ letter }) => ` Dashed: ${letter}.`).join("");
    const label = `Level of partials over time, dB. Decay: ${said.join("; ")}.${others}`;
    this.canvas.setAttribute("aria-label", label);
    this.redraw();
  }

  redraw() {
    cancelAnimationFrame(this.#drawing);
    if (this.#shown) this.#drawing = requestAnimationFrame(() => this.#draw());
  }

  // Moves the cursor to so many seconds.
  place(position) {
    const width = this.canvas.clientWidth - LEFT - RIGHT;
    const x = LEFT + (width * position) / this.#seconds;
    this.cursor.style.transform = `translateX(${x}px)`;
  }

  #draw() {
    const area = prepared(this.canvas);
    if (!area) return;
    const { pen, height, plot, colours } = area;
    const bottom = height - 18;
    const x = (time) => LEFT + (plot * time) / this.#seconds;
    const y = (level) =>
      (bottom * (DECAY_TOP_DB - Math.max(level, DECAY_FLOOR_DB))) / (DECAY_TOP_DB - DECAY_FLOOR_DB);
    this.#axes(pen, { x, y, plot, bottom, colours });
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, 0, plot, bottom);
    pen.clip();
    const names = [];
    for (const { letter, told } of this.#kept) {
      for (const one of told.partials) {
        const style = { colour: colours.held, dashes: [7, 4], width: 1.5 };
        const end = this.#curve(pen, one, told.step, style, { x, y });
        if (end) names.push({ ...end, text: `${letter} ${one.partial}`, colour: colours.held });
      }
    }
    for (const one of this.#shown.partials) {
      const style = { colour: colours.live, dashes: [], width: 2 };
      const end = this.#curve(pen, one, this.#shown.step, style, { x, y });
      if (end) names.push({ ...end, text: `partial ${one.partial}`, colour: colours.live });
      if (one.law !== null) this.#law(pen, one, colours.ink, { x, y });
    }
    pen.restore();
    const paper = getComputedStyle(this.canvas).getPropertyValue("--jp-layout-color1").trim();
    this.#names(pen, names, bottom, paper || "#fff");
  }

  #axes(pen, { x, y, plot, bottom, colours }) {
    pen.fillStyle = colours.ink;
    pen.strokeStyle = colours.faint;
    pen.textAlign = "right";
    pen.lineWidth = 0.5;
    for (let level = -20; level > DECAY_FLOOR_DB; level -= 20) {
      pen.globalAlpha = 0.4;
      pen.beginPath();
      pen.moveTo(LEFT, y(level));
      pen.lineTo(LEFT + plot, y(level));
      pen.stroke();
      pen.globalAlpha = 1;
      pen.fillText(`−${-level} dB`, LEFT - 4, y(level));
    }
    pen.textAlign = "center";
    for (let time = 0; time < this.#seconds - 0.2; time++) {
      pen.fillText(time ? String(time) : "0 s", x(time) + 4, bottom + 11);
    }
    // Where the finger comes down.
    const { offset } = this.#shown.note;
    pen.beginPath();
    pen.moveTo(x(offset), 0);
    pen.lineTo(x(offset), bottom);
    pen.stroke();
    const room = offset < 0.7 * this.#seconds;
    pen.textAlign = room ? "left" : "right";
    pen.fillText("note-off", x(offset) + (room ? 4 : -4), 8);
  }

  // One level over time, down to where it is lost; gives back where its name may stand.
  #curve(pen, { levels }, step, { colour: ink, dashes, width }, { x, y }) {
    const top = levels.indexOf(Math.max(...levels));
    let last = levels.findIndex((level, i) => i > top && level < DECAY_FLOOR_DB + 2);
    if (last < 0) last = levels.length - 1;
    if (levels[top] < DECAY_FLOOR_DB + 2) return null;
    pen.strokeStyle = ink;
    pen.lineWidth = width;
    pen.setLineDash(dashes);
    pen.beginPath();
    levels.slice(0, last + 1).forEach((level, i) => pen.lineTo(x(i * step), y(level)));
    pen.stroke();
    pen.setLineDash([]);
    // Beside the line after two thirds of the note, or before it is gone.
    const { onset, offset } = this.#shown.note;
    const two = Math.round((onset + 0.6 * (offset - onset)) / step);
    const lost = levels.findIndex((level, i) => i > top && level < DECAY_FLOOR_DB + 20);
    const at = Math.max(top, Math.min(two, lost < 0 ? levels.length - 1 : lost));
    return { x: x(at * step) + 5, y: y(levels[at]) - 8 };
  }

  // The line that the law draws, from where the decay is measured until the note-off.
  #law(pen, { from, from_db: level, law }, ink, { x, y }) {
    const { offset } = this.#shown.note;
    const until = Math.min(offset, from + (level - DECAY_FLOOR_DB) / law);
    if (until <= from) return;
    pen.strokeStyle = ink;
    pen.lineWidth = 1.6;
    pen.lineCap = "round";
    pen.setLineDash([0.1, 4]);
    pen.beginPath();
    pen.moveTo(x(from), y(level));
    pen.lineTo(x(until), y(level - law * (until - from)));
    pen.stroke();
    pen.setLineDash([]);
    pen.lineCap = "butt";
  }

  // Names beside their lines, moved down where two would lie on each other.
  #names(pen, names, bottom, paper) {
    const placed = [];
    pen.textAlign = "left";
    pen.lineJoin = "round";
    pen.lineWidth = 4;
    pen.strokeStyle = paper; // a margin, where a name crosses another line
    for (const name of names.sort((a, b) => a.y - b.y)) {
      const width = pen.measureText(name.text).width;
      let place = Math.max(name.y, 7);
      const meets = (other) =>
        Math.abs(other.y - place) < LINE_HEIGHT &&
        other.x < name.x + width + 4 &&
        name.x < other.x + other.width + 4;
      while (placed.some(meets) && place < bottom - LINE_HEIGHT) place += 2;
      placed.push({ x: name.x, y: place, width });
      pen.strokeText(name.text, name.x, place);
      pen.fillStyle = name.colour;
      pen.fillText(name.text, name.x, place);
    }
  }
}
