// The pixels behind a light table: from the page where it holds them, else from the study's folder beside it.
// What is shown is { method, epoch, upsampler, zoom }; what comes back is a source of light_draw.js, or { loading },
// or { missing }, which says in words why there is nothing to see.
const REMEMBERED = 120;  // pictures in memory
const ELSEWHERE = "This page does not hold the picture, and the study's folder is not beside it";
const LOCKED = "A browser computes with files beside a page only if a server gives them: python -m http.server";

class Pictures {
  constructor(data, changed) {
    this.data = data;
    this.changed = changed;
    this.images = new Map();
    this.made = new Map();
  }

  // Whether there is a picture of it: in the page, or as a file of the study.
  exists(shown, picture) {
    return Boolean(this.address(shown, picture));
  }

  source(shown, picture, boxes) {
    const image = this.image(shown, picture);
    if (!(image instanceof Image)) return image;
    const full = this.data.pictures[picture];
    if (shown.upsampler) {
      const mosaic = this.mosaic(shown, picture, image, boxes, full);
      return mosaic.missing ? mosaic : { image: mosaic, width: mosaic.width, height: mosaic.height };
    }
    const size = imageSize(image), scale = shown.method.scale;
    // A low-resolution picture covers what it was made from, which need not be a multiple of its pixels.
    const covers = (small, whole) => (scale === 1 ? small : Math.abs(small * scale - whole) < scale ? whole : small * scale);
    return { image, width: covers(size.width, full.width), height: covers(size.height, full.height) };
  }

  // Start loading, so that it is there when it is shown.
  prepare(shown, picture) {
    return this.image(shown, picture);
  }

  image(shown, picture) {
    const address = this.address(shown, picture);
    if (!address) {
      const { name, epochs } = shown.method;
      const why = epochs.length ? "the study keeps none (render.keep), or has not made it yet" : "it, or what it is made from, is gone";
      return { missing: `No picture of ${name}${epochs.length ? ` at epoch ${shown.epoch}` : ""}: ${why}` };
    }
    if (!this.images.has(address)) {
      const image = new Image();
      image.decoding = "async";
      const entry = { image, state: "loading" };
      const end = (state) => () => {
        entry.state = state;
        this.changed();
      };
      image.addEventListener("load", end("ready"));
      image.addEventListener("error", end("missing"));
      image.src = address;
      this.images.set(address, entry);
      for (const old of [...this.images.keys()].slice(0, -REMEMBERED)) this.images.delete(old);
    }
    const entry = this.images.get(address);
    if (entry.state === "ready") return entry.image;
    return entry.state === "loading" ? { loading: true } : { missing: ELSEWHERE };
  }

  address(shown, picture) {
    const { method } = shown, epoch = method.epochs.length ? shown.epoch : 0;
    const view = shown.upsampler ? `zoom_${shown.zoom}` : "full";
    const held = this.data.held[`${method.key}|${epoch}|${view}|${picture}`];
    if (held) return `data:image/png;base64,${held}`;
    const files = method.files[`${epoch}|${view}`], { set, file } = this.data.pictures[picture];
    if (files !== 1 && !files?.includes(picture)) return null;
    const base = method.bases[set].replace("{epoch}", String(epoch).padStart(4, "0"));
    const folder = view === "full" ? set : `${view}/${set}`;
    return `${this.data.bases[method.study]}${base}/${folder}/${file}.png`;
  }

  // The regions of a picture, each enlarged on its own from its part of the small picture, as they were scored.
  mosaic(shown, picture, image, boxes, full) {
    const sizes = [...new Set(boxes.map((box) => `${box.width}x${box.height}`))].join();
    const key = [shown.method.key, shown.epoch, shown.upsampler, shown.zoom, picture, sizes].join("|");
    if (!this.made.has(key)) {
      try {
        this.made.set(key, enlargedRegions(image, shown, boxes, full));
      } catch (error) {
        if (error.name !== "SecurityError") throw error;
        return { missing: LOCKED };
      }
      for (const old of [...this.made.keys()].slice(0, -12)) this.made.delete(old);
    }
    return this.made.get(key);
  }
}

function enlargedRegions(image, shown, boxes, full) {
  const small = imageSize(image), { zoom, upsampler, method } = shown;
  const canvas = Object.assign(document.createElement("canvas"), { width: full.width, height: full.height });
  const target = canvas.getContext("2d");
  const put = (made, x, y) => target.putImageData(new ImageData(made.data, made.width, made.height), x, y);
  if (method.kind === "direct") {
    const multiple = zoom * method.multiple, [height, width] = [full.height, full.width].map((side) => side - (side % multiple));
    put(enlarged(readPixels(image, 0, 0, small.width, small.height), height, width, upsampler), 0, 0);
    return canvas;
  }
  for (const box of boxes) {
    const [x, y, width, height] = [box.x, box.y, box.width, box.height].map((side) => Math.floor(side / zoom));
    put(enlarged(readPixels(image, x, y, width, height), box.height, box.width, upsampler), box.x, box.y);
  }
  return canvas;
}

// The pixels of a part of a picture. Raises SecurityError for a file that the browser shows but does not give away.
function readPixels(image, x, y, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, -x, -y);
  return context.getImageData(0, 0, width, height);
}

// The absolute difference of two sources, band by band, in pixels of the full size; drawn, so that no pixel is read.
function differenceOf(a, b) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.min(a.width, b.width);
  canvas.height = Math.min(a.height, b.height);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(a.image, 0, 0, a.width, a.height);
  context.globalCompositeOperation = "difference";
  context.drawImage(b.image, 0, 0, b.width, b.height);
  context.globalCompositeOperation = "destination-in";  // where one shows nothing, there is no difference
  for (const each of [a, b]) context.drawImage(each.image, 0, 0, each.width, each.height);
  return { image: canvas, width: canvas.width, height: canvas.height };
}
