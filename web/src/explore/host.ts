// What the explorer is given: a generator, and perhaps a server with the run behind it. The studio's page, an exported
// page and a notebook each make one; what needs the server is left out where there is none, with a word of why.
import type { About, Generator, Picture } from "../core/generator.ts";

export interface Host {
  generator: Generator;
  server: Server | null;
  /** Why there is no server, for those who miss what it does. */
  without: string;
}

export interface Opinion {
  logit: number;
  probability: number;
  guided: string; // a PNG's data: what raises D's score, by guided backprop
}

export interface Nearest {
  nearest: { image: string; distance: number }[];
  measure: string; // how near is measured, in words; or why there are none
}

export interface MapsOfD {
  layers: { maps: number; height: number; width: number; pixels: string }[]; // base64 of uint8 [maps, h, w]
}

export interface Inverted {
  name: string;
  z: number[];
  difference: number; // grey levels, root mean square
  target: string; // its picture as the network would see it, a PNG's data
}

export interface Step {
  step: number;
  k: number;
  line: string; // what was done, in Algorithm 1's words
  who: "" | "D" | "G";
  loss_D: number | null;
  loss_G: number | null;
  D_x: number; // D's mean opinion of the minibatch, after this update
  D_Gz: number;
  D_x_before: number | null;
  D_Gz_before: number | null;
  moved: { D: number; G: number }; // how far its weights went, in percent of their length
  real: string; // PNG data of the minibatch's sheet
  fake: string;
  before: string | null; // the fixed samples before and after
  after: string;
  difference: number; // grey levels between these two
}

export interface Direction {
  name: string;
  share: number; // of the layer's variance
  z: number[];
}

export interface Server {
  directions(): Promise<Direction[]>;
  save(name: string, words: string): Promise<number[]>;
  opinion(picture: Picture, label: number | null): Promise<Opinion>;
  nearest(picture: Picture): Promise<Nearest>;
  maps(picture: Picture, label: number | null): Promise<MapsOfD>;
  invert(file: Blob, name: string): Promise<Inverted>;
  step(what: "start" | "D" | "G", session: string): Promise<Step & { session: string }>;
}

export type { About, Generator, Picture };
