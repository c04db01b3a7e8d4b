import { sql } from "kysely";
import type { ResultsDb, ResultsTx } from "../db/results.ts";
import type { Json } from "../db/tables/results.ts";
import { newId } from "../ids.ts";
import type { PageWish } from "../paging.ts";
import type { STRUCTURE_FORMATS, STRUCTURE_KINDS, Structure } from "./schema.ts";

export type NewStructure = {
  molecule_id: string | null;
  kind: (typeof STRUCTURE_KINDS)[number];
  name: string | null;
  format: (typeof STRUCTURE_FORMATS)[number];
  uri: string;
  /** Which record of the file, from 1 (the default). */
  record?: number;
  size_bytes: number;
  checksum: string;
  charge: number | null;
  multiplicity: number | null;
  geometry_hash: string | null;
  preparation: object;
  source: string;
  owner_id: string;
  visibility: "private" | "organization";
};

export type StructureRow = Structure;

const COLUMNS = [
  "structure_id",
  "molecule_id",
  "kind",
  "name",
  "format",
  "uri",
  "record",
  "size_bytes",
  "checksum",
  "charge",
  "multiplicity",
  "geometry_hash",
  "preparation",
  "source",
  "owner_id",
  "visibility",
  "created_at",
] as const;

/**
 * What tells a structure's computation from another's: its positions, its bytes (bonds are in them) and the
 * species that it is said to be.
 */
export function structureIdentity(row: {
  geometry_hash: string | null;
  checksum: string | null;
  molecule_id: string | null;
}): string {
  return [row.geometry_hash ?? "", row.checksum ?? "", row.molecule_id ?? ""].join(" ");
}

/**
 * Whether a row that is there may stand for a new one of this ownership: the organization's for the
 * organization's, one's own private for one's own private.
 */
export function servesInstead(
  row: Pick<NewStructure, "owner_id" | "visibility">,
  wanted: Pick<NewStructure, "owner_id" | "visibility">,
): boolean {
  if (row.visibility !== wanted.visibility) return false;
  return wanted.visibility === "organization" || row.owner_id === wanted.owner_id;
}

export async function insertStructure(tx: ResultsTx, row: NewStructure): Promise<StructureRow> {
  const inserted = await tx
    .insertInto("structures")
    .values({ ...row, preparation: sql`${JSON.stringify(row.preparation)}::jsonb` })
    .returning(COLUMNS)
    .executeTakeFirstOrThrow();
  return inserted as StructureRow;
}

/** The same for many, in one statement. Returns their ids, in order. */
export async function insertStructures(tx: ResultsTx, rows: NewStructure[]): Promise<string[]> {
  if (rows.length === 0) return [];
  const named = rows.map((row) => ({ structure_id: newId(), ...row }));
  await tx
    .insertInto("structures")
    .values(
      named.map((row) => ({ ...row, preparation: sql<Json>`${JSON.stringify(row.preparation)}::jsonb` })),
    )
    .execute();
  return named.map((row) => row.structure_id);
}

export async function selectOptionalStructure(
  db: ResultsDb,
  structureId: string,
): Promise<StructureRow | undefined> {
  const row = await db
    .selectFrom("structures")
    .select(COLUMNS)
    .where("structure_id", "=", structureId)
    .executeTakeFirst();
  return row as StructureRow | undefined;
}

export async function selectStructuresByIds(db: ResultsDb, ids: string[]): Promise<StructureRow[]> {
  if (ids.length === 0) return [];
  return (await db
    .selectFrom("structures")
    .select(COLUMNS)
    .where("structure_id", "in", ids)
    .execute()) as StructureRow[];
}

export type StructureFilter = {
  kind?: NewStructure["kind"];
  format?: NewStructure["format"];
  checksum?: string;
};

/** Structures, newest first, by keyset. */
export async function selectStructures(
  db: ResultsDb,
  page: PageWish & StructureFilter,
): Promise<StructureRow[]> {
  let query = db
    .selectFrom("structures")
    .select(COLUMNS)
    .orderBy("created_at", "desc")
    .orderBy("structure_id", "desc")
    .limit(page.limit);
  if (page.kind !== undefined) query = query.where("kind", "=", page.kind);
  if (page.format !== undefined) query = query.where("format", "=", page.format);
  if (page.checksum !== undefined) query = query.where("checksum", "=", page.checksum);
  if (page.before !== undefined) {
    query = query.where(
      sql<boolean>`(created_at, structure_id) < (${page.before.at}::timestamptz, ${page.before.id}::uuid)`,
    );
  }
  return (await query.execute()) as StructureRow[];
}

/**
 * A conformer that a generator made of a molecule, which somebody with this ownership may be shown:
 * their own, or the organization's where the asker's is the organization's too.
 */
export async function selectOptionalConformer(
  db: ResultsDb,
  wanted: { molecule_id: string; source: string; owner_id: string; visibility: string },
): Promise<StructureRow | undefined> {
  const row = await db
    .selectFrom("structures")
    .select(COLUMNS)
    .where("molecule_id", "=", wanted.molecule_id)
    .where("kind", "=", "conformer")
    .where("source", "=", wanted.source)
    .where((eb) =>
      wanted.visibility === "private"
        ? eb.or([eb("visibility", "=", "organization"), eb("owner_id", "=", wanted.owner_id)])
        : eb("visibility", "=", "organization"),
    )
    .executeTakeFirst();
  return row as StructureRow | undefined;
}
