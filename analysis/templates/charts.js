// Figures: drawn from the numbers that stand beside them once they come into view, and anew when a run is switched on
// or off, an axis is made logarithmic or the window changes. What lies under the pointer is told beside it.
const figures = (() => {
  const NS = "http://www.w3.org/2000/svg", FONT = 12, MOST_TOLD = 12, MANY = 12;
  const off = new Set(), drawn = new Set();
  const ruler = document.createElement("canvas").getContext("2d");
  ruler.font = `${FONT}px system-ui, sans-serif`;
  const wide = (text) => ruler.measureText(text).width;

  const add = (parent, tag, attributes, text) => {
    const made = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  };
  const cut = (text, room) => {
    if (wide(text) <= room) return text;
    let end = text.length;
    while (end > 1 && wide(text.slice(0, end) + "…") > room) end--;
    return text.slice(0, end) + "…";
  };
  const signed = (text) => text.replace("-", "−");
  const plain = (value) => signed(value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e7)
    ? String(Number(value.toPrecision(5))) : value.toExponential(2));

  // Round places between two ends and their texts, as charts.py has them.
  function ticks(axis, low, high, most) {
    if (axis.names) {
      const apart = Math.ceil(axis.names.length / most);
      return axis.names.map((name, place) => [place, name]).filter(([place]) => place % apart === 0);
    }
    if (axis.log) {
      let places = [];
      const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high)), apart = Math.ceil((last - first) / most);
      for (let e = first; e <= last; e++) for (const m of [1, 2, 5]) places.push([m * 10 ** e, m, e]);
      places = places.filter(([value]) => value >= low && value <= high);
      if (places.length > most + 1) places = places.filter(([, m, e]) => m === 1 && e % apart === 0);
      if (places.length > 1) return places.map(([value]) => [value, value >= 1e-3 && value < 1e6
        ? value.toLocaleString("en", { maximumSignificantDigits: 6 }) : signed(value.toExponential(0))]);
    }
    const unit = 10 ** (axis.power ?? 0), least = (high - low) / unit / most, tens = 10 ** Math.floor(Math.log10(least));
    let step = [1, 2, 2.5, 5, 10].map((m) => m * tens).find((each) => each >= least * (1 - 1e-9));
    if (axis.whole) step = step === 2.5 ? 2 : Math.max(1, step);
    let digits = 0;
    while (Math.abs(step - Number(step.toFixed(digits))) > 1e-9 * step) digits++;
    const found = [];
    for (let n = Math.ceil(low / unit / step - 1e-9); n <= high / unit / step + 1e-9; n++)
      if (n > 0 || !axis.log) found.push([n * step * unit, signed((n * step || 0).toLocaleString("en",
        { minimumFractionDigits: digits, maximumFractionDigits: digits }))]);
    return found;
  }

  const finite = (values) => (values ?? []).filter((value) => typeof value === "number");

  class Chart {
    constructor(figure, panel) {
      this.figure = figure;
      this.panel = panel;
      this.box = document.createElement("div");
      this.box.className = panel.cells ? "chart matrix" : panel.y.names ? "chart tall" : "chart";
      this.box.tabIndex = 0;
      this.box.addEventListener("pointermove", (event) => this.point(event));
      this.box.addEventListener("pointerdown", (event) => this.point(event));
      this.box.addEventListener("pointerleave", () => this.leave());
      this.box.addEventListener("blur", () => this.leave());
      this.box.addEventListener("keydown", (event) => this.step(event));
    }

    axis(which) {
      const axis = this.panel[which], log = this.figure.log[which] ?? axis.log;
      const values = this.shown.flatMap((each) => [...finite(each[which]), ...(which === "y" ? [...finite(each.low), ...finite(each.high)] : [])]);
      const able = log && !axis.names && values.some((value) => value > 0);
      const known = able ? values.filter((value) => value > 0) : values;
      let low = Math.min(...known), high = Math.max(...known);
      if (axis.names) [low, high] = [-0.5, axis.names.length - 0.5];
      else if (!known.length) [low, high] = [0, 1];
      else if (able) {
        const spare = Math.max((high / low) ** 0.05, 1.05);
        [low, high] = [low / spare, high * spare];
      } else {
        const spare = 0.05 * (high - low) || 0.05 * Math.abs(high) || 0.5;
        [low, high] = [low >= 0 && low < spare ? 0 : low - spare, high + spare];
      }
      return { ...axis, log: able, low, high };
    }

    draw() {
      const { panel } = this, width = this.box.clientWidth;
      if (!width) return;
      this.shown = panel.series.filter((each) => !off.has(each.name));
      const x = (this.x = this.axis("x")), y = (this.y = this.axis("y"));
      const rows = y.names?.length ?? 0;
      const height = panel.cells ? Math.min(30, (width / rows) * 0.8) * rows + 90
        : rows ? Math.min(640, 24 * rows + 70) : Math.min(320, Math.max(200, width * 0.66));
      const ups = ticks(y, y.low, y.high, rows ? Math.max(1, Math.floor((height - 70) / 15)) : 5);
      for (const tick of ups) tick[1] = cut(tick[1], width * 0.35);
      const left = Math.max(8, ...ups.map(([, text]) => wide(text))) + 10 + (y.label ? 18 : 0), right = width - 10;
      const across = ticks(x, x.low, x.high, x.names ? 30 : Math.max(2, Math.floor((right - left) / 62)));
      const longest = Math.max(0, ...across.map(([, text]) => wide(text)));
      const slanted = x.names && longest + 6 > (right - left) / across.length;
      if (slanted) for (const tick of across) tick[1] = cut(tick[1], 110);
      const top = 26, bottom = height - 22 - (slanted ? Math.min(110, longest) * 0.6 : 0) - (x.label ? 17 : 0);
      const scale = (axis, from, to) => {
        const of = axis.log ? Math.log : (value) => value, low = of(axis.low), factor = (to - from) / (of(axis.high) - low);
        return (value) => (typeof value !== "number" || (axis.log && value <= 0) ? NaN : from + (of(value) - low) * factor);
      };
      this.px = scale(x, left, right);
      this.py = scale(y, bottom, top);
      Object.assign(this, { left, right, top, bottom });

      const svg = document.createElementNS(NS, "svg");
      for (const [name, value] of Object.entries({ viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": panel.alt }))
        svg.setAttribute(name, value);
      if (panel.title) add(svg, "text", { x: left, y: 16, class: "title" }, cut(panel.title, right - left));
      for (const [value, text] of ups) {
        const at = this.py(value);
        if (!panel.cells) add(svg, "path", { d: `M${left} ${at}H${right}`, class: "grid" });
        add(svg, "text", { x: left - 6, y: at + 4, "text-anchor": "end" }, text);
      }
      for (const [value, text] of across) {
        const at = this.px(value);
        if (slanted) add(svg, "text", { x: at, y: bottom + 14, "text-anchor": "end", transform: `rotate(-35 ${at} ${bottom + 14})` }, text);
        else add(svg, "text", { x: Math.min(at, width - wide(text) / 2), y: bottom + 17, "text-anchor": "middle" }, text);
      }
      if (x.label) add(svg, "text", { x: (left + right) / 2, y: height - 5, "text-anchor": "middle" }, cut(x.label, right - left));
      if (y.label) add(svg, "text", { x: 12, y: (top + bottom) / 2, "text-anchor": "middle",
        transform: `rotate(-90 12 ${(top + bottom) / 2})` }, cut(y.label, height - 10));
      if (panel.cells) this.matrix(svg, x, y);
      else add(svg, "path", { d: `M${left} ${top}V${bottom}H${right}`, class: "frame" });
      for (const series of this.shown) this.series(svg, series);
      this.lit = add(svg, "g", {});
      this.box.replaceChildren(svg);
    }

    matrix(svg, x, y) {
      const w = (this.right - this.left) / x.names.length, h = (this.bottom - this.top) / y.names.length;
      for (const [column, row, fill, text, ink] of this.panel.cells) {
        const cell = add(svg, "g", {});
        add(cell, "rect", { x: this.px(column) - w / 2, y: this.py(row) - h / 2, width: w, height: h, fill });
        add(cell, "text", { x: this.px(column), y: this.py(row) + 4, "text-anchor": "middle", fill: ink, "font-size": Math.min(FONT, w / 3) }, text);
        add(cell, "title", {}, `${y.names[row]} and ${x.names[column]}: ${text}`);
      }
    }

    series(svg, series) {
      const { px, py } = this, group = add(svg, "g", { color: series.colour, stroke: "currentColor", fill: "none" });
      const line = { "stroke-width": series.width * 1.3, "stroke-linejoin": "round" };
      if (series.dashes) line["stroke-dasharray"] = series.dashes.map((part) => part * 1.3).join(" ");
      if (series.kind === "level") {
        add(group, "path", { ...line, d: `M${this.left} ${py(series.y[0])}H${this.right}` });
        return;
      }
      const points = series.x.map((value, place) => [px(value), py(series.y[place])]);
      const many = this.shown.length > MANY && series.kind === "line" && series.x.length > 1;
      if (series.low && !many) {
        const edge = (values) => series.x.map((value, place) => [px(value), py(values[place])]).filter((p) => p.every(Number.isFinite));
        const around = [...edge(series.low), ...edge(series.high).reverse()];
        if (around.length) add(group, "path", { d: `M${around.map((p) => p.join(" ")).join("L")}Z`, fill: "currentColor", "fill-opacity": 0.13, stroke: "none" });
      }
      if (series.kind === "line") {
        let d = "", pen = "M";
        for (const point of points) {
          if (point.every(Number.isFinite)) [d, pen] = [d + pen + point.join(" "), "L"];
          else pen = "M";
        }
        if (d) add(group, "path", { ...line, d });
      }
      if (series.marker && !many) for (const point of points) if (point.every(Number.isFinite)) mark(group, series.marker, ...point, series.size * 0.8);
      series.y.forEach((value, place) => {
        if (value === "∞") add(group, "text", { x: px(series.x[place]), y: this.top + 10, "text-anchor": "middle", fill: "currentColor", stroke: "none" }, "∞");
      });
    }

    // The points that are told: all at one x, or of one name along the y axis; the nearest alone where the x differ.
    near(px, py) {
      const along = this.panel.y.names ? "y" : "x", shared = along === "y" || this.panel.x.whole || this.panel.x.names;
      const found = this.shown.filter((each) => each.kind !== "level").flatMap((each) => each.x.map((value, place) => ({
        each, place, key: each[along][place], x: this.px(value), y: this.py(each.y[place]) })))
        .filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y));
      if (!found.length) return [];
      const far = (point) => Math.hypot(point.x - px, point.y - py), side = (point) => Math.abs(along === "x" ? point.x - px : point.y - py);
      const best = found.reduce((a, b) => ((shared ? side(b) - side(a) || far(b) - far(a) : far(b) - far(a)) < 0 ? b : a));
      return (shared ? found.filter((point) => point.key === best.key) : [best]).sort((a, b) => far(a) - far(b)).slice(0, MOST_TOLD);
    }

    point(event) {
      const frame = this.box.getBoundingClientRect();
      this.tell(this.near(event.clientX - frame.left, event.clientY - frame.top));
    }

    step(event) {
      const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!way || !this.shown || this.panel.cells) return;
      event.preventDefault();
      const places = [...new Set(this.shown.flatMap((each) => each.x.map(this.px).filter(Number.isFinite)))].sort((a, b) => a - b);
      this.at = Math.min(places.length - 1, Math.max(0, (this.at ?? (way > 0 ? -1 : places.length)) + way));
      this.tell(this.near(places[this.at], (this.top + this.bottom) / 2));
    }

    tell(points) {
      if (!points.length) return this.leave();
      const { x, y } = this, named = y.names ? y.names[points[0].key] : x.names ? x.names[points[0].key] : null;
      const value = (point) => (y.names ? point.each.x : point.each.y)[point.place];
      this.lit.replaceChildren();
      for (const point of points) add(this.lit, "circle", { cx: point.x, cy: point.y, r: 5, fill: "none", stroke: "currentColor" });
      const head = document.createElement("b");
      head.textContent = named ?? `${x.label} ${plain(points[0].each.x[points[0].place])}`;
      const levels = y.names ? [] : this.shown.filter((each) => each.kind === "level").map((each) => ({ each, place: 0 }));
      const lines = [...points.sort((a, b) => a.y - b.y), ...levels].map((point) => {
        const line = document.createElement("span"), dot = document.createElement("i");
        dot.style.background = point.each.colour;
        line.append(dot, `${point.each.label ?? point.each.name} `, Object.assign(document.createElement("b"), { textContent: plain(value(point)) }));
        return line;
      });
      tip.replaceChildren(head, ...lines);
      tip.hidden = false;
      const frame = this.box.getBoundingClientRect(), room = document.documentElement.clientWidth;
      const at = frame.left + points[0].x + 16;
      tip.style.left = `${Math.max(4, at + tip.offsetWidth > room ? Math.max(4, frame.left + points[0].x - 16 - tip.offsetWidth) : at) + scrollX}px`;
      tip.style.top = `${frame.top + Math.max(0, points[0].y - tip.offsetHeight / 2) + scrollY}px`;
    }

    leave() {
      tip.hidden = true;
      this.lit?.replaceChildren();
    }
  }

  function mark(group, marker, x, y, r) {
    const shapes = { s: `M${-r} ${-r}H${r}V${r}H${-r}Z`, D: `M0 ${-1.3 * r}L${1.3 * r} 0L0 ${1.3 * r}L${-1.3 * r} 0Z`,
      "^": `M0 ${-1.2 * r}L${1.2 * r} ${r}H${-1.2 * r}Z`, v: `M0 ${1.2 * r}L${1.2 * r} ${-r}H${-1.2 * r}Z`,
      P: `M${-r} 0H${r}M0 ${-r}V${r}`, x: `M${-r} ${-r}L${r} ${r}M${r} ${-r}L${-r} ${r}` };
    const open = marker === "x" || marker === "P", look = { fill: open ? "none" : "currentColor", stroke: open ? "currentColor" : "none", "stroke-width": 2 };
    if (marker === "o") add(group, "circle", { cx: x, cy: y, r, ...look });
    else add(group, "path", { d: shapes[marker], transform: `translate(${x} ${y})`, ...look });
  }

  const tip = Object.assign(document.createElement("div"), { className: "tip", hidden: true });
  document.body.append(tip);

  const charts = [];
  for (const place of document.querySelectorAll(".panels")) {
    const figure = { log: {} }, panels = JSON.parse(place.querySelector(".numbers").textContent);
    const own = panels.map((panel) => new Chart(figure, panel));
    charts.push(...own);
    place.append(...own.map((chart) => chart.box));
    for (const button of place.parentElement.querySelectorAll(`[data-log][data-figure="${place.dataset.name}"]`)) {
      const which = button.dataset.log;
      button.setAttribute("aria-pressed", panels.some((panel) => panel[which].log));
      button.addEventListener("click", () => {
        figure.log[which] = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", figure.log[which]);
        for (const chart of own) if (drawn.has(chart)) chart.draw();
      });
    }
  }
  const byBox = new Map(charts.map((chart) => [chart.box, chart]));
  const redraw = () => drawn.forEach((chart) => chart.draw());
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting && !drawn.has(byBox.get(entry.target))) {
      drawn.add(byBox.get(entry.target));
      byBox.get(entry.target).draw();
    }
  }, { rootMargin: "600px" });
  charts.forEach((chart) => seen.observe(chart.box));
  const drawAll = () => charts.forEach((chart) => { drawn.add(chart); chart.draw(); });
  addEventListener("beforeprint", drawAll);
  let lastWidth = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== lastWidth) { lastWidth = innerWidth; requestAnimationFrame(redraw); } });

  // The legend: a click switches a run in all figures, a double click shows it alone.
  const keys = [...document.querySelectorAll("button[data-key]")];
  const switched = () => {
    for (const key of keys) key.setAttribute("aria-pressed", !off.has(key.dataset.key));
    redraw();
  };
  for (const key of keys) {
    const group = [...key.closest(".legend").querySelectorAll("button[data-key]")].map((each) => each.dataset.key);
    key.addEventListener("click", () => { off.has(key.dataset.key) ? off.delete(key.dataset.key) : off.add(key.dataset.key); switched(); });
    key.addEventListener("dblclick", () => { group.forEach((name) => off.add(name)); off.delete(key.dataset.key); switched(); });
  }
  for (const button of document.querySelectorAll("button[data-all]"))
    button.addEventListener("click", () => {
      for (const key of button.closest(".legend").querySelectorAll("button[data-key]"))
        button.dataset.all === "on" ? off.delete(key.dataset.key) : off.add(key.dataset.key);
      switched();
    });

  return { charts, drawAll, tip, ticks };
})();
