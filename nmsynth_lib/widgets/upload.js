// The upload: files go to Python in pieces, one on its way at a time; Python answers each.

const PIECE = 1 << 20; // bytes; a message of more than ten megabytes ends the connection
const MEGA = 1e6;
const QUICK_MS = 6000; // without an answer for so long, say so
const CHECK_MS = 300000; // the same for a check, which is work
const KINDS = ".wav,.flac,.mp3,.ogg,.mid,.midi,.zip,.yaml";

function render({ model, el }) {
  const root = element("section", {
    class: "nmsynth nmsynth-upload",
    "aria-label": "Check a recording of your own",
  });
  el.append(root);

  const [inputId, hintId] = [freshId(), freshId()];
  const input = element("input", {
    type: "file",
    id: inputId,
    accept: KINDS,
    "aria-describedby": hintId,
    onchange: () => work(upload),
  });
  input.multiple = true;
  const label = element("label", { for: inputId }, "Sound and MIDI of one or more takes");
  const hint = element(
    "p",
    { class: "hint", id: hintId },
    "WAV, FLAC, mp3 or OGG, each with a MIDI file of the same name, or a zip of them; together at " +
      `most ${model.get("limit") / MEGA} MB. They stay where this notebook runs, in ` +
      `${model.get("where")}.`,
  );
  const mend = element("button", { type: "button", onclick: () => work(putRight) }, "Put right");
  const again = element("button", { type: "button", onclick: () => work(empty) }, "Start again");
  const status = element("p", { class: "status", role: "status" });
  const problem = element("p", { class: "problem", role: "alert", hidden: true });
  const silence = element("p", { class: "problem", role: "alert", hidden: true });
  const takes = element("div", { class: "takes" });
  root.append(
    element("div", { class: "row" }, label, input),
    hint,
    element("div", { class: "row" }, mend, again),
    status,
    problem,
    silence,
    takes,
  );

  let asked = model.get("answered");
  let busy = false;
  let ended = false;
  const waiting = []; // [number of the question, what to do with its answer]

  function ask(content, pieces = [], patience = QUICK_MS) {
    asked += 1;
    const number = asked;
    const timer = setTimeout(() => {
      silence.textContent =
        `Python has not answered for ${patience / 1000} seconds: the kernel is busy or has ` +
        "stopped. If it has stopped, run the notebook again.";
      silence.hidden = false;
    }, patience);
    return new Promise((resolve) => {
      waiting.push([number, () => (clearTimeout(timer), (silence.hidden = true), resolve())]);
      model.send(content, undefined, pieces);
    }).then(() => model.get("taken"));
  }

  function answered() {
    while (waiting.length && waiting[0][0] <= model.get("answered")) waiting.shift()[1]();
  }

  async function work(task) {
    if (busy || (task === putRight && !model.get("can_mend"))) return;
    busy = true;
    model.set("problem", "");
    model.save_changes();
    show();
    try {
      await task();
    } catch (error) {
      problem.textContent = `${error}`; // a file that vanished between choosing and reading
      problem.hidden = false;
    }
    busy = false;
    input.value = "";
    if (!ended) show();
  }

  async function upload() {
    let taken = 0;
    for (const file of [...input.files]) taken += await sent(file);
    if (taken) await ask({ do: "check" }, [], CHECK_MS);
  }

  async function sent(file) {
    if (!(await ask({ do: "begin", name: file.name, size: file.size }))) return 0;
    for (let first = 0; first < file.size; first += PIECE) {
      const piece = await file.slice(first, first + PIECE).arrayBuffer();
      if (!(await ask({ do: "piece" }, [piece]))) return 0;
      const done = Math.min(first + PIECE, file.size) / MEGA;
      status.textContent = `${file.name}: ${done.toFixed(1)} of ${(file.size / MEGA).toFixed(1)} MB`;
    }
    return (await ask({ do: "finish" })) ? 1 : 0;
  }

  const putRight = () => ask({ do: "mend" }, [], CHECK_MS);
  const empty = () => ask({ do: "empty" });

  function show() {
    const words = model.get("problem");
    if (problem.textContent !== words) problem.textContent = words;
    problem.hidden = !words;
    status.textContent = model.get("status");
    // Not `disabled`: a button that is taken away under a finger takes the focus with it.
    mend.setAttribute("aria-disabled", `${busy || !model.get("can_mend")}`);
    again.setAttribute("aria-disabled", `${busy}`);
    input.disabled = busy;
    root.setAttribute("aria-busy", `${busy}`);
  }

  function showTakes() {
    takes.innerHTML = model.get("shown");
  }

  const listeners = {
    "change:answered": answered,
    "change:problem": show,
    "change:status": show,
    "change:can_mend": show,
    "change:shown": showTakes,
  };
  for (const [name, listener] of Object.entries(listeners)) model.on(name, listener);
  showTakes();
  show();

  return () => {
    ended = true;
    for (const [name, listener] of Object.entries(listeners)) model.off(name, listener);
  };
}

export default { render };
