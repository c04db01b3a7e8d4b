import assert from "node:assert/strict";
import { after, test } from "node:test";
import { chains, openBatches } from "../../test/support/batches.ts";
import { until } from "../../test/support/worker.ts";
import { retryJobOperation } from "../jobs/operations.ts";
import { perform } from "../perform.ts";
import { advanceBatches } from "./advance.ts";
import { listFailures, retryFailures } from "./failure-operations.ts";
import { cancelBatch } from "./life.ts";
import { retryBatchOperation } from "./operations.ts";
import { retryFailed } from "./retry.ts";

const { context, org, scientist, colleague, sql, create, show, items, end, checkCounters } =
  await openBatches({ after });

test("a batch of which nothing completed has failed, and is open again where its failed are retried", async () => {
  const { batch_id } = await create({ molecules: chains(3, 40) });
  const jobs = (await items(batch_id)).map(({ job_id }) => job_id);
  await end(jobs.slice(0, 2), "failed", "timeout");
  await end(jobs.slice(2), "failed", "scf_not_converged");
  assert.deepEqual((await advanceBatches(context, org.org_id)).ended, [batch_id]);
  assert.equal((await show(batch_id)).status, "failed");
  const retry = (wish: { code?: string; force?: boolean } = {}) =>
    perform(context, retryBatchOperation, scientist, { batch_id, ...wish });
  const [code, why] = ["scf_not_converged", "final"];
  for (const wish of [{ code }, { code, force: false }])
    assert.deepEqual(await retry(wish), {
      ...{ batch_id, retried: 0, more: false, next_after: null, left_out: [{ code, why, count: 1 }] },
    });
  const alone = { job_id: jobs[2] ?? "" };
  await assert.rejects(perform(context, retryJobOperation, scientist, alone), {
    kind: "conflict",
    message: /failed with scf_not_converged and would again/,
  });
  assert.equal((await retry({ code, force: true })).retried, 1);
  assert.deepEqual([(await show(batch_id)).status, (await show(batch_id)).counts.failed], ["in_progress", 2]);
  assert.equal((await retry()).retried, 2);
  assert.equal((await retry()).retried, 0, "nothing is failed any more");
  const all = await items(batch_id);
  assert.deepEqual(
    all.map(({ status, retry_count, error }) => [status, retry_count, error]),
    Array(3).fill(["queued", 1, null]),
  );
  await end(jobs, "completed");
  await advanceBatches(context, org.org_id);
  assert.equal((await show(batch_id)).status, "completed");
  await checkCounters(batch_id);
});

test("failures are grouped by code, with examples, and those of one code run again", async () => {
  const { batch_id } = await create({
    molecules: [...chains(5, 90), { text: "C1", format: "smiles", name: "broken" }, ...chains(1, 90)],
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
  const [broken] = groups[2]?.examples ?? [];
  assert.deepEqual(
    [broken?.name, broken?.input, broken?.source_row, broken?.batch_id],
    ["broken", "C1", 6, batch_id],
  );
  assert.deepEqual([groups[0]?.examples[0]?.batch_id, groups[0]?.examples[0]?.input], [batch_id, null]);
  const hers = await perform(context, retryFailures, colleague, { code: "timeout" });
  assert.deepEqual([hers.retried, hers.left_out], [0, [{ code: "timeout", why: "not_yours", count: 4 }]]);
  assert.equal((await perform(context, retryFailures, scientist, { batch_id, code: "timeout" })).retried, 4);
  assert.deepEqual((await show(batch_id)).counts, {
    pending: 0,
    queued: 4,
    processing: 0,
    completed: 0,
    failed: 1,
    skipped: 2,
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
  assert.deepEqual(await retry(), { retried: 3, more: true, next_after: null, left_out: [] });
  assert.deepEqual(await retry(), { retried: 0, more: true, next_after: null, left_out: [] }, "no room");
  const again = (await items(batch_id)).flatMap(({ status, job_id }) =>
    status === "queued" ? [job_id] : [],
  );
  await end(again, "failed", "timeout");
  const last = await retry(again.toSorted().at(-1) ?? "");
  assert.deepEqual(
    [last.retried, last.more, last.next_after],
    [2, false, null],
    "those that failed again come later",
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
    await cancelBatch(scope, batch_id, scientist.user_id);
    held.resolve();
    await holds.promise;
  });
  await held.promise;
  const retries = [
    perform(context, retryFailures, scientist, { code: "rare", force: true }),
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
