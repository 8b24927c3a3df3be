// The keys of a light table: [keys, words, what is done]; `table` is the LightTable, which the words need not.
const LIGHT_KEYS = [
  ["S", "side by side", (table) => table.change({ mode: "side" })],
  ["W", "wipe", (table) => table.change({ mode: "wipe" })],
  ["F", "flip", (table) => table.change({ mode: "flip" })],
  ["D", "difference map", (table) => table.change({ mode: "difference" })],
  ["Space", "while held: flip to the other, in every mode", (table) => table.hold(true)],
  ["1 2 3 4", "the picture that is flipped to, or compared with the first", (table, key) => table.bring(Number(key) - 1)],
  ["← ↑ → ↓", "move the picture; with Shift by a screen", (table, key, shift) => table.push(key, shift)],
  ["< >", "move the line of the wipe", (table, key) => table.change({ line: moved(table.state.line, key === ">" ? 0.02 : -0.02) })],
  ["+ −", "zoom", (table, key) => table.zoomStep(key === "+" || key === "=" ? 1 : -1)],
  ["0", "the whole picture", (table) => table.change({ view: null })],
  ["Z", "one pixel for one, and back", (table) => table.toggleZoom()],
  ["N P", "next and previous picture", (table, key) => table.step(key === "n" ? 1 : -1)],
  [", .", "earlier and later epoch", (table, key) => table.stepEpoch(key === "." ? 1 : -1)],
  ["L", "play through the epochs", (table) => table.play()],
  ["G", "grid: none, patches, pixels", (table) => table.cycle("grid", ["none", "patches", "pixels"])],
  ["M", "next metric", (table) => table.cycle("metric", table.data.metrics.map((metric) => metric.name))],
  ["X", "full window, and back with Escape", (table) => table.fill()],
];
const KEY_NAMES = { " ": "space", ArrowLeft: "←", ArrowUp: "↑", ArrowRight: "→", ArrowDown: "↓", "-": "−", "=": "+" };

function moved(line, by) {
  return Math.min(1, Math.max(0, line + by));
}

// Obey the keys that are pressed inside of an element, but for those that its controls need themselves.
function followKeys(element, table) {
  const actions = new Map();
  for (const [keys, , act] of LIGHT_KEYS) for (const key of keys.toLowerCase().split(" ")) actions.set(key, act);
  const needed = (target, key) => {
    if (target.tagName === "SELECT" || (target.tagName === "INPUT" && target.type !== "range")) return key !== "escape";
    if (target.tagName === "INPUT") return ["←", "↑", "→", "↓"].includes(key);
    return ["BUTTON", "SUMMARY"].includes(target.tagName) && key === "space";
  };
  element.addEventListener("keydown", (event) => {
    const key = KEY_NAMES[event.key] ?? event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey || event.altKey || needed(event.target, key)) return;
    if (key === "escape") table.leave();
    const act = actions.get(key);
    if (!act) return;
    event.preventDefault();
    if (key !== "space" || !event.repeat) act(table, key === "−" ? "-" : key, event.shiftKey);
  });
  element.addEventListener("keyup", (event) => event.key === " " && table.hold(false));
  element.addEventListener("focusout", () => table.hold(false));
}
