import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { after, test } from "node:test";
import { inResults } from "../../test/support/context.ts";
import { keepResults } from "../../test/support/kept-results.ts";
import { rounds } from "../../test/support/rounds.ts";
import { jobState, openLab, queueOf, start } from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { cancelJobOperation, retryJobOperation } from "../jobs/operations.ts";
import { lockJobs } from "../jobs/store.ts";
import { perform } from "../perform.ts";
import { claimTasks } from "../queue/claims-store.ts";
import { advanceBatches } from "./advance.ts";
import { selectRetryable } from "./failures-store.ts";
import {
  cancelBatchOperation,
  createBatchOperation,
  pauseBatchOperation,
  resumeBatchOperation,
  retryBatchOperation,
  showBatch,
} from "./operations.ts";
import { repairBatches } from "./repair.ts";
import { BATCH_ENDED } from "./schema.ts";
import { settleItems } from "./settle.ts";

const { context, org, scientist } = await openLab({ after }, { env: { DB_RESULTS_POOL_SIZE: "6" } });
const sql = <R extends object>(text: string, values: unknown[] = []) =>
  context.superuser<R>(text, values, org.database_name);

const WINDOW = { window: 6, portion: 4 };
const ITEMS = 24;
const ACTORS = 5;
const DEEDS = rounds(14, 100);

/** Numbers that a seed gives again (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

const chains = (ends: string) =>
  Array.from({ length: ITEMS }, (_, n) => ({
    text: `${"C".repeat(n + 1)}${ends}`,
    format: "smiles" as const,
  }));

/** Batches whose first window nobody has made. */
async function newBatch(ends: string): Promise<string> {
  const input = { pipeline: "xtb-singlepoint", molecules: chains(ends) };
  return (await perform(context, createBatchOperation, scientist, input)).batch_id;
}

/** Every other molecule is known: windows have items that are answered beside those that get a job. */
async function answerEveryOther(ends: string[]): Promise<void> {
  const molecules = ends.flatMap((end) => chains(end).filter((_, n) => n % 2 === 0));
  const input = { pipeline: "xtb-singlepoint", molecules };
  const { batch_id } = await perform(context, createBatchOperation, scientist, input);
  await settleSome(batch_id, "completed", () => 0);
  await inResults(context, org, async ({ tx }) => {
    const rows = await tx.selectFrom("jobs").select("job_id").where("batch_id", "=", batch_id).execute();
    await keepResults(
      tx,
      rows.map(({ job_id }) => job_id),
    );
  });
  await advanceBatches(context, org.org_id);
}

/** Ends some of a batch's jobs as a worker does: those that are not over when their turn comes. */
async function settleSome(batch_id: string, status: "completed" | "failed", below: (n: number) => number) {
  await inResults(context, org, async ({ tx }) => {
    const open = await tx
      .selectFrom("jobs")
      .select("job_id")
      .where("batch_id", "=", batch_id)
      .where("status", "in", ["queued", "pending", "running"])
      .execute();
    const some = open.filter(() => below(3) === 0).map(({ job_id }) => job_id);
    const jobs = (await lockJobs(tx, some)).filter(
      (job) => !["completed", "failed", "cancelled"].includes(job.status),
    );
    const ids = jobs.map(({ job_id }) => job_id);
    if (ids.length === 0) return;
    const said = { code: "crashed", message: "it broke" };
    const error = status === "failed" ? JSON.stringify({ ...said, kind: "crashed" }) : null;
    await tx.updateTable("jobs").set({ status, error }).where("job_id", "in", ids).execute();
    await tx.updateTable("tasks").set({ status }).where("job_id", "in", ids).execute();
    await settleItems(
      tx,
      ids.map((job_id) => ({ job_id, status, ...(status === "failed" ? { error: said } : {}) })),
    );
  });
}

async function retryOne(batch_id: string): Promise<void> {
  const [job] = await sql<{ job_id: string }>(
    "SELECT job_id FROM jobs WHERE batch_id = $1 AND status = 'failed' LIMIT 1",
    [batch_id],
  );
  if (job !== undefined) await perform(context, retryJobOperation, scientist, job);
}

