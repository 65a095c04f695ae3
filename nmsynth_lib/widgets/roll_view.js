// What part of time and pitch the piano roll shows, and how it draws it.

const RULER = 18; // pixels above the rows: the times, where a click moves the play head
const SHORTEST_SPAN = 0.02; // seconds that fill the roll at the closest
const BLACK_KEYS = new Set([1, 3, 6, 8, 10]);
const GRID_LINES_PX = 10; // a grid finer than that is drawn every second, fourth… line
const LABELS_PX = 62; // between times on the ruler

// Places on the time axis, shared by the roll and its lanes, and on the pitch axis of the roll.
class RollView {
  constructor(low, high) {
    Object.assign(this, { start: 0, span: 4, total: 4, low, high, plot: 600, height: 360 });
  }

  x(time) {
    return LEFT + ((time - this.start) * this.plot) / this.span;
  }

  time(x) {
    return this.start + ((x - LEFT) * this.span) / this.plot;
  }

  get rowHeight() {
    return (this.height - RULER) / (this.high - this.low + 1);
  }

  // Top of a pitch's row.
  y(pitch) {
    return RULER + (this.high - pitch) * this.rowHeight;
  }

  pitch(y) {
    const pitch = this.high - Math.floor((y - RULER) / this.rowHeight);
    return Math.min(Math.max(pitch, this.low), this.high);
  }

  zoom(factor, around = this.start + this.span / 2) {
    const span = Math.min(Math.max(this.span / factor, SHORTEST_SPAN), this.total);
    const part = (around - this.start) / this.span;
    this.span = span;
    this.scroll(around - part * span);
  }

  scroll(start) {
    this.start = Math.min(Math.max(start, 0), Math.max(this.total - this.span, 0));
  }

  // Shows so many seconds from the beginning.
  fit(seconds) {
    [this.start, this.span] = [0, seconds];
    this.total = Math.max(this.total, seconds);
  }

  // Room to scroll to; what is seen stays where it is.
  extend(total) {
    this.total = Math.max(total, this.span);
    this.scroll(this.start);
  }

  // Scrolls as little as needed to show a stretch of time and a pitch.
  reveal(from, to, pitch = null) {
    const edge = this.span / 20;
    if (from < this.start) this.scroll(from - edge);
    else if (to > this.start + this.span) this.scroll(Math.min(from, to - this.span) + edge);
    if (pitch === null || (pitch >= this.low && pitch <= this.high)) return;
    this.shift(pitch < this.low ? pitch - this.low : pitch - this.high);
  }

  // Shows higher (lower: negative) pitches.
  shift(semitones) {
    const by = Math.min(Math.max(semitones, -this.low), 127 - this.high);
    this.low += by;
    this.high += by;
  }
}

// The first of the steps 1, 2, 5 times a power of ten that is at least so many seconds.
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((digit) => digit * power).find((step) => step >= least - HAIR);
}

function drawGrid(pen, view, colours, grid, bottom) {
  const perSecond = view.plot / view.span;
  let step = grid || roundStep(LABELS_PX / perSecond);
  while (step * perSecond < GRID_LINES_PX) step *= 2;
  pen.strokeStyle = colours.faint;
  pen.lineWidth = 1;
  pen.globalAlpha = 0.28;
  pen.beginPath();
  for (let i = Math.ceil(view.start / step - HAIR); i * step <= view.start + view.span; i++) {
    const x = Math.round(view.x(i * step)) + 0.5;
    pen.moveTo(x, bottom.from);
    pen.lineTo(x, bottom.to);
  }
  pen.stroke();
  pen.globalAlpha = 1;
}

function drawRuler(pen, view, colours) {
  const step = roundStep((LABELS_PX * view.span) / view.plot);
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - HAIR));
  pen.fillStyle = colours.ink;
  pen.textAlign = "left";
  for (let i = Math.ceil(view.start / step - HAIR); i * step < view.start + view.span; i++) {
    const x = view.x(i * step);
    pen.fillRect(x, RULER - 5, 1, 5);
    if (x < LEFT + view.plot - 34) pen.fillText(`${(i * step).toFixed(digits)} s`, x + 3, 8);
  }
}

function drawKeys(pen, view, colours) {
  const rows = view.rowHeight;
  pen.textAlign = "right";
  for (let pitch = view.low; pitch <= view.high; pitch++) {
    if (BLACK_KEYS.has(pitch % 12)) {
      pen.globalAlpha = 0.1;
      pen.fillStyle = colours.faint;
      pen.fillRect(LEFT, view.y(pitch), view.plot, rows);
      pen.globalAlpha = 1;
    }
    if (pitch % 12 === 0 || (rows >= 13 && !BLACK_KEYS.has(pitch % 12))) {
      pen.fillStyle = colours.ink;
      pen.fillText(pitchName(pitch), LEFT - 5, view.y(pitch) + rows / 2 + 1);
    }
    if (pitch % 12 === 0) {
      pen.globalAlpha = 0.4;
      pen.fillStyle = colours.faint;
      pen.fillRect(LEFT, view.y(pitch) + rows - 0.5, view.plot, 1);
      pen.globalAlpha = 1;
    }
  }
}

