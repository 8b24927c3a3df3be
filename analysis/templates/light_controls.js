// The controls of a light table, made anew whenever what they show has changed; the focus stays where it was.
function button(text, label, act, more = {}) {
  return element("button", { type: "button", "aria-label": label, title: label, onclick: act, ...more }, text);
}

function choice(label, options, value, act) {
  const select = element("select", { "aria-label": label, title: label, onchange: () => act(select.value) });
  for (const [key, text] of options) select.append(element("option", { value: key, selected: key === value }, text));
  return select;
}

const SORTS = { gain: "largest gain first", loss: "smallest gain first", disagreement: "metrics disagree most first", name: "by name" };

function pictureControls(table) {
  const { data, state } = table, order = table.order();
  const options = order.list.map((i) => {
    const { set, name } = data.pictures[i], text = order.texts[i];
    return [String(i), `${set}/${name}${text ? `   ${text}` : ""}`];
  });
  const place = order.list.indexOf(state.picture) + 1;
  return [
    button("‹", "Previous picture (P)", () => table.step(-1), { "data-id": "previous" }),
    choice("Picture", options, String(state.picture), (value) => table.change({ picture: Number(value) })),
    button("›", "Next picture (N)", () => table.step(1), { "data-id": "next" }),
    element("span", { class: "faint" }, `${place} of ${order.list.length}`),
  ];
}

function orderControls(table) {
  const order = table.order();
  return [
    choice("Order of pictures", Object.entries(SORTS), table.state.sort, (sort) => table.change({ sort })),
    element("span", { class: "faint" }, order.words),
  ];
}

function shownControls(table) {
  const { state } = table, several = state.shown.length > 2;
  const rows = state.shown.map((each, i) => {
    const chosen = state.mode !== "side" && (i === table.front() || (i === 0 && state.mode !== "flip"));
    const number = button(`${i + 1}`, `Show picture ${i + 1} (${i + 1})`, () => table.bring(i), { "aria-pressed": String(chosen), "data-id": `bring ${i}` });
    const parts = [number, methodChoice(table, i), ...epochChoice(table, i), ...upsamplerChoice(table, i)];
    if (several) parts.push(button("×", `Remove picture ${i + 1}`, () => table.remove(i), { "data-id": `remove ${i}` }));
    return element("span", { class: "light-shown" }, ...parts);
  });
  if (state.shown.length < 4) rows.push(button("+ another", "Show another picture beside these", () => table.add(), { "data-id": "add" }));
  return rows;
}

function methodChoice(table, i) {
  const options = table.data.methods.map((method) => [method.key, method.name]);
  return choice(`What picture ${i + 1} shows`, options, table.state.shown[i].method.key, (key) => {
    const { epoch, upsampler, zoom } = table.state.shown[i], method = table.data.methods.find((each) => each.key === key);
    const known = method.zooms.includes(zoom) && method.upsamplers.includes(upsampler) ? { upsampler, zoom } : {};
    table.replace(i, shownAt(method, epoch, known));
  });
}

function epochChoice(table, i) {
  const shown = table.state.shown[i];
  if (shown.method.epochs.length < 2) return [];
  const options = shown.method.epochs.map((epoch) => [String(epoch), `epoch ${epoch}${table.pictures.exists({ ...shown, epoch }, table.state.picture) ? "" : " (no picture)"}`]);
  return [choice(`Epoch of picture ${i + 1}`, options, String(shown.epoch), (epoch) => table.replace(i, { ...shown, epoch: Number(epoch) }))];
}

function upsamplerChoice(table, i) {
  const shown = table.state.shown[i], { method } = shown;
  if (!method.zooms.length) return [];
  const options = method.kind === "direct" ? [] : [["", "as restored"]];
  for (const zoom of method.zooms) for (const name of method.upsamplers) options.push([`${zoom}.${name}`, `regions from 1/${zoom}, ${name}`]);
  const value = shown.upsampler ? `${shown.zoom}.${shown.upsampler}` : "";
  return [
    choice(`Upsampler of picture ${i + 1}`, options, value, (text) => {
      const [zoom, upsampler] = text ? text.split(".") : [1, ""];
      table.replace(i, { ...shown, upsampler, zoom: Number(zoom) });
    }),
  ];
}

const MODES = { side: "Side by side", wipe: "Wipe", flip: "Flip", difference: "Difference" };

