import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import fc from "fast-check";
import { sql } from "kysely";
import { openTestContext } from "../../test/support/context.ts";
import { asked } from "../../test/support/plan.ts";
import { bareOrgs, claimRows, enqueueTasks, perOrg, QUEUED } from "../../test/support/queue.ts";
import { rounds } from "../../test/support/rounds.ts";
import { until } from "../../test/support/worker.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { newId } from "../ids.ts";
import { type Claim, dropClaims, raiseFence, releaseClaims, restLane, takeTasks } from "./claims-store.ts";
import { restEmptyLanes, rewindClocks, wakeNeglectedLanes } from "./lane-upkeep-store.ts";
import { lockLanes, settleLanes } from "./lanes-store.ts";
import { projectQueue } from "./queue-store.ts";

const context = await openTestContext({ after });
beforeEach(() => context.superuser("DELETE FROM task_queue; DELETE FROM queue_lanes"));

type LaneRow = { org_id: string; is_active: boolean; vtime: number; clock: number; rest: number };

async function lane(org_id: string | undefined, engine = QUEUED): Promise<LaneRow> {
  const rows = await context.superuser<LaneRow>(
    "SELECT org_id, is_active, vtime, clock, extract(epoch FROM available_at - now())::float8 AS rest FROM queue_lanes WHERE org_id = $1 AND engine = $2",
    [org_id, engine],
  );
  return rows[0] as LaneRow;
}

/** Rows to claim whose lane is not active: they would wait for ever. */
async function forgotten(): Promise<number> {
  const rows = await context.superuser<{ n: number }>(
    `SELECT count(*) AS n FROM task_queue q LEFT JOIN queue_lanes l USING (org_id, engine)
      WHERE q.lease_owner IS NULL AND l.is_active IS NOT TRUE`,
  );
  return rows[0]?.n ?? -1;
}

function weigh(org_id: string | undefined, weight: number): Promise<unknown> {
  return context.superuser("UPDATE queue_lanes SET weight = $2 WHERE org_id = $1", [org_id, weight]);
}

test("within one claim and over several, organizations share by weight and not by how much they queue", async () => {
  const orgs = await bareOrgs(context, 3);
  for (const [index, org] of orgs.entries()) await enqueueTasks(context, org, [200, 60, 60][index] ?? 0);
  assert.deepEqual(perOrg(orgs, await claimRows(context, 30)), [10, 10, 10]);
  await weigh(orgs[2], 2);
  assert.deepEqual(perOrg(orgs, await claimRows(context, 40)), [10, 10, 20]);
  const single = [];
  for (let n = 0; n < 8; n++) single.push(...(await claimRows(context, 1)));
  assert.deepEqual(perOrg(orgs, single), [2, 2, 4]);
});

test("a lane that runs dry leaves its share to the others, and one with nothing to claim rests", async () => {
  const orgs = await bareOrgs(context, 2);
  await enqueueTasks(context, orgs[0] ?? "", 2);
  await enqueueTasks(context, orgs[1] ?? "", 20);
  assert.deepEqual(perOrg(orgs, await claimRows(context, 10)), [2, 8]);
  assert.equal((await lane(orgs[0])).is_active, false);
  assert.equal((await lane(orgs[1])).is_active, true);
  await enqueueTasks(context, orgs[0] ?? "", 1);
  assert.equal((await lane(orgs[0])).is_active, true);
});

test("who comes back neither gets what it missed nor waits for what others got", async () => {
  const orgs = await bareOrgs(context, 3);
  const [steady = "", away = "", late = ""] = orgs;
  const claimTens = async (rounds: number) => {
    const claims: Claim[] = [];
    for (let n = 0; n < rounds; n++) claims.push(...(await claimRows(context, 10)));
    return perOrg(orgs, claims);
  };
  await enqueueTasks(context, steady, 400);
  await enqueueTasks(context, away, 4);
  assert.deepEqual(await claimTens(10), [96, 4, 0]);
  assert.equal((await lane(away)).is_active, false);
  await enqueueTasks(context, away, 100);
  near(await claimTens(4), [20, 20, 0]);
  await context.superuser(
    "UPDATE organizations SET status = 'suspended', suspended_at = now() WHERE org_id = $1",
    [away],
  );
  assert.deepEqual(await claimTens(6), [60, 0, 0]);
  await context.superuser("UPDATE organizations SET status = 'active' WHERE org_id = $1", [away]);
  await enqueueTasks(context, late, 100);
  near(await claimTens(6), [20, 20, 20]);
});

