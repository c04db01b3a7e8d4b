import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { inResults, makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { allPages, insertMolecule, MISSING } from "../../test/support/docking.ts";
import { xtbParams } from "../engines/xtb/schema.ts";
import { AppError } from "../errors.ts";
import { sha256 } from "../ids.ts";
import { perform } from "../perform.ts";
import { upsertProtocols } from "../protocols/store.ts";
import { queryCalculationsOperation } from "./operations.ts";
import type { QueryCalculations } from "./schema.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const ann = await person(context, org, "scientist");
const bob = await person(context, org, "scientist");
const boss = await person(context, org, "admin");
const eve = await person(context, await makeOrg(context), "scientist");

let [water, ethanol, gas, wet] = ["", "", "", ""];

const query = (input: QueryCalculations = {}, who = ann) =>
  perform(context, queryCalculationsOperation, who, input);
const gaps = async (input: QueryCalculations = {}, who = ann) =>
  (await query(input, who)).items.map((row) => row.gap_ev);
const refused = (kind: string, says: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AppError, String(error));
  assert.equal(error.kind, kind, error.message);
  assert.match(error.message, says);
  return true;
};

before(async () => {
  water = await insertMolecule(context, ann, "O");
  ethanol = await insertMolecule(context, ann, "CCO", { visibility: "private" });
  const protocols = [xtbParams(), xtbParams({ solvent: "water" })].map((params) => ({
    params_hash: sha256(JSON.stringify(params)),
    task: "xtb.optimize",
    program: "xtb",
    program_version: "6.5.1",
    params,
  }));
  [gas = "", wet = ""] = await inResults(context, org, ({ tx }) => upsertProtocols(tx, protocols));
  // Molecule, protocol, energy, gap, whose, whether its bonds are what they were.
  const rows: [string, string, number, number, "organization" | "private", boolean | null][] = [
    [water, gas, -5, 14, "organization", true],
    [water, gas, -5.1, 13, "organization", null],
    [water, wet, -5.2, 12, "organization", true],
    [ethanol, gas, -11, 11, "private", true],
    [water, gas, -4, 10, "organization", false],
  ];
  for (const [at, row] of rows.entries())
    await context.superuser(
      `INSERT INTO calculations (molecule_id, protocol_id, energy_eh, gap_ev, visibility, connectivity_preserved,
         owner_id, created_at, method, charge, multiplicity, unpaired_electrons, program, program_version)
       VALUES ($1, $2, $3, $4, $5, $6, $7, timestamptz '2026-01-01' + $8 * interval '1 s', 'GFN2-xTB', 0, 1, 0, 'xtb', '6.5.1')`,
      [...row, ann.user_id, at],
      org.database_name,
    );
});

test("calculations come newest first, by molecule, protocol and ranges; those that changed the bonds when asked", async () => {
  assert.deepEqual(await gaps(), [11, 12, 13, 14]);
  assert.deepEqual(await gaps({ changed: true }), [10, 11, 12, 13, 14]);
  assert.deepEqual(await gaps({ molecule_id: water }), [12, 13, 14]);
  assert.deepEqual(await gaps({ protocol_id: gas }), [11, 13, 14]);
  assert.deepEqual(await gaps({ protocol_id: gas, min_gap_ev: 13 }), [13, 14]);
  assert.deepEqual(await gaps({ protocol_id: gas, min_gap_ev: 11.5, max_gap_ev: 13 }), [13]);
  const one = { molecule_id: water, protocol_id: gas };
  assert.deepEqual(await gaps({ ...one, min_energy_eh: -5.05 }), [14]);
  assert.deepEqual(await gaps({ ...one, max_energy_eh: -5.05 }), [13]);
  const [first] = (await query()).items;
  assert.deepEqual([first?.smiles, first?.molecule_id, first?.protocol_id], ["CCO", ethanol, gas]);
});

test("pages are all of it, each row once", async () => {
  const rows = await allPages((wish) => query(wish), 2);
  assert.deepEqual(
    rows.map((row) => row.gap_ev),
    [11, 12, 13, 14],
  );
});

test("numbers are compared within one protocol, and total energies within one molecule", async () => {
  await assert.rejects(query({ max_gap_ev: 13 }), (error) => {
    assert.ok(error instanceof AppError);
    assert.match(error.message, /^numbers are compared within one protocol: choose with --protocol: /);
    for (const says of [gas, `${wet} (xtb.optimize, xtb 6.5.1, solvent water)`])
      assert.ok(error.message.includes(says), error.message);
    return error.kind === "bad_input";
  });
  await assert.rejects(
    query({ protocol_id: gas, min_energy_eh: -5 }),
    refused("bad_input", /compared within one molecule/),
  );
  await assert.rejects(query({ protocol_id: MISSING }), refused("not_found", /under that protocol/));
});

test("a private calculation is its owner's and the admins', another organization's nobody's", async () => {
  assert.deepEqual(await gaps({}, boss), [11, 12, 13, 14]);
  assert.deepEqual(await gaps({}, bob), [12, 13, 14]);
  assert.deepEqual(await gaps({ protocol_id: gas, max_gap_ev: 12 }, bob), []);
  assert.deepEqual(await gaps({}, eve), []);
});
