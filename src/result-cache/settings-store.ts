import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";

type CacheSettings = { threshold: number | null; ttl_days: number | null; programs: Record<string, string> };

/** What an organization set of its cache, and the engines' versions that workers found. */
export async function selectCacheSettings(tx: MetadataTx, orgId: string): Promise<CacheSettings> {
  const { rows } = await sql<CacheSettings>`
    SELECT (s.config ->> 'cache_threshold')::float8 AS threshold, (s.config ->> 'cache_ttl_days')::float8 AS ttl_days,
      (SELECT coalesce(jsonb_object_agg(t.name, t.name || ' ' || t.version), '{}') FROM task_services t
        WHERE t.kind = 'engine' AND t.version IS NOT NULL) AS programs
    FROM organizations o LEFT JOIN org_settings s ON s.org_id = o.org_id
    WHERE o.org_id = ${orgId}`.execute(tx);
  const [row] = rows;
  if (row === undefined) throw new AppError("not_found", "no such organization");
  return row;
}
