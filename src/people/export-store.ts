import { type RawBuilder, sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { ResultsTx } from "../db/results.ts";
import type { HeldRows } from "./export-schema.ts";

/** Both databases have a catalog, so this file speaks to either. */
export type EitherTx = MetadataTx | ResultsTx;

/**
 * How columns are called that hold a person's id, besides those that refer to `users`: nothing in an organization's
 * database does.
 */
const PERSON_COLUMNS: readonly string[] = [
  "user_id",
  "owner_id",
  "created_by",
  "added_by",
  "submitted_by",
  "principal_id",
  "private_to",
];

/** Tables of the shared database that are about the person as a whole: their rows are given with all columns. */
const WHOLE: readonly string[] = [
  "users",
  "identities",
  "memberships",
  "membership_roles",
  "api_keys",
  "tokens",
  "audit_logs",
];

const SECRET = /(^|_)(hash|password|secret)($|_)|^(prev_)?hash$|_tag$/;

type Column = { name: string; type: string; key: boolean; refers: boolean; about: string | null };
export type PersonTable = { name: string; columns: Column[]; person: string[] };

/** Who is looked for: an id, and the address that invitations may be to. */
export type Sought = { user_id: string; email: string | null };

/**
 * Every table in which a column holds a person's id or address, by the catalog: a table that is new is found without
 * a word here.
 */
export async function selectPersonTables(tx: EitherTx): Promise<PersonTable[]> {
  const found = await sql<{ name: string; columns: Column[] }>`
    SELECT c.relname AS name, jsonb_agg(jsonb_build_object(
      'name', a.attname, 'type', format_type(a.atttypid, NULL), 'about', col_description(c.oid, a.attnum),
      'key', EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p' AND a.attnum = ANY (k.conkey)),
      'refers', EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f'
        AND k.confrelid = to_regclass('public.users') AND k.conkey = ARRAY[a.attnum])) ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    GROUP BY c.oid ORDER BY c.relname`.execute(tx);
  return found.rows
    .map(({ name, columns }) => ({ name, columns, person: columns.filter(isPersons).map((one) => one.name) }))
    .filter(({ person }) => person.length > 0);
}

function isPersons({ name, type, refers }: Column): boolean {
  return refers || (type === "uuid" && PERSON_COLUMNS.includes(name)) || name === "email";
}

/** The rows of a table that name somebody, newest first, `most` of them; all are counted. */
export async function selectHeld(
  tx: EitherTx,
  table: PersonTable,
  sought: Sought,
  most: number,
): Promise<HeldRows> {
  const { name, columns, person } = table;
  // An account of the same address that nobody confirmed is another's.
  const naming = name === "users" ? person.filter((column) => column !== "email") : person;
  const where = sql.join(
    [...naming.map((column) => names(column, sought)), ...alsoOf(table, sought)],
    sql` OR `,
  );
  const shown = columns.filter((column) => isShown(table, column)).map((column) => sql.ref(column.name));
  const total = await sql<{ n: number }>`SELECT count(*) AS n FROM ${sql.table(name)} WHERE ${where}`.execute(
    tx,
  );
  const count = total.rows[0]?.n ?? 0;
  const keys = columns.filter(({ key }) => key).map((column) => sql`${sql.ref(column.name)} DESC`);
  const order = keys.length === 0 ? sql`` : sql`ORDER BY ${sql.join(keys)}`;
  const found = await sql<Record<string, unknown>>`
    SELECT ${sql.join(shown)} FROM ${sql.table(name)} WHERE ${where} ${order} LIMIT ${most}`.execute(tx);
  return { table: name, named_by: naming, count, left_out: count - found.rows.length, rows: found.rows };
}

function names(column: string, { user_id, email }: Sought): RawBuilder<unknown> {
  return column === "email"
    ? sql`lower(${sql.ref(column)}) = lower(${email})`
    : sql`${sql.ref(column)} = ${user_id}`;
}

/** What others did to them is told with their id as text. */
function alsoOf({ name }: PersonTable, { user_id }: Sought): RawBuilder<unknown>[] {
  if (name !== "audit_logs") return [];
  return [sql`(entity_type IN ('user', 'member') AND entity_id = ${user_id})`];
}

/** Of a row that is about something else: what finds it, when it was, and who it names. */
function isShown({ name: table, person }: PersonTable, { name, key, type, about }: Column): boolean {
  if (SECRET.test(name) || about?.startsWith("Confidential:") === true) return false;
  return WHOLE.includes(table) || key || person.includes(name) || type === "timestamp with time zone";
}

/** Organizations whose shared rows name somebody as who acted there, whether they still belong to them or not. */
export async function selectActedIn(tx: MetadataTx, userId: string): Promise<string[]> {
  const rows = await sql<{ org_id: string }>`
    SELECT org_id FROM memberships WHERE user_id = ${userId}
    UNION SELECT org_id FROM jobs_meta WHERE submitted_by = ${userId}
    UNION SELECT org_id FROM audit_logs WHERE user_id = ${userId} AND org_id IS NOT NULL`.execute(tx);
  return rows.rows.map((row) => row.org_id);
}

/** Names of organizations that are not gone, oldest first. */
export async function selectNames(
  tx: MetadataTx,
  orgIds: string[],
): Promise<{ org_id: string; slug: string; name: string }[]> {
  if (orgIds.length === 0) return [];
  return tx
    .selectFrom("organizations")
    .select(["org_id", "slug", "name"])
    .where("org_id", "in", orgIds)
    .where("status", "<>", "deleted")
    .orderBy("org_id")
    .execute();
}
