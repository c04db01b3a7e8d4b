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

/** Molecules by their newest visible registration, newest first, by keyset. */
export async function selectMolecules(
  db: ResultsDb,
  page: PageWish,
): Promise<(Molecule & { name: string | null; registered_at: string })[]> {
  const latest = db
    .selectFrom("registrations")
    .distinctOn("molecule_id")
    .select(["molecule_id as of", "name", "created_at as registered_at", "registration_id"])
    .orderBy("molecule_id")
    .orderBy("created_at", "desc");
  let query = db
    .selectFrom(latest.as("r"))
    .innerJoin("molecules as m", "m.molecule_id", "r.of")
    .select([...COLUMNS.map((name) => `m.${name}` as const), "r.name", "r.registered_at"])
    .orderBy("r.registered_at", "desc")
    .orderBy("m.molecule_id", "desc")
    .limit(page.limit);
  if (page.before !== undefined) {
    query = query.where(
      sql<boolean>`(r.registered_at, m.molecule_id) < (${page.before.at}::timestamptz, ${page.before.id}::uuid)`,
    );
  }
  return (await query.execute()) as (Molecule & { name: string | null; registered_at: string })[];
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

/** Deletes a person's registrations of a molecule. Returns how many there were. */
export async function deleteRegistrations(
  tx: ResultsTx,
  moleculeId: string,
  ownerId: string,
): Promise<number> {
  const result = await tx
    .deleteFrom("registrations")
    .where("molecule_id", "=", moleculeId)
    .where("owner_id", "=", ownerId)
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
