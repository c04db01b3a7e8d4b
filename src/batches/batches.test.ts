import assert from "node:assert/strict";
import { after, test } from "node:test";
import { inResults, person } from "../../test/support/context.ts";
import { openLab } from "../../test/support/worker.ts";
import type { ResultsTx } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { newId, sha256 } from "../ids.ts";
import { perform } from "../perform.ts";
import { advanceBatches } from "./advance.ts";
import { listFailures, retryFailures } from "./failure-operations.ts";
import {
  addToBatchOperation,
  cancelBatchOperation,
  createBatchOperation,
  listItems,
  pauseBatchOperation,
  resumeBatchOperation,
  retryBatchOperation,
  sealBatchOperation,
  showBatch,
} from "./operations.ts";
import { recountBatch } from "./repair.ts";
import type { AddedItems, CreateBatch } from "./schema.ts";
import { type EndedJob, settleItems } from "./settle.ts";

const { context, org, scientist } = await openLab({ after });
const colleague = await person(context, org, "scientist");
const sql = <R extends object>(text: string, values: unknown[] = []) =>
  context.superuser<R>(text, values, org.database_name);

/** Molecules that no two tests share, and that are all small. */
const chains = (count: number, from = 1) =>
  Array.from({ length: count }, (_, n) => {
    const end = ["", "O", "N", "F", "Cl", "S", "OC(=O)"][Math.floor((from + n) / 15)] ?? "Br";
    return { text: `${"C".repeat(1 + ((from + n) % 15))}${end}`, format: "smiles" as const };
  });
const create = (input: Partial<CreateBatch>, options = {}): Promise<AddedItems> =>
  perform(context, createBatchOperation, scientist, { pipeline: "xtb-singlepoint", ...input }, options);
const show = (batch_id: string) => perform(context, showBatch, scientist, { batch_id });
const items = async (batch_id: string) =>
  (await perform(context, listItems, scientist, { batch_id, limit: 1000 })).items;
const kind = (name: string) => (error: unknown) => error instanceof AppError && error.kind === name;

/** Ends jobs as a worker does, without running anything. */
async function end(jobs: (string | null)[], status: "completed" | "failed", code = "crashed"): Promise<void> {
  const ids = jobs.map((id) => id ?? "");
  await inResults(context, org, async ({ tx }) => {
    await tx.updateTable("tasks").set({ status }).where("job_id", "in", ids).execute();
    const error = status === "failed" ? JSON.stringify({ code, kind: code, message: "it broke" }) : null;
    await tx.updateTable("jobs").set({ status, error }).where("job_id", "in", ids).execute();
    if (status === "completed") await keepResults(tx, ids);
    const ended = { status, ...(status === "failed" ? { error: { code, message: "it broke" } } : {}) };
    await settleItems(
      tx,
      ids.map((job_id): EndedJob => ({ job_id, ...ended })),
    );
  });
}

/** What a worker keeps of completed jobs for others: without it nothing answers. */
async function keepResults(tx: ResultsTx, ids: string[]): Promise<void> {
  for (const job_id of ids) {
    const signature = sha256(job_id);
    const exec_id = newId();
    const task = { job_id, task_name: "singlepoint" };
    await tx.updateTable("tasks").set({ signature }).where("job_id", "=", job_id).execute();
    const run = { attempt: 1, status: "completed", fence: 1, ended_at: new Date().toISOString() };
    await tx
      .insertInto("task_executions")
      .values({ exec_id, ...task, ...run, signature })
      .execute();
    const result = {
      service_name: "xtb 6",
      schema_version: "1",
      confidence_score: 1,
      checks: "[]",
      result_data: "{}",
    };
    await tx
      .insertInto("task_results")
      .values({ exec_id, ...task, ...result })
      .execute();
    const entry = { cache_key: signature, signature, pipeline_version: "1", task_name: "singlepoint" };
    await tx
      .insertInto("result_cache")
      .values({ ...entry, canonical_job_id: job_id, canonical_exec_id: exec_id, confidence_score: 1 })
      .execute();
  }
}

