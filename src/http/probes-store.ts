import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";

/** Whether the database answers at all: it does, or this throws. */
export async function selectNothing(tx: MetadataTx): Promise<void> {
  await sql`SELECT 1`.execute(tx);
}
