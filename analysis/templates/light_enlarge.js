// The upsamplers of the study, computed in the browser: pixels { width, height, data } (RGBA, 8 bits) to a larger size.
// The same weights as srcnn/upsample.py: nearest, bilinear, bicubic and lanczos as Pillow has them, which cuts a
// kernel off at the border and rounds between its two passes; zero_stuffing with mirrored borders, rounded at the end.
const BESSEL_BETA = 5, SINC_RADIUS = 10;

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

// The modified Bessel function of order 0, by its series.
function bessel(x) {
  let term = 1, sum = 1;
  for (let k = 1; term > 1e-12 * sum; k++) sum += term *= (x / (2 * k)) ** 2;
  return sum;
}

const KERNELS = {
  bilinear: { radius: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    radius: 2,
    at: (x) => {
      const d = Math.abs(x);
      if (d < 1) return 1.5 * d ** 3 - 2.5 * d ** 2 + 1;
      return d < 2 ? -0.5 * d ** 3 + 2.5 * d ** 2 - 4 * d + 2 : 0;
    },
  },
  lanczos: { radius: 3, at: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
  zero_stuffing: {
    radius: SINC_RADIUS,
    mirrored: true,
    at: (x) => {
      const inside = 1 - (x / SINC_RADIUS) ** 2;
      return inside > 0 ? (sinc(x) * bessel(BESSEL_BETA * Math.sqrt(inside))) / bessel(BESSEL_BETA) : 0;
    },
  },
};

function enlarged(pixels, height, width, upsampler) {
  const taps = (size, length) => (upsampler === "nearest" ? nearestTaps : kernelTaps)(size, length, KERNELS[upsampler]);
  const rounds = upsampler !== "zero_stuffing";
  const across = taps(pixels.width, width), down = taps(pixels.height, height);
  const between = new (rounds ? Uint8ClampedArray : Float64Array)(width * pixels.height * 4);
  resample(pixels.data, between, across, pixels.height, (row, i) => 4 * (row * pixels.width + i), (row, i) => 4 * (row * width + i));
  const data = new Uint8ClampedArray(width * height * 4);  // which rounds, and clips to 0..255
  resample(between, data, down, width, (column, i) => 4 * (i * width + column), (column, i) => 4 * (i * width + column));
  return { width, height, data };
}

function resample(from, to, taps, lines, placeFrom, placeTo) {
  for (let line = 0; line < lines; line++) {
    taps.forEach((weights, i) => {
      const place = placeTo(line, i), sum = [0, 0, 0];
      for (const [source, weight] of weights) {
        const own = placeFrom(line, source);
        for (let band = 0; band < 3; band++) sum[band] += weight * from[own + band];
      }
      for (let band = 0; band < 3; band++) to[place + band] = sum[band];
      to[place + 3] = 255;
    });
  }
}

function nearestTaps(size, length) {
  return Array.from({ length }, (_, i) => [[Math.floor(((i + 0.5) * size) / length), 1]]);
}

// For each pixel of a line of `length` the pixels of one of `size` that make it, with their weights, which sum to one.
function kernelTaps(size, length, kernel) {
  return Array.from({ length }, (_, i) => {
    const centre = ((i + 0.5) * size) / length - 0.5, weights = new Map();
    for (let source = Math.ceil(centre - kernel.radius); source <= centre + kernel.radius; source++) {
      const weight = kernel.at(centre - source);
      const inside = kernel.mirrored ? mirror(source, size) : source;
      if (weight && inside >= 0 && inside < size) weights.set(inside, (weights.get(inside) ?? 0) + weight);
    }
    const sum = [...weights.values()].reduce((total, weight) => total + weight, 0);
    return [...weights].map(([source, weight]) => [source, weight / sum]);
  });
}

function mirror(place, size) {
  const period = ((place % (2 * size)) + 2 * size) % (2 * size);
  return period < size ? period : 2 * size - 1 - period;
}
