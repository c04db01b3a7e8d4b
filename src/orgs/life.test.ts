import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { makeOrg, person } from "../../test/support/context.ts";
import { submitScript } from "../../test/support/engine.ts";
import {
  claimAndStart,
  claimOne,
  ended,
  jobState,
  openLab,
  queueOf,
  record,
  startWorker,
  until,
} from "../../test/support/worker.ts";
import type { Principal } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import { listJobs } from "../jobs/operations.ts";
import { perform } from "../perform.ts";
import {
  createOrgOperation,
  deleteOrgOperation,
  listOrgsOperation,
  resumeOrgOperation,
  showOrgOperation,
  suspendOrgOperation,
} from "./operations.ts";
import type { OrgStatus } from "./schema.ts";

const { context, org, scientist, clear } = await openLab({ after });
const owner = await person(context, org, "owner");
const admin = await person(context, org, "admin");
const operator = context.admin_principal;
beforeEach(clear);

const named = { org: org.org_id };
const suspend = (who: Principal = operator, what = named) => perform(context, suspendOrgOperation, who, what);
const resume = (who: Principal = operator, what = named) => perform(context, resumeOrgOperation, who, what);
const remove = (who: Principal = operator, grace_days = 7, what = named) =>
  perform(context, deleteOrgOperation, who, { ...what, grace_days });
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;
const told = (action: string) =>
  context.superuser<{ user_id: string; metadata: unknown }>(
    "SELECT user_id, metadata FROM audit_logs WHERE org_id = $1 AND action = $2 ORDER BY seq",
    [org.org_id, action],
  );

test("a suspended organization takes no submissions and no claims; reading works, and what runs is recorded", async () => {
  const running = await submitScript(context, scientist);
  const started = await claimAndStart(context);
  const waiting = await submitScript(context, scientist);
  await context.access.of("somebody there", async () => scientist);
  const life = await suspend();
  assert.deepEqual([life.status, life.changed], ["suspended", true]);
  assert.equal(
    await context.access.of("somebody there", async () => owner),
    owner,
    "what they may do is read again",
  );
  await assert.rejects(
    submitScript(context, scientist),
    (error: AppError) =>
      kind("conflict")(error) && /is suspended: nothing can be changed/.test(error.message),
  );
  assert.equal(await claimOne(context), undefined);
  const list = await perform(context, listJobs, scientist, {});
  assert.ok(list.items.some((job) => job.job_id === waiting));
  await record(context, started);
  assert.equal((await jobState(context, org.org_id, running)).status, "completed");
  await context.results.relay(org.org_id);
  assert.deepEqual(
    (await queueOf(context, org.org_id)).map((row) => row.job_id),
    [waiting],
  );
  assert.equal((await resume()).status, "active");
  assert.equal((await claimOne(context))?.job_id, waiting);
});

test("a worker finishes what it runs in a suspended organization, and goes on after it is resumed", async (t) => {
  startWorker(t, context, { slots: 1 });
  const mark = join(context.home, "suspended-go-on");
  const job = await submitScript(context, scientist, {
    script: `while [ ! -e ${mark} ]; do sleep 0.02; done; echo 4`,
  });
  const next = await submitScript(context, scientist);
  await until("the start", async () => (await jobState(context, org.org_id, job)).status === "running");
  await suspend();
  await writeFile(mark, "");
  assert.equal((await ended(context, org.org_id, job)).status, "completed");
  // The slot is free and the worker asks all the time: the queued one stays where it is.
  await until("the queue to be told", async () => (await queueOf(context, org.org_id)).length === 1);
  assert.equal((await jobState(context, org.org_id, next)).status, "queued");
  await resume();
  assert.equal((await ended(context, org.org_id, next)).status, "completed");
});

test("saying it twice changes nothing and is audited once", async () => {
  const before = (await told("org.suspend")).length;
  await suspend();
  assert.deepEqual((await suspend()).changed, false);
  assert.equal((await told("org.suspend")).length, before + 1);
  await resume();
  assert.deepEqual((await resume()).changed, false);
});

test("suspending is the operator's; an owner deletes and takes back, but does not undo the operator's suspension", async () => {
  for (const who of [owner, admin, scientist]) await assert.rejects(suspend(who), kind("forbidden"));
  for (const who of [admin, scientist]) await assert.rejects(remove(who), kind("forbidden"));
  await assert.rejects(remove(owner, 0), kind("forbidden"), "without a grace it is the operator's");
  await suspend();
  await assert.rejects(resume(owner), kind("forbidden"));
  assert.equal((await remove(owner)).status, "deleting");
  assert.equal((await resume(owner)).status, "suspended", "as it was before");
  await resume();
  await remove(owner);
  assert.equal((await resume(owner)).status, "active");
});

test("a deletion has a grace: nothing is submitted or claimed, what runs is recorded, reading works, and nothing is lost", async () => {
  const running = await submitScript(context, scientist);
  const started = await claimAndStart(context);
  const waiting = await submitScript(context, scientist);
  const life = await remove(owner, 3);
  const days = (Date.parse(life.delete_after ?? "") - Date.now()) / 86_400_000;
  assert.ok(life.status === "deleting" && days > 2.9 && days < 3.1, `${days} days`);
  await assert.rejects(
    submitScript(context, scientist),
    (error: AppError) => kind("conflict")(error) && /is deleting/.test(error.message),
  );
  assert.equal(await claimOne(context), undefined);
  await record(context, started);
  assert.equal((await jobState(context, org.org_id, running)).status, "completed");
  const shown = await perform(context, listOrgsOperation, owner, { status: "deleting" });
  assert.deepEqual(
    shown.items.map((item) => [item.org_id, item.delete_after]),
    [[org.org_id, life.delete_after]],
  );
  const shorter = await remove(owner, 1);
  assert.ok(shorter.changed && Date.parse(shorter.delete_after ?? "") < Date.parse(life.delete_after ?? ""));
  const back = await resume(owner);
  assert.deepEqual([back.status, back.delete_after], ["active", null]);
  assert.equal((await claimOne(context))?.job_id, waiting);
  assert.deepEqual(
    (await told("org.delete")).slice(-2).map((row) => row.metadata),
    [{ grace_days: 3, status_before: "active" }, { grace_days: 1 }],
  );
});

