import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Position } from "../structures/geometry.ts";
import { distance } from "../structures/vectors.ts";
import { addToGrid, type Grid, nearby } from "./grid.ts";

const coordinate = fc.double({ min: -12, max: 12, noNaN: true });
const position = fc.tuple(coordinate, coordinate, coordinate);

test("a grid finds what trying all finds, nearest first", () => {
  fc.assert(
    fc.property(fc.array(position, { maxLength: 60 }), position, (points, at) => {
      const grid: Grid<Position> = new Map();
      for (const point of points) addToGrid(grid, point, point);
      const all = points.map((point) => distance(point, at)).filter((apart) => apart <= 4);
      const found = nearby(grid, at, 4);
      assert.deepEqual(
        found.map((one) => one.distance),
        all.sort((a, b) => a - b),
      );
      for (const one of found) assert.equal(distance(one.item, at), one.distance);
    }),
  );
});
