// The blind test: three buttons to listen, two to answer, and a verdict at the end.
// Python draws the lots; the page gets the sound of X, not its name.

const KEYS = { a: "A", b: "B", x: "X" };
const ANSWERS = { 1: "A", 2: "B" };

function render({ model, el }) {
  const root = element("section", {
    class: "nmsynth nmsynth-abx",
    "aria-label": "Blind listening test",
    tabindex: "0",
  });
  root.dataset.lmSuppressShortcuts = "true";
  el.append(root);

  const sounds = {};
  let heard = null; // letter of the sound that plays, or played last
  const player = new LoopPlayer(show);

  const pairId = freshId();
  const pairMenu = element("select", { id: pairId });
  pairMenu.addEventListener("change", () => set("pair", pairMenu.value));
  const trialsId = freshId();
  const trialsMenu = element("select", { id: trialsId });
  trialsMenu.addEventListener("change", () => set("trials", Number(trialsMenu.value)));

  const listen = {};
  for (const letter of ["A", "B", "X"]) {
    listen[letter] = element(
      "button",
      {
        type: "button",
        "aria-pressed": "false",
        "aria-keyshortcuts": letter,
        onclick: () => play(letter),
      },
      `Play ${letter}`,
    );
  }
  const stop = element("button", { type: "button", onclick: () => player.stop() }, "Stop");
  const answers = Object.entries(ANSWERS).map(([key, letter]) =>
    element(
      "button",
      {
        type: "button",
        class: "answer",
        "aria-keyshortcuts": key,
        onclick: () => answer(letter),
      },
      `X is ${letter}`,
    ),
  );
  const again = element(
    "button",
    { type: "button", onclick: () => set("started", model.get("started") + 1) },
    "Start again",
  );
  const download = element("a", { class: "download", download: "abx.csv", hidden: true });
  download.textContent = "Download the answers (CSV)";
  const bar = element("progress", { "aria-label": "Trials answered" });
  const status = element("p", { class: "status", role: "status" });
  const verdict = element("p", { class: "verdict", role: "status" });
  const problem = element("p", { class: "problem", role: "alert", hidden: true });

  root.append(
    element(
      "div",
      { class: "row" },
      element("div", { class: "field" }, element("label", { for: pairId }, "Compare"), pairMenu),
      element("div", { class: "field" }, element("label", { for: trialsId }, "Trials"), trialsMenu),
    ),
    element("div", { class: "row" }, listen.A, listen.B, listen.X, stop),
    element("div", { class: "row" }, ...answers, bar),
    status,
    element(
      "p",
      { class: "hint" },
      "Both are equally loud. X is A or B, drawn by lot for each trial. Keys: A, B, X play, " +
        "1 means “X is A”, 2 means “X is B”, Escape stops.",
    ),
    verdict,
    problem,
    element("div", { class: "row" }, again, download),
  );

  function set(name, value) {
    model.set(name, value);
    model.save_changes();
  }

  function takeSounds() {
    const rate = model.get("sample_rate");
    for (const [letter, name] of [["A", "a"], ["B", "b"], ["X", "x"]]) {
      sounds[letter] = { samples: samplesFromBytes(model.get(name)), rate };
    }
    if (player.playing && heard) player.setSound(sounds[heard]);
  }

  async function play(letter) {
    heard = letter;
    player.setSound(sounds[letter]); // goes on at the same place when another one plays
    show();
    if (!player.playing) await player.play();
    show();
  }

  function answer(letter) {
    const trial = model.get("trial");
    if (trial > model.get("trials")) return;
    set("answer", { trial, choice: letter });
  }

  function nextTrial() {
    player.stop();
    heard = null;
    takeSounds();
    show();
  }

  function fillMenu(menu, entries, value) {
    menu.replaceChildren(
      ...entries.map((entry) => element("option", { value: `${entry}` }, `${entry}`)),
    );
    menu.value = `${value}`;
  }

  function show() {
    const [trial, trials] = [model.get("trial"), model.get("trials")];
    const over = trial > trials;
    fillMenu(pairMenu, model.get("labels"), model.get("pair"));
    const usual = [8, 12, 16, 24];
    const choices = usual.includes(trials) ? usual : [...usual, trials].sort((p, q) => p - q);
    fillMenu(trialsMenu, choices, trials);
    for (const [letter, button] of Object.entries(listen)) {
      const sounding = player.playing && heard === letter;
      button.setAttribute("aria-pressed", `${sounding}`);
      button.classList.toggle("sounding", sounding);
    }
    for (const button of answers) button.disabled = over;
    bar.max = trials;
    bar.value = trial - 1;
    const playing = player.playing && heard ? ` You hear ${heard}.` : "";
    status.textContent = over
      ? `All ${trials} trials are answered.`
      : `Trial ${trial} of ${trials}.${playing}`;
    const result = model.get("result");
    verdict.textContent = result.words ?? "";
    problem.textContent = model.get("problem");
    problem.hidden = !problem.textContent;
    download.hidden = !result.rows;
    if (result.rows) {
      const lines = result.rows.map((row) => [row.trial, row.x, row.answer, row.right].join(","));
      const text = ["trial,x,answer,right", ...lines, ""].join("\n");
      download.href = `data:text/csv;charset=utf-8,${encodeURIComponent(text)}`;
    }
  }

  root.addEventListener("keydown", (event) => {
    if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (KEYS[key]) play(KEYS[key]);
    else if (ANSWERS[key]) answer(ANSWERS[key]);
    else if (key === "escape") player.stop();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  const listeners = {
    "change:x": takeSounds,
    "change:a": takeSounds,
    "change:b": takeSounds,
    "change:trial": nextTrial,
    "change:pair": nextTrial,
    "change:trials": show,
    "change:result": show,
    "change:problem": show,
  };
  for (const [name, listener] of Object.entries(listeners)) model.on(name, listener);
  takeSounds();
  show();
  root.nmsynth = { player, sounds }; // for measurements

  return () => {
    for (const [name, listener] of Object.entries(listeners)) model.off(name, listener);
    player.close();
  };
}

export default { render };
