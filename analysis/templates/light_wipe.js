// wipe(element, left, right): two pictures of one scene in one frame, and a line between them that is dragged or moved
// by keys. left and right are { image, name }: an image element or its address; the smaller is stretched over the larger.
// `part` shows a rectangle { x, y, width, height } of the larger alone.
// Returns { set(share) }, which moves the line: 0 is the left edge, 1 the right one.
function wipe(element, left, right, part = null) {
  const canvas = document.createElement("canvas"), slider = document.createElement("input");
  canvas.className = "wipe-picture";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${left.name} on the left, ${right.name} on the right`);
  Object.assign(slider, { type: "range", min: 0, max: 1000, value: 500, className: "wipe-slider" });
  slider.setAttribute("aria-label", `Line between ${left.name} and ${right.name}`);
  element.append(canvas, slider);

  const sides = [left, right].map((side) => ({ image: imageOf(side.image) }));
  const ready = (side) => side.image.complete && side.image.naturalWidth > 0;
  let shaped = false;

  function draw() {
    const known = sides.filter(ready).map((side) => imageSize(side.image)).sort((a, b) => b.width - a.width);
    if (!known.length) return;
    const full = known[0], shown = part ?? { x: 0, y: 0, ...full };
    for (const side of sides) Object.assign(side, full);
    if (!shaped) Object.assign(canvas, { width: shown.width, height: shown.height });  // its shape, before it is measured
    shaped = true;
    const ratio = window.devicePixelRatio || 1, width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    Object.assign(canvas, { width, height: Math.max(1, Math.round((width * shown.height) / shown.width)) });
    const context = canvas.getContext("2d");
    const frame = { x: 0, y: 0, width: canvas.width, height: canvas.height };
    const zoom = canvas.width / shown.width;
    const view = { zoom, x: shown.x + shown.width / 2, y: shown.y + shown.height / 2 };
    const [first, second] = sides.map((side) => (ready(side) ? side : null));
    const line = drawWipe(context, first, second, frame, view, slider.value / 1000);
    drawLine(context, line, frame, ratio);
    drawName(context, left.name, { ...frame, width: line }, ratio);
    drawName(context, right.name, { ...frame, x: line, width: frame.width - line }, ratio, "right");
  }

  function set(share) {
    slider.value = Math.round(1000 * Math.min(1, Math.max(0, share)));
    draw();
  }
  const follow = (event) => {
    const box = canvas.getBoundingClientRect();
    set((event.clientX - box.left) / box.width);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    follow(event);
  });
  canvas.addEventListener("pointermove", (event) => canvas.hasPointerCapture(event.pointerId) && follow(event));
  slider.addEventListener("input", draw);
  for (const side of sides) side.image.addEventListener("load", draw);
  new ResizeObserver(draw).observe(element);
  draw();
  return { set };
}

function imageOf(image) {
  if (image instanceof Image) return image;
  const made = new Image();
  made.src = image;
  return made;
}
