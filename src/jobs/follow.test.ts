import assert from "node:assert/strict";
import { after, test } from "node:test";
import { inResults, makeOrg, openTestContext, person, submitSmiles } from "../../test/support/context.ts";
import { until } from "../../test/support/worker.ts";
import { localPrincipal, type OrgPrincipal } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import { Pulse } from "../events/pulse.ts";
import type { Followed } from "../operation.ts";
import { perform, performFollow } from "../perform.ts";
import type { Services } from "../services.ts";
import { cancelJobOperation, followJob } from "./operations.ts";
import type { JobEvent } from "./schema.ts";
import { insertEvents } from "./store.ts";

const opened = await openTestContext({ after });
const context = { ...opened, pulse: new Pulse(opened.results, { look_ms: 100 }) };
const org = await makeOrg(context);
const other = await makeOrg(context);
const scientist = await person(context, org, "scientist");
const colleague = await person(context, org, "scientist");
const stranger = await person(context, other, "scientist");

const kind = (name: string) => (error: unknown) => error instanceof AppError && error.kind === name;
const cancel = (job_id: string) => perform(context, cancelJobOperation, scientist, { job_id });

type Following = AsyncIterable<Followed<JobEvent>>;
type How = { after?: string; again?: () => Promise<OrgPrincipal>; services?: Services };

function follow(job_id: string, who: OrgPrincipal = scientist, { services = context, ...how }: How = {}) {
  const left = new AbortController();
  const events: Following = performFollow(
    services,
    followJob,
    who,
    { job_id },
    { ...how, signal: left.signal },
  );
  const told: Followed<JobEvent>[] = [];
  const done = (async () => {
    for await (const one of events) told.push(one);
  })();
  done.catch(() => {});
  return { told, done, left, words: () => told.map(({ id, data }) => `${id} ${data.event}`) };
}

let carbons = 1;
async function submit(more: { visibility?: "private" } = {}): Promise<string> {
  const { jobs } = await submitSmiles(context, scientist, "C".repeat(carbons++), more);
  return jobs[0]?.job_id ?? "";
}

async function addEvents(jobId: string, count: number, from = 2): Promise<void> {
  await inResults(context, org, async ({ tx }) => {
    const events = Array.from({ length: count }, (_, n) => ({
      job_id: jobId,
      seq_no: from + n,
      event: `step ${n}`,
    }));
    await insertEvents(tx, events);
    await tx
      .updateTable("jobs")
      .set({ seq: from + count - 1 })
      .where("job_id", "=", jobId)
      .execute();
  });
}

test("events come by number, those that were and those that follow, until the job has ended", async () => {
  const job = await submit();
  await addEvents(job, 2);
  const all = follow(job);
  const rest = follow(job, colleague, { after: "1" });
  const known = follow(job, scientist, { after: "3" });
  await until("what was is told", async () => all.told.length === 3 && rest.told.length === 2);
  assert.deepEqual(known.told, []);
  await cancel(job.toUpperCase());
  await Promise.all([all.done, rest.done, known.done]);
  assert.deepEqual(all.words(), ["1 submitted", "2 step 0", "3 step 1", "4 cancelled"]);
  assert.deepEqual(rest.words(), all.words().slice(1));
  assert.deepEqual(known.words(), all.words().slice(3));
  const late = follow(job, scientist, { after: "4" });
  await late.done;
  assert.deepEqual(late.told, []);
  assert.deepEqual(context.pulse.size, { watches: 0, organizations: 0 });
});

test("more events than a page come without a gap, and each once", async () => {
  const job = await submit();
  await addEvents(job, 350);
  const all = follow(job);
  await until("the page", async () => all.told.length === 351);
  await addEvents(job, 100, 352);
  await until("the rest", async () => all.told.length === 451);
  all.left.abort();
  await all.done;
  assert.deepEqual(
    all.told.map(({ id }) => Number(id)),
    Array.from({ length: 451 }, (_, n) => n + 1),
  );
});

