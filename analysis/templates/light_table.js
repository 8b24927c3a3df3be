// The light table: what is shown, and what happens when that changes. Its parts: light_pictures.js gives pixels,
// light_scores.js numbers, light_stage.js draws, light_controls.js and light_numbers.js are around the stage.
const PLAY_MS = 700, ADDRESS_MS = 300;

class LightTable {
  constructor(root, data) {
    this.root = root;
    this.data = data;
    this.scores = new Scores(data);
    this.scopes = this.scores.scopes();
    if (!this.scopes.length) this.scopes = [{ name: "whole", whole: true }];
    this.pictures = new Pictures(data, () => this.arrived());
    this.differences = new Map();
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.state = this.start();
    this.state.picture = this.order().list[0];
    this.build();
    this.follow();
    Object.assign(this.state, stateOf(location.hash, data, this.scopes) ?? {});
    window.addEventListener("hashchange", () => this.visit(location.hash));
    document.addEventListener("click", (event) => {
      const link = event.target.closest('a[href^="#light?"]');
      if (link) this.visit(link.hash);  // also where the address is that already
    });
    this.show();
    if (location.hash.startsWith("#light?")) root.scrollIntoView();
  }

  start() {
    const { data } = this, method = (key) => data.methods.find((each) => each.key === key);
    const best = data.best.map(method), base = data.methods.find((each) => each.kind === "bicubic") ?? data.methods[0];
    const shown = (best.length > 1 ? best : [base, best[0] ?? data.methods.find((each) => each !== base)]).map((each) => shownAt(each));
    const scope = this.scopes.find((each) => !each.whole) ?? this.scopes[0];
    return { picture: 0, shown, mode: "side", front: 1, view: null, line: 0.5, scale: 4, grid: "none",
      metric: data.leading, scope, sort: "gain", point: null };
  }

  build() {
    const row = (name) => element("div", { class: `light-row light-${name}` });
    this.rows = { picture: pictureControls, order: orderControls, methods: shownControls, modes: modeControls, more: moreControls, below: belowControls };
    this.places = Object.fromEntries(Object.keys(this.rows).map((name) => [name, row(name)]));
    this.aside = element("div", { class: "light-numbers" });
    this.canvas = element("canvas", { class: "light-canvas" });
    this.over = element("canvas", { class: "light-canvas light-over" });
    const id = `light-map-${document.querySelectorAll(".light-stage").length}`;
    this.filter = differenceFilter("light-map");
    this.stage = element("div", { class: "light-stage", tabindex: 0, role: "application", "aria-describedby": id }, this.canvas, this.over, this.filter.element);
    const keys = LIGHT_KEYS.map(([key, words]) => element("li", {}, ...key.split(" ").flatMap((one) => [element("kbd", {}, one), " "]), words));
    this.keys = element("details", { class: "light-keys" }, element("summary", {}, "Keys and touch"), element("ul", { id }, ...keys),
      element("p", { class: "faint" }, "Keys work once the table is in use: click or tab into it. One finger moves the picture, two zoom, two taps change between the whole picture and one pixel for one."));
    const { budget } = this.data, megabytes = (budget.held / 1e6).toFixed(1);
    this.said = element("p", { class: "faint" }, `This page holds ${megabytes} MB of pictures, of ${budget.pictures} MB at most; the others are read from the study's folder, where the page lies in it. The address says what is shown and can be sent.`);
    this.told = element("p", { class: "light-told", role: "status" });
    const { picture, order, methods, modes, more, below } = this.places, bar = (...parts) => element("div", { class: "light-bar" }, ...parts);
    this.root.append(bar(picture, order), methods, bar(modes, more),
      element("div", { class: "light-body" }, element("div", { class: "light-left" }, this.stage, below), this.aside),
      this.told, this.keys, this.said);
  }

