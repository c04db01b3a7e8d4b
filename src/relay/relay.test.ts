import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { makeOrg, person } from "../../test/support/context.ts";
import { submitScript } from "../../test/support/engine.ts";
import {
  claimAndStart,
  claimOne,
  jobState,
  openLab,
  projected,
  queueOf,
  record,
  start,
} from "../../test/support/worker.ts";
import type { OrgPrincipal } from "../access/principal.ts";
import { verifyChain } from "../audit/chain.ts";
import type { AuditEntry } from "../audit/entry.ts";
import { SYSTEM_CHAIN } from "../audit/entry.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { cancelJob } from "../jobs/change.ts";
import { SILENT } from "../log.ts";
import type { ResultsDoor } from "../orgs/door.ts";
import { type Fact, insertOutbox, type JobFact } from "../outbox.ts";
import { type Claim, dropClaims } from "../queue/claims-store.ts";
import { projectQueue } from "../queue/queue-store.ts";
import { Hands } from "./hands.ts";
import { lockRelay } from "./outbox-store.ts";
import { upsertJobs } from "./projection-store.ts";
import { advanceOpen, reconcileOnce } from "./reconcile.ts";
import { reindexOrg } from "./reindex.ts";
import { relayOrg, shareRelay } from "./relay.ts";
import { takeTurn, upkeepShared } from "./upkeep.ts";

const { context, org, scientist, clear } = await openLab({ after });
/** Last fact of the tests before. */
let mark = 0;
beforeEach(async () => {
  await clear();
  const [row] = await context.superuser<{ last: number }>(
    "SELECT coalesce(max(outbox_id), 0) AS last FROM outbox",
    [],
    org.database_name,
  );
  mark = row?.last ?? 0;
});

const relay = () => relayOrg(context.metadata, context.results, org.org_id);

/** As if the process had died after the metadata commit and before the rows were marked. */
async function forgetRelayed(): Promise<void> {
  await context.superuser(
    "UPDATE outbox SET relayed_at = NULL WHERE outbox_id > $1",
    [mark],
    org.database_name,
  );
}

async function tell(facts: Fact[]): Promise<void> {
  await context.results.forMachinery(org.org_id, (scope) => insertOutbox(scope.tx, facts));
}

function audit(source_id: string, action = "test.done"): Fact {
  const ids = {
    org_id: org.org_id,
    user_id: scientist.user_id,
    entity_id: null,
    pipeline_id: null,
    job_id: null,
  };
  const payload: AuditEntry = {
    ...ids,
    action,
    entity_type: "test",
    metadata: {},
    ts: "2026-01-01T00:00:00.000Z",
    source_id,
  };
  return { topic: "audit", payload };
}

function jobFact(job_id: string, seq: number, status: string): JobFact {
  const at = "2026-01-01T00:00:00.000Z";
  const ids = { job_id, pipeline_id: null, pipeline_version_id: null, submitted_by: scientist.user_id };
  return { ...ids, status, priority: 5, seq, private_to: null, created_at: at, updated_at: at };
}

test("a submission is projected and queued once relayed, and nothing is left to relay", async () => {
  const job = await submitScript(context, scientist, { relay: false });
  assert.equal(await projected(context, job), undefined);
  assert.equal(await relay(), 1);
  assert.deepEqual((await projected(context, job))?.status, "queued");
  assert.equal((await queueOf(context, org.org_id)).length, 1);
  assert.equal(await relay(), 0);
});

test("killed between the metadata commit and the marking, the relay takes every fact once all the same", async () => {
  const job = await submitScript(context, scientist, { relay: false });
  const source_id = newId();
  await tell([audit(source_id)]);
  await relay();
  const snapshot = async () => ({
    job: await projected(context, job),
    queue: await queueOf(context, org.org_id),
    audit: await context.superuser("SELECT seq, hash FROM audit_logs WHERE org_id = $1 ORDER BY seq", [
      org.org_id,
    ]),
  });
  const before = await snapshot();
  await forgetRelayed();
  assert.ok((await relay()) >= 2, "the facts were taken again");
  assert.deepEqual(await snapshot(), before);
});

