/** A generator that `dcgan export RUN --to web` wrote, ready to draw in this page. */
export interface Generator {
  readonly height: number; // of its pictures, in pixels
  readonly width: number;
  /** Names of the classes of a conditional run; none otherwise. */
  readonly classes: readonly string[];
  /**
   * The pictures of some points. A point is a seed (17), or words: "0.5*12 + 0.5*40", "+12,40,77 -3,9,31", "17 ~7",
   * "17 @3" for a class. `dcgan sample` draws the same pictures from the same words.
   */
  generate(points: readonly (number | string)[]): Promise<ImageData[]>;
}

/** Fetch the generator from the folder that holds generator.json, generator.onnx and onnxruntime.wasm. */
export function load(url?: string | URL): Promise<Generator>;
