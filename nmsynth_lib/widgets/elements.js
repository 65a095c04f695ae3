// What all widgets build their page from.

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key in node && typeof value !== "string") node[key] = value;
    else node.setAttribute(key, value);
  }
  // Else JupyterLab takes arrow and letter keys for itself; it looks at the focused element only.
  if (["input", "select", "button"].includes(name)) node.dataset.lmSuppressShortcuts = "true";
  node.append(...children);
  return node;
}

let counter = 0;
const freshId = () => `nmsynth-${Date.now().toString(36)}-${counter++}`;
