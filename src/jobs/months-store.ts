import { sql } from "kysely";
import type { ResultsTx } from "../db/results.ts";

/** Makes the partitions of the coming months where one is missing; else it costs a look into the catalog. */
export async function makeMonths(tx: ResultsTx): Promise<void> {
  await sql`SELECT CASE WHEN to_regclass('public.job_events_' ||
      to_char((now() AT TIME ZONE 'UTC') + interval '2 months', 'YYYY_MM')) IS NULL
    THEN ensure_partitions() END`.execute(tx);
}
