import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { ResultsScope } from "../db/results.ts";

/** How long facts are kept after they were relayed: the audit log can be rebuilt from them. */
const FACT_DAYS = 7;

/** Small chores of one organization's database: partitions ahead of time, old facts and answers gone. */
export async function upkeep({ tx }: ResultsScope): Promise<void> {
  await sql`SELECT ensure_partitions()`.execute(tx);
  await sql`DELETE FROM outbox WHERE relayed_at < now() - make_interval(days => ${FACT_DAYS})`.execute(tx);
  await sql`DELETE FROM idempotency_keys WHERE expires_at < now()`.execute(tx);
}

const NOBODY = "00000000-0000-0000-0000-000000000000";

/**
 * Whether the dear part of a round is this worker's to do: of all that ask for a database within `seconds` the first
 * one's. It is kept as a request that was answered, which `upkeep` forgets when the time is over.
 */
export async function takeTurn({ tx }: ResultsScope, seconds: number): Promise<boolean> {
  const taken = await sql`
    INSERT INTO idempotency_keys (principal_id, operation, key, request_hash, expires_at)
    VALUES (${NOBODY}, 'reconciler.repair', 'turn', repeat('0', 64), now() + make_interval(secs => ${seconds}))
    ON CONFLICT DO NOTHING`.execute(tx);
  return (taken.numAffectedRows ?? 0n) > 0n;
}

/**
 * The same of the shared database: answers that no request can get any more, and tokens of whatever kind that ended a
 * day ago. A refresh token that was used stays until then, as it is known by it that somebody has a copy.
 */
export async function upkeepShared(tx: MetadataTx): Promise<void> {
  await sql`DELETE FROM idempotency_keys WHERE expires_at < now()`.execute(tx);
  await sql`DELETE FROM tokens WHERE expires_at < now() - interval '1 day'`.execute(tx);
}
