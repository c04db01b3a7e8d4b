import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { neighbourLists } from "../structures/adjacency.ts";
import type { Geometry, Position } from "../structures/geometry.ts";
import { parseMolblock, splitSdf } from "../structures/sdf.ts";
import type { PreparedLigand } from "./ligand.ts";
import { prepareLigand } from "./pdbqt.ts";
import { checkPose, poseGeometry, poseSdf } from "./poses.ts";
import {
  AnyLigand,
  distance,
  LIGANDS,
  ligand,
  positionsOf,
  rotateAbout,
  signedVolume,
  turned,
} from "./support.test.ts";

test("the file's own positions give the conformer back", () => {
  for (const [name, each] of Object.entries(LIGANDS)) {
    const prepared = prepareLigand(each);
    const pose = poseGeometry(prepared, positionsOf(prepared.pdbqt));
    assert.deepEqual(pose.elements, each.geometry.elements);
    for (const [atom, position] of pose.positions_angstrom.entries()) {
      const off = distance(position, each.geometry.positions_angstrom[atom]);
      assert.ok(off < 2e-3, `${name}: atom ${atom + 1} is ${off} Å away`);
    }
    assert.deepEqual(checkPose(prepared, pose), []);
  }
});

/** Bond lengths, angles (as 1–3 distances) and handedness of every atom are those of the conformer. */
function checkShape(prepared: PreparedLigand, pose: Geometry, tolerance: number): void {
  const { bonds, geometry } = prepared.ligand;
  const [before, after] = [geometry.positions_angstrom, pose.positions_angstrom];
  const neighbours = neighbourLists(before.length, bonds);
  for (const { from, to } of bonds)
    assert.ok(Math.abs(distance(after[from], after[to]) - distance(before[from], before[to])) < tolerance);
  for (const [atom, around] of neighbours.entries()) {
    for (const [index, a] of around.entries())
      for (const b of around.slice(index + 1))
        assert.ok(Math.abs(distance(after[a], after[b]) - distance(before[a], before[b])) < tolerance);
    const [a = -1, b = -1, c = -1] = around;
    if (around.length < 3) continue;
    const volume = (positions: Position[]) =>
      signedVolume(
        ...([atom, a, b, c].map((at) => positions[at]) as [Position, Position, Position, Position]),
      );
    assert.ok(Math.abs(volume(after) - volume(before)) < 20 * tolerance, "handedness");
  }
}

const Angle = fc.double({ min: -Math.PI, max: Math.PI, noNaN: true });
const Angles = fc.array(Angle, { minLength: 30, maxLength: 30 });

/** The whole moved as one: turned about two lines and shifted. */
function moved(positions: Position[], [a = 0, b = 0, x = 0, y = 0]: number[]): Position[] {
  return positions
    .map((position) => rotateAbout(position, [0, 0, 0], [0, 0, 1], a))
    .map((position) => rotateAbout(position, [1, 0, 0], [1, 2, 1], b))
    .map(([px, py, pz]): Position => [px + 10 * x, py - 10 * y, pz + 5]);
}

function rounded(positions: Position[]): Position[] {
  return positions.map(
    ([x, y, z]) => [x, y, z].map((value) => Number(value.toFixed(3))) as [number, number, number],
  );
}

test("every torsion turned at random, the whole moved: each fragment keeps its shape and its hand", () => {
  const name = fc.constantFrom(...Object.keys(LIGANDS));
  fc.assert(
    fc.property(name, Angles, Angles, (which, angles, motion) => {
      const prepared = prepareLigand(ligand(which));
      // As in Vina's file, at three decimals.
      const pose = poseGeometry(prepared, rounded(moved(turned(prepared, angles), motion)));
      checkShape(prepared, pose, 5e-3);
      assert.deepEqual(checkPose(prepared, pose), []);
    }),
    { numRuns: 150, seed: 42 },
  );
});

test("the same of any graph", () => {
  fc.assert(
    fc.property(AnyLigand, Angles, Angles, (any, angles, motion) => {
      const prepared = prepareLigand(any);
      const pose = poseGeometry(prepared, moved(turned(prepared, angles), motion));
      // Exact but for atoms that are nearly on a line, 0.001 Å.
      checkShape(prepared, pose, 5e-3);
      assert.deepEqual(checkPose(prepared, pose), []);
    }),
    { numRuns: 150, seed: 42 },
  );
});

