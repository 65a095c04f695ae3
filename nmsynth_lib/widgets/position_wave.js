// A waveform that is a slider for the position of a player: arrows, Home and End, click and drag.
// Joined after player.js, elements.js and pictures.js.

const ARROW_SECONDS = 0.1; // of an arrow key

class PositionWave {
  #player;
  #shown = null; // {samples, outline, scale}: what is drawn
  #picture = null; // the waveform without its cursor
  #drawing = 0;
  #unwatch;

  // onSeek(seconds): a place was asked for. onKey(event): any other key was pressed.
  constructor(player, label, onSeek, onKey) {
    this.#player = player;
    this.canvas = element("canvas", {
      class: "wave",
      role: "slider",
      tabindex: "0",
      "aria-label": `${label}: position`,
      "aria-valuemin": "0",
    });
    this.canvas.dataset.lmSuppressShortcuts = "true";
    this.canvas.addEventListener("keydown", (event) => {
      const place = this.#placeOfKey(event.key);
      if (place === undefined) return onKey(event);
      onSeek(place);
      event.preventDefault();
      event.stopPropagation();
    });
    this.#listenToPointer(onSeek);
    this.#unwatch = redrawn(this.canvas, () => this.redraw());
    this.spell();
  }

  // A sound; the samples of another one to outline, or null; and the level that fills the height.
  show(samples, outline, scale) {
    this.#shown = { samples, outline, scale };
    this.redraw();
  }

  // Draws it again, once, before the next frame.
  redraw() {
    cancelAnimationFrame(this.#drawing);
    this.#drawing = requestAnimationFrame(() => this.#draw());
  }

  // Moves the cursor to where the sound is.
  place() {
    if (!this.#picture) return;
    const { canvas } = this;
    const { position, seconds } = this.#player;
    const ratio = canvas.width / canvas.clientWidth;
    const part = seconds ? position / seconds : 0;
    const pen = canvas.getContext("2d");
    pen.save();
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(this.#picture, 0, 0);
    pen.fillStyle = getComputedStyle(canvas).getPropertyValue("--nmsynth-held");
    const x = LEFT + part * (canvas.clientWidth - LEFT - RIGHT);
    pen.fillRect(ratio * (x - 1), 0, 2 * ratio, canvas.height);
    pen.restore();
  }

  // Says the position to a screen reader.
  spell() {
    const { position, seconds } = this.#player;
    const [now, all] = [position.toFixed(2), seconds.toFixed(2)];
    this.canvas.setAttribute("aria-valuemax", all);
    this.canvas.setAttribute("aria-valuenow", now);
    this.canvas.setAttribute("aria-valuetext", `${now} of ${all} seconds`);
  }

  close() {
    cancelAnimationFrame(this.#drawing);
    this.#unwatch();
  }

  #placeOfKey(key) {
    const { position, seconds } = this.#player;
    const places = {
      ArrowLeft: position - ARROW_SECONDS,
      ArrowDown: position - ARROW_SECONDS,
      ArrowRight: position + ARROW_SECONDS,
      ArrowUp: position + ARROW_SECONDS,
      PageDown: position - seconds / 10,
      PageUp: position + seconds / 10,
      Home: 0,
      End: seconds,
    };
    return places[key];
  }

  #listenToPointer(onSeek) {
    const { canvas } = this;
    let held = false;
    const there = (event) => {
      const part = (event.offsetX - LEFT) / (canvas.clientWidth - LEFT - RIGHT);
      onSeek(Math.min(1, Math.max(0, part)) * this.#player.seconds);
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      held = true;
      canvas.setPointerCapture(event.pointerId);
      there(event);
    });
    canvas.addEventListener("pointermove", (event) => held && there(event));
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, () => (held = false));
    }
  }

  #draw() {
    const { canvas } = this;
    if (!this.#shown || !canvas.clientWidth) return;
    const { samples, outline, scale } = this.#shown;
    drawWaveform(canvas, samples, outline, scale);
    this.#picture = new OffscreenCanvas(canvas.width, canvas.height);
    this.#picture.getContext("2d").drawImage(canvas, 0, 0);
    this.place();
  }
}
