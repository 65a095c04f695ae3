// A view of a run: words, a picture that is drawn in Python, and a player for each time it was heard.

function render({ model, el }) {
  const status = element("p", { class: "status", role: "status" });
  const alarm = element("p", { class: "problem alarm", role: "alert" });
  const wide = element("div", { class: "wide" });
  const narrow = element("div", { class: "narrow" });
  const words = element("p", { class: "words" });
  const heading = element("p", { class: "hint" }, "What it sounds like, so far:");
  const players = element("div", { class: "players" });
  el.replaceChildren(
    element(
      "section",
      { class: "nmsynth nmsynth-training", "aria-label": "A training run" },
      status,
      alarm,
      wide,
      narrow,
      words,
      heading,
      players,
    ),
  );

  // A live region speaks when its text changes, so the same text is not written twice.
  function write(node, text) {
    if (node.textContent !== text) node.textContent = text;
    node.hidden = !text;
  }

  function show() {
    write(status, model.get("status"));
    write(alarm, model.get("alarm"));
    write(words, model.get("words"));
    wide.innerHTML = model.get("picture");
    narrow.innerHTML = model.get("narrow_picture");
  }

  // Players that are there stay as they are: one of them may be playing.
  function showSounds() {
    const sounds = model.get("sounds");
    const known = [...players.children];
    for (const node of known) if (!sounds.some(([key]) => key === node.dataset.key)) node.remove();
    for (const [key, html] of sounds) {
      if (known.some((node) => node.dataset.key === key)) continue;
      const node = element("div", { "data-key": key });
      node.innerHTML = html;
      players.append(node);
    }
    heading.hidden = !sounds.length;
  }

  const listeners = {
    "change:status": show,
    "change:alarm": show,
    "change:words": show,
    "change:picture": show,
    "change:sounds": showSounds,
  };
  for (const [name, listener] of Object.entries(listeners)) model.on(name, listener);
  show();
  showSounds();
  return () => {
    for (const [name, listener] of Object.entries(listeners)) model.off(name, listener);
  };
}

export default { render };
