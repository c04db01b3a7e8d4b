import { sql } from "kysely";
import type { ResultsDb, ResultsTx } from "../db/results.ts";
import type { PageWish } from "../paging.ts";
import type { Protocol } from "./schema.ts";

/** A protocol is what its content says: the hash is over all the rest. */
export type NewProtocol = {
  params_hash: string;
  task: string;
  program: string;
  program_version: string;
  params: object;
};

/** Finds protocols by their content or adds them. Returns the id of each, in order. */
export async function upsertProtocols(tx: ResultsTx, protocols: NewProtocol[]): Promise<string[]> {
  if (protocols.length === 0) return [];
  const distinct = new Map(protocols.map((protocol) => [protocol.params_hash, protocol]));
  const known = await selectByHash(tx, [...distinct.keys()]);
  const missing = [...distinct.values()].filter(({ params_hash }) => !known.has(params_hash));
  if (missing.length > 0) {
    await insertProtocols(tx, missing);
    for (const [hash, id] of await selectByHash(tx, [...distinct.keys()])) known.set(hash, id);
  }
  return protocols.map(({ params_hash }) => known.get(params_hash) ?? "");
}

async function selectByHash(tx: ResultsTx, hashes: string[]): Promise<Map<string, string>> {
  const rows = await tx
    .selectFrom("protocols")
    .select(["params_hash", "protocol_id"])
    .where("params_hash", "in", hashes)
    .execute();
  return new Map(rows.map((row) => [row.params_hash, row.protocol_id]));
}

/** In one order everywhere, so that two that add the same ones wait for each other and not in a circle. */
async function insertProtocols(tx: ResultsTx, protocols: NewProtocol[]): Promise<void> {
  await sql`INSERT INTO protocols (params_hash, task, program, program_version, params)
    SELECT params_hash, task, program, program_version, params FROM jsonb_to_recordset(${JSON.stringify(protocols)}::jsonb)
      AS p(params_hash text, task text, program text, program_version text, params jsonb)
    ORDER BY params_hash
    ON CONFLICT (params_hash) DO NOTHING`.execute(tx);
}

const COLUMNS = [
  "protocol_id",
  "params_hash",
  "name",
  "task",
  "program",
  "program_version",
  "params",
  "created_at",
] as const;

/** Protocols, newest first, by keyset. */
export async function selectProtocols(db: ResultsDb, wish: PageWish): Promise<Protocol[]> {
  let query = db
    .selectFrom("protocols")
    .select(COLUMNS)
    .orderBy("created_at", "desc")
    .orderBy("protocol_id", "desc")
    .limit(wish.limit);
  if (wish.before !== undefined) {
    const { at, id } = wish.before;
    query = query.where(sql<boolean>`(created_at, protocol_id) < (${at}::timestamptz, ${id}::uuid)`);
  }
  return (await query.execute()) as Protocol[];
}

export async function selectOptionalProtocol(
  db: ResultsDb,
  key: { protocol_id: string } | { params_hash: string },
): Promise<Protocol | undefined> {
  const [column, value] =
    "protocol_id" in key
      ? (["protocol_id", key.protocol_id] as const)
      : (["params_hash", key.params_hash] as const);
  const row = await db.selectFrom("protocols").select(COLUMNS).where(column, "=", value).executeTakeFirst();
  return row as Protocol | undefined;
}
