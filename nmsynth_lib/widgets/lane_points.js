// Lanes of controllers as points [time, value, glides], sorted: a value holds until the next point,
// or glides to it in a straight line. Nothing here draws, nothing changes what it is given.

const LONGEST_ROLL = 3600; // seconds
const TIME_STEPS = 10000; // a second; times that are set are rounded to 0.1 ms
const HAIR = 1e-9; // seconds; below any time that can be set
const CURVE_TOLERANCE = 1.5; // of a value, within which a drawn curve needs no point of its own

const tidyTime = (seconds) => Math.round(seconds * TIME_STEPS) / TIME_STEPS + 0;

const lanePoint = (time, value, glides) =>
  Object.freeze([
    tidyTime(Math.min(Math.max(time, 0), LONGEST_ROLL)),
    Math.min(Math.max(Math.round(value), 0), 127),
    glides ? 1 : 0,
  ]);

function withPoints(points, added) {
  const times = new Set(added.map(([time]) => time));
  const kept = points.filter(([time]) => !times.has(time));
  return [...kept, ...added].sort((a, b) => a[0] - b[0]);
}

const withoutPoints = (points, from, to) =>
  points.filter(([time]) => time < from - HAIR || time > to + HAIR);

// The value in force at a time.
function laneValue(points, time, before) {
  let value = before;
  for (let i = 0; i < points.length && points[i][0] <= time + HAIR; i++) {
    const [[start, from, glides], next] = [points[i], points[i + 1]];
    value = from;
    if (glides && next && time < next[0]) {
      value += ((next[1] - from) * (time - start)) / (next[0] - start);
    }
  }
  return value;
}

// A freehand stroke [[time, value], …] with as few points as keep it within a tolerance.
function thinned(stroke, tolerance) {
  if (stroke.length < 3) return stroke;
  const [first, last] = [stroke[0], stroke.at(-1)];
  let [furthest, distance] = [0, tolerance];
  for (let i = 1; i < stroke.length - 1; i++) {
    const part = (stroke[i][0] - first[0]) / (last[0] - first[0] || 1);
    const off = Math.abs(stroke[i][1] - first[1] - part * (last[1] - first[1]));
    if (off > distance) [furthest, distance] = [i, off];
  }
  if (!furthest) return [first, last];
  const before = thinned(stroke.slice(0, furthest + 1), tolerance);
  return [...before.slice(0, -1), ...thinned(stroke.slice(furthest), tolerance)];
}

// A stroke as points of a lane: a curve of few, or one step for each step of the grid.
function strokePoints(stroke, how, grid) {
  const newest = new Map(); // of several at one time the last one drawn
  for (const [time, value] of stroke) {
    const cell = tidyTime(Math.max(0, Math.floor(time / grid + HAIR) * grid));
    newest.set(how === "steps" ? cell : tidyTime(Math.max(0, time)), value);
  }
  const sorted = [...newest].sort((a, b) => a[0] - b[0]);
  if (how === "steps") {
    const changes = sorted.filter(([, value], i) => !i || value !== sorted[i - 1][1]);
    return changes.map(([time, value]) => lanePoint(time, value, false));
  }
  const few = thinned(sorted, CURVE_TOLERANCE);
  return few.map(([time, value], i) => lanePoint(time, value, i < few.length - 1));
}
