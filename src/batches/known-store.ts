import { sql } from "kysely";
import type { ResultsDb } from "../db/results.ts";
import type { KnownSpecies } from "./known.ts";

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
    .where(sql<boolean>`molecule_id = ANY (${ids}::uuid[])`)
    .execute();
  const byId = new Map(rows.map((row) => [row.molecule_id, row as KnownSpecies]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

/** The next molecules that the asker may see, by id; `next_after` is null where there are no more. */
export async function selectRegistered(
  db: ResultsDb,
  { after, limit = 10_000 }: { after?: string; limit?: number },
): Promise<{ species: KnownSpecies[]; next_after: string | null }> {
  let query = db
    .selectFrom("molecules")
    .select(COLUMNS)
    .orderBy("molecule_id")
    .limit(limit + 1);
  if (after !== undefined) query = query.where("molecule_id", ">", after);
  const rows = (await query.execute()) as KnownSpecies[];
  const species = rows.slice(0, limit);
  return { species, next_after: rows.length > limit ? (species.at(-1)?.molecule_id ?? null) : null };
}