async function deed(batch_id: string, below: (n: number) => number): Promise<void> {
  const input = { batch_id };
  const drawn = below(40);
  if (drawn < 14) await advanceBatches(context, org.org_id, WINDOW);
  else if (drawn < 22) await settleSome(batch_id, "completed", below);
  else if (drawn < 28) await settleSome(batch_id, "failed", below);
  else if (drawn < 31) await perform(context, pauseBatchOperation, scientist, input);
  else if (drawn < 34) await perform(context, resumeBatchOperation, scientist, input);
  else if (drawn < 36) await perform(context, retryBatchOperation, scientist, input);
  else if (drawn < 37) await retryOne(batch_id);
  else if (drawn < 38)
    await inResults(context, org, async (scope) => assert.deepEqual(await repairBatches(scope), []));
  else if (drawn < 39) {
    const [job] = await sql<{ job_id: string }>(
      "SELECT job_id FROM jobs WHERE batch_id = $1 AND status = 'queued' LIMIT 1",
      [batch_id],
    );
    if (job !== undefined) await perform(context, cancelJobOperation, scientist, job);
  } else if (below(6) === 0) await perform(context, cancelBatchOperation, scientist, input);
}

test("a batch that is paused and resumed has its jobs in the queue in the order that they had", async () => {
  const batch_id = await newBatch("S");
  await advanceBatches(context, org.org_id, WINDOW);
  // Another order than that of their ids, so that keeping it is no accident; and not all of them wait any more.
  await sql(
    `UPDATE jobs SET rank = (SELECT min(rank) + max(rank) FROM jobs WHERE batch_id = $1) - rank WHERE batch_id = $1`,
    [batch_id],
  );
  let turn = 0;
  await settleSome(batch_id, "completed", () => turn++ % 3);
  const waiting = () =>
    sql<{ job_id: string; rank: number }>(
      "SELECT job_id, rank FROM jobs WHERE batch_id = $1 AND status IN ('pending', 'queued') ORDER BY rank",
      [batch_id],
    );
  const ids = (rows: { job_id: string }[]) => rows.map(({ job_id }) => job_id);
  const before = ids(await waiting());
  assert.notDeepEqual(before, before.toSorted());
  for (let n = 0; n < 2; n++) {
    await perform(context, pauseBatchOperation, scientist, { batch_id });
    await perform(context, resumeBatchOperation, scientist, { batch_id });
  }
  const after = await waiting();
  assert.deepEqual(ids(after), before);
  await context.results.relay(org.org_id);
  const queued = await context.superuser<{ job_id: string; rank: number }>(
    "SELECT job_id, rank FROM task_queue WHERE job_id = ANY ($1) ORDER BY rank",
    [before],
  );
  assert.deepEqual(queued, after);
  assert.equal(new Set(after.map(({ rank }) => rank)).size, after.length, "each has a place of its own");
});

test("a job that was claimed just before its batch was paused does not start, and waits as all others of it", async () => {
  const { batch_id } = await perform(context, createBatchOperation, scientist, {
    pipeline: "xtb-singlepoint",
    molecules: chains("F").slice(0, 3),
    priority: 9,
  });
  const worker = { worker_id: newId(), engines: ["xtb"], lease_seconds: 30 };
  const [first, second] = await claimTasks(context.metadata, worker, 2);
  assert.ok(first !== undefined && second !== undefined);
  const paused = await perform(context, pauseBatchOperation, scientist, { batch_id });
  assert.deepEqual(await start(context, first), { kind: "gone" });
  await context.results.relay(org.org_id);
  const { status, tasks, executions } = await jobState(context, org.org_id, first.job_id);
  assert.deepEqual(
    [status, tasks[0]?.status, tasks[0]?.attempt, executions.length],
    ["pending", "ready", 0, 0],
  );
  const mine = async () => (await queueOf(context, org.org_id)).filter((row) => row.job_id === first.job_id);
  assert.deepEqual(await mine(), []);
  const resumed = await perform(context, resumeBatchOperation, scientist, { batch_id });
  assert.deepEqual([paused.jobs, resumed.jobs], [3, 3]);
  await context.results.relay(org.org_id);
  assert.deepEqual(
    (await mine()).map(({ lease_owner }) => lease_owner),
    [null],
  );
  assert.equal((await start(context, second)).kind, "started", "paused and resumed before it started");
  await settleSome(batch_id, "completed", () => 0);
});

