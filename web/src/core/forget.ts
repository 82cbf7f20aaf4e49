// Which maps draw what lies in some boxes: Radford et al., section 6.3.1, in the browser.
// "Activations inside the drawn bounding boxes are positives and random samples from the same images are negatives";
// logistic regression on the maps; "all feature maps with weights greater than zero were dropped".

/** A box on a picture; all four between 0 and 1. */
export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** One sample: its maps [maps, h, w], and the boxes drawn on it; none say that it shows nothing of the kind. */
export interface Shown {
  maps: Float32Array;
  boxes: Box[];
}

const PENALTY = 1e-3;
const ROUNDS = 800;

/** Maps by how much they draw what is in the boxes, most first: those with weights above zero. */
export function find(samples: Shown[], maps: number, height: number, width: number): { map: number; weight: number }[] {
  const [rows, labels] = places(samples, maps, height, width);
  if (!labels.includes(1) || !labels.includes(0)) return [];
  const scale = scaled(rows, maps);
  const weights = fit(rows, labels, maps);
  return Array.from(weights, (weight, map) => ({ map, weight: scale[map] ? weight : 0 }))
    .filter(({ weight }) => weight > 1e-9)
    .sort((a, b) => b.weight - a.weight);
}

/** How many of the maps to begin with, heaviest first: those that carry half of the weight. */
export function enough(found: { weight: number }[]): number {
  const total = found.reduce((sum, { weight }) => sum + weight, 0);
  let carried = 0;
  return found.findIndex(({ weight }) => (carried += weight) >= total / 2) + 1;
}

/** Every place inside a box; outside, evenly spread ones, at most four times as many. [places][maps] */
function places(samples: Shown[], maps: number, height: number, width: number): [Float64Array[], number[]] {
  const inside: Float64Array[] = [];
  const outside: Float64Array[] = [];
  for (const sample of samples) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const row = new Float64Array(maps + 1);
        for (let m = 0; m < maps; m++) row[m] = sample.maps[(m * height + y) * width + x]!;
        row[maps] = 1; // the bias
        const hit = sample.boxes.some((box) =>
          covers(box, (x + 0.5) / width, (y + 0.5) / height, 0.5 / width, 0.5 / height),
        );
        (hit ? inside : outside).push(row);
      }
    }
  }
  const step = Math.max(1, Math.floor(outside.length / (4 * inside.length)));
  const taken = outside.filter((_, i) => i % step === 0);
  return [
    [...inside, ...taken],
    [...inside.map(() => 1), ...taken.map(() => 0)],
  ];
}

/** Whether a place's middle is in the box; a box smaller than a place covers the one it lies in. */
function covers(box: Box, x: number, y: number, halfX: number, halfY: number): boolean {
  const reachX = Math.max(box.w / 2, halfX);
  const reachY = Math.max(box.h / 2, halfY);
  return Math.abs(box.x + box.w / 2 - x) <= reachX && Math.abs(box.y + box.h / 2 - y) <= reachY;
}

/** Each map less its mean, in units of its deviation, so that weights compare; one that never changes stays 0. */
function scaled(rows: Float64Array[], maps: number): Float64Array {
  const scale = new Float64Array(maps);
  for (let m = 0; m < maps; m++) {
    let [sum, squares] = [0, 0];
    for (const row of rows) {
      sum += row[m]!;
      squares += row[m]! ** 2;
    }
    const mean = sum / rows.length;
    const variance = squares / rows.length - mean ** 2;
    scale[m] = variance > 1e-12 * squares ? 1 / Math.sqrt(variance) : 0;
    for (const row of rows) row[m] = (row[m]! - mean) * scale[m]!;
  }
  return scale;
}

/** Logistic regression, both classes weighing the same, by accelerated gradient steps of the largest safe length. */
function fit(rows: Float64Array[], labels: number[], maps: number): Float64Array {
  const size = maps + 1;
  const positives = labels.filter(Boolean).length;
  const each = labels.map((label) => 0.5 / (label ? positives : labels.length - positives));
  const rate = 1 / (curvature(rows, each, size) + PENALTY);
  let weights = new Float64Array(size);
  let before = weights;
  for (let round = 0; round < ROUNDS; round++) {
    const ahead = weights.map((w, m) => w + (round / (round + 3)) * (w - before[m]!));
    const gradient = ahead.map((w, m) => (m < maps ? PENALTY * w : 0));
    rows.forEach((row, i) => {
      const error = each[i]! * (1 / (1 + Math.exp(-dot(row, ahead))) - labels[i]!);
      for (let m = 0; m < size; m++) gradient[m]! += error * row[m]!;
    });
    before = weights;
    weights = ahead.map((w, m) => w - rate * gradient[m]!);
  }
  return weights.subarray(0, maps);
}

/** The largest that the loss curves anywhere: a quarter of the rows' largest second moment, by power iteration. */
function curvature(rows: Float64Array[], each: number[], size: number): number {
  let direction = new Float64Array(size).fill(1 / Math.sqrt(size));
  let largest = 0;
  for (let round = 0; round < 30; round++) {
    const next = new Float64Array(size);
    rows.forEach((row, i) => {
      const along = each[i]! * dot(row, direction);
      for (let m = 0; m < size; m++) next[m]! += along * row[m]!;
    });
    largest = Math.sqrt(dot(next, next));
    direction = next.map((value) => value / (largest || 1));
  }
  return (1.1 * largest) / 4; // it comes from below
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
