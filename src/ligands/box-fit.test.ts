import assert from "node:assert/strict";
import { test } from "node:test";
import { AppError } from "../errors.ts";
import type { Position } from "../structures/geometry.ts";
import { checkLigandFits } from "./box-fit.ts";
import { principalExtents } from "./extents.ts";
import { prepareLigand } from "./pdbqt.ts";
import { ligand, rotateAbout } from "./support.test.ts";

function fits(name: string, size_angstrom: Position): void {
  checkLigandFits(prepareLigand(ligand(name)), { center_angstrom: [9.4, 16.1, 9.2], size_angstrom });
}

function refused(name: string, size: Position, message: RegExp): void {
  assert.throws(
    () => fits(name, size),
    (error: unknown) =>
      error instanceof AppError &&
      error.kind === "engine_refused" &&
      error.code === "ligand_larger_than_box" &&
      message.test(error.message),
    `${name} in ${size}`,
  );
}

test("a box for the ligand is taken, also one that just holds it, however it lies", () => {
  fits("amprenavir", [20, 18, 26]);
  fits("amprenavir", [9.5, 8, 16]);
  fits("amprenavir", [16, 9.5, 8]);
  fits("celecoxib", [18, 18, 18]);
});

test("a box smaller than the ligand is refused with both sizes", () => {
  refused(
    "amprenavir",
    [3, 3, 3],
    /about \d\.\d Å across .* the box 3\.0 × 3\.0 × 3\.0 Å: make the box larger/,
  );
  refused("aspirin", [4, 4, 4], /across/);
});

test("a rigid part must fit, also where the volume would do", () => {
  // Caffeine is flat: 6.3 × 5.2 × 0 Å of heavy atoms.
  fits("caffeine", [7, 6, 4]);
  refused(
    "caffeine",
    [5, 5, 30],
    /a rigid part of the ligand measures 6\.3 × 5\.2 × 0\.0 Å, the box 5\.0 × 5\.0 × 30\.0/,
  );
  refused("caffeine", [100, 4, 4], /rigid part/);
  // The whole of butane is longer than any of its parts.
  fits("butane", [3, 3, 3]);
});

test("one atom fits any box", () => {
  for (const name of ["methane", "water", "ammonium"]) fits(name, [0.1, 0.1, 0.1]);
});

test("sides that are no sizes are bad input", () => {
  for (const side of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(
      () => fits("water", [20, side, 20]),
      (error: unknown) => error instanceof AppError && error.kind === "bad_input",
      `${side}`,
    );
});

test("extents are those along the principal axes, however the points are turned", () => {
  const brick = [0, 6].flatMap((x) => [0, 3].flatMap((y) => [0, 1].map((z): Position => [x, y, z])));
  for (let angle = 0; angle < 7; angle += 0.3) {
    const turned = brick.map((point) => rotateAbout(point, [1, 1, 1], [2, 4, 0], angle));
    for (const [axis, extent] of principalExtents(turned).entries())
      assert.ok(Math.abs(extent - ([6, 3, 1][axis] ?? 0)) < 1e-9);
  }
  assert.deepEqual(principalExtents([[5, 5, 5]]), [0, 0, 0]);
});
