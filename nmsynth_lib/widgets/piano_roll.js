// The piano roll: notes, lanes, recording and sound on one time axis. What is drawn is kept here
// (roll_desk.js); every edit goes to Python whole, which answers with the sound of the newest.

const HELP =
  "Left and right arrow go from note to note, up and down to a higher or lower one. Alt and " +
  "arrows move the note, Shift and left or right its end, Alt Shift and left or right its onset, " +
  "Shift and up or down its velocity. Comma and full stop nudge the onset by 1 ms, with Shift by " +
  "5 ms. Enter or Insert adds a note, Delete removes it. Space plays. Control Z undoes, Control " +
  "Y does again. Plus and minus zoom.";
const HELP_ONSETS = " O pulls the onset to the nearest onset of the recording.";
const HELP_LANE =
  "Left and right arrow go from point to point, up and down change the value, with Shift by ten. " +
  "Alt and left or right move the point. G lets it glide to the next. Enter adds a point, Delete " +
  "removes it.";
const RULE =
  "One note at a time: where two notes overlap, the earlier one ends where the later one begins. " +
  "What would leave nothing of a note is not done.";
const GRIDS = {
  off: 0,
  "1/1000 s": 0.001,
  "1/100 s": 0.01,
  "1/20 s": 0.05,
  "1/16 s": 0.0625,
  "1/10 s": 0.1,
  "1/8 s": 0.125,
  "1/4 s": 0.25,
  "1/2 s": 0.5,
};
const NOTE_TOOLS = { "Draw and move": "draw", "Select in a box": "select", Erase: "erase" };
const LANE_TOOLS = { Curve: "curve", Steps: "steps", "Single points": "points", Erase: "erase" };

function chooser(label, choices, value, onChange) {
  const made = menu(label, (name) => onChange(choices[name]));
  const name = Object.keys(choices).find((one) => choices[one] === value);
  made.show(Object.keys(choices), name);
  return made.node;
}

// Which part of the time is shown, as a slider.
class Scroller {
  constructor(desk) {
    this.desk = desk;
    const attributes = { type: "range", min: "0", step: "any", "aria-label": "Scroll in time" };
    this.box = element("input", attributes);
    this.box.addEventListener("input", () => {
      desk.view.scroll(this.box.valueAsNumber);
      desk.redraw();
    });
    this.node = element("div", { class: "scroller" }, this.box);
  }

  show() {
    const { view } = this.desk;
    const last = Math.max(view.total - view.span, 0);
    this.box.max = `${last}`;
    this.box.disabled = last < HAIR;
    this.box.value = `${view.start}`;
    const text = `${view.start.toFixed(2)} to ${(view.start + view.span).toFixed(2)} seconds`;
    this.box.setAttribute("aria-valuetext", text);
  }
}

function toolRow(desk) {
  desk.undoButton = button("Undo", desk.undo);
  desk.redoButton = button("Redo", desk.redo);
  const shift = (semitones) => () => {
    desk.view.shift(semitones);
    desk.redraw();
    desk.say(`${pitchName(desk.view.low)} to ${pitchName(desk.view.high)} are shown.`);
  };
  const showAll = () => {
    desk.say("");
    desk.showAll();
  };
  return element(
    "div",
    { class: "row", role: "group", "aria-label": "Tools" },
    chooser("Notes", NOTE_TOOLS, desk.noteTool, (tool) => (desk.noteTool = tool)),
    chooser("Grid", GRIDS, desk.grid, (grid) => {
      desk.grid = grid;
      desk.redraw();
    }),
    desk.undoButton,
    desk.redoButton,
    element("span", { class: "gap" }),
    button("Zoom in", () => desk.zoom(2)),
    button("Zoom out", () => desk.zoom(0.5)),
    button("Show all", showAll),
    button("Higher", shift(6)),
    button("Lower", shift(-6)),
    element("label", {}, desk.follows, "Follow"),
  );
}

