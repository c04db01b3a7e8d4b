import assert from "node:assert/strict";
import { test } from "node:test";
import { COUNTER_IONS } from "./counterions.ts";
import { openIdentifier } from "./identities.ts";
import { readCounterIons } from "./parent.ts";
import { loadRdkit } from "./rdkit.ts";
import type { Identified, Rejected } from "./toolkit.ts";

const identifier = openIdentifier();

async function one(text: string): Promise<Identified | Rejected> {
  const reply = await identifier({ kind: "identify", inputs: [{ text, format: "smiles" }] });
  assert.equal(reply.kind, "identified");
  return reply.kind === "identified" ? reply.results[0]! : assert.fail();
}

async function parentOf(text: string): Promise<{ smiles: string; rule: string; removed: string[] } | null> {
  const result = await one(text);
  assert.ok(result.ok, JSON.stringify(result));
  return result.parent && { ...result.parent, smiles: result.parent.identity.smiles };
}

const PYRANTEL = "CN1CCCN=C1/C=C/c1cccs1";
const PAMOIC = "OC(=O)c1cc2ccccc2c(Cc2c(O)c(cc3ccccc23)C(=O)O)c1O";

test("the parent of pyrantel pamoate is pyrantel, though the counter-ion is larger", async () => {
  const [salt, free] = [await one(`${PYRANTEL}.${PAMOIC}`), await one(PYRANTEL)];
  assert.ok(salt.ok && free.ok);
  assert.equal(salt.parent?.identity.identity_key, free.species.identity_key);
  // Pyrantel, PubChem CID 708857.
  assert.equal(salt.parent?.identity.inchikey, "YSAUAVHXTIETRK-AATRIKPKSA-N");
  assert.equal(salt.parent?.rule, "counter_ions_removed");
  assert.equal(salt.parent?.removed.length, 1);
  assert.equal(salt.species.compound_key, free.species.compound_key);
  assert.equal(salt.species.inchikey === free.species.inchikey, false);
});

test("a salt drawn with ions has the ion as parent and the neutral form as compound", async () => {
  const result = await one("C[NH2+]CC.[Cl-]");
  assert.ok(result.ok);
  assert.equal(result.parent?.identity.smiles, "CC[NH2+]C");
  assert.deepEqual(result.parent?.removed, ["[Cl-]"]);
  assert.equal(result.compound_parent?.smiles, "CCNC");
  const drawnNeutral = await one("CNCC.Cl");
  assert.ok(drawnNeutral.ok);
  assert.equal(drawnNeutral.species.compound_key, result.species.compound_key);
});

test("several equal parts are one parent, also when drawn in two states", async () => {
  assert.equal((await parentOf("CCNCCC.CCNCCC.OS(=O)(=O)O"))?.smiles, "CCCNCC");
  assert.equal((await parentOf("CCNCCC.CC[NH2+]CCC.OS(=O)(=O)[O-]"))?.smiles, "CCCNCC");
  assert.equal((await parentOf("Cc1ccccc1C.Cc1ccccc1C"))?.rule, "identical_parts");
});

test("two different parts are ambiguous: never the largest", async () => {
  for (const text of ["CCCCCCN.OC(=O)c1ccccc1O", "C[C@H](N)CC.C[C@@H](N)CC", "CCCCN.c1ccccc1CCCCCCCCO.Cl"]) {
    const result = await one(text);
    assert.ok(!result.ok, text);
    assert.equal(result.code, "ambiguous_parent");
    assert.match(result.message, /different parts could be the parent/);
  }
});

test("a record of counter-ions only: its one organic part, else the whole", async () => {
  assert.equal((await parentOf("CC(=O)[O-].[Na+]"))?.smiles, "CC(=O)[O-]");
  assert.equal((await parentOf("C[N+](C)(C)CCO.[Cl-]"))?.smiles, "C[N+](C)(C)CCO");
  assert.equal(await parentOf("[Na+].[Cl-]"), null);
  assert.equal(await parentOf("[NH4+].[Cl-]"), null);
  // Two organic members (tromethamine lactate): the record is its own parent.
  assert.equal(await parentOf("NC(CO)(CO)CO.CC(O)C(=O)O"), null);
  assert.equal(await parentOf("O"), null);
  const salt = await one("[Na+].[Cl-]");
  assert.ok(salt.ok);
  assert.equal(salt.species.compound_key, salt.species.identity_key);
  assert.equal(salt.compound_parent, null);
});

test("stereo and protonation do not hide a counter-ion", async () => {
  const base = "CCCCCCNC";
  const ions = [
    "O[C@H]([C@@H](O)C(=O)O)C(=O)[O-]",
    "OC(=O)/C=C/C(=O)O",
    "OC(=O)/C=C\\C(=O)[O-]",
    "CS(=O)(=O)[O-]",
    "O.O",
    "[H+].[Cl-]",
    "O[N+](=O)[O-]",
    "[O-][N+](=O)[O-]",
    "[O-]Cl(=O)(=O)=O",
    "F[P-](F)(F)(F)(F)F",
  ];
  for (const ion of ions) assert.equal((await parentOf(`${base}.${ion}`))?.smiles, "CCCCCCNC", ion);
});

test("enhanced stereo stays with the parent", async () => {
  const parent = await parentOf("Cl.C[C@H](N)[C@@H](C)O |&1:2,4|");
  assert.equal(parent?.smiles, "C[C@H](N)[C@@H](C)O |&1:1,3|");
});

test("every entry of the counter-ion list parses and no two are the same", async () => {
  assert.equal(readCounterIons(await loadRdkit()).size, COUNTER_IONS.length);
});