// Stripes over a rectangle: two notes sound together there.
function hatch(pen, ink, x, y, width, height) {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, width, height);
  pen.clip();
  pen.strokeStyle = ink;
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (let at = x - height; at < x + width; at += 5) {
    pen.moveTo(at, y + height);
    pen.lineTo(at + height, y);
  }
  pen.stroke();
  pen.restore();
  pen.strokeStyle = ink;
  pen.strokeRect(x + 0.5, y + 0.5, Math.max(width - 1, 1), height - 1);
}

function drawNote(pen, view, colours, note, selected) {
  const [left, top, rows] = [view.x(note.onset), view.y(note.pitch), view.rowHeight];
  const width = Math.max(view.x(note.offset) - left, 2);
  pen.fillStyle = selected ? colours.held : colours.live;
  pen.globalAlpha = 0.35 + (0.6 * note.velocity) / 127;
  pen.fillRect(left, top + 1, width, rows - 2);
  pen.globalAlpha = 1;
  pen.strokeStyle = selected ? colours.ink : colours.live;
  pen.lineWidth = selected ? 2 : 1;
  pen.strokeRect(left + 0.5, top + 1.5, Math.max(width - 1, 1), rows - 3);
  if (selected && width > 12) {
    pen.fillStyle = colours.ink; // handles: what can be pulled
    pen.fillRect(left, top, 3, rows);
    pen.fillRect(left + width - 3, top, 3, rows);
  }
}

// look: {notes, selected, overlaps, grid, onsets, wave, box}
function drawRoll(canvas, view, look) {
  const area = prepared(canvas);
  if (!area) return;
  const { pen, height, plot, colours } = area;
  Object.assign(view, { plot, height });
  drawKeys(pen, view, colours);
  drawRuler(pen, view, colours);
  pen.save();
  pen.beginPath();
  pen.rect(LEFT, 0, plot, height);
  pen.clip();
  drawGrid(pen, view, colours, look.grid, { from: RULER, to: height });
  look.wave?.(pen, colours);
  drawOnsets(pen, view, colours, look.onsets, height);
  const inside = ({ onset, offset }) => offset >= view.start && onset <= view.start + view.span;
  const shown = look.notes.filter(inside);
  for (const note of shown) drawNote(pen, view, colours, note, look.selected.has(note.id));
  for (const [earlier, later, seconds] of look.overlaps) {
    const [left, right] = [view.x(later.onset), view.x(later.onset + seconds)];
    for (const pitch of new Set([earlier.pitch, later.pitch])) {
      hatch(pen, colours.ink, left, view.y(pitch), right - left, view.rowHeight);
    }
  }
  if (look.box) {
    const [x0, y0, x1, y1] = look.box;
    pen.setLineDash([4, 3]);
    pen.strokeStyle = colours.ink;
    pen.lineWidth = 1;
    pen.strokeRect(Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0));
    pen.setLineDash([]);
  }
  pen.restore();
}

// Where the recording begins to sound, as dashed lines with a tip on the ruler.
function drawOnsets(pen, view, colours, onsets, height) {
  pen.strokeStyle = colours.held;
  pen.fillStyle = colours.held;
  pen.lineWidth = 1;
  pen.setLineDash([3, 3]);
  for (const onset of onsets) {
    const x = view.x(onset);
    if (x < LEFT - 5 || x > LEFT + view.plot + 5) continue;
    pen.beginPath();
    pen.moveTo(x, RULER);
    pen.lineTo(x, height);
    pen.stroke();
    pen.beginPath();
    pen.moveTo(x - 4, RULER - 6);
    pen.lineTo(x + 4, RULER - 6);
    pen.lineTo(x, RULER);
    pen.fill();
  }
  pen.setLineDash([]);
}

// The points [time, value, glides] of a lane, joined as they are heard.
function drawCurve(pen, view, colours, lane, points) {
  const [left, right] = [LEFT, LEFT + view.plot];
  let value = lane.channel.default;
  pen.strokeStyle = colours.held;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(left, lane.y(laneValue(points, view.start, value)));
  points.forEach(([time, next], i) => {
    if (!i || !points[i - 1][2]) pen.lineTo(view.x(time), lane.y(value));
    pen.lineTo(view.x(time), lane.y(next));
    value = next;
  });
  if (!points.length) pen.setLineDash([4, 4]); // nothing is written: the default holds
  pen.lineTo(Math.max(right, view.x(points.at(-1)?.[0] ?? 0)), lane.y(value));
  pen.stroke();
  pen.setLineDash([]);
  pen.lineTo(right, lane.y(lane.channel.low));
  pen.lineTo(left, lane.y(lane.channel.low));
  pen.globalAlpha = 0.16;
  pen.fillStyle = colours.held;
  pen.fill();
  pen.globalAlpha = 1;
  for (const [time, level] of points) {
    const chosen = time === lane.at;
    const size = chosen ? 5 : 3;
    pen.fillStyle = chosen ? colours.ink : colours.held;
    pen.fillRect(view.x(time) - size, lane.y(level) - size, 2 * size, 2 * size);
  }
}
