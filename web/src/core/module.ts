// The generator for a page of one's own: `load(url)`, `generate(points)`. Its types are take/generator.d.ts.
import type * as declared from "../../take/generator.d.ts";
import { imageData } from "./files.ts";
import { type About, Generator } from "./generator.ts";

async function fetched(url: URL): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return response;
}

export const load: typeof declared.load = async (url = "./") => {
  const folder = new URL(url, document.baseURI);
  const generator = await Generator.load(
    fetched(new URL("generator.json", folder)).then((response) => response.json() as Promise<About>),
    fetched(new URL("generator.onnx", folder)).then((response) => response.arrayBuffer()),
    fetched(new URL("onnxruntime.wasm", folder)).then((response) => response.arrayBuffer()),
  );
  const { about } = generator;
  const [height, width] = about.size;
  return {
    height,
    width,
    classes: about.class_names ?? Array.from({ length: about.classes }, (_, i) => String(i)),
    generate: (points) =>
      Promise.all(points.map(async (point) => imageData(await generator.picture(String(point))))),
  };
};