/** Equal but for what one claim takes. */
function near(got: number[], expected: number[]): void {
  assert.ok(
    got.every((count, index) => Math.abs(count - (expected[index] ?? 0)) <= 10),
    `${got} is not ${expected}`,
  );
}

test("after all have rested, who was served most does not wait for the rest", async () => {
  const orgs = await bareOrgs(context, 2);
  const [big = "", small = ""] = orgs;
  await enqueueTasks(context, big, 300);
  for (let n = 0; n < 15; n++) await claimRows(context, 20);
  assert.equal((await lane(big)).is_active, false);
  await enqueueTasks(context, small, 100);
  await enqueueTasks(context, big, 100);
  const [served = 0] = perOrg(orgs, await claimRows(context, 60));
  assert.ok(served >= 20, `it got ${served} of 60`);
});

test("quotas of a lane and of an organization's lanes together hold while eight claim at once", async () => {
  const [own = "", shared = ""] = await bareOrgs(context, 2);
  await enqueueTasks(context, own, 60);
  await context.superuser("UPDATE queue_lanes SET quota = 7 WHERE org_id = $1", [own]);
  await context.superuser(`UPDATE organizations SET quotas = '{"concurrent_tasks": 5}' WHERE org_id = $1`, [
    shared,
  ]);
  await enqueueTasks(context, shared, 60);
  await enqueueTasks(context, shared, 60, { engine: "second" });
  const orgs = [own, shared];
  let held: Claim[] = [];
  for (let round = 0; round < 6; round++) {
    const got = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        claimRows(context, 4, n % 2 === 0 ? [QUEUED, "second"] : ["second"]),
      ),
    );
    held.push(...got.flat());
    const [mine = 0, theirs = 0] = perOrg(orgs, held);
    assert.ok(mine <= 7 && theirs <= 5, `${mine} and ${theirs}`);
    await dropClaims(context.metadata, held.slice(0, 3));
    held = held.slice(3);
  }
  const last = [...held, ...(await claimRows(context, 50, [QUEUED, "second"]))];
  assert.deepEqual(perOrg(orgs, last), [7, 5]);
});

test("lanes at their quota, or with nothing but pauses, do not hide those behind them", async () => {
  const full = await bareOrgs(context, 55);
  for (const org of full.slice(0, 3)) await enqueueTasks(context, org, 2);
  await context.superuser(
    `INSERT INTO queue_lanes (org_id, engine) SELECT id, $2 FROM unnest($1::uuid[]) AS id ON CONFLICT DO NOTHING`,
    [full, QUEUED],
  );
  await context.superuser(
    `INSERT INTO task_queue (org_id, job_id, task_name, generation, engine, priority, rank, available_at, fence)
      SELECT id, id, 'run', 1, $2, 9, 0, now() + interval '1 hour', 0 FROM unnest($1::uuid[]) AS id`,
    [full.slice(3), QUEUED],
  );
  await context.superuser("UPDATE queue_lanes SET quota = 0 WHERE org_id = ANY ($1)", [full.slice(0, 3)]);
  const [behind = ""] = await bareOrgs(context, 1);
  await enqueueTasks(context, behind, 3);
  await context.superuser("UPDATE queue_lanes SET vtime = 1000 WHERE org_id = $1", [behind]);
  assert.deepEqual(perOrg([behind], await claimRows(context, 10)), [3]);
  assert.deepEqual(await claimRows(context, 10), []);
});

