// The numbers beside a light table: every metric of every picture that is shown, of the patch that is pointed at or of
// the whole picture; and the pixel's own values.
function numbersTable(table) {
  const { data, scores, state } = table, { picture, scope, shown } = state;
  const box = table.boxAt(state.point);
  const head = element("tr", {}, element("th", { scope: "col" }, ""));
  shown.forEach((each, i) => {
    const name = element("th", { scope: "col", class: "number", title: shownName(each) }, `${i + 1}`);
    head.append(name);
  });
  const body = element("tbody", {});
  for (const metric of data.metrics) {
    const values = shown.map((each) => {
      if (each.method.kind === "original") return NaN;
      const own = box && scores.boxes(each, picture, scope).find((other) => sameBox(other, box));
      if (box && !own) return NaN;
      return own ? scores.value(each, picture, scope, own, metric.name) : scores.mean(each, picture, scope, metric.name);
    });
    const unit = metric.unit ? ` (${metric.unit})` : "";
    const row = element("tr", {}, element("th", { scope: "row" }, `${metric.title}${unit} ${metric.up ? "↑" : "↓"}`));
    if (metric.name === state.metric) row.className = "light-chosen";
    const texts = values.map((value) => numberText(value, metric.digits)), best = bestOf(values, metric);
    texts.forEach((text, i) => {
      const first = best === numberText(values[i], metric.digits) && new Set(texts.filter((t) => t !== "–")).size > 1;
      row.append(element("td", { class: first ? "number best" : "number" }, text));
    });
    body.append(row);
  }
  const pixel = state.point && { x: Math.floor(state.point.x), y: Math.floor(state.point.y) };
  const row = element("tr", { class: "light-pixel" }, element("th", { scope: "row" }, pixel ? `RGB at ${pixel.x}, ${pixel.y}` : "RGB"));
  for (const each of shown) row.append(element("td", { class: "number" }, pixel ? table.pixelText(each, state.point) : "–"));
  body.append(row);
  const made = element("table", { class: "light-table" }, element("thead", {}, head), body);
  return [element("p", { class: "faint" }, caption(table, box)), made, ...lackingScores(table)];
}

function bestOf(values, metric) {
  const finite = values.filter((value) => value !== undefined && !Number.isNaN(value));
  return finite.length ? numberText((metric.up ? Math.max : Math.min)(...finite), metric.digits) : null;
}

function caption({ state, scores, data }, box) {
  const boxes = state.shown.map((each) => scores.boxes(each, state.picture, state.scope).length), count = Math.max(...boxes);
  const kind = data.definition === "paper" ? "" : ` (definition ${data.definition})`;
  if (state.scope.whole) return `Whole picture, luma without its borders${kind}`;
  if (box) return `Patch ${box.width}×${box.height} at ${box.x}, ${box.y}${kind}`;
  return count ? `Mean over ${count} patch${count === 1 ? "" : "es"} of ${state.scope.width}×${state.scope.height}${kind}` : "No patch of this size";
}

function lackingScores({ state, scores, data }) {
  const { picture, scope } = state;
  const lacking = state.shown.filter((each) => scores.boxes(each, picture, scope).length && !scores.sheetOf(each, scope));
  const without = lacking.filter((each) => !["original", "low"].includes(each.method.kind) && !(scope.whole && each.upsampler));
  if (!without.length) return [];
  const words = `Not in this page, or not made yet: the scores of ${without.map(shownName).join("; ")}. A page holds ${data.budget.scores} MB of scores at most.`;
  return [element("p", { class: "faint" }, words)];
}

function sameBox(a, b) {
  return a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height;
}

// An element with attributes and children; text is only text.
function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}