test("facts that come again after a claim leave the lease alone", async () => {
  await submitScript(context, scientist);
  const claim = await claimOne(context);
  await forgetRelayed();
  await relay();
  const [row] = await queueOf(context, org.org_id);
  assert.ok(row?.lease_owner !== null);
  assert.equal(row?.fence, claim?.fence);
});

test("a queue row that comes again for a task that has ended is dropped by who claims it", async () => {
  const job = await submitScript(context, scientist);
  await record(context, await claimAndStart(context));
  await relay();
  assert.deepEqual(await queueOf(context, org.org_id), []);
  await context.superuser(
    "UPDATE outbox SET relayed_at = NULL WHERE topic = 'births' AND payload -> 'job_ids' ? $1",
    [job],
    org.database_name,
  );
  await relay();
  const claim = (await claimOne(context)) as Claim;
  assert.equal(claim.job_id, job);
  assert.deepEqual(await start(context, claim), { kind: "gone" });
  await dropClaims(context.metadata, [claim]);
  assert.deepEqual(await queueOf(context, org.org_id), []);
  assert.equal((await jobState(context, org.org_id, job)).executions.length, 1);
});

test("a projection never steps back by (generation, seq), whatever the order of facts", async () => {
  const job = newId();
  const project = (generation: number, seq: number, status: string) =>
    context.metadata.system((tx) =>
      upsertJobs(tx, { org_id: org.org_id, generation }, [jobFact(job, seq, status)]),
    );
  await project(1, 5, "running");
  await project(1, 4, "queued");
  await project(1, 5, "failed");
  assert.equal((await projected(context, job))?.status, "running");
  await project(2, 1, "queued");
  assert.deepEqual((await projected(context, job))?.generation, 2);
  await project(1, 99, "completed");
  assert.equal((await projected(context, job))?.status, "queued");
});

test("a queue fact older than the row's fence changes nothing", async () => {
  await submitScript(context, scientist);
  const claim = (await claimOne(context)) as Claim;
  const fact = { ...claim, priority: 5, rank: 1, available_at: "2026-01-01T00:00:00.000Z" };
  const source = { org_id: org.org_id, generation: 1 };
  await context.metadata.system((tx) =>
    projectQueue(tx, source, { ready: [{ ...fact, fence: claim.fence - 1 }] }),
  );
  assert.ok((await queueOf(context, org.org_id))[0]?.lease_owner !== null);
  await context.metadata.system((tx) => projectQueue(tx, source, { ready: [fact] }));
  assert.equal((await queueOf(context, org.org_id))[0]?.lease_owner, null);
});

test("facts that nobody relayed are found by the reconciler", async () => {
  const job = await submitScript(context, scientist, { relay: false });
  const report = await reconcileOnce(context, [org.org_id]);
  assert.deepEqual(report.failed, []);
  assert.equal((await projected(context, job))?.status, "queued");
});

test("one organization that can't be relayed is reported and the others go on", async () => {
  const job = await submitScript(context, scientist, { relay: false });
  const missing = newId();
  const report = await reconcileOnce(context, [missing, org.org_id]);
  assert.deepEqual(
    report.failed.map((row) => row.org_id),
    [missing],
  );
  assert.equal((await projected(context, job))?.status, "queued");
});

test("state and facts are one transaction: a submission that fails leaves neither", async () => {
  const count = () =>
    context.superuser(
      "SELECT (SELECT count(*) FROM jobs) AS jobs, (SELECT count(*) FROM outbox) AS facts, (SELECT count(*) FROM registrations) AS names",
      [],
      org.database_name,
    );
  const before = await count();
  const failing = context.results.transact(scientist, async (scope) => {
    await insertOutbox(scope.tx, [audit(newId())]);
    await sql`SELECT 1 / 0`.execute(scope.tx);
  });
  await assert.rejects(failing);
  assert.deepEqual(await count(), before);
});

