// Keys: which key of the computer plays which note, and the piano on the screen.
// A key is known by its place (KeyboardEvent.code), so it does not matter what is printed on it.

// Two rows like those of a piano, from C upwards; the upper row begins an octave higher.
const LOWER_ROW = [
  "KeyZ", "KeyS", "KeyX", "KeyD", "KeyC", "KeyV", "KeyG", "KeyB", "KeyH", "KeyN", "KeyJ", "KeyM",
  "Comma", "KeyL", "Period", "Semicolon", "Slash",
];
const UPPER_ROW = [
  "KeyQ", "Digit2", "KeyW", "Digit3", "KeyE", "KeyR", "Digit5", "KeyT", "Digit6", "KeyY", "Digit7",
  "KeyU", "KeyI", "Digit9", "KeyO", "Digit0", "KeyP", "BracketLeft", "Equal", "BracketRight",
];
const SEMITONES = new Map([
  ...LOWER_ROW.map((code, i) => [code, i]),
  ...UPPER_ROW.map((code, i) => [code, 12 + i]),
]);
const SIGNS = {
  Comma: ",", Period: ".", Semicolon: ";", Slash: "/", BracketLeft: "[", BracketRight: "]",
  Equal: "=",
};
const HIGHEST_KEY = 12 + UPPER_ROW.length - 1; // semitones above the lowest
const NOTE_NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
const KEY_WIDTH = 44; // pixels that a finger needs
const [FEWEST_WHITE, MOST_WHITE] = [8, 20];

