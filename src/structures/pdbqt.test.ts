import assert from "node:assert/strict";
import { test } from "node:test";
import { AppError } from "../errors.ts";
import { isHeavyType, pdbqtAtoms } from "./pdbqt.ts";

const line = (record: string, xyz: [string, string, string], type: string) =>
  `${record.padEnd(6)}    1  CA  ALA A   1    ${xyz.map((text) => text.padStart(8)).join("")}  1.00  0.00     0.123 ${type}`;

test("atoms are read by column, in file order, and nothing else is an atom", () => {
  const text = [
    "REMARK  Name = x",
    "ROOT",
    line("ATOM", ["1.000", "-22.500", "333.125"], "C "),
    line("HETATM", ["-100.001", "0.000", "-0.001"], "OA"),
    "ENDROOT",
    "ATOMIC notes are no atoms",
    line("ATOM", ["0.000", "0.000", "0.000"], "HD"),
    line("ATOM", ["0.000", "0.000", "1.000"], "A"),
    "TORSDOF 0",
  ].join("\n");
  assert.deepEqual(pdbqtAtoms(text), [
    { type: "C", position_angstrom: [1, -22.5, 333.125] },
    { type: "OA", position_angstrom: [-100.001, 0, -0.001] },
    { type: "HD", position_angstrom: [0, 0, 0] },
    { type: "A", position_angstrom: [0, 0, 1] },
  ]);
  assert.deepEqual(pdbqtAtoms(""), []);
});

test("columns that touch are still three numbers, and CRLF changes nothing", () => {
  const text = `${line("ATOM", ["-100.123", "-200.456", "-300.789"], "NA")}\r\n`;
  assert.deepEqual(pdbqtAtoms(text), [{ type: "NA", position_angstrom: [-100.123, -200.456, -300.789] }]);
});

test("a coordinate that is no number is refused by its line", () => {
  for (const field of ["nan", "", "*****", "1.2.3", "Infinity"]) {
    const text = `REMARK\n${line("ATOM", ["1.000", field, "2.000"], "C ")}\n`;
    assert.throws(
      () => pdbqtAtoms(text),
      (error: unknown) =>
        error instanceof AppError && error.kind === "bad_input" && error.fields[0]?.line === 2,
      field,
    );
  }
  assert.throws(() => pdbqtAtoms("ATOM      1  C   LIG"), { kind: "bad_input" }, "a line that is cut off");
});

test("hydrogens of any kind are not heavy, everything else is", () => {
  assert.deepEqual(["H", "HD", "HS"].map(isHeavyType), [false, false, false]);
  assert.ok(["C", "A", "N", "NA", "OA", "SA", "Cl", "Hg", "Zn"].every(isHeavyType));
});
