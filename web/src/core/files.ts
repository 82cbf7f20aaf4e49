// Pictures become files: PNG with its recipe, as `dcgan sample` writes it, and animated WebP. No library.
import type { Picture } from "./generator.ts";

const text = new TextEncoder();

/** RGBA for a canvas. */
export function imageData(picture: Picture): ImageData {
  const { width, height, channels, pixels } = picture;
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let i = 0, j = 0; j < rgba.length; i += channels, j += 4) {
    rgba[j] = pixels[i]!;
    rgba[j + 1] = pixels[channels > 2 ? i + 1 : i]!;
    rgba[j + 2] = pixels[channels > 2 ? i + 2 : i]!;
    rgba[j + 3] = channels === 4 ? pixels[i + 3]! : 255;
  }
  return new ImageData(rgba, width, height);
}

/** A sheet of pictures on white, two pixels apart, as `dcgan.images.grid`. */
export function sheet(pictures: Picture[], columns: number, gap = 2): Picture {
  const { width, height, channels } = pictures[0]!;
  const rows = Math.ceil(pictures.length / columns);
  const [w, h] = [columns * (width + gap) + gap, rows * (height + gap) + gap];
  const pixels = new Uint8ClampedArray(w * h * channels).fill(255);
  if (channels === 4) for (let i = 3; i < pixels.length; i += 4) pixels[i] = 0;
  pictures.forEach((picture, i) => {
    const [top, left] = [gap + Math.floor(i / columns) * (height + gap), gap + (i % columns) * (width + gap)];
    for (let y = 0; y < height; y++) {
      const row = picture.pixels.subarray(y * width * channels, (y + 1) * width * channels);
      pixels.set(row, ((top + y) * w + left) * channels);
    }
  });
  return { width: w, height: h, channels, pixels };
}

/** A PNG file to the bit: pixels as they are (a canvas would multiply by alpha), the recipe as iTXt. */
export async function png(picture: Picture, recipe: Record<string, string>): Promise<Blob> {
  const { width, height, channels, pixels } = picture;
  const row = width * channels;
  const raw = new Uint8Array((row + 1) * height); // each row begins with its filter: none
  for (let y = 0; y < height; y++) raw.set(pixels.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8); // bits
  header.setUint8(9, { 1: 0, 3: 2, 4: 6 }[channels]!); // grey, RGB, RGBA
  const parts = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", new Uint8Array(header.buffer)),
    ...Object.entries(recipe).map(([key, value]) => chunk("iTXt", text.encode(`${key}\0\0\0\0\0${value}`))),
    chunk("IDAT", await deflated(raw)),
    chunk("IEND", new Uint8Array()),
  ];
  return new Blob(parts as BlobPart[], { type: "image/png" });
}

function chunk(kind: string, content: Uint8Array): Uint8Array {
  const made = new Uint8Array(content.length + 12);
  const view = new DataView(made.buffer);
  view.setUint32(0, content.length);
  made.set(text.encode(kind), 4);
  made.set(content, 8);
  view.setUint32(content.length + 8, crc32(made.subarray(4, content.length + 8)));
  return made;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255]! ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

async function deflated(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A looping WebP of pictures, `zoom` times as large; the browser compresses each, and here they are put in a row. */
export async function webp(frames: Picture[], milliseconds: number, zoom: number): Promise<Blob> {
  const { width, height } = frames[0]!;
  const [w, h] = [width * zoom, height * zoom];
  const small = new OffscreenCanvas(width, height);
  const large = new OffscreenCanvas(w, h);
  const [from, to] = [small.getContext("2d")!, large.getContext("2d")!];
  to.imageSmoothingEnabled = false;
  const parts: Uint8Array[] = [];
  for (const frame of frames) {
    from.putImageData(imageData(frame), 0, 0);
    to.clearRect(0, 0, w, h);
    to.drawImage(small, 0, 0, w, h);
    const file = new Uint8Array(await (await large.convertToBlob({ type: "image/webp", quality: 0.85 })).arrayBuffer());
    if (fourcc(file, 8) !== "WEBP") throw new Error("this browser does not write WebP");
    const head = new Uint8Array(16); // x, y: 0; then 24 bits each of width - 1, height - 1, duration; flags
    little(head, 6, w - 1);
    little(head, 9, h - 1);
    little(head, 12, milliseconds);
    head[15] = 2; // do not blend with the frame before
    parts.push(riff("ANMF", [head, ...images(file)]));
  }
  const canvas = new Uint8Array(10);
  canvas[0] = 2 | (frames[0]!.channels === 4 ? 16 : 0); // animated; with alpha
  little(canvas, 4, w - 1);
  little(canvas, 7, h - 1);
  const content = [text.encode("WEBP"), riff("VP8X", [canvas]), riff("ANIM", [new Uint8Array(6)]), ...parts];
  return new Blob([riff("RIFF", content) as BlobPart], { type: "image/webp" });
}

/** The chunks of one picture's WebP that a frame holds. */
function images(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer);
  const found: Uint8Array[] = [];
  for (let at = 12; at + 8 <= file.length;) {
    const size = view.getUint32(at + 4, true);
    const end = at + 8 + size + (size % 2);
    if (["ALPH", "VP8 ", "VP8L"].includes(fourcc(file, at))) found.push(file.subarray(at, end));
    at = end;
  }
  return found;
}

const fourcc = (file: Uint8Array, at: number) => String.fromCharCode(...file.subarray(at, at + 4));

function little(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 3; i++) bytes[at + i] = (value >>> (8 * i)) & 255;
}

function riff(kind: string, parts: Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const made = new Uint8Array(8 + size + (size % 2));
  made.set(text.encode(kind));
  new DataView(made.buffer).setUint32(4, size, true);
  let at = 8;
  for (const part of parts) {
    made.set(part, at);
    at += part.length;
  }
  return made;
}

/** Hand a file to the user. */
export function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