test("a claim that finds the only lane held waits for it instead of going away empty", async () => {
  const [org = ""] = await bareOrgs(context, 1);
  await enqueueTasks(context, org, 3);
  const order: string[] = [];
  let other: Promise<unknown> = Promise.resolve();
  await context.metadata.system(async (tx) => {
    await tx.selectFrom("queue_lanes").select("org_id").where("org_id", "=", org).forUpdate().execute();
    other = claimRows(context, 3).then((claims) => order.push(`claimed ${claims.length}`));
    await waitsForLock();
    order.push("let go");
  });
  await other;
  assert.deepEqual(order, ["let go", "claimed 3"]);
});

test("a claim that got too little looks beyond the lanes that it took first, where others hold some of those", async () => {
  const [first = "", second = "", third = ""] = await bareOrgs(context, 3);
  await enqueueTasks(context, first, 1);
  const taken = await enqueueTasks(context, second, 2);
  await enqueueTasks(context, third, 2);
  await context.superuser("UPDATE queue_lanes SET vtime = 9 WHERE org_id = $1", [third]);
  await context.metadata.system(async (tx) => {
    await tx.selectFrom("task_queue").select("job_id").where("job_id", "in", taken).forUpdate().execute();
    assert.deepEqual(perOrg([first, second, third], await claimRows(context, 2)), [1, 0, 1]);
    assert.deepEqual(perOrg([first, second, third], await claimRows(context, 1)), [0, 0, 1]);
  });
  assert.deepEqual(perOrg([first, second, third], await claimRows(context, 5)), [0, 2, 0]);
});

function waitsForLock(): Promise<unknown> {
  const waiting =
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  return until(
    "somebody to wait for the lane",
    async () => (await context.superuser(waiting)).length > 0,
    5000,
  );
}

test("rows that come while a claim lets their lane rest are never left in a resting lane", async () => {
  const [org = ""] = await bareOrgs(context, 1);
  await enqueueTasks(context, org, 1);
  let enqueued: Promise<unknown> = Promise.resolve();
  await context.metadata.system(async (tx) => {
    // As a claim does: it has the lane, and sees that it is empty.
    await tx.selectFrom("queue_lanes").select("org_id").where("org_id", "=", org).forNoKeyUpdate().execute();
    await tx.deleteFrom("task_queue").where("org_id", "=", org).execute();
    enqueued = enqueueTasks(context, org, 1);
    await waitsForLock();
    await tx.updateTable("queue_lanes").set({ is_active: false }).where("org_id", "=", org).execute();
  });
  await enqueued;
  assert.equal(await forgotten(), 0);
});

test("whatever many do at once, no row is claimed twice or left in a resting lane, and suspended ones are left alone", async () => {
  const ACTS = ["enqueue", "claim", "release", "drop", "raise", "rest", "tidy"] as const;
  const acts = fc.array(
    fc.tuple(fc.constantFrom(...ACTS), fc.nat({ max: 3 }), fc.integer({ min: 1, max: 6 })),
    {
      minLength: 20,
      maxLength: 40,
    },
  );
  await fc.assert(
    fc.asyncProperty(acts, async (all) => {
      await context.superuser("DELETE FROM task_queue; DELETE FROM queue_lanes");
      const orgs = await bareOrgs(context, 4);
      const [banned = ""] = orgs.slice(3);
      await context.superuser(
        "UPDATE organizations SET status = 'suspended', suspended_at = now() WHERE org_id = $1",
        [banned],
      );
      const held: Claim[] = [];
      const seen = new Set<string>();
      const act = async ([what, which, count]: (typeof all)[number]) => {
        if (what === "enqueue") await enqueueTasks(context, orgs[which] ?? "", count);
        if (what === "claim") {
          for (const claim of await claimRows(context, count)) {
            const key = `${claim.job_id} ${claim.fence}`;
            assert.ok(!seen.has(key), "claimed twice under one fence");
            assert.notEqual(claim.org_id, banned);
            seen.add(key);
            held.push(claim);
          }
        }
        const some = what === "enqueue" || what === "claim" ? [] : held.splice(0, count);
        if (what === "release") await releaseClaims(context.metadata, some, 0);
        if (what === "drop") await dropClaims(context.metadata, some);
        if (what === "raise")
          for (const claim of some) await raiseFence(context.metadata, claim, claim.fence + 1);
        if (what === "rest") await restLane(context.metadata, some, 0.01);
        if (what === "tidy") {
          held.push(...some);
          await context.metadata.system(restEmptyLanes);
          await context.metadata.system(rewindClocks);
        }
      };
      const todo = all.values();
      const hand = async () => {
        for (const one of todo) await act(one);
      };
      await Promise.all(Array.from({ length: 5 }, hand));
      assert.equal(await forgotten(), 0);
    }),
    { numRuns: rounds(3, 40) },
  );
});

