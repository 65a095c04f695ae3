// Menus and labelled sliders that work with mouse, touch and keyboard, and that a screen reader names.

function menu(label, onChange) {
  const id = freshId();
  const select = element("select", { id, onchange: () => onChange(select.value) });
  const node = element("div", { class: "field" }, element("label", { for: id }, label), select);
  const show = (entries, value) => {
    select.replaceChildren(...entries.map((entry) => element("option", { value: entry }, entry)));
    select.value = value;
  };
  return { node, show };
}

// A labelled slider. With `written` it has a box that leaves the matter to the MIDI file (null).
// `spell` says a value, where the number and its unit do not.
function slider(settings, onMove) {
  const { label, low, high, start, written, lowLabel, highLabel, unit = "" } = settings;
  const spell = settings.spell ?? ((value) => `${value}${unit}`);
  const id = freshId();
  const range = element("input", { id, type: "range", min: `${low}`, max: `${high}`, step: "1" });
  range.value = start;
  const output = element("output", { for: id });
  const box = element("input", { type: "checkbox" });
  const parts = [element("label", { for: id }, label), range, output];
  if (written) {
    box.setAttribute("aria-label", `${label}: as in the file`);
    parts.push(element("label", { class: "written" }, box, "as in the file"));
  } else {
    parts.push(element("span"));
  }
  const ends = lowLabel || highLabel;
  if (ends) {
    const words = [element("span", {}, lowLabel ?? ""), element("span", {}, highLabel ?? "")];
    parts.push(element("div", { class: "ends", "aria-hidden": "true" }, ...words));
  }
  const text = () => {
    const number = spell(Number(range.value));
    const edge = Number(range.value) === high ? highLabel : Number(range.value) === low && lowLabel;
    output.textContent = box.checked ? "file" : number;
    const spoken = edge ? `${number}, ${edge}` : number;
    range.setAttribute("aria-valuetext", box.checked ? `${number}, but as in the file` : spoken);
    range.classList.toggle("idle", box.checked);
  };
  range.addEventListener("input", (event) => {
    box.checked = false;
    text();
    onMove(Number(range.value), event.timeStamp);
  });
  box.addEventListener("change", (event) => {
    text();
    onMove(box.checked ? null : Number(range.value), event.timeStamp);
  });
  const show = (value) => {
    box.checked = written && value === null;
    if (value !== null) range.value = value;
    text();
  };
  return { node: element("div", { class: "slider" }, ...parts), show, name: label };
}