/** Everything of a batch that must agree with something else. */
async function checkCounters(batch_id: string): Promise<void> {
  assert.equal(await inResults(context, org, (scope) => recountBatch(scope, batch_id)), undefined);
  const twice = await sql(
    "SELECT job_id FROM jobs WHERE batch_id = $1 AND job_id NOT IN (SELECT job_id FROM batch_items WHERE job_id IS NOT NULL AND batch_id = $1)",
    [batch_id],
  );
  assert.deepEqual(twice, [], "a job that no item has");
}

test("one request becomes items, jobs and places in the queue; the same molecule twice and a bad line are left out", async () => {
  const molecules = [
    ...chains(3),
    { text: "CC", format: "smiles" as const, name: "again" },
    { text: "C1", format: "smiles" as const },
  ];
  const answer = await create({ molecules, on_reject: "skip", name: "alkanes", priority: 7 });
  assert.deepEqual([answer.added, answer.skipped, answer.total_items], [3, 2, 5]);
  const row = await show(answer.batch_id);
  assert.deepEqual(row.counts, { pending: 0, processing: 3, completed: 0, failed: 0, skipped: 2 });
  assert.equal(row.status, "in_progress");
  assert.notEqual(row.sealed_at, null);
  const all = await items(answer.batch_id);
  assert.deepEqual(
    all.map(({ status, source_row, error }) => [
      status,
      source_row,
      (error as { code?: string } | null)?.code,
    ]),
    [
      ["processing", 1, undefined],
      ["processing", 2, undefined],
      ["processing", 3, undefined],
      ["skipped", 4, "duplicate"],
      ["skipped", 5, "unparsable_input"],
    ],
  );
  assert.equal((all[3]?.error as { item_no?: number } | undefined)?.item_no, 1);
  const jobs = await sql<{
    params: { charge: number; seed: number; task: string };
    rank: string;
    priority: number;
  }>("SELECT params, rank, priority FROM jobs WHERE batch_id = $1 ORDER BY rank", [answer.batch_id]);
  assert.deepEqual(jobs[0]?.params, {
    task: "single_point",
    method: "gfn2",
    solvent: null,
    seed: 42,
    charge: 0,
    multiplicity: 1,
  });
  assert.deepEqual(
    jobs.map((job) => Number(job.rank) - Number(jobs[0]?.rank)),
    [0, 1, 2],
  );
  assert.equal(jobs[0]?.priority, 7);
  const queued = await context.superuser("SELECT 1 FROM task_queue WHERE job_id = ANY ($1)", [
    all.flatMap(({ job_id }) => job_id ?? []),
  ]);
  assert.equal(queued.length, 3);
  await checkCounters(answer.batch_id);
});

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
  assert.deepEqual(row.counts, { pending: 0, processing: 5, completed: 4, failed: 0, skipped: 0 });
  await checkCounters(batch_id);
});

test("small windows, one after the other: each item gets one job, and the end is stated once", async () => {
  const { batch_id } = await withoutWindows(() => create({ molecules: chains(10, 20) }));
  assert.deepEqual((await show(batch_id)).counts.pending, 10);
  const settings = { window: 4, portion: 3 };
  assert.equal((await advanceBatches(context, org.org_id, settings)).jobs, 4);
  assert.equal((await advanceBatches(context, org.org_id, settings)).jobs, 0, "no room");
  for (let round = 0; round < 3; round++) {
    const open = (await items(batch_id)).filter(({ status }) => status === "processing");
    await end(
      open.map(({ job_id }) => job_id),
      round === 0 ? "failed" : "completed",
    );
    await checkCounters(batch_id);
    await advanceBatches(context, org.org_id, settings);
  }
  const row = await show(batch_id);
  assert.deepEqual(
    [row.status, row.counts],
    ["completed", { pending: 0, processing: 0, completed: 6, failed: 4, skipped: 0 }],
  );
  assert.notEqual(row.ended_at, null);
  assert.ok((row.rate_per_s ?? 0) > 0);
  const jobs = new Set((await items(batch_id)).map(({ job_id }) => job_id));
  assert.equal(jobs.size, 10);
  const said = await sql<{ event_type: string }>(
    "SELECT event_type FROM event_logs WHERE entity_id = $1 ORDER BY ts",
    [batch_id],
  );
  assert.deepEqual(
    said.map((event) => event.event_type),
    ["batch_started", "batch_completed"],
  );
});

