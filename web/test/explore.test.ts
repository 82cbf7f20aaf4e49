// The explorer's sums: points in words, mixtures of them, the state as an address, the maps that draw what is boxed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateSync } from "node:zlib";

import { png, sheet } from "../src/core/files.ts";
import { enough, find } from "../src/core/forget.ts";
import { draw, format, parse, resolve } from "../src/core/latents.ts";
import { between, combine, expand, mean, walk, weights } from "../src/core/mixing.ts";
import { paced } from "../src/explore/address.ts";
import { initial, read, write } from "../src/explore/state.ts";

const none = () => undefined;
const words = (text: string) => format(parse(text));

test("words come back as they were meant", () => {
  assert.equal(words("0.5*12+0.5 * 40"), "0.5*12 +0.5*40");
  assert.equal(words("+12,40,77 -3,9,31"), "12,40,77 -3,9,31");
  assert.equal(words("17 ~7 ~8 @3"), "17 ~7 ~8 @3");
  assert.equal(words("-1*17 + 1e-7*#a.b"), "-17 +1e-7*#a.b");
  for (const bad of ["", "+", "17 40", "17 @1 @2", "17x", "2*", "9007199254740992", "1e9*3", "#", "~", "17 -"]) {
    assert.throws(() => parse(bad), Error, bad);
  }
});

test("mixtures are sums, and noise can be weighted", () => {
  const mixed = combine([
    { point: parse("17 ~7"), weight: 0.5 },
    { point: parse("40 - 17"), weight: 0.25 },
    { point: parse("3"), weight: 0 },
  ]);
  assert.equal(format(mixed), "0.25*17 +0.5*#n.7 +0.25*40");
  const z = (text: string) => Array.from(resolve(parse(text), 8, "uniform", none));
  const [a, b] = [z("17 ~7"), z("40 - 17")];
  z(format(mixed)).forEach((value, i) => assert.ok(Math.abs(value - (0.5 * a[i]! + 0.25 * b[i]!)) < 1e-6));
  assert.equal(format(mean([parse("3"), parse("9"), parse("12")])), "3,9,12");
  assert.equal(format(mean([parse("3 ~1"), parse("9")])), "0.5*3 +0.5*#n.1 +0.5*9");
  assert.equal(
    format(expand(parse("17 + 2*#smile"), { smile: "3,9 - #frown", frown: "0.5*12 @1" }, 0)),
    "17 +2*3,9 -1*12".replace("1*", ""),
  );
  // A class is that of the words' own first seed, and of seed 0 where they name none.
  const whole = (text: string) => format(expand(parse(text), { smile: "17 ~3" }, 10));
  assert.deepEqual(["#smile", "-2*#smile + 5", "5 + #smile", "#smile @4"].map(whole), [
    "17 ~3 @0",
    "-2*17 -2*#n.3 +5 @5",
    "5 +17 ~3",
    "17 ~3 @4",
  ]);
});

test("a place on the plane weighs its corners", () => {
  assert.deepEqual(weights(4, 1, 0), [0, 1, 0, 0]);
  assert.deepEqual(weights(2, 0.25, 0.9), [0.75, 0.25]);
  assert.deepEqual(weights(3, 0.5, 1), [0, 0, 1]);
  for (const count of [1, 2, 3, 4]) {
    for (const [x, y] of [
      [0, 0],
      [0.3, 0.8],
      [1, 1],
      [0, 1],
      [0.5, 0.5],
    ] as const) {
      const found = weights(count, x, y);
      assert.equal(found.length, count);
      assert.ok(found.every((w) => w >= 0));
      assert.ok(Math.abs(found.reduce((sum, w) => sum + w, 0) - 1) < 1e-12);
    }
  }
  const corners = ["3", "9", "12", "40"].map(parse);
  const length = (text: string) => Math.hypot(...resolve(parse(text), 400, "normal", none));
  const middle = between(corners, weights(4, 0.5, 0.5), "normal");
  assert.ok(Math.abs(length(format(middle)) - 20) < 2.5, "a normal z in the middle is as long as others"); // sqrt(400)
  assert.equal(format(between(corners, weights(4, 0.5, 0.5), "uniform")), "0.25*3 +0.25*9 +0.25*12 +0.25*40");
});

test("a walk begins at its start and stops before its end", () => {
  for (const kind of ["uniform", "normal"] as const) {
    const way = walk(parse("3"), parse("9"), 4, kind, 200, none).map(format);
    assert.equal(way.length, 4);
    assert.equal(way[0], "3");
    assert.equal(way[2], kind === "uniform" ? "0.5*3 +0.5*9" : way[2]);
    if (kind === "normal") {
      const sum = parse(way[2]!).terms.reduce((total, { weight }) => total + weight, 0);
      assert.ok(sum > 1.3 && sum < 1.5, `half way round an arc both weigh about 0.7: ${way[2]}`);
    }
  }
});

