// The panel: controls on the left of the wire, Python on the right, which answers with sound, words
// and figures.

const UNHEARD = "The browser lets nothing sound before it has seen a click or a key: press Play.";
const WISHES = ["phrase", "instrument", "controls", "velocity", "note_length", "transpose"];

// "B against A", in words, when both are the same note of the same phrase.
function comparison(live, held) {
  const [b, a] = [live.longest, held.longest];
  if (!a || !b) return ""; // words come a moment after the sound
  if (live.settings.phrase !== held.settings.phrase) return "A is another phrase than B.";
  const more = (difference, unit, words, least) =>
    Math.abs(difference) < least
      ? `as ${words[2]}`
      : `${Math.abs(difference).toFixed(0)} ${unit} ${difference > 0 ? words[0] : words[1]}`;
  const level = more(b.peak_db - a.peak_db, "dB", ["louder", "quieter", "loud"], 0.5);
  const bright = more(b.centroid_hz - a.centroid_hz, "Hz", ["brighter", "duller", "bright"], 10);
  return (
    `B against A, longest note: B falls ${b.decay_db_per_s.toFixed(0)} dB a second, ` +
    `A ${a.decay_db_per_s.toFixed(0)}; B is ${bright} and ${level}. ` +
    "The outline in the waveform is A."
  );
}

