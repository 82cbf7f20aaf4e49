// What the page makes of the live line's messages, and of numbers.
import assert from "node:assert/strict";
import { test } from "node:test";

import { read, write } from "../src/route.ts";
import { Points, Run, binned, last, moments, quantile } from "../src/watch/model.ts";
import { cell, seedAt } from "../src/watch/pictures.ts";
import { duration, opinion, short } from "../src/watch/words.ts";

test("points grow where they grew, and begin anew", () => {
  const points = new Points();
  points.take({ from: 0, step: [5, 10], loss_D: { mean: [1, 2] } });
  points.take({ from: 1, step: [12, 15], loss_D: { mean: [3, 4], low: [2, 4], high: [4, 4] } });
  assert.deepEqual(points.step, [5, 12, 15]);
  assert.deepEqual(points.columns.loss_D, { mean: [1, 3, 4], low: [1, 2, 4], high: [1, 4, 4] });
  points.take({ from: 0, step: [7], loss_D: { mean: [null] } });
  assert.deepEqual(points.columns.loss_D, { mean: [null], low: [null], high: [null] });
});

test("a run takes its messages", () => {
  const run = new Run("a");
  run.take({ run: "a", samples: { from: 0, steps: [0, 50, 100], versions: [1, 2, 3] } });
  run.take({ run: "a", samples: { from: 2, steps: [150], versions: [4] } });
  assert.deepEqual(run.samples, { steps: [0, 50, 150], versions: [1, 2, 4] });
  assert.deepEqual([-1, 0, 49, 50, 149, 1e9].map((step) => run.sheetAt(step)), [-1, 0, 0, 1, 1, 2]);
  const other = new Run("b");
  other.take({ run: "b", samples: { from: 0, steps: [0, 75], versions: [1, 1] } });
  assert.deepEqual(moments([run, other]), [0, 50, 75, 150]);
  assert.deepEqual(moments([]), []);
});

test("last is the place of the last value not above a bound", () => {
  assert.deepEqual([0, 1, 2, 3, 9].map((bound) => last([1, 3, 3, 5], bound)), [-1, 0, 0, 2, 3]);
});

test("a plot keeps lows, means and highs, in stretches that do not move as it grows", () => {
  const points = new Points();
  const values = Array.from({ length: 1000 }, (_, i) => (i * 37) % 101);
  points.take({ from: 0, step: values.map((_, i) => i * 10), loss_G: { mean: values } });
  const whole = binned(points, "loss_G", 120, 0, 9990);
  assert.ok(whole.step.length <= 120);
  assert.ok(whole.step.length > 60);
  assert.equal(Math.max(...(whole.high as number[])), 100);
  assert.equal(Math.min(...(whole.low as number[])), 0);
  const before = binned(points, "loss_G", 120, 0, 9000);
  assert.deepEqual(before.mean.slice(0, 50), whole.mean.slice(0, 50));
  const near = binned(points, "loss_G", 120, 500, 600);
  assert.deepEqual(near.mean, values.slice(50, 62)); // every point, and one beyond for the line to the edge
  assert.deepEqual(binned(points, "D_x", 120, 0, 1).step, []);
});

test("quantiles pass over what is not there", () => {
  assert.equal(quantile([3, null, 1, 2], 0.5), 2);
  assert.equal(quantile([null], 0.5), null);
});

test("a seed's place in a sheet, and back", () => {
  const sheet = { width: 2 + 8 * 66, height: 2 + 8 * 66 };
  assert.deepEqual(cell(sheet, [64, 64], 17), { left: 2 + 66, top: 2 + 2 * 66, width: 64, height: 64 });
  assert.equal(cell(sheet, [64, 64], 64), null);
  for (const seed of [0, 7, 8, 17, 63]) {
    const { left, top, width, height } = cell(sheet, [64, 64], seed)!;
    assert.equal(seedAt(sheet, [64, 64], left + 1, top + 1), seed);
    assert.equal(seedAt(sheet, [64, 64], left + width - 1, top + height - 1), seed);
  }
  assert.deepEqual(cell({ width: 2 + 6 * 34, height: 2 + 3 * 98 }, [96, 32], 7)?.left, 36);
});

test("numbers as people read them", () => {
  assert.deepEqual([0, 0.0123, 0.5, 1.234, 99.5, 12345, null].map(short), ["0", "0.0123", "0.500", "1.23", "99.5", "12,345", "–"]);
  assert.deepEqual([3, 89.6, 200, 5400, 90000, 1e6, null].map(duration), ["3 s", "90 s", "3 min", "1 h 30 min", "25 h 0 min", "11 d 13 h", "–"]);
  assert.match(opinion(0.99, 0.01), /^D tells nearly all apart/);
  assert.match(opinion(0.52, 0.48), /^D can hardly tell them apart.*0\.52.*0\.48/);
  assert.equal(opinion(5, -5), ""); // a critic's scores are no beliefs
});

test("addresses go there and back", () => {
  const query = new URLSearchParams({ runs: "a,b/c", point: "0.5*12 + 0.5*40", name: "50 % & #1" });
  const hash = write("explore", query);
  assert.match(hash, /^#\/explore\?runs=a,b\/c&/);
  const back = read(hash);
  assert.equal(back.half, "explore");
  assert.deepEqual([...back.query], [...query]);
  assert.deepEqual(read("").half, "watch");
  assert.deepEqual(read("#/nowhere?x=1").half, "watch");
});
