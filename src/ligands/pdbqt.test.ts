import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AppError } from "../errors.ts";
import type { Ligand } from "./ligand.ts";
import { prepareLigand } from "./pdbqt.ts";
import { AnyLigand, branchesOf, LIGANDS, ligand, positionsOf } from "./support.test.ts";

test("the file of aspirin, byte by byte", () => {
  const { pdbqt, torsions, rigid_macrocycles } = prepareLigand(ligand("aspirin"));
  const lines = pdbqt.split("\n");
  assert.deepEqual(lines.slice(0, 5), [
    "REMARK SMILES CC(=O)Oc1ccccc1C(=O)O",
    "REMARK SMILES IDX 5 1 6 2 7 3 8 4 9 5 10 6 4 7 2 8 1 9 3 10 11 11 12 12 13 13",
    "REMARK H PARENT 13 14",
    "ROOT",
    "ATOM      1  C1  UNL     1       2.862   0.422   1.056  1.00  0.00     0.000 A",
  ]);
  const words = lines.filter((line) => !line.startsWith("ATOM") && !line.startsWith("REMARK"));
  assert.deepEqual(words, [
    "ROOT",
    "ENDROOT",
    "BRANCH   1   7",
    "BRANCH   7   8",
    "ENDBRANCH   7   8",
    "ENDBRANCH   1   7",
    "BRANCH   6  11",
    "ENDBRANCH   6  11",
    "TORSDOF 3",
    "",
  ]);
  assert.deepEqual([torsions, rigid_macrocycles], [3, 0]);
});

test("columns are those of the format, whatever the numbers", () => {
  const far = ligand("iodobenzyl_bromide");
  const positions = far.geometry.positions_angstrom.map(
    ([x, y, z], atom) => [x - 900, y + 900, atom === 0 ? -0.0002 : z] as const,
  );
  const { pdbqt, atoms } = prepareLigand({
    ...far,
    geometry: { ...far.geometry, positions_angstrom: positions },
  });
  const lines = pdbqt.split("\n").filter((line) => line.startsWith("ATOM"));
  for (const [index, line] of lines.entries()) {
    const cut = (from: number, to: number) => line.slice(from - 1, to).trim();
    const element = far.geometry.elements[atoms[index] ?? -1] ?? "";
    assert.equal(cut(7, 11), String(index + 1));
    assert.match(cut(13, 16), new RegExp(`^${element.toUpperCase()}\\d+$`));
    assert.deepEqual([cut(18, 20), cut(23, 26), cut(71, 76)], ["UNL", "1", "0.000"]);
    assert.equal(line.slice(77), element === "C" ? (far.aromatic[atoms[index] ?? -1] ? "A" : "C") : element);
    assert.equal(line.slice(46, 54) === "   0.000", atoms[index] === 0, "no negative zero");
  }
  for (const [index, position] of positionsOf(pdbqt).entries())
    for (const [axis, value] of position.entries())
      assert.ok(Math.abs(value - (positions[atoms[index] ?? -1]?.[axis] ?? 0)) <= 0.000501);
});

test("one atom, no torsions and every fixture give a whole file", () => {
  for (const [name, atoms, torsions] of [
    ["methane", 1, 0],
    ["water", 3, 0],
    ["ammonium", 5, 0],
    ["caffeine", 14, 0],
  ] as const) {
    const prepared = prepareLigand(ligand(name));
    assert.deepEqual(
      [prepared.atoms.length, prepared.torsions, prepared.fragments.length],
      [atoms, torsions, 1],
    );
    assert.deepEqual(branchesOf(prepared.pdbqt), []);
  }
  for (const each of Object.values(LIGANDS)) checkFile(each);
});

/** What holds of every file: the tree, the way back, and that equal ligands give equal bytes. */
function checkFile(each: Ligand): void {
  const prepared = prepareLigand(each);
  const { pdbqt, atoms, fragments, torsions } = prepared;
  const { elements } = each.geometry;
  const numbered = pdbqt.split("\n").filter((line) => line.startsWith("ATOM"));
  assert.deepEqual(
    numbered.map((line) => Number(line.slice(6, 11))),
    atoms.map((_, index) => index + 1),
  );
  const branches = branchesOf(pdbqt);
  assert.equal(branches.length, torsions);
  assert.match(pdbqt, new RegExp(`\nTORSDOF ${torsions}\n$`));
  assert.deepEqual(
    fragments.flat().sort((a, b) => a - b),
    [...elements.keys()],
  );
  assert.equal(fragments.length, torsions + 1);
  assert.equal(new Set(atoms).size, atoms.length);
  for (const [atom, element] of elements.entries())
    if (element !== "H") assert.ok(atoms.includes(atom), "every heavy atom is written");
  for (const { axis, serials } of branches) {
    const [from = -1, to = -1] = axis.map((serial) => atoms[serial - 1] ?? -1);
    assert.ok(each.bonds.some((bond) => bond.from === Math.min(from, to) && bond.to === Math.max(from, to)));
    const inside = new Set(serials.map((serial) => atoms[serial - 1] ?? -1));
    const crossing = each.bonds.filter(
      (bond) =>
        atoms.includes(bond.from) && atoms.includes(bond.to) && inside.has(bond.from) !== inside.has(bond.to),
    );
    assert.equal(crossing.length, 1, "a branch hangs on its axis alone");
  }
  checkRemarks(each, pdbqt, atoms);
  assert.equal(prepareLigand(structuredClone(each)).pdbqt, pdbqt);
}