test("a batch of which nothing completed has failed, and is open again where its failed are retried", async () => {
  const { batch_id } = await create({ molecules: chains(3, 40) });
  const jobs = (await items(batch_id)).map(({ job_id }) => job_id);
  await end(jobs.slice(0, 2), "failed", "timeout");
  await end(jobs.slice(2), "failed", "scf_not_converged");
  assert.deepEqual((await advanceBatches(context, org.org_id)).ended, [batch_id]);
  assert.equal((await show(batch_id)).status, "failed");
  const retry = (code?: string) =>
    perform(context, retryBatchOperation, scientist, { batch_id, ...(code === undefined ? {} : { code }) });
  assert.equal((await retry("scf_not_converged")).retried, 1);
  assert.deepEqual([(await show(batch_id)).status, (await show(batch_id)).counts.failed], ["in_progress", 2]);
  assert.equal((await retry()).retried, 2);
  assert.equal((await retry()).retried, 0, "nothing is failed any more");
  const all = await items(batch_id);
  assert.deepEqual(
    all.map(({ status, retry_count, error }) => [status, retry_count, error]),
    Array(3).fill(["processing", 1, null]),
  );
  await end(jobs, "completed");
  await advanceBatches(context, org.org_id);
  assert.equal((await show(batch_id)).status, "completed");
  await checkCounters(batch_id);
});

test("paused: nothing begins and the queue forgets what waited; resumed, it goes on; each twice changes nothing", async () => {
  const { batch_id } = await create({ molecules: chains(4, 50) });
  const [first, ...rest] = (await items(batch_id)).map(({ job_id }) => job_id ?? "");
  await sql("UPDATE tasks SET status = 'running', fence = 1 WHERE job_id = $1", [first]);
  await sql("UPDATE jobs SET status = 'running' WHERE job_id = $1", [first]);
  const of = { batch_id };
  const queued = async () =>
    (
      await context.superuser<{ job_id: string }>("SELECT job_id FROM task_queue WHERE job_id = ANY ($1)", [
        [first, ...rest],
      ])
    ).map((row) => row.job_id);
  assert.equal((await perform(context, pauseBatchOperation, scientist, of)).jobs, 3);
  assert.equal((await perform(context, pauseBatchOperation, scientist, of)).jobs, 0);
  assert.deepEqual(await queued(), [first], "what runs goes on");
  await perform(context, addToBatchOperation, scientist, { batch_id, molecules: chains(1) }).then(
    () => assert.fail("a sealed batch took more"),
    (error: unknown) => assert.ok(kind("conflict")(error)),
  );
  assert.equal((await advanceBatches(context, org.org_id)).jobs, 0);
  const [projected] = await context.superuser<{ status: string }>(
    "SELECT status FROM jobs_meta WHERE job_id = $1",
    [rest[0]],
  );
  assert.equal(projected?.status, "pending");
  assert.equal((await perform(context, resumeBatchOperation, scientist, of)).jobs, 3);
  assert.equal((await perform(context, resumeBatchOperation, scientist, of)).jobs, 0);
  assert.equal((await queued()).length, 4);
  const events = await sql<{ seq_no: string; event: string }>(
    "SELECT seq_no, event FROM job_events WHERE job_id = $1 ORDER BY seq_no",
    [rest[0]],
  );
  assert.deepEqual(
    events.map(({ seq_no, event }) => [Number(seq_no), event]),
    [
      [1, "submitted"],
      [2, "pending"],
      [3, "queued"],
    ],
  );
  await checkCounters(batch_id);
});

