import type { ResultsDb } from "../db/results.ts";
import type { CacheStats } from "./operations-schema.ts";
import type { CachePolicy } from "./schema.ts";
import { type StatsRow, selectSize, selectStats } from "./stats-store.ts";

/** What the cache holds and has saved, as far as the caller may see it. */
export async function cacheStats(db: ResultsDb, policy: CachePolicy): Promise<CacheStats> {
  const items = await selectStats(db, policy);
  const sum = (
    name: "entries" | "hits" | "cpu_seconds_saved" | "wall_seconds_saved" | "expired" | "irreproducible",
  ) => items.reduce((total, row) => total + row[name], 0);
  const [entries, hits] = [sum("entries"), sum("hits")];
  return {
    entries,
    hits,
    hit_rate: entries === 0 ? null : hits / (hits + entries),
    cpu_seconds_saved: sum("cpu_seconds_saved"),
    wall_seconds_saved: sum("wall_seconds_saved"),
    size_bytes: await selectSize(db),
    expired: sum("expired"),
    irreproducible: sum("irreproducible"),
    oldest_created_at: edge(items, "oldest_created_at").at(0) ?? null,
    last_used_at: edge(items, "last_used_at").at(-1) ?? null,
    threshold: policy.threshold,
    ttl_days: policy.ttl_days,
    items,
    next_cursor: null,
  };
}

function edge(items: StatsRow[], name: "oldest_created_at" | "last_used_at"): string[] {
  return items.map((row) => row[name]).toSorted();
}