  follow() {
    followKeys(this.root, this);
    followPointers(this.stage, {
      point: (point) => this.pointTo(point),
      leave: () => this.pointTo(null),
      grab: (point, touch) => this.state.mode === "wipe" && !this.held && Math.abs(point.x - this.lineAt()) < (touch ? 28 : 14) * (window.devicePixelRatio || 1),
      line: (point) => this.change({ line: Math.min(1, Math.max(0, (point.x - this.frames[0].x) / this.frames[0].width)) }),
      pan: (dx, dy) => this.look(pannedBy(this.view(), dx, dy)),
      pinch: (point, factor) => this.zoomAt(point, Math.min(LARGEST_ZOOM, this.view().zoom * factor)),
      rest: () => this.state.view && this.look({ ...this.state.view, zoom: wholeZoom(this.state.view.zoom) }),
      wheel: (point, direction) => this.zoomAt(point, nextZoom(this.view().zoom, direction, this.fit().zoom)),
      toggle: (point) => this.toggleZoom(point),
    });
    new ResizeObserver(() => this.draw()).observe(this.stage);
  }

  // --- what changes -------------------------------------------------------------------------------------------------
  change(changes) {
    Object.assign(this.state, changes);
    this.show();
    clearTimeout(this.writing);
    if (!this.playing) this.writing = setTimeout(() => this.write(), ADDRESS_MS);
  }

  write() {
    try {
      history.replaceState(null, "", addressOf(this.state, this.data));
    } catch {
      // A browser that changes no address of a file: the view is there all the same.
    }
  }

  visit(fragment) {
    const changes = stateOf(fragment, this.data, this.scopes);
    if (!changes) return;
    Object.assign(this.state, { view: null, point: null }, changes);
    this.show();
    this.root.scrollIntoView();
  }

  replace(i, shown) {
    this.change({ shown: this.state.shown.map((each, j) => (j === i ? shown : each)) });
  }

  add() {
    const used = new Set(this.state.shown.map((each) => each.method));
    const next = this.data.methods.find((each) => !used.has(each)) ?? this.data.methods[0];
    this.change({ shown: [...this.state.shown, shownAt(next)] });
  }

  remove(i) {
    this.change({ shown: this.state.shown.filter((_, j) => j !== i), front: 1 });
  }

  bring(i) {
    if (i < this.state.shown.length) this.change({ front: i });
  }

  step(by) {
    const { list } = this.order(), place = list.indexOf(this.state.picture);
    this.change({ picture: list[(place + by + list.length) % list.length], view: null, point: null });
  }

  cycle(name, values) {
    this.change({ [name]: values[(values.indexOf(this.state[name]) + 1) % values.length] });
  }

  // Every run that is shown goes to its next epoch (by 1) or the one before (-1) of which there is a picture.
  stepEpoch(by) {
    const epochs = [...new Set(this.state.shown.flatMap((each) => each.method.epochs))].sort((a, b) => a - b);
    if (epochs.length < 2) return;
    const now = Math.max(...this.state.shown.filter((each) => each.method.epochs.length > 1).map((each) => each.epoch));
    const there = (epoch) => this.state.shown.some((each) => each.method.epochs.includes(epoch) && this.pictures.exists({ ...each, epoch }, this.state.picture));
    const place = epochs.indexOf(now);
    for (let i = 1; i <= epochs.length; i++) {
      const epoch = epochs[(place + by * i + i * epochs.length) % epochs.length];
      if (there(epoch)) return this.change({ shown: this.state.shown.map((each) => (each.method.epochs.includes(epoch) ? { ...each, epoch } : each)) });
    }
  }

  play() {
    if (this.still) return this.stepEpoch(1);
    if (this.playing) {
      clearInterval(this.playing);
      this.playing = null;
      return this.change({});
    }
    for (const each of this.state.shown) for (const epoch of each.method.epochs) this.pictures.prepare({ ...each, epoch }, this.state.picture);
    this.playing = setInterval(() => this.stepEpoch(1), PLAY_MS);
    this.stepEpoch(1);
  }

  hold(held) {
    if (this.held === held) return;
    this.held = held;
    this.draw();
  }

  fill() {
    this.full = !this.full;
    this.root.classList.toggle("light-full", this.full);
    this.show();
    this.stage.focus({ preventScroll: true });
  }

