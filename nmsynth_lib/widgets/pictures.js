// Pictures: notes and openness, waveform, spectrogram, on one time axis, drawn from the samples.

const FFT_SIZE = 1024;
const TOP_HZ = 5000;
const FLOOR_DB = -100;
const CEILING_DB = -25;
const LEFT = 46; // pixels for the labels of the axes
const RIGHT = 6;

// Anchors of the "cividis" colour map, dark to bright, readable with any colour vision.
const CIVIDIS = [
  [0, 32, 77], [0, 47, 111], [45, 61, 108], [76, 76, 108], [101, 92, 111], [124, 109, 114],
  [149, 126, 113], [176, 144, 106], [203, 163, 94], [231, 184, 75], [255, 233, 69],
];

function colour(fraction) {
  const place = Math.min(Math.max(fraction, 0), 1) * (CIVIDIS.length - 1);
  const low = Math.min(Math.floor(place), CIVIDIS.length - 2);
  return CIVIDIS[low].map((c, i) => c + (CIVIDIS[low + 1][i] - c) * (place - low));
}

const COLOURS = Array.from({ length: 256 }, (_, i) => colour(i / 255));
const HANN = Float32Array.from(
  { length: FFT_SIZE },
  (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FFT_SIZE),
);

const TURN = (-2 * Math.PI) / FFT_SIZE;
const COSINES = Float32Array.from({ length: FFT_SIZE / 2 }, (_, i) => Math.cos(TURN * i));
const SINES = Float32Array.from({ length: FFT_SIZE / 2 }, (_, i) => Math.sin(TURN * i));

// In-place radix-2 transform of FFT_SIZE complex numbers.
function fft(re, im) {
  const n = FFT_SIZE;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let size = 2; size <= n; size <<= 1) {
    const half = size >> 1;
    for (let k = 0; k < half; k++) {
      const c = COSINES[(k * n) / size];
      const s = SINES[(k * n) / size];
      for (let i = k; i < n; i += size) {
        const r = re[i + half] * c - im[i + half] * s;
        const q = re[i + half] * s + im[i + half] * c;
        re[i + half] = re[i] - r;
        im[i + half] = im[i] - q;
        re[i] += r;
        im[i] += q;
      }
    }
  }
}

// Levels in dBFS, one row of FFT_SIZE / 2 bins a column. Two real frames share one transform.
function spectrogram(samples, columns) {
  const bins = FFT_SIZE / 2;
  const levels = new Float32Array(columns * bins);
  const frame = (target, column) => {
    const first = Math.round(((column + 0.5) * samples.length) / columns) - bins;
    for (let i = 0; i < FFT_SIZE; i++) target[i] = (samples[first + i] ?? 0) * HANN[i];
  };
  const [re, im] = [new Float32Array(FFT_SIZE), new Float32Array(FFT_SIZE)];
  const decibel = (power) => 10 * Math.log10(power + 1e-20) - 20 * Math.log10(FFT_SIZE / 4);
  for (let column = 0; column < columns; column += 2) {
    frame(re, column);
    frame(im, column + 1);
    fft(re, im);
    for (let k = 1; k < bins; k++) {
      const [a, b, c, d] = [re[k], im[k], re[FFT_SIZE - k], im[FFT_SIZE - k]];
      levels[column * bins + k] = decibel(((a + c) ** 2 + (b - d) ** 2) / 4);
      if (column + 1 < columns) {
        levels[(column + 1) * bins + k] = decibel(((b + d) ** 2 + (c - a) ** 2) / 4);
      }
    }
  }
  return levels;
}

// A canvas that is sharp on any screen; returns its drawing context in CSS pixels.
function prepared(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width || !height) return null;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const named = (name, other) => style.getPropertyValue(name).trim() || other;
  const ink = named("--nmsynth-ink", "#212121");
  const colours = { ink, faint: named("--nmsynth-faint", "#757575") };
  colours.live = named("--nmsynth-live", "#0072b2");
  colours.held = named("--nmsynth-held", "#d55e00");
  pen.font = `11px ${named("--jp-ui-font-family", "sans-serif")}`;
  pen.textBaseline = "middle";
  return { pen, width, height, plot: width - LEFT - RIGHT, colours };
}

