import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AppError } from "../errors.ts";
import { type Box, boxAround, checkBox, isInside } from "./box.ts";
import type { Position } from "./geometry.ts";

const box = (size: number | Position, center: Position = [1, 2, 3]): Box => ({
  center_angstrom: center,
  size_angstrom: typeof size === "number" ? [size, size, size] : size,
});

test("a box around positions has 5 Å more on each side, or as much as is asked for", () => {
  const positions: Position[] = [
    [0, -10, 2],
    [12, 10, 2],
    [3, 0, 11],
  ];
  assert.deepEqual(boxAround(positions), {
    center_angstrom: [6, 0, 6.5],
    size_angstrom: [22, 30, 19],
  });
  assert.deepEqual(boxAround(positions, 8).size_angstrom, [28, 36, 25]);
  assert.deepEqual(boxAround(positions, 0).size_angstrom, [18, 20, 18]);
});

test("around a small ligand it is 18 Å on a side, and never less", () => {
  assert.deepEqual(boxAround([[1, 2, 3]]), box(18));
  const short = boxAround([
    [0, 0, 0],
    [7.9, 8.1, 0],
  ]);
  assert.deepEqual(short.size_angstrom, [18, 18.1, 18]);
});

test("its numbers are whole thousandths, as engines read them, and zero has no sign", () => {
  const { center_angstrom, size_angstrom } = boxAround([
    [0.00049, -0.0001, 1 / 3],
    [0.00049, -0.0002, 20.12345],
  ]);
  assert.deepEqual(center_angstrom, [0, 0, 10.228]);
  assert.ok(Object.is(center_angstrom[1], 0));
  assert.deepEqual(size_angstrom, [18, 18, 29.79]);
});

test("every position lies well inside the box that is made around them", () => {
  const coordinate = fc.double({ min: -500, max: 500, noNaN: true });
  const position = fc.tuple(coordinate, coordinate, coordinate);
  fc.assert(
    fc.property(fc.array(position, { minLength: 1, maxLength: 20 }), (positions) => {
      const { center_angstrom, size_angstrom } = boxAround(positions);
      const within = size_angstrom.map((side) => side - 9.99) as unknown as Position;
      assert.ok(positions.every((one) => isInside({ center_angstrom, size_angstrom: within }, one)));
      assert.ok(size_angstrom.every((side) => side >= 18));
    }),
  );
});

test("a box around nothing, or around a place that is none, is refused as a box", () => {
  for (const positions of [[], [[0, Number.NaN, 0]], [[0, 0, Number.POSITIVE_INFINITY]]] as Position[][])
    assert.throws(() => checkBox(boxAround(positions)), { kind: "bad_input" });
});

const refusal = (path: string, says: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AppError, String(error));
  assert.deepEqual([error.kind, error.fields[0]?.path], ["bad_input", path]);
  assert.match(error.message, says);
  return true;
};

const BAD: [what: string, box: Box, path: string, says: RegExp, options?: { large: boolean }][] = [
  ["NaN in the middle", box(20, [Number.NaN, 0, 0]), "center_x_angstrom", /NaN Å along x/],
  ["an endless place", box(20, [0, Number.NEGATIVE_INFINITY, 0]), "center_y_angstrom", /-Infinity/],
  ["a place far away", box(20, [0, 0, 10_000]), "center_z_angstrom", /10000 Å along z/],
  ["a place far below", box(20, [0, 0, -9999.5]), "center_z_angstrom", /-9999\.5/],
  ["a NaN side", box([20, Number.NaN, 20]), "size_y_angstrom", /must be above 0/],
  ["an endless side", box([20, 20, Number.POSITIVE_INFINITY]), "size_z_angstrom", /Infinity Å wide/],
  ["a side of 0", box([0, 20, 20]), "size_x_angstrom", /must be above 0/],
  ["a side below 0", box([20, -20, 20]), "size_y_angstrom", /must be above 0/],
  ["a side above 30 Å", box([20, 20, 30.001]), "size_z_angstrom", /`large_box`.*`exhaustiveness`/],
  ["a side above 100 Å, though large", box([100.001, 20, 20]), "size_x_angstrom", /100 Å/, { large: true }],
  ["a side above 100 Å", box([20, 100.001, 20]), "size_y_angstrom", /at most 100 Å/],
  [
    "a missing side",
    { ...box(20), size_angstrom: [20, 20] as unknown as Position },
    "size_z_angstrom",
    /NaN/,
  ],
];

for (const [what, wrong, path, says, options] of BAD) {
  test(`a box with ${what} is refused and the side named`, () => {
    assert.throws(() => checkBox(wrong, options), refusal(path, says));
  });
}

test("the limits themselves are allowed, above 30 Å with a word", () => {
  checkBox(box(30, [9999, -9999, 0]));
  checkBox(box(0.001));
  checkBox(box([30.001, 100, 18]), { large: true });
});

test("faces, edges and corners are inside, a thousandth more is out", () => {
  const one = box([2, 4, 6]);
  for (const position of [
    [1, 2, 3],
    [2, 2, 3],
    [0, 2, 3],
    [1, 4, 3],
    [1, 2, 6],
    [2, 4, 6],
    [0, 0, 0],
  ] as Position[])
    assert.equal(isInside(one, position), true, String(position));
  for (const position of [
    [2.001, 2, 3],
    [-0.001, 2, 3],
    [1, 4.001, 3],
    [1, 2, -0.001],
    [Number.NaN, 2, 3],
  ] as Position[])
    assert.equal(isInside(one, position), false, String(position));
});
