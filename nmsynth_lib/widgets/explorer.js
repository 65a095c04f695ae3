// The explorer: sliders on the left of the wire, Python on the right, which answers with the sound
// and a moment later with words and the decay of the partials.

const NOTE_NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
const noteName = (pitch) => `${NOTE_NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
const EXPLORED = ["instrument", "controls", "pitch", "velocity", "seconds"];
const STRENGTHS = { lowLabel: "soft", highLabel: "hard" };
const TENTHS = [1, 35]; // of a second: shortest and longest note

// What a setting is called beside the button that plays it.
function settingName({ instrument, controls, pitch, velocity }) {
  const values = Object.entries(controls).map(([name, value]) => `${name} ${value}`);
  return [instrument, noteName(pitch), ...values, `velocity ${velocity}`].join(", ");
}

// A sound as the player takes it, with what was heard and told of it.
function soundOf(bytes, heard, told) {
  const label = settingName(heard.setting);
  return { samples: samplesFromBytes(bytes), rate: heard.sample_rate, label, heard, told };
}

// "B against A" in figures, of the same or of two notes.
function explorerComparison(letter, told, other, kept) {
  const figure = (one) => {
    const ring = one.t20_s === null ? "" : `20 dB down after ${one.t20_s.toFixed(2)} s, `;
    return `${ring}peak ${signed(one.peak_db)} dB, centre ${one.centroid_hz.toFixed(0)} Hz`;
  };
  return `${letter}: ${figure(told)}. ${other}: ${figure(kept)}.`;
}

function render({ model, el }) {
  const root = element("section", {
    class: "nmsynth nmsynth-explorer",
    "aria-label": "Explore one note",
  });
  el.append(root);

  const log = new MoveLog();
  const wire = new Wire(model, onAnswer, (words) => say(words));
  const bar = new PlayerBar({ label: "One note", onShown: show, onMove: place });
  const spectrum = new SpectrumView();
  const decays = new DecayView();
  let number = 0; // of the live sound
  let sentBytes = 0; // of the newest sound
  let pastes = 0;
  const sharing = new Sharing({
    call: "explore",
    current: () => model.get("heard").setting ?? {},
    onPaste: (text) => {
      sharing.say("", "");
      wire.wish("pasted", { text, number: ++pastes }, performance.now());
    },
  });
  const guitarMenu = menu("Instrument", (value) => {
    say("Loading…", false);
    wire.wish("instrument", value, performance.now());
  });
  const sliders = element("div", { class: "sliders" });
  const problem = element("p", { class: "problem", role: "alert", hidden: true });
  const key = element("p", { class: "key", "aria-hidden": "true" });
  const words = element("p", { class: "words", "aria-live": "polite" });
  const compared = element("p", { class: "words", "aria-live": "polite" });
  root.append(
    element("div", { class: "row" }, guitarMenu.node),
    bar.node,
    sliders,
    problem,
    spectrum.node,
    decays.node,
    key,
    words,
    compared,
    sharing.node,
  );

  function say(text, isProblem = true) {
    problem.textContent = text;
    problem.hidden = !text;
    problem.classList.toggle("plain", !isProblem);
  }

  let controls = {};
  let shows = [];
  let builtFor = "";

  function buildSliders({ channels, pitches }) {
    const style = channels.map((channel) => {
      const { name, label, low, high } = channel;
      const ends = { lowLabel: channel.low_label, highLabel: channel.high_label };
      const made = slider({ label, low, high, start: channel.default, ...ends }, (value, at) => {
        controls = { ...controls, [name]: value };
        wire.wish("controls", controls, at);
      });
      return { node: made.node, show: () => made.show(controls[name] ?? channel.default) };
    });
    const plain = (name, settings, scale = 1) => {
      const move = (value, at) => wire.wish(name, scale === 1 ? value : value / scale, at);
      const made = slider({ start: settings.low, ...settings }, move);
      return { node: made.node, show: () => made.show(Math.round(scale * model.get(name))) };
    };
    const [low, high] = pitches;
    const [least, most] = TENTHS;
    const rows = [
      ...style,
      plain("pitch", { label: "Pitch", low, high, spell: (value) => noteName(value) }),
      plain("velocity", { label: "Velocity", low: 1, high: 127, ...STRENGTHS }),
      plain(
        "seconds",
        { label: "Note length", low: least, high: most, spell: (value) => `${value / 10} s` },
        10,
      ),
    ];
    sliders.replaceChildren(...rows.map((row) => row.node));
    shows = rows.map((row) => row.show);
  }

  function showSettings() {
    if (wire.waiting) return; // the hand on the slider wins
    const menus = model.get("menus");
    if (JSON.stringify(menus) !== builtFor) buildSliders(menus);
    builtFor = JSON.stringify(menus);
    controls = { ...model.get("controls") };
    guitarMenu.show(menus.instruments, model.get("instrument"));
    shows.forEach((one) => one());
  }

  // The newest sound is played at once; pictures come with the next frame.
  function takeSound() {
    const heard = model.get("heard");
    if (!heard.number || heard.number === number) return;
    number = heard.number;
    const bytes = model.get("pcm");
    sentBytes = bytes.byteLength;
    bar.setLive(soundOf(bytes, heard, null));
  }

  // What is told of a sound: it comes later, and only of the newest.
  function takeWords() {
    const told = model.get("told");
    if (!bar.live || told.number !== number) return;
    bar.live.told = told;
    tell();
  }

  function show(sound) {
    const said = sound.told?.words[0] ?? sound.label;
    spectrum.show(sound, said);
    tell();
  }

  // Curves and words of what is heard; those of a new sound replace them when they have come.
  function tell() {
    const { shown, letter } = bar;
    if (!shown?.told) return;
    const { heard, told } = shown;
    const others = Object.entries(bar.kept).filter(([, kept]) => kept?.told && kept !== shown);
    const kept = others.map(([name, sound]) => ({ letter: name, told: sound.told }));
    decays.show(heard.seconds, told, kept, heard);
    const parts = ["Solid: what you hear."];
    if (told.partials.some((one) => one.law !== null)) parts.push("Dotted: the string’s law.");
    for (const one of kept) parts.push(`Dashed: ${one.letter}.`);
    key.textContent = `Level of single partials, dB. ${parts.join(" ")}`;
    words.textContent = `You hear ${letter}. ${told.words.join(" ")}`;
    compared.textContent = kept
      .map((one) => explorerComparison(letter, told, one.letter, one.told))
      .join(" ");
    spectrum.canvas.setAttribute("aria-label", `Spectrogram up to 5 kHz. ${told.words[0]}`);
  }

  function place(position) {
    spectrum.place(position);
    decays.place(position);
  }

  function onAnswer(_since, times) {
    say(model.get("problem"));
    const fault = model.get("paste_problem");
    if (model.get("pasted").number === pastes && pastes > 0) {
      sharing.say(fault, "The setting was taken.");
    }
    if (bar.player.playing && !model.get("problem")) {
      log.add(times, performance.now() + 1000 * START_SECONDS, sentBytes);
    }
    showSettings();
  }

  // Python gets to know of kept takes: a page that is loaded anew asks it for them.
  function takeKept() {
    tell();
    const takes = Object.entries(bar.kept).filter(([, sound]) => sound);
    const keep = Object.fromEntries(takes.map(([letter, { heard }]) => [letter, heard.number]));
    wire.wish("keep", keep, null);
  }

  function showKept() {
    for (const [letter, { pcm, heard, told }] of Object.entries(model.get("kept"))) {
      bar.setLive(soundOf(pcm, heard, told));
      bar.keep(letter);
    }
    bar.say("");
  }

  bar.keepers.addEventListener("click", takeKept);
  const listeners = {
    "change:heard": takeSound,
    "change:told": takeWords,
    "change:problem": () => say(model.get("problem")),
  };
  for (const name of [...EXPLORED, "menus"]) listeners[`change:${name}`] = showSettings;
  for (const [name, listener] of Object.entries(listeners)) model.on(name, listener);

  showKept();
  showSettings();
  takeSound();
  takeWords();
  say(model.get("problem"));
  const { latencies, moves } = log;
  root.nmsynth = { player: bar.player, bar, latencies, moves, live: () => bar.live };

  return () => {
    for (const [name, listener] of Object.entries(listeners)) model.off(name, listener);
    bar.keepers.removeEventListener("click", takeKept);
    wire.close();
    spectrum.close();
    decays.close();
    bar.close();
  };
}

export default { render };
