// The generator in the browser: onnxruntime's WebAssembly on one thread, asked one small batch at a time.
// What is drawn depends on the words of a point and on the maps that are off, and on nothing else; it is kept.
import * as ort from "onnxruntime-web/wasm";

import { type Distribution, type Point, type Saved, labelOf, parse, resolve, UserError } from "./latents.ts";

/** What is known of a run's generator, from Python (dcgan/studio/about_generator). */
export interface About {
  run: string;
  path?: string; // of the run, where Python is beside it
  step: number;
  size: [number, number]; // height, width
  channels: number;
  z_dim: number;
  z: Distribution;
  output: "tanh" | "sigmoid";
  classes: number; // 0: not conditional
  class_names: string[] | null;
  layers: [number, number, number][]; // maps, height, width of each hidden layer; none: it has no maps
  names: Record<string, number[]>; // the run's #names
  directions: { name: string; share: number }[]; // of those, the strongest ones of an early layer
}

/** Maps that are switched off: numbers of maps by layer. */
export type Off = Record<number, number[]>;

export interface Picture {
  width: number;
  height: number;
  channels: number;
  pixels: Uint8ClampedArray<ArrayBuffer>; // [H, W, C], as Python's
}

export interface Maps {
  picture: Picture;
  layers: Float32Array[]; // [maps, h, w] of each hidden layer
}

interface Asked {
  key: string;
  words: string;
  off: Off;
  urgent: boolean;
  done: (picture: Picture) => void;
  failed: (error: unknown) => void;
}

const KEPT = 48 * 2 ** 20; // bytes of pictures
const SLICE = 12; // ms that a batch may take, so that the page stays quick

// An ONNX model of one node: b = Identity(a), both of one number (protocol buffers: field and kind, length, content).
const NOTHING = Uint8Array.from([
  ...[8, 8], // the format's version
  ...[58, 55, 10, 16, 10, 1, 97, 18, 1, 98, 34, 8, ...new TextEncoder().encode("Identity"), 18, 1, 103], // graph "g"
  ...[90, 15, 10, 1, 97, 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 1], // its input a
  ...[98, 15, 10, 1, 98, 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 1], // its output b
  ...[66, 4, 10, 0, 16, 13], // the operators' version
]);

export class Generator {
  readonly names: Map<string, Float32Array>;
  private readonly kept = new Map<string, Picture>();
  private waiting: Asked[] = [];
  private running = false;
  private each = 8; // ms a picture takes, as measured
  private room: number;

  private constructor(
    readonly about: About,
    private readonly session: ort.InferenceSession,
  ) {
    this.names = new Map(Object.entries(about.names).map(([name, z]) => [name, Float32Array.from(z)]));
    this.room = Math.max(64, Math.floor(KEPT / (about.size[0] * about.size[1] * about.channels)));
  }

  /** `wasm` is onnxruntime's own program: handed over, so that it works from a file too. It is compiled when a first
   * model is loaded: one that does nothing, while the generator is still on its way. */
  static async load(about: Promise<About>, model: Promise<ArrayBuffer>, wasm: Promise<ArrayBuffer>): Promise<Generator> {
    ort.env.wasm.numThreads = 1;
    ort.env.logLevel = "error";
    const ready = wasm.then((program) => {
      ort.env.wasm.wasmBinary = program;
      return ort.InferenceSession.create(NOTHING, { executionProviders: ["wasm"] });
    });
    const [known, content, nothing] = await Promise.all([about, model, ready]);
    await nothing.release();
    const session = await ort.InferenceSession.create(new Uint8Array(content), {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "all",
    });
    return new Generator(known, session);
  }

  readonly saved: Saved = (name) => this.names.get(name);

  parse(words: string): Point {
    const point = parse(words);
    if (point.label !== null && !this.about.classes) throw new UserError("it names a class, and this run has none");
    if (point.label !== null && point.label >= this.about.classes) {
      throw new UserError(`there is no class ${point.label}; they go from 0 to ${this.about.classes - 1}`);
    }
    return point;
  }

  latent(point: Point): Float32Array {
    return resolve(point, this.about.z_dim, this.about.z, this.saved);
  }