test("a worker whose organization is dropped under it stops that run and goes on with others", async (t) => {
  startWorker(t, context, { slots: 1, lease_seconds: 1 });
  const lab = await makeOrg(context);
  const someone = await person(context, lab, "scientist");
  const file = join(context.home, "dropped");
  const job = await submitScript(context, someone, { script: `echo $$ > ${file}; sleep 60; echo 1` });
  const pid = await until(
    "the start",
    async () => (await readFile(file, "utf8").catch(() => "")).trim() || undefined,
  );
  await remove(operator, 0, { org: lab.org_id });
  await until("the program to end", async () => {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
    return stat === "" || /\) [ZX] /.test(stat);
  });
  const next = await submitScript(context, scientist);
  assert.equal((await ended(context, org.org_id, next)).status, "completed");
  assert.deepEqual(await queueOf(context, lab.org_id), []);
  const rows = await context.superuser("SELECT 1 FROM jobs_meta WHERE job_id = $1", [job]);
  assert.equal(rows.length, 0);
});

test("after the grace there is no way back", async () => {
  const lab = { org: (await makeOrg(context)).org_id };
  await remove(operator, 5, lab);
  await context.superuser("UPDATE organizations SET delete_after = now() WHERE org_id = $1", [lab.org]);
  await assert.rejects(resume(operator, lab), kind("conflict"));
  await assert.rejects(remove(operator, 5, lab), kind("conflict"));
  await assert.rejects(suspend(operator, lab), kind("conflict"));
});

test("an unknown organization, another's and a deleted one are told in the same words", async () => {
  const other = await makeOrg(context);
  const gone = await makeOrg(context);
  await remove(operator, 0, { org: gone.org_id });
  const missing = (error: unknown) =>
    kind("not_found")(error) && (error as Error).message === "no such organization";
  for (const what of ["nowhere", other.org_id, other.slug, gone.org_id, gone.name]) {
    for (const work of [
      () => perform(context, showOrgOperation, owner, { org: what }),
      () => resume(owner, { org: what }),
      () => remove(owner, 7, { org: what }),
    ])
      await assert.rejects(work(), missing, what);
  }
  await assert.rejects(suspend(operator, { org: gone.org_id }), missing);
});

test("one's name may be another's slug: the name wins, so that a word never means two", async () => {
  const first = await makeOrg(context, "Twin Lab");
  const second = await makeOrg(context, "twin-lab");
  assert.deepEqual([first.slug, second.slug], ["twin-lab", "twin-lab-2"]);
  const shown = async (text: string) =>
    (await perform(context, showOrgOperation, operator, { org: text })).org_id;
  assert.equal(await shown("twin-lab"), second.org_id);
  assert.equal(await shown("TWIN LAB"), first.org_id);
});

test("the list is paged by keyset, newest first, by status, and shows a person their own", async () => {
  const made = [];
  for (let n = 0; n < 5; n++) made.push((await makeOrg(context)).org_id);
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await perform(context, listOrgsOperation, operator, {
      limit: 2,
      ...(cursor === undefined ? {} : { cursor }),
    });
    pages.push(page.items.map((item) => item.org_id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  const all = pages.flat();
  assert.deepEqual(all.slice(0, 5), made.toReversed());
  assert.equal(new Set(all).size, all.length);
  assert.ok(pages.slice(0, -1).every((page) => page.length === 2));
  const own = await perform(context, listOrgsOperation, owner, {});
  assert.deepEqual(
    own.items.map((item) => item.org_id),
    [org.org_id],
  );
  const deleted = await perform(context, listOrgsOperation, operator, { status: "deleted" });
  assert.ok(deleted.items.length > 0 && deleted.items.every((item) => item.deleted_at !== undefined));
  assert.ok(!all.some((id) => deleted.items.some((item) => item.org_id === id)));
  await assert.rejects(
    perform(context, listOrgsOperation, operator, { cursor: "nonsense" }),
    kind("bad_input"),
  );
});

test("an organization that is half made is deleted and taken back as such", async () => {
  const name = "Half made";
  const { provisionIntent } = context.provisioner;
  context.provisioner.provisionIntent = async (intent) => {
    await intent;
    throw new AppError("unavailable", "the server went away");
  };
  await assert.rejects(perform(context, createOrgOperation, operator, { name }), kind("unavailable"));
  context.provisioner.provisionIntent = provisionIntent;
  const status = async (): Promise<OrgStatus | undefined> =>
    (await perform(context, listOrgsOperation, operator, {})).items.find((item) => item.name === name)
      ?.status;
  assert.equal(await status(), "provisioning");
  await assert.rejects(suspend(operator, { org: name }), kind("conflict"));
  await assert.rejects(resume(operator, { org: name }), kind("conflict"));
  await remove(operator, 7, { org: name });
  await assert.rejects(perform(context, createOrgOperation, operator, { name }), kind("conflict"));
  assert.equal((await resume(operator, { org: name })).status, "provisioning");
  await remove(operator, 0, { org: name });
  assert.equal(await status(), undefined);
  assert.equal((await perform(context, createOrgOperation, operator, { name })).status, "active");
});