test("failed jobs that are too many for one call are had in portions, each once", async () => {
  const batch_id = await newBatch("Cl");
  await advanceBatches(context, org.org_id, WINDOW);
  await settleSome(batch_id, "failed", () => 0);
  const failed = await sql<{ job_id: string }>(
    "SELECT job_id FROM jobs WHERE batch_id = $1 AND status = 'failed' ORDER BY created_at, job_id",
    [batch_id],
  );
  assert.ok(failed.length >= 5);
  const had: string[] = [];
  for (let after: string | undefined; ; ) {
    const filter = { batch_id, ...(after === undefined ? {} : { after }) };
    const portion = await context.results.transact(scientist, ({ tx }) => selectRetryable(tx, filter, 2));
    if (portion.length === 0) break;
    had.push(...portion.map(({ job_id }) => job_id));
    after = had.at(-1);
  }
  assert.deepEqual(
    had,
    failed.map(({ job_id }) => job_id),
  );
});

test("whatever happens to batches at once, counters count, and no item has a second job", async (t) => {
  const seed = randomInt(2 ** 31);
  t.diagnostic(`seed ${seed}`);
  await answerEveryOther(["", "O", "N"]);
  const { forMachinery } = context.results;
  context.results.forMachinery = () => Promise.reject(new Error("the process ended after the commit"));
  const batches = await Promise.all([newBatch(""), newBatch("O"), newBatch("N")]);
  context.results.forMachinery = forMachinery;
  const actors = Array.from({ length: ACTORS }, (_, actor) => random(seed + actor));
  await Promise.all(
    actors.map(async (below) => {
      for (let n = 0; n < DEEDS; n++)
        await deed(batches[below(batches.length)] ?? "", below).catch((error: unknown) => {
          // What a person is refused is no fault; a deadlock would be "unavailable".
          if (!(error instanceof AppError && error.kind === "conflict")) throw error;
        });
    }),
  );
  assert.deepEqual(await inResults(context, org, (scope) => repairBatches(scope, { all: true })), []);
  const twice = await sql(
    `SELECT i.batch_id, count(*) FROM jobs j LEFT JOIN batch_items i ON i.job_id = j.job_id
      WHERE j.batch_id IS NOT NULL GROUP BY i.batch_id, i.item_no HAVING count(*) > 1 OR i.batch_id IS NULL`,
  );
  assert.deepEqual(twice, [], "a job that no item has, or an item with two");
  const torn = await sql(
    `SELECT i.item_no, i.status, j.status AS job FROM batch_items i JOIN jobs j ON j.job_id = i.job_id
      WHERE (i.status = 'processing') <> (j.status IN ('pending', 'queued', 'running'))
        OR (i.status IN ('completed', 'failed') AND i.status <> j.status)`,
  );
  assert.deepEqual(torn, [], "items say what became of their jobs");
  const resting = await sql(
    `SELECT j.job_id, b.status FROM jobs j JOIN batch_jobs b USING (batch_id)
      WHERE j.status = 'queued' AND b.status IN ('paused', 'cancelled')`,
  );
  assert.deepEqual(resting, [], "nothing begins of a batch that is paused or cancelled");
  await context.results.relay(org.org_id);
  const queue = await context.superuser<{ job_id: string }>(
    "SELECT job_id FROM task_queue WHERE org_id = $1 ORDER BY 1",
    [org.org_id],
  );
  const waiting = await sql<{ job_id: string }>("SELECT job_id FROM jobs WHERE status = 'queued' ORDER BY 1");
  const settled = new Set(
    (await sql<{ job_id: string }>("SELECT job_id FROM jobs WHERE status IN ('completed', 'failed')")).map(
      (row) => row.job_id,
    ),
  );
  // The test ends jobs without telling the queue; all else that it holds waits.
  assert.deepEqual(
    queue.map((row) => row.job_id).filter((id) => !settled.has(id)),
    waiting.map((row) => row.job_id),
  );
  for (const batch_id of batches) await runOut(batch_id);
});

/** Brings a batch to its end. */
async function runOut(batch_id: string): Promise<void> {
  for (let round = 0; round < 50; round++) {
    const row = await perform(context, showBatch, scientist, { batch_id });
    if (BATCH_ENDED.includes(row.status) && row.counts.pending === 0) return;
    if (row.status === "paused") await perform(context, resumeBatchOperation, scientist, { batch_id });
    await settleSome(batch_id, "completed", () => 0);
    await advanceBatches(context, org.org_id, WINDOW);
  }
  assert.fail("a batch did not end");
}
