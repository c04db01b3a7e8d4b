import assert from "node:assert/strict";
import { after, test } from "node:test";
import { chains, kind, openBatches } from "../../test/support/batches.ts";
import { inResults } from "../../test/support/context.ts";
import { until } from "../../test/support/worker.ts";
import type { ResultsTx } from "../db/results.ts";
import { perform } from "../perform.ts";
import { advanceBatches } from "./advance.ts";
import {
  addToBatchOperation,
  cancelBatchOperation,
  listItems,
  pauseBatchOperation,
  resumeBatchOperation,
  retryBatchOperation,
} from "./operations.ts";
import { recountBatch } from "./repair.ts";
import { settleItems } from "./settle.ts";

const { context, org, scientist, sql, create, show, items, end, checkCounters, withoutWindows } =
  await openBatches({ after });

test("one request becomes items, jobs and places in the queue; the same molecule twice and a bad line are left out", async () => {
  const molecules = [
    ...chains(3),
    { text: "CC", format: "smiles" as const, name: "again" },
    { text: "C1", format: "smiles" as const, name: "methane?" },
  ];
  const answer = await create({ molecules, on_reject: "skip", name: "alkanes", priority: 7 });
  assert.deepEqual([answer.added, answer.skipped, answer.total_items], [3, 2, 5]);
  const row = await show(answer.batch_id);
  assert.deepEqual(row.counts, { pending: 0, queued: 3, processing: 0, completed: 0, failed: 0, skipped: 2 });
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
      ["queued", 1, undefined],
      ["queued", 2, undefined],
      ["queued", 3, undefined],
      ["skipped", 4, "duplicate"],
      ["skipped", 5, "unparsable_input"],
    ],
  );
  assert.deepEqual([all[4]?.name, all[4]?.input, all[4]?.smiles], ["methane?", "C1", null]);
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
    const open = (await items(batch_id)).filter(({ status }) => status === "queued");
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
    ["completed", { pending: 0, queued: 0, processing: 0, completed: 6, failed: 4, skipped: 0 }],
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

test("paused: nothing begins and the queue forgets what waited; resumed, it goes on; each twice changes nothing", async () => {
  const { batch_id } = await create({ molecules: chains(4, 50) });
  const [first, ...rest] = (await items(batch_id)).map(({ job_id }) => job_id ?? "");
  await sql("UPDATE tasks SET status = 'running', fence = 1 WHERE job_id = $1", [first]);
  await sql("UPDATE jobs SET status = 'running' WHERE job_id = $1", [first]);
  const of = { batch_id };
  // Told from their jobs: to begin moves no counter.
  const { counts } = await show(batch_id);
  assert.deepEqual([counts.pending, counts.queued, counts.processing], [0, 3, 1]);
  const numbers = async (status: "queued" | "processing") => {
    const page = await perform(context, listItems, scientist, { ...of, status, limit: 2 });
    const rest = await perform(context, listItems, scientist, {
      ...of,
      status,
      cursor: page.next_cursor ?? "9",
    });
    return [page.next_cursor, [...page.items, ...rest.items].map(({ item_no, status }) => [item_no, status])];
  };
  assert.deepEqual(await numbers("queued"), ["3", [2, 3, 4].map((number) => [number, "queued"])]);
  assert.deepEqual(await numbers("processing"), [null, [[1, "processing"]]]);
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
  const told = await sql(
    "SELECT event_type, status, message, user_id FROM event_logs WHERE entity_id = $1 AND event_type <> 'batch_started'",
    [batch_id],
  );
  const message = "the batch was cancelled";
  const by = { user_id: scientist.user_id };
  assert.deepEqual(told, [{ event_type: "batch_failed", status: "cancelled", message, ...by }]);
  const row = await show(batch_id);
  assert.deepEqual(
    [row.status, row.counts],
    ["cancelled", { pending: 0, queued: 0, processing: 0, completed: 1, failed: 0, skipped: 8 }],
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
    ["queued", "completed"],
  );
  await checkCounters(batch_id);
});

test("where counters and jobs disagree no count is below zero, and a list of one state holds what the whole list says of it", async () => {
  const { batch_id } = await create({ molecules: chains(2, 100) });
  const [one] = await items(batch_id);
  await sql(`SET session_replication_role = replica;
    UPDATE jobs SET status = 'running' WHERE batch_id = '${batch_id}';
    UPDATE batch_progress SET processing = 0 WHERE batch_id = '${batch_id}' AND slot = 1`);
  const { queued, processing } = (await show(batch_id)).counts;
  assert.deepEqual([queued, processing], [0, 1]);
  await sql(`SET session_replication_role = replica; DELETE FROM jobs WHERE job_id = '${one?.job_id}'`);
  const whole = (await items(batch_id)).map(({ item_no, status }) => [item_no, status]);
  assert.deepEqual(whole, [
    [1, "queued"],
    [2, "processing"],
  ]);
  for (const status of ["queued", "processing"] as const) {
    const page = await perform(context, listItems, scientist, { batch_id, status });
    assert.deepEqual(
      page.items.map((item) => [item.item_no, item.status]),
      whole.filter(([, of]) => of === status),
    );
  }
});
