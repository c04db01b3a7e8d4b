import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { insertMolecule } from "../../test/support/docking.ts";
import { submitScript } from "../../test/support/engine.ts";
import type { OrgPrincipal } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import { perform } from "../perform.ts";
import { listJobs, showJob } from "./operations.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const ann = await person(context, org, "scientist");
const bob = await person(context, org, "scientist");

let open = "";
let hidden = "";
type Params = Record<string, string | number | boolean | null>;
const found = async (who: OrgPrincipal, params: Params) =>
  (await perform(context, listJobs, who, { params })).items.map((row) => row.job_id).sort();

before(async () => {
  open = await submitScript(context, ann);
  hidden = await submitScript(context, ann, { visibility: "private" });
  await submitScript(context, bob);
  const params = { seed: 42, solvent: "wa%er", vertical: true };
  await context.superuser(
    "UPDATE jobs SET params = $1 WHERE job_id = ANY ($2)",
    [params, [open, hidden]],
    org.database_name,
  );
});

test("jobs are found by the parameters that they were run with, each exactly so", async () => {
  assert.deepEqual(await found(ann, { seed: 42 }), [open, hidden].sort());
  assert.deepEqual(await found(ann, { seed: 42, solvent: "wa%er", vertical: true }), [open, hidden].sort());
  for (const params of [
    { seed: 43 },
    { seed: "42" },
    { solvent: "wa" },
    { solvent: "water" },
    { vertical: null },
  ])
    assert.deepEqual(await found(ann, params as Params), [], JSON.stringify(params));
});

test("a colleague's private job is found by none of its parameters", async () => {
  assert.deepEqual(await found(bob, { seed: 42 }), [open]);
});

test("a job is listed with what it computes, as far as the asker may know of it", async () => {
  const inputs = { known: "CCO", hidden: "CCN", of_structure: "CCC" };
  const molecules: Record<string, string> = {};
  for (const [name, smiles] of Object.entries(inputs))
    molecules[name] = await insertMolecule(context, ann, smiles, {
      name: `ann's ${name}`,
      visibility: name === "hidden" ? "private" : "organization",
    });
  const jobs: string[] = [];
  for (const _ of ["known", "hidden", "of_structure"]) jobs.push(await submitScript(context, ann));
  await context.superuser(
    `DELETE FROM job_inputs WHERE job_id = ANY ($1::uuid[]);`,
    [jobs],
    org.database_name,
  );
  await context.superuser(
    `WITH s AS (INSERT INTO structures (molecule_id, kind, format, uri, size_bytes, checksum, source, owner_id, visibility)
       VALUES ($6, 'conformer', 'xyz', 'u', 1, 'sha256:' || repeat('0', 64), 's', $7, 'organization') RETURNING structure_id)
     INSERT INTO job_inputs (job_id, key, molecule_id, structure_id)
     SELECT $1::uuid, 'molecule', $4::uuid, NULL::uuid UNION ALL SELECT $2, 'molecule', $5, NULL
     UNION ALL SELECT $3, 'structure', NULL, structure_id FROM s`,
    [...jobs, molecules["known"], molecules["hidden"], molecules["of_structure"], ann.user_id],
    org.database_name,
  );
  const seen = async (who: OrgPrincipal) => {
    const { items } = await perform(context, listJobs, who, { job_ids: jobs });
    const byId = new Map(items.map((row) => [row.job_id, row]));
    return jobs.map((id) => [byId.get(id)?.molecule_id, byId.get(id)?.smiles, byId.get(id)?.name]);
  };
  const told = (name: "known" | "hidden" | "of_structure") => [
    molecules[name],
    inputs[name],
    `ann's ${name}`,
  ];
  assert.deepEqual(await seen(ann), [told("known"), told("hidden"), told("of_structure")]);
  assert.deepEqual(await seen(bob), [told("known"), [null, null, null], told("of_structure")]);
  const shown = await perform(context, showJob, bob, { job_id: jobs[1] ?? "" });
  assert.deepEqual([shown.molecule_id, shown.smiles, shown.name], [null, null, null]);
});

test("of a job that all see, what it was given and made is named as far as the asker may see it", async () => {
  const secret = { visibility: "private" } as const;
  const molecule = await insertMolecule(context, ann, "CCCN", { name: "ann's", ...secret });
  const job_id = await submitScript(context, ann);
  const made = `INSERT INTO structures (kind, format, uri, size_bytes, checksum, source, owner_id, visibility)
    VALUES ('conformer', 'xyz', 'u', 1, 'sha256:' || repeat('0', 64), 's', $3, 'private') RETURNING structure_id`;
  const [ids] = await context.superuser<{ structure_id: string; site_id: string }>(
    `WITH t AS (${made}), r AS (${made.replace("'conformer', 'xyz'", "'receptor', 'pdbqt'")}),
       b AS (INSERT INTO binding_sites (receptor_structure_id, name, center_x_angstrom, center_y_angstrom, center_z_angstrom,
           size_x_angstrom, size_y_angstrom, size_z_angstrom, owner_id, visibility)
         SELECT structure_id, 's', 0, 0, 0, 20, 20, 20, $3, 'private' FROM r RETURNING site_id),
       gone AS (DELETE FROM job_inputs WHERE job_id = $1),
       i AS (INSERT INTO job_inputs (job_id, key, molecule_id, structure_id, site_id)
         SELECT $1::uuid, 'x', $2::uuid, t.structure_id, b.site_id FROM t, b),
       o AS (INSERT INTO job_outputs (job_id, key, uri, content_type, size_bytes, checksum, molecule_id, structure_id)
         SELECT $1, 'run/out', 'u', 'text/plain', 1, 'sha256:' || repeat('0', 64), $2, t.structure_id FROM t)
     SELECT t.structure_id, b.site_id FROM t, b`,
    [job_id, molecule, ann.user_id],
    org.database_name,
  );
  assert.ok(ids);
  const named = async (who: OrgPrincipal) => {
    const { inputs, outputs, owner } = await perform(context, showJob, who, { job_id });
    const [[input], [output]] = [inputs, outputs];
    assert.deepEqual([input?.key, output?.key, owner], ["x", "run/out", ann.username]);
    const idsOf = (row: typeof input | typeof output) => [row?.molecule_id, row?.structure_id];
    return [...idsOf(input), input?.site_id, ...idsOf(output)];
  };
  const { structure_id, site_id } = ids;
  assert.deepEqual(await named(ann), [molecule, structure_id, site_id, molecule, structure_id]);
  assert.deepEqual(await named(bob), [null, null, null, null, null]);
});

test("no parameter, too many, huge and NUL are refused", async () => {
  const many = Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`p${n}`, n]));
  for (const params of [{}, many, { seed: "x".repeat(501) }, { seed: "a\u0000b" }])
    await assert.rejects(
      found(ann, params as Params),
      (error: unknown) => error instanceof AppError && error.kind === "bad_input",
      JSON.stringify(params).slice(0, 40),
    );
});
