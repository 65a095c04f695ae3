// The mixer: every part of one sound is a channel of one buffer, so that nothing can drift apart,
// and has a gain of its own; solo, mute and gain need no answer from Python.

const LOWEST_GAIN = -40; // dB
const HIGHEST_GAIN = 12;
const MOST_NAMED = 4; // silent parts; of more one only says that there are
const WRITE_MS = 200; // after the last move, tell Python and say in words what is heard
const UNMOVED = { gains: {}, muted: [], soloed: [], master: 0 };
const amplitude = (db) => 10 ** (db / 20);

// What a part passes through: itself, and its bus.
const stagesOf = ({ label, bus }) => (bus ? [label, bus] : [label]);

// Which parts sound: muting wins over soloing, and a soloed part over its soloed bus.
function soundingParts(parts, { muted, soloed }) {
  const alone = new Set(soloed);
  const inside = (name) => parts.some(({ label, bus }) => bus === name && alone.has(label));
  return parts.map((part) => {
    if (stagesOf(part).some((stage) => muted.includes(stage))) return false;
    const byBus = part.bus && alone.has(part.bus) && !inside(part.bus);
    return !alone.size || alone.has(part.label) || Boolean(byBus);
  });
}

// Linear gain of each part, without the master.
function partGains(parts, mix) {
  const sounding = soundingParts(parts, mix);
  return parts.map((part, number) => {
    const db = stagesOf(part).reduce((sum, stage) => sum + (mix.gains[stage] ?? 0), 0);
    return sounding[number] ? amplitude(db) : 0;
  });
}

// From a node with a channel for each part to one that gives their sum: {gains, sum}.
function mixingDesk(context, node, levels, master) {
  const splitter = context.createChannelSplitter(levels.length);
  const sum = context.createGain();
  sum.gain.value = master;
  node.connect(splitter);
  const gains = levels.map((level, number) => {
    const gain = context.createGain();
    gain.gain.value = level;
    splitter.connect(gain, number);
    gain.connect(sum);
    return gain;
  });
  return { gains, sum };
}

