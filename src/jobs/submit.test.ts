import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { sql } from "kysely";
import { person, submitSmiles } from "../../test/support/context.ts";
import { submitScript } from "../../test/support/engine.ts";
import { claimAndStart, openLab, projected, queueOf, record } from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import { perform } from "../perform.ts";
import { cancelJobOperation, submitJobFrom } from "./operations.ts";

const { context, org, scientist, clear } = await openLab({ after });
beforeEach(clear);

const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;
const queued = () =>
  context.superuser<{ job_id: string; rank: number; priority: number }>(
    "SELECT job_id, rank, priority FROM task_queue WHERE org_id = $1 ORDER BY priority DESC, rank",
    [org.org_id],
  );

test("jobs of one call have ranks in their order, and one row in the outbox tells of them all", async () => {
  const before = await context.superuser(
    "SELECT 1 FROM outbox WHERE topic = 'births'",
    [],
    org.database_name,
  );
  const { jobs } = await submitSmiles(context, scientist, ["CCO", "CCC", "CCCl"]);
  assert.deepEqual(
    (await queued()).map((row) => row.job_id),
    jobs.map((job) => job.job_id),
  );
  const [first] = await queued();
  const kept = await context.superuser<{ rank: number }>(
    "SELECT rank FROM jobs WHERE job_id = ANY ($1) ORDER BY rank",
    [jobs.map((job) => job.job_id)],
    org.database_name,
  );
  assert.deepEqual(
    kept.map((row) => row.rank),
    (await queued()).map((row) => row.rank),
  );
  const rows = await context.superuser<{ payload: { first_rank: number; job_ids: string[] } }>(
    "SELECT payload FROM outbox WHERE topic = 'births' ORDER BY outbox_id",
    [],
    org.database_name,
  );
  assert.equal(rows.length, before.length + 1);
  assert.equal(rows.at(-1)?.payload.first_rank, first?.rank);
  for (const { job_id } of jobs) assert.equal((await projected(context, job_id))?.last_seq, 1);
});

test("whoever comes after many of a colleague's jobs is not behind all of them", async () => {
  for (let n = 0; n < 5; n++) await submitScript(context, scientist);
  const colleague = await person(context, org, "scientist");
  const theirs = await submitScript(context, colleague);
  const places = (await queued()).map((row) => row.job_id);
  assert.ok(places.indexOf(theirs) <= 1, `place ${places.indexOf(theirs)} of ${places.length}`);
});

test("a quota of open tasks refuses what is over it, in words, and lets in what fits", async () => {
  const set = (quotas: object) => {
    context.results.forget(org.org_id);
    return context.superuser("UPDATE organizations SET quotas = $2 WHERE org_id = $1", [org.org_id, quotas]);
  };
  const [{ open } = { open: 0 }] = await context.superuser<{ open: number }>(
    "SELECT count(*) AS open FROM tasks WHERE status IN ('waiting', 'ready', 'running')",
    [],
    org.database_name,
  );
  await set({ queued_tasks: open + 2 });
  try {
    await assert.rejects(
      submitSmiles(context, scientist, ["CN", "CNC", "CCN"]),
      (error: unknown) =>
        error instanceof AppError &&
        error.kind === "quota" &&
        error.message.startsWith(
          `3 more tasks are too many: ${open} wait or run, and this organization's quota is ${open + 2}`,
        ),
    );
    const { jobs } = await submitSmiles(context, scientist, ["CN", "CNC"]);
    await assert.rejects(submitSmiles(context, scientist, "CCN"), kind("quota"));
    await perform(context, cancelJobOperation, scientist, { job_id: jobs[0]?.job_id ?? "" });
    await submitSmiles(context, scientist, "CCN");
  } finally {
    await set({});
  }
});

test("a submission whose answer was lost on the way is answered again, and made once", async () => {
  const died = () => Promise.reject(new AppError("unavailable", "killed here"));
  const lost = new Proxy(context.results, {
    get(door, name) {
      const value: unknown = name === "relay" ? died : Reflect.get(door, name);
      return typeof value === "function" ? value.bind(door) : value;
    },
  });
  const options = { idempotencyKey: "once" };
  const first = await submitSmiles({ ...context, results: lost }, scientist, ["CCCO", "CCCN"], {}, options);
  // Here the process died; whoever asked asks again, twice at once.
  const again = await Promise.all(
    [1, 2].map(() => submitSmiles(context, scientist, ["CCCO", "CCCN"], {}, options)),
  );
  assert.deepEqual(again, [first, first]);
  await context.results.relay(org.org_id);
  assert.deepEqual(
    (await queueOf(context, org.org_id)).map((row) => row.job_id),
    first.jobs.map((job) => job.job_id).toSorted(),
  );
  await assert.rejects(submitSmiles(context, scientist, ["CCCO"], {}, options), kind("idempotency_mismatch"));
});

test("a job like another is always a new one, with the wished priority, and its tasks may be answered", async () => {
  const from = await submitScript(context, scientist, { graph: { a: [], b: ["a"] } });
  await record(context, await claimAndStart(context));
  const made = await perform(context, submitJobFrom, scientist, { from, priority: 9, reuse: false });
  assert.notEqual(made.job_id, from);
  assert.equal((await queued())[0]?.job_id, made.job_id);
  const rows = await context.superuser<{ reuse: boolean; tasks: string[] }>(
    "SELECT reuse, array(SELECT task_name || ' ' || status FROM tasks t WHERE t.job_id = j.job_id ORDER BY 1) AS tasks FROM jobs j WHERE job_id = $1",
    [made.job_id],
    org.database_name,
  );
  assert.deepEqual(rows, [{ reuse: false, tasks: ["a ready", "b waiting"] }]);
});

test("the greatest rank that somebody can write delays nobody, and a task that only says it runs is refused", async () => {
  const mine = await submitScript(context, scientist);
  const write = (text: string) => context.results.transact(scientist, ({ tx }) => sql.raw(text).execute(tx));
  await write(`UPDATE jobs SET rank = ${2 ** 52} WHERE job_id = '${mine}'`);
  await assert.rejects(
    write(
      `INSERT INTO tasks (job_id, task_name, engine, status) VALUES ('${mine}', 'more', 'fake', 'running')`,
    ),
  );
  // Her own next one, and one of a colleague who finds nothing else in the queue.
  for (const who of [scientist, await person(context, org, "scientist")]) {
    const next = await submitScript(context, who);
    const [row] = (await queued()).filter(({ job_id }) => job_id === next);
    assert.ok(row !== undefined && row.rank < 4e12, `${row?.rank}`);
  }
});
