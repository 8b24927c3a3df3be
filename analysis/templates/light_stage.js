// The stage of a light table: the frames, the pictures in them, and above them grids, names, the line and the cross.
// Difference maps are coloured by a filter, which may see what scripts may not: files beside the page.
const MAP = { r: [0, 0.23, 0.62, 0.93, 1, 1], g: [0, 0.06, 0.16, 0.45, 0.8, 1], b: [0, 0.42, 0.47, 0.25, 0.2, 0.85] };
const SVG_NAME = "http://www.w3.org/2000/svg";

function drawing(tag, attributes, ...children) {
  const made = document.createElementNS(SVG_NAME, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// A filter that turns differences into the colours of MAP; `gain` times the mean of the bands is the place in it.
function differenceFilter(id) {
  const matrix = drawing("feColorMatrix", { type: "matrix" });
  const table = (band) => drawing(`feFunc${band.toUpperCase()}`, { type: "table", tableValues: MAP[band].join(" ") });
  const colours = drawing("feComponentTransfer", {}, table("r"), table("g"), table("b"));
  const filter = drawing("filter", { id, x: 0, y: 0, width: 1, height: 1, "color-interpolation-filters": "sRGB" }, matrix, colours);
  const setGain = (gain) => {
    const row = [gain / 3, gain / 3, gain / 3, 0, 0].join(" ");
    matrix.setAttribute("values", `${row} ${row} ${row} 0 0 0 1 0`);
  };
  return { element: drawing("svg", { width: 0, height: 0, "aria-hidden": "true" }, filter), setGain };
}

// The scale of the map, from no difference to the largest that has a colour of its own.
function drawScale(canvas) {
  const context = canvas.getContext("2d"), steps = MAP.r.length - 1;
  const gradient = context.createLinearGradient(0, 0, canvas.width, 0);
  for (let i = 0; i <= steps; i++) {
    const colour = ["r", "g", "b"].map((band) => Math.round(255 * MAP[band][i]));
    gradient.addColorStop(i / steps, `rgb(${colour.join(" ")})`);
  }
  context.fillStyle = gradient;
  context.fillRect(0, 0, canvas.width, canvas.height);
}

// The frames that count pictures of a size best fill an area, side by side.
function framesIn(count, size, width, height, gap) {
  let best = null;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const frame = { width: (width - gap * (columns - 1)) / columns, height: (height - gap * (rows - 1)) / rows };
    const zoom = Math.min(frame.width / size.width, frame.height / size.height);
    if (!best || zoom > best.zoom * 1.02) best = { columns, zoom, ...frame };
  }
  return Array.from({ length: count }, (_, i) => {
    const [column, row] = [i % best.columns, Math.floor(i / best.columns)];
    const x = Math.round(column * (best.width + gap)), y = Math.round(row * (best.height + gap));
    return { x, y, width: Math.round(x + best.width) - x, height: Math.round(y + best.height) - y };
  });
}

function frameAt(frames, point) {
  return frames.find((f) => point.x >= f.x && point.x < f.x + f.width && point.y >= f.y && point.y < f.y + f.height);
}

// Write in a frame why there is nothing in it.
function drawReason(context, source, frame, ratio, colour) {
  context.save();
  context.fillStyle = colour;
  context.font = `${14 * ratio}px system-ui, sans-serif`;
  context.textAlign = "center";
  const lines = wrapped(context, source.missing ?? "…", frame.width - 24 * ratio);
  lines.forEach((line, i) => {
    const y = frame.y + frame.height / 2 + (i - (lines.length - 1) / 2) * 20 * ratio;
    context.fillText(line, frame.x + frame.width / 2, y);
  });
  context.restore();
}

function wrapped(context, text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (context.measureText(longer).width <= width || !lines.at(-1)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

// Draw boxes with a text in each, and the one that is pointed at in another colour.
function drawBoxes(context, boxes, frame, view, ratio) {
  context.save();
  context.beginPath();
  context.rect(frame.x, frame.y, frame.width, frame.height);
  context.clip();
  context.font = `${12 * ratio}px system-ui, sans-serif`;
  context.textBaseline = "bottom";
  for (const { box, text, chosen } of [...boxes].sort((a, b) => Boolean(a.chosen) - Boolean(b.chosen))) {
    const a = screenAt(view, frame, box), b = screenAt(view, frame, { x: box.x + box.width, y: box.y + box.height });
    for (const [colour, width] of [["rgba(0, 0, 0, .6)", 3], [chosen ? "#ffd23f" : "rgba(255, 255, 255, .85)", chosen ? 2 : 1]]) {
      context.strokeStyle = colour;
      context.lineWidth = width * ratio;
      context.strokeRect(a.x, a.y, b.x - a.x, b.y - a.y);
    }
    const width = context.measureText(text).width, pad = 3 * ratio, height = 16 * ratio;
    if (!text || width + 2 * pad > b.x - a.x || height > b.y - a.y) continue;
    context.fillStyle = "rgba(0, 0, 0, .72)";
    context.fillRect(a.x, b.y - height, width + 2 * pad, height);
    context.fillStyle = "#fff";
    context.fillText(text, a.x + pad, b.y - 1 * ratio);
  }
  context.restore();
}

// Draw the borders of pixels where these are large.
function drawPixelGrid(context, frame, view, size) {
  if (view.zoom < 8) return;
  const origin = originOf(view, frame);
  context.save();
  context.beginPath();
  context.rect(frame.x, frame.y, frame.width, frame.height);
  context.clip();
  context.strokeStyle = "rgba(128, 128, 128, .6)";
  context.lineWidth = 1;
  context.beginPath();
  const lines = (start, room, from, length, draw) => {
    const first = Math.max(0, Math.floor((from - start) / view.zoom));
    for (let i = first; i <= length && start + i * view.zoom <= from + room; i++) draw(start + i * view.zoom + 0.5);
  };
  const [right, bottom] = [origin.x + size.width * view.zoom, origin.y + size.height * view.zoom];
  lines(origin.x, frame.width, frame.x, size.width, (x) => (context.moveTo(x, Math.max(frame.y, origin.y)), context.lineTo(x, Math.min(bottom, frame.y + frame.height))));
  lines(origin.y, frame.height, frame.y, size.height, (y) => (context.moveTo(Math.max(frame.x, origin.x), y), context.lineTo(Math.min(right, frame.x + frame.width), y)));
  context.stroke();
  context.restore();
}

// Draw a cross, or the pixel's own border where pixels are large, at a point of the picture.
function drawCross(context, point, frame, view, ratio) {
  const pixel = { x: Math.floor(point.x), y: Math.floor(point.y) }, at = screenAt(view, frame, pixel);
  const middle = { x: at.x + view.zoom / 2, y: at.y + view.zoom / 2 }, reach = 9 * ratio;
  context.save();
  context.beginPath();
  context.rect(frame.x, frame.y, frame.width, frame.height);
  context.clip();
  for (const [colour, width] of [["rgba(0, 0, 0, .7)", 3], ["#ffd23f", 1.4]]) {
    context.strokeStyle = colour;
    context.lineWidth = width * ratio;
    context.beginPath();
    if (view.zoom >= 6 * ratio) context.rect(at.x, at.y, view.zoom, view.zoom);
    else {
      context.moveTo(middle.x - reach, middle.y);
      context.lineTo(middle.x + reach, middle.y);
      context.moveTo(middle.x, middle.y - reach);
      context.lineTo(middle.x, middle.y + reach);
    }
    context.stroke();
  }
  context.restore();
}
