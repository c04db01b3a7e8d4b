import { sql } from "kysely";
import type { ResultsDb, ResultsTx } from "../db/results.ts";
import type { PageWish } from "../paging.ts";
import type { Identity } from "../toolkit/toolkit.ts";
import type { Molecule } from "./schema.ts";

export type NewRegistration = {
  owner_id: string;
  visibility: string;
  name: string | null;
  input_text: string;
  source_file: string | null;
  source_row: number | null;
  properties: object;
  tags?: string[];
};

/**
 * Registers species in one statement. Answers in order; `created` is true where the owner saw no
 * registration of that species before.
 */
export async function registerMolecules(
  tx: ResultsTx,
  rows: { species: Identity; registration: NewRegistration }[],
): Promise<{ molecule_id: string; created: boolean }[]> {
  if (rows.length === 0) return [];
  const result = await sql<{ molecule_id: string; created: boolean }>`
    SELECT molecule_id, created FROM register_molecules(${JSON.stringify(rows)}::jsonb)`.execute(tx);
  return result.rows;
}

export type Relation = { parent: string; child: string; kind: string; rule: string; tool_version: string };

/** States relations between registered species. */
export async function relateMolecules(tx: ResultsTx, relations: Relation[]): Promise<void> {
  if (relations.length === 0) return;
  await sql`SELECT relate_molecules(r.parent, r.child, r.kind, r.rule, r.tool_version)
    FROM jsonb_to_recordset(${JSON.stringify(relations)}::jsonb)
      AS r(parent uuid, child uuid, kind text, rule text, tool_version text)`.execute(tx);
}

const COLUMNS = [
  "molecule_id",
  "identity_key",
  "identity_kind",
  "inchikey",
  "compound_key",
  "smiles",
  "formula",
  "charge",
  "stereo_status",
  "heavy_atoms",
  "molecular_weight",
  "exact_mass",
  "clogp",
  "tpsa_angstrom2",
  "hbd",
  "hba",
  "rotatable_bonds",
  "rings",
  "fsp3",
] as const;

export async function selectOptionalMolecule(
  db: ResultsDb,
  moleculeId: string,
): Promise<Molecule | undefined> {
  return (await db
    .selectFrom("molecules")
    .select(COLUMNS)
    .where("molecule_id", "=", moleculeId)
    .executeTakeFirst()) as Molecule | undefined;
}

/** What is asked of a molecule's registrations; text as `search_registrations` takes it. */
export type MoleculeSearch = { name?: string; tag?: string; formula?: string };

export type ListedMolecule = Molecule & {
  registration_id: string;
  name: string | null;
  registered_at: string;
};

/** Somebody may have brought it again without a name: that takes none away. */
const NEWEST_NAME = sql<string | null>`coalesce(r.name, (SELECT n.name FROM registrations n
  WHERE n.molecule_id = m.molecule_id AND n.name IS NOT NULL
  ORDER BY n.created_at DESC, n.registration_id DESC LIMIT 1))`;

/**
 * Molecules by their newest visible registration (of those that match, where something is asked), newest first,
 * by keyset.
 */
export async function selectMolecules(
  db: ResultsDb,
  page: PageWish,
  search: MoleculeSearch = {},
): Promise<ListedMolecule[]> {
  let query = db
    .selectFrom(newestOfEach(search).as("r"))
    .innerJoin("molecules as m", "m.molecule_id", "r.molecule_id")
    .select(COLUMNS.map((name) => `m.${name}` as const))
    .select(["r.registration_id", NEWEST_NAME.as("name"), "r.created_at as registered_at"])
    .orderBy("r.created_at", "desc")
    .orderBy("r.registration_id", "desc")
    .limit(page.limit);
  if (page.before !== undefined) {
    const { at, id } = page.before;
    query = query.where(sql<boolean>`(r.created_at, r.registration_id) < (${at}::timestamptz, ${id}::uuid)`);
  }
  return (await query.execute()) as ListedMolecule[];
}
type Newest = { registration_id: string; molecule_id: string; name: string | null; created_at: string };

/** One registration of each molecule that the asker may see. */
function newestOfEach({ name, tag, formula }: MoleculeSearch) {
  // Walks an index from the newest on, and looks for a newer one of each: a page never sorts the table.
  if (name === undefined && tag === undefined && formula === undefined)
    return sql<Newest>`(SELECT f.registration_id, f.molecule_id, f.name, f.created_at FROM registrations f
      WHERE NOT EXISTS (SELECT 1 FROM registrations newer WHERE newer.molecule_id = f.molecule_id
        AND (newer.created_at, newer.registration_id) > (f.created_at, f.registration_id)))`;
  // Under row security no index serves a search of texts: a function that asks the same rule has it, and gives ids.
  // As an array: each is looked up by its key. The planner takes any search to find 1,000 and might read the table.
  return sql<Newest>`(SELECT DISTINCT ON (f.molecule_id) f.registration_id, f.molecule_id, f.name, f.created_at
    FROM registrations f
    WHERE f.registration_id = ANY (ARRAY(SELECT search_registrations(${name ?? null}, ${tag ?? null}, ${formula ?? null})))
    ORDER BY f.molecule_id, f.created_at DESC, f.registration_id DESC)`;
}

/** Registrations and relations that the asker may see. */
export async function selectMoleculeParts(db: ResultsDb, moleculeId: string) {
  const registrations = await db
    .selectFrom("registrations")
    .selectAll()
    .where("molecule_id", "=", moleculeId)
    .orderBy("created_at")
    .execute();
  const relations = await db
    .selectFrom("molecule_relations")
    .selectAll()
    .where((eb) => eb.or([eb("parent_id", "=", moleculeId), eb("child_id", "=", moleculeId)]))
    .execute();
  return { registrations, relations };
}

/** Deletes a person's registrations of a molecule. Returns the visibility of each. */
export async function deleteRegistrations(
  tx: ResultsTx,
  moleculeId: string,
  ownerId: string,
): Promise<string[]> {
  const rows = await tx
    .deleteFrom("registrations")
    .where("molecule_id", "=", moleculeId)
    .where("owner_id", "=", ownerId)
    .returning("visibility")
    .execute();
  return rows.map((row) => row.visibility);
}
