import assert from "node:assert/strict";
import { after, test } from "node:test";
import { chains, kind, openBatches } from "../../test/support/batches.ts";
import { inResults } from "../../test/support/context.ts";
import { until } from "../../test/support/worker.ts";
import type { ResultsTx } from "../db/results.ts";
import { retryJobOperation } from "../jobs/operations.ts";
import { perform } from "../perform.ts";
import { advanceBatches } from "./advance.ts";
import { listFailures, retryFailures } from "./failure-operations.ts";
import { cancelBatch } from "./life.ts";
import {
  addToBatchOperation,
  cancelBatchOperation,
  pauseBatchOperation,
  resumeBatchOperation,
  retryBatchOperation,
} from "./operations.ts";
import { recountBatch } from "./repair.ts";
import { retryFailed } from "./retry.ts";
import { settleItems } from "./settle.ts";

const { context, org, scientist, colleague, sql, create, show, items, end, checkCounters, withoutWindows } =
  await openBatches({ after });

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

test("no more is retried at once than a window has room for, and each failed job once", async () => {
  const { batch_id } = await create({ molecules: chains(5, 63) });
  const jobs = (await items(batch_id)).map(({ job_id }) => job_id);
  await end(jobs, "failed", "timeout");
  const retry = (after?: string) =>
    context.results.transact(scientist, (scope) =>
      retryFailed(scope, { batch_id, ...(after === undefined ? {} : { after }) }, { window: 3 }),
    );
  assert.deepEqual(await retry(), { retried: 3, more: true, next_after: null });
  assert.deepEqual(await retry(), { retried: 0, more: true, next_after: null }, "no room");
  const again = (await items(batch_id)).flatMap(({ status, job_id }) =>
    status === "processing" ? [job_id] : [],
  );
  await end(again, "failed", "timeout");
  const last = await retry(again.toSorted().at(-1) ?? "");
  assert.deepEqual(last, { retried: 2, more: false, next_after: null }, "those that failed again come later");
  await checkCounters(batch_id);
});

test("counters that were changed by hand are repaired, and told of", async () => {
  const { batch_id } = await create({ molecules: chains(3, 97) });
  await sql("UPDATE batch_progress SET completed = 9 WHERE batch_id = $1 AND slot = 2", [batch_id]);
  const repaired = await inResults(context, org, (scope) => recountBatch(scope, batch_id));
  assert.deepEqual([repaired?.said.completed, repaired?.counted.completed], [9, 0]);
  await checkCounters(batch_id);
});

test("a window takes the counters once, in order, whatever of it was answered", async () => {
  const [fresh, known] = chains(2, 110);
  const before = await create({ molecules: known === undefined ? [] : [known] });
  await end(
    (await items(before.batch_id)).map(({ job_id }) => job_id),
    "completed",
  );
  const { batch_id } = await withoutWindows(() =>
    create({ molecules: [fresh, known].flatMap((one) => one ?? []) }),
  );
  const touch = (tx: ResultsTx, slot: number) =>
    tx
      .updateTable("batch_progress")
      .set({ failed: 0 })
      .where("batch_id", "=", batch_id)
      .where("slot", "=", slot)
      .execute();
  let window: Promise<unknown> = Promise.resolve();
  await inResults(context, org, async ({ tx }) => {
    await touch(tx, 1);
    window = advanceBatches(context, org.org_id);
    await until("the window at the first counter", async () => {
      const [row] = await sql<{ n: number }>(
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      return row?.n === 1;
    });
    await touch(tx, 2);
  });
  await window;
  assert.deepEqual(
    (await items(batch_id)).map(({ status }) => status),
    ["processing", "completed"],
  );
  await checkCounters(batch_id);
});

test("a retry waits for whoever cancels the batch, and then finds it cancelled", async () => {
  const { batch_id } = await create({ molecules: chains(2, 105) });
  const [first = "", second = ""] = (await items(batch_id)).map(({ job_id }) => job_id ?? "");
  await end([first], "failed", "rare");
  const holds = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const cancelling = context.results.transact(scientist, async (scope) => {
    await cancelBatch(scope, batch_id);
    held.resolve();
    await holds.promise;
  });
  await held.promise;
  const retries = [
    perform(context, retryFailures, scientist, { code: "rare" }),
    perform(context, retryBatchOperation, scientist, { batch_id }),
    perform(context, retryJobOperation, scientist, { job_id: first }),
  ].map((retry) =>
    retry.then(
      ({ retried = 1 }: { retried?: number }) => retried,
      (error) => error.kind,
    ),
  );
  await until("all three at the batch's gate", async () => {
    const [row] = await sql<{ n: number }>(
      "SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = 7242011",
    );
    return row?.n === 3;
  }).finally(holds.resolve);
  await cancelling;
  assert.deepEqual(await Promise.all(retries), [0, "conflict", "conflict"]);
  const states = await sql("SELECT status FROM jobs WHERE job_id = ANY ($1) ORDER BY 1", [[first, second]]);
  assert.deepEqual(states, [{ status: "cancelled" }, { status: "failed" }]);
  await checkCounters(batch_id);
});