const pitchName = (pitch) => `${NOTE_NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
const isBlack = (pitch) => NOTE_NAMES[pitch % 12].length > 1;
const signOf = (code) => SIGNS[code] ?? code.replace(/^(Key|Digit)/, "");

// The keys of the computer that play a number of semitones above the lowest key.
const codesFor = (semitones) =>
  [...SEMITONES].filter(([, place]) => place === semitones).map(([code]) => code);

// The keys on the screen. `press(source, pitch, place, time)` is told of each one that goes down,
// with where it was touched, 0 at its top and 1 at its lower edge; `release(source)` of its end.
class Piano {
  constructor(press, release) {
    Object.assign(this, { press, release, lowest: null, nWhite: 0, current: null });
    this.keys = new Map(); // pitch -> button
    this.touches = new Map(); // pointer -> pitch that it holds down
    this.signs = signOf;
    this.node = element("div", {
      class: "piano",
      role: "group",
      "aria-label": "Piano keys: arrow left and right move, space plays",
    });
    this.node.addEventListener("pointerdown", (event) => this.#pointerDown(event));
    this.node.addEventListener("pointermove", (event) => this.#pointerMove(event));
    for (const name of ["pointerup", "pointercancel"]) {
      this.node.addEventListener(name, (event) => this.#pointerUp(event));
    }
    this.node.addEventListener("contextmenu", (event) => event.preventDefault());
    this.node.addEventListener("click", (event) => this.#click(event));
    this.sized = new ResizeObserver(() => this.#fit());
    this.sized.observe(this.node);
  }

  close() {
    this.sized.disconnect();
  }

  // Shows the keys from a C upwards; those outside the trained pitches look different.
  show(lowest, [low, high]) {
    if (lowest === this.lowest && `${this.trained}` === `${[low, high]}`) return;
    Object.assign(this, { lowest, trained: [low, high] });
    this.#fit();
    this.#build();
  }

  // What is printed on the keys of the computer.
  name(signs) {
    this.signs = signs;
    this.#build();
  }

  // Lights what sounds: one key, or none.
  light(pitch) {
    for (const [own, key] of this.keys) key.classList.toggle("down", own === pitch);
  }

  // Moves the keyboard focus to the next key, or the one before.
  step(by) {
    const pitches = [...this.keys.keys()];
    const place = pitches.indexOf(this.current) + by;
    this.#focus(pitches[Math.min(Math.max(place, 0), pitches.length - 1)]);
  }

  #fit() {
    const room = Math.floor(this.node.clientWidth / KEY_WIDTH);
    const nWhite = Math.min(Math.max(room, FEWEST_WHITE), MOST_WHITE);
    if (nWhite === this.nWhite || !this.trained) return;
    this.nWhite = nWhite;
    this.#build();
  }

  #build() {
    if (!this.nWhite || !this.trained) return;
    const had = this.node.contains(document.activeElement);
    const pitches = [];
    for (let pitch = this.lowest, white = 0; white < this.nWhite && pitch < 128; pitch++) {
      if (!isBlack(pitch)) white++;
      pitches.push(pitch);
    }
    if (!pitches.includes(this.current)) this.current = pitches[0];
    let white = 0;
    this.keys = new Map();
    for (const pitch of pitches) {
      this.keys.set(pitch, this.#key(pitch, white));
      if (!isBlack(pitch)) white++;
    }
    this.node.replaceChildren(...this.keys.values());
    if (had) this.#focus(this.current);
  }

  #key(pitch, place) {
    const codes = codesFor(pitch - this.lowest);
    const [low, high] = this.trained;
    const name = pitchName(pitch);
    const said = codes.map((code) => `key ${this.signs(code)}`);
    const guess = pitch < low || pitch > high;
    const wide = 100 / this.nWhite;
    const black = isBlack(pitch);
    const left = black ? (place - 0.3) * wide : place * wide;
    return element(
      "button",
      {
        type: "button",
        class: `key${black ? " black" : ""}${guess ? " guess" : ""}`,
        style: `left:${left}%;width:${black ? 0.6 * wide : wide}%`,
        "data-pitch": `${pitch}`,
        tabIndex: pitch === this.current ? 0 : -1,
        "aria-label": [name, ...said, ...(guess ? ["never trained on"] : [])].join(", "),
      },
      element("span", { class: "sign" }, codes.length ? this.signs(codes.at(-1)) : ""),
      element("span", { class: "name" }, black ? "" : name),
    );
  }

  #focus(pitch) {
    if (!this.keys.has(pitch)) return;
    this.keys.get(this.current)?.setAttribute("tabindex", "-1");
    this.current = pitch;
    const key = this.keys.get(pitch);
    key.setAttribute("tabindex", "0");
    key.focus({ preventScroll: true });
  }

  // The pitch of the key under a pointer, and how far down on the key that is.
  #under(event) {
    const key = document.elementFromPoint(event.clientX, event.clientY)?.closest(".key");
    if (!key || !this.node.contains(key)) return null;
    const box = key.getBoundingClientRect();
    return { pitch: Number(key.dataset.pitch), place: (event.clientY - box.top) / box.height };
  }

  #pointerDown(event) {
    if (event.button !== 0) return;
    const under = this.#under(event);
    if (!under) return;
    event.preventDefault();
    this.node.setPointerCapture(event.pointerId);
    this.#focus(under.pitch);
    this.touches.set(event.pointerId, under.pitch);
    this.press(`pointer ${event.pointerId}`, under.pitch, under.place, event.timeStamp);
  }

  #pointerMove(event) {
    if (!this.touches.has(event.pointerId)) return;
    const under = this.#under(event);
    if (!under || under.pitch === this.touches.get(event.pointerId)) return;
    this.touches.set(event.pointerId, under.pitch); // a slide over the keys plays each
    this.press(`pointer ${event.pointerId}`, under.pitch, under.place, event.timeStamp);
  }

  #pointerUp(event) {
    if (this.touches.delete(event.pointerId)) this.release(`pointer ${event.pointerId}`);
  }

  // A screen reader clicks without a pointer.
  #click(event) {
    const key = event.target.closest(".key");
    if (!key || event.detail !== 0) return;
    this.press("click", Number(key.dataset.pitch), 0.5, event.timeStamp);
    setTimeout(() => this.release("click"), 600);
  }
}
