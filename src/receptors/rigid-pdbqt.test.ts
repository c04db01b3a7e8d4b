import assert from "node:assert/strict";
import { test } from "node:test";
import { formatRigidPdbqt, type ReceptorAtom } from "./rigid-pdbqt.ts";

const ATOM: ReceptorAtom = {
  ...{ name: "CA", type: "C", position: [1, -0.0001, 9999.999], het: false, molecule: 0 },
  residue: { name: "ALA", chain: "", number: 12_345, insertion: "B" },
};

test("columns hold whatever comes: large numbers, blank chains, long names, no negative zero", () => {
  const lines = formatRigidPdbqt([ATOM, { ...ATOM, name: "HH11", type: "HD", molecule: 1 }]).split("\n");
  assert.deepEqual(lines.slice(1), [
    "ATOM      1  CA  ALA  2345B      1.000   0.0009999.999  1.00  0.00     0.000 C",
    "TER       2      ALA  2345B",
    "ATOM      3 HH11 ALA  2345B      1.000   0.0009999.999  1.00  0.00     0.000 HD",
    "TER       4      ALA  2345B",
    "END",
    "",
  ]);
});

test("serials start again after 99,999 instead of shifting the columns", () => {
  const lines = formatRigidPdbqt(Array.from({ length: 100_001 }, () => ATOM)).split("\n");
  assert.match(lines[99_999]!, /^ATOM {2}99999 {2}CA {2}ALA/);
  assert.match(lines[100_000]!, /^ATOM {6}0 {2}CA {2}ALA/);
  assert.equal(lines[100_000]!.length, lines[99_999]!.length);
});
