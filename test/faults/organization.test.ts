import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import type { AppError } from "../../src/errors.ts";
import {
  deleteOrgOperation,
  resumeOrgOperation,
  suspendOrgOperation,
} from "../../src/orgs/life-operations.ts";
import { purgeDue } from "../../src/orgs/purge.ts";
import { perform } from "../../src/perform.ts";
import { makeOrg, person } from "../support/context.ts";
import { ended, jobState, openLab, until } from "../support/worker.ts";
import { startHand } from "./support/crew.ts";
import { gated, gone } from "./support/scripts.ts";
import { settled } from "./support/settle.ts";
import { submit } from "./support/submit.ts";

const linux = process.platform === "linux" ? false : "needs /proc";
const { context } = await openLab({ after });

const life = {
  suspend: (org: string) => perform(context, suspendOrgOperation, context.admin_principal, { org }),
  resume: (org: string) => perform(context, resumeOrgOperation, context.admin_principal, { org }),
  delete: (org: string, grace_days: number) =>
    perform(context, deleteOrgOperation, context.admin_principal, { org, grace_days }),
};

for (const [how, begin] of [
  ["suspended", life.suspend],
  ["deleted, within its grace", (org: string) => life.delete(org, 7)],
] as const) {
  test(`an organization ${how}, while a program runs: it is recorded, nothing else begins, and taken back all goes on`, {
    skip: linux,
  }, async (t) => {
    const org = await makeOrg(context);
    const scientist = await person(context, org, "scientist");
    const gate = gated(context);
    const running = await submit(context, scientist, { script: gate.script });
    const hand = await startHand(t, context, { slots: 1 });
    await hand.ready;
    hand.tell({ do: "work" });
    await gate.pid();
    const waiting = await submit(context, scientist);
    await begin(org.org_id);
    await gate.open();
    assert.equal((await ended(context, org.org_id, running)).status, "completed");
    await assert.rejects(submit(context, scientist), (error: AppError) => error.kind === "conflict");
    // Another organization's job goes all its way meanwhile: the worker looked for work, and passed this one by.
    const other = await makeOrg(context);
    const theirs = await submit(context, await person(context, other, "scientist"));
    await ended(context, other.org_id, theirs);
    assert.equal((await jobState(context, org.org_id, waiting)).status, "queued");
    await life.resume(org.org_id);
    await settled(context, { jobs: [running, waiting, theirs] });
  });
}

test("an organization dropped while its program runs: nothing of it is left, and its worker goes on with others", {
  skip: linux,
}, async (t) => {
  const org = await makeOrg(context);
  const scientist = await person(context, org, "scientist");
  const gate = gated(context);
  await submit(context, scientist, { script: gate.script });
  await submit(context, scientist);
  const hand = await startHand(t, context, { slots: 1, lease_seconds: 1 });
  await hand.ready;
  hand.tell({ do: "work" });
  const pid = await gate.pid();
  await life.delete(org.org_id, 0);
  await gate.open();
  await gone(pid);
  const other = await makeOrg(context);
  const theirs = await submit(context, await person(context, other, "scientist"));
  await ended(context, other.org_id, theirs);
  await until("the worker to be done with it", async () => hand.doing() === "idle or claiming");
  assert.ok(hand.alive(), hand.log());
  // A run that ended late may have stored bytes after the objects were removed; the next round takes them too.
  await purgeDue(context, (_org, error) => assert.fail(String(error)));
  const left = await context.superuser(
    `SELECT 'queue' FROM task_queue WHERE org_id = $1 UNION ALL SELECT 'job' FROM jobs_meta WHERE org_id = $1
     UNION ALL SELECT 'lane' FROM queue_lanes WHERE org_id = $1
     UNION ALL SELECT 'database' FROM pg_database WHERE datname = $2`,
    [org.org_id, org.database_name],
  );
  assert.deepEqual(left, []);
  assert.ok(!(await readdir(join(context.home, "objects"))).includes(org.org_id));
  await settled(context, { jobs: [theirs] });
});
