import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { xtbNearHashes, xtbResultHash } from "./result-hash.ts";

const given = (energy_eh: number) => ({ energy_eh, connectivity_preserved: true });
const agree = (one: number, other: number) =>
  [xtbResultHash(given(one)), ...xtbNearHashes(given(one))].includes(xtbResultHash(given(other)));

test("energies that differ by noise agree wherever they lie, and those that differ by more do not", () => {
  assert.ok(agree(-5.0705444995, -5.0705445005), "the two sides of a rounding");
  fc.assert(
    fc.property(
      fc.double({ min: -200, max: 0, noNaN: true }),
      fc.double({ min: -4e-7, max: 4e-7, noNaN: true }),
      (at, noise) => agree(at, at + noise) && agree(at + noise, at),
    ),
  );
  fc.assert(
    fc.property(
      fc.double({ min: -200, max: 0, noNaN: true }),
      fc.double({ min: 1.6e-6, max: 1, noNaN: true }),
      (at, more) => !agree(at, at + more) && !agree(at, at - more),
    ),
  );
  const broken = { ...given(-1), connectivity_preserved: false };
  assert.ok(![xtbResultHash(broken), ...xtbNearHashes(broken)].includes(xtbResultHash(given(-1))));
});
