import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { AppError } from "../errors.ts";
import { prepareReceptor } from "../receptors/prepare.ts";
import { formatRigidPdbqt } from "../receptors/rigid-pdbqt.ts";
import { incompleteNotes } from "./incomplete.ts";

const HPV = readFileSync(join(import.meta.dirname, "../../examples/1hpv.pdb"), "utf8");
/** Around amprenavir's place in 1HPV. */
const BOX = { center_angstrom: [9.4, 16.1, 9.2], size_angstrom: [20, 18, 26] } as const;

/** 1HPV with these residues cut at CB, as crystallographers leave what they cannot see. */
function cutAt(places: string[]): Parameters<typeof incompleteNotes> {
  const wanted = new Set(places.map((place) => place.replace(/:(\d+)/, (_, n) => n.padStart(4))));
  const lines = HPV.split("\n").filter(
    (line) =>
      !(
        line.startsWith("ATOM") &&
        wanted.has(line.slice(21, 26)) &&
        !/^(N|CA|C|O|CB)$/.test(line.slice(12, 16).trim())
      ),
  );
  const { report, pdbqt } = prepareReceptor(Buffer.from(lines.join("\n")));
  return [report.missing_atoms, pdbqt, BOX];
}

test("a residue cut short in the box is named with what it lacks, others are counted", () => {
  assert.deepEqual(incompleteNotes(...cutAt([])), []);
  assert.deepEqual(incompleteNotes(...cutAt(["A:25", "A:41", "B:61"])), [
    "ASP A:25 in the box lacks CG OD1 OD2: poses may lie where its side chain is",
    "2 residues of the receptor lack side-chain atoms outside the box: see its report",
  ]);
});

test("three in the box are notes, four are refused by name; the same four beside it are not", () => {
  const four = cutAt(["A:25", "B:25", "A:50", "B:50"]);
  assert.equal(incompleteNotes(...cutAt(["A:25", "B:25", "A:50"])).length, 3);
  assert.throws(
    () => incompleteNotes(...four),
    (error) =>
      error instanceof AppError &&
      error.kind === "bad_input" &&
      error.fields[0]?.path === "/receptor_structure_id" &&
      /^4 residues in the box .*ASP A:25, ILE A:50, ASP B:25, ILE B:50.*mend the structure, or move/.test(
        error.message,
      ),
  );
  const away = { ...BOX, center_angstrom: [9.4, 16.1, 60] } as const;
  assert.deepEqual(incompleteNotes(four[0], four[1], away), [
    "4 residues of the receptor lack side-chain atoms outside the box: see its report",
  ]);
});

test("numbers beyond the columns and insertion codes are found again; a water of the same place is no residue", () => {
  const atom = (number: number, insertion: string, name = "LYS") => ({
    ...{ name: "CB", type: "C" as const, position: BOX.center_angstrom, het: false, molecule: 0 },
    residue: { name, chain: "A", number, insertion },
  });
  const pdbqt = formatRigidPdbqt([atom(12_345, "B"), atom(-12, ""), atom(7, "", "HOH")]);
  const missing = ["A:12345B", "A:-12", "A:7"].map((residue) => ({ residue, name: "LYS", atoms: ["NZ"] }));
  assert.deepEqual(
    incompleteNotes(missing, pdbqt, BOX).map((note) => note.split(" in the box")[0]),
    [
      "LYS A:12345B",
      "LYS A:-12",
      "1 residue of the receptor lacks side-chain atoms outside the box: see its report",
    ],
  );
});