  /** Why words cannot be drawn, in a sentence; nothing where they can. */
  wrong(words: string): string {
    try {
      this.latent(this.parse(words));
      return "";
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** The picture, now if it is kept; otherwise when its turn comes. Urgent ones come first, the newest before all. */
  ask(words: string, off: Off, urgent: boolean): { now?: Picture; later?: Promise<Picture>; cancel: () => void } {
    const key = `${words} ${gateKey(off)}`;
    const found = this.kept.get(key);
    if (found) {
      this.kept.delete(key);
      this.kept.set(key, found); // the last to be forgotten
      return { now: found, cancel: () => undefined };
    }
    let asked!: Asked;
    const later = new Promise<Picture>((done, failed) => {
      asked = { key, words, off, urgent, done, failed };
      if (urgent) this.waiting.unshift(asked);
      else this.waiting.push(asked);
    });
    void this.work();
    return {
      later,
      cancel: () => {
        this.waiting = this.waiting.filter((one) => one !== asked);
      },
    };
  }

  async picture(words: string, off: Off = {}): Promise<Picture> {
    const { now, later } = this.ask(words, off, true);
    return now ?? later!;
  }

  /** All hidden maps of one picture. */
  async maps(words: string, off: Off = {}): Promise<Maps> {
    const outputs = ["images", ...this.about.layers.map((_, i) => `maps${i}`)];
    const made = await this.run([words], off, outputs);
    return {
      picture: this.pictures(made["images"]!)[0]!,
      layers: this.about.layers.map((_, i) => (made[`maps${i}`]!.data as Float32Array).slice()),
    };
  }

  private async work(): Promise<void> {
    if (this.running) return;
    this.running = true;
    while (this.waiting.length) {
      const first = this.waiting[0]!;
      const most = first.urgent ? 1 : Math.max(1, Math.min(16, Math.floor(SLICE / this.each)));
      const gates = gateKey(first.off);
      const batch = this.waiting
        .filter((one) => gateKey(one.off) === gates && one.urgent === first.urgent)
        .slice(0, most);
      this.waiting = this.waiting.filter((one) => !batch.includes(one));
      const start = performance.now();
      try {
        const pictures = this.pictures(
          (
            await this.run(
              batch.map((one) => one.words),
              first.off,
              ["images"],
            )
          )["images"]!,
        );
        batch.forEach((one, i) => {
          this.keep(one.key, pictures[i]!);
          one.done(pictures[i]!);
        });
      } catch (error) {
        for (const one of batch) one.failed(error);
      }
      this.each = 0.7 * this.each + 0.3 * ((performance.now() - start) / batch.length);
      await breath();
    }
    this.running = false;
  }

  /** Gives its memory back, once what is being drawn is drawn; it draws nothing any more. */
  close(): void {
    this.waiting = [];
    this.turn = this.turn.then(() => this.session.release());
  }

  private turn: Promise<unknown> = Promise.resolve();

  /** onnxruntime takes one call at a time. */
  private run(words: string[], off: Off, outputs: string[]): Promise<Record<string, ort.Tensor>> {
    const made = this.turn.then(() => this.session.run(this.feeds(words, off), outputs));
    this.turn = made.catch(() => undefined);
    return made as Promise<Record<string, ort.Tensor>>;
  }

  private feeds(words: string[], off: Off): Record<string, ort.Tensor> {
    const { z_dim, classes, layers } = this.about;
    const points = words.map((one) => this.parse(one));
    const z = new Float32Array(points.length * z_dim);
    points.forEach((point, i) => z.set(this.latent(point), i * z_dim));
    const feeds: Record<string, ort.Tensor> = { z: new ort.Tensor("float32", z, [points.length, z_dim]) };
    if (classes) {
      const labels = Int32Array.from(points, (point) => labelOf(point, classes));
      feeds["labels"] = new ort.Tensor("int32", labels, [points.length]);
    }
    layers.forEach(([maps], i) => {
      const gate = new Float32Array(maps).fill(1);
      for (const map of off[i] ?? []) gate[map] = 0;
      feeds[`gate${i}`] = new ort.Tensor("float32", gate, [maps]);
    });
    return feeds;
  }

  private pictures(images: ort.Tensor): Picture[] {
    const [count, channels, height, width] = images.dims as [number, number, number, number];
    const values = images.data as Float32Array;
    const plane = height * width;
    const tanh = this.about.output === "tanh";
    return Array.from({ length: count }, (_, n) => {
      const pixels = new Uint8ClampedArray(plane * channels); // rounds to the nearest, halves to even, as torch does
      for (let c = 0; c < channels; c++) {
        const start = (n * channels + c) * plane;
        for (let i = 0; i < plane; i++) {
          const value = values[start + i]!;
          pixels[i * channels + c] = tanh ? (value + 1) * 127.5 : value * 255;
        }
      }
      return { width, height, channels, pixels };
    });
  }

  private keep(key: string, picture: Picture): void {
    this.kept.set(key, picture);
    if (this.kept.size > this.room) this.kept.delete(this.kept.keys().next().value!);
  }

  /** Drawn pictures are forgotten where a #name now means another point. */
  name(name: string, z: Float32Array): void {
    if (this.names.has(name)) this.kept.clear();
    this.names.set(name, z);
  }
}

export function gateKey(off: Off): string {
  return Object.entries(off)
    .filter(([, maps]) => maps.length)
    .map(([layer, maps]) => `${layer}:${maps.join(",")}`)
    .join(";");
}

/** Let the browser paint and hear: a message to oneself comes after what waits already, with no least delay. */
function breath(): Promise<void> {
  return new Promise((go) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      go();
    };
    port2.postMessage(null);
  });
}
