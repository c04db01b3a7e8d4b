import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { Seeds } from "./files.ts";

const json = (value: unknown) => sql<never>`${JSON.stringify(value)}::jsonb`;

const SEED_LOCK = 7_242_005;

/** Held to the end of the transaction: two seedings at once wait for each other. */
export async function lockSeeding(tx: MetadataTx): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(${SEED_LOCK})`.execute(tx);
}

/** Makes system roles with exactly these permissions. Returns how many rows changed. */
export async function upsertRoles(tx: MetadataTx, roles: Record<string, readonly string[]>): Promise<number> {
  let changed = 0;
  for (const [name, permissions] of Object.entries(roles)) {
    await sql`INSERT INTO roles (name) SELECT ${name}
      WHERE NOT EXISTS (SELECT 1 FROM roles WHERE name = ${name} AND org_id IS NULL)`.execute(tx);
    const added = await sql`INSERT INTO role_permissions (role_id, permission)
      SELECT r.role_id, p FROM roles r, unnest(${[...permissions]}::text[]) p
      WHERE r.name = ${name} AND r.org_id IS NULL ON CONFLICT DO NOTHING`.execute(tx);
    const dropped = await sql`DELETE FROM role_permissions p USING roles r
      WHERE r.role_id = p.role_id AND r.name = ${name} AND r.org_id IS NULL
        AND NOT p.permission = ANY (${[...permissions]}::text[])`.execute(tx);
    changed += Number(added.numAffectedRows ?? 0) + Number(dropped.numAffectedRows ?? 0);
  }
  return changed;
}

/** Adds missing task definitions; with `force` also puts changed system ones back. */
export async function upsertTaskDefinitions(
  tx: MetadataTx,
  seeds: Seeds["taskDefinitions"],
  force: boolean,
): Promise<number> {
  let changed = 0;
  for (const seed of seeds) {
    const row = await tx
      .selectFrom("task_definitions")
      .select("task_id")
      .where("org_id", "is", null)
      .where("name", "=", seed.name)
      .where("version", "=", seed.version)
      .executeTakeFirst();
    const values = {
      task_type: seed.task_type,
      input_schema: json(seed.input_schema),
      output_schema: json(seed.output_schema),
      config: json(seed.config),
    };
    if (row === undefined) {
      const identity = { name: seed.name, version: seed.version, is_system: true };
      await tx
        .insertInto("task_definitions")
        .values({ ...identity, ...values })
        .execute();
      changed++;
    } else if (force) {
      const { task_type, input_schema, output_schema, config } = values;
      const same = sql<boolean>`(task_type, input_schema, output_schema, config)
        IS DISTINCT FROM (${task_type}, ${input_schema}, ${output_schema}, ${config})`;
      const update = tx
        .updateTable("task_definitions")
        .set(values)
        .where("task_id", "=", row.task_id)
        .where(same);
      changed += Number((await update.executeTakeFirst()).numUpdatedRows);
    }
  }
  return changed;
}

export async function insertTaskServices(tx: MetadataTx, seeds: Seeds["taskServices"]): Promise<number> {
  if (seeds.length === 0) return 0;
  const result = await tx
    .insertInto("task_services")
    .values(seeds)
    .onConflict((oc) => oc.column("name").doNothing())
    .executeTakeFirst();
  return Number(result.numInsertedOrUpdatedRows ?? 0);
}

/** Adds missing templates and pipelines, each with its published version; a published version never changes. */
export async function insertPipelines(tx: MetadataTx, seeds: Seeds["pipelines"]): Promise<number> {
  let changed = 0;
  for (const { name, description, version, spec } of seeds) {
    const template = await tx
      .selectFrom("pipeline_templates")
      .select("template_id")
      .where("name", "=", name)
      .where("org_id", "is", null)
      .executeTakeFirst();
    if (template === undefined) {
      await tx
        .insertInto("pipeline_templates")
        .values({ name, description, spec: json(spec) })
        .execute();
      changed++;
    }
    const known = await tx
      .selectFrom("pipelines")
      .select("pipeline_id")
      .where("name", "=", name)
      .where("org_id", "is", null)
      .executeTakeFirst();
    const { pipeline_id } =
      known ??
      (await tx
        .insertInto("pipelines")
        .values({ name, description, visibility: "public", latest_version: version })
        .returning("pipeline_id")
        .executeTakeFirstOrThrow());
    const added = await tx
      .insertInto("pipeline_versions")
      .values({ pipeline_id, version, spec: json(spec), published: true })
      .onConflict((oc) => oc.columns(["pipeline_id", "version"]).doNothing())
      .executeTakeFirst();
    changed += Number(added.numInsertedOrUpdatedRows ?? 0);
    await tx
      .updateTable("pipelines")
      .set({ latest_version: version })
      .where("pipeline_id", "=", pipeline_id)
      .where("latest_version", "is distinct from", version)
      .execute();
  }
  return changed;
}

/** Makes the person that local commands act as, unless there is one. */
export async function insertAdmin(tx: MetadataTx, email: string): Promise<number> {
  const known = await tx
    .selectFrom("users")
    .select("user_id")
    .where("username", "=", "admin")
    .executeTakeFirst();
  if (known !== undefined) return 0;
  await tx.insertInto("users").values({ email, username: "admin", is_admin: true }).execute();
  return 1;
}
