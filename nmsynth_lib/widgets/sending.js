// Files to Python in pieces, one on its way at a time; Python answers each. Joined after elements.js.

const PIECE = 1 << 20; // bytes; a message of more than ten megabytes ends the connection
const MEGA = 1e6;
const QUICK_MS = 6000; // without an answer for so long, say so
const WORK_MS = 300000; // the same for what is work

class Sending {
  // root: the widget's section. label, hint: of the file button. accept: kinds of files.
  // onFiles(): what to do when files were chosen. onShow(busy): draws what else the widget has.
  constructor(model, { root, label, hint, accept, multiple, onFiles, onShow }) {
    this.model = model;
    this.root = root;
    this.onShow = onShow;
    const [inputId, hintId] = [freshId(), freshId()];
    this.input = element("input", {
      type: "file",
      id: inputId,
      accept,
      "aria-describedby": hintId,
      onchange: () => this.work(onFiles),
    });
    this.input.multiple = multiple;
    this.chooser = element(
      "div",
      { class: "row" },
      element("label", { for: inputId }, label),
      this.input,
    );
    this.hint = element("p", { class: "hint", id: hintId }, hint);
    this.status = element("p", { class: "status", role: "status" });
    this.problem = element("p", { class: "problem", role: "alert", hidden: true });
    this.silence = element("p", { class: "problem", role: "alert", hidden: true });
    this.page = element("div", { class: "takes" });
    this.busy = false;
    this.ended = false;
    this.asked = model.get("answered");
    this.waiting = []; // [number of the question, what to do with its answer]
    this.listeners = {
      "change:answered": () => this.#answered(),
      "change:problem": () => this.show(),
      "change:status": () => this.show(),
      "change:shown": () => this.#showPage(),
    };
    for (const [name, listener] of Object.entries(this.listeners)) model.on(name, listener);
    this.#showPage();
  }

  // Asks Python for something; whether it was taken.
  ask(content, pieces = [], patience = QUICK_MS) {
    this.asked += 1;
    const number = this.asked;
    const timer = setTimeout(() => {
      this.silence.textContent =
        `Python has not answered for ${patience / 1000} seconds: the kernel is busy or has ` +
        "stopped. If it has stopped, run the notebook again.";
      this.silence.hidden = false;
    }, patience);
    return new Promise((resolve) => {
      const answer = () => (clearTimeout(timer), (this.silence.hidden = true), resolve());
      this.waiting.push([number, answer]);
      this.model.send(content, undefined, pieces);
    }).then(() => this.model.get("taken"));
  }

  // Does something that nothing else may come between.
  async work(task) {
    if (this.busy) return;
    this.busy = true;
    this.model.set("problem", "");
    this.model.save_changes();
    this.show();
    try {
      await task();
    } catch (error) {
      this.problem.textContent = `${error}`; // a file that vanished between choosing and reading
      this.problem.hidden = false;
    }
    this.busy = false;
    this.input.value = "";
    if (!this.ended) this.show();
  }

  // Sends a file; 1 if it was taken. `last`: what goes with the end of it.
  async sent(file, last = {}, patience = QUICK_MS) {
    if (!(await this.ask({ do: "begin", name: file.name, size: file.size }))) return 0;
    for (let first = 0; first < file.size; first += PIECE) {
      const piece = await file.slice(first, first + PIECE).arrayBuffer();
      if (!(await this.ask({ do: "piece" }, [piece]))) return 0;
      const done = (Math.min(first + PIECE, file.size) / MEGA).toFixed(1);
      this.status.textContent = `${file.name}: ${done} of ${(file.size / MEGA).toFixed(1)} MB`;
    }
    return (await this.ask({ ...last, do: "finish" }, [], patience)) ? 1 : 0;
  }

  show() {
    const words = this.model.get("problem");
    if (this.problem.textContent !== words) this.problem.textContent = words;
    this.problem.hidden = !words;
    this.status.textContent = this.model.get("status");
    this.input.disabled = this.busy;
    this.root.setAttribute("aria-busy", `${this.busy}`);
    this.onShow(this.busy);
  }

  close() {
    this.ended = true;
    for (const [name, listener] of Object.entries(this.listeners)) this.model.off(name, listener);
  }

  #answered() {
    while (this.waiting.length && this.waiting[0][0] <= this.model.get("answered")) {
      this.waiting.shift()[1]();
    }
  }

  #showPage() {
    this.page.innerHTML = this.model.get("shown");
  }
}