  leave() {
    if (this.full) this.fill();
    else this.stage.focus({ preventScroll: true });
  }

  // --- where it is looked at ----------------------------------------------------------------------------------------
  size() {
    return this.data.pictures[this.state.picture];
  }

  fit() {
    return fittingView(this.size(), this.frames?.[0] ?? { width: 1, height: 1 });
  }

  view() {
    return this.state.view ?? this.fit();
  }

  look(view) {
    const kept = keptInside(view, this.size(), this.frames[0]), fit = this.fit();
    this.change({ view: kept.zoom <= fit.zoom * 1.001 ? null : kept });
  }

  zoomAt(point, zoom) {
    const frame = this.frameOf(point);
    const own = { x: point.x - frame.x + this.frames[0].x, y: point.y - frame.y + this.frames[0].y };
    this.look(zoomedAt(this.view(), this.frames[0], own, Math.max(zoom, this.fit().zoom)));
  }

  zoomStep(direction) {
    this.zoomAt(this.middle(), nextZoom(this.view().zoom, direction, this.fit().zoom));
  }

  toggleZoom(point = this.middle()) {
    if (this.state.view) return this.change({ view: null });
    this.zoomAt(point, this.fit().zoom < 1 ? 1 : nextZoom(this.fit().zoom, 1, this.fit().zoom));
  }

  // The place on the stage of the point that is pointed at, or the middle of the first frame.
  middle() {
    const [frame] = this.frames;
    return this.state.point ? screenAt(this.view(), frame, this.state.point) : { x: frame.x + frame.width / 2, y: frame.y + frame.height / 2 };
  }

  push(key, far) {
    const [frame] = this.frames, step = far ? 0.9 : 0.1;
    const [x, y] = { "←": [1, 0], "→": [-1, 0], "↑": [0, 1], "↓": [0, -1] }[key];
    this.look(pannedBy(this.view(), x * step * frame.width, y * step * frame.height));
    const { x: px, y: py } = this.view();
    this.change({ point: { x: px, y: py } });
  }

  frameOf(point) {
    return frameAt(this.frames, point) ?? this.frames[0];
  }

  pointTo(point) {
    const frame = point && frameAt(this.frames, point);
    const at = frame && pictureAt(this.view(), frame, point), { width, height } = this.size();
    this.state.point = at && at.x >= 0 && at.y >= 0 && at.x < width && at.y < height ? at : null;
    this.drawOver();
    this.count();
  }

  boxAt(point) {
    if (!point) return null;
    const all = this.state.shown.flatMap((each) => this.scores.boxes(each, this.state.picture, this.state.scope));
    return all.find((box) => point.x >= box.x && point.y >= box.y && point.x < box.x + box.width && point.y < box.y + box.height) ?? null;
  }

  pixelText(shown, point) {
    const source = this.sourceOf(shown);
    if (!source.image) return "–";
    const size = imageSize(source.image);
    const x = Math.floor((point.x * size.width) / source.width), y = Math.floor((point.y * size.height) / source.height);
    try {
      return [...readPixels(source.image, x, y, 1, 1).data.slice(0, 3)].join(" ");
    } catch {
      return "–";  // of a file that the browser shows but does not give away
    }
  }

