import { sql } from "kysely";
import type { ResultsDb } from "../db/results.ts";
import type { KnownSpecies } from "./known.ts";

/** Nobody but its owner and the admins sees it: the organization has no registration of it. */
const IS_PRIVATE = sql<boolean>`NOT EXISTS (SELECT FROM registrations r WHERE r.molecule_id = molecules.molecule_id
  AND r.visibility = 'organization')`;

const COLUMNS = [
  "molecule_id",
  "identity_key",
  "smiles",
  "formula",
  "charge",
  "stereo_status",
  "heavy_atoms",
] as const;

/** Molecules that the asker may see, in the order of the ids. */
export async function selectKnown(db: ResultsDb, ids: string[]): Promise<KnownSpecies[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom("molecules")
    .select(COLUMNS)
    .select(IS_PRIVATE.as("is_private"))
    .where(sql<boolean>`molecule_id = ANY (${ids}::uuid[])`)
    .execute();
  const byId = new Map(rows.map((row) => [row.molecule_id, row as KnownSpecies]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

/**
 * The organization's next molecules by id, with `own` also those that only the asker has; never a colleague's private
 * one, which an admin sees. `next_after` is null where there are no more.
 */
export async function selectRegistered(
  db: ResultsDb,
  { after, limit = 10_000 }: { after?: string; limit?: number },
  own: boolean,
): Promise<{ species: KnownSpecies[]; next_after: string | null }> {
  let query = db
    .selectFrom("molecules")
    .select(COLUMNS)
    .select(IS_PRIVATE.as("is_private"))
    .where(
      sql<boolean>`EXISTS (SELECT FROM registrations r WHERE r.molecule_id = molecules.molecule_id
        AND (r.visibility = 'organization' OR (${own} AND r.owner_id = app_user())))`,
    )
    .orderBy("molecule_id")
    .limit(limit + 1);
  if (after !== undefined) query = query.where("molecule_id", ">", after);
  const rows = (await query.execute()) as KnownSpecies[];
  const species = rows.slice(0, limit);
  return { species, next_after: rows.length > limit ? (species.at(-1)?.molecule_id ?? null) : null };
}
