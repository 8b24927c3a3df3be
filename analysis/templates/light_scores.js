// The scores that a light table holds: unpacked when they are first asked for. `undefined` stands for a sheet that is not
// in the page, NaN for a value that does not exist. What is shown is { method, epoch, upsampler, zoom }; a scope says
// which boxes count: { whole: true } the picture without its borders, { width, height } the patches of that size.
const NO_VALUE = 65535, INFINITE = 65534, MINUS_INFINITE = 65533;

class Scores {
  constructor(data) {
    this.data = data;
    this.unpacked = new Map();
    this.grids = data.grids.map((ofStudy) => ofStudy.map((grid) => ({ ...grid, ...placesOf(grid) })));
  }

  // The scopes that there are scores of, the smallest patches last.
  scopes() {
    const found = new Map();
    for (const grid of this.grids.flat()) {
      const whole = grid.protocol === "luma";
      for (const boxes of whole ? [[]] : grid.boxes) {
        for (let i = 0; i < boxes.length; i += 4) {
          const [width, height] = [boxes[i + 2], boxes[i + 3]];
          found.set(`${width}x${height}`, { name: `${width}x${height}`, width, height });
        }
      }
      if (whole) found.set("whole", { name: "whole", whole: true });
    }
    const area = (scope) => (scope.whole ? Infinity : scope.width * scope.height);
    return [...found.values()].sort((a, b) => area(b) - area(a));
  }

  // The boxes of a picture in a scope, with their places in the sheets: [{ x, y, width, height, place }].
  boxes(shown, picture, scope) {
    const grid = this.gridOf(shown, scope);
    if (!grid || grid.of[picture] < 0) return [];
    const sides = grid.boxes[grid.of[picture]], found = [];
    for (let i = 0; i < sides.length; i += 4) {
      const [x, y, width, height] = sides.slice(i, i + 4);
      if (scope.whole || (width === scope.width && height === scope.height))
        found.push({ x, y, width, height, place: grid.start[picture] + i / 4 });
    }
    return found;
  }

  value(shown, picture, scope, box, metric) {
    const sheet = this.sheetOf(shown, scope), own = this.data.own[shown.method.study].indexOf(metric);
    if (!sheet) return undefined;
    if (own < 0) return NaN;
    const size = sheet.numbers.length / this.data.own[shown.method.study].length;
    const code = sheet.numbers[own * size + box.place];
    if (code === NO_VALUE) return NaN;
    if (code === INFINITE || code === MINUS_INFINITE) return code === INFINITE ? Infinity : -Infinity;
    return sheet.low[own] + code * sheet.step[own];
  }

  // The mean over a picture's boxes, as far as values are finite.
  mean(shown, picture, scope, metric) {
    const values = this.boxes(shown, picture, scope).map((box) => this.value(shown, picture, scope, box, metric));
    if (values.some((value) => value === undefined)) return undefined;
    const finite = values.filter(Number.isFinite);
    if (!finite.length) return values.length ? values[0] : NaN;
    return finite.reduce((sum, value) => sum + value, 0) / finite.length;
  }

  gridOf(shown, scope) {
    const protocol = scope.whole ? "luma" : shown.upsampler ? "compound" : "region";
    const zoom = protocol === "compound" ? shown.zoom : 1;
    return this.grids[shown.method.study].find((grid) => grid.protocol === protocol && grid.zoom === zoom);
  }

  sheetOf(shown, scope) {
    if (scope.whole && shown.upsampler) return null;
    const protocol = scope.whole ? "luma" : shown.upsampler ? "compound" : "region";
    const own = [shown.method.key, shown.epoch, protocol, shown.upsampler || "", shown.upsampler ? shown.zoom : 1];
    const key = own.join("|"), sheet = this.data.sheets[key];
    if (!sheet) return null;
    if (!this.unpacked.has(key)) this.unpacked.set(key, { ...sheet, numbers: numbersOf(sheet.data) });
    return this.unpacked.get(key);
  }
}

function placesOf(grid) {
  let next = 0;
  const start = grid.of.map((place) => {
    const here = next;
    if (place >= 0) next += grid.boxes[place].length / 4;
    return here;
  });
  return { start };
}

function numbersOf(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)), view = new DataView(bytes.buffer);
  return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => view.getUint16(2 * i, true));
}

// How far apart metrics place each picture among all, by the gain of one method over another: the widest distance of
// two shares of the pictures that are left behind, 0 to 1. `gains` holds the pictures' gains by metric.
function disagreement(gains) {
  const shares = gains.map((ofMetric) => {
    const known = ofMetric.filter(Number.isFinite).sort((a, b) => a - b);
    return ofMetric.map((gain) => (Number.isFinite(gain) ? known.indexOf(gain) / Math.max(1, known.length - 1) : NaN));
  });
  return (gains[0] ?? []).map((_, picture) => {
    const own = shares.map((ofMetric) => ofMetric[picture]).filter(Number.isFinite);
    return own.length > 1 ? Math.max(...own) - Math.min(...own) : NaN;
  });
}

// A value as the report prints it.
function numberText(value, digits, signed = false) {
  if (value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const plus = signed && value >= 0 ? "+" : "";
  const small = value !== 0 && Math.abs(value) < 0.5 * 10 ** -digits;
  const text = !small ? value.toFixed(digits) : Math.abs(value) < 1e-4 ? value.toExponential(1) : value.toPrecision(1);
  return (plus + text).replaceAll("-", "−");
}
