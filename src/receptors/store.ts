import { sql } from "kysely";
import type { ResultsTx } from "../db/results.ts";

/** One at a time for the same bytes: of two that prepare them at once, the second finds what the first made. */
export async function waitForSameReceptor(tx: ResultsTx, checksum: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtext('aliquot.receptor'), hashtext(${checksum}))`.execute(tx);
}
