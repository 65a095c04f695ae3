// The sliders of the keyboard: the style channels of the instrument's schema, and the velocity.

class KeySettings {
  // `moved(name, value)` is told of a style channel, and `moved(null)` of the velocity.
  constructor(model, moved) {
    Object.assign(this, { model, moved, shows: [], builtFor: null });
    this.node = element("div", { class: "sliders" });
  }

  get channels() {
    return this.model.get("menus").channels ?? [];
  }

  // Where each style channel stands. One whose rest is an end, as a mute is, begins at the other.
  get standing() {
    const set = this.model.get("controls");
    const start = ({ low, high, default: rest }) => (rest > low && rest < high ? rest : high);
    return Object.fromEntries(this.channels.map((one) => [one.name, set[one.name] ?? start(one)]));
  }

  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  // Shows where everything stands; builds the sliders anew for another instrument.
  show() {
    if (JSON.stringify(this.channels) !== this.builtFor) this.#build();
    for (const show of this.shows) show();
  }

  #build() {
    this.builtFor = JSON.stringify(this.channels);
    const rows = this.channels.map((channel) => {
      const { name, label, low, high, low_label: lowLabel, high_label: highLabel } = channel;
      const made = slider({ label, low, high, start: high, lowLabel, highLabel }, (value) => {
        this.set("controls", { ...this.standing, [name]: value });
        this.moved(name, value);
      });
      return { node: made.node, show: () => made.show(this.standing[name]) };
    });
    const about = { label: "Velocity", low: 1, high: 127, start: 96 };
    const velocity = slider({ ...about, lowLabel: "soft", highLabel: "hard" }, (value) => {
      this.set("velocity", value);
      this.moved(null);
    });
    rows.push({ node: velocity.node, show: () => velocity.show(this.model.get("velocity")) });
    this.node.replaceChildren(...rows.map((row) => row.node));
    this.shows = rows.map((row) => row.show);
  }
}
