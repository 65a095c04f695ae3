// The recording under the notes: an overview at once, the samples piece by piece, for detail on
// zoom and for playing.

const WAVE_BLOCK = 64; // samples whose peak is kept, for drawing many of them in one pixel

class RecordingWave {
  // ask(first) asks Python for the piece of the recording that begins there.
  constructor({ rate, samples, name }, envelope, ask) {
    this.envelope = envelope; // Uint8Array, 255 for full scale, over the whole recording
    this.ask = ask;
    this.loaded = 0; // samples that are here
    this.peaks = new Float32Array(Math.ceil(samples / WAVE_BLOCK));
    this.sound = { samples: new Float32Array(samples), rate, label: `recording ${name}` };
    this.loudest = Math.max(8, ...envelope) / 255;
  }

  get complete() {
    return this.loaded === this.sound.samples.length;
  }

  // Asks for what is missing until all is here; `onPiece` after each piece.
  async load(onPiece) {
    while (!this.complete) {
      const bytes = await this.ask(this.loaded);
      const piece = bytes && samplesFromBytes(bytes);
      if (!piece?.length) return;
      this.#take(piece);
      onPiece();
    }
  }

  // Lowest and highest sample in each pixel column of a stretch of time.
  columns(start, span, count) {
    const { rate, samples } = this.sound;
    const rows = [];
    for (let column = 0; column < count; column++) {
      const from = (start + (column * span) / count) * rate;
      const to = Math.max((start + ((column + 1) * span) / count) * rate, from + 1);
      if (from >= samples.length) break;
      rows.push(this.#extremes(Math.floor(from), Math.min(Math.ceil(to), samples.length)));
    }
    return rows;
  }

  draw(pen, view, colours) {
    const middle = RULER + (view.height - RULER) / 2;
    const scale = (0.46 * (view.height - RULER)) / this.loudest;
    pen.fillStyle = colours.ink;
    pen.globalAlpha = 0.32;
    this.columns(view.start, view.span, Math.floor(view.plot)).forEach(([low, high], column) => {
      const [top, bottom] = [middle - high * scale, middle - low * scale];
      pen.fillRect(LEFT + column, top, 1, Math.max(bottom - top, 1));
    });
    pen.globalAlpha = 1;
  }

  #extremes(from, to) {
    const { samples } = this.sound;
    let [low, high] = [0, 0];
    if (to > this.loaded) {
      const scale = this.envelope.length / samples.length;
      const last = Math.max(Math.ceil(to * scale), Math.floor(from * scale) + 1);
      for (let i = Math.floor(from * scale); i < last; i++) {
        high = Math.max(high, (this.envelope[i] ?? 0) / 255);
      }
      return [-high, high];
    }
    if (to - from > 4 * WAVE_BLOCK) {
      for (let i = Math.floor(from / WAVE_BLOCK); i < Math.ceil(to / WAVE_BLOCK); i++) {
        high = Math.max(high, this.peaks[i]);
      }
      return [-high, high];
    }
    [low, high] = [samples[from], samples[from]];
    for (let i = from; i < to; i++) {
      if (samples[i] < low) low = samples[i];
      if (samples[i] > high) high = samples[i];
    }
    return [low, high];
  }

  #take(piece) {
    this.sound.samples.set(piece, this.loaded);
    piece.forEach((sample, i) => {
      const block = Math.floor((this.loaded + i) / WAVE_BLOCK);
      this.peaks[block] = Math.max(this.peaks[block], Math.abs(sample));
    });
    this.loaded += piece.length;
  }
}
