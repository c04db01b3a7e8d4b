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

/** The shared database's answers that no request can get any more. */
export async function deleteOldAnswers(tx: MetadataTx): Promise<void> {
  await sql`DELETE FROM idempotency_keys WHERE expires_at < now()`.execute(tx);
}
