// Points out of points: weighted sums, means, walks. Everything stays words, so that the command draws it too.
import { type Distribution, type Point, type Term, labelOf, parse, resolve, type Saved } from "./latents";

export const rounded = (value: number) => Math.round(value * 1000) / 1000;

/** A sum of points, each with its weight. Noise has no weight of its own in words: beside another weight, ~7 is #n.7. */
export function combine(parts: { point: Point; weight: number }[]): Point {
  const terms: Term[] = [];
  const noise: number[] = [];
  let label: number | null = null;
  for (const { point, weight } of parts) {
    if (!weight) continue;
    for (const term of point.terms) add(terms, term.weight * weight, term.of);
    for (const seed of point.noise) {
      if (weight === 1) noise.push(seed);
      else add(terms, weight, `n.${seed}`);
    }
    label ??= point.label;
  }
  return { terms: terms.length ? terms : [{ weight: 0, of: [0] }], noise, label };
}

function add(terms: Term[], weight: number, of: Term["of"]): void {
  const same = terms.find((term) => String(term.of) === String(of) && typeof term.of === typeof of);
  if (same) same.weight = tidy(same.weight + weight);
  else terms.push({ weight: tidy(weight), of });
}

const tidy = (value: number) => Number(value.toPrecision(6)); // 0.1 + 0.2 reads as 0.3

/** The mean of points: plain seeds become a group, as in +12,40,77. */
export function mean(points: Point[]): Point {
  if (points.every(isSeed)) {
    const label = points.find((point) => point.label !== null)?.label ?? null;
    return {
      terms: [{ weight: 1, of: points.map((point) => (point.terms[0]!.of as number[])[0]!) }],
      noise: [],
      label,
    };
  }
  return combine(points.map((point) => ({ point, weight: 1 / points.length })));
}

export const isSeed = (point: Point): boolean =>
  point.terms.length === 1 &&
  point.terms[0]!.weight === 1 &&
  typeof point.terms[0]!.of !== "string" &&
  point.terms[0]!.of.length === 1 &&
  point.noise.length === 0;

/** Weights of 1 to 4 corners at a place of the square [0, 1] x [0, 1]: a line, a triangle (its tip below), a square. */
export function weights(corners: number, x: number, y: number): number[] {
  switch (corners) {
    case 1:
      return [1];
    case 2:
      return [1 - x, x];
    case 3: {
      // barycentric: (0,0), (1,0), (0.5,1); a place outside is brought to the nearest edge
      const tip = Math.min(1, Math.max(0, y));
      const right = Math.min(1 - tip, Math.max(0, x - tip / 2));
      return [1 - tip - right, right, tip];
    }
    default:
      return [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
  }
}

/** A place between points. Normal latents keep their length on the way: a line's middle would be a dull average. */
export function between(points: Point[], at: number[], distribution: Distribution): Point {
  const length = distribution === "normal" ? Math.sqrt(at.reduce((sum, w) => sum + w * w, 0)) || 1 : 1;
  return combine(points.map((point, i) => ({ point, weight: rounded(at[i]! / length) })));
}

/** From a (included) to b (left out): a line, or an arc where z is normal, as `walk` of dcgan/latents.py. */
export function walk(
  a: Point,
  b: Point,
  steps: number,
  distribution: Distribution,
  size: number,
  saved: Saved,
): Point[] {
  const [p, q] = [resolve(a, size, distribution, saved), resolve(b, size, distribution, saved)];
  const lengths = norm(p) * norm(q);
  const angle = lengths ? Math.acos(Math.min(1, Math.max(-1, dot(p, q) / lengths))) : 0;
  const arc = distribution === "normal" && Math.sin(angle) >= 1e-6;
  return Array.from({ length: steps }, (_, i) => {
    const t = i / steps;
    const [from, to] = arc
      ? [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)]
      : [1 - t, t];
    return combine([
      { point: a, weight: rounded(from) },
      { point: b, weight: rounded(to) },
    ]);
  });
}

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const norm = (a: Float32Array) => Math.sqrt(dot(a, a));

/** #names that stand for other words, written out: what is left are names that the run itself holds. The class stays what
 * it was: that of the first seed of the words as they stand, not of those inside a name. */
export function expand(point: Point, names: Record<string, string>, classes: number): Point {
  const parts: { point: Point; weight: number }[] = [];
  for (const { weight, of } of point.terms) {
    const words = typeof of === "string" ? names[of] : undefined;
    parts.push(
      words === undefined
        ? { point: { terms: [{ weight, of }], noise: [], label: null }, weight: 1 }
        : { point: { ...expand(parse(words), names, classes), label: null }, weight },
    );
  }
  const made = combine(parts);
  const whole = { terms: made.terms, noise: [...made.noise, ...point.noise], label: point.label };
  const label = classes ? labelOf(point, classes) : null;
  return label === null || labelOf(whole, classes) === label ? whole : { ...whole, label };
}
