import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { submitScript } from "../../test/support/engine.ts";
import { claimAndStart, jobState, openLab, record } from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { cursorMark } from "../paging.ts";
import { perform } from "../perform.ts";
import { cancelJobOperation, listJobs, retryJobOperation, showJob, submitJobFrom } from "./operations.ts";

const { context, org, scientist, clear } = await openLab({ after });
beforeEach(clear);

const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;

test("jobs are listed newest first, in pages that neither repeat nor leave out one", async () => {
  const made = [];
  for (let n = 0; n < 7; n++) made.push(await submitScript(context, scientist));
  const seen: string[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await perform(context, listJobs, scientist, {
      limit: 3,
      ...(cursor == null ? {} : { cursor }),
    });
    assert.ok(page.items.length <= 3);
    seen.push(...page.items.map((row) => row.job_id));
    cursor = page.next_cursor;
  } while (cursor !== null);
  assert.deepEqual(seen, made.toReversed());
});

test("jobs made in the same instant are paged all the same", async () => {
  const made = [];
  for (let n = 0; n < 5; n++) made.push(await submitScript(context, scientist));
  await context.superuser(
    "UPDATE jobs SET created_at = '2030-01-01T00:00:00.123456Z' WHERE job_id = ANY ($1)",
    [made],
    org.database_name,
  );
  const seen: string[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await perform(context, listJobs, scientist, {
      limit: 2,
      job_ids: made,
      ...(cursor == null ? {} : { cursor }),
    });
    seen.push(...page.items.map((row) => row.job_id));
    cursor = page.next_cursor;
  } while (cursor !== null);
  assert.deepEqual(seen.toSorted(), made.toSorted());
});

test("a cursor that no list gave is refused", async () => {
  const made = (value: unknown) =>
    `${cursorMark("job.list", {})}.${Buffer.from(JSON.stringify(value)).toString("base64url")}`;
  for (const cursor of ["x", "%%", made([1, 2]), made(["2026-01-01"]), made(["no time", newId()]), made({})])
    await assert.rejects(perform(context, listJobs, scientist, { cursor }), kind("bad_input"), cursor);
});

test("a cursor with a good time and no id is refused as bad input too", {}, async () => {
  const place = Buffer.from(JSON.stringify(["2026-01-01T00:00:00Z", "no uuid"])).toString("base64url");
  const cursor = `${cursorMark("job.list", {})}.${place}`;
  await assert.rejects(perform(context, listJobs, scientist, { cursor }), kind("bad_input"));
});

test("jobs are found by status and by id", async () => {
  const [queued, cancelled] = [
    await submitScript(context, scientist),
    await submitScript(context, scientist),
  ];
  await perform(context, cancelJobOperation, scientist, { job_id: cancelled });
  const ids = (await perform(context, listJobs, scientist, { status: "cancelled", limit: 1000 })).items.map(
    (row) => row.job_id,
  );
  assert.ok(ids.includes(cancelled) && !ids.includes(queued));
  const both = await perform(context, listJobs, scientist, { job_ids: [queued, cancelled, newId()] });
  assert.deepEqual(both.items.map((row) => row.job_id).toSorted(), [queued, cancelled].toSorted());
});

test("a job is shown with its tasks, inputs, outputs, events and executions", async () => {
  const job_id = await submitScript(context, scientist, { graph: { a: [], b: ["a"] } });
  const shown = await perform(context, showJob, scientist, { job_id });
  assert.equal(shown.status, "queued");
  assert.equal(shown.pipeline, "fake");
  assert.deepEqual(
    shown.tasks.map((task) => [task["task_name"], task["status"], task["depends_left"]]),
    [
      ["a", "ready", 0],
      ["b", "waiting", 1],
    ],
  );
  assert.equal(shown.inputs.length, 1);
  assert.deepEqual(
    shown.events.map((event) => event["event"]),
    ["submitted"],
  );
  assert.deepEqual([shown.outputs, shown.executions], [[], []]);
  assert.deepEqual(Object.keys(shown.timings as object), ["submitted_at"]);
});

test("a new job like another one has its recipe, input and parameters, and leaves the other alone", async () => {
  const from = await submitScript(context, scientist, {
    script: "echo 7",
    priority: 8,
    graph: { a: [], b: ["a"] },
  });
  const again = await perform(context, submitJobFrom, scientist, { from });
  assert.notEqual(again.job_id, from);
  assert.equal(again.cached, false);
  const [one, two] = await Promise.all(
    [from, again.job_id].map((job_id) => perform(context, showJob, scientist, { job_id })),
  );
  assert.deepEqual(two?.params, one?.params);
  assert.deepEqual(
    two?.tasks.map((task) => task["task_name"]),
    ["a", "b"],
  );
  assert.deepEqual([two?.priority, two?.inputs[0]?.["molecule_id"]], [8, one?.inputs[0]?.["molecule_id"]]);
  const signatures = await context.superuser(
    "SELECT DISTINCT input_signature FROM jobs WHERE job_id = ANY ($1)",
    [[from, again.job_id]],
    org.database_name,
  );
  assert.equal(signatures.length, 1, "it asks the same question");
  await assert.rejects(perform(context, submitJobFrom, scientist, { from: newId() }), kind("not_found"));
});

test("cancel and retry through the door are audited under the job, once each", async () => {
  const job_id = await submitScript(context, scientist);
  await perform(context, cancelJobOperation, scientist, { job_id });
  await perform(context, cancelJobOperation, scientist, { job_id }, { idempotencyKey: "c" });
  await perform(context, cancelJobOperation, scientist, { job_id }, { idempotencyKey: "c" });
  const rows = await context.superuser<{ action: string }>(
    "SELECT action FROM audit_logs WHERE job_id = $1 ORDER BY seq",
    [job_id],
  );
  assert.deepEqual(
    rows.map((row) => row.action),
    ["job.cancel", "job.cancel"],
  );
  await assert.rejects(perform(context, retryJobOperation, scientist, { job_id }), kind("conflict"));
});

test("in a suspended organization nothing is submitted or cancelled, what runs is recorded, and people may read", async () => {
  const job_id = await submitScript(context, scientist);
  const run = await claimAndStart(context);
  await context.superuser(
    "UPDATE organizations SET status = 'suspended', suspended_at = now() WHERE org_id = $1",
    [org.org_id],
  );
  context.results.forget(org.org_id);
  try {
    await assert.rejects(perform(context, cancelJobOperation, scientist, { job_id }), kind("conflict"));
    await assert.rejects(perform(context, submitJobFrom, scientist, { from: job_id }), kind("conflict"));
    await record(context, run);
    assert.equal((await perform(context, showJob, scientist, { job_id })).status, "completed");
  } finally {
    await context.superuser("UPDATE organizations SET status = 'active' WHERE org_id = $1", [org.org_id]);
    context.results.forget(org.org_id);
  }
  assert.equal((await jobState(context, org.org_id, job_id)).status, "completed");
});
