import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, beforeEach, test } from "node:test";
import { openTestContext } from "../../test/support/context.ts";
import { bareOrgs, claimRows, enqueueTasks, perOrg, QUEUED } from "../../test/support/queue.ts";
import { until } from "../../test/support/worker.ts";
import { newId } from "../ids.ts";
import { type Claim, claimTasks } from "./claims-store.ts";
import { drainWorker } from "./drain.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { countLater, listLanes, listWorkers, MOST_LATER } from "./operators-store.ts";
import { isGone, markOf } from "./process-mark.ts";
import { setLane } from "./set-lane.ts";
import { sweepLeases } from "./sweep.ts";
import { announceWorker, dismissWorker } from "./workers-store.ts";

const context = await openTestContext({ after });
const { metadata } = context;
const admin = context.admin_principal.user_id;
beforeEach(() => context.superuser("DELETE FROM task_queue; DELETE FROM queue_lanes; DELETE FROM workers"));

async function announce(pid = process.pid, worker_id = newId()): Promise<string> {
  const worker = {
    worker_id,
    host: "here",
    pid,
    process: await markOf(pid),
    version: "test",
    engines: [QUEUED],
    slots: 2,
  };
  await announceWorker(metadata, worker, []);
  return worker_id;
}

function claimAs(worker_id: string, count: number): Promise<Claim[]> {
  return claimTasks(metadata, { worker_id, engines: [QUEUED], lease_seconds: 3600 }, count);
}

async function leased(worker_id: string): Promise<number> {
  return (await context.superuser("SELECT FROM task_queue WHERE lease_owner = $1", [worker_id])).length;
}

test("a worker whose process is gone holds nothing any more; one that lives, or runs elsewhere, is believed", async () => {
  const [org = ""] = await bareOrgs(context, 1);
  await enqueueTasks(context, org, 8);
  const child = spawn("sleep", ["600"]);
  const dead = await announce(child.pid);
  const [alive, elsewhere] = [await announce(), await announce(child.pid)];
  await context.superuser(
    "UPDATE workers SET process = 'another boot, another namespace 1' WHERE worker_id = $1",
    [elsewhere],
  );
  for (const worker of [dead, alive, elsewhere]) await claimAs(worker, 2);
  assert.equal(await sweepLeases(metadata), 0, "it lives");
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.equal(await sweepLeases(metadata), 2);
  assert.deepEqual(await Promise.all([dead, alive, elsewhere].map(leased)), [0, 2, 2]);
  assert.deepEqual(
    (await listWorkers(metadata)).map((row) => [row.worker_id, row.running]),
    [
      [alive, 2],
      [elsewhere, 2],
    ],
  );
  const back = await context.superuser(
    "SELECT FROM task_queue WHERE lease_owner IS NULL AND fence = 1 AND available_at > now() + interval '1 s'",
  );
  assert.equal(back.length, 2, "what ended its worker waits before it may end another");
});

test("another process with the pid of one that is gone is not taken for it", async () => {
  const mark = await markOf(process.pid);
  assert.ok(mark !== null);
  assert.equal(await isGone(process.pid, mark), false);
  assert.equal(await isGone(process.pid, mark.replace(/\d+$/, "1")), true);
  assert.equal(await isGone(process.pid, "elsewhere 1"), false);
});

test("leases of a worker that nobody saw for long are given back before they run out", async () => {
  const [org = ""] = await bareOrgs(context, 1);
  await enqueueTasks(context, org, 3);
  const [silent, seen] = [await announce(), await announce()];
  await claimAs(silent, 1);
  await claimAs(seen, 1);
  await context.superuser("UPDATE workers SET last_seen_at = now() - interval '46 s' WHERE worker_id = $1", [
    silent,
  ]);
  assert.equal(await sweepLeases(metadata), 1);
  assert.deepEqual([await leased(silent), await leased(seen)], [0, 1]);
  assert.deepEqual(
    (await listWorkers(metadata)).map((row) => row.alive),
    [false, true],
  );
});

