import assert from "node:assert/strict";
import { after, test } from "node:test";
import { chains, kind, openBatches } from "../../test/support/batches.ts";
import { person } from "../../test/support/context.ts";
import { createSite, prepareHpv } from "../../test/support/docking.ts";
import type { OrgPrincipal } from "../access/principal.ts";
import { submitCalculationsOperation } from "../calculations/operations.ts";
import type { AppError } from "../errors.ts";
import { addMolecules } from "../molecules/operations.ts";
import { perform } from "../perform.ts";
import { resolveTask } from "../pipelines/resolve.ts";
import type { PipelineSpec } from "../pipelines/schema.ts";
import { planRequests } from "../requests/plan.ts";
import type { Site } from "../sites/schema.ts";
import { addStructure } from "../structures/operations.ts";
import {
  addToBatchOperation,
  cancelBatchOperation,
  createBatchOperation,
  pauseBatchOperation,
  sealBatchOperation,
  showBatch,
} from "./operations.ts";
import type { CreateBatch } from "./schema.ts";

const { context, org, scientist, colleague, sql, create, show, items, end, checkCounters } =
  await openBatches({ after });

test("the first items run before the last is there, and a batch that is not sealed takes more", async () => {
  const { batch_id } = await create({ molecules: chains(7, 5), seal: false });
  // What the request itself made, before there was a smaller window.
  const made = (await items(batch_id)).length;
  assert.equal(made, 7);
  await perform(context, addToBatchOperation, scientist, { batch_id, molecules: chains(2, 12) });
  await end(
    (await items(batch_id)).slice(0, 4).map(({ job_id }) => job_id),
    "completed",
  );
  const row = await show(batch_id);
  assert.deepEqual(row.counts, { pending: 0, queued: 5, processing: 0, completed: 4, failed: 0, skipped: 0 });
  assert.equal(row.last_source_row, null, "of no file there is nothing to go on after");
  await checkCounters(batch_id);
});

test("what a completed job answered is not computed again, unless it was asked to be", async () => {
  const first = await create({ molecules: chains(2, 75) });
  const jobs = (await items(first.batch_id)).map(({ job_id }) => job_id);
  await end(jobs, "completed");
  const again = await create({ molecules: chains(3, 75) });
  const known = await items(again.batch_id);
  assert.deepEqual(
    known.map(({ job_id }) => jobs.includes(job_id)),
    [true, true, false],
  );
  assert.deepEqual((await show(again.batch_id)).counts, {
    pending: 0,
    queued: 1,
    processing: 0,
    completed: 2,
    failed: 0,
    skipped: 0,
  });
  const anew = await create({ molecules: chains(3, 75), reuse: false });
  assert.equal((await show(anew.batch_id)).counts.queued, 3);
  for (const id of [again.batch_id, anew.batch_id]) await checkCounters(id);
});

test("known molecules need no chemistry; those whose row leaves something open are read again", async () => {
  const texts = ["CCO", "C[C@H](F)Cl", "O=C[O-]", "[O][O]", "CC(F)Cl"];
  const { batch_id } = await create({
    molecules: texts.map((text) => ({ text, format: "smiles" })),
    on_reject: "skip",
  });
  const drawn = await items(batch_id);
  assert.equal(drawn[4]?.status, "skipped");
  const ids = await sql<{ molecule_id: string; smiles: string }>(
    "SELECT molecule_id, smiles FROM molecules WHERE smiles = ANY ($1)",
    [texts],
  );
  const known = await create({
    molecule_ids: ids.map((row) => row.molecule_id),
    on_reject: "skip",
    reuse: false,
  });
  const of = async (id: string) =>
    sql(
      "SELECT i.molecule_id, j.params, j.input_signature FROM jobs j JOIN job_inputs i USING (job_id) WHERE j.batch_id = $1 ORDER BY 1",
      [id],
    );
  assert.deepEqual(await of(known.batch_id), await of(batch_id), "the same questions, as drawn or as known");
  await assert.rejects(create({ molecule_ids: [batch_id] }), kind("not_found"));
});

