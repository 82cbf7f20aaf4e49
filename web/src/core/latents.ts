// z of a seed, and points in words: dcgan/latents.py, number for number. tests/e2e/test_parity.py holds both together.

export type Distribution = "uniform" | "normal";
export type Saved = (name: string) => Float32Array | undefined;

export const MAX_SEED = Number.MAX_SAFE_INTEGER;
export const MAX_WEIGHT = 1_000_000;
export const NOISE = 0.25; // Radford et al., section 6.3.2: neighbours differ by U(-0.25, 0.25)

/** weight * the mean of some seeds, or weight * a saved point. */
export interface Term {
  weight: number;
  of: number[] | string;
}

/** Weighted seeds: what the page, a URL and the command line mean by one picture. */
export interface Point {
  terms: Term[];
  noise: number[];
  label: number | null;
}

/** What a person can put right: a sentence. */
export class UserError extends Error {}

// Philox4x32-10 (Salmon et al., 2011) with 32-bit integers and doubles alone.

/** 32 x 32 bits -> the high 32, in 16-bit halves; the low ones are Math.imul's. */
function high(a: number, b: number): number {
  const [a1, a0, b1, b0] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const other = a0 * b1 + (middle & 0xffff);
  return (a1 * b1 + Math.floor(middle / 65536) + Math.floor(other / 65536)) >>> 0;
}

function philox(i: number, stream: number, low: number, top: number): [number, number, number, number] {
  let [a, b, c, d] = [i, stream, 0, 0];
  for (let round = 0; round < 10; round++) {
    const [p1, p0] = [high(0xd2511f53, a), Math.imul(0xd2511f53, a) >>> 0];
    const [q1, q0] = [high(0xcd9e8d57, c), Math.imul(0xcd9e8d57, c) >>> 0];
    [a, b, c, d] = [(q1 ^ b ^ low) >>> 0, q0, (p1 ^ d ^ top) >>> 0, p0];
    low = (low + 0x9e3779b9) >>> 0;
    top = (top + 0xbb67ae85) >>> 0;
  }
  return [a, b, c, d];
}

/** z of a seed: uniform on [-1, 1], or standard normal by Box-Muller. */
export function draw(seed: number, size: number, distribution: Distribution = "uniform", stream = 0): Float32Array {
  const u = new Float64Array(Math.ceil(size / 4) * 4);
  for (let i = 0; i < u.length; i += 4) {
    const words = philox(i / 4, stream, seed % 2 ** 32, Math.floor(seed / 2 ** 32));
    for (let j = 0; j < 4; j++) u[i + j] = (words[j]! + 0.5) / 2 ** 32;
  }
  const z = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    if (distribution === "uniform") z[i] = 2 * u[i]! - 1;
    else {
      const even = i - (i % 2);
      const [radius, angle] = [Math.sqrt(-2 * Math.log(u[even]!)), 2 * Math.PI * u[even + 1]!];
      z[i] = radius * (i % 2 ? Math.sin(angle) : Math.cos(angle));
    }
  }
  return z;
}

const TOKEN =
  /\s*(?:(?<sign>[+-])|~(?<noise>\d+)|@(?<label>\d+)|(?:(?<weight>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)\s*\*\s*)?(?:#(?<name>[\p{L}\p{N}_.-]*[\p{L}\p{N}_])|(?<seeds>\d+(?:\s*,\s*\d+)*))(?![\p{L}\p{N}_.*]))/uy;

/** Read a point from words; a UserError names the place where they stop making sense. */
export function parse(words: string): Point {
  const [terms, noise]: [Term[], number[]] = [[], []];
  let label: number | null = null;
  let sign: string | undefined;
  let at = 0;
  const text = words.trimEnd();
  const unreadable = () => {
    const rest = text.slice(at).trim();
    return new UserError(
      `${rest ? `cannot read “${rest}”` : "it ends too soon"}; write seeds with weights, like 17, 0.5*12 + 0.5*40 or +12,40,77 -3,9,31`,
    );
  };
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text)?.groups;
    if (!found || (sign && !(found.name || found.seeds))) throw unreadable();
    if (found.sign) sign = found.sign;
    else if (found.noise) noise.push(whole(found.noise, "a seed"));
    else if (found.label) {
      if (label !== null) throw new UserError("it names two classes; keep one @CLASS");
      label = whole(found.label, "a class");
    } else {
      if (terms.length && !sign) {
        throw new UserError("two terms with no sign between them; write + or -, or a comma for the mean of a group");
      }
      const weight = Number(found.weight ?? 1) * (sign === "-" ? -1 : 1);
      if (Math.abs(weight) > MAX_WEIGHT) throw new UserError(`a weight is at most ${MAX_WEIGHT.toLocaleString("en")}`);
      terms.push({ weight, of: found.name ?? found.seeds!.split(",").map((seed) => whole(seed, "a seed")) });
      sign = undefined;
    }
    at = TOKEN.lastIndex;
  }
  if (sign || !terms.length) throw unreadable();
  return { terms, noise, label };
}