test("an organization whose database is away rests longer each time, with all its lanes, until it is heard of", async () => {
  const orgs = await bareOrgs(context, 2);
  const [away = "", other = ""] = orgs;
  const seconds: number[] = [];
  for (let n = 0; n < 6; n++) {
    await enqueueTasks(context, other, 5, { engine: "second" });
    if (n === 0) await enqueueTasks(context, away, 5);
    const claims = (await claimRows(context, 2)).filter((claim) => claim.org_id === away);
    await restLane(context.metadata, claims);
    await restLane(context.metadata, claims); // another slot met the same: no second step
    seconds.push(Math.round((await lane(away)).rest / 15) * 15);
    assert.deepEqual(perOrg(orgs, await claimRows(context, 5, [QUEUED, "second"])), [0, 5]);
    await context.superuser("UPDATE queue_lanes SET available_at = now() WHERE org_id = $1", [away]);
  }
  assert.deepEqual(seconds, [15, 30, 60, 120, 240, 300]);
  await restLane(context.metadata, await claimRows(context, 1));
  await enqueueTasks(context, away, 1);
  assert.equal((await claimRows(context, 10)).length, 6, "a fact from there ends the rest");
});

test("the upkeep wakes lanes that older programs left out, lets emptied ones rest and winds far clocks back", async () => {
  const orgs = await bareOrgs(context, 3);
  const [missing = "", emptied = "", far = ""] = orgs;
  await enqueueTasks(context, missing, 1);
  await context.superuser("DELETE FROM queue_lanes");
  const gone = await enqueueTasks(context, emptied, 1);
  await enqueueTasks(context, far, 4);
  await context.superuser("UPDATE queue_lanes SET vtime = 5e9 + 3, clock = 5e9 WHERE org_id = $1", [far]);
  await context.metadata.system((tx) =>
    projectQueue(
      tx,
      { org_id: emptied, generation: 1 },
      { gone: gone.map((job_id) => ({ job_id, task_name: "run", fence: 0 })) },
    ),
  );
  assert.equal(await context.metadata.system(wakeNeglectedLanes), 1);
  await context.metadata.system(restEmptyLanes);
  await context.metadata.system(rewindClocks);
  assert.deepEqual(await Promise.all(orgs.map(async (org) => (await lane(org)).is_active)), [
    true,
    false,
    true,
  ]);
  assert.deepEqual([(await lane(far)).vtime, (await lane(far)).clock], [3, 0]);
});