function drawNotes(canvas, heard, lane) {
  const area = prepared(canvas);
  if (!area) return;
  const { pen, height, plot, colours } = area;
  const x = (time) => LEFT + (plot * time) / heard.seconds;
  const rollHeight = lane ? height - 34 : height - 4;
  const pitches = heard.notes.map((note) => note[2]);
  const [low, high] = [Math.min(...pitches) - 2, Math.max(...pitches) + 2];
  const thickness = Math.max(3, Math.min(7, rollHeight / (high - low)));
  pen.fillStyle = colours.live;
  for (const [onset, offset, pitch, velocity] of heard.notes) {
    const y = rollHeight * (1 - (pitch - low) / (high - low));
    pen.globalAlpha = 0.35 + (0.65 * velocity) / 127;
    pen.fillRect(x(onset), y - thickness / 2, Math.max(2, x(offset) - x(onset) - 1), thickness);
  }
  pen.globalAlpha = 1;
  pen.fillStyle = colours.ink;
  pen.textAlign = "right";
  pen.fillText("notes", LEFT - 6, rollHeight / 2);
  if (!lane) return;
  const y = (value) => height - 3 - (24 * (value - lane.low)) / (lane.high - lane.low);
  pen.fillText(lane.title, LEFT - 6, y((lane.low + lane.high) / 2));
  pen.strokeStyle = colours.held;
  pen.fillStyle = colours.held;
  pen.beginPath();
  pen.moveTo(x(0), y(lane.low));
  let value = lane.default;
  for (const [time, next] of [...lane.events, [heard.seconds, null]]) {
    pen.lineTo(x(Math.min(time, heard.seconds)), y(value));
    value = next ?? value;
    pen.lineTo(x(Math.min(time, heard.seconds)), y(value));
  }
  pen.stroke();
  pen.lineTo(x(heard.seconds), y(lane.low));
  pen.globalAlpha = 0.25;
  pen.fill();
  pen.globalAlpha = 1;
}

// The live sound filled, the held one as an outline around or within it.
function drawWaveform(canvas, live, held, scale) {
  const area = prepared(canvas);
  if (!area) return;
  const { pen, height, plot, colours } = area;
  const middle = height / 2;
  const envelope = (samples) => {
    const top = new Float32Array(Math.max(1, Math.floor(plot)));
    for (let i = 0; i < samples.length; i++) {
      const column = Math.floor((i * top.length) / samples.length);
      top[column] = Math.max(top[column], Math.abs(samples[i]));
    }
    return top.map((value) => (value / scale) * (middle - 2));
  };
  const trace = (top) => {
    pen.beginPath();
    top.forEach((value, column) => pen.lineTo(LEFT + column, middle - value));
    for (let column = top.length - 1; column >= 0; column--) {
      pen.lineTo(LEFT + column, middle + top[column]);
    }
    pen.closePath();
  };
  pen.fillStyle = colours.live;
  trace(envelope(live));
  pen.fill();
  if (held) {
    const top = envelope(held);
    pen.strokeStyle = colours.held;
    pen.lineWidth = 1.5;
    trace(top.map((_, column) => Math.max(...top.slice(Math.max(0, column - 3), column + 4))));
    pen.stroke();
  }
  pen.fillStyle = colours.ink;
  pen.textAlign = "right";
  pen.fillText("wave", LEFT - 6, middle);
}

function drawSpectrogram(canvas, samples, rate, seconds) {
  const area = prepared(canvas);
  if (!area) return;
  const { pen, height, plot, colours } = area;
  const columns = Math.max(2, Math.floor(plot));
  const rows = height - 18;
  const bins = FFT_SIZE / 2;
  const levels = spectrogram(samples, columns);
  const image = new ImageData(columns, rows);
  const top = Math.min(TOP_HZ, rate / 2);
  for (let row = 0; row < rows; row++) {
    const place = ((1 - (row + 0.5) / rows) * top * FFT_SIZE) / rate;
    const bin = Math.min(Math.floor(place), bins - 2);
    for (let column = 0; column < columns; column++) {
      const at = column * bins + bin;
      const level = levels[at] + (levels[at + 1] - levels[at]) * (place - bin);
      const fraction = (level - FLOOR_DB) / (CEILING_DB - FLOOR_DB);
      const [r, g, b] = COLOURS[Math.round(255 * Math.min(Math.max(fraction, 0), 1))];
      image.data.set([r, g, b, 255], 4 * (row * columns + column));
    }
  }
  const sheet = new OffscreenCanvas(columns, rows);
  sheet.getContext("2d").putImageData(image, 0, 0);
  pen.drawImage(sheet, LEFT, 0, plot, rows);
  pen.fillStyle = colours.ink;
  pen.textAlign = "right";
  for (let khz = 1; khz * 1000 < top; khz++) {
    pen.fillText(`${khz} kHz`, LEFT - 6, rows * (1 - (khz * 1000) / top));
  }
  pen.textAlign = "center";
  const every = plot / seconds < 60 ? 1 : 0.5;
  for (let time = 0; time < seconds - 0.2; time += every) {
    pen.fillText(time ? String(time) : "0 s", LEFT + (plot * time) / seconds + 4, height - 7);
  }
}
