// Several sounds on one phrase: equally loud or as they are, a spectrogram each, on one scale.

function render({ model, el }) {
  const box = element("input", { type: "checkbox" });
  const words = element("p", { class: "words", "aria-live": "polite" });
  const figures = element("div", { class: "figures" });
  let views = {}; // letter -> {figure, spectrum, level, mark}
  let sounds = {}; // matched or not -> sounds in the order of the takes
  const bar = new PlayerBar({
    label: "Compare",
    takes: [],
    live: false,
    onShown: shown,
    onMove: (position) => Object.values(views).forEach(({ spectrum }) => spectrum.place(position)),
  });
  const scale =
    "All pictures are on one scale: the same seconds, up to 5 kHz, from −100 dB (dark) " +
    "to −25 dB (bright).";
  const root = element(
    "section",
    { class: "nmsynth nmsynth-compare", "aria-label": "Compare sounds" },
    bar.node,
    element("div", { class: "row" }, element("label", {}, box, "All equally loud")),
    bar.waveform,
    words,
    figures,
    element("p", { class: "words hint" }, scale),
  );
  el.append(root);

  const nameOf = (number) => String.fromCharCode(65 + number);
  const gainWords = ({ gain_db }) => {
    if (!model.get("matched") || Math.abs(gain_db) < 0.05) return "as it is";
    return `turned ${gain_db < 0 ? "down" : "up"} by ${Math.abs(gain_db).toFixed(1)} dB`;
  };

  function closeViews() {
    Object.values(views).forEach(({ spectrum }) => spectrum.close());
  }

  function takeSounds() {
    const rate = model.get("sample_rate");
    const takes = model.get("takes");
    const raw = takes.map(({ pcm }) => samplesFromBytes(pcm));
    const turned = raw.map((samples, number) => {
      const factor = 10 ** (takes[number].gain_db / 20);
      return factor === 1 ? samples : samples.map((sample) => factor * sample);
    });
    const named = (samples, number) => ({ samples, rate, label: takes[number].label });
    sounds = { true: turned.map(named), false: raw.map(named) };
    closeViews();
    views = {};
    takes.forEach((take, number) => {
      const [letter, spectrum] = [nameOf(number), new SpectrumView(150)];
      const level = element("span", { class: "gain" });
      const mark = element("span", { class: "mark" }, "you hear this");
      const title = element("strong", {}, `${letter}: ${take.label}`);
      const figure = element(
        "figure",
        {},
        element("figcaption", {}, title, level, mark),
        spectrum.node,
        element("p", { class: "words" }, take.words),
      );
      figure.addEventListener("click", () => bar.choose(letter));
      views[letter] = { figure, spectrum, level, mark };
    });
    figures.replaceChildren(...Object.values(views).map(({ figure }) => figure));
    apply();
  }

  // Every sound at its level, matched or not.
  function apply() {
    const matched = model.get("matched");
    box.checked = matched;
    model.get("takes").forEach((take, number) => {
      const { spectrum, level } = views[nameOf(number)];
      level.textContent = gainWords(take);
      spectrum.show(sounds[matched][number], `${take.label}, ${gainWords(take)}. ${take.words}`);
    });
    bar.setTakes(sounds[matched], model.get("heard"));
  }

  function shown(sound, letter) {
    for (const [name, { figure, mark }] of Object.entries(views)) {
      figure.classList.toggle("heard", name === letter);
      mark.hidden = name !== letter;
    }
    const take = model.get("takes")[letter.charCodeAt(0) - 65];
    const outline = bar.outline ? ` The outline in the waveform is ${bar.outline.letter}.` : "";
    words.textContent = `You hear ${letter}: ${sound.label}, ${gainWords(take)}.${outline}`;
    if (model.get("heard") === letter) return;
    model.set("heard", letter);
    model.save_changes();
  }

  box.addEventListener("change", () => {
    model.set("matched", box.checked);
    model.save_changes();
  });
  const listeners = {
    "change:takes": takeSounds,
    "change:matched": apply,
    "change:heard": () => bar.choose(model.get("heard")),
  };
  for (const [name, listener] of Object.entries(listeners)) model.on(name, listener);
  takeSounds();
  root.nmsynth = { bar, player: bar.player }; // for measurements

  return () => {
    for (const [name, listener] of Object.entries(listeners)) model.off(name, listener);
    closeViews();
    bar.close();
  };
}

export default { render };
