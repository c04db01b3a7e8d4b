import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { namesFile, readGiven } from "./given.ts";

const folder = mkdtempSync(join(tmpdir(), "aliquot-given-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("a word is a file that is there, a SMILES, or a file that is missing", async () => {
  const there = join(folder, "CCO");
  writeFileSync(there, "CCO ethanol\nO water\n");
  assert.equal(await namesFile(there), true);
  for (const smiles of [
    "CCO",
    "F/C=C/F",
    "/C(F)=C/F",
    "F/C=C\\F",
    "C/N",
    "[Na+].[Cl-]",
    "CX",
    "C/C(X)=C",
    "Cl/Br",
  ])
    assert.equal(await namesFile(smiles), false, smiles);
  for (const path of ["a.smi", "A.SDF", "x.mol", "x.xyz", "x.csv", "./C", "../C", "runs/may", "/x/C"])
    await assert.rejects(namesFile(path), { kind: "bad_input", message: `can't read ${path}: no such file` });
  await assert.rejects(namesFile(folder), { message: `can't read ${folder}: it is a folder` });
  await assert.rejects(namesFile("migrations"), { message: "can't read migrations: it is a folder" });
  const { records, source_file } = await readGiven(["C", there], there);
  assert.deepEqual([records.map(({ text }) => text), source_file], [["C", "CCO", "O", "CCO", "O"], "CCO"]);
});
