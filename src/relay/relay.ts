import { sql } from "kysely";
import { type AuditEntry, belongsToChain } from "../audit/entry.ts";
import { appendAudit } from "../audit/store.ts";
import type { MetadataDoor, MetadataTx } from "../db/metadata.ts";
import type { ResultsScope, ResultsTx } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { type Logger, SILENT } from "../log.ts";
import type { ResultsDoor } from "../orgs/door.ts";
import type { JobFact, TaskGoneFact, TaskReadyFact } from "../outbox.ts";
import { deleteQueueRows, holdOrganization, upsertJobs, upsertQueueRows } from "./projection-store.ts";

const BATCH = 1000;
/** Only one relay works on a database at a time; the next waits, so that what it just committed is taken. */
const RELAY_LOCK = 7_242_010;

type OutboxRow = { outbox_id: number; topic: string; payload: unknown };

/**
 * Takes facts of one organization to the metadata database: reads up to 1,000 under a lock in the
 * results database, commits them there in one metadata transaction, then marks exactly those rows.
 * Killed anywhere, it may be repeated: every fact is taken once or changes nothing the second time.
 * This is the one place where a transaction in one database waits for another (design §5.2).
 * Returns how many facts were taken. Throws AppError not_found (the organization is gone meanwhile), unavailable.
 */
export async function relayOrg(
  metadata: MetadataDoor,
  results: ResultsDoor,
  orgId: string,
  log: Logger = SILENT,
): Promise<number> {
  let taken = 0;
  for (;;) {
    const count = await results.forMachinery(orgId, (scope) => relayBatch(metadata, scope, log));
    taken += count;
    if (count < BATCH) return taken;
  }
}

/**
 * The same for callers that come while one is under way: they share the next, which begins when that one is
 * done and so takes what each had committed. Without it they queued at the lock, a connection each.
 */
export function shareRelay(relay: (orgId: string) => Promise<unknown>): (orgId: string) => Promise<void> {
  const running = new Map<string, Promise<void>>();
  const next = new Map<string, Promise<void>>();
  async function begin(orgId: string): Promise<void> {
    next.delete(orgId);
    const run = relay(orgId).then(() => {});
    running.set(orgId, run);
    try {
      await run;
    } finally {
      if (running.get(orgId) === run) running.delete(orgId);
    }
  }
  return (orgId) => {
    const now = running.get(orgId);
    if (now === undefined) return next.get(orgId) ?? begin(orgId);
    const shared = next.get(orgId) ?? now.catch(() => {}).then(() => begin(orgId));
    next.set(orgId, shared);
    return shared;
  };
}

/** Waits for the relay that is under way, and keeps others from beginning until this transaction ends. */
export async function lockRelay(tx: ResultsTx): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(${RELAY_LOCK})`.execute(tx);
}

async function relayBatch(metadata: MetadataDoor, scope: ResultsScope, log: Logger): Promise<number> {
  await lockRelay(scope.tx);
  const rows = await selectPending(scope.tx);
  if (rows.length === 0) return 0;
  const refused = await metadata.system((tx) => project(tx, scope, rows));
  // Not what it says: the organization's own rows are written by its own people, and some may lie.
  if (refused.length > 0)
    log.warn(
      { org_id: scope.org_id, outbox_ids: refused },
      "audit facts that no chain can hold were left out",
    );
  await markRelayed(
    scope.tx,
    rows.map((row) => row.outbox_id),
  );
  return rows.length;
}

/**
 * Facts in their order; of one task only the last about its place in the queue counts. Whose they are is said
 * by the database that they come from and never by themselves. Returns the audit facts that were left out.
 */
async function project(tx: MetadataTx, scope: ResultsScope, rows: OutboxRow[]): Promise<number[]> {
  if (!(await holdOrganization(tx, scope.org_id)))
    throw new AppError("not_found", "no such organization: it was dropped while its facts were taken");
  const jobs = rows.flatMap((row) => (row.topic === "job" ? [row.payload as JobFact] : []));
  await upsertJobs(
    tx,
    scope,
    lastOf(jobs, (job) => job.job_id),
  );
  const queue = rows.flatMap((row) =>
    row.topic === "task_ready" || row.topic === "task_gone"
      ? [{ topic: row.topic, fact: row.payload as TaskReadyFact | TaskGoneFact }]
      : [],
  );
  const latest = lastOf(queue, (row) => `${row.fact.job_id} ${row.fact.task_name}`);
  await upsertQueueRows(
    tx,
    scope,
    latest.flatMap((row) => (row.topic === "task_ready" ? [row.fact as TaskReadyFact] : [])),
  );
  await deleteQueueRows(
    tx,
    scope,
    latest.flatMap((row) => (row.topic === "task_gone" ? [row.fact] : [])),
  );
  const audit = rows.filter((row) => row.topic === "audit");
  const own = audit.filter((row) => belongsToChain(row.payload, scope.org_id));
  await appendAudit(
    tx,
    own.map((row) => row.payload as AuditEntry),
  );
  return audit.filter((row) => !own.includes(row)).map((row) => row.outbox_id);
}

function lastOf<T>(items: T[], key: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}

async function selectPending(tx: ResultsTx): Promise<OutboxRow[]> {
  return tx
    .selectFrom("outbox")
    .select(["outbox_id", "topic", "payload"])
    .where("relayed_at", "is", null)
    .orderBy("outbox_id")
    .limit(BATCH)
    .execute();
}

async function markRelayed(tx: ResultsTx, ids: number[]): Promise<void> {
  await tx.updateTable("outbox").set({ relayed_at: sql`now()` }).where("outbox_id", "in", ids).execute();
}
