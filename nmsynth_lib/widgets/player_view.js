// The player: one to five takes, their waveform and spectrogram on one scale.

function render({ model, el }) {
  const spectrum = new SpectrumView();
  const words = element("p", { class: "words", "aria-live": "polite" });
  const bar = new PlayerBar({
    label: "Player",
    takes: [],
    live: false,
    onShown: shown,
    onMove: (position) => spectrum.place(position),
  });
  const root = element(
    "section",
    { class: "nmsynth nmsynth-player", "aria-label": "Player" },
    bar.node,
    bar.waveform,
    spectrum.node,
    words,
  );
  el.append(root);

  function takeSounds() {
    const rate = model.get("sample_rate");
    const sounds = model.get("takes").map(({ label, pcm }) => {
      return { samples: samplesFromBytes(pcm), rate, label };
    });
    bar.setTakes(sounds, model.get("heard"));
  }

  function shown(sound, letter) {
    const seconds = (sound.samples.length / sound.rate).toFixed(2);
    const several = model.get("takes").length > 1;
    const outline = bar.outline ? ` The outline in the waveform is ${bar.outline.letter}.` : "";
    words.textContent =
      `You hear ${several ? `${letter}: ` : ""}${sound.label}, ${seconds} seconds, ` +
      `${bar.peakText.textContent}.${outline}`;
    spectrum.show(sound, `${sound.label}, ${seconds} seconds.`);
    if (model.get("heard") === letter) return;
    model.set("heard", letter);
    model.save_changes();
  }

  const chooseHeard = () => bar.choose(model.get("heard"));
  model.on("change:takes", takeSounds);
  model.on("change:heard", chooseHeard);
  takeSounds();
  root.nmsynth = { bar, player: bar.player }; // for measurements

  return () => {
    model.off("change:takes", takeSounds);
    model.off("change:heard", chooseHeard);
    spectrum.close();
    bar.close();
  };
}

export default { render };
