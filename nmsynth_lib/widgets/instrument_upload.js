// Somebody else's instrument: a zip goes to Python, what is in it comes back as a page.

function render({ model, el }) {
  const root = element("section", {
    class: "nmsynth nmsynth-upload nmsynth-shared",
    "aria-label": "Load an instrument that somebody has shared",
  });
  el.append(root);

  const nameId = freshId();
  const name = element("input", {
    type: "text",
    id: nameId,
    maxlength: "80",
    placeholder: "empty: as it is called",
  });
  const sending = new Sending(model, {
    root,
    label: "Instrument (zip)",
    hint:
      "A zip that pack_instrument has made, of at most " +
      `${model.get("limit") / MEGA} MB. It is checked, and then lies where this notebook runs, in ` +
      `${model.get("where")}.`,
    accept: ".zip",
    multiple: false,
    onFiles: upload,
    onShow: (busy) => name.setAttribute("aria-disabled", `${busy}`),
  });
  root.append(
    sending.chooser,
    sending.hint,
    element("div", { class: "row" }, element("label", { for: nameId }, "Name for it"), name),
    sending.status,
    sending.problem,
    sending.silence,
    sending.page,
  );

  async function upload() {
    for (const file of [...sending.input.files]) {
      await sending.sent(file, { name: name.value.trim() }, WORK_MS);
    }
  }

  sending.show();
  return () => sending.close();
}

export default { render };