function fileRow(desk) {
  const id = freshId();
  const last = element("input", { type: "checkbox" });
  const input = element("input", { id, type: "file", accept: ".mid,.midi,.MID" });
  input.addEventListener("change", async (event) => {
    const [file] = input.files;
    if (!file) return;
    const content = { do: "import", name: file.name, last_wins: last.checked };
    const answer = await desk.requests.ask(content, [await file.arrayBuffer()]);
    input.value = "";
    if (answer.problem) return desk.complain(answer.problem);
    const words = [`${file.name}: ${answer.roll.notes.length} notes.`, ...answer.words];
    desk.load(answer.roll, words.join(" "), event.timeStamp);
  });
  const save = async () => {
    const answer = await desk.requests.ask({ do: "export", roll: desk.edits.plain() });
    if (answer.problem) return desk.complain(answer.problem);
    const href = URL.createObjectURL(new Blob([answer.bytes], { type: "audio/midi" }));
    element("a", { href, download: answer.name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60000);
    desk.say(`${answer.name} is in the browser's downloads.`);
  };
  const clear = (event) => {
    desk.load({}, "The roll is empty. Undo brings everything back.", event.timeStamp);
  };
  return element(
    "div",
    { class: "row", role: "group", "aria-label": "Files" },
    element("div", { class: "field" }, element("label", { for: id }, "Import MIDI"), input),
    element("label", {}, last, "where notes overlap the later one wins"),
    element("span", { class: "gap" }),
    button("Export MIDI", save),
    button("Clear", clear),
  );
}

function help(desk) {
  const text = desk.onsets.length ? HELP + HELP_ONSETS : HELP;
  return element(
    "details",
    {},
    element("summary", {}, "Keys, and the rule of one note at a time"),
    element("p", { id: desk.helpId }, element("strong", {}, "Notes: "), text),
    element("p", { id: desk.laneHelpId }, element("strong", {}, "Lanes: "), HELP_LANE),
    element("p", {}, RULE),
  );
}

function annotationRow(desk) {
  if (!desk.recording) return "";
  const nudge = (ms) => (event) => desk.pad.keys.nudge(ms / 1000, event.timeStamp);
  return element(
    "div",
    { class: "row", role: "group", "aria-label": "Annotate" },
    button("Snap to onset", (event) => desk.pad.keys.snapToOnset(event.timeStamp)),
    button("Onset 5 ms earlier", nudge(-5)),
    button("1 ms earlier", nudge(-1)),
    button("1 ms later", nudge(1)),
    button("5 ms later", nudge(5)),
  );
}

// Undo and redo from anywhere but a field that is being typed in, which undoes its own text.
function undoKeys(desk, event) {
  const key = event.key.toLowerCase();
  if (!(event.ctrlKey || event.metaKey) || event.target.type === "number") return;
  if (key === "y" || (key === "z" && event.shiftKey)) desk.redo(event);
  else if (key === "z") desk.undo(event);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function wheel(desk, event) {
  const { view } = desk;
  if (event.ctrlKey) view.zoom(event.deltaY < 0 ? 1.25 : 0.8, view.time(event.offsetX));
  else if (event.shiftKey || event.deltaX) {
    view.scroll(view.start + ((event.deltaX || event.deltaY) * view.span) / view.plot);
  } else return;
  event.preventDefault();
  desk.redraw();
}

async function loadRecording(desk, model) {
  const overview = model.get("envelope");
  const view = ArrayBuffer.isView(overview) ? overview : new DataView(overview);
  const envelope = new Uint8Array(view.buffer.slice(view.byteOffset).slice(0, view.byteLength));
  const ask = async (first) => (await desk.requests.ask({ do: "piece", first })).bytes;
  desk.wave = new RecordingWave(desk.recording, envelope, ask);
  await desk.wave.load(() => !desk.closed && desk.takePiece());
}

function render({ model, el }) {
  const title = model.get("setup").recording ? "Annotate a recording" : "Piano roll";
  const root = element("section", { class: "nmsynth nmsynth-roll", "aria-label": title });
  el.append(root);
  const desk = new RollDesk(model);
  desk.pad = new NotesPad(desk);
  const written = Object.keys(desk.edits.state.lanes);
  const unheard = written
    .filter((cc) => !desk.channels.some((channel) => `${channel.cc}` === cc))
    .map((cc) => ({ cc: Number(cc), label: `CC${cc} (not heard here)`, low: 0, high: 127 }))
    .map((channel) => ({ ...channel, default: 0, low_label: "", high_label: "" }));
  desk.lanes = [...desk.channels, ...unheard].map((channel) => new LanePad(desk, channel));
  desk.lane = desk.lanes[0] ?? null;
  desk.noteFields = new NoteFields(desk, desk.pad);
  desk.pointFields = new PointFields(desk);
  desk.scroller = new Scroller(desk);
  desk.heardWords = element("p", { class: "words" });
  const laneParts = desk.lanes.flatMap(({ channel, canvas }) => {
    const { label, low_label: low, high_label: high } = channel;
    const ends = `bottom: ${low || channel.low}, top: ${high || channel.high}`;
    return [element("p", { class: "lane-name" }, `${label}; ${ends}`), canvas];
  });
  const pictures = element("div", { class: "pictures" }, desk.pad.canvas, ...laneParts, desk.head);
  const laneTools = chooser("Lanes", LANE_TOOLS, desk.laneTool, (tool) => (desk.laneTool = tool));
  root.append(
    desk.bar.node,
    toolRow(desk),
    desk.noteFields.node,
    annotationRow(desk),
    desk.problem,
    pictures,
    desk.scroller.node,
    desk.words,
    desk.heardWords,
    element("div", { class: "lane-row", hidden: !desk.lane }, laneTools, desk.pointFields.node),
    fileRow(desk),
    help(desk),
  );
  root.addEventListener("keydown", (event) => undoKeys(desk, event));
  pictures.addEventListener("wheel", (event) => wheel(desk, event), { passive: false });
  const listeners = {
    "change:roll": () => desk.takeRoll(),
    "change:heard": () => desk.takeSound(),
    "change:problem": () => desk.complain(model.get("problem")),
  };
  for (const [name, listener] of Object.entries(listeners)) model.on(name, listener);
  const undraw = redrawn(pictures, () => desk.redraw());
  if (desk.recording) loadRecording(desk, model);
  desk.takeSound();
  desk.refresh();
  desk.complain(model.get("problem"));
  const { latencies, moves } = desk.log;
  root.nmsynth = { desk, player: desk.bar.player, latencies, moves }; // to measure by

  return () => {
    for (const [name, listener] of Object.entries(listeners)) model.off(name, listener);
    undraw();
    desk.close();
  };
}

export default { render };
