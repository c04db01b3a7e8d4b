import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { PageWish } from "../paging.ts";
import type { OrgStatus } from "./schema.ts";

export type ListedRow = {
  org_id: string;
  name: string;
  slug: string;
  status: OrgStatus;
  database_name: string;
  schema_version: number;
  delete_after: string | null;
  deleted_at: string | null;
  created_at: string;
};

/** `member`: only those that this person is a member of; `org_id`: this one alone. */
export type OrgFilter = PageWish & { status?: OrgStatus; member?: string; org_id?: string };

/** Organizations, newest first, by keyset on their ids, which sort by birth; tombstones only where asked for. */
export async function selectOrganizations(tx: MetadataTx, filter: OrgFilter): Promise<ListedRow[]> {
  let query = tx
    .selectFrom("organizations as o")
    .innerJoin("org_databases as d", "d.org_id", "o.org_id")
    .select([
      "o.org_id",
      "o.name",
      "o.slug",
      "o.status",
      "d.database_name",
      "d.schema_version",
      "o.delete_after",
      "o.deleted_at",
      "o.created_at",
    ])
    .orderBy("o.org_id", "desc")
    .limit(filter.limit);
  query =
    filter.status === undefined
      ? query.where("o.status", "<>", "deleted")
      : query.where("o.status", "=", filter.status);
  if (filter.before !== undefined) query = query.where("o.org_id", "<", filter.before.id);
  if (filter.org_id !== undefined) query = query.where("o.org_id", "=", filter.org_id);
  const { member } = filter;
  if (member !== undefined) {
    query = query.where(({ exists, selectFrom }) =>
      exists(
        selectFrom("memberships as m")
          .select("m.org_id")
          .whereRef("m.org_id", "=", "o.org_id")
          .where("m.user_id", "=", member),
      ),
    );
  }
  return (await query.execute()) as ListedRow[];
}

export type LifeRow = {
  org_id: string;
  name: string;
  slug: string;
  status: OrgStatus;
  state: string;
  delete_after: string | null;
  suspended_at: string | null;
  /** True once the grace of a deletion is over, by the database's clock: it is not taken back then. */
  due: boolean;
};

/** An organization's row under lock, so that its life has one order. */
export async function lockOptionalLife(tx: MetadataTx, orgId: string): Promise<LifeRow | undefined> {
  const row = await tx
    .selectFrom("organizations as o")
    .innerJoin("org_databases as d", "d.org_id", "o.org_id")
    .select(["o.org_id", "o.name", "o.slug", "o.status", "d.state", "o.delete_after", "o.suspended_at"])
    .select(sql<boolean>`coalesce(o.delete_after <= now(), false)`.as("due"))
    .where("o.org_id", "=", orgId)
    .forUpdate("o")
    .executeTakeFirst();
  return row as LifeRow | undefined;
}

/** Sets a status; anything but deleting has no end in sight, and only a suspended one was suspended. */
export async function updateStatus(tx: MetadataTx, orgId: string, status: OrgStatus): Promise<void> {
  await tx
    .updateTable("organizations")
    .set({
      status,
      delete_after: null,
      suspended_at: status === "suspended" ? sql<string>`coalesce(suspended_at, now())` : null,
    })
    .where("org_id", "=", orgId)
    .execute();
}

/** Begins a deletion, or gives it another end. Returns when the database may be dropped. */
export async function updateDeleting(tx: MetadataTx, orgId: string, graceDays: number): Promise<string> {
  const row = await tx
    .updateTable("organizations")
    .set({
      status: "deleting",
      delete_after: sql<string>`now() + make_interval(days => ${graceDays})`,
    })
    .where("org_id", "=", orgId)
    .returning("delete_after")
    .executeTakeFirstOrThrow();
  return row.delete_after ?? "";
}

/** Organizations whose grace is over and whose deletion is not finished, the longest overdue first. */
export async function selectDueDeletions(tx: MetadataTx): Promise<string[]> {
  const rows = await tx
    .selectFrom("organizations")
    .select("org_id")
    .where("status", "=", "deleting")
    .where("delete_after", "<=", sql<string>`now()`)
    .orderBy("delete_after")
    .execute();
  return rows.map((row) => row.org_id);
}

/** Tombstones of the last hour. */
export async function selectFreshTombstones(tx: MetadataTx): Promise<string[]> {
  const rows = await tx
    .selectFrom("organizations")
    .select("org_id")
    .where("status", "=", "deleted")
    .where("deleted_at", ">", sql<string>`now() - interval '1 hour'`)
    .execute();
  return rows.map((row) => row.org_id);
}

/** Takes every task of an organization out of the queue: its workers lose their leases with the next heartbeat. */
export async function deleteQueueOf(tx: MetadataTx, orgId: string): Promise<void> {
  await tx.deleteFrom("task_queue").where("org_id", "=", orgId).execute();
}

/** Nobody opens a frozen database. */
export async function freezeDatabase(tx: MetadataTx, orgId: string): Promise<void> {
  await tx
    .updateTable("org_databases")
    .set({ state: "frozen" })
    .where("org_id", "=", orgId)
    .where("state", "=", "active")
    .execute();
}

/**
 * Everything that hangs on an organization, by the catalog: what would go with its row goes, and the row
 * itself stays as a tombstone with its place in the directory. Audit rows hang on nothing and stay.
 */
export async function deleteBelongings(tx: MetadataTx, orgId: string): Promise<void> {
  const tables = await sql<{ name: string; column: string }>`
    SELECT c.conrelid::regclass::text AS name, quote_ident(a.attname) AS column
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'f' AND c.confrelid = 'public.organizations'::regclass AND c.confdeltype = 'c'
      AND c.conrelid <> 'public.org_databases'::regclass AND cardinality(c.conkey) = 1
    ORDER BY 1`.execute(tx);
  for (const { name, column } of tables.rows) {
    await sql`DELETE FROM ${sql.raw(name)} WHERE ${sql.raw(column)} = ${orgId}`.execute(tx);
  }
  // What is repeated under its key must not be answered with what is gone; that it is gone may be said again.
  await sql`DELETE FROM idempotency_keys
    WHERE operation <> 'org.delete' AND answer ->> 'org_id' = ${orgId}`.execute(tx);
}

/** The end: the directory says that the database is dropped, and the organization is a tombstone. */
export async function updateDeleted(tx: MetadataTx, orgId: string): Promise<void> {
  await tx
    .updateTable("org_databases")
    .set({ state: "dropped", last_error: null })
    .where("org_id", "=", orgId)
    .execute();
  await tx
    .updateTable("organizations")
    .set({ status: "deleted", deleted_at: sql`now()` })
    .where("org_id", "=", orgId)
    .execute();
}
