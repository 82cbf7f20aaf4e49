// What is known of each run, put together from the live line's messages (src/dcgan/studio/live.py says their shape).

export interface Brief {
  name: string;
  status: "training" | "starting" | "finished" | "stopped" | "imported" | "damaged";
  trouble: string | null;
  data?: string;
  preset?: string;
  size?: [number, number]; // height, width
  loss?: string;
  step?: number;
  saved?: number;
  steps?: number | null;
  minutes?: number | null;
  fraction?: number | null;
  seconds?: number;
  images_per_s?: number | null;
  left?: number | null;
  origin?: string | null;
  reported?: number | null;
  goes_on?: boolean;
  sample?: [number, number] | null; // step, version
}

export type Numbers = (number | null)[];
export interface Column {
  mean: Numbers;
  low?: Numbers;
  high?: Numbers;
}
export type CurveName = "loss_D" | "loss_G" | "D_x" | "D_Gz" | "images_per_s" | "score";

/** Points over steps; each of them may stand for several lines of the log. */
export class Points {
  step: number[] = [];
  columns: Partial<Record<CurveName, Required<Column>>> = {};

  take(part: PointsPart): void {
    const start = part.from; // what stood from there on has changed, or is new
    this.step.splice(start, Infinity, ...part.step);
    for (const name of ["loss_D", "loss_G", "D_x", "D_Gz", "images_per_s", "score"] as const) {
      const given = part[name];
      if (!given) continue;
      const column = (this.columns[name] ??= { mean: [], low: [], high: [] });
      for (const side of ["mean", "low", "high"] as const)
        column[side].splice(start, Infinity, ...(given[side] ?? given.mean));
    }
  }
}

export interface PointsPart extends Partial<Record<CurveName, Column>> {
  from: number;
  step: number[];
}

export interface Finding {
  step: number;
  name: string;
  words: string;
}

export interface Score {
  step: number;
  score: number;
  metric: string;
}

export interface RunMessage {
  run: string;
  gone?: boolean;
  curves?: PointsPart;
  scores?: PointsPart;
  samples?: { from: number; steps: number[]; versions: number[] };
  findings?: Finding[];
  metric?: string | null;
  best?: Score | null;
}

export class Run {
  brief?: Brief;
  gone = false;
  heard = false; // whether anything came yet
  curves = new Points();
  scores = new Points();
  samples = { steps: [] as number[], versions: [] as number[] };
  findings: Finding[] = [];
  metric: string | null = null;
  best: Score | null = null;

  constructor(readonly name: string) {}

  take(message: RunMessage): void {
    this.heard = true;
    this.gone = message.gone ?? false;
    if (message.curves) this.curves.take(message.curves);
    if (message.scores) this.scores.take(message.scores);
    if (message.samples) {
      const { from, steps, versions } = message.samples;
      this.samples.steps.splice(from, Infinity, ...steps);
      this.samples.versions.splice(from, Infinity, ...versions);
    }
    if (message.findings) this.findings = message.findings;
    if (message.metric !== undefined) this.metric = message.metric;
    if (message.best !== undefined) this.best = message.best;
  }

  /** The sheet that this run had drawn by then: its number, or -1 before the first. */
  sheetAt(step: number): number {
    return last(this.samples.steps, step);
  }
}

/** Where in a rising list the last value stands that is not above `bound`; -1 if all are. */
export function last(rising: readonly number[], bound: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle]! <= bound) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** All steps at which one of these runs drew a sheet, rising. */
export function moments(runs: readonly Run[]): number[] {
  const [first, ...others] = runs;
  if (!first) return [];
  if (!others.length) return first.samples.steps;
  return [...new Set(runs.flatMap((run) => run.samples.steps))].sort((a, b) => a - b);
}

/** As many points as a plot can show: lowest, mean and highest of each of up to `most` stretches between two steps.
 *  Stretches are as many steps long in each run, a power of two, so that runs compare and a curve that grows keeps its
 *  shape. */
export function binned(points: Points, name: CurveName, most: number, from: number, to: number) {
  const column = points.columns[name];
  const drawn = { step: [] as number[], mean: [] as Numbers, low: [] as Numbers, high: [] as Numbers };
  if (!column) return drawn;
  const wide = 2 ** Math.max(0, Math.ceil(Math.log2((to - from) / most)));
  const end = Math.min(points.step.length, last(points.step, to) + 2); // one beyond each edge, for the line to it
  let i = Math.max(0, last(points.step, from));
  while (i < end) {
    const stretch = Math.floor(points.step[i]! / wide);
    let [sum, count, low, high, steps, lines] = [0, 0, Infinity, -Infinity, 0, 0];
    for (; i < end && Math.floor(points.step[i]! / wide) === stretch; i++) {
      steps += points.step[i]!;
      lines++;
      const value = column.mean[i];
      if (value == null) continue;
      sum += value;
      count++;
      low = Math.min(low, column.low[i] ?? value);
      high = Math.max(high, column.high[i] ?? value);
    }
    drawn.step.push(steps / lines);
    drawn.mean.push(count ? sum / count : null);
    drawn.low.push(count ? low : null);
    drawn.high.push(count ? high : null);
  }
  return drawn;
}

/** The value below which this share of them lies; null where there are none. */
export function quantile(values: Numbers, share: number): number | null {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  return known.length ? known[Math.min(known.length - 1, Math.floor(share * known.length))]! : null;
}
