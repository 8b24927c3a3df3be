// What pointers do on a stage: one drags, two pinch, a wheel zooms. The stage is told by `on`:
// on.point(point), on.leave(), on.grab(point) -> true where a line is taken, on.line(point), on.pan(dx, dy),
// on.pinch(point, factor), on.wheel(point, direction), on.toggle(point). Points are screen pixels of the device.
function followPointers(element, on) {
  const held = new Map();
  let line = false, moved = false, last = null;
  const pointOf = (event) => {
    const box = element.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    return { x: (event.clientX - box.left) * ratio, y: (event.clientY - box.top) * ratio };
  };
  const spread = () => {
    const [a, b] = [...held.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, length: Math.hypot(a.x - b.x, a.y - b.y) };
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    held.set(event.pointerId, pointOf(event));
    line = held.size === 1 && on.grab(pointOf(event), event.pointerType === "touch");
    moved = held.size > 1;
    on.point(pointOf(event));
  });
  element.addEventListener("pointermove", (event) => {
    const point = pointOf(event), before = held.get(event.pointerId);
    if (!before) return on.point(point);
    if (line) on.line(point);
    else if (held.size === 2) {
      const old = spread();
      held.set(event.pointerId, point);
      const now = spread();
      on.pan(now.x - old.x, now.y - old.y);
      if (old.length > 0) on.pinch(now, now.length / old.length);
    } else on.pan(point.x - before.x, point.y - before.y);
    moved ||= Math.hypot(point.x - before.x, point.y - before.y) > 3;
    held.set(event.pointerId, point);
  });
  const release = (event) => {
    if (!held.delete(event.pointerId) || held.size) return;
    const quick = !moved && !line && event.type === "pointerup";
    // Two taps or clicks at one place, soon after each other.
    const point = pointOf(event), near = last && Math.hypot(point.x - last.x, point.y - last.y) < 24;
    if (quick && near && event.timeStamp - last.time < 400) {
      on.toggle(point);
      last = null;
    } else last = quick ? { ...point, time: event.timeStamp } : null;
    on.rest();
    line = false;
  };
  element.addEventListener("pointerup", release);
  element.addEventListener("pointercancel", release);
  element.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && !held.size && on.leave());
  // The wheel scrolls the page, until the stage is in use.
  element.addEventListener(
    "wheel",
    (event) => {
      if (document.activeElement !== element && !event.ctrlKey) return;
      event.preventDefault();
      if (event.deltaY) on.wheel(pointOf(event), event.deltaY < 0 ? 1 : -1);
    },
    { passive: false },
  );
}
