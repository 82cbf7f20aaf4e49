// All that the explorer shows, as one value, and that value as the words of an address.
import type { Off } from "../core/generator.ts";
import type { Box } from "../core/forget.ts";

export const TOOLS = ["grid", "plane", "sums", "sliders", "forget", "layers", "critic", "steps"] as const;
export type Tool = (typeof TOOLS)[number];

export interface Kept {
  words: string;
  name: string;
}

export interface Tray {
  sign: 1 | -1;
  points: string[];
}

export interface State {
  tool: Tool;
  point: string; // the chosen picture, in words
  bench: Kept[];
  from: number; // the grid's first seed
  corners: string[]; // of the plane
  at: [number, number]; // where on it
  trays: Tray[];
  base: string; // what the sliders move
  weights: Record<string, number>; // by #name
  off: Off;
  layer: number; // whose maps are looked at; -1: the usual one
  boxes: (Box & { words: string })[];
  names: Record<string, string>; // #names of this address alone, where there is no run to save them in
}

export const initial = (): State => ({
  tool: "grid",
  point: "0",
  bench: [],
  from: 0,
  corners: [],
  at: [0.5, 0.5],
  trays: [
    { sign: 1, points: [] },
    { sign: -1, points: [] },
    { sign: 1, points: [] },
  ],
  base: "",
  weights: {},
  off: {},
  layer: -1,
  boxes: [],
  names: {},
});

const clean = (name: string) => name.replace(/[;|!]/g, " ").trim();
const split = (text: string | null, by: string) => (text ? text.split(by) : []);
const finite = (text: string | undefined, otherwise: number) => {
  const value = Number(text);
  return text !== undefined && text !== "" && Number.isFinite(value) ? value : otherwise;
};

/** From an address. What makes no sense is as if it were not there; words are judged where they are drawn. */
export function read(query: URLSearchParams): State {
  const state = initial();
  const tool = query.get("tool") as Tool;
  if (TOOLS.includes(tool)) state.tool = tool;
  state.point = query.get("point") ?? state.point;
  state.bench = split(query.get("bench"), ";").map((one) => {
    const [words = "", name = ""] = one.split("|");
    return { words, name };
  });
  state.from = Math.max(
    0,
    Math.min(Number.MAX_SAFE_INTEGER - 1e6, Math.floor(finite(query.get("from") ?? undefined, 0))),
  );
  state.corners = split(query.get("corners"), ";").slice(0, 4);
  const [x, y] = split(query.get("at"), ",");
  state.at = [finite(x, 0.5), finite(y, 0.5)];
  const trays = split(query.get("trays"), "!").map((one): Tray => ({
    sign: one.startsWith("-") ? -1 : 1,
    points: one.slice(1).split(";").filter(Boolean),
  }));
  if (trays.length) state.trays = trays;
  state.base = query.get("base") ?? "";
  for (const one of split(query.get("weights"), ";")) {
    const [name = "", weight] = one.split("|");
    if (name) state.weights[name] = finite(weight, 0);
  }
  for (const one of split(query.get("off"), ";")) {
    const found = /^(\d{1,4}):(\d{1,6}(?:,\d{1,6})*)$/.exec(one);
    if (found) state.off[Number(found[1])] = found[2]!.split(",").map(Number);
  }
  state.layer = Math.floor(finite(query.get("layer") ?? undefined, -1));
  for (const one of split(query.get("boxes"), ";")) {
    const [words = "", sides = ""] = one.split("|");
    const [x = NaN, y = NaN, w = NaN, h = NaN] = sides.split(",").map(Number);
    if ([x, y, w, h].every((side) => side >= 0 && side <= 1)) state.boxes.push({ words, x, y, w, h });
  }
  for (const one of split(query.get("names"), ";")) {
    const [name = "", words = ""] = one.split("|");
    if (name && words) state.names[name] = words;
  }
  return state;
}

/** Into an address: only what is not as at the beginning. */
export function write(state: State, into = new URLSearchParams()): URLSearchParams {
  const start = initial();
  const put = (name: string, value: string, usual: string) => {
    if (value === usual) into.delete(name);
    else into.set(name, value);
  };
  const trays = (list: Tray[]) => list.map(({ sign, points }) => (sign > 0 ? "+" : "-") + points.join(";")).join("!");
  put("tool", state.tool, start.tool);
  put("point", state.point, start.point);
  put("bench", state.bench.map(({ words, name }) => (name ? `${words}|${clean(name)}` : words)).join(";"), "");
  put("from", String(state.from), "0");
  put("corners", state.corners.join(";"), "");
  put("at", state.at.map((value) => Math.round(value * 1000) / 1000).join(","), "0.5,0.5");
  put("trays", trays(state.trays), trays(start.trays));
  put("base", state.base, "");
  put(
    "weights",
    entries(state.weights)
      .filter(([, weight]) => weight)
      .map(([name, weight]) => `${name}|${weight}`)
      .join(";"),
    "",
  );
  put("off", offWords(state.off), "");
  put("layer", String(state.layer), "-1");
  const sides = ({ x, y, w, h }: Box) => [x, y, w, h].map((side) => Math.round(side * 1000) / 1000).join(",");
  put("boxes", state.boxes.map((box) => `${box.words}|${sides(box)}`).join(";"), "");
  put(
    "names",
    entries(state.names)
      .map(([name, words]) => `${name}|${words}`)
      .join(";"),
    "",
  );
  return into;
}

const entries = <T>(record: Record<string, T>) => Object.entries(record);

/** The maps that are off, in words: 2:5,9,14;3:0 */
export function offWords(off: Off): string {
  return Object.entries(off)
    .filter(([, maps]) => maps.length)
    .map(([layer, maps]) => `${layer}:${maps.join(",")}`)
    .join(";");
}
