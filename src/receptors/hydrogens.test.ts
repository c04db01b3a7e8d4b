import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Position } from "../structures/geometry.ts";
import { cross, distance, dot, subtract } from "../structures/vectors.ts";
import { amideHydrogen, donorHydrogens, place, terminusHydrogens, waterHydrogens } from "./hydrogens.ts";
import { type DonorRule, templateOf } from "./templates.ts";

function angle(a: Position, b: Position, c: Position): number {
  const [one, other] = [subtract(a, b), subtract(c, b)];
  return (Math.acos(dot(one, other) / Math.hypot(...one) / Math.hypot(...other)) * 180) / Math.PI;
}

/** By the signs of IUPAC, from cross products alone. */
function torsion(a: Position, b: Position, c: Position, d: Position): number {
  const [ab, bc, cd] = [subtract(b, a), subtract(c, b), subtract(d, c)];
  const [left, right] = [cross(ab, bc), cross(bc, cd)];
  return (Math.atan2(dot(cross(left, right), bc) / Math.hypot(...bc), dot(left, right)) * 180) / Math.PI;
}

function near(actual: number, expected: number, within = 1e-6): void {
  assert.ok(Math.abs(actual - expected) < within, `${actual} is not ${expected}`);
}

const coordinate = fc.double({ min: -20, max: 20, noNaN: true });
const position = fc.tuple(coordinate, coordinate, coordinate);

test("a point is placed at the distance, angle and torsion that were asked for", () => {
  fc.assert(
    fc.property(
      position,
      position,
      position,
      fc.double({ min: 1, max: 179, noNaN: true }),
      fc.double({ min: -179, max: 179, noNaN: true }),
      (a, b, c, wantedAngle, wantedTorsion) => {
        fc.pre(distance(a, b) > 0.5 && distance(b, c) > 0.5 && Math.abs(angle(a, b, c) - 90) < 85);
        const d = place(a, b, c, { distance: 1.5, angle: wantedAngle, torsion: wantedTorsion });
        near(distance(c, d), 1.5);
        near(angle(b, c, d), wantedAngle, 1e-4);
        near(torsion(a, b, c, d), wantedTorsion, 1e-3);
      },
    ),
  );
});

test("the amide's hydrogen lies in the plane, opposite to both neighbours", () => {
  const [n, ca, c]: Position[] = [
    [0, 0, 0],
    [1.46, 0, 0],
    [-0.6, 1.19, 0],
  ];
  const hydrogen = amideHydrogen(n!, ca!, c!);
  near(distance(n!, hydrogen), 1.01);
  near(angle(ca!, n!, hydrogen), angle(c!, n!, hydrogen));
  near(angle(ca!, n!, hydrogen) + angle(c!, n!, hydrogen) + angle(ca!, n!, c!), 360);
});

test("an ammonium has three staggered hydrogens, a PRO at the start two around its ring", () => {
  const [n, ca, c]: Position[] = [
    [0, 0, 0],
    [1.46, 0, 0],
    [2, 1.4, 0],
  ];
  const three = terminusHydrogens(n!, ca!, c!, null);
  assert.deepEqual(
    three.map((h) => Math.round(torsion(c!, ca!, n!, h))).sort((a, b) => a - b),
    [-60, 60, 180],
  );
  for (const hydrogen of three) near(angle(ca!, n!, hydrogen), 109.47);
  const cd: Position = [-0.4, -0.5, 1.3];
  const two = terminusHydrogens(n!, ca!, c!, cd);
  assert.equal(two.length, 2);
  near(angle(two[0]!, n!, two[1]!), 109.47);
  for (const hydrogen of two) {
    near(distance(n!, hydrogen), 1.01);
    near(angle(ca!, n!, hydrogen), angle(cd, n!, hydrogen), 1e-4);
    assert.ok(angle(ca!, n!, hydrogen) > 100);
  }
});

test("planar donors have hydrogens in the plane at 120°, hydroxyls one in trans", () => {
  const at: Record<string, Position> = {
    CB: [-1, 1.2, 0],
    CG: [0, 0, 0],
    ND2: [1.33, 0, 0],
    CA: [-2, 0, 0.5],
  };
  const amide = templateOf("ASN")?.donors[0] as DonorRule;
  const [trans, cis] = donorHydrogens(amide, (name) => at[name]);
  near(Math.abs(torsion(at["CB"]!, at["CG"]!, at["ND2"]!, trans!)), 180);
  near(torsion(at["CB"]!, at["CG"]!, at["ND2"]!, cis!), 0);
  for (const hydrogen of [trans!, cis!]) near(angle(at["CG"]!, at["ND2"]!, hydrogen), 120);
  const hydroxyl = templateOf("SER")?.donors[0] as DonorRule;
  const serine: Record<string, Position> = { CA: [-1, 1.2, 0], CB: [0, 0, 0], OG: [1.42, 0, 0] };
  const [only, ...more] = donorHydrogens(hydroxyl, (name) => serine[name]);
  assert.equal(more.length, 0);
  near(distance(only!, serine["OG"]!), 0.96);
  near(angle(serine["CB"]!, serine["OG"]!, only!), 109.47);
  const thiol = templateOf("CYS")?.donors[0] as DonorRule;
  const cysteine: Record<string, Position> = { CA: [-1, 1.2, 0], CB: [0, 0, 0], SG: [1.81, 0, 0] };
  const [sulfhydryl] = donorHydrogens(thiol, (name) => cysteine[name]);
  near(angle(cysteine["CB"]!, cysteine["SG"]!, sulfhydryl!), 96.5);
  near(Math.abs(torsion(serine["CA"]!, serine["CB"]!, serine["OG"]!, only!)), 180);
});

test("a donor keeps its hydrogens at their distance though its neighbours are missing", () => {
  for (const name of ["ARG", "LYS", "TRP", "HIP", "SER", "CYS", "GLN"]) {
    for (const rule of templateOf(name)?.donors ?? []) {
      const donor: Position = [3, -2, 7];
      for (const known of [[], [rule.references[0]], [rule.references[1]]]) {
        const positionOf = (atom: string): Position | undefined =>
          atom === rule.atom ? donor : known.includes(atom) ? [3, -2, 5.5] : undefined;
        const hydrogens = donorHydrogens(rule, positionOf);
        assert.equal(hydrogens.length, rule.hydrogens);
        const bond = { N: 1.01, O: 0.96, S: 1.34 }[rule.atom[0]!]!;
        for (const hydrogen of hydrogens) near(distance(hydrogen, donor), bond);
      }
      assert.deepEqual(
        donorHydrogens(rule, () => undefined),
        [],
      );
    }
  }
});

test("a water has its own angle and points at its acceptors", () => {
  const oxygen: Position = [1, 2, 3];
  const acceptors: Position[] = [
    [1, 2, 5.8],
    [3.7, 2, 3],
  ];
  for (const given of [[], acceptors.slice(0, 1), acceptors]) {
    const [first, second] = waterHydrogens(oxygen, given);
    near(distance(first!, oxygen), 0.96);
    near(distance(second!, oxygen), 0.96);
    near(angle(first!, oxygen, second!), 104.52);
    if (given[0]) near(angle(first!, oxygen, given[0]), 0, 1e-4);
    if (given[1]) near(angle(second!, oxygen, given[1]), 14.52, 1e-4);
  }
});