function render({ model, el }) {
  const parts = model.get("parts").map(({ label, bus, pcm, scale }) => {
    return { label, bus, samples: samplesFromBytes(pcm).map((sample) => scale * sample) };
  });
  const stems = [...new Set(parts.map((part) => part.bus || part.label))];
  const single = parts.filter((part) => part.bus);
  const rate = model.get("sample_rate");
  const sound = {
    samples: new Float32Array(parts[0].samples.length),
    channels: parts.map(({ samples }) => samples),
    rate,
    label: model.get("name"),
  };
  let mix = UNMOVED;
  let desk = null;
  let writing = 0;

  const spectrum = new SpectrumView(150);
  const bar = new PlayerBar({
    label: "Mixer",
    takes: [],
    live: false,
    letterKeys: false,
    onMove: (position) => spectrum.place(position),
  });
  bar.player.route = (context, node) => {
    desk = mixingDesk(context, node, partGains(parts, mix), amplitude(mix.master));
    return desk.sum;
  };

  const strips = {};
  const stemRows = stems.map((name) => strip(name, name));
  const partialRows = single.map(({ label }) => strip(label, label));
  const master = gainSlider("Master", "Master level", (db) => move({ master: db }));
  const summary = element("summary", {}, "Partials of the harmonic part");
  summary.dataset.lmSuppressShortcuts = "true";
  const fold = element("details", { open: true }, summary);
  fold.append(element("div", { class: "strips" }, ...partialRows));
  fold.hidden = !single.length;
  const reset = element("button", { type: "button" }, "As rendered");
  reset.addEventListener("click", () => move(UNMOVED));
  const words = element("p", { class: "words", "aria-live": "polite" });
  const problem = element("p", { class: "problem", role: "alert", hidden: true });
  const masterRow = element("div", { class: "strip master" }, ...master.nodes, reset);
  const root = element(
    "section",
    { class: "nmsynth nmsynth-mixer", "aria-label": "Component mixer" },
    bar.node,
    element("div", { class: "strips" }, ...stemRows, masterRow),
    fold,
    problem,
    bar.waveform,
    spectrum.node,
    words,
  );
  el.append(root);

  function gainSlider(label, spoken, onMove) {
    const id = freshId();
    const range = element("input", { id, type: "range", "aria-label": spoken, step: "1" });
    range.min = LOWEST_GAIN;
    range.max = HIGHEST_GAIN;
    const output = element("output", { for: id });
    range.addEventListener("input", () => onMove(Number(range.value)));
    const show = (db, state) => {
      range.value = db;
      output.textContent = `${signed(db, 0)} dB`;
      range.setAttribute("aria-valuetext", `${signed(db, 0)} dB${state}`);
    };
    return { nodes: [element("label", { for: id }, label), range, output], show };
  }

  // One line of the desk: name, gain, Mute, Solo.
  function strip(name, label) {
    const toggle = (word, list) => {
      const button = element("button", { type: "button", "aria-label": `${word} ${label}` }, word);
      button.addEventListener("click", () => {
        const set = mix[list];
        move({ [list]: set.includes(name) ? set.filter((one) => one !== name) : [...set, name] });
      });
      return button;
    };
    const [mute, solo] = [toggle("Mute", "muted"), toggle("Solo", "soloed")];
    const gain = gainSlider(label, `Gain of ${label}`, (db) => {
      move({ gains: { ...mix.gains, [name]: db } });
    });
    const node = element("div", { class: "strip" }, ...gain.nodes, mute, solo);
    strips[name] = { node, mute, solo, gain };
    return node;
  }

  // Whether a stem or a part can be heard at all.
  function audible(name, sounding) {
    return parts.some((part, number) => stagesOf(part).includes(name) && sounding[number]);
  }

  function move(change) {
    apply({ ...mix, ...change });
    clearTimeout(writing);
    writing = setTimeout(() => {
      tell();
      model.set("mix", mix);
      model.save_changes();
    }, WRITE_MS);
  }

  // Sets the gains that are heard, and shows the mix.
  function apply(newMix) {
    mix = { ...UNMOVED, ...newMix };
    const levels = partGains(parts, mix);
    const whole = amplitude(mix.master);
    if (desk) {
      const now = desk.sum.context.currentTime;
      levels.forEach((level, i) => desk.gains[i].gain.setTargetAtTime(level, now, 0.008));
      desk.sum.gain.setTargetAtTime(whole, now, 0.008);
    }
    sound.samples.fill(0);
    levels.forEach((level, part) => {
      if (!level) return;
      const { samples } = parts[part];
      for (let i = 0; i < samples.length; i++) sound.samples[i] += whole * level * samples[i];
    });
    bar.changed();
    showStrips();
  }

  function showStrips() {
    const sounding = soundingParts(parts, mix);
    for (const [name, { node, mute, solo, gain }] of Object.entries(strips)) {
      const [muted, soloed] = [mix.muted.includes(name), mix.soloed.includes(name)];
      const silent = !audible(name, sounding);
      mute.setAttribute("aria-pressed", `${muted}`);
      solo.setAttribute("aria-pressed", `${soloed}`);
      node.classList.toggle("silent", silent);
      const state = muted ? ", muted" : silent ? ", silent" : soloed ? ", soloed" : "";
      gain.show(mix.gains[name] ?? 0, state);
    }
    const over = decibels(loudestOf(sound.samples));
    master.show(mix.master, over > 0 ? ", too loud: it clips" : "");
    problem.hidden = over <= 0;
    const text = `Too loud: it clips. Turn the master down by ${Math.ceil(over)} dB.`;
    if (!problem.hidden && problem.textContent !== text) problem.textContent = text;
  }

  // What is heard and what is silent, in words and in the spectrogram.
  function tell() {
    const sounding = soundingParts(parts, mix);
    const listed = (wanted) => {
      const named = stems.flatMap((stem) => {
        const ofStem = parts.map((part) => stagesOf(part).includes(stem));
        const inside = parts.filter((_, i) => ofStem[i] && sounding[i] === wanted);
        const whole = inside.length === ofStem.filter(Boolean).length;
        return whole ? [stem] : inside.map(({ label }) => label);
      });
      return named.map((name) => {
        const db = mix.gains[name] ?? 0;
        return db && wanted ? `${name} (${signed(db, 0)} dB)` : name;
      });
    };
    const [heard, silent] = [listed(true), listed(false)];
    const rest = silent.length > MOST_NAMED ? "All else is silent" : `Silent: ${silent.join(", ")}`;
    words.textContent =
      `${heard.length ? `You hear ${heard.join(", ")}.` : "You hear nothing."} ` +
      `${silent.length ? `${rest}. ` : ""}` +
      `Master ${signed(mix.master, 0)} dB, ${bar.peakText.textContent}.` +
      (sounding[parts.findIndex(({ label }) => label === "reverb")] && silent.length
        ? " The reverb is the room's answer to the whole sound, silent parts too."
        : "");
    spectrum.show(sound, words.textContent);
  }

  // The loop as the desk plays it, computed by the browser's own audio engine: for a test.
  async function rendered() {
    const context = new OfflineAudioContext(1, sound.samples.length, rate);
    const buffer = context.createBuffer(parts.length, sound.samples.length, rate);
    sound.channels.forEach((channel, number) => buffer.copyToChannel(channel, number));
    const source = context.createBufferSource();
    source.buffer = buffer;
    const { sum } = mixingDesk(context, source, partGains(parts, mix), amplitude(mix.master));
    sum.connect(context.destination);
    source.start();
    return (await context.startRendering()).getChannelData(0);
  }

  const takeMix = () => {
    apply(model.get("mix"));
    tell();
  };
  model.on("change:mix", takeMix);
  apply(UNMOVED);
  bar.setTakes([sound]); // the waveform's scale is that of the sound as rendered
  takeMix();
  root.nmsynth = { bar, player: bar.player, rendered, mix: () => mix }; // for measurements

  return () => {
    clearTimeout(writing);
    model.off("change:mix", takeMix);
    spectrum.close();
    bar.close();
  };
}

export default { render };