function modeControls(table) {
  const { state } = table;
  const modes = Object.entries(MODES).map(([mode, text]) =>
    button(text, `${text} (${mode[0].toUpperCase()})`, () => table.change({ mode }), { "aria-pressed": String(state.mode === mode), "data-id": mode }),
  );
  const zoom = [
    button("−", "Smaller (−)", () => table.zoomStep(-1), { "data-id": "smaller" }),
    element("span", { class: "light-zoom" }, zoomText(table.view().zoom)),
    button("+", "Larger (+)", () => table.zoomStep(1), { "data-id": "larger" }),
    button("Fit", "The whole picture (0)", () => table.change({ view: null }), { "data-id": "fit" }),
    button("1:1", "One pixel for one (Z)", () => table.toggleZoom(), { "data-id": "one" }),
  ];
  const fill = button(table.full ? "Leave full window" : "Full window", "Full window (X)", () => table.fill(), { "data-id": "fill" });
  return [element("span", { class: "light-group" }, ...modes), element("span", { class: "light-group" }, ...zoom), fill];
}

function moreControls(table) {
  const { state, data, scopes } = table;
  const grids = [["none", "no grid"], ["patches", "patches"], ["pixels", "pixels"]];
  const more = [
    choice("Grid", grids, state.grid, (grid) => table.change({ grid })),
    choice("Metric", data.metrics.map((metric) => [metric.name, metric.title]), state.metric, (metric) => table.change({ metric })),
  ];
  if (scopes.length > 1) {
    const names = scopes.map((scope) => [scope.name, scope.whole ? "whole picture" : `patches ${scope.width}×${scope.height}`]);
    more.push(choice("What is scored", names, state.scope.name, (name) => table.change({ scope: scopes.find((each) => each.name === name) })));
  }
  if (state.shown.some((each) => each.method.epochs.length > 1)) {
    const text = table.still ? "Next epoch" : table.playing ? "Stop" : "Play epochs";
    more.push(button(text, "Play through the epochs (L)", () => table.play(), { "aria-pressed": String(Boolean(table.playing)), "data-id": "play" }));
  }
  return more;
}

function zoomText(zoom) {
  return zoom >= 1 ? `${Math.round(zoom)}×` : `${Math.round(100 * zoom)} %`;
}

// What belongs to the mode, below the stage: the line of the wipe, the key for a finger, the scale of the map.
function belowControls(table) {
  const { state } = table;
  if (state.mode === "wipe") {
    const slider = element("input", { type: "range", min: 0, max: 1000, "aria-label": "Line of the wipe", class: "wipe-slider", "data-id": "line" });
    slider.value = 1000 * state.line;
    slider.addEventListener("input", () => table.change({ line: slider.value / 1000 }));
    return [slider];
  }
  if (state.mode === "flip") {
    const hold = button("Hold to flip", "Hold to flip (Space)", () => {}, { "data-id": "hold", class: "light-hold" });
    hold.addEventListener("pointerdown", (event) => {
      hold.setPointerCapture(event.pointerId);
      table.hold(true);
    });
    for (const end of ["pointerup", "pointercancel"]) hold.addEventListener(end, () => table.hold(false));
    return [hold];
  }
  if (state.mode !== "difference") return [];
  const scale = element("canvas", { width: 160, height: 12, class: "light-scale", role: "img", "aria-label": "The map's colours, from no difference to the largest" });
  drawScale(scale);
  const most = (gain) => Math.round(255 / gain);
  const options = [1, 2, 4, 8, 16, 32].map((gain) => [String(gain), `${most(gain)} grey levels and more`]);
  return [
    element("span", {}, "0"),
    scale,
    choice("What the brightest colour stands for", options, String(state.scale), (gain) => table.change({ scale: Number(gain) })),
    element("span", { class: "faint" }, "Mean of the three bands' absolute differences, to the first picture."),
  ];
}

// Put controls in the place of others of the same kind, unless nothing about them has changed.
function refresh(place, controls) {
  const made = element("div", {}, ...controls);
  if (place.dataset.made === made.innerHTML && !place.querySelector("input")) return;
  const focused = place.contains(document.activeElement) ? document.activeElement : null;
  if (focused?.type === "range") return;
  place.dataset.made = made.innerHTML;
  place.replaceChildren(...controls);
  if (!focused) return;
  const same = [...place.querySelectorAll(focused.tagName)].find((each) =>
    focused.dataset.id ? each.dataset.id === focused.dataset.id : each.getAttribute("aria-label") === focused.getAttribute("aria-label"));
  same?.focus({ preventScroll: true });
}
