import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AppError } from "../errors.ts";
import type { Position } from "./geometry.ts";
import { type Matrix3, type RigidTransform, superpose, transform } from "./superpose.ts";

const coordinate = fc.double({ min: -50, max: 50, noNaN: true });
const position = fc.tuple(coordinate, coordinate, coordinate);
const angle = fc.double({ min: -Math.PI, max: Math.PI, noNaN: true });

/** A rotation by three angles about z, y and x: made without a quaternion, unlike what is tested. */
function euler(a: number, b: number, c: number): Matrix3 {
  const [ca, sa, cb, sb, cc, sc] = [a, b, c].flatMap((t) => [Math.cos(t), Math.sin(t)]) as number[] as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return [
    [ca * cb, ca * sb * sc - sa * cc, ca * sb * cc + sa * sc],
    [sa * cb, sa * sb * sc + ca * cc, sa * sb * cc - ca * sc],
    [-sb, cb * sc, cb * cc],
  ];
}

const motion = fc
  .tuple(angle, angle, angle, position)
  .map(([a, b, c, translation]): RigidTransform => ({ rotation: euler(a, b, c), translation }));

function determinant([[a, b, c], [d, e, f], [g, h, i]]: Matrix3): number {
  return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
}

function rmsd(a: readonly Position[], b: readonly Position[]): number {
  const squares = a.map((p, i) => p.reduce((sum, value, axis) => sum + (value - b[i]![axis]!) ** 2, 0));
  return Math.sqrt(squares.reduce((sum, value) => sum + value, 0) / a.length);
}

const TETRAHEDRON: Position[] = [
  [0, 0, 0],
  [1, 0, 0],
  [0, 2, 0],
  [0, 0, 3],
];

test("points that were moved rigidly are laid back exactly, from three points up", () => {
  fc.assert(
    fc.property(fc.array(position, { minLength: 3, maxLength: 30 }), motion, (points, moved) => {
      const fixed = points.map((point) => transform(moved, point));
      const fit = superpose(points, fixed);
      assert.ok(fit.rmsd_angstrom < 1e-6, `rmsd ${fit.rmsd_angstrom}`);
      for (const [index, point] of points.entries())
        assert.ok(rmsd([transform(fit, point)], [fixed[index]!]) < 1e-5);
    }),
    { numRuns: 200 },
  );
});

test("the rotation itself is found where the points fill space", () => {
  fc.assert(
    fc.property(motion, (moved) => {
      const fit = superpose(
        TETRAHEDRON,
        TETRAHEDRON.map((point) => transform(moved, point)),
      );
      for (const row of [0, 1, 2] as const)
        for (const column of [0, 1, 2] as const)
          assert.ok(Math.abs(fit.rotation[row][column] - moved.rotation[row][column]) < 1e-9);
    }),
  );
});

test("with noise no small turn or shift does better", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(position, position), { minLength: 3, maxLength: 20 }),
      fc.tuple(angle, angle, angle, position),
      (pairs, [a, b, c, shift]) => {
        const [moving, fixed] = [pairs.map(([one]) => one), pairs.map(([, other]) => other)];
        const fit = superpose(moving, fixed);
        const laid = moving.map((point) => transform(fit, point));
        assert.ok(Math.abs(rmsd(laid, fixed) - fit.rmsd_angstrom) < 1e-9);
        for (const size of [1, 0.1, 0.001]) {
          const translation = shift.map((value) => value * size) as [number, number, number];
          const nudge = { rotation: euler(a * size, b * size, c * size), translation };
          const nudged = laid.map((point) => transform(nudge, point));
          assert.ok(rmsd(nudged, fixed) > fit.rmsd_angstrom - 1e-9);
        }
      },
    ),
  );
});

test("a mirror image is never mirrored back: the rotation is proper and something remains", () => {
  const mirrored = TETRAHEDRON.map(([x, y, z]): Position => [-x, y, z]);
  const fit = superpose(TETRAHEDRON, mirrored);
  assert.ok(Math.abs(determinant(fit.rotation) - 1) < 1e-12);
  assert.ok(fit.rmsd_angstrom > 0.3, `rmsd ${fit.rmsd_angstrom}`);
  fc.assert(
    fc.property(fc.array(fc.tuple(position, position), { minLength: 3, maxLength: 9 }), (pairs) => {
      const found = superpose(
        pairs.map(([one]) => one),
        pairs.map(([, other]) => other),
      );
      assert.ok(Math.abs(determinant(found.rotation) - 1) < 1e-9);
    }),
  );
});

test("half turns, planes, lines and one point written thrice are laid on each other", () => {
  const plane: Position[] = [
    [0, 0, 0],
    [1, 0, 0],
    [0, 1, 0],
  ];
  const turned = plane.map(([x, y, z]): Position => [-x + 5, -y, z]);
  assert.ok(superpose(plane, turned).rmsd_angstrom < 1e-12);
  const line = [1, 2, 4].map((x): Position => [x, 0, 0]);
  assert.ok(
    superpose(
      line,
      [...line].map(([x]): Position => [0, x, 7]),
    ).rmsd_angstrom < 1e-12,
  );
  const same: Position[] = [plane[1]!, plane[1]!, plane[1]!];
  const fit = superpose(same, [plane[2]!, plane[2]!, plane[2]!]);
  assert.deepEqual(transform(fit, plane[1]!), plane[2]);
});

test("too few, unequal or infinite points are refused", () => {
  const refused = (moving: Position[], fixed: Position[], rule: RegExp) =>
    assert.throws(
      () => superpose(moving, fixed),
      (error) => error instanceof AppError && error.kind === "bad_input" && rule.test(error.message),
    );
  refused(TETRAHEDRON.slice(0, 2), TETRAHEDRON.slice(0, 2), /3 points/);
  refused(TETRAHEDRON, TETRAHEDRON.slice(0, 3), /4 points cannot be laid on 3/);
  refused([...TETRAHEDRON.slice(0, 3), [Number.NaN, 0, 0]], TETRAHEDRON, /finite/);
});
