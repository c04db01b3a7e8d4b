import { sql } from "kysely";
import type { ResultsDb, ResultsTx } from "../db/results.ts";
import type { CachePolicy } from "./schema.ts";
import { isExpired } from "./stats-store.ts";

/** What an entry leads to, to see whether it is there. */
export type EntryBytes = {
  cache_key: string;
  canonical_exec_id: string;
  artifact_map: Record<string, string>;
};

/** A page of the entries that the caller sees, by key. */
export async function selectEntryBytes(db: ResultsDb, after: string, limit: number): Promise<EntryBytes[]> {
  const rows = await db
    .selectFrom("result_cache")
    .select(["cache_key", "canonical_exec_id", "artifact_map"])
    .where("cache_key", ">", after)
    .orderBy("cache_key")
    .limit(limit)
    .execute();
  return rows as EntryBytes[];
}

export type PruneWish = {
  expired: boolean;
  irreproducible: boolean;
  unused_days: number | null;
  /** Executions whose bytes are gone: entries of theirs go, and no other that took the place meanwhile. */
  missing: string[];
  all: boolean;
};

export type PruneCounts = {
  entries: number;
  expired: number;
  irreproducible: number;
  missing: number;
  unused: number;
};

/** Takes out the entries of a wish that the caller may take out, or only counts them; by reason. Results stay. */
export async function pruneEntries(
  tx: ResultsTx,
  wish: PruneWish,
  policy: Pick<CachePolicy, "ttl_days">,
  really: boolean,
): Promise<PruneCounts> {
  const reasons = sql`${wish.expired} AND ${isExpired(policy)} AS expired,
    ${wish.irreproducible} AND c.irreproducible_at IS NOT NULL AS irreproducible,
    coalesce(c.last_used_at < now() - make_interval(days => ${wish.unused_days}::integer), false) AS unused,
    c.canonical_exec_id = ANY (${wish.missing}::uuid[]) AS missing`;
  const found = sql`SELECT c.cache_key, ${reasons} FROM result_cache c`;
  const wanted = sql`(${wish.all} OR f.expired OR f.irreproducible OR f.unused OR f.missing)`;
  const gone = really
    ? sql`DELETE FROM result_cache r USING (${found}) AS f WHERE r.cache_key = f.cache_key AND ${wanted} RETURNING f.*`
    : sql`SELECT f.* FROM (${found}) AS f WHERE ${wanted}`;
  const { rows } = await sql<PruneCounts>`WITH gone AS (${gone})
    SELECT count(*)::integer AS entries, (count(*) FILTER (WHERE expired))::integer AS expired,
      (count(*) FILTER (WHERE irreproducible))::integer AS irreproducible,
      (count(*) FILTER (WHERE missing))::integer AS missing, (count(*) FILTER (WHERE unused))::integer AS unused
    FROM gone`.execute(tx);
  return rows[0] ?? { entries: 0, expired: 0, irreproducible: 0, missing: 0, unused: 0 };
}