test("many relays at once append every audit fact once, and the chain stays whole and dense", async () => {
  const ids = Array.from({ length: 40 }, () => newId());
  await Promise.all(
    ids.map(async (source_id) => {
      await tell([audit(source_id)]);
      await relay();
    }),
  );
  const rows = await context.superuser<{ seq: number; source_id: string }>(
    "SELECT seq, source_id FROM audit_logs WHERE chain_id = $1 ORDER BY seq",
    [org.org_id],
  );
  assert.deepEqual(
    rows.map((row) => row.seq),
    rows.map((_, index) => index + 1),
  );
  const known = new Set(rows.map((row) => row.source_id));
  assert.ok(ids.every((id) => known.has(id)));
  assert.equal((await context.metadata.system((tx) => verifyChain(tx, org.org_id))).first_bad_seq, null);
  assert.equal((await context.metadata.system((tx) => verifyChain(tx, SYSTEM_CHAIN))).first_bad_seq, null);
});

test("audit facts that say another organization, or that no chain can hold, are left out and stop nothing", async () => {
  const other = await makeOrg(context);
  const [own, after_] = [audit(newId(), "test.own"), audit(newId(), "test.after")];
  const forged = (change: object): Fact => {
    const fact = audit(newId(), "test.forged");
    return { topic: "audit", payload: { ...fact.payload, ...change } as AuditEntry };
  };
  const lies = [
    forged({ org_id: other.org_id }),
    forged({ org_id: null }),
    forged({ source_id: "mine" }),
    forged({ user_id: newId().toUpperCase() }),
    forged({ action: "" }),
    forged({ metadata: { part: 0.5 } }),
    forged({ metadata: [] }),
    forged({ ts: "2026-02-30T00:00:00.000Z" }),
    forged({ more: 1 }),
  ];
  // The first of them all says which chain, where the entries are believed.
  await tell([lies[0] as Fact, own, ...lies.slice(1), after_]);
  const warned: object[] = [];
  const log = { ...SILENT, warn: (fields: object) => void warned.push(fields) };
  assert.equal(await relayOrg(context.metadata, context.results, org.org_id, { log }), lies.length + 2);
  const rows = await context.superuser<{ chain_id: string; action: string }>(
    "SELECT chain_id, action FROM audit_logs WHERE action LIKE 'test.%' AND source_id = ANY ($1) ORDER BY seq",
    [
      [own, after_, ...lies].flatMap(({ payload }) =>
        "source_id" in payload && payload.source_id !== "mine" ? [payload.source_id] : [],
      ),
    ],
  );
  assert.deepEqual(rows, [
    { chain_id: org.org_id, action: "test.own" },
    { chain_id: org.org_id, action: "test.after" },
  ]);
  assert.equal(warned.length, 1);
  assert.ok(!JSON.stringify(warned).includes("test.forged"), "no payload in the log");
  for (const chain of [org.org_id, other.org_id, SYSTEM_CHAIN])
    assert.equal((await context.metadata.system((tx) => verifyChain(tx, chain))).first_bad_seq, null);
  assert.equal(await relay(), 0, "nothing waits");
});

test("facts that come to the metadata database after their organization's purge leave nothing there", async () => {
  const gone = await makeOrg(context);
  const job = await submitScript(context, await person(context, gone, "scientist"), { relay: false });
  const late = Object.create(context.metadata) as typeof context.metadata;
  late.system = async (work, ...how) => {
    await context.superuser(
      "UPDATE organizations SET status = 'deleting', delete_after = now() WHERE org_id = $1",
      [gone.org_id],
    );
    await context.superuser(
      "UPDATE organizations SET status = 'deleted', deleted_at = now() WHERE org_id = $1",
      [gone.org_id],
    );
    return context.metadata.system(work, ...how);
  };
  const isGone = (error: unknown) => error instanceof AppError && error.kind === "not_found";
  await assert.rejects(relayOrg(late, context.results, gone.org_id), isGone);
  await assert.rejects(
    reindexOrg({ metadata: context.metadata, results: context.results }, gone.org_id, null),
    isGone,
  );
  assert.equal(await projected(context, job), undefined);
  assert.deepEqual(await queueOf(context, gone.org_id), []);
});

