// Sample sheets as decoded pictures, the last few kept: a slider goes back and forth over the same ones.

const KEPT = 48; // about 1 MB each
const held = new Map<string, Promise<HTMLImageElement>>();

export function picture(address: string): Promise<HTMLImageElement> {
  let found = held.get(address);
  if (!found) {
    const image = new Image();
    image.src = address;
    found = image.decode().then(() => image);
    found.catch(() => held.delete(address));
  }
  held.delete(address);
  held.set(address, found); // the last in order is the last used
  const [oldest] = held.keys();
  if (held.size > KEPT && oldest !== undefined) held.delete(oldest);
  return found;
}

export const GAP = 2; // white pixels round each picture of a sheet, as images.grid draws it

export interface Cell {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Where a seed's picture lies in a sheet of this size, in pixels; null if it is not in it. */
export function cell(sheet: { width: number; height: number }, size: [number, number], seed: number): Cell | null {
  const [height, width] = size;
  const columns = Math.floor((sheet.width - GAP) / (width + GAP));
  const rows = Math.floor((sheet.height - GAP) / (height + GAP));
  if (seed < 0 || seed >= columns * rows) return null;
  const [row, column] = [Math.floor(seed / columns), seed % columns];
  return { left: GAP + column * (width + GAP), top: GAP + row * (height + GAP), width, height };
}

/** The seed whose picture lies at this place of a sheet. */
export function seedAt(sheet: { width: number; height: number }, size: [number, number], x: number, y: number): number {
  const [height, width] = size;
  const columns = Math.max(1, Math.floor((sheet.width - GAP) / (width + GAP)));
  const rows = Math.max(1, Math.floor((sheet.height - GAP) / (height + GAP)));
  const along = (place: number, side: number, most: number) =>
    Math.max(0, Math.min(most - 1, Math.floor((place - GAP / 2) / (side + GAP))));
  return along(y, height, rows) * columns + along(x, width, columns);
}