test("a stranger, a colleague of a private one, and a number that is none are refused before anything is told", async () => {
  const job = await submit({ visibility: "private" });
  await assert.rejects(follow(job, stranger).done, kind("not_found"));
  await assert.rejects(follow(job, colleague).done, kind("not_found"));
  for (const wrong of ["", "-1", "1.5", "x", "9".repeat(30)])
    assert.throws(() => follow(job, scientist, { after: wrong }), kind("bad_input"), wrong);
  assert.throws(() => follow("nothing"), kind("bad_input"));
  assert.throws(() => follow(job, { ...scientist, permissions: new Set() }), kind("forbidden"));
  assert.deepEqual(context.pulse.size, { watches: 0, organizations: 0 });
});

test("who is removed or disabled, and from whom a job is taken, hears no more", async () => {
  const [leaver, disabled] = [
    await person(context, org, "scientist"),
    await person(context, org, "scientist"),
  ];
  const job = await submit();
  const again = async (who: OrgPrincipal) => ({
    ...(await localPrincipal(context.metadata, who.username, org.org_id)),
    org_id: org.org_id,
  });
  const streams = [
    follow(job, leaver, { again: () => again(leaver) }),
    follow(job, disabled, { again: () => again(disabled) }),
    follow(job, colleague, { again: () => again(colleague) }),
    follow(job),
  ];
  await until("all hear", async () => streams.every(({ told }) => told.length === 1));
  await context.superuser("DELETE FROM memberships WHERE user_id = $1", [leaver.user_id]);
  await context.superuser("UPDATE users SET enabled = false WHERE user_id = $1", [disabled.user_id]);
  const refused = [kind("not_found"), kind("forbidden")];
  for (const [index, how] of refused.entries())
    await assert.rejects(streams[index]?.done ?? Promise.resolve(), how);
  await inResults(context, org, ({ tx }) =>
    tx.updateTable("jobs").set({ visibility: "private" }).where("job_id", "=", job).execute(),
  );
  await cancel(job);
  await assert.rejects(streams[2]?.done ?? Promise.resolve(), kind("not_found"));
  await streams[3]?.done;
  assert.deepEqual(
    streams.map(({ told }) => told.length),
    [1, 1, 1, 2],
  );
});

test("a hundred streams hear all, each as itself, with one look for all of them; who leaves frees everything", async () => {
  const jobs = [await submit(), await submit(), await submit()];
  const streams = Array.from({ length: 100 }, (_, n) =>
    follow(jobs[n % 3] ?? "", n % 2 === 0 ? scientist : colleague),
  );
  await until("all hear", async () => streams.every(({ told }) => told.length === 1));
  assert.deepEqual(context.pulse.size, { watches: 100, organizations: 1 });
  for (const { left } of streams.slice(0, 50)) left.abort();
  await Promise.all(streams.slice(0, 50).map(({ done }) => done));
  assert.equal(context.pulse.size.watches, 50);
  await Promise.all(jobs.map(cancel));
  await Promise.all(streams.map(({ done }) => done));
  assert.deepEqual([...new Set(streams.slice(50).map(({ told }) => told.length))], [2]);
  assert.deepEqual(context.pulse.size, { watches: 0, organizations: 0 });
});

test("nothing is read ahead for somebody who listens slowly, and who stops listening is forgotten", async () => {
  const job = await submit();
  await addEvents(job, 250);
  let reads = 0;
  const read: Services["results"]["read"] = (...given) => {
    reads++;
    return context.results.read(...given);
  };
  const results = new Proxy(context.results, {
    get: (door, name) => (name === "read" ? read : Reflect.get(door, name)),
  });
  const services = { ...context, results };
  const { signal } = new AbortController();
  const events = performFollow(services, followJob, scientist, { job_id: job }, { signal })[
    Symbol.asyncIterator
  ]();
  assert.equal(reads, 0, "it begins when it is asked");
  for (let n = 0; n < 100; n++) await events.next();
  assert.equal(reads, 1);
  await events.next();
  assert.equal(reads, 2);
  assert.equal(context.pulse.size.watches, 1);
  await events.return?.();
  assert.equal(context.pulse.size.watches, 0);
});
