// What a light table shows, as the fragment of the page's address, so that a view can be sent: "#light?picture=...".
// What is shown is written as KEY, KEY@EPOCH or KEY@EPOCH~ZOOM.UPSAMPLER.
function addressOf(state, data) {
  const { set, file } = data.pictures[state.picture], view = state.view;
  const parts = new URLSearchParams({ picture: `${set}/${file}`, show: state.shown.map(shownText).join(" ") });
  parts.set("mode", state.mode);
  if (state.front) parts.set("front", state.front);
  if (view) parts.set("view", [view.zoom.toFixed(3), view.x.toFixed(1), view.y.toFixed(1)].map(Number).join(","));
  if (state.mode === "wipe") parts.set("line", Number(state.line.toFixed(3)));
  if (state.mode === "difference") parts.set("scale", state.scale);
  if (state.grid !== "none") parts.set("grid", state.grid);
  parts.set("metric", state.metric);
  parts.set("scope", state.scope.name);
  return `#light?${parts}`;
}

// The parts of a state that a fragment holds and that this table can show; null for another fragment.
function stateOf(fragment, data, scopes) {
  if (!fragment.startsWith("#light?")) return null;
  const parts = new URLSearchParams(fragment.slice("#light?".length)), state = {};
  const picture = data.pictures.findIndex(({ set, file }) => `${set}/${file}` === parts.get("picture"));
  if (picture >= 0) state.picture = picture;
  const shown = (parts.get("show") ?? "").split(" ").map((text) => shownOf(text, data)).filter(Boolean).slice(0, 4);
  if (shown.length > 1) state.shown = shown;
  const choose = (name, known) => known.includes(parts.get(name)) && (state[name] = parts.get(name));
  choose("mode", ["side", "wipe", "flip", "difference"]);
  choose("grid", ["none", "patches", "pixels"]);
  choose("metric", data.metrics.map((metric) => metric.name));
  const scope = scopes.find((each) => each.name === parts.get("scope"));
  if (scope) state.scope = scope;
  const numbers = (parts.get("view") ?? "").split(",").map(Number);
  if (numbers.length === 3 && numbers.every(Number.isFinite) && numbers[0] > 0)
    state.view = { zoom: wholeZoom(numbers[0]), x: numbers[1], y: numbers[2] };
  const within = (name, low, high) => {
    const value = Number(parts.get(name) ?? NaN);
    if (value >= low && value <= high) state[name] = value;
  };
  within("line", 0, 1);
  within("scale", 1, 64);
  within("front", 0, (state.shown ?? []).length - 1);
  return state;
}

function shownText({ method, epoch, upsampler, zoom }) {
  return `${method.key}${method.epochs.length ? `@${epoch}` : ""}${upsampler ? `~${zoom}.${upsampler}` : ""}`;
}

function shownOf(text, data) {
  const [, key, epoch, zoom, upsampler] = /^([^@~]+)(?:@(\d+))?(?:~(\d+)\.(\w+))?$/.exec(text) ?? [];
  const method = data.methods.find((each) => each.key === key);
  if (!method) return null;
  const known = upsampler && method.zooms.includes(Number(zoom)) && method.upsamplers.includes(upsampler);
  return shownAt(method, Number(epoch), known ? { upsampler, zoom: Number(zoom) } : {});
}

// A method as it can be shown: at an epoch that is kept (the last that was scored, unless it is named), by an upsampler
// where it needs one.
function shownAt(method, epoch = NaN, { upsampler = "", zoom = 1 } = {}) {
  if (method.kind === "direct" && !upsampler) [upsampler, zoom] = [method.upsamplers[0], method.zooms[0]];
  const own = method.epochs.includes(epoch) ? epoch : method.epochs.length ? method.last : 0;
  return { method, epoch: own, upsampler, zoom };
}

function shownName({ method, epoch, upsampler, zoom }) {
  const parts = [method.name];
  if (method.epochs.length > 1) parts.push(`epoch ${epoch}`);
  if (upsampler) parts.push(`${upsampler}, from 1/${zoom}`);
  return parts.join(", ");
}
