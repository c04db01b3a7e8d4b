import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { makeOrg, person } from "../support/context.ts";
import { ask, testServer } from "../support/server.ts";
import { jobState, openLab, until } from "../support/worker.ts";
import { startHand } from "./support/crew.ts";
import { bringBack, cutOff } from "./support/databases.ts";
import { gated, gone } from "./support/scripts.ts";
import { settled, skipPauses } from "./support/settle.ts";
import { submit } from "./support/submit.ts";

const linux = process.platform === "linux" ? false : "needs /proc";
const { context, org, scientist, clear } = await openLab({ after });
const { superuser } = await testServer();
beforeEach(clear);

test("the metadata database away while programs run: what they found is recorded, and no attempt is lost", {
  skip: linux,
}, async (t) => {
  const [one, two] = [gated(context), gated(context)];
  const jobs = [
    await submit(context, scientist, { script: one.script }),
    await submit(context, scientist, { script: two.script }),
  ];
  const hand = await startHand(t, context, { slots: 2, lease_seconds: 1 });
  await hand.ready;
  hand.tell({ do: "work" });
  const pid = await one.pid();
  await two.pid();
  await cutOff(context.database);
  t.after(() => bringBack(context.database));
  await one.open();
  await gone(pid);
  await until("the first to be recorded", async () => {
    const rows = await ask(superuser, org.database_name, "SELECT 1 FROM jobs WHERE status = 'completed'");
    return rows.length === 1;
  });
  // Its lease ran out long ago, as far as anybody could see; nobody could.
  await two.open();
  await bringBack(context.database);
  await settled(context, { jobs });
  for (const job of jobs) {
    const { executions } = await jobState(context, org.org_id, job);
    assert.deepEqual(executions, [{ attempt: 1, status: "completed", error_kind: null }]);
  }
});

test("one organization's database away: its tasks go back uncounted, and another's go on", async (t) => {
  const other = await makeOrg(context);
  const colleague = await person(context, other, "scientist");
  const jobs = [await submit(context, scientist), await submit(context, scientist)];
  await cutOff(org.database_name);
  t.after(() => bringBack(org.database_name));
  const hand = await startHand(t, context, { slots: 1 });
  await hand.ready;
  hand.tell({ do: "work" });
  const theirs: string[] = [];
  for (let n = 0; n < 3; n++) theirs.push(await submit(context, colleague));
  await until("the others' jobs to be done", async () => {
    await skipPauses(context);
    const states = await Promise.all(theirs.map((job) => jobState(context, other.org_id, job)));
    return states.every(({ status }) => status === "completed");
  });
  await until("what can't be had to have gone back", async () => {
    const rows = await context.superuser<{ fence: number }>(
      "SELECT fence FROM task_queue WHERE org_id = $1 AND lease_owner IS NULL AND fence > 0",
      [org.org_id],
    );
    return rows.length > 0;
  });
  await bringBack(org.database_name);
  context.results.forget(org.org_id);
  await settled(context, { jobs: [...jobs, ...theirs] });
  for (const job of jobs) {
    const { executions } = await jobState(context, org.org_id, job);
    assert.deepEqual(executions, [{ attempt: 1, status: "completed", error_kind: null }]);
  }
});
