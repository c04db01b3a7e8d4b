import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { makeOrg, person } from "../../test/support/context.ts";
import { FAKE, submitScript } from "../../test/support/engine.ts";
import {
  claimOne,
  expireLeases,
  jobState,
  openLab,
  queueOf,
  skipBackoff,
  start,
  sweepWithoutPause,
  within,
} from "../../test/support/worker.ts";
import { newId } from "../ids.ts";
import {
  type Claim,
  claimKey,
  claimTasks,
  dropClaims,
  raiseFence,
  releaseClaims,
  renewLeases,
} from "./claims-store.ts";

const { context, org, scientist, clear } = await openLab({ after });
beforeEach(clear);

function claim(count: number, worker_id = newId(), engines = [FAKE]): Promise<Claim[]> {
  return claimTasks(context.metadata, { worker_id, engines, lease_seconds: 30 }, count);
}

test("eight workers that claim at once never hold the same task, and leave none", async () => {
  const jobs = [];
  for (let n = 0; n < 12; n++) jobs.push(await submitScript(context, scientist));
  const rounds = await Promise.all(Array.from({ length: 8 }, () => claim(5)));
  const more = await claim(20);
  const claimed = [...rounds.flat(), ...more].map((one) => one.job_id);
  assert.deepEqual(claimed.toSorted(), jobs.toSorted());
});

test("a worker passes by rows that another one is claiming instead of waiting for them", async () => {
  const [first, second] = [await submitScript(context, scientist), await submitScript(context, scientist)];
  await context.metadata.system(async (tx) => {
    await tx.selectFrom("task_queue").select("job_id").where("job_id", "=", first).forUpdate().execute();
    // The first row is locked by this transaction: a claim that waited for it would never return.
    const others = await within(claim(5));
    assert.deepEqual(
      others.map((one) => one.job_id),
      [second],
    );
  });
});

test("priority first, then rank; an engine that the worker lacks, a delay and a suspended organization are left", async () => {
  const low = await submitScript(context, scientist, { priority: 1 });
  const high = await submitScript(context, scientist, { priority: 9 });
  const later = await submitScript(context, scientist, { priority: 9 });
  const delayed = await submitScript(context, scientist, { priority: 9 });
  await context.superuser("UPDATE task_queue SET rank = rank + 1000 WHERE job_id = $1", [later]);
  await context.superuser(
    "UPDATE task_queue SET available_at = now() + interval '1 hour' WHERE job_id = $1",
    [delayed],
  );
  assert.deepEqual(await claim(5, newId(), ["another"]), []);
  assert.deepEqual(await claim(5, newId(), []), []);
  assert.deepEqual(await claim(0), []);
  await context.superuser(
    "UPDATE organizations SET status = 'suspended', suspended_at = now() WHERE org_id = $1",
    [org.org_id],
  );
  assert.deepEqual(await claim(5), []);
  await context.superuser("UPDATE organizations SET status = 'active' WHERE org_id = $1", [org.org_id]);
  const order = [];
  for (let n = 0; n < 4; n++) order.push((await claim(1))[0]?.job_id);
  assert.deepEqual(order, [high, later, low, undefined]);
});

test("a lease that ran out is given back by the sweep and claimed again with a higher fence", async () => {
  const job = await submitScript(context, scientist);
  const first = await claimOne(context);
  assert.equal(await sweepWithoutPause(context), 0, "a running lease stays");
  assert.equal(await claimOne(context), undefined);
  await expireLeases(context, job);
  assert.equal(await sweepWithoutPause(context), 1);
  const second = await claimOne(context);
  assert.equal(second?.job_id, job);
  assert.ok((second?.fence ?? 0) > (first?.fence ?? 0));
});

test("renewing tells which claims are still held: not one that was swept, taken over or dropped", async () => {
  const worker_id = newId();
  const worker = { worker_id, lease_seconds: 30 };
  for (let n = 0; n < 3; n++) await submitScript(context, scientist);
  const [kept, swept, dropped] = (await claim(3, worker_id)) as [Claim, Claim, Claim];
  await context.superuser(
    "UPDATE task_queue SET lease_expires_at = now() + interval '1 s' WHERE job_id = $1",
    [kept.job_id],
  );
  await expireLeases(context, swept.job_id);
  await sweepWithoutPause(context);
  assert.equal((await claimOne(context))?.job_id, swept.job_id);
  await dropClaims(context.metadata, [dropped]);
  const { held } = await renewLeases(context.metadata, worker, [kept, swept, dropped]);
  assert.deepEqual([...held], [claimKey(kept)]);
  const [row] = await context.superuser<{ far: boolean }>(
    "SELECT lease_expires_at > now() + interval '20 s' AS far FROM task_queue WHERE job_id = $1",
    [kept.job_id],
  );
  assert.equal(row?.far, true, "the lease was renewed");
  assert.equal((await renewLeases(context.metadata, { ...worker, worker_id: newId() }, [kept])).held.size, 0);
});

test("what a stale worker says of its claim changes nothing for the new holder", async () => {
  const job = await submitScript(context, scientist);
  const stale = await claimOne(context);
  await expireLeases(context, job);
  await sweepWithoutPause(context);
  const holder = newId();
  const fresh = await claimOne(context, holder);
  assert.ok(stale !== undefined && fresh !== undefined);
  await releaseClaims(context.metadata, [stale], 0);
  await raiseFence(context.metadata, stale, 99);
  await dropClaims(context.metadata, [stale]);
  const [row] = await queueOf(context, org.org_id);
  assert.equal(row?.lease_owner, holder);
  assert.equal(row?.fence, fresh.fence);
});

test("a claim that is released can be had again after its delay, and no attempt was counted", async () => {
  const job = await submitScript(context, scientist);
  const first = await claimOne(context);
  assert.ok(first !== undefined);
  await releaseClaims(context.metadata, [first], 3600);
  assert.equal(await claimOne(context), undefined);
  await releaseClaims(context.metadata, [first], 0); // no longer its own to change
  assert.equal(await claimOne(context), undefined);
  await skipBackoff(context, job);
  assert.equal((await claimOne(context))?.job_id, job);
  assert.equal((await jobState(context, org.org_id, job)).tasks[0]?.attempt, 0);
});

test("a queue row that lags behind its task's fence is raised to it, and the next claim starts", async () => {
  const job = await submitScript(context, scientist);
  await context.superuser("UPDATE tasks SET fence = 7 WHERE job_id = $1", [job], org.database_name);
  const claimed = await claimOne(context);
  assert.ok(claimed !== undefined);
  const answer = await start(context, claimed);
  assert.deepEqual(answer, { kind: "newer", fence: 7 });
  await raiseFence(context.metadata, claimed, 7);
  const next = await claimOne(context);
  assert.equal(next?.fence, 8);
  assert.equal((await start(context, next as Claim)).kind, "started");
});

test("claims of two organizations are kept apart by their organization", async () => {
  const other = await makeOrg(context);
  const colleague = await person(context, other, "scientist");
  const [mine, theirs] = [await submitScript(context, scientist), await submitScript(context, colleague)];
  const claims = await claim(5);
  const orgs = new Map(claims.map((one) => [one.job_id, one.org_id]));
  assert.equal(orgs.get(mine), org.org_id);
  assert.equal(orgs.get(theirs), other.org_id);
});