  // --- the order of pictures ----------------------------------------------------------------------------------------
  order() {
    const { data, state } = this, count = data.pictures.length, scored = state.shown.filter((each) => !["original", "low"].includes(each.method.kind));
    const base = data.methods.filter((each) => each.kind === "bicubic").map((each) => shownAt(each));
    const [left, right] = scored.length > 1 ? [scored[0], scored.at(-1)] : [base[0], scored[0]];
    const key = JSON.stringify([left, right].map((each) => each && shownText(each)).concat(state.sort, state.metric, state.scope.name));
    if (this.ordered?.key === key) return this.ordered;
    const gainsBy = (metric) => data.pictures.map((_, i) => {
      const [a, b] = [left, right].map((each) => (each ? this.scores.mean(each, i, state.scope, metric.name) : NaN));
      return (metric.up ? 1 : -1) * (b - a);
    });
    const chosen = data.metrics.find((metric) => metric.name === state.metric), gains = gainsBy(chosen);
    const keys = state.sort === "disagreement" ? disagreement(data.metrics.map(gainsBy)) : gains;
    const sign = state.sort === "loss" ? 1 : -1, list = data.pictures.map((_, i) => i);
    const name = (i) => `${data.pictures[i].set}/${data.pictures[i].name}`;
    const rank = (i) => (Number.isFinite(keys[i]) ? sign * keys[i] : Infinity);
    if (state.sort === "name") list.sort((i, j) => name(i).localeCompare(name(j), "en", { numeric: true }));
    else list.sort((i, j) => (rank(i) === rank(j) ? i - j : rank(i) - rank(j)));
    const signed = (i) => (Number.isFinite(gains[i]) ? numberText((chosen.up ? 1 : -1) * gains[i], chosen.digits, true) : "");
    const texts = list.length === count && state.sort === "disagreement"
      ? keys.map((value) => (Number.isFinite(value) ? numberText(value, 2) : "")) : gains.map((_, i) => signed(i));
    const pair = left && right ? `${shownName(right)} against ${shownName(left)}` : "";
    const words = state.sort === "name" || !pair ? "" : `${state.sort === "disagreement" ? "all metrics" : chosen.title}: ${pair}`;
    this.ordered = { key, list, texts, words };
    return this.ordered;
  }

  // --- what is seen -------------------------------------------------------------------------------------------------
  show() {
    this.state.front = Math.min(this.state.front, this.state.shown.length - 1);
    this.draw();
    for (const [name, controls] of Object.entries(this.rows)) refresh(this.places[name], controls(this));
    this.count();
  }

  arrived() {
    this.draw();
    this.count();
  }

  count() {
    this.aside.replaceChildren(...numbersTable(this));
  }

  // The place of the picture that is flipped to, or compared with the first.
  front() {
    return this.state.mode === "flip" ? this.state.front : Math.max(1, this.state.front);
  }

  // What lies in each frame: [{ shown, source, place }], two in one frame for a wipe and a difference.
  layers() {
    const { state } = this, all = state.shown.map((shown, i) => ({ shown, place: i, source: this.sourceOf(shown) }));
    if (this.held) return [[all[state.mode === "flip" ? (state.front + 1) % all.length : this.front()]]];
    if (state.mode === "flip") return [[all[state.front]]];
    if (state.mode === "wipe") return [[all[0], all[this.front()]]];
    if (state.mode === "difference") return all.slice(1).map((each) => [all[0], each]);
    return all.map((each) => [each]);
  }

  sourceOf(shown) {
    const patches = this.state.scope.whole ? this.scopes.find((each) => !each.whole) : this.state.scope;
    const boxes = shown.upsampler && patches ? this.scores.boxes(shown, this.state.picture, patches) : [];
    return this.pictures.source(shown, this.state.picture, boxes);
  }

  lineAt() {
    const [frame] = this.frames;
    return Math.round(frame.x + this.state.line * frame.width);
  }

  draw() {
    const layers = this.layers();
    this.stage.classList.toggle("light-low", this.isLow(layers.length));
    const { context, width, height, ratio } = sizedContext(this.canvas);
    this.frames = framesIn(layers.length, this.size(), width, height, 6 * ratio);
    const mapped = this.state.mode === "difference" && !this.held;
    this.canvas.classList.toggle("light-mapped", mapped);
    if (mapped) this.filter.setGain(this.state.scale);
    this.stage.classList.toggle("light-moves", Boolean(this.state.view));
    if (this.state.view) this.state.view = keptInside(this.state.view, this.size(), this.frames[0]);
    const view = this.view();
    context.clearRect(0, 0, width, height);
    layers.forEach((layer, i) => {
      const frame = this.frames[i], seen = layer.map((each) => each.source);
      if (seen.some((source) => !source.image)) return;  // what is lacking is said above it
      if (mapped) drawSource(context, this.difference(...seen), frame, view);
      else if (layer.length === 2) drawWipe(context, ...seen, frame, view, this.state.line);
      else drawSource(context, seen[0], frame, view);
    });
    this.drawOver(layers);
    const missing = [...new Set(layers.flat().map((each) => each.source.missing && `${each.place + 1}: ${each.source.missing}.`).filter(Boolean))];
    if (this.told.textContent !== missing.join(" ")) this.told.textContent = missing.join(" ");
    const names = this.state.shown.map(shownName).join(", "), { set, name } = this.size();
    this.stage.setAttribute("aria-label", `${set}/${name}: ${names}; ${MODES[this.state.mode]}`);
  }

