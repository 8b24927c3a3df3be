// Where a picture lies on the screen. A view is { zoom, x, y }: screen pixels for each pixel of the picture, and the
// point of the picture, in its pixels, that lies in the middle of the frame. Frames are rectangles of screen pixels,
// those of the device, so that a zoom of 1 is one pixel for one.
const LARGEST_ZOOM = 64;

// The largest zoom at which a whole picture fits into a frame, and all of its pixels are equally large.
function fittingZoom(size, frame) {
  const fit = Math.min(frame.width / size.width, frame.height / size.height);
  return fit >= 1 ? Math.floor(fit) : fit;
}

// The view of a whole picture in a frame.
function fittingView(size, frame) {
  return { zoom: fittingZoom(size, frame), x: size.width / 2, y: size.height / 2 };
}

// A zoom at which all pixels of a picture are equally large: a whole number from 1 on.
function wholeZoom(zoom) {
  return Math.min(LARGEST_ZOOM, zoom < 1 ? zoom : Math.round(zoom));
}

// The next larger (direction 1) or smaller (-1) zoom; the smallest is the one that fits.
function nextZoom(zoom, direction, fit) {
  const steps = [0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64].filter((step) => step > fit * 1.001);
  if (direction > 0) return steps.find((step) => step > zoom * 1.001) ?? Math.max(zoom, fit);
  return steps.reverse().find((step) => step < zoom * 0.999) ?? fit;
}

// The point of the picture that lies under a point of the frame, and the other way round.
function pictureAt(view, frame, point) {
  const origin = originOf(view, frame);
  return { x: (point.x - origin.x) / view.zoom, y: (point.y - origin.y) / view.zoom };
}
function screenAt(view, frame, point) {
  const origin = originOf(view, frame);
  return { x: origin.x + point.x * view.zoom, y: origin.y + point.y * view.zoom };
}

// The place of the picture's first pixel: whole screen pixels, so that edges stay sharp.
function originOf(view, frame) {
  return {
    x: Math.round(frame.x + frame.width / 2 - view.x * view.zoom),
    y: Math.round(frame.y + frame.height / 2 - view.y * view.zoom),
  };
}

// The view at another zoom in which the point of the picture under a point of the frame stays there.
function zoomedAt(view, frame, point, zoom) {
  const fixed = pictureAt(view, frame, point);
  const x = fixed.x + (frame.x + frame.width / 2 - point.x) / zoom;
  const y = fixed.y + (frame.y + frame.height / 2 - point.y) / zoom;
  return { zoom, x, y };
}

// The view moved by screen pixels.
function pannedBy(view, dx, dy) {
  return { ...view, x: view.x - dx / view.zoom, y: view.y - dy / view.zoom };
}

// The view with the picture kept in the frame: centred along a side on which it fits.
function keptInside(view, size, frame) {
  const along = (centre, length, room) => {
    const half = room / view.zoom / 2;
    return length <= 2 * half ? length / 2 : Math.min(length - half, Math.max(half, centre));
  };
  return { zoom: view.zoom, x: along(view.x, size.width, frame.width), y: along(view.y, size.height, frame.height) };
}