function render({ model, el }) {
  const root = element("section", {
    class: "nmsynth nmsynth-hear",
    "aria-label": "Play the neural guitar",
  });
  el.append(root);

  let live = null; // {samples, rate, heard}
  let held = null;
  let chosen = "B";
  let loudest = 0.05;
  const log = new MoveLog();

  const playButton = element("button", { type: "button", class: "play" }, "Play");
  const player = new LoopPlayer(() => (playButton.textContent = "Play"));
  playButton.addEventListener("click", () => (player.playing ? player.stop() : play()));

  // Until the browser has seen a gesture it lets nothing sound.
  async function play() {
    const waiting = setTimeout(() => player.playing || say(UNHEARD), 500);
    await player.play();
    clearTimeout(waiting);
    if (problem.textContent === UNHEARD) say("");
    if (!player.playing) return;
    playButton.textContent = "Stop";
    requestAnimationFrame(moveCursor);
  }

  const loopBox = element("input", { type: "checkbox", checked: true });
  loopBox.addEventListener("change", () => player.setLoop(loopBox.checked));

  const holdButton = element("button", { type: "button" }, "Hold this sound");
  const group = freshId();
  const choice = (letter, words) => {
    const radio = element("input", { type: "radio", name: group, value: letter });
    radio.addEventListener("change", () => choose(letter));
    return { radio, node: element("label", {}, radio, words) };
  };
  const [choiceA, choiceB] = [choice("A", "A: held"), choice("B", "B: live")];
  choiceA.radio.disabled = true;
  choiceB.radio.checked = true;
  const both = { class: "both", role: "radiogroup", "aria-label": "Which sound you hear" };

  const wire = new Wire(model, onAnswer, (words) => say(words));
  const phraseMenu = menu("Phrase", (value) => wire.wish("phrase", value, performance.now()));
  const guitarMenu = menu("Instrument", (value) => {
    say("Loading…", false);
    wire.wish("instrument", value, performance.now());
  });
  const sliders = element("div", { class: "sliders" });
  let controls = {}; // name -> value of each style channel, null as written
  let shows = {};

  const canvas = (height) => element("canvas", { role: "img", style: `height:${height}px` });
  const [notesView, waveView, spectrumView] = [canvas(92), canvas(84), canvas(178)];
  const cursor = element("div", { class: "cursor", "aria-hidden": "true" });
  const pictures = element("div", { class: "pictures" }, notesView, waveView, spectrumView, cursor);
  const words = element("p", { class: "words", "aria-live": "polite" });
  const compared = element("p", { class: "words", "aria-live": "polite" });
  const problem = element("p", { class: "problem", role: "alert", hidden: true });

  root.append(
    element("div", { class: "row" }, phraseMenu.node, guitarMenu.node),
    element(
      "div",
      { class: "row" },
      playButton,
      element("label", {}, loopBox, "Loop"),
      element("span", { class: "gap" }),
      holdButton,
      element("div", both, choiceA.node, choiceB.node),
    ),
    sliders,
    problem,
    pictures,
    words,
    compared,
  );

  function say(text, isProblem = true) {
    problem.textContent = text;
    problem.hidden = !text;
    problem.classList.toggle("plain", !isProblem);
  }

  function buildSliders() {
    const { controls: channels } = model.get("menus");
    controls = { ...model.get("controls") };
    shows = {};
    const rows = channels.map((channel) => {
      const made = slider(
        {
          label: channel.label,
          low: channel.low,
          high: channel.high,
          start: (channel.low + channel.high) / 2,
          written: true,
          lowLabel: channel.low_label,
          highLabel: channel.high_label,
        },
        (value, at) => {
          controls = { ...controls, [channel.name]: value };
          wire.wish("controls", controls, at);
        },
      );
      shows[channel.name] = () => made.show(model.get("controls")[channel.name] ?? null);
      return made.node;
    });
    const plain = (name, settings) => {
      const made = slider(settings, (value, at) => wire.wish(name, value, at));
      shows[name] = () => made.show(model.get(name) ?? null);
      return made.node;
    };
    const velocity = { label: "Velocity", low: 1, high: 127, start: 100, written: true };
    velocity.lowLabel = "soft";
    velocity.highLabel = "hard";
    rows.push(
      plain("velocity", velocity),
      plain("note_length", { label: "Note length", low: 10, high: 200, start: 100, unit: " %" }),
      plain("transpose", { label: "Transpose (semitones)", low: -12, high: 12, start: 0 }),
    );
    sliders.replaceChildren(...rows);
    builtFor = JSON.stringify(channels);
  }
  let builtFor = null;

  function showSettings() {
    if (wire.waiting) return; // the hand on the slider wins
    const menus = model.get("menus");
    if (JSON.stringify(menus.controls) !== builtFor) buildSliders();
    phraseMenu.show(menus.phrases, model.get("phrase"));
    guitarMenu.show(menus.instruments, model.get("instrument"));
    controls = { ...model.get("controls") };
    Object.values(shows).forEach((show) => show());
  }

  // The sound comes first, and what is said about it in a later message, under the same number.
  function takeSound() {
    const heard = model.get("heard");
    if (!heard.seconds) return;
    if (heard.number === live?.heard.number) {
      live.heard = heard;
      return tell();
    }
    const bytes = model.get("pcm");
    live = { samples: samplesFromBytes(bytes), rate: heard.sample_rate, heard };
    live.bytes = bytes.byteLength;
    for (const sample of live.samples) if (sample > loudest) loudest = sample;
    if (chosen === "B") player.setSound(live);
    else choose("B"); // whoever moves a slider wants to hear it
    redraw();
  }

  function onAnswer(_since, times) {
    say(model.get("problem"));
    if (player.playing && !model.get("problem")) {
      log.add(times, performance.now() + 1000 * START_SECONDS, live.bytes);
    }
    showSettings();
  }

  function choose(letter) {
    chosen = letter;
    choiceA.radio.checked = letter === "A";
    choiceB.radio.checked = letter === "B";
    const shown = letter === "A" ? held : live;
    if (shown) player.setSound(shown);
    redraw();
  }

  holdButton.addEventListener("click", () => {
    held = live;
    choiceA.radio.disabled = false;
    redraw();
  });

  let drawing = 0;
  // Draws once before the next frame: the sound does not wait for its pictures.
  function redraw() {
    cancelAnimationFrame(drawing);
    drawing = requestAnimationFrame(draw);
  }

  function draw() {
    const shown = chosen === "A" ? held : live;
    if (!shown) return;
    const { heard, samples, rate } = shown;
    const channel = model.get("menus").controls[0];
    const events = channel && (heard.lanes[channel.name] ?? []);
    const lane = channel && { ...channel, title: `CC${channel.cc}`, events };
    drawNotes(notesView, heard, lane);
    const outline = chosen === "B" && held && held !== live ? held.samples : null;
    drawWaveform(waveView, samples, outline, loudest);
    drawSpectrogram(spectrumView, samples, rate, heard.seconds);
    tell();
    placeCursor();
  }

  // Words about what is heard; they stay until those about a new sound have come.
  function tell() {
    const shown = chosen === "A" ? held : live;
    if (!shown) return;
    const { heard } = shown;
    const said = heard.words ?? [];
    if (heard.words) words.textContent = `You hear ${chosen}. ${said.join(" ")}`;
    compared.textContent = held && held !== live ? comparison(live.heard, held.heard) : "";
    notesView.setAttribute("aria-label", `Notes and controls: ${heard.notes.length} notes`);
    waveView.setAttribute("aria-label", `Waveform of ${heard.seconds} s. ${said[0] ?? ""}`);
    spectrumView.setAttribute("aria-label", `Spectrogram up to 5 kHz. ${said[0] ?? ""}`);
  }

  function placeCursor() {
    const shown = chosen === "A" ? held : live;
    const part = shown ? player.position / shown.heard.seconds : 0;
    const width = pictures.clientWidth - LEFT - RIGHT;
    cursor.style.transform = `translateX(${LEFT + part * width}px)`;
    cursor.hidden = !player.playing;
  }

  function moveCursor() {
    placeCursor();
    if (player.playing) requestAnimationFrame(moveCursor);
  }

  const listeners = {
    "change:heard": takeSound,
    "change:problem": () => say(model.get("problem")),
  };
  for (const name of [...WISHES, "menus"]) listeners[`change:${name}`] = showSettings;
  for (const [name, listener] of Object.entries(listeners)) model.on(name, listener);
  const sized = new ResizeObserver(redraw);
  sized.observe(pictures);
  const themed = new MutationObserver(redraw);
  themed.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });

  showSettings();
  takeSound();
  say(model.get("problem"));
  const { latencies, moves } = log;
  root.nmsynth = { player, latencies, moves, live: () => live, held: () => held }; // to measure by

  return () => {
    cancelAnimationFrame(drawing);
    for (const [name, listener] of Object.entries(listeners)) model.off(name, listener);
    sized.disconnect();
    themed.disconnect();
    wire.close();
    player.close();
  };
}

export default { render };