test("a line turned right round keeps its hydrogens", () => {
  for (const name of ["methane", "ethane", "acetylene", "propyne", "acetonitrile", "hydrogen_fluoride"]) {
    const prepared = prepareLigand(ligand(name));
    const written = positionsOf(prepared.pdbqt);
    const [first = [0, 0, 0]] = written;
    for (const sign of [1, -1]) {
      const there = written.map(
        (p): Position => [sign * (p[0] - first[0]) + 4, sign * (p[1] - first[1]), sign * (p[2] - first[2])],
      );
      const pose = poseGeometry(prepared, there);
      checkShape(prepared, pose, 5e-3);
      assert.deepEqual(checkPose(prepared, pose), []);
    }
  }
});

test("a pose that is not the ligand is told", () => {
  const prepared = prepareLigand(ligand("ibuprofen"));
  const good = positionsOf(prepared.pdbqt);
  const mirrored = poseGeometry(
    prepared,
    good.map(([x, y, z]): Position => [-x, y, z]),
  );
  assert.match(checkPose(prepared, mirrored).join(), /from its place in its rigid fragment/);
  const [x, y, z] = good[3] ?? [0, 0, 0];
  const torn = checkPose(prepared, poseGeometry(prepared, good.with(3, [x + 1, y, z])));
  assert.match(torn.join("\n"), /^bond C\d+–C\d+ is \d\.\d{3} Å, not \d\.\d{3} Å$/m);
  assert.match(torn.join("\n"), /^C\d+ is \d\.\d{3} Å from its place/m);
  // Oxygen 0.03 Å along its bond is rounding, 0.08 Å is a longer bond; all else is whole.
  const [carbonyl = -1, oxygen = -1] = [10, 11].map((atom) => prepared.atoms.indexOf(atom));
  const [here = [0, 0, 0], there = [0, 0, 0]] = [good[carbonyl], good[oxygen]];
  const stretched = (by: number) => {
    const factor = 1 + by / distance(here, there);
    const end = [0, 1, 2].map(
      (axis) => (here[axis] ?? 0) + factor * ((there[axis] ?? 0) - (here[axis] ?? 0)),
    );
    return checkPose(prepared, poseGeometry(prepared, good.with(oxygen, end as unknown as Position)));
  };
  assert.deepEqual(stretched(0.03), []);
  assert.equal(stretched(0.08).length, 1);
  // The ring of one pose, the rest of another: bonds break between fragments, which are whole themselves.
  const elsewhere = good.map(([a, b, c], index): Position => (index < 6 ? [a + 5, b, c] : [a, b, c]));
  assert.ok(checkPose(prepared, poseGeometry(prepared, elsewhere)).length > 0);
  assert.throws(
    () => poseGeometry(prepared, good.slice(1)),
    /a pose of 15 atoms for a ligand written with 16/,
  );
});

test("a labelled ligand's poses are labelled", () => {
  const methane = ligand("methane");
  const labelled = { ...methane, smiles: "[13CH3][2H]", isotopes: [13, 2, 0, 0, 0] };
  const prepared = prepareLigand(labelled);
  const text = poseSdf(prepared, poseGeometry(prepared, positionsOf(prepared.pdbqt)), {});
  assert.deepEqual(parseMolblock(text).isotopes, labelled.isotopes);
});

test("a pose as a record of an SD file has its bonds, charges, hydrogens and data items", () => {
  for (const name of ["acetate", "guanidinium", "amprenavir", "methane"]) {
    const prepared = prepareLigand(ligand(name));
    const pose = poseGeometry(prepared, positionsOf(prepared.pdbqt));
    const text = poseSdf(prepared, pose, {
      affinity_kcal_mol: -9.75,
      "odd <name>": "two\nlines",
      note: "> <not> an item",
      money: "$$$$",
      none: "",
    });
    assert.ok(text.endsWith("\n\n$$$$\n"));
    assert.equal(splitSdf(text).length, 1);
    const read = parseMolblock(text);
    assert.deepEqual(read.bonds, prepared.ligand.bonds);
    assert.equal(
      read.charge,
      prepared.ligand.charges.reduce((sum, charge) => sum + charge, 0),
    );
    assert.deepEqual(read.geometry.elements, prepared.ligand.geometry.elements);
    for (const [atom, position] of read.geometry.positions_angstrom.entries())
      assert.ok(distance(position, pose.positions_angstrom[atom]) < 1e-4);
    assert.deepEqual(
      { ...read.properties },
      {
        affinity_kcal_mol: "-9.75",
        odd_name_: "two lines",
        note: " > <not> an item",
        money: " $$$$",
        none: "",
      },
    );
  }
});
