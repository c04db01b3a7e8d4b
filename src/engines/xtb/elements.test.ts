import assert from "node:assert/strict";
import { test } from "node:test";
import { SYMBOLS } from "../../structures/bonds.ts";
import { atomicNumber, atomicWeight, LAST_ELEMENT, valenceElectrons } from "./elements.ts";

/** "number of electrons" of each neutral atom, H to Rn, as xtb 6.5.1 states it with GFN1 or GFN2. */
const STATED = [
  [1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8],
  [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3, 4, 5, 6, 7, 8],
  [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3, 4, 5, 6, 7, 8],
  [1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3, 4, 5, 6, 7, 8],
].flat();

test("valence electrons are xtb's for every element", () => {
  assert.equal(STATED.length, LAST_ELEMENT);
  assert.deepEqual(
    STATED.map((_, index) => valenceElectrons(index + 1)),
    STATED,
  );
});

test("every element has its number and a weight that grows but for the known inversions", () => {
  const weights = SYMBOLS.slice(1, LAST_ELEMENT + 1).map((symbol, index) => {
    assert.equal(atomicNumber(symbol), index + 1);
    return atomicWeight(symbol);
  });
  const lighter = weights.flatMap((weight, index) =>
    weight > (weights[index + 1] ?? 999) ? [SYMBOLS[index + 1]] : [],
  );
  assert.deepEqual(lighter, ["Ar", "Co", "Te"]);
  assert.deepEqual([atomicWeight("H"), atomicWeight("C"), atomicWeight("Rn")], [1.008, 12.011, 222]);
});

test("what is no element up to radon has no number", () => {
  for (const symbol of ["U", "Fr", "X", "", "cl", "CL", "D"]) assert.equal(atomicNumber(symbol), undefined);
  assert.ok(Number.isNaN(atomicWeight("U")));
});
