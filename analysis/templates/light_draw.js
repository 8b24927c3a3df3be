// Pictures drawn into frames of a canvas: pixel by pixel, never smoothed where a pixel covers one of the screen or more.
// A source is { image, width, height }: what can be drawn, and the pixels of the full size that it covers.

// Make the canvas as fine as the screen; return its context and size in screen pixels.
function sizedContext(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  return { context: canvas.getContext("2d"), width, height, ratio };
}

function imageSize(image) {
  return { width: image.naturalWidth ?? image.width, height: image.naturalHeight ?? image.height };
}

// Draw the part of a source that a view shows in a frame.
function drawSource(context, source, frame, view) {
  const size = imageSize(source.image), origin = originOf(view, frame);
  const zoom = { x: (view.zoom * source.width) / size.width, y: (view.zoom * source.height) / size.height };
  // The pixels that are seen, and no others: they are few where they are large.
  const first = (start, begin, step) => Math.max(0, Math.floor((begin - start) / step));
  const last = (start, end, step, length) => Math.min(length, Math.ceil((end - start) / step));
  const left = first(origin.x, frame.x, zoom.x), right = last(origin.x, frame.x + frame.width, zoom.x, size.width);
  const top = first(origin.y, frame.y, zoom.y), bottom = last(origin.y, frame.y + frame.height, zoom.y, size.height);
  if (right <= left || bottom <= top) return;
  context.save();
  context.beginPath();
  context.rect(frame.x, frame.y, frame.width, frame.height);
  context.clip();
  context.imageSmoothingEnabled = zoom.x < 1;
  context.imageSmoothingQuality = "high";
  context.drawImage(
    source.image, left, top, right - left, bottom - top,
    origin.x + left * zoom.x, origin.y + top * zoom.y, (right - left) * zoom.x, (bottom - top) * zoom.y,
  );
  context.restore();
}

// Draw one source to the left of a line and the other to its right; return the line's place.
function drawWipe(context, left, right, frame, view, part) {
  const line = Math.round(frame.x + part * frame.width);
  clipped(context, { ...frame, width: line - frame.x }, () => left && drawSource(context, left, frame, view));
  const rest = { ...frame, x: line, width: frame.x + frame.width - line };
  clipped(context, rest, () => right && drawSource(context, right, frame, view));
  return line;
}

function clipped(context, frame, draw) {
  context.save();
  context.beginPath();
  context.rect(frame.x, frame.y, frame.width, frame.height);
  context.clip();
  draw();
  context.restore();
}

// Draw the line of a wipe with its handle.
function drawLine(context, line, frame, ratio) {
  const middle = frame.y + frame.height / 2, radius = 11 * ratio;
  context.save();
  for (const [colour, width] of [["rgba(0, 0, 0, .65)", 4], ["#fff", 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = width * ratio;
    context.beginPath();
    context.moveTo(line, frame.y);
    context.lineTo(line, frame.y + frame.height);
    context.stroke();
  }
  context.fillStyle = "#fff";
  context.strokeStyle = "rgba(0, 0, 0, .65)";
  context.lineWidth = ratio;
  context.beginPath();
  context.arc(line, middle, radius, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  context.strokeStyle = "#222";
  context.lineWidth = 1.6 * ratio;
  for (const side of [-1, 1]) {
    context.beginPath();
    context.moveTo(line + side * 3 * ratio, middle - 4 * ratio);
    context.lineTo(line + side * 7 * ratio, middle);
    context.lineTo(line + side * 3 * ratio, middle + 4 * ratio);
    context.stroke();
  }
  context.restore();
}

// Write a name on a picture, readable on any: in a dark box at the top of a frame, to the left or the right.
function drawName(context, name, frame, ratio, side = "left") {
  context.save();
  context.font = `${13 * ratio}px system-ui, sans-serif`;
  const room = Math.max(0, frame.width - 8 * ratio), pad = 6 * ratio;
  let text = name;
  while (text.length > 2 && context.measureText(text).width + 2 * pad > room) text = `${text.slice(0, -2)}…`;
  const width = context.measureText(text).width + 2 * pad, height = 22 * ratio;
  if (width <= room) {
    const x = side === "left" ? frame.x + 4 * ratio : frame.x + frame.width - width - 4 * ratio;
    context.fillStyle = "rgba(0, 0, 0, .72)";
    context.fillRect(x, frame.y + 4 * ratio, width, height);
    context.fillStyle = "#fff";
    context.textBaseline = "middle";
    context.fillText(text, x + pad, frame.y + 4 * ratio + height / 2);
  }
  context.restore();
}