/** Pairs of numbers in the remarks with a prefix. */
function pairs(pdbqt: string, prefix: string): [number, number][] {
  const lines = pdbqt.split("\n").filter((line) => line.startsWith(`${prefix} `));
  assert.ok(lines.every((line) => line.length < 80));
  const numbers = lines.flatMap((line) => line.slice(prefix.length).trim().split(/\s+/).map(Number));
  assert.equal(numbers.length % 2, 0);
  return numbers.flatMap((number, at) => (at % 2 === 0 ? [[number, numbers[at + 1] ?? 0]] : []));
}

function checkRemarks(each: Ligand, pdbqt: string, atoms: number[]): void {
  const { elements } = each.geometry;
  const heavy = [...elements.keys()].filter((atom) => elements[atom] !== "H");
  assert.equal(pdbqt.split("\n")[0], `REMARK SMILES ${each.smiles}`);
  const index = pairs(pdbqt, "REMARK SMILES IDX").map(([number, serial]) => [
    heavy[number - 1],
    atoms[serial - 1],
  ]);
  assert.equal(index.length, heavy.length);
  for (const [inSmiles, inFile] of index) assert.equal(inSmiles, inFile);
  const parents = pairs(pdbqt, "REMARK H PARENT");
  assert.equal(parents.length, atoms.length - heavy.length);
  for (const [number, serial] of parents) {
    const [parent = -1, hydrogen = -1] = [heavy[number - 1], atoms[serial - 1]];
    assert.ok(
      each.bonds.some(({ from, to }) => [from, to].includes(parent) && [from, to].includes(hydrogen)),
    );
  }
}

test("any graph: each atom in one fragment, branches closed, remarks true, equal bytes", () => {
  fc.assert(fc.property(AnyLigand, checkFile), { numRuns: 300, seed: 42 });
});

test("the root's largest branch is as small as it can be", () => {
  for (const name of ["amprenavir", "imatinib", "propranolol"]) {
    const { pdbqt, atoms, torsions } = prepareLigand(ligand(name));
    const branches = branchesOf(pdbqt);
    assert.ok(branches.length === torsions);
    const largest = Math.max(...branches.map(({ serials }) => serials.length));
    // Each torsion divides the molecule; no root does better than the most even division on its far side.
    const others = branches.map(({ serials }) => Math.max(serials.length, atoms.length - serials.length));
    assert.ok(largest <= Math.min(...others), name);
  }
});

test("hydrogens written as atoms in the SMILES are counted in its numbers", () => {
  const heavyWater = { ...ligand("water"), smiles: "[2H]O[2H]" };
  assert.match(prepareLigand(heavyWater).pdbqt, /^REMARK SMILES IDX 2 1\nREMARK H PARENT 2 2 2 3$/m);
  const fluorine = { ...ligand("hydrogen_fluoride"), smiles: "[2H]F |$tail$|" };
  assert.match(prepareLigand(fluorine).pdbqt, /^REMARK SMILES \[2H\]F\nREMARK SMILES IDX 2 1$/m);
});

test("a SMILES whose atoms stand in another order is refused, as its numbers would be wrong", () => {
  const named = (smiles: string) => () => prepareLigand({ ...ligand("acetonitrile"), smiles });
  assert.deepEqual(ligand("acetonitrile").smiles, "CC#N");
  assert.throws(named("N#CC"), {
    kind: "internal",
    message: /atom 1 of a ligand is C and another in its SMILES/,
  });
  named("[13CH3]C#[15N]")();
  for (const name of Object.keys(LIGANDS)) prepareLigand(ligand(name));
});

test("what no file can hold is refused", () => {
  const ethane = ligand("ethane");
  const parts = { ...ethane, bonds: ethane.bonds.filter(({ from, to }) => from !== 0 || to !== 1) };
  assert.throws(
    () => prepareLigand(parts),
    (error: unknown) => error instanceof AppError && error.code === "ambiguous_parent",
  );
  for (const x of [Number.NaN, Number.POSITIVE_INFINITY, -1000]) {
    const positions = ethane.geometry.positions_angstrom.with(3, [x, 0, 0]);
    const outside = { ...ethane, geometry: { ...ethane.geometry, positions_angstrom: positions } };
    assert.throws(
      () => prepareLigand(outside),
      (error: unknown) =>
        error instanceof AppError && error.kind === "bad_input" && /atom 4/.test(error.message),
    );
  }
  assert.throws(() => prepareLigand({ ...ethane, smiles: "CCC" }), /2 heavy atoms has a SMILES of 3/);
});
