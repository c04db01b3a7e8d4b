import assert from "node:assert/strict";
import { test } from "node:test";
import { transform } from "../structures/superpose.ts";
import { distance } from "../structures/vectors.ts";
import { prepareReceptor } from "./prepare.ts";
import { bytes, HPV, type PdbqtAtom, pdb, peptide, readPdbqt, type TestAtom } from "./support.test.ts";

const NAMES = ["GLY", "ALA", "SER", "ALA", "GLY", "ALA", "SER", "GLY", "ALA", "GLY", "ALA"];

function symmetryOf(text: string) {
  return prepareReceptor(bytes(text)).report.symmetry;
}

/** A second chain by half a turn about an axis along z through (20, 0). */
function image(atoms: TestAtom[], noise = 0): TestAtom[] {
  return atoms.map((atom, index) => {
    const [x, y, z] = atom.position;
    return { ...atom, chain: "B", position: [40 - x, -y, z + noise * (index % 2)] };
  });
}

test("1HPV's motion lays each chain on the other, CA within 0.234 Å, and twice is nothing", () => {
  const symmetry = symmetryOf(HPV);
  assert.ok(symmetry !== null);
  assert.deepEqual([symmetry.chains, symmetry.residues], [["A", "B"], 99]);
  assert.ok(Math.abs(symmetry.rmsd_angstrom - 0.2334) < 1e-4);
  const alphas = readPdbqt(prepareReceptor(bytes(HPV)).pdbqt).filter((atom) => atom.name === "CA");
  const squares = alphas.map((atom) => {
    const partner = alphas.find((other) => other.place === mate(atom)) as PdbqtAtom;
    return distance(transform(symmetry, atom.position), partner.position) ** 2;
  });
  const rmsd = Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
  assert.ok(Math.abs(rmsd - symmetry.rmsd_angstrom) < 1e-3);
  const there = transform(symmetry, [9.357, 16.147, 9.207]);
  assert.ok(distance(transform(symmetry, there), [9.357, 16.147, 9.207]) < 0.01);
});

function mate({ place }: PdbqtAtom): string {
  return `${place.startsWith("A") ? "B" : "A"}${place.slice(1)}`;
}

test("two images of one chain are symmetric; 90 % of equal residues are enough", () => {
  const one = peptide(NAMES);
  const exact = symmetryOf(pdb(one, "TER", image(one)));
  assert.ok(exact !== null && exact.rmsd_angstrom < 1e-3 && exact.residues === 11);
  const mutate = (atoms: TestAtom[], until: number) =>
    atoms.map((atom) => (atom.residue === "GLY" && atom.number < until ? { ...atom, residue: "ALA" } : atom));
  assert.equal(symmetryOf(pdb(one, "TER", mutate(image(one), 2)))?.residues, 10);
  assert.equal(symmetryOf(pdb(one, "TER", mutate(image(one), 6))), null);
});

test("one chain, three, unequal ones or chains of other shape have no symmetry", () => {
  const one = peptide(NAMES);
  const two = image(one);
  assert.equal(symmetryOf(pdb(one)), null);
  const third = peptide(NAMES, { chain: "C", at: [0, 0, 40] });
  assert.equal(symmetryOf(pdb(one, "TER", two, "TER", third)), null);
  assert.equal(
    symmetryOf(
      pdb(
        one,
        "TER",
        two.filter((atom) => atom.number < 11),
      ),
    ),
    null,
  );
  const renumbered = two.map((atom) => ({ ...atom, number: atom.number + 100 }));
  assert.equal(symmetryOf(pdb(one, "TER", renumbered)), null);
  const shifted = peptide(NAMES.slice(0, 6), { chain: "B", at: [0, 0, 40] });
  const bent = [...shifted, ...peptide(NAMES.slice(6), { chain: "B", start: 7, at: [0, 0, 60] })];
  assert.equal(symmetryOf(pdb(one, "TER", shifted, "TER", bent.slice(shifted.length))), null);
});

test("a histidine named after its state is the same residue", () => {
  const named = HPV.replaceAll("HIS A", "HIE A");
  assert.equal(symmetryOf(named)?.residues, 99);
});