test("a request with a key is answered once; one that is refused leaves nothing", async () => {
  const key = { idempotencyKey: "a batch" };
  const first = await create({ molecules: chains(2, 80) }, key);
  assert.deepEqual(await create({ molecules: chains(2, 80) }, key), first);
  const before = await sql("SELECT count(*) AS n FROM batch_jobs");
  await assert.rejects(
    create({ molecules: [...chains(1), { text: "C1", format: "smiles" }] }),
    kind("bad_input"),
  );
  const salt = await perform(context, addMolecules, scientist, {
    records: [{ text: "CC[NH3+].[Br-]", format: "smiles" }],
  });
  const refused: [path: string, things: Parameters<typeof create>[0]][] = [
    ["/molecules/0/text", { molecules: [{ text: "C1", format: "smiles", line: 8 }] }],
    ["/molecule_ids", { molecule_ids: salt.items.map(({ molecule_id }) => molecule_id) }],
  ];
  for (const [path, things] of refused)
    await assert.rejects(create({ ...things, on_reject: "skip" }), (error: AppError) => {
      assert.deepEqual(
        error.fields.map((field) => field.path),
        [path],
      );
      return kind("bad_input")(error);
    });
  await assert.rejects(create({}), kind("bad_input"));
  await assert.rejects(create({ molecules: chains(1), params: { methd: "gfn1" } }), /did you mean method/);
  await assert.rejects(create({ molecules: chains(1), params: { solvent: "beer" } }), kind("bad_input"));
  await assert.rejects(create({ molecules: chains(1), pipeline: "dock" }), /`site`/);
  assert.deepEqual(await sql("SELECT count(*) AS n FROM batch_jobs"), before);
  await context.superuser("UPDATE organizations SET quotas = '{\"batch_items\": 3}' WHERE org_id = $1", [
    org.org_id,
  ]);
  await assert.rejects(create({ molecules: chains(4) }), kind("quota"));
  await context.superuser("UPDATE organizations SET quotas = '{}' WHERE org_id = $1", [org.org_id]);
});

test("a private batch is its owner's, and so are its jobs; a colleague's may be seen and not changed", async () => {
  const { batch_id } = await create({ molecules: chains(1, 85), visibility: "private" });
  await assert.rejects(perform(context, showBatch, colleague, { batch_id }), kind("not_found"));
  await assert.rejects(perform(context, cancelBatchOperation, colleague, { batch_id }), kind("not_found"));
  const [job] = await sql<{ visibility: string; owner_id: string }>(
    "SELECT visibility, owner_id FROM jobs WHERE batch_id = $1",
    [batch_id],
  );
  assert.deepEqual(job, { visibility: "private", owner_id: scientist.user_id });
  const shared = await create({ molecules: chains(1, 86) });
  await perform(context, showBatch, colleague, { batch_id: shared.batch_id });
  await assert.rejects(
    perform(context, pauseBatchOperation, colleague, { batch_id: shared.batch_id }),
    kind("forbidden"),
  );
  await assert.rejects(
    perform(context, sealBatchOperation, colleague, { batch_id: shared.batch_id }),
    kind("forbidden"),
  );
});

test("molecules and structures that a colleague keeps private are in nobody else's batch", async () => {
  const admin = await person(context, org, "admin");
  const texts = ["C[N+](C)(C)CCS", "CCCSCCF"];
  const records = texts.map((text) => ({ text, format: "smiles" as const }));
  const added = await perform(context, addMolecules, scientist, { records, visibility: "private" });
  const molecule_ids = added.items.map(({ molecule_id }) => molecule_id);
  const ids = [...molecule_ids];
  const seen = async (who: OrgPrincipal) =>
    Number(
      (
        await context.results.read(who, ({ tx }) =>
          tx
            .selectFrom("molecules")
            .select(({ fn }) => fn.countAll().as("n"))
            .where("molecule_id", "in", ids)
            .executeTakeFirst(),
        )
      )?.n,
    );
  const asAdmin = (input: Partial<CreateBatch>) =>
    perform(context, createBatchOperation, admin, {
      pipeline: "xtb-singlepoint",
      on_reject: "skip",
      ...input,
    });
  const all = await asAdmin({ registered: {} });
  const own = await asAdmin({ registered: {}, visibility: "private" });
  for (const { batch_id } of [all, own])
    assert.deepEqual(
      await sql("SELECT FROM batch_items WHERE batch_id = $1 AND molecule_id = ANY ($2)", [batch_id, ids]),
      [],
    );
  await assert.rejects(asAdmin({ molecule_ids }), /1 more are private.*`visibility: private`/);
  await assert.rejects(create({ molecule_ids }), /`visibility: private`/);
  const mine = await create({ molecule_ids, visibility: "private", on_reject: "skip" });
  assert.equal(mine.added, 2);
  const whole = await create({ registered: {}, visibility: "private", on_reject: "skip" });
  assert.equal(
    (
      await sql("SELECT FROM batch_items WHERE batch_id = $1 AND molecule_id = ANY ($2)", [
        whole.batch_id,
        ids,
      ])
    ).length,
    2,
    "one's own in one's own batch",
  );
  assert.deepEqual([await seen(colleague), await seen(scientist)], [0, 2]);
  const counted = await sql<{ n: number }>(
    "SELECT count(*)::int AS n FROM registrations WHERE molecule_id = ANY ($1)",
    [ids],
  );
  assert.equal(counted[0]?.n, 2, "what came by its id is not registered again");
  const xyz = Buffer.from("1\n\nHe 0 0 0\n").toString("base64");
  const { structure_id } = await perform(context, addStructure, scientist, {
    ...{ file_name: "he.xyz", format: "xyz", content_base64: xyz, visibility: "private" },
  });
  const structure_ids = [structure_id];
  await assert.rejects(create({ structure_ids }), /`visibility: private`/);
  const point = { structure_ids, task: "single_point" as const };
  await assert.rejects(
    perform(context, submitCalculationsOperation, scientist, point),
    /`visibility: private`/,
  );
  assert.equal((await create({ structure_ids, visibility: "private" })).added, 1);
});

