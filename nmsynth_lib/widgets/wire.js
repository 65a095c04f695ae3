// The wire to Python: one question at a time is on its way; while it is, only the newest wish is
// kept. Python answers by raising "answered" to the number of the question.

const SILENCE_MS = 6000; // without an answer for so long, say so
const GRACE_MS = 2000; // for an answer to come once the kernel answers at all
const SOUNDS_STAY = "The sounds you have still play.";
const SILENT =
  "Python has not answered for 6 seconds: the kernel is busy or has stopped. The sounds you " +
  "have still play; to move the sliders again wait, or restart the kernel and run the cell.";
const KERNEL_GONE =
  `The kernel has stopped. ${SOUNDS_STAY} To move the sliders again, restart the kernel (menu ` +
  "Kernel) and run this cell.";
const KERNEL_BUSY =
  `The kernel has been busy for 6 seconds, perhaps with another cell. ${SOUNDS_STAY} Your newest ` +
  "setting is heard as soon as it is done; to end it now, interrupt the kernel (menu Kernel).";
const KERNEL_FORGOT =
  `The kernel does not know this widget: it was started anew. ${SOUNDS_STAY} Run this cell again.`;
const KERNEL_AWAY =
  `There is no connection to the kernel. ${SOUNDS_STAY} Look whether the Jupyter server runs, ` +
  "then reload the page.";

// What the front end knows of the kernel: "idle", "busy", "gone", "away", or "" where it tells not.
function kernelState(model) {
  const manager = model.widget_manager;
  if (!manager || !("kernel" in manager)) return "";
  const { kernel } = manager; // JupyterLab's is null once the session has ended
  if (!kernel || kernel.isDisposed || ["dead", "terminating"].includes(kernel.status)) return "gone";
  if (kernel.connectionStatus && kernel.connectionStatus !== "connected") return "away";
  return ["idle", "busy"].includes(kernel.status) ? kernel.status : "";
}

const SAID_OF_KERNEL = { gone: KERNEL_GONE, busy: KERNEL_BUSY, away: KERNEL_AWAY };

// Sends wishes to Python, one at a time, the newest last; tells when Python does not answer.
// onAnswer(since, times): since is the time stamp of the oldest wish that is answered, or null;
// times are the stations of the question, on the page's clock in ms: key, sent, received (by
// Python), made, back. onSilence(words): nobody answers, and why.
class Wire {
  constructor(model, onAnswer, onSilence) {
    Object.assign(this, { model, onAnswer, onSilence, wishes: {}, asked: 0, timer: 0 });
    this.since = null; // when the oldest wish of the question on its way was made
    this.nextSince = null; // the same of the wishes that wait
    this.sent = null;
    this.silent = false;
    this.listener = () => queueMicrotask(() => this.#answered()); // after all that came with it
    model.on("change:answered", this.listener);
  }

  get busy() {
    return this.asked > 0 && !this.silent;
  }

  // Whether something is on its way or waits: what Python has now is then not the newest.
  get waiting() {
    return this.busy || Object.keys(this.wishes).length > 0;
  }

  wish(name, value, timeStamp) {
    this.wishes[name] = value;
    this.nextSince ??= timeStamp;
    const state = kernelState(this.model);
    if (state === "gone") this.onSilence(KERNEL_GONE);
    else if (!this.busy && !(this.silent && state === "busy")) this.#send();
  }

  close() {
    clearTimeout(this.timer);
    this.asked = 0;
    this.model.off("change:answered", this.listener);
  }

  #send() {
    const { model } = this;
    // Another view of the same widget may have asked, too.
    this.asked = Math.max(model.get("asked"), model.get("answered")) + 1;
    this.since = this.nextSince;
    this.nextSince = null;
    this.silent = false;
    for (const [name, value] of Object.entries(this.wishes)) model.set(name, value);
    this.wishes = {};
    model.set("asked", this.asked);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#unanswered(), SILENCE_MS);
    this.sent = performance.now();
    try {
      model.save_changes();
    } catch {
      this.#unanswered(); // the way to the kernel is closed
    }
  }

  #unanswered() {
    clearTimeout(this.timer);
    this.silent = true;
    const state = kernelState(this.model);
    this.onSilence(SAID_OF_KERNEL[state] ?? SILENT);
    if (state === "idle") this.#inquire(this.asked);
  }

  // A kernel that seems idle may be too busy to say that it is busy. If it answers another
  // question and still not this one, it has no widget to answer it.
  async #inquire(asked) {
    try {
      await this.model.widget_manager.kernel.requestKernelInfo();
      await new Promise((resolve) => setTimeout(resolve, GRACE_MS));
    } catch {
      return; // the kernel went away meanwhile
    }
    if (this.silent && this.asked === asked) this.onSilence(KERNEL_FORGOT);
  }

  #answered() {
    if (!this.asked || this.model.get("answered") < this.asked) return;
    const { received, made } = this.model.get("clock") ?? {};
    const times = { key: this.since, sent: this.sent, back: performance.now() };
    times.received = received - performance.timeOrigin;
    times.made = made - performance.timeOrigin;
    clearTimeout(this.timer);
    this.asked = 0;
    this.silent = false;
    this.onAnswer(this.since, times);
    if (Object.keys(this.wishes).length) this.#send();
  }
}

// The stations of the newest moves, for measurements: `latencies` from key to sound in ms, and
// `moves`, the same in parts.
class MoveLog {
  constructor(most = 2000) {
    Object.assign(this, { most, latencies: [], moves: [] });
  }

  add(times, scheduled, bytes) {
    if (times.key === null) return;
    this.latencies.push(scheduled - times.key);
    this.moves.push({ ...times, scheduled, bytes });
    if (this.moves.length > this.most) {
      this.latencies.shift();
      this.moves.shift();
    }
  }
}