test("a claim reads neither the queue nor the lanes through, and sorts no lane", async () => {
  const orgs = await bareOrgs(context, 40);
  const fill = `INSERT INTO task_queue (org_id, job_id, task_name, generation, engine, priority, rank, available_at, fence)
    SELECT org, gen_random_uuid(), 'run', 1, $2, 5, n, now(), 0 FROM unnest($1::uuid[]) AS org, generate_series(1, 500) n`;
  await context.superuser(fill, [orgs, QUEUED]);
  await context.superuser(
    "INSERT INTO queue_lanes (org_id, engine) SELECT id, $2 FROM unnest($1::uuid[]) AS id",
    [orgs, QUEUED],
  );
  await context.superuser(
    "INSERT INTO queue_lanes (org_id, engine, is_active) SELECT id, $2, false FROM unnest($1::uuid[]) AS id",
    [await bareOrgs(context, 3000), QUEUED],
  );
  await context.superuser("ANALYZE task_queue");
  await context.superuser("ANALYZE queue_lanes");
  const shares = orgs.map((org_id) => ({ org_id, engine: QUEUED, most: 5 }));
  const served = orgs.map((org_id) => ({ org_id, engine: QUEUED, vtime: 5, clock: 0 }));
  const worker = { worker_id: newId(), engines: [QUEUED], lease_seconds: 30 };
  const plans = await Promise.all([
    plan((tx) => lockLanes(tx, [QUEUED], 40)),
    plan((tx) => takeTasks(tx, worker, shares)),
    plan((tx) => settleLanes(tx, served)),
  ]);
  for (const lines of plans) assert.doesNotMatch(lines, /Seq Scan on (task_queue|queue_lanes)/);
  assert.match(plans[0] ?? "", /using queue_lanes_next/);
  assert.match(plans[0] ?? "", /using task_queue_due/);
  assert.match(plans[1] ?? "", /using task_queue_claim/);
  assert.doesNotMatch(plans[1] ?? "", /Sort/);
});

async function plan(work: (tx: MetadataTx) => Promise<unknown>): Promise<string> {
  const { text, values } = await asked((db) => work(db as unknown as MetadataTx));
  const rows = await context.superuser(`EXPLAIN ${text}`, [...values]);
  return rows.map((row) => row["QUERY PLAN"]).join("\n");
}

test("a clock that is ahead delays no birth, and none keeps a task away for good", async () => {
  const [org_id = ""] = await bareOrgs(context, 1);
  const [job_id, other] = [newId(), newId()];
  const ahead = new Date(Date.now() + 3_600_000).toISOString();
  const born = {
    pipeline_id: null,
    pipeline_version_id: null,
    submitted_by: org_id,
    status: "queued",
  } as const;
  const births = {
    ...born,
    ...{ priority: 5, private_to: null, created_at: ahead, first_rank: 1 },
    tasks: [{ task_name: "run", engine: QUEUED }],
    job_ids: [job_id],
  };
  const far = {
    task_name: "run",
    engine: QUEUED,
    priority: 5,
    rank: 2,
    available_at: "2999-01-01T00:00:00Z",
  };
  await context.metadata.system((tx) =>
    projectQueue(
      tx,
      { org_id, generation: 1 },
      { births: [births], ready: [{ job_id: other, ...far, fence: 0 }] },
    ),
  );
  assert.deepEqual(
    (await claimRows(context, 5)).map((claim) => claim.job_id),
    [job_id],
  );
  const late = await context.superuser(
    "SELECT FROM task_queue WHERE available_at > now() + interval '1 day'",
  );
  assert.equal(late.length, 0);
});

test("a rest waits for the first of an organization's lanes with none of the others in its hands", async () => {
  const [org = ""] = await bareOrgs(context, 1);
  await enqueueTasks(context, org, 2, { engine: "a" });
  await enqueueTasks(context, org, 2, { engine: "b" });
  const claims = await claimRows(context, 1, ["b"]);
  let rest = Promise.resolve();
  await context.metadata.system(async (tx) => {
    const lock = (engine: string, how = sql``) =>
      sql`SELECT FROM queue_lanes WHERE org_id = ${org} AND engine = ${engine} FOR UPDATE ${how}`.execute(tx);
    await lock("a");
    rest = restLane(context.metadata, claims);
    await until("it waits", async () => {
      const waiting = await context.superuser(
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%queue_lanes%' AND datname = current_database()",
      );
      return waiting.length > 0;
    });
    await lock("b", sql`NOWAIT`);
  });
  await rest;
  assert.ok((await lane(org, "a")).rest > 0 && (await lane(org, "b")).rest > 0);
});