  // Whether pictures leave much of a high stage empty.
  isLow(count) {
    const size = this.size(), ratio = window.devicePixelRatio || 1;
    const width = ratio * this.stage.clientWidth, high = ratio * Math.min(0.74 * innerHeight, 704);  // as light.css has it
    const frames = framesIn(count, size, width, high, 6), zoom = fittingZoom(size, frames[0]);
    return frames.at(-1).y + zoom * size.height < 0.68 * high;
  }

  difference(a, b) {
    const known = this.differences.get(b.image);
    if (known?.of === a.image) return known.made;
    if (this.differences.size > 4) this.differences.clear();
    this.differences.set(b.image, { of: a.image, made: differenceOf(a, b) });
    return this.differences.get(b.image).made;
  }

  drawOver(layers = this.layers()) {
    const { context, width, height, ratio } = sizedContext(this.over), view = this.view(), { state } = this;
    const ink = getComputedStyle(this.stage).color, metric = this.data.metrics.find((each) => each.name === state.metric);
    context.clearRect(0, 0, width, height);
    layers.forEach((layer, i) => {
      const frame = this.frames[i], lacking = layer.find((each) => !each.source.image);
      if (lacking) drawReason(context, lacking.source, frame, ratio, ink);
      if (state.grid === "pixels") drawPixelGrid(context, frame, view, this.size());
      if (state.grid === "patches") drawBoxes(context, this.labelled(layer, metric), frame, view, ratio);
      if (state.point && (layers.length > 1 || state.view)) drawCross(context, state.point, frame, view, ratio);
      const [first, second] = layer.map((each) => `${each.place + 1}  ${shownName(each.shown)}`);
      const wiped = state.mode === "wipe" && layer.length === 2;
      if (wiped) {
        const line = this.lineAt();
        drawLine(context, line, frame, ratio);
        drawName(context, first, { ...frame, width: line - frame.x }, ratio);
        drawName(context, second, { ...frame, x: line, width: frame.x + frame.width - line }, ratio, "right");
      } else drawName(context, second ? `| ${second}  −  ${first} |` : first, frame, ratio);
    });
  }

  // The boxes of a frame with the values of what lies in it: of both, or their difference.
  labelled(layer, metric) {
    const { picture, scope, mode, point } = this.state, chosen = this.boxAt(point);
    const scored = layer.filter((each) => this.scores.boxes(each.shown, picture, scope).length);
    const boxes = this.scores.boxes((scored[0] ?? layer[0]).shown, picture, scope);
    return boxes.map((box) => {
      const values = layer.map(({ shown }) => {
        const own = this.scores.boxes(shown, picture, scope).find((other) => sameBox(other, box));
        return own && !["original", "low"].includes(shown.method.kind) ? this.scores.value(shown, picture, scope, own, metric.name) : NaN;
      });
      const known = values.filter((value) => value !== undefined && !Number.isNaN(value));
      let text = known.map((value) => numberText(value, metric.digits)).join(" | ");
      if (mode === "difference" && known.length === 2) text = numberText(known[1] - known[0], metric.digits, true);
      return { box, text, chosen: chosen && sameBox(chosen, box) };
    });
  }
}

for (const root of document.querySelectorAll(".light")) {
  const data = root.parentElement.querySelector(".light-data");
  if (data) root.table = new LightTable(root, JSON.parse(data.textContent));
}
