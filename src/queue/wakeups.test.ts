import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openTestContext, type TestContext } from "../../test/support/context.ts";
import { PGBOUNCER, startPgBouncer } from "../../test/support/pgbouncer.ts";
import { bareOrgs, enqueueTasks, QUEUED } from "../../test/support/queue.ts";
import { until, within } from "../../test/support/worker.ts";
import { appPassword } from "../setup.ts";
import { openWakeups, type Wakeups } from "./wakeups.ts";

const context = await openTestContext({ after });
const [org = ""] = await bareOrgs(context, 1);
const never = new AbortController().signal;

async function listening(wakeups: Wakeups): Promise<void> {
  await until("a listening worker", async () => wakeups.listening);
  await wakeups.next(1, never); // what came before is looked for once
}

/** What `next` waits for: true where it ended by itself, before it was told to. */
async function rings(wakeups: Wakeups, work: () => Promise<unknown>): Promise<boolean> {
  const stop = new AbortController();
  // Asked anew each time that it is only time to look: a bell that is rung stays rung until it is heard.
  const heard = wakeups.next(60_000, stop.signal).then(() => !stop.signal.aborted);
  await work();
  const result = await within(heard);
  stop.abort();
  return result;
}

/** Milliseconds until `next` resolves after `work`. */
async function delay(wakeups: Wakeups, work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await rings(wakeups, work);
  return performance.now() - began;
}

test("tasks for its engines call a worker, those of others don't, and a call before it listens is kept", async (t) => {
  const wakeups = openWakeups(context, [QUEUED]);
  t.after(() => wakeups[Symbol.asyncDispose]());
  await listening(wakeups);
  // The shortest of a few: a machine that is busy must not make a poll out of a call.
  const delays = [];
  for (let n = 0; n < 5; n++) delays.push(await delay(wakeups, () => enqueueTasks(context, org, 1)));
  assert.ok(Math.min(...delays) < 500, `called after ${Math.min(...delays)} ms`);
  await enqueueTasks(context, org, 1);
  await until("the call", async () => (await timed(() => wakeups.next(200, never))) < 150);
  await enqueueTasks(context, org, 1, { engine: "another" });
  assert.ok((await timed(() => wakeups.next(200, never))) > 190, "called for another's engine");
  const stop = new AbortController();
  stop.abort();
  await within(wakeups.next(60_000, stop.signal));
});

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

test("a connection that is cut comes back by itself, and what came meanwhile is not slept through", async (t) => {
  const wakeups = openWakeups(context, [QUEUED]);
  t.after(() => wakeups[Symbol.asyncDispose]());
  await listening(wakeups);
  await cut(context);
  await until("the loss to be noticed", async () => !wakeups.listening);
  await enqueueTasks(context, org, 1);
  await until("listening again", async () => wakeups.listening);
  assert.ok((await timed(() => wakeups.next(200, never))) < 150, "it looks once when it is back");
  const delays = [];
  for (let n = 0; n < 5; n++) delays.push(await delay(wakeups, () => enqueueTasks(context, org, 1)));
  assert.ok(Math.min(...delays) < 500, `called after ${Math.min(...delays)} ms`);
});

function cut({ superuser }: TestContext): Promise<unknown> {
  return superuser(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%wake-ups%' AND datname = current_database()",
  );
}

test("behind a pooler a worker knows that nobody can call it, and asks", {
  skip: PGBOUNCER === undefined,
}, async (t) => {
  const password = appPassword(context.secret).reveal();
  const login = { user: context.roles.app, password };
  const bouncer = await startPgBouncer(t, { ...context.admin, ...login }, [login]);
  const said: string[] = [];
  const log = { ...context.log, warn: (_: object, line: string) => void said.push(line) };
  const admin = { ...bouncer, database: context.database };
  const wakeups = openWakeups({ ...context, admin, log } as typeof context, [QUEUED]);
  t.after(() => wakeups[Symbol.asyncDispose]());
  await until("it to be said", async () => said.length > 0);
  assert.match(said[0] ?? "", /pooler/);
  assert.equal(wakeups.listening, false);
  assert.ok((await timed(() => wakeups.next(60_000, never))) < 5000);
});
