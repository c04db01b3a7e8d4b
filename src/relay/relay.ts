import { appendAudit } from "../audit/store.ts";
import type { MetadataDoor, MetadataTx } from "../db/metadata.ts";
import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { logEvents, type NewEvent } from "../events/log.ts";
import { Meter } from "../events/meter.ts";
import { FACT_REFUSED } from "../events/schema.ts";
import { type Logger, SILENT } from "../log.ts";
import type { ResultsDoor } from "../orgs/door.ts";
import { projectQueue } from "../queue/queue-store.ts";
import { countFacts, readFacts } from "./facts.ts";
import { lockPending, markRelayed, type OutboxRow } from "./outbox-store.ts";
import { holdOrganization, insertJobBirths, upsertJobs } from "./projection-store.ts";

export type RelayOptions = { log?: Logger; meter?: Meter };

/**
 * Takes facts of one organization to the metadata database: reads about 1,000 under a lock in the
 * results database, commits them there in one metadata transaction, then marks exactly those rows.
 * Killed anywhere, it may be repeated: every fact is taken once or changes nothing the second time.
 * A row that the projection can't take is set aside, and told of in `event_logs`: it holds up nothing.
 * This is the one place where a transaction in one database waits for another (design §5.2).
 * Returns how many facts were taken. Throws AppError not_found (the organization is gone meanwhile), unavailable.
 */
export async function relayOrg(
  metadata: MetadataDoor,
  results: ResultsDoor,
  orgId: string,
  { log = SILENT, meter = new Meter("relay") }: RelayOptions = {},
): Promise<number> {
  let taken = 0;
  for (;;) {
    // The mark need not be on the disk: lost in a crash, the rows are taken once more, which changes nothing. What
    // they said is by then, as the metadata transaction inside waits for its disk.
    const { count, more } = await results.forMachinery(
      orgId,
      (scope) => relayBatch(metadata, scope, { log, meter }),
      "soon",
    );
    taken += count;
    if (!more) return taken;
  }
}

/** How long facts that nobody waits for may gather before they are taken: many submissions then cost one taking. */
const GATHER_MS = 40;

/** Takes facts of an organization, together with others who want the same. */
export type SharedRelay = {
  /** Done when what the caller had committed is taken. */
  (orgId: string): Promise<void>;
  /** The same a moment later, with what others commit until then. */
  soon(orgId: string): Promise<void>;
  /** Begins what was to come soon, and is done when none is under way. Never throws. */
  idle(): Promise<void>;
};

/**
 * The same for callers that come while one is under way: they share the next, which begins when that one is
 * done and so takes what each had committed. Without it they queued at the lock, a connection each.
 */
export function shareRelay(relay: (orgId: string) => Promise<unknown>): SharedRelay {
  const running = new Map<string, Promise<void>>();
  const next = new Map<string, Promise<void>>();
  const gathering = new Map<string, { taken: Promise<void>; begin: () => void }>();
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
  const share = (orgId: string) => {
    const now = running.get(orgId);
    if (now === undefined) return next.get(orgId) ?? begin(orgId);
    const shared = next.get(orgId) ?? now.catch(() => {}).then(() => begin(orgId));
    next.set(orgId, shared);
    return shared;
  };
  const soon = (orgId: string) => {
    const known = gathering.get(orgId);
    if (known !== undefined) return known.taken;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, GATHER_MS);
    const taken = promise.then(() => {
      clearTimeout(timer);
      gathering.delete(orgId);
      return share(orgId);
    });
    gathering.set(orgId, { taken, begin: resolve });
    return taken;
  };
  const idle = async () => {
    for (;;) {
      for (const { begin } of gathering.values()) begin();
      const all = [...running.values(), ...next.values(), ...[...gathering.values()].map((one) => one.taken)];
      if (all.length === 0) return;
      await Promise.allSettled(all);
    }
  };
  return Object.assign(share, { soon, idle });
}

async function relayBatch(
  metadata: MetadataDoor,
  scope: ResultsScope,
  { log, meter }: Required<RelayOptions>,
): Promise<{ count: number; more: boolean }> {
  const started = performance.now();
  const { rows, more } = await lockPending(scope.tx);
  if (rows.length === 0) return { count: 0, more };
  const read = performance.now();
  const refused = await projectRows(metadata, scope, rows);
  // Not what it says: the organization's own rows are written by its own people, and some may lie.
  if (refused.length > 0)
    log.warn({ org_id: scope.org_id, outbox_ids: refused }, "facts that can't be projected were set aside");
  const count = rows.reduce((sum, row) => sum + countFacts(row), 0);
  meter.add(
    scope.org_id,
    { facts: count, rows: rows.length, refused: refused.length },
    { read: read - started, project: performance.now() - read },
  );
  await markRelayed(
    scope.tx,
    rows.map((row) => row.outbox_id),
  );
  await logEvents(scope.tx, [...refused.map(refusal), ...meter.due(scope.org_id)]);
  return { count, more };
}

/** Projects rows together; where the tables refuse them, one by one. Returns those that were left out. */
async function projectRows(
  metadata: MetadataDoor,
  scope: ResultsScope,
  rows: OutboxRow[],
): Promise<number[]> {
  try {
    const hold = holdOrganization(scope.org_id);
    return await metadata.system(
      async (tx, held) => {
        if (held.length > 0) return project(tx, scope, rows);
        throw new AppError("not_found", "no such organization: it was dropped while its facts were taken");
      },
      "durable",
      hold,
    );
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const [only] = rows;
    if (rows.length === 1 && only !== undefined) return [only.outbox_id];
    const refused: number[] = [];
    for (const row of rows) refused.push(...(await projectRows(metadata, scope, [row])));
    return refused;
  }
}

/** Data that a table does not take: PostgreSQL's classes 22 and 23. Anything else is no fault of the rows. */
function isRefusal(error: unknown): boolean {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } };
  return /^2[23]/.test(String(error instanceof AppError ? cause?.code : code));
}

/**
 * Whose facts they are is said by the database that they come from and never by themselves. Returns the rows
 * that were left out.
 */
async function project(tx: MetadataTx, scope: ResultsScope, rows: OutboxRow[]): Promise<number[]> {
  const { told, refused } = readFacts(rows, scope.org_id);
  for (const births of told.births) await insertJobBirths(tx, scope, births);
  await upsertJobs(tx, scope, told.jobs);
  await appendAudit(tx, told.audit);
  // Last, because it holds the organization's lanes.
  await projectQueue(tx, scope, told);
  return refused;
}

function refusal(outbox_id: number): NewEvent {
  return {
    event_type: "error",
    entity_type: "outbox",
    entity_id: String(outbox_id),
    status: "refused",
    message:
      "a fact that the shared database can't take was set aside: `aliquot org reindex` repairs what it told",
    error_code: FACT_REFUSED,
    service: "relay",
  };
}
