// Predict, then hear: answers to choose from, why the chosen one is so or not, what to listen for.
// All of it is here from the start, so it works when Python has gone.

function render({ model, el }) {
  const questionId = freshId();
  const root = element("section", {
    class: "nmsynth nmsynth-quiz",
    "aria-label": model.get("title"),
  });
  el.append(root);

  const choices = model.get("answers").map((answer) => {
    const mark = element("span", { class: "mark", hidden: true }, "your guess");
    const button = element("button", { type: "button", "aria-pressed": "false" });
    button.append(element("span", {}, answer.answer), mark);
    button.addEventListener("click", () => {
      model.set("chosen", answer.answer);
      model.save_changes();
      show();
    });
    return { answer, button, mark };
  });
  const explained = element("div", { class: "explained", role: "status" });
  root.append(
    element("p", { class: "title" }, `${model.get("title")}.`),
    element("p", { class: "question", id: questionId }, model.get("question")),
    element(
      "div",
      { class: "answers", role: "group", "aria-labelledby": questionId },
      ...choices.map(({ button }) => button),
    ),
    explained,
  );

  let shown = "";
  function show() {
    const chosen = model.get("chosen");
    if (chosen === shown) return;
    shown = chosen;
    for (const { answer, button, mark } of choices) {
      button.setAttribute("aria-pressed", `${answer.answer === chosen}`);
      mark.hidden = answer.answer !== chosen;
    }
    const found = choices.find(({ answer }) => answer.answer === chosen);
    if (!found) return explained.replaceChildren();
    const { verdict, why } = found.answer;
    const paragraphs = [element("p", {}, element("strong", {}, verdict), ` ${why}`)];
    if (model.get("cue")) paragraphs.push(element("p", { class: "cue" }, model.get("cue")));
    explained.replaceChildren(...paragraphs);
  }

  model.on("change:chosen", show);
  show();
  return () => model.off("change:chosen", show);
}

export default { render };
