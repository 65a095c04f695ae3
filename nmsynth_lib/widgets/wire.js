// The wire to Python: one question at a time is on its way; while it is, only the newest wish is
// kept. Python answers by raising "answered" to the number of the question.

const SILENCE_MS = 6000; // without an answer for so long, say so
const SILENT =
  "Python has not answered for 6 seconds: the kernel is busy or has stopped. The sounds you " +
  "have still play; to move the sliders again wait, or restart the kernel and run the cell.";

// Sends wishes to Python, one at a time, the newest last; tells when Python does not answer.
class Wire {
  constructor(model, onAnswer, onSilence) {
    Object.assign(this, { model, onAnswer, onSilence, wishes: {}, asked: 0, timer: 0 });
    this.since = null; // when the oldest wish of the question on its way was made
    this.listener = () => this.#answered();
    model.on("change:answered", this.listener);
  }

  get busy() {
    return this.asked > 0;
  }

  wish(name, value, timeStamp) {
    this.wishes[name] = value;
    this.nextSince ??= timeStamp;
    if (!this.busy) this.#send();
  }

  close() {
    clearTimeout(this.timer);
    this.model.off("change:answered", this.listener);
  }

  #send() {
    this.asked = this.model.get("answered") + 1;
    this.since = this.nextSince;
    this.nextSince = null;
    for (const [name, value] of Object.entries(this.wishes)) this.model.set(name, value);
    this.wishes = {};
    this.model.set("asked", this.asked);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.asked = 0;
      this.onSilence();
    }, SILENCE_MS);
    this.model.save_changes();
  }

  #answered() {
    if (this.model.get("answered") < this.asked) return;
    clearTimeout(this.timer);
    this.asked = 0;
    this.onAnswer(this.since);
    if (Object.keys(this.wishes).length) this.#send();
  }
}
