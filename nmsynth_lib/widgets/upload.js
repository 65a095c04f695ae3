// The upload of takes: files go to Python, its verdict comes back; what can be put right, is.

const KINDS = ".wav,.flac,.mp3,.ogg,.mid,.midi,.zip,.yaml";

function render({ model, el }) {
  const root = element("section", {
    class: "nmsynth nmsynth-upload",
    "aria-label": "Check a recording of your own",
  });
  el.append(root);

  const mend = element("button", { type: "button", onclick: () => putRight() }, "Put right");
  const again = element("button", { type: "button", onclick: () => empty() }, "Start again");
  const sending = new Sending(model, {
    root,
    label: "Sound and MIDI of one or more takes",
    hint:
      "WAV, FLAC, mp3 or OGG, each with a MIDI file of the same name, or a zip of them; together " +
      `at most ${model.get("limit") / MEGA} MB. They stay where this notebook runs, in ` +
      `${model.get("where")}.`,
    accept: KINDS,
    multiple: true,
    onFiles: upload,
    onShow: show,
  });
  root.append(
    sending.chooser,
    sending.hint,
    element("div", { class: "row" }, mend, again),
    sending.status,
    sending.problem,
    sending.silence,
    sending.page,
  );

  async function upload() {
    let taken = 0;
    for (const file of [...sending.input.files]) taken += await sending.sent(file);
    if (taken) await sending.ask({ do: "check" }, [], WORK_MS);
  }

  function putRight() {
    if (model.get("can_mend")) sending.work(() => sending.ask({ do: "mend" }, [], WORK_MS));
  }

  function empty() {
    sending.work(() => sending.ask({ do: "empty" }));
  }

  function show(busy) {
    // Not `disabled`: a button that is taken away under a finger takes the focus with it.
    mend.setAttribute("aria-disabled", `${busy || !model.get("can_mend")}`);
    again.setAttribute("aria-disabled", `${busy}`);
  }

  const canMend = () => sending.show();
  model.on("change:can_mend", canMend);
  sending.show();

  return () => {
    model.off("change:can_mend", canMend);
    sending.close();
  };
}

export default { render };
