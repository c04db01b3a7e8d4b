import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppError } from "../../errors.ts";
import type { Geometry } from "../../structures/geometry.ts";
import { checkXtbInput } from "./check.ts";
import { xtbParams } from "./schema.ts";
import { atoms, species, WATER } from "./support.test.ts";

function refusal(geometry: Geometry, charge = 0, multiplicity = 1, large = false): AppError {
  let thrown: unknown;
  try {
    checkXtbInput(xtbParams({ large }), species(geometry, charge, multiplicity));
  } catch (error) {
    thrown = error;
  }
  assert.ok(thrown instanceof Error, "nothing was refused");
  return thrown as AppError;
}

test("sound species pass: closed shell, ion, radical, triplet, bare proton", () => {
  for (const [text, charge, multiplicity] of [
    ["O 0 0 0; H 0 0 1; H 0 1 0", 0, 1],
    ["O 0 0 0; H 0 0 1; H 0 1 0", 1, 2],
    ["O 0 0 0; O 0 0 1.2", 0, 3],
    ["H 0 0 0", 1, 1],
    ["Rn 0 0 0", 0, 1],
    ["C 0 0 0", 0, 5],
  ] as const)
    checkXtbInput(xtbParams(), species(atoms(text), charge, multiplicity));
});

test("parity is explained with what would fit", () => {
  const cation = refusal(WATER, 1, 1);
  assert.deepEqual([cation.kind, cation.code], ["engine_refused", "electron_parity"]);
  assert.equal(
    cation.message,
    "charge 1 leaves 9 electrons (7 of them valence), which multiplicity 1 can't have: use 2 or 4…",
  );
  assert.match(refusal(WATER, 0, 2).message, /use 1 or 3…$/);
  assert.match(refusal(atoms("He 0 0 0"), 0, 2).message, /use 1 or 3$/);
  assert.match(refusal(atoms("H 0 0 0"), 0, 1).message, /use 2$/);
});

test("more unpaired electrons than valence electrons are refused: xtb aborts", () => {
  assert.equal(refusal(WATER, 0, 21).code, "electron_parity");
  assert.equal(refusal(atoms("Li 0 0 0; H 0 0 1.6"), 0, 5).code, "electron_parity");
});

test("a charge beyond the valence shells is refused", () => {
  assert.match(refusal(atoms("Li 0 0 0"), 2, 2).message, /1 electrons more than the valence shells hold/);
  assert.equal(refusal(WATER, 20, 1).code, "electron_parity");
});

test("charge and multiplicity are whole numbers", () => {
  for (const [charge, multiplicity] of [
    [0.5, 1],
    [Number.NaN, 1],
    [0, 0],
    [0, -1],
    [0, 1.5],
    [0, Number.NaN],
    [Number.POSITIVE_INFINITY, 1],
  ] as const)
    assert.equal(refusal(WATER, charge, multiplicity).code, "electron_parity");
});

test("elements beyond radon and no elements are refused by name", () => {
  for (const symbol of ["U", "Xx", "cl", ""]) {
    const error = refusal(atoms(`C 0 0 0; ${symbol} 0 0 2`.replace("  ", " ")));
    assert.equal(error.code, "unsupported_element");
  }
  assert.match(refusal(atoms("U 0 0 0")).message, /"U".*Z 1–86/);
});

test("more than 200 atoms need a word; it lifts nothing else", () => {
  const helium = (count: number) =>
    atoms(Array.from({ length: count }, (_, index) => `He ${3 * index} 0 0`).join(";"));
  checkXtbInput(xtbParams(), species(helium(200)));
  assert.equal(refusal(helium(201)).code, "too_large");
  checkXtbInput(xtbParams({ large: true }), species(helium(201)));
  assert.equal(refusal(helium(201), 1, 1, true).code, "electron_parity");
});

test("no atoms, no numbers and atoms in one place are bad input", () => {
  assert.equal(refusal({ elements: [], positions_angstrom: [] }).kind, "bad_input");
  assert.equal(refusal(atoms("H 0 0 0; H 0 0 nan")).kind, "bad_input");
  assert.equal(refusal(atoms("H 0 0 0; H 0 0 Infinity")).kind, "bad_input");
  assert.equal(refusal(atoms("O 0 0 0; H 0 0 0.05; H 0 1 0")).kind, "bad_input");
  assert.equal(refusal({ elements: ["H", "H"], positions_angstrom: [[0, 0, 0]] }).kind, "bad_input");
});
