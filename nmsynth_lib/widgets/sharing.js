// Passing a setting on: copied as JSON or as code, pasted into a box. Joined after elements.js.

// Copies a text; false where the browser does not allow it.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no secure page, or no permission
  }
}

class Sharing {
  // call: the code that makes the widget, e.g. "explore". current: gives the setting's entries.
  // onPaste(text): the text that is to be taken.
  constructor({ call, current, onPaste }) {
    this.current = current;
    const id = freshId();
    this.box = element("textarea", { id, rows: "3", spellcheck: "false" });
    this.box.dataset.lmSuppressShortcuts = "true";
    this.status = element("p", { class: "words", role: "status" });
    this.fault = element("p", { class: "problem", role: "alert", hidden: true });
    const button = (label, onclick) => element("button", { type: "button", onclick }, label);
    this.node = element(
      "details",
      { class: "sharing" },
      element("summary", {}, "Share this setting"),
      element(
        "div",
        { class: "row" },
        button("Copy setting", () => this.#give(this.#text(), "The setting")),
        button("Copy as code", () => {
          const code = `${call}(setting=${this.#text()})`;
          return this.#give(code, "A cell that brings it back");
        }),
      ),
      element("label", { for: id }, "Setting to paste"),
      this.box,
      element("div", { class: "row" }, button("Paste setting", () => onPaste(this.box.value))),
      this.fault,
      this.status,
    );
    this.node.firstChild.dataset.lmSuppressShortcuts = "true";
  }

  // What is wrong with what was pasted; empty when it was taken.
  say(fault, taken) {
    this.fault.textContent = fault;
    this.fault.hidden = !fault;
    this.status.textContent = fault ? "" : taken;
  }

  #text() {
    return JSON.stringify(this.current());
  }

  async #give(text, what) {
    this.say("", "");
    if (await copied(text)) {
      this.status.textContent = `${what} is in the clipboard.`;
      return;
    }
    this.box.value = text;
    this.box.focus();
    this.box.select();
    this.status.textContent =
      `${what} stands in the box, marked: this browser lets the page write nothing into the ` +
      "clipboard. Copy it with Ctrl+C.";
  }
}
