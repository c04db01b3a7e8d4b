import assert from "node:assert/strict";
import { test } from "node:test";
import { perceiveBonds } from "../structures/bonds.ts";
import { extractHet, listHets } from "./het.ts";
import { readPdb } from "./pdb.ts";
import { bytes, HPV, pdb, peptide, refusal, type TestAtom, water } from "./support.test.ts";

function read(text: string) {
  return readPdb(bytes(text));
}

/** Ethanol's heavy atoms. */
function ethanol(chain: string, number: number, serials = ["11", "12", "13"]): TestAtom[] {
  return (["C1", "C2", "O1"] as const).map((name, index) => ({
    ...{ name, residue: "EOH", chain, number, het: true, serial: serials[index]! },
    position: [index * 1.45, number, index % 2],
  }));
}

const PROTEIN = peptide(["GLY", "ALA"]);

test("1HPV has one het: amprenavir, 35 atoms, 37 bonds from CONECT", () => {
  const file = read(HPV);
  assert.deepEqual(listHets(file), [
    { label: "478:200", name: "478", chain: "", number: 200, insertion_code: "", atoms: 35 },
  ]);
  const { label, geometry, bonds } = extractHet(file, "478");
  assert.equal(label, "478:200");
  const count = (element: string) => geometry.elements.filter((other) => other === element).length;
  assert.deepEqual(["C", "N", "O", "S"].map(count), [25, 3, 6, 1]);
  assert.equal(bonds.length, 37);
  assert.deepEqual(bonds.slice(0, 2), [
    { from: 0, to: 3, order: 1 },
    { from: 0, to: 33, order: 1 },
  ]);
  assert.deepEqual(geometry.positions_angstrom[0], [11.169, 14.977, 2.445]);
  assert.deepEqual(bonds, perceiveBonds(geometry));
});

test("1HPV's ligand is found by every selector that names it", () => {
  const file = read(HPV);
  for (const selector of ["478", " 478 ", "478:200", ":200", "_:200", "478:_:200", "478::200", ""])
    assert.equal(extractHet(file, selector).label, "478:200", selector);
});

test("one of several is named by chain and number; a name alone is ambiguous", () => {
  const file = read(pdb(PROTEIN, "TER", ethanol("A", 301), ethanol("B", 301), [water(9, [9, 9, 9])]));
  assert.deepEqual(
    listHets(file).map(({ label }) => label),
    ["EOH:A:301", "EOH:B:301"],
  );
  for (const selector of ["EOH:B:301", "B:301", "eoh:B:301"])
    assert.equal(extractHet(file, selector).label, "EOH:B:301");
  const ambiguous = refusal(() => extractHet(file, "EOH"));
  assert.match(ambiguous.message, /het "EOH" is ambiguous: EOH:A:301 \(line \d+\), EOH:B:301 \(line \d+\);/);
  assert.match(refusal(() => extractHet(file, "")).message, /several hets are there: EOH:A:301/);
  for (const selector of ["XYZ", "EOH:C:301", "EOH:A:302", "A:1", "GLY", "HOH", "EOH:A:301:x"])
    assert.match(
      refusal(() => extractHet(file, selector)).message,
      /there is no het ".*": the file has EOH:A:301, EOH:B:301$/,
    );
  assert.match(refusal(() => extractHet(read(pdb(PROTEIN)), "LIG")).message, /the file has none/);
});

test("bonds come from distances where CONECT does not serve", () => {
  const expected = [
    { from: 0, to: 1, order: 1 },
    { from: 1, to: 2, order: 1 },
  ];
  const bondsOf = (...parts: (TestAtom[] | string)[]) =>
    extractHet(read(pdb(PROTEIN, "TER", ...parts)), "EOH").bonds;
  assert.deepEqual(bondsOf(ethanol("A", 301)), expected);
  assert.deepEqual(bondsOf(ethanol("A", 301), "CONECT   11   12"), expected, "an atom without CONECT");
  const starred = ethanol("A", 301, ["*****", "*****", "*****"]);
  assert.deepEqual(bondsOf(starred, "CONECT**********"), expected, "serials that overflowed");
  const stale = ["CONECT   11   13", "CONECT   12   13"] as const;
  assert.deepEqual(bondsOf(ethanol("A", 301), ...stale), expected, "a bond of 3 Å");
});

/** Ethanol bent so far that by distance each atom is bonded to both others. */
function bent(serials?: string[]): TestAtom[] {
  return ethanol("A", 301, serials).map((atom) =>
    atom.name === "O1" ? { ...atom, position: [0.72, 301, 1.2] as const } : atom,
  );
}

test("CONECT is believed where it is complete: one way, doubled or with others", () => {
  const text = pdb(PROTEIN, "TER", bent(), "CONECT   13   12   12    1", "CONECT   12   11");
  assert.deepEqual(extractHet(read(text), "EOH").bonds, [
    { from: 0, to: 1, order: 1 },
    { from: 1, to: 2, order: 1 },
  ]);
});

test("CONECT is not believed where serials are not unique", () => {
  const text = pdb(PROTEIN, "TER", bent(["11", "11", "12"]), "CONECT   11   12");
  assert.equal(extractHet(read(text), "EOH").bonds.length, 3);
});

test("hydrogens are left out, and bonds count the heavy atoms that remain", () => {
  const hydrogen: TestAtom = {
    ...ethanol("A", 301)[0]!,
    name: "H1",
    element: "H",
    serial: "14",
    position: [0, 301, -1],
  };
  const [first, ...rest] = ethanol("A", 301);
  const file = read(
    pdb(PROTEIN, "TER", [first!, hydrogen, ...rest], "CONECT   11   14   12", "CONECT   13   12"),
  );
  const { geometry, bonds } = extractHet(file, "EOH");
  assert.deepEqual(geometry.elements, ["C", "C", "O"]);
  assert.deepEqual(bonds, [
    { from: 0, to: 1, order: 1 },
    { from: 1, to: 2, order: 1 },
  ]);
  assert.equal(listHets(file)[0]?.atoms, 3);
});

test("a ligand alone in a file is found, as ATOM records too", () => {
  for (const het of [true, false]) {
    const file = read(pdb(ethanol("A", 1).map((atom) => ({ ...atom, het }))));
    assert.equal(extractHet(file, "").geometry.elements.length, 3);
  }
});

test("alternate locations, atoms in one place and unknown elements are refused by their lines", () => {
  const [first, ...rest] = ethanol("A", 301);
  const refused = (atoms: TestAtom[]) => refusal(() => extractHet(read(pdb(PROTEIN, "TER", atoms)), "EOH"));
  const alternate = refused([{ ...first!, altloc: "A" }, { ...first!, altloc: "B" }, ...rest]);
  assert.match(alternate.message, /EOH:A:301 has alternate locations \(A, B\)/);
  assert.match(refused([first!, { ...rest[0]!, position: first!.position }]).message, /line 12: .*apart/);
  const unknown = refused([first!, { ...rest[0]!, name: "X1", element: "" }]);
  assert.equal(unknown.code, "unsupported_element");
});
