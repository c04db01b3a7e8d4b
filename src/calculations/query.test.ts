import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { inResults, makeOrg, openTestContext, person, submitSmiles } from "../../test/support/context.ts";
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

let [water, ethanol, gas, wet, quiet] = ["", "", "", "", ""];

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
  [gas = "", wet = "", quiet = ""] = await addProtocols([undefined, "water", "benzene"]);
  const rows: Row[] = [
    [water, gas, -5, 14, "organization", true],
    [water, gas, -5.1, 13, "organization", null],
    [water, wet, -5.2, 12, "organization", true],
    [ethanol, gas, -11, 11, "private", true],
    [water, gas, -4, 10, "organization", false],
  ];
  for (const [at, row] of rows.entries()) await add(row, at);
});

/** Molecule, protocol, energy, gap, whose, whether its bonds are what they were. */
type Row = [string, string, number, number, "organization" | "private", boolean | null];

const add = (row: Row, seconds: number) =>
  context.superuser(
    `INSERT INTO calculations (molecule_id, protocol_id, energy_eh, gap_ev, visibility, connectivity_preserved,
       owner_id, created_at, method, charge, multiplicity, unpaired_electrons, program, program_version)
     VALUES ($1, $2, $3, $4, $5, $6, $7, timestamptz '2026-01-01' + $8 * interval '1 s', 'GFN2-xTB', 0, 1, 0, 'xtb', '6.5.1')`,
    [...row, ann.user_id, seconds],
    org.database_name,
  );

async function addProtocols(
  solvents: NonNullable<Parameters<typeof xtbParams>[0]>["solvent"][],
): Promise<string[]> {
  const protocols = solvents.map((solvent) => {
    const params = xtbParams(solvent === undefined ? {} : { solvent });
    const params_hash = sha256(JSON.stringify(params));
    return { params_hash, task: "xtb.optimize", program: "xtb", program_version: "6.5.1", params };
  });
  return inResults(context, org, ({ tx }) => upsertProtocols(tx, protocols));
}

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

test("pages are all of it, each row once, also where rows of one moment lie on both sides of a border", async () => {
  const wax = await insertMolecule(context, ann, "CCCCCCCC");
  for (const gap of [1, 2, 3, 4]) await add([wax, gas, -20, gap, "organization", true], gap === 4 ? 60 : 50);
  const whole = await gaps();
  assert.deepEqual([whole.length, whole[0], whole.slice(4)], [8, 4, [11, 12, 13, 14]]);
  for (const limit of [1, 2, 3]) {
    const rows = await allPages((wish) => query(wish), limit);
    assert.deepEqual(
      rows.map((row) => row.gap_ev),
      whole,
    );
  }
  await context.superuser("DELETE FROM calculations WHERE molecule_id = $1", [wax], org.database_name);
});

test("numbers are compared within one protocol, and total energies within one molecule", async () => {
  await assert.rejects(query({ max_gap_ev: 13 }), (error) => {
    assert.ok(error instanceof AppError);
    assert.match(error.message, /^numbers are compared within one protocol: choose with `protocol_id`: /);
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

test("a protocol of which all is private is neither named to a colleague nor found", async () => {
  await add([ethanol, quiet, -12, 9, "private", true], 70);
  const named = (who: typeof ann) =>
    query({ max_gap_ev: 13 }, who).then(
      () => assert.fail("it chose one of several"),
      ({ message }: AppError) => [gas, wet, quiet].map((one) => message.includes(one)),
    );
  assert.deepEqual(await named(ann), [true, true, true]);
  assert.deepEqual(await named(boss), [true, true, true]);
  assert.deepEqual(await named(bob), [true, true, false]);
  assert.deepEqual(await gaps({ protocol_id: quiet.toUpperCase() }), [9]);
  await assert.rejects(query({ protocol_id: quiet }, bob), refused("not_found", /under that protocol/));
  // Of a molecule the choice is among what was computed of it.
  assert.deepEqual(await gaps({ molecule_id: ethanol, max_gap_ev: 11 }, bob), []);
  assert.deepEqual(await gaps({ molecule_id: ethanol, protocol_id: wet, max_gap_ev: 11 }), []);
});

test("of one molecule the choice is among its own protocols, and five are named at most", async () => {
  const butane = await insertMolecule(context, ann, "CCCC");
  await add([butane, wet, -14, 8, "organization", true], 80);
  assert.deepEqual(await gaps({ molecule_id: butane, max_energy_eh: 0 }), [8]);
  const more = await addProtocols(["toluene", "hexane", "methanol", "acetone", "thf"]);
  for (const [at, protocol] of more.entries())
    await add([butane, protocol, -14, 8, "organization", true], 81 + at);
  const named = ({ message }: Error) => [...message.matchAll(/\(xtb\.optimize/g)].length;
  await assert.rejects(query({ molecule_id: butane, max_energy_eh: 0 }), (error: Error) => {
    assert.deepEqual([named(error), /and more: `protocol\.list`$/.test(error.message)], [5, true]);
    return true;
  });
  await assert.rejects(query({ molecule_id: water, max_energy_eh: 0 }), (error: Error) => {
    assert.deepEqual([named(error), error.message.includes("more:")], [2, false]);
    return true;
  });
});

test("calculations of jobs are theirs alone, nothing else is asked with them, and jobs that one can't see are missing", async () => {
  const { jobs } = await submitSmiles(context, ann, "O");
  const job_id = jobs[0]?.job_id ?? "";
  assert.deepEqual(await query({ job_ids: [job_id] }), { items: [], next_cursor: null });
  await context.superuser(
    "UPDATE calculations SET job_id = $1 WHERE gap_ev = 12",
    [job_id],
    org.database_name,
  );
  assert.deepEqual(await gaps({ job_ids: [job_id.toUpperCase()] }), [12]);
  await assert.rejects(query({ job_ids: [job_id] }, eve), refused("not_found", /^no such job$/));
  await assert.rejects(query({ job_ids: [job_id, MISSING] }), refused("not_found", /one of these jobs/));
  for (const more of [{ molecule_id: water }, { changed: true }, { limit: 1 }, { cursor: "x" }])
    await assert.rejects(
      query({ job_ids: [job_id], ...more }),
      refused("bad_input", new RegExp(`leave \`${Object.keys(more)}\` out, or ask without \`job_ids\``)),
    );
});