test("one organization that hangs holds up no other, and is not begun again until it ended", async () => {
  const others = await Promise.all([makeOrg(context), makeOrg(context)]);
  const done: string[] = [];
  const { promise: hanging, resolve: wake } = Promise.withResolvers<void>();
  const hands = new Hands({ patienceMs: 10, count: 1 });
  const relayOne = async (orgId: string) => {
    if (orgId === org.org_id) await hanging;
    done.push(orgId);
  };
  const services = {
    ...context,
    results: Object.assign(Object.create(context.results), { relay: relayOne }),
  };
  const ids = others.map(({ org_id }) => org_id);
  await reconcileOnce(services, [org.org_id, ...ids], hands);
  assert.deepEqual(done, ids);
  await reconcileOnce(services, [org.org_id, ...ids], hands);
  assert.deepEqual(done, [...ids, ...ids]);
  wake();
  await hanging;
  await reconcileOnce(services, [org.org_id], hands);
  assert.deepEqual(done, [...ids, ...ids, org.org_id, org.org_id]);
});

test("a private job is projected, and no colleague finds it in the shared database", async () => {
  const colleague = await person(context, org, "scientist");
  const job = await submitScript(context, scientist, { visibility: "private" });
  const open = await submitScript(context, scientist);
  const seenBy = (who: OrgPrincipal) =>
    context.metadata.member(who, async (tx) => {
      const rows = await tx.selectFrom("jobs_meta").selectAll().where("job_id", "in", [job, open]).execute();
      return rows.map((row) => row.job_id).toSorted();
    });
  assert.deepEqual(await seenBy(colleague), [open]);
  assert.deepEqual(await seenBy(scientist), [job, open].toSorted());
  // A later fact and a rewrite say the same.
  await record(context, await claimAndStart(context));
  await relay();
  assert.deepEqual(await seenBy(colleague), [open]);
  await context.superuser("UPDATE jobs_meta SET private_to = NULL WHERE job_id = $1", [job]);
  assert.equal((await reindexOrg(context, org.org_id, null)).jobs_changed, 1);
  assert.deepEqual(await seenBy(colleague), [open]);
});

test("more facts than one batch holds are all taken", async () => {
  const jobs = Array.from({ length: 2100 }, () => newId());
  await tell(jobs.map((job_id) => ({ topic: "job" as const, payload: jobFact(job_id, 1, "queued") })));
  assert.equal(await relay(), 2100);
  const [row] = await context.superuser<{ count: number }>(
    "SELECT count(*) FROM jobs_meta WHERE job_id = ANY ($1)",
    [jobs],
  );
  assert.equal(row?.count, 2100);
});

test("the projection follows a job from queued to cancelled", async () => {
  const job = await submitScript(context, scientist);
  await claimAndStart(context);
  await relay();
  assert.equal((await projected(context, job))?.status, "running");
  await context.results.transact(scientist, (scope) => cancelJob(scope, job));
  await relay();
  const meta = await projected(context, job);
  assert.equal(meta?.status, "cancelled");
  assert.equal(meta?.last_seq, (await jobState(context, org.org_id, job)).seq);
});

test("a job that starts before it is relayed keeps its pipeline version in the projection", {}, async () => {
  const job = await submitScript(context, scientist);
  await context.superuser("DELETE FROM jobs_meta WHERE job_id = $1", [job]);
  await forgetRelayed();
  await claimAndStart(context);
  await relay();
  const [row] = await context.superuser("SELECT pipeline_version_id FROM jobs_meta WHERE job_id = $1", [job]);
  assert.notEqual(row?.["pipeline_version_id"], null);
});

test("a shared relay is idle when no run is under way any more, also where nobody waits and one fails", async () => {
  const runs: PromiseWithResolvers<void>[] = [];
  const share = shareRelay(() => {
    const run = Promise.withResolvers<void>();
    runs.push(run);
    return run.promise;
  });
  await share.idle();
  const [first, second] = [share("a"), share("a")];
  first.catch(() => {});
  let isIdle = false;
  const idle = share.idle().then(() => {
    isIdle = true;
  });
  runs[0]?.reject(new Error("away"));
  await assert.rejects(first, /away/);
  while (runs.length < 2) await new Promise(setImmediate);
  assert.equal(isIdle, false);
  runs[1]?.resolve();
  await Promise.all([second, idle]);
});