function whole(digits: string, what: string): number {
  const value = Number(digits.trim());
  if (value > MAX_SEED)
    throw new UserError(`${what} is a whole number from 0 to ${MAX_SEED}, and ${digits.trim()} is above it`);
  return value;
}

/** The words of a point; they parse to the same point. */
export function format(point: Point): string {
  const words = point.terms.map(({ weight, of }, i) => {
    const sign = weight < 0 ? "-" : i ? "+" : "";
    const size = Math.abs(weight);
    return sign + (size === 1 ? "" : `${size}*`) + (typeof of === "string" ? `#${of}` : of.join(","));
  });
  words.push(...point.noise.map((seed) => `~${seed}`));
  if (point.label !== null) words.push(`@${point.label}`);
  return words.join(" ");
}

export const seedPoint = (seed: number, label: number | null = null): Point => ({
  terms: [{ weight: 1, of: [seed] }],
  noise: [],
  label,
});

/** The first seed it names: what a conditional run takes its class from when none is given. */
export function firstSeed(point: Point): number {
  for (const { of } of point.terms) if (typeof of !== "string") return of[0]!;
  return 0;
}

/** The class that a conditional run draws. */
export const labelOf = (point: Point, classes: number): number => point.label ?? firstSeed(point) % classes;

/** `#z.12` is the unit vector of latent number 12, `#n.7` the noise that ~7 adds: every run has them. */
export function builtIn(name: string, size: number): Float32Array | undefined {
  const found = /^([zn])\.(\d+)$/.exec(name);
  if (!found) return undefined;
  const number = Number(found[2]);
  if (found[1] === "n") return draw(number, size, "uniform", 1).map((value) => NOISE * value);
  if (number >= size)
    throw new UserError(`#${name}: this run's latents have ${size} numbers, from #z.0 to #z.${size - 1}`);
  const z = new Float32Array(size);
  z[number] = 1;
  return z;
}

/** The point's z, summed in double precision and rounded once. */
export function resolve(point: Point, size: number, distribution: Distribution, saved: Saved): Float32Array {
  const z = new Float64Array(size);
  for (const { weight, of } of point.terms) {
    if (typeof of === "string") {
      const held = builtIn(of, size) ?? saved(of);
      if (!held) throw new UserError(`#${of} is not saved in this run`);
      for (let i = 0; i < size; i++) z[i]! += weight * held[i]!;
    } else {
      const mean = new Float64Array(size);
      for (const seed of of) {
        const one = seedLatent(seed, size, distribution);
        for (let i = 0; i < size; i++) mean[i]! += one[i]!;
      }
      for (let i = 0; i < size; i++) z[i]! += weight * (mean[i]! / of.length);
    }
  }
  for (const seed of point.noise) {
    const one = draw(seed, size, "uniform", 1);
    for (let i = 0; i < size; i++) z[i]! += NOISE * one[i]!;
  }
  return Float32Array.from(z);
}

// Dragging asks for the same few seeds at every move.
const kept = new Map<string, Float32Array>();

function seedLatent(seed: number, size: number, distribution: Distribution): Float32Array {
  const key = `${distribution} ${size} ${seed}`;
  let z = kept.get(key);
  if (!z) {
    if (kept.size > 500) kept.clear();
    kept.set(key, (z = draw(seed, size, distribution)));
  }
  return z;
}
