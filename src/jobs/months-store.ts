import { sql } from "kysely";
import { MONTHS_DUE } from "../db/months.ts";
import type { ResultsTx } from "../db/results.ts";

/** Makes the partitions of the coming months where one is missing; else it costs a look into the catalog. */
export async function makeMonths(tx: ResultsTx): Promise<void> {
  await sql`SELECT CASE WHEN ${sql.raw(MONTHS_DUE)} THEN ensure_partitions() END`.execute(tx);
}
