import assert from "node:assert/strict";
import { test } from "node:test";
import { reindexOrg } from "../../src/relay/reindex.ts";
import { checkInvariants } from "../support/invariants.ts";
import { ended, jobState, openLab, projected, until } from "../support/worker.ts";
import { startHand } from "./support/crew.ts";
import { copyOf, putBack } from "./support/databases.ts";
import { gated } from "./support/scripts.ts";
import { settled } from "./support/settle.ts";
import { submit } from "./support/submit.ts";
import { tidy } from "./support/tidy.ts";

const linux = process.platform === "linux" ? false : "needs /proc";

test("the metadata database put back to an older copy: a reindex tells it again what it forgot", {
  skip: linux,
}, async (t) => {
  const all = tidy(t);
  const { context, org, scientist } = await openLab(all);
  const gate = gated(context);
  const known = await submit(context, scientist);
  const hand = await startHand(all, context, { slots: 2, lease_seconds: 1 });
  await hand.ready;
  hand.tell({ do: "work" });
  await ended(context, org.org_id, known);
  await copyOf(context.database);
  const jobs = [known, await submit(context, scientist), await submit(context, scientist)];
  for (const job of jobs) await ended(context, org.org_id, job);
  const running = await submit(context, scientist, { script: gate.script });
  await gate.pid();
  await putBack(context, context.database, context.roles.app);
  assert.equal(await projected(context, jobs[1] ?? ""), undefined, "it is the older one");
  const report = await reindexOrg(context, org.org_id, null);
  assert.ok(report.jobs_added >= 3 && report.audit_added >= 3, JSON.stringify(report));
  // Nobody holds a lease of it any more, so it is run again; whoever comes second changes nothing.
  await gate.open();
  const asked = [...jobs, running];
  const audited = asked.map((job_id) => ({ action: "jobs.submit", job_id }));
  await settled(context, { jobs: asked, audited });
  assert.equal((await jobState(context, org.org_id, running)).status, "completed");
});

test("an organization's database put back to an older copy under a higher generation: what it lost is run again, and no older lease writes", {
  skip: linux,
}, async (t) => {
  const all = tidy(t);
  const { context, org, scientist } = await openLab(all);
  const [during, later] = [gated(context), gated(context)];
  const done = await submit(context, scientist);
  const hand = await startHand(all, context, { slots: 2, lease_seconds: 2 });
  await hand.ready;
  hand.tell({ do: "work" });
  await ended(context, org.org_id, done);
  const running = await submit(context, scientist, { script: during.script });
  await during.pid();
  await copyOf(org.database_name);
  context.results.forget(org.org_id);
  // After the copy: one ends, one comes and ends, one begins and still runs when the copy is put back.
  await during.open();
  await ended(context, org.org_id, running);
  const forgotten = await submit(context, scientist);
  await ended(context, org.org_id, forgotten);
  const lost = await submit(context, scientist, { script: later.script });
  await later.pid();
  assert.equal((await projected(context, running))?.status, "completed");
  const [place] = await context.superuser<{ role_name: string }>(
    "SELECT role_name FROM org_databases WHERE org_id = $1",
    [org.org_id],
  );
  await putBack(
    context,
    org.database_name,
    place?.role_name ?? "",
    "UPDATE database_identity SET generation = generation + 1",
  );
  await context.superuser("UPDATE org_databases SET generation = generation + 1 WHERE org_id = $1", [
    org.org_id,
  ]);
  context.results.forget(org.org_id);
  await later.open();
  await reindexOrg(context, org.org_id, null);
  assert.deepEqual(
    [(await projected(context, forgotten))?.status, (await projected(context, lost))?.status],
    [undefined, undefined],
    "what the copy does not know is nowhere",
  );
  assert.equal((await projected(context, running))?.generation, 2);
  await settled(context, { jobs: [done, running] });
  const { executions, calculations } = await jobState(context, org.org_id, running);
  assert.deepEqual(
    [executions.map((row) => row.status), calculations],
    [["lost", "completed"], 1],
    "the copy had it running; it is run once more",
  );
  const fresh = await submit(context, scientist);
  await until("a new one to be done", async () => (await projected(context, fresh))?.status === "completed");
  await settled(context, { jobs: [done, running, fresh] });
  assert.deepEqual(await checkInvariants(context), []);
});
