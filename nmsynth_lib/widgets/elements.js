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

// Calls `draw` whenever a node's size or JupyterLab's theme changes; gives back what ends that.
function redrawn(node, draw) {
  const sized = new ResizeObserver(draw);
  sized.observe(node);
  const themed = new MutationObserver(draw);
  themed.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  return () => {
    sized.disconnect();
    themed.disconnect();
  };
}
