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

/** Entries that one transaction takes out: whoever records meanwhile waits no longer than for so many. */
export const PAGE = 1000;

/**
 * Takes out up to a thousand entries of a wish that the caller may take out, or only counts all; by reason. Results
 * stay, and so does an entry that somebody is changing or counting on at this moment: nobody waits here for the locks
 * of those who record.
 */
export async function pruneEntries(
  tx: ResultsTx,
  wish: PruneWish,
  policy: Pick<CachePolicy, "ttl_days">,
  really: boolean,
): Promise<PruneCounts> {
  const reasons = sql`${wish.expired} AND ${isExpired(policy)} AS expired,
    ${wish.irreproducible} AND c.irreproducible_at IS NOT NULL AS irreproducible,
    coalesce(${unusedFor(wish)}, false) AS unused,
    c.canonical_exec_id = ANY (${wish.missing}::uuid[]) AS missing`;
  const found = sql`SELECT c.cache_key, ${reasons} FROM result_cache c WHERE ${wantedBy(wish, policy)}`;
  const gone = really
    ? sql`DELETE FROM result_cache r USING (${found} ORDER BY c.cache_key LIMIT ${PAGE} FOR UPDATE OF c SKIP LOCKED) AS f
        WHERE r.cache_key = f.cache_key RETURNING f.*`
    : found;
  const { rows } = await sql<PruneCounts>`WITH gone AS (${gone})
    SELECT count(*)::integer AS entries, (count(*) FILTER (WHERE expired))::integer AS expired,
      (count(*) FILTER (WHERE irreproducible))::integer AS irreproducible,
      (count(*) FILTER (WHERE missing))::integer AS missing, (count(*) FILTER (WHERE unused))::integer AS unused
    FROM gone`.execute(tx);
  return rows[0] ?? NOTHING;
}

/** As plain conditions, only of what is wished, so that each finds its index. */
function wantedBy(wish: PruneWish, { ttl_days }: Pick<CachePolicy, "ttl_days">) {
  if (wish.all) return sql`true`;
  const parts = [sql`c.canonical_exec_id = ANY (${wish.missing}::uuid[])`];
  if (wish.expired) parts.push(sql`c.expires_at <= now()`);
  if (wish.expired && ttl_days !== null)
    parts.push(sql`c.created_at <= now() - make_interval(secs => ${ttl_days}::float8 * 86400)`);
  if (wish.irreproducible) parts.push(sql`c.irreproducible_at IS NOT NULL`);
  if (wish.unused_days !== null) parts.push(unusedFor(wish));
  return sql`(${sql.join(parts, sql` OR `)})`;
}

function unusedFor({ unused_days }: PruneWish) {
  return sql`c.last_used_at < now() - make_interval(days => ${unused_days}::integer)`;
}

export const NOTHING: PruneCounts = { entries: 0, expired: 0, irreproducible: 0, missing: 0, unused: 0 };

/** Both together. */
export function sumOf(one: PruneCounts, other: PruneCounts): PruneCounts {
  return {
    entries: one.entries + other.entries,
    expired: one.expired + other.expired,
    irreproducible: one.irreproducible + other.irreproducible,
    missing: one.missing + other.missing,
    unused: one.unused + other.unused,
  };
}