test("a worker hears at its heartbeat that it shall drain, and only the one that was meant", async () => {
  const [worker_id, other] = [await announce(), await announce()];
  const heard: string[] = [];
  const never = new AbortController().signal;
  using _first = new LeaseKeeper(context, { worker_id, lease_seconds: 0.1 }, never, {
    draining: () => heard.push("meant"),
  });
  using _second = new LeaseKeeper(context, { worker_id: other, lease_seconds: 0.1 }, never, {
    draining: () => heard.push("other"),
  });
  assert.deepEqual(await drainWorker(metadata, worker_id, admin), [worker_id]);
  await until("the heartbeat", async () => heard.includes("meant"));
  assert.ok(!heard.includes("other"));
  await assert.rejects(drainWorker(metadata, newId(), admin), { kind: "not_found" });
  assert.equal((await drainWorker(metadata, null, admin)).length, 2);
  await until("the other's heartbeat", async () => heard.includes("other"));
  await dismissWorker(metadata, worker_id);
  assert.deepEqual(
    (await listWorkers(metadata)).map((row) => [row.worker_id, row.draining]),
    [[other, true]],
  );
  const told = await context.superuser("SELECT FROM audit_logs WHERE action = 'worker.drain'");
  assert.equal(told.length, 3);
});

test("an operator sets share and quota of a lane, also before it has had tasks, and takes the quota back", async () => {
  const orgs = await bareOrgs(context, 2);
  const [favoured = "", limited = ""] = orgs;
  const lane = await setLane(metadata, { org_id: favoured, engine: QUEUED }, { weight: 3 }, admin);
  assert.deepEqual([lane.weight, lane.quota, lane.is_active], [3, null, false]);
  for (const org of orgs) await enqueueTasks(context, org, 50);
  assert.deepEqual(perOrg(orgs, await claimRows(context, 20)), [15, 5]);
  await setLane(metadata, { org_id: limited, engine: QUEUED }, { quota: 6 }, admin);
  assert.deepEqual(perOrg(orgs, await claimRows(context, 20)), [19, 1]);
  await setLane(metadata, { org_id: limited, engine: QUEUED }, { quota: null }, admin);
  const listed = await listLanes(metadata, limited);
  assert.deepEqual(
    listed.map((row) => [row.weight, row.quota, row.running, row.is_active]),
    [[1, null, 6, true]],
  );
  const told = await context.superuser(
    "SELECT metadata FROM audit_logs WHERE action = 'lane.set' ORDER BY seq",
  );
  assert.equal(told.length, 3);
});

test("what is left for later is told lane by lane: tasks whose time comes, and lanes that rest", async () => {
  const [many = "", few = "", idle = ""] = await bareOrgs(context, 3);
  const none = { tasks: 0, first_at: null, resting_lanes: 0, resting_until: null };
  for (const org of [many, few, idle]) await enqueueTasks(context, org, org === many ? MOST_LATER + 1 : 2);
  assert.deepEqual(await countLater(metadata, [QUEUED]), none, "all is to be taken now");
  const [times] = await context.superuser<{ first_at: string; until: string }>(
    `WITH t AS (SELECT now() + interval '1 h' AS first_at, now() + interval '2 h' AS later),
       q AS (UPDATE task_queue SET available_at = CASE org_id WHEN $1 THEN t.later ELSE t.first_at END FROM t
         WHERE org_id <> $3),
       l AS (UPDATE queue_lanes SET available_at = t.later FROM t WHERE org_id = $2)
     SELECT to_json(first_at) #>> '{}' AS first_at, to_json(later) #>> '{}' AS until FROM t`,
    [many, few, idle],
  );
  const { first_at, resting_until, ...counts } = await countLater(metadata, [QUEUED]);
  assert.deepEqual(counts, { tasks: MOST_LATER + 2, resting_lanes: 1 });
  const isSame = (one: string | null, other = "") => Date.parse(one ?? "") === Date.parse(other);
  assert.ok(isSame(first_at, times?.first_at) && isSame(resting_until, times?.until), `${first_at}`);
  assert.deepEqual(await countLater(metadata, ["another"]), none);
});

test("a worker whose row is gone announces itself again at its next heartbeat", async () => {
  const worker_id = await announce();
  const never = new AbortController().signal;
  using _keeper = new LeaseKeeper(context, { worker_id, lease_seconds: 0.1 }, never, {
    forgotten: async () => void (await announce(process.pid, worker_id)),
  });
  await dismissWorker(metadata, worker_id);
  await until("its row", async () =>
    (await listWorkers(metadata)).some((row) => row.worker_id === worker_id),
  );
});
