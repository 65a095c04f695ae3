// The row that every widget with sound has: play, loop, takes to switch between without a gap,
// level, download; and a waveform that is a slider for the position.
//
// Takes have letters. Kept ones come first, the live one, which changes while it is heard, last.
// Joined after player.js, elements.js, pictures.js and position_wave.js.

const BLOCKED = "The browser waits for a click: press Play.";
const BLOCKED_MS = 500; // after so long without sound, say so
const LOWEST_DB = -60; // of the level meter
const PLAY_EVENT = "nmsynth-play"; // one sound at a time on a page: whoever starts says so
const decibels = (level) => 20 * Math.log10(Math.max(level, 1e-9));
const loudestOf = (samples) => samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
const signed = (number, digits = 1) => number.toFixed(digits).replace("-", "−");

class PlayerBar {
  #sounds = {}; // letter -> {samples, rate, label?, …} or null
  #takes; // letters of the kept takes
  #live; // letter of the live take, or null
  #before = null; // letter that was heard before this one: the outline in the waveform
  #choices = {}; // letter -> {radio, text}
  #loudest = 0.05; // of all sounds so far: the waveform's scale
  #frame = 0;
  #wave = null; // PositionWave, once somebody asks for it
  #closers = [];

  // takes: letters that the live sound can be kept under. live: whether there is a live sound.
  // letterKeys: whether a letter's key switches to its take. onShown(sound, letter): another sound
  // is shown. onMove(seconds): the position moved, by playing or by hand.
  constructor({ label, takes = ["A", "B"], live = true, letterKeys = true, onShown, onMove }) {
    Object.assign(this, { label, letterKeys, onShown, onMove, latencies: [], letter: null });
    this.player = new LoopPlayer(() => this.#stopped());
    this.playButton = element("button", { type: "button", class: "play" }, "Play");
    this.playButton.addEventListener("click", () => this.toggle());
    const loopBox = element("input", { type: "checkbox", checked: true });
    loopBox.addEventListener("change", () => this.player.setLoop(loopBox.checked));
    this.group = element("div", {
      class: "both",
      role: "radiogroup",
      "aria-label": "Which sound you hear",
    });
    this.keepers = element("div", { class: "keepers" });
    this.meter = element("meter", { "aria-label": "Level, dBFS", high: "-1", optimum: "-20" });
    Object.assign(this.meter, { min: LOWEST_DB, max: 0, value: LOWEST_DB });
    this.peakText = element("span", { class: "peak" });
    const save = { type: "button", onclick: () => this.download() };
    this.status = element("p", { class: "words", role: "status" });
    this.row = element(
      "div",
      { class: "row" },
      this.playButton,
      element("label", {}, loopBox, "Loop"),
      this.group,
      this.keepers,
      element("span", { class: "gap" }),
      element("div", { class: "level" }, this.meter, this.peakText),
      element("button", save, "Download WAV"),
    );
    const group = { class: "player", role: "group", "aria-label": label };
    this.node = element("div", group, this.row, this.status);
    this.node.addEventListener("keydown", (event) => this.#letterKey(event));
    this.#offer(takes, live);
    const others = ({ detail }) => detail !== this && this.player.playing && this.player.stop();
    window.addEventListener(PLAY_EVENT, others);
    this.#closers.push(() => window.removeEventListener(PLAY_EVENT, others));
  }

  // The sound that is heard, or would be.
  get shown() {
    return this.#sounds[this.letter] ?? null;
  }

  get live() {
    return this.#sounds[this.#live] ?? null;
  }

  get kept() {
    return Object.fromEntries(this.#takes.map((letter) => [letter, this.#sounds[letter] ?? null]));
  }

  // The take heard before this one: {letter, sound}, or null. The waveform shows its outline.
  get outline() {
    const sound = this.#before === this.letter ? null : this.#sounds[this.#before];
    const alike = sound && sound.samples.length === this.shown?.samples.length;
    return alike && sound !== this.shown ? { letter: this.#before, sound } : null;
  }

  // The newest sound. Whoever moves a slider wants to hear it; with `listen: false` it waits.
  setLive(sound, { listen = true } = {}) {
    this.#put(this.#live, sound);
    if (listen || this.letter === this.#live || !this.shown) this.choose(this.#live);
    else this.#label();
  }

  // Sounds that stand side by side, lettered in their order; `heard` is the letter to go on with.
  setTakes(sounds, heard = this.letter) {
    const letters = sounds.map((_, number) => String.fromCharCode(65 + number));
    if (letters.join() !== this.#takes.join()) this.#offer(letters, this.#live !== null);
    letters.forEach((letter, number) => this.#put(letter, sounds[number]));
    this.choose(this.#sounds[heard] ? heard : letters[0]);
  }

  // Goes over to a take, at the same place in the loop.
  choose(letter) {
    const sound = this.#sounds[letter];
    if (!sound) return;
    if (letter !== this.letter) this.#before = this.letter;
    this.letter = letter;
    if (this.player.sound !== sound) this.player.setSound(sound);
    this.#label();
    this.redraw();
    this.onShown?.(sound, letter);
  }

  // Keeps the live sound under a letter, to compare what comes next with it.
  keep(letter) {
    if (!this.live) return;
    this.#put(letter, this.live);
    if (this.letter === letter) this.choose(letter);
    else this.#before = letter;
    this.#label();
    this.redraw();
    this.say(`Kept as ${letter}${this.live.label ? `: ${this.live.label}` : ""}.`);
  }

  // Shows the sound again whose samples were changed in place, on the same scale: a mix, whose
  // parts play as before.
  changed() {
    this.#label();
    this.redraw();
  }

  toggle() {
    return this.player.playing ? this.player.stop() : this.play();
  }

  async play() {
    if (!this.shown) return;
    window.dispatchEvent(new CustomEvent(PLAY_EVENT, { detail: this }));
    const waiting = setTimeout(() => this.player.playing || this.say(BLOCKED), BLOCKED_MS);
    await this.player.play();
    clearTimeout(waiting);
    if (this.status.textContent === BLOCKED) this.say("");
    if (!this.player.playing) return;
    this.playButton.textContent = "Stop";
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#moved());
  }

  seek(seconds) {
    this.player.seek(seconds);
    this.#place();
    this.#wave?.spell();
  }

  // Notes how long it took from a gesture (its timeStamp) until its sound was scheduled.
  answered(since) {
    if (since === null || since === undefined || !this.player.playing) return;
    this.latencies.push(performance.now() - since + 1000 * START_SECONDS);
  }

  say(text) {
    this.status.textContent = text;
  }

  download() {
    if (!this.shown) return;
    const href = URL.createObjectURL(wavFile(this.shown));
    const name = this.shown.label ?? `${this.label} ${this.letter}`;
    const link = element("a", { href, download: fileName(name) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(href), 60000);
  }

  // A canvas with the waveform, which is a slider for the position.
  get waveform() {
    if (!this.#wave) {
      const seek = (seconds) => this.seek(seconds);
      this.#wave = new PositionWave(this.player, this.label, seek, (event) => this.#waveKey(event));
      this.redraw();
    }
    return this.#wave.canvas;
  }

  // Draws the waveform again, once, before the next frame.
  redraw() {
    const { samples } = this.shown ?? {};
    if (samples) this.#wave?.show(samples, this.outline?.sound.samples ?? null, this.#loudest);
  }

  close() {
    cancelAnimationFrame(this.#frame);
    this.#wave?.close();
    this.#closers.forEach((close) => close());
    this.player.close();
  }

  // Names the takes: radio buttons to switch, and buttons to keep the live one.
  #offer(takes, live) {
    const sound = this.live;
    this.#takes = takes;
    this.#live = live ? String.fromCharCode(65 + takes.length) : null;
    const letters = live ? [...takes, this.#live] : takes;
    this.#sounds = Object.fromEntries(letters.map((one) => [one, this.#sounds[one] ?? null]));
    if (live) this.#sounds[this.#live] = sound;
    const name = freshId();
    this.#choices = {};
    const labels = letters.map((letter) => {
      const radio = element("input", { type: "radio", name, value: letter, disabled: true });
      if (this.letterKeys) radio.setAttribute("aria-keyshortcuts", letter);
      radio.addEventListener("change", () => this.choose(letter));
      const text = element("span");
      this.#choices[letter] = { radio, text };
      return element("label", {}, radio, text);
    });
    this.group.replaceChildren(...labels);
    this.group.hidden = letters.length < 2;
    const keepers = live ? takes : [];
    this.keepers.replaceChildren(
      ...keepers.map((letter) => {
        const attributes = { type: "button", onclick: () => this.keep(letter) };
        return element("button", attributes, `Keep as ${letter}`);
      }),
    );
    this.keepers.hidden = !keepers.length;
    this.#label();
  }

  #put(letter, sound) {
    this.#sounds[letter] = sound;
    if (sound) this.#loudest = Math.max(this.#loudest, loudestOf(sound.samples));
  }

  #label() {
    for (const [letter, { radio, text }] of Object.entries(this.#choices)) {
      const sound = this.#sounds[letter];
      const isLive = letter === this.#live;
      const words = [isLive && "live", sound ? (sound.label ?? (!isLive && "kept")) : "empty"];
      text.textContent = `${letter}: ${words.filter(Boolean).join(", ")}`;
      radio.disabled = !sound;
      radio.checked = letter === this.letter;
    }
    const peak = this.shown ? decibels(loudestOf(this.shown.samples)) : -Infinity;
    this.peakText.textContent = peak < -120 ? "silent" : `peak ${signed(peak)} dBFS`;
    this.#wave?.spell();
  }

  #letterKey(event) {
    if (!this.letterKeys || event.ctrlKey || event.metaKey || event.altKey) return;
    const letter = event.key.toUpperCase();
    if (!this.#sounds[letter]) return;
    this.choose(letter);
    event.preventDefault();
    event.stopPropagation();
  }

  #stopped() {
    this.playButton.textContent = "Play";
    this.meter.value = LOWEST_DB;
    this.#place();
    this.#wave?.spell();
  }

  #moved() {
    if (!this.player.playing) return;
    this.meter.value = Math.max(LOWEST_DB, decibels(this.player.peak));
    this.#place();
    // Said on request only: a screen reader would talk over the sound.
    if (document.activeElement !== this.#wave?.canvas) this.#wave?.spell();
    this.#frame = requestAnimationFrame(() => this.#moved());
  }

  #waveKey(event) {
    if (event.key !== " ") return this.#letterKey(event);
    this.toggle();
    event.preventDefault();
    event.stopPropagation();
  }

  #place() {
    this.#wave?.place();
    this.onMove?.(this.player.position);
  }
}