test("every state is an address", () => {
  const state = {
    ...initial(),
    tool: "forget" as const,
    point: "0.5*12 + #n.3 @2",
    bench: [
      { words: "+3,9 -12", name: "Ann & Bob" },
      { words: "17 ~7", name: "" },
    ],
    from: 123456789,
    corners: ["3", "9 + 2*#smile"],
    at: [0.25, 1] as [number, number],
    trays: [
      { sign: 1 as const, points: ["3", "+9,12"] },
      { sign: -1 as const, points: [] },
    ],
    base: "40",
    weights: { "pc1.2500": -1.5, "z.12": 0.25 },
    off: { 2: [5, 9], 3: [0] },
    layer: 1,
    boxes: [{ words: "17", x: 0.1, y: 0.2, w: 0.3, h: 0.4 }],
    names: { smile: "3,9 -12" },
  };
  assert.deepEqual(read(new URLSearchParams(String(write(state)))), state);
  assert.equal(String(write(initial())), "");
  // Whatever someone puts there, it is a state.
  for (const one of [
    "tool=x",
    "from=-5",
    "from=1e99",
    "at=a,b",
    "off=a:b;:;2:-1,x",
    "boxes=1|2,3,4,5;;|",
    "trays=!!",
    "weights=|;a",
    "layer=99",
    "names=|",
    "bench=;;",
  ]) {
    const { tool, from, at, off, boxes } = read(new URLSearchParams(one));
    assert.equal(tool, "grid");
    assert.ok(from >= 0 && Number.isSafeInteger(from));
    assert.ok(at.every(Number.isFinite));
    assert.deepEqual(off, {});
    assert.deepEqual(boxes, []);
  }
});

test("the address follows a drag now and then, and ends where it ended", async () => {
  const written: [string, boolean][] = [];
  const follow = paced((value: string, replace) => written.push([value, replace]));
  for (const value of ["a", "b", "c"]) follow(value, true);
  assert.deepEqual(written, []);
  await new Promise((go) => setTimeout(go, 250));
  assert.deepEqual(written, [["c", true]]);
  follow("d", true);
  follow("e", false); // the hand lets go
  await new Promise((go) => setTimeout(go, 250));
  assert.deepEqual(written.slice(1), [["e", false]]);
});

test("the maps that draw what is boxed are found, the strongest first", () => {
  const [maps, side] = [12, 8];
  const noise = Array.from(draw(1, maps * side * side * 6));
  const inside = (x: number, y: number) => x >= 2 && x < 5 && y >= 3 && y < 6;
  const samples = Array.from({ length: 6 }, (_, n) => {
    const values = new Float32Array(maps * side * side);
    for (let m = 0; m < maps; m++) {
      for (let i = 0; i < side * side; i++) {
        const there = inside(i % side, Math.floor(i / side));
        const signal = m === 4 ? 2 : m === 9 ? 1 : m === 2 ? -2 : 0;
        values[m * side * side + i] = Math.max(0, 1 + noise[(n * maps + m) * side * side + i]! + (there ? signal : 0));
      }
    }
    values.fill(0, 7 * side * side, 8 * side * side); // a map that is never active
    return { maps: values, boxes: [{ x: 2 / side, y: 3 / side, w: 3 / side, h: 3 / side }] };
  });
  const found = find(samples, maps, side, side);
  assert.deepEqual(
    found.slice(0, 2).map(({ map }) => map),
    [4, 9],
  );
  assert.ok(found[1]!.weight > 3 * (found[2]?.weight ?? 0));
  assert.ok(!found.some(({ map }) => map === 2 || map === 7));
  assert.ok(enough(found) <= 2);
  assert.deepEqual(
    find(
      samples.map((one) => ({ ...one, boxes: [] })),
      maps,
      side,
      side,
    ),
    [],
  );
});

test("a PNG holds the pixels to the bit, and its recipe", async () => {
  const picture = {
    width: 3,
    height: 2,
    channels: 3,
    pixels: Uint8ClampedArray.from({ length: 18 }, (_, i) => i * 14),
  };
  const file = Buffer.from(await (await png(picture, { "dcgan:points": "17 ~7 é" })).arrayBuffer());
  assert.equal(file.subarray(1, 4).toString(), "PNG");
  assert.ok(file.includes(Buffer.from("dcgan:points\0\0\0\0\x0017 ~7 é")));
  const at = file.indexOf("IDAT");
  const rows = inflateSync(file.subarray(at + 4, at + 4 + file.readUInt32BE(at - 4)));
  assert.deepEqual([...rows], [0, ...picture.pixels.subarray(0, 9), 0, ...picture.pixels.subarray(9)]);
  const grid = sheet([picture, picture, picture], 2);
  assert.deepEqual([grid.width, grid.height], [2 + 2 * 5, 2 + 2 * 4]);
  assert.deepEqual([...grid.pixels.subarray((2 * 12 + 7) * 3, (2 * 12 + 10) * 3)], [...picture.pixels.subarray(0, 9)]);
});