test("facts of callers who do not wait are taken together, and a close takes them at once", async () => {
  const taken: string[] = [];
  const share = shareRelay(async (orgId) => taken.push(orgId));
  const both = [share.soon("a"), share.soon("a"), share.soon("b")];
  assert.deepEqual(taken, []);
  await Promise.all(both);
  assert.deepEqual(taken, ["a", "b"]);
  // Those that failed do not keep a close from ending, and what is told of after it is taken again.
  const failing = shareRelay(async () => Promise.reject(new Error("away")));
  const refused = assert.rejects(failing.soon("a"), /away/);
  await failing.idle();
  await refused;
  await assert.rejects(failing.soon("a"), /away/);
});

test("an organization that could not be asked for its batches is asked again, and one that is gone is not", async () => {
  const [away, gone] = [newId(), newId()];
  const known = { open: new Set([away, gone]), unasked: new Set([away, gone]) };
  const results = {
    ...context.results,
    forMachinery: async (org_id: string) => {
      throw new AppError(org_id === away ? "unavailable" : "not_found", "no");
    },
  } as unknown as ResultsDoor;
  await advanceOpen({ ...context, results }, [away, gone], known);
  assert.deepEqual([[...known.open], [...known.unasked]], [[], [away]]);
  known.unasked.add(org.org_id);
  await advanceOpen(context, [org.org_id], known);
  assert.deepEqual([...known.unasked], [away]);
});

test("of several workers that keep a database up in one round, one compares it", async () => {
  const turn = () => context.results.forMachinery(org.org_id, (scope) => takeTurn(scope, 60));
  assert.equal((await Promise.all([turn(), turn(), turn()])).filter(Boolean).length, 1);
});

test("tokens of every kind go a day after their end, used ones not before it", async () => {
  await context.superuser(
    `INSERT INTO tokens (user_id, org_id, email, role_id, kind, token_hash, used_at, expires_at)
     SELECT CASE WHEN kind <> 'invite' THEN $1::uuid END, $2::uuid, CASE WHEN kind = 'invite' THEN 'a@example.org' END,
       (SELECT role_id FROM roles WHERE kind = 'invite' AND name = 'viewer' AND org_id IS NULL), kind,
       encode(sha256((kind || hours)::bytea), 'hex'), now(), now() + make_interval(hours => hours)
     FROM unnest(ARRAY['refresh', 'invite', 'reset']) AS kind, unnest(ARRAY[1, -23, -25]) AS hours`,
    [scientist.user_id, org.org_id],
  );
  await context.metadata.system(upkeepShared);
  const left = await context.superuser<{ kind: string; ended: boolean }>(
    "SELECT kind, expires_at < now() AS ended FROM tokens ORDER BY kind, ended",
  );
  assert.deepEqual(
    left.map(({ kind, ended }) => [kind, ended]),
    ["invite", "refresh", "reset"].flatMap((kind) => [
      [kind, false],
      [kind, true],
    ]),
  );
});

test("a process that is stopped in its relay holds up the others for a while and not for ever", async () => {
  const kindOf = (error: AppError) => error.kind;
  const holding = Promise.withResolvers<void>();
  const stopped = context.results.forMachinery(org.org_id, async ({ tx }) => {
    await lockRelay(tx, { idle: "300ms" });
    holding.resolve();
    await sleep(1000);
    await sql`SELECT 1`.execute(tx);
  });
  const ended = stopped.then(() => "went on", kindOf);
  await holding.promise;
  const waiting = context.results.forMachinery(org.org_id, ({ tx }) => lockRelay(tx, { patience: "50ms" }));
  assert.equal(await waiting.then(() => "got it", kindOf), "unavailable");
  await context.results.relay(org.org_id);
  assert.equal(await ended, "unavailable");
});
