import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { connectedParts, neighbourLists } from "../structures/adjacency.ts";
import type { Bond } from "../structures/geometry.ts";
import type { Ligand } from "./ligand.ts";
import { countLargerRings, ringBonds } from "./rings.ts";
import { rotatableBonds } from "./rotors.ts";
import { AnyLigand, LIGANDS, ligand, MEEKO } from "./support.test.ts";

function torsionsOf(name: string): number {
  return rotatableBonds(ligand(name)).filter(Boolean).length;
}

test("torsions of known drugs", () => {
  const expected = {
    amprenavir: 12,
    imatinib: 7,
    propranolol: 6,
    celecoxib: 4,
    ibuprofen: 4,
    aspirin: 3,
    nicotine: 1,
    acetaminophen: 1,
    caffeine: 0,
  };
  for (const [name, torsions] of Object.entries(expected)) assert.equal(torsionsOf(name), torsions, name);
});

test("as many torsions as Meeko turns with OH and NH2 held, but for two kinds", () => {
  const differ = Object.keys(LIGANDS).filter((name) => torsionsOf(name) !== MEEKO[name]?.torsions);
  // Meeko turns amides of two unlike groups, as of proline, from cis to trans, and a methyl on an alkyne.
  assert.deepEqual(differ, ["peptide", "pentyne"]);
});

/** The bonds that turn, by the elements of their ends. */
function turning(name: string): string[] {
  const { geometry, bonds } = ligand(name);
  const turns = rotatableBonds(ligand(name));
  return bonds
    .filter((_, bond) => turns[bond])
    .map(({ from, to }) => [geometry.elements[from], geometry.elements[to]].sort().join("–"))
    .sort();
}

test("which bonds turn: not amides and their like, not ends, an alkyne once", () => {
  assert.deepEqual(turning("dimethylurea"), ["C–N", "C–N"], "N–CH2 and not N–C=O");
  assert.deepEqual(turning("thioamide"), ["C–C", "C–N"]);
  assert.deepEqual(turning("amidine"), ["C–C", "C–N"]);
  assert.deepEqual(turning("tertiary_sulfonamide"), ["C–N", "C–N", "C–S", "N–S"]);
  assert.deepEqual(turning("acylimine"), ["C–C", "C–N"], "its N has two neighbours: no amide");
  assert.deepEqual(turning("aminopyridone"), ["C–N", "C–N"], "aromatic C–N turns");
  for (const rigid of ["acetonitrile", "propyne", "pentyne", "metformin", "cubane", "indole", "ethanethiol"])
    assert.deepEqual(turning(rigid), [], rigid);
  const alkyne = rotatableBonds(ligand("diphenylacetylene"));
  assert.deepEqual(
    ligand("diphenylacetylene").bonds.flatMap(({ order }, bond) => (alkyne[bond] ? [order] : [])),
    [3],
  );
});

/** Heavy atoms in a row with these bonds between them, `N` at the end where said. */
function chain(orders: number[], last = "C"): Ligand {
  const atoms = orders.length + 1;
  const bonds = orders.map((order, atom) => ({ from: atom, to: atom + 1, order }));
  return {
    smiles: "",
    geometry: { elements: [...Array(orders.length).fill("C"), last], positions_angstrom: [] },
    bonds,
    charges: Array(atoms).fill(0),
    isotopes: Array(atoms).fill(0),
    aromatic: Array(atoms).fill(false),
  };
}

test("conjugated alkynes are one line and turn once, where something is off the line at both ends", () => {
  const turns = (orders: number[], last?: string) =>
    rotatableBonds(chain(orders, last)).flatMap((turned, bond) => (turned ? [bond] : []));
  assert.deepEqual(turns([1, 1, 3, 1, 1]), [2], "hex-3-yne");
  assert.deepEqual(turns([1, 1, 3, 1, 3, 1, 1]), [2], "octa-3,5-diyne");
  assert.deepEqual(turns([1, 1, 3, 1, 3, 1, 3, 1, 1]), [2], "a triyne");
  assert.deepEqual(turns([1, 1, 3, 1, 1, 3, 1, 1]), [2, 5], "a CH2 between: two lines");
  assert.deepEqual(turns([1, 1, 3, 1, 3, 1]), [], "a methyl at one end");
  assert.deepEqual(turns([1, 1, 3, 1, 3]), [], "nothing at one end");
  assert.deepEqual(turns([1, 1, 3, 1, 3], "N"), [], "a nitrile at one end");
});

function ring(size: number, from = 0): Bond[] {
  return Array.from({ length: size }, (_, atom) => ({
    from: Math.min(from + atom, from + ((atom + 1) % size)),
    to: Math.max(from + atom, from + ((atom + 1) % size)),
    order: 1,
  }));
}

test("rings larger than 8 atoms are counted in a smallest set of rings", () => {
  assert.equal(countLargerRings(8, ring(8), 8), 0);
  assert.equal(countLargerRings(9, ring(9), 8), 1);
  // Two rings of 6 that share a bond: the ring of 10 around both is not one of a smallest set.
  const naphthalene = [...ring(10), { from: 0, to: 5, order: 1 }];
  assert.equal(countLargerRings(10, naphthalene, 8), 0);
  // A ring of 12 with a bridge that makes it one of 9 and one of 5.
  assert.equal(countLargerRings(12, [...ring(12), { from: 0, to: 4, order: 1 }], 8), 1);
  assert.equal(countLargerRings(24, [...ring(12), ...ring(12, 12), { from: 0, to: 12, order: 1 }], 8), 2);
  // A ring through two benzene rings, joined para: the large one counts once.
  const chain = (atoms: number[]) =>
    atoms.slice(1).map((to, index) => ({ from: atoms[index] ?? 0, to, order: 1 }));
  const cyclophane = [...ring(6), ...ring(6, 6), ...chain([0, 12, 13, 6]), ...chain([3, 14, 15, 9])];
  assert.equal(countLargerRings(16, cyclophane, 8), 1);
  for (const [name, large] of [
    ["cyclododecanone", 1],
    ["cubane", 0],
    ["adamantane", 0],
    ["imatinib", 0],
  ] as const)
    assert.equal(countLargerRings(ligand(name).geometry.elements.length, ligand(name).bonds, 8), large, name);
});

test("a bond is in a ring where the molecule stays whole without it", () => {
  fc.assert(
    fc.property(AnyLigand, ({ geometry, bonds }) => {
      const atoms = geometry.elements.length;
      const whole = bonds.map(
        (_, cut) =>
          connectedParts(
            neighbourLists(
              atoms,
              bonds.filter((__, bond) => bond !== cut),
            ),
          ).length === 1,
      );
      assert.deepEqual(ringBonds(atoms, bonds), whole);
    }),
    { numRuns: 200, seed: 42 },
  );
});
