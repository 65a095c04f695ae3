// The keyboard: a key goes down, a note is asked for, and it sounds as soon as it is here.
// What has come once is kept, and what may be wanted next is fetched while nobody plays.

const IDLE_MS = 250; // without a key before notes are fetched ahead
const TOO_LATE_MS = 1000; // a note that comes later than that, its key up again, is dropped
const SHORTEST_MS = 60; // that a tap is heard
const VELOCITY_STEP = 8; // of 127; finer steps would hardly ever be found in the cache

function render({ model, el }) {
  const root = element("section", {
    class: "nmsynth nmsynth-keyboard",
    "aria-label": "Keyboard of the neural guitar",
  });
  root.dataset.lmSuppressShortcuts = "true";
  el.append(root);

  const strings = new Strings();
  const store = new NoteStore();
  const latency = new KeyLatency();
  let release = []; // of the newest whole note: dB every 4 ms
  let pending = null; // the key that waits for its note
  let sounding = null; // {source, wanted}: the key whose note sounds
  let last = null; // pitch of the last key
  let idle = 0; // timer until notes are fetched ahead
  const down = new Set(); // what is held down: keys, pointers

  const wire = new Wire(model, onAnswer, onSilence);
  const piano = new Piano(press, letGo);
  const listen = element("button", { type: "button", class: "listen" });
  const help = element("p", { class: "words", role: "status" });
  const figures = element("p", { class: "words figures" });
  const range = element("output", {});
  const problem = element("p", { class: "problem", role: "alert", hidden: true });
  const settings = new KeySettings(model, (name, value) =>
    name ? bend(name, value) : fetchSoon(),
  );
  const guitarMenu = menu("Instrument", (value) => {
    release = [];
    wire.wish("instrument", value, performance.now());
  });
  const octaves = element(
    "div",
    { class: "row octaves" },
    element("button", { type: "button", onclick: () => shift(-12) }, "Octave down"),
    element("button", { type: "button", onclick: () => shift(12) }, "Octave up"),
    range,
    element("span", { class: "gap" }),
    guitarMenu.node,
  );
  root.append(listen, octaves, piano.node, settings.node, problem, help, figures);

  function say(text) {
    problem.textContent = text;
    problem.hidden = !text;
  }

  // --- Settings ---------------------------------------------------------------------------------

  const lengths = () => model.get("menus").lengths;

  function showSettings() {
    const { instruments, pitches } = model.get("menus");
    settings.show();
    guitarMenu.show(instruments, model.get("instrument"));
    guitarMenu.node.hidden = instruments.length < 2;
    const lowest = model.get("octave");
    piano.show(lowest, pitches ?? [0, 127]);
    range.textContent = `from ${pitchName(lowest)}`;
  }

  function shift(semitones) {
    const [low, high] = model.get("menus").pitches ?? [36, 76];
    const wanted = model.get("octave") + semitones;
    if (wanted < 12 * Math.floor(low / 12) || wanted > 12 * Math.floor(high / 12)) return;
    settings.set("octave", wanted);
    fetchSoon();
  }

  // --- Notes ------------------------------------------------------------------------------------

  const keyOf = (wanted, instrument) =>
    JSON.stringify([instrument, wanted.pitch, wanted.velocity, wanted.moves]);
  const rounded = (velocity) =>
    Math.min(127, Math.max(1, VELOCITY_STEP * Math.round(velocity / VELOCITY_STEP)));

  function wantedNote(pitch, velocity) {
    const moves = Object.entries(settings.standing).map(([name, value]) => [name, [[0, value]]]);
    return { pitch, velocity: rounded(velocity), moves: Object.fromEntries(moves) };
  }

  const ask = (wanted, seconds, at) => wire.wish("wanted", { ...wanted, seconds }, at);
  const keyNow = (wanted) => keyOf(wanted, model.get("instrument"));

  // A key goes down. `place` is where on the key, which a finger chooses and a computer's key not.
  function press(source, pitch, place, at) {
    if (pitch > 127) return;
    down.add(source);
    clearTimeout(idle);
    last = pitch;
    const harder = place === null ? 1 : 0.5 + place;
    const wanted = wantedNote(pitch, model.get("velocity") * harder);
    if (pending) latency.missed++;
    pending = { source, wanted, at, up: null };
    strings.open(model.get("note").sample_rate ?? 16000).then(serve, (error) => say(`${error}`));
    if (strings.context.state !== "running") setTimeout(warnIfBlocked, 500);
  }

  function warnIfBlocked() {
    if (strings.context?.state === "running") return;
    say("The browser has not allowed sound yet: click on a key of this piano once.");
  }

  // Plays the pending note if it is here, else asks for it.
  function serve() {
    if (!pending) return;
    const kept = store.get(keyNow(pending.wanted));
    if (kept) return sound(kept, latency.kept);
    ask(pending.wanted, lengths()[0], pending.at);
  }

  function sound(kept, list) {
    const { source, wanted, at, up } = pending;
    pending = null;
    const ahead = strings.pluck(wanted.pitch, kept);
    list.push(performance.now() - at + ahead);
    sounding = { source, wanted };
    piano.light(wanted.pitch);
    say("");
    if (up !== null) setTimeout(() => end(source), Math.max(up - at, SHORTEST_MS));
    else if (!kept.whole) ask(wanted, lengths()[1], at);
    tell();
  }

  function letGo(source) {
    down.delete(source);
    if (pending?.source === source) pending.up = performance.now();
    else end(source);
    fetchSoon();
  }

  function end(source) {
    if (sounding?.source !== source) return;
    const kept = store.get(keyNow(sounding.wanted));
    strings.damp(kept?.release ?? release);
    sounding = null;
    piano.light(null);
  }

  function letAllGo() {
    for (const source of [...down]) letGo(source);
  }

  // A slider moves: what sounds follows, from now on, and the next notes begin so.
  function bend(name, value) {
    if (!sounding) return fetchSoon();
    const { moves } = sounding.wanted;
    const steps = [...(moves[name] ?? []), [Number(strings.age.toFixed(4)), value]];
    sounding.wanted = { ...sounding.wanted, moves: { ...moves, [name]: steps } };
    ask(sounding.wanted, lengths()[1], performance.now());
  }

  function onAnswer() {
    const failed = model.get("problem");
    if (failed) {
      say(failed);
      pending = null;
      return;
    }
    const note = model.get("note");
    if (!note.wanted) return;
    const samples = samplesFromBytes(model.get("pcm"));
    const whole = note.release_db.length > 0;
    if (whole) release = note.release_db;
    const fresh = { samples, rate: note.sample_rate, whole, release: whole ? release : null };
    const key = keyOf(note.wanted, note.instrument);
    const moved = Object.values(note.wanted.moves).some((steps) => steps.length > 1);
    if (!moved && (whole || !store.get(key)?.whole)) store.put(key, fresh);
    if (pending && key === keyNow(pending.wanted)) {
      if (pending.up !== null && performance.now() - pending.at > TOO_LATE_MS) {
        pending = null;
        latency.missed++;
        tell();
      } else sound(fresh, latency.asked);
    } else if (sounding && strings.note && key === keyNow(sounding.wanted)) {
      strings.goOn(fresh);
    }
    if (pending === null) fetchSoon();
    else if (!wire.waiting) serve(); // its question was overtaken
  }

  function onSilence(words) {
    if (pending) say(words);
  }

  // Fetches what may be wanted next: the notes around the last one, while nobody plays.
  function fetchSoon() {
    clearTimeout(idle);
    idle = setTimeout(fetchAhead, IDLE_MS);
  }

  function fetchAhead() {
    if (!listening() || down.size || pending || wire.busy) return;
    const near = last ?? model.get("octave");
    const pitches = Array.from({ length: HIGHEST_KEY + 1 }, (_, i) => model.get("octave") + i);
    pitches.sort((a, b) => Math.abs(a - near) - Math.abs(b - near));
    const next = pitches
      .map((pitch) => wantedNote(pitch, model.get("velocity")))
      .find((wanted) => !store.get(keyNow(wanted)));
    if (next) ask(next, lengths()[0], performance.now());
  }

  // --- Keys -------------------------------------------------------------------------------------

  function onKeyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select")) return;
    const { code, target } = event;
    const onKey = target.matches(".key");
    const onSlider = target.matches("input[type=range]");
    const semitones = SEMITONES.get(code);
    const strikes = onKey && ["Space", "Enter", "NumpadEnter"].includes(code);
    const steps = { ArrowLeft: -1, ArrowRight: 1 }[code];
    const octave = { ArrowDown: -12, ArrowUp: 12 }[code];
    if (semitones !== undefined || strikes) {
      const pitch = strikes ? Number(target.dataset.pitch) : model.get("octave") + semitones;
      if (!event.repeat) press(`key ${code}`, pitch, null, event.timeStamp);
    } else if (steps && onKey) piano.step(steps);
    else if (octave && !onSlider) shift(octave);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  const onKeyUp = ({ code }) => down.has(`key ${code}`) && letGo(`key ${code}`);
  const listening = () =>
    document.hasFocus() &&
    root.contains(document.activeElement) &&
    !document.activeElement.matches("select");

  // Whether the computer's keys play here, in words that can not be overlooked.
  function showListening() {
    const on = listening();
    root.classList.toggle("listening", on);
    listen.textContent = on ? "Your keys play" : "Click here to play with your keys";
    help.textContent = on
      ? `${signs("KeyZ")} to ${signs("Slash")} and ${signs("KeyQ")} to ${signs("BracketRight")} ` +
        "are the white keys, the rows above them the black ones; arrow up and down change the " +
        "octave, Tab goes on to the sliders. Low on a key of the screen is a harder pluck."
      : "The computer's keys do not play now. A mouse or a finger always does.";
    if (on) fetchSoon();
    else letAllGo();
  }

  let signs = signOf;
  // What is printed on the keys of this computer, where the browser tells.
  navigator.keyboard?.getLayoutMap?.().then(
    (layout) => {
      signs = (code) => layout.get(code)?.toUpperCase() ?? signOf(code);
      piano.name(signs);
      showListening();
    },
    () => {},
  );

  const tell = () => (figures.textContent = latency.words(strings.context));

  listen.addEventListener("click", () => listen.focus());
  root.addEventListener("keydown", onKeyDown);
  root.addEventListener("focusin", showListening);
  root.addEventListener("focusout", () => setTimeout(showListening));
  const everywhere = { keyup: onKeyUp, blur: showListening, focus: showListening };
  for (const [name, listener] of Object.entries(everywhere)) {
    window.addEventListener(name, listener); // of the window: those of elements do not bubble
  }
  const listeners = { "change:problem": () => say(model.get("problem")) };
  for (const name of ["menus", "instrument", "controls", "velocity", "octave"]) {
    listeners[`change:${name}`] = showSettings;
  }
  for (const [name, listener] of Object.entries(listeners)) model.on(name, listener);

  showSettings();
  onAnswer();
  showListening();
  tell();
  say(model.get("problem"));
  root.nmsynth = { strings, store, latency, piano }; // for measurements

  return () => {
    clearTimeout(idle);
    for (const [name, listener] of Object.entries(listeners)) model.off(name, listener);
    for (const [name, listener] of Object.entries(everywhere)) {
      window.removeEventListener(name, listener);
    }
    piano.close();
    wire.close();
    strings.close();
  };
}

export default { render };
