// A spectrogram with a cursor at the sound's place, drawn again only when something changed.
// Joined after elements.js and pictures.js.

class SpectrumView {
  #drawing = 0;
  #seconds = 1;

  constructor(height = 178) {
    this.canvas = element("canvas", { role: "img", style: `height:${height}px` });
    this.cursor = element("div", { class: "cursor", "aria-hidden": "true" });
    this.node = element("div", { class: "pictures" }, this.canvas, this.cursor);
    this.sound = null;
    this.close = redrawn(this.canvas, () => this.redraw());
  }

  // A sound, and what to say of it.
  show(sound, words) {
    this.sound = sound;
    this.#seconds = sound.samples.length / sound.rate;
    this.canvas.setAttribute("aria-label", `Spectrogram up to 5 kHz. ${words}`);
    this.redraw();
  }

  redraw() {
    cancelAnimationFrame(this.#drawing);
    const { samples, rate } = this.sound ?? {};
    if (!samples) return;
    this.#drawing = requestAnimationFrame(() =>
      drawSpectrogram(this.canvas, samples, rate, this.#seconds),
    );
  }

  // Moves the cursor to so many seconds.
  place(position) {
    const width = this.canvas.clientWidth - LEFT - RIGHT;
    const x = LEFT + (width * position) / this.#seconds;
    this.cursor.style.transform = `translateX(${x}px)`;
  }
}
