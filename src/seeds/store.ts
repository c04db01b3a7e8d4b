import { type RawBuilder, sql } from "kysely";
import { SYSTEM_CHAIN } from "../audit/entry.ts";
import { canonical, signatureOf } from "../canonical.ts";
import type { MetadataTx } from "../db/metadata.ts";
import type { Seeds } from "./schema.ts";

export const json = (value: unknown): RawBuilder<unknown> => sql`${JSON.stringify(value)}::jsonb`;
export const text = (value: string): RawBuilder<unknown> => sql`${value}::text`;

export const flag = (value: boolean): RawBuilder<unknown> => sql`${value}::boolean`;

const SEED_LOCK = 7_242_005;

/** Held to the end of the transaction: two seedings at once wait for each other. */
export async function lockSeeding(tx: MetadataTx): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(${SEED_LOCK})`.execute(tx);
}

/** A row of the system's: no organization's, found by its key. */
export type SystemRow = {
  table: "task_definitions" | "task_services" | "pipeline_templates" | "pipelines";
  key: Record<string, string>;
  values: Record<string, RawBuilder<unknown>>;
  /** Columns that are said when the row is made, and never compared. */
  once?: Record<string, RawBuilder<unknown>>;
};

/** Services are the installation's, so their table has no organization. */
function isSystems({ table, key }: SystemRow): RawBuilder<boolean> {
  const parts = Object.entries(key).map(([name, value]) => sql`${sql.ref(name)} = ${value}`);
  if (table !== "task_services") parts.push(sql`org_id IS NULL`);
  return sql.join(parts, sql` AND `) as RawBuilder<boolean>;
}

/** Columns in which the system's row is not as it should be; undefined where there is no such row. */
export async function selectDifferences(tx: MetadataTx, row: SystemRow): Promise<string[] | undefined> {
  const columns = Object.entries(row.values).map(
    ([name, value]) => sql`CASE WHEN ${sql.ref(name)} IS DISTINCT FROM ${value} THEN ${name}::text END`,
  );
  const found = await sql<{ differs: string[] }>`
    SELECT array_remove(ARRAY[${sql.join(columns)}], NULL) AS differs FROM ${sql.table(row.table)}
    WHERE ${isSystems(row)} FOR UPDATE`.execute(tx);
  return found.rows[0]?.differs;
}

export async function insertSystemRow(tx: MetadataTx, row: SystemRow): Promise<void> {
  const key = Object.entries(row.key).map(([name, value]) => [name, text(value)] as const);
  const all = [...key, ...Object.entries(row.values), ...Object.entries(row.once ?? {})];
  await sql`INSERT INTO ${sql.table(row.table)} (${sql.join(all.map(([name]) => sql.ref(name)))})
    VALUES (${sql.join(all.map(([, value]) => value))})`.execute(tx);
}

export async function updateSystemRow(tx: MetadataTx, row: SystemRow, columns: string[]): Promise<void> {
  const changes = columns.map((name) => sql`${sql.ref(name)} = ${row.values[name]}`);
  await sql`UPDATE ${sql.table(row.table)} SET ${sql.join(changes)} WHERE ${isSystems(row)}`.execute(tx);
}

/**
 * Publishes a version of the system's pipeline of that name, which must be there. Answers `other` where
 * that version is there with another graph: it stays, as every published version does.
 */
export async function insertPipelineVersion(
  tx: MetadataTx,
  { name, version, spec }: Seeds["pipeline_templates"][number],
): Promise<"added" | "same" | "other"> {
  const made = await sql`
    INSERT INTO pipeline_versions (pipeline_id, version, spec, published)
    SELECT pipeline_id, ${version}, ${json(spec)}, true FROM pipelines WHERE name = ${name} AND org_id IS NULL
    ON CONFLICT (pipeline_id, version) DO NOTHING`.execute(tx);
  if (Number(made.numAffectedRows ?? 0) === 1) return "added";
  const found = await sql<{ same: boolean }>`
    SELECT v.spec = ${json(spec)} AS same FROM pipeline_versions v JOIN pipelines p USING (pipeline_id)
    WHERE p.name = ${name} AND p.org_id IS NULL AND v.version = ${version}`.execute(tx);
  return found.rows[0]?.same === true ? "same" : "other";
}

/** Hash of all that seeding said of the system's task definition; undefined where there is none. */
export async function selectDefinitionHash(
  tx: MetadataTx,
  { name, version }: { name: string; version: string },
): Promise<string | undefined> {
  const row = await tx
    .selectFrom("task_definitions")
    .select(["task_type", "input_schema", "output_schema", "config"])
    .where("name", "=", name)
    .where("version", "=", version)
    .where("org_id", "is", null)
    .executeTakeFirst();
  return row === undefined ? undefined : signatureOf(canonical(row));
}

/** Permissions of a system role; undefined where there is no such role. */
export async function selectRolePermissions(tx: MetadataTx, name: string): Promise<string[] | undefined> {
  const found = await sql<{ permissions: string[] }>`
    SELECT array_remove(array_agg(p.permission ORDER BY p.permission), NULL) AS permissions
    FROM roles r LEFT JOIN role_permissions p USING (role_id)
    WHERE r.name = ${name} AND r.org_id IS NULL GROUP BY r.role_id`.execute(tx);
  return found.rows[0]?.permissions;
}

/**
 * Every permission that some role has or that a seeding ever gave to one: what a role lacks of these, somebody
 * took from it; what is not among them is new in this version.
 */
export async function selectKnownPermissions(tx: MetadataTx): Promise<Set<string>> {
  const found = await sql<{ permission: string }>`
    SELECT permission FROM role_permissions
    UNION SELECT jsonb_array_elements_text(metadata -> 'permissions') FROM audit_logs
    WHERE chain_id = ${SYSTEM_CHAIN} AND action = 'seed' AND metadata ? 'permissions'`.execute(tx);
  return new Set(found.rows.map((row) => row.permission));
}

export async function insertRole(tx: MetadataTx, name: string): Promise<void> {
  await tx.insertInto("roles").values({ name }).execute();
}

/** Gives permissions to a system role and takes others from it. */
export async function updateRolePermissions(
  tx: MetadataTx,
  name: string,
  { give, take }: { give: string[]; take: string[] },
): Promise<void> {
  await sql`INSERT INTO role_permissions (role_id, permission)
    SELECT r.role_id, p FROM roles r, unnest(${give}::text[]) p
    WHERE r.name = ${name} AND r.org_id IS NULL ON CONFLICT DO NOTHING`.execute(tx);
  await sql`DELETE FROM role_permissions p USING roles r
    WHERE r.role_id = p.role_id AND r.name = ${name} AND r.org_id IS NULL
      AND p.permission = ANY (${take}::text[])`.execute(tx);
}

export type AdminRow = { user_id: string; hashed_password: string | null };

/** The person that local commands act as. */
export async function selectOptionalAdmin(tx: MetadataTx): Promise<AdminRow | undefined> {
  return tx
    .selectFrom("users")
    .select(["user_id", "hashed_password"])
    .where((eb) => eb(eb.fn("lower", ["username"]), "=", "admin"))
    .executeTakeFirst();
}

/** True where somebody may do what the seeded admin may, or the name is taken: then none is made. */
export async function hasAdmin(tx: MetadataTx): Promise<boolean> {
  const found = await tx
    .selectFrom("users")
    .select("user_id")
    .where((eb) =>
      eb.or([
        eb(eb.fn("lower", ["username"]), "=", "admin"),
        eb.and([eb("is_admin", "=", true), eb("enabled", "=", true)]),
      ]),
    )
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

export async function insertAdmin(tx: MetadataTx, email: string): Promise<void> {
  await tx.insertInto("users").values({ email, username: "admin", is_admin: true }).execute();
}

/** Sets a password over whatever there is. */
export async function updatePassword(tx: MetadataTx, userId: string, hash: string): Promise<void> {
  await tx.updateTable("users").set({ hashed_password: hash }).where("user_id", "=", userId).execute();
}

/** Sets the password of a person who has none. False: somebody else was quicker. */
export async function updateFirstPassword(tx: MetadataTx, userId: string, hash: string): Promise<boolean> {
  const result = await tx
    .updateTable("users")
    .set({ hashed_password: hash })
    .where("user_id", "=", userId)
    .where("hashed_password", "is", null)
    .executeTakeFirst();
  return Number(result.numUpdatedRows) === 1;
}
