import assert from "node:assert/strict";
import { test } from "node:test";
import { newId } from "../ids.ts";
import { prepareReceptor, type ReceptorOptions } from "../receptors/prepare.ts";
import type { Receptor } from "../receptors/receptor.ts";
import { HPV, pdb, peptide } from "../receptors/support.test.ts";
import { describeReceptor } from "./receptor.ts";

function described(text: string, options: ReceptorOptions = {}): string[] {
  const { report } = prepareReceptor(Buffer.from(text), options);
  const preparation = { source_structure_id: newId(), options, report };
  const row = { structure_id: newId(), preparation } as unknown as Receptor;
  return describeReceptor(row).split("\n").slice(1);
}

test("a receptor in words tells every choice of its report", () => {
  const named = HPV.replaceAll("ASP A  25 ", "ASH A  25 ");
  assert.deepEqual(described(named, { keep_waters: ["201"], chains: ["A"], histidines: { "A:69": "HIP" } }), [
    "  file       1 model, format of before 1996",
    "  chains     A (99 residues); left out B",
    "  ends       A:1 with 2 H to A:99 with OXT",
    "  atoms      759 heavy, 170 polar hydrogens built",
    "  waters     kept 201, 79 left out",
    "  left out   478:200 (35 atoms, not protein)",
    "  histidines A:69 HIP (chosen)",
    "  states     A:25 ASH (named in file)",
  ]);
});

test("models, hydrogens that were dropped, blank chains and each note have their line", () => {
  const atoms = peptide(["GLY", "LYS"], { chain: " " });
  const hydrogen = { ...atoms[0]!, name: "H", element: "H", position: [9, 9, 9] as const };
  const lines = described(
    pdb("MODEL        1", atoms, [hydrogen], "ENDMDL", "MODEL        2", atoms, "ENDMDL").replace(
      "END\n",
      "",
    ),
  );
  assert.deepEqual(lines, [
    "  file       2 models, the first used",
    "  chains     _ (2 residues)",
    "  ends       1 with 3 H to 2 without OXT",
    "  atoms      9 heavy, 4 polar hydrogens built",
    "  hydrogens  1 of the file dropped",
    "  waters     none kept, 0 left out",
    "  missing    LYS 2: CG CD CE NZ",
    "  note       the file holds 2 models: the first was used",
    "  note       the file has no END record: if it was cut off between two lines, that cannot be seen",
    "  note       1 residue is a D-amino acid by the coordinates: LYS:2; check that the file is not mirrored",
  ]);
});