test("cancelled, all of it ends: open jobs, and items that had none; it stays cancelled", async () => {
  const { batch_id } = await withoutWindows(() => create({ molecules: chains(9, 60), seal: false }));
  await advanceBatches(context, org.org_id, { window: 4, portion: 4 });
  const open = (await items(batch_id)).flatMap(({ job_id }) => job_id ?? []);
  assert.equal(open.length, 4);
  await end(open.slice(0, 1), "completed");
  const cancel = () => perform(context, cancelBatchOperation, scientist, { batch_id });
  assert.equal((await cancel()).jobs, 3);
  assert.equal((await cancel()).jobs, 0);
  const row = await show(batch_id);
  assert.deepEqual(
    [row.status, row.counts],
    ["cancelled", { pending: 0, processing: 0, completed: 1, failed: 0, skipped: 8 }],
  );
  const states = await sql(
    "SELECT status, count(*)::int AS n FROM jobs WHERE batch_id = $1 GROUP BY 1 ORDER BY 1",
    [batch_id],
  );
  assert.deepEqual(states, [
    { status: "cancelled", n: 3 },
    { status: "completed", n: 1 },
  ]);
  assert.equal(
    (await context.superuser("SELECT 1 FROM task_queue WHERE job_id = ANY ($1)", [open])).length <= 1,
    true,
  );
  // A worker that comes too late changes nothing.
  await inResults(context, org, ({ tx }) =>
    settleItems(tx, [{ job_id: open[1] ?? "", status: "completed" }]),
  );
  assert.equal((await advanceBatches(context, org.org_id)).jobs, 0);
  await assert.rejects(perform(context, resumeBatchOperation, scientist, { batch_id }), kind("conflict"));
  await assert.rejects(perform(context, retryBatchOperation, scientist, { batch_id }), kind("conflict"));
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
    processing: 1,
    completed: 2,
    failed: 0,
    skipped: 0,
  });
  const anew = await create({ molecules: chains(3, 75), reuse: false });
  assert.equal((await show(anew.batch_id)).counts.processing, 3);
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
  await assert.rejects(create({}), kind("bad_input"));
  await assert.rejects(create({ molecules: chains(1), params: { methd: "gfn1" } }), /did you mean method/);
  await assert.rejects(create({ molecules: chains(1), params: { solvent: "beer" } }), kind("bad_input"));
  await assert.rejects(create({ molecules: chains(1), pipeline: "dock" }), /--site/);
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

test("failures are grouped by code, with examples, and those of one code run again", async () => {
  const { batch_id } = await create({
    molecules: [...chains(5, 90), { text: "C1", format: "smiles", name: "broken" }],
    on_reject: "skip",
  });
  const jobs = (await items(batch_id)).flatMap(({ job_id }) => job_id ?? []);
  await end(jobs.slice(0, 4), "failed", "timeout");
  await end(jobs.slice(4), "failed", "electron_parity");
  const { items: groups } = await perform(context, listFailures, scientist, { batch_id });
  assert.deepEqual(
    groups.map(({ code, count, retryable, left_out, examples }) => [
      code,
      count,
      retryable,
      left_out,
      examples.length,
    ]),
    [
      ["timeout", 4, true, false, 3],
      ["electron_parity", 1, false, false, 1],
      ["unparsable_input", 1, false, true, 1],
    ],
  );
  assert.match(groups[0]?.examples[0]?.smiles ?? "", /^C+/);
  assert.equal(groups[2]?.examples[0]?.name, "C1");
  assert.equal(
    (await perform(context, retryFailures, colleague, { code: "timeout" })).retried,
    0,
    "not hers",
  );
  assert.equal((await perform(context, retryFailures, scientist, { batch_id, code: "timeout" })).retried, 4);
  assert.deepEqual((await show(batch_id)).counts, {
    pending: 0,
    processing: 4,
    completed: 0,
    failed: 1,
    skipped: 1,
  });
  await checkCounters(batch_id);
});

test("counters that were changed by hand are repaired, and told of", async () => {
  const { batch_id } = await create({ molecules: chains(3, 97) });
  await sql("UPDATE batch_progress SET completed = 9 WHERE batch_id = $1 AND slot = 2", [batch_id]);
  const repaired = await inResults(context, org, (scope) => recountBatch(scope, batch_id));
  assert.deepEqual([repaired?.said.completed, repaired?.counted.completed], [9, 0]);
  await checkCounters(batch_id);
});

/** A request after which nobody makes its jobs, as where the process ended there. */
async function withoutWindows<T>(work: () => Promise<T>): Promise<T> {
  const { forMachinery } = context.results;
  context.results.forMachinery = async () => {
    throw new AppError("unavailable", "the process ended here");
  };
  try {
    return await work();
  } finally {
    context.results.forMachinery = forMachinery;
  }
}