let site: Site;

test("a wrong parameter of a later task, a typo and nothing at all are refused before anything is made", async () => {
  site = await createSite(context, scientist, await prepareHpv(context, scientist));
  const dock = { pipeline: "dock-then-refine", site: site.site_id, molecules: chains(1, 100) };
  await assert.rejects(create({ ...dock, params: { method: "beer" } }), /params method must be/);
  await assert.rejects(create({ pipeline: "dokc", molecules: chains(1) }), kind("not_found"));
  await assert.rejects(
    create({ molecules: chains(1), params: { vertical: "yes" } }),
    /vertical .*must be boolean/,
  );
  await assert.rejects(create({ molecules: chains(1), params: { solvent: "wter" } }), /thf, toluene, water/);
  for (const stereo of ["enumerate", "arbitrary"] as const)
    await assert.rejects(create({ molecules: chains(1), stereo }), /leave `stereo`/);
  assert.equal((await create({ molecules: chains(1), stereo: "refuse", version: "1" })).added, 1);
  await assert.rejects(create({ molecules: chains(1), version: "2" }), /no published version 2/);
  const nobody = { registered: { after: "ffffffff-ffff-4fff-bfff-ffffffffffff" } };
  await assert.rejects(create(nobody), /nothing to compute/);
});

test("a graph that was published while a docking was given its receptor too runs as it did", async () => {
  const [receptor, reference] = [{ $input: "pocket" }, { $input: "known" }];
  const spec: PipelineSpec = {
    version: "1",
    inputs: {
      drug: { kind: "molecule" },
      ...{ pocket: { kind: "structure" }, known: { kind: "structure", optional: true } },
    },
    params: { where: {} },
    tasks: {
      dock: {
        ...{ task: "vina.dock", task_version: "1", engine: "vina", after: [], max_attempts: 1 },
        params: { task: "dock", site_id: { $param: "where" } },
        inputs: { ligand: { $input: "drug" }, receptor, reference },
      },
    },
  };
  const pipeline = { pipeline_id: "", pipeline_version_id: "", name: "old", version: "1", spec };
  const call = { services: context, principal: scientist };
  const plan = await planRequests(call, { pipeline, definitions: [] }, { site: site.site_id });
  assert.deepEqual(
    plan.inputs.map(({ key, site_id }) => [key, site_id]),
    [["pocket", site.site_id]],
  );
  const drug = { key: "drug", molecule_id: site.site_id, structure_id: null };
  const resolved = resolveTask(spec, "dock", { params: plan.params, inputs: [drug, ...plan.inputs] });
  assert.deepEqual(
    resolved.inputs.map(({ key, structure_id }) => [key, structure_id]),
    [
      ["ligand", null],
      ["receptor", site.receptor_structure_id],
    ],
  );
});

test("a known molecule with open stereo is docked as its isomers, and stays as it is registered", async () => {
  const records = [{ text: "CC(O)CBr", format: "smiles" as const, name: "open" }];
  const { items: added } = await perform(context, addMolecules, scientist, { records });
  const molecule_ids = added.map(({ molecule_id }) => molecule_id);
  const dock = { pipeline: "dock", site: site.site_id, molecule_ids };
  const { batch_id } = await create(dock);
  assert.deepEqual(
    (await items(batch_id)).map(({ smiles, source_row, status }) => [smiles, source_row, status]),
    [
      ["C[C@@H](O)CBr", null, "queued"],
      ["C[C@H](O)CBr", null, "queued"],
    ],
  );
  const kept = await sql("SELECT FROM registrations WHERE molecule_id = ANY ($1)", [molecule_ids]);
  const related = await sql("SELECT FROM molecule_relations WHERE parent_id = ANY ($1)", [molecule_ids]);
  assert.deepEqual([kept.length, related.length], [1, 2]);
  assert.equal((await create({ ...dock, stereo: "arbitrary" })).added, 1);
  await assert.rejects(create({ ...dock, stereo: "refuse" }), /draw each one/);
});

test("what came by its id does not hide how far a file was read", async () => {
  const { batch_id } = await create({
    molecules: chains(3, 60).map((record, n) => ({ ...record, line: n + 1 })),
    source_file: "chains.smi",
    molecule_ids: (
      await sql<{ molecule_id: string }>("SELECT molecule_id FROM molecules WHERE smiles = 'CCO'")
    ).map(({ molecule_id }) => molecule_id),
    seal: false,
  });
  assert.equal((await show(batch_id)).last_source_row, 3);
  await perform(context, cancelBatchOperation, scientist, { batch_id });
});
