import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import { isUuid } from "../ids.ts";
import type { PageWish } from "../paging.ts";
import type { TaskDefinition } from "./definition.ts";
import type { PipelineRow, PipelineSpec, PipelineVisibility, VersionRow } from "./schema.ts";

/** A published version of a pipeline, as a job takes it with it. */
export type PublishedPipeline = {
  pipeline_id: string;
  pipeline_version_id: string;
  name: string;
  version: string;
  spec: PipelineSpec;
};

/**
 * A published version of a pipeline, its latest where none is named. By name: the organization's own before the
 * system's; by id: whichever the asker sees, another organization's public one too.
 */
export async function selectOptionalPublished(
  tx: MetadataTx,
  text: string,
  version?: string,
): Promise<PublishedPipeline | undefined> {
  const row = await published(tx)
    .where(isNamed(text))
    .where("v.version", "=", version ?? sql.ref<string>("p.latest_version"))
    .orderBy("p.org_id", (order) => order.asc().nullsLast())
    .executeTakeFirst();
  return row === undefined ? undefined : { ...row, spec: row.spec as unknown as PipelineSpec };
}

/** The latest version of the system's own pipeline of a name, whatever an organization calls so. */
export async function selectOptionalSystems(
  tx: MetadataTx,
  name: string,
): Promise<PublishedPipeline | undefined> {
  const row = await published(tx)
    .where("p.name", "=", name)
    .where("p.org_id", "is", null)
    .whereRef("v.version", "=", "p.latest_version")
    .executeTakeFirst();
  return row === undefined ? undefined : { ...row, spec: row.spec as unknown as PipelineSpec };
}

const published = (tx: MetadataTx) =>
  tx
    .selectFrom("pipelines as p")
    .innerJoin("pipeline_versions as v", "v.pipeline_id", "p.pipeline_id")
    .select(["p.pipeline_id", "v.pipeline_version_id", "p.name", "v.version", "v.spec"])
    .where("v.published", "=", true);

/** Another organization's public pipeline may be named by its id, but never stands in for a name. */
function isNamed(text: string) {
  return isUuid(text)
    ? sql<boolean>`p.pipeline_id = ${text.toLowerCase()}::uuid`
    : sql<boolean>`p.name = ${text} AND (p.org_id IS NULL OR p.org_id = app_org())`;
}

const pipelineRows = (tx: MetadataTx) =>
  tx.selectFrom("pipelines as p").select([
    "p.pipeline_id",
    "p.name",
    "p.description",
    "p.visibility",
    "p.latest_version",
    "p.created_by",
    "p.created_at",
    "p.updated_at",
    sql<PipelineRow["whose"]>`CASE WHEN p.org_id IS NULL THEN 'system'
        WHEN p.org_id = app_org() THEN 'organization' ELSE 'other' END`.as("whose"),
    sql<string | null>`(SELECT v.version FROM pipeline_versions v
        WHERE v.pipeline_id = p.pipeline_id AND NOT v.published
        ORDER BY v.created_at DESC LIMIT 1)`.as("draft_version"),
  ]);

/** Pipelines that the asker sees, newest first. */
export async function selectPipelines(tx: MetadataTx, { limit, before }: PageWish): Promise<PipelineRow[]> {
  let query = pipelineRows(tx);
  if (before !== undefined)
    query = query.where(
      sql<boolean>`(p.created_at, p.pipeline_id) < (${before.at}::timestamptz, ${before.id}::uuid)`,
    );
  const rows = await query
    .orderBy("p.created_at", "desc")
    .orderBy("p.pipeline_id", "desc")
    .limit(limit)
    .execute();
  return rows as PipelineRow[];
}

/** A pipeline by name or id, as `selectOptionalPublished` finds it; also one that has a draft only. */
export async function selectOptionalPipeline(tx: MetadataTx, text: string): Promise<PipelineRow | undefined> {
  const row = await pipelineRows(tx)
    .where(isNamed(text))
    .orderBy("p.org_id", (order) => order.asc().nullsLast())
    .executeTakeFirst();
  return row as PipelineRow | undefined;
}

/** Versions of a pipeline that the asker sees, in the order in which they were made. */
export async function selectVersions(tx: MetadataTx, pipelineId: string): Promise<VersionRow[]> {
  return tx
    .selectFrom("pipeline_versions")
    .select(["pipeline_version_id", "version", "published", "created_by", "created_at"])
    .where("pipeline_id", "=", pipelineId)
    .orderBy("created_at")
    .orderBy("pipeline_version_id")
    .execute();
}

export async function selectSpec(tx: MetadataTx, versionId: string): Promise<PipelineSpec> {
  const row = await tx
    .selectFrom("pipeline_versions")
    .select("spec")
    .where("pipeline_version_id", "=", versionId)
    .executeTakeFirstOrThrow();
  return row.spec as unknown as PipelineSpec;
}

/** Specs to start from: the organization's own before the system's. */
export async function selectOptionalTemplate(
  tx: MetadataTx,
  name: string,
): Promise<{ name: string; description: string; spec: PipelineSpec } | undefined> {
  const row = await tx
    .selectFrom("pipeline_templates")
    .select(["name", "description", "spec"])
    .where("name", "=", name)
    .orderBy("org_id", (order) => order.asc().nullsLast())
    .executeTakeFirst();
  return row === undefined ? undefined : { ...row, spec: row.spec as unknown as PipelineSpec };
}

export async function selectTemplateNames(tx: MetadataTx): Promise<string[]> {
  const rows = await tx.selectFrom("pipeline_templates").select("name").distinct().orderBy("name").execute();
  return rows.map(({ name }) => name);
}

/** Kinds of task that a pipeline of the asker's may name: the organization's own before the system's. */
export async function selectDefinitions(tx: MetadataTx): Promise<TaskDefinition[]> {
  const rows = await tx
    .selectFrom("task_definitions")
    .select(["name", "version", "input_schema", "config"])
    .orderBy("org_id", (order) => order.asc().nullsLast())
    .orderBy("name")
    .execute();
  return rows as unknown as TaskDefinition[];
}

/**
 * Locks a pipeline to the end of the transaction; returns who sees it now, which somebody else may just have changed.
 * Undefined where the asker may not change it: it is not theirs, nor are they an admin of its organization.
 */
export async function lockPipeline(
  tx: MetadataTx,
  pipelineId: string,
): Promise<PipelineVisibility | undefined> {
  const row = await tx
    .selectFrom("pipelines")
    .select("visibility")
    .where("pipeline_id", "=", pipelineId)
    .forUpdate()
    .executeTakeFirst();
  return row?.visibility as PipelineVisibility | undefined;
}

/** Adds a pipeline without a version. Undefined where its name is taken, be it by one that nobody else sees. */
export async function insertPipeline(
  tx: MetadataTx,
  row: {
    org_id: string;
    name: string;
    description: string;
    visibility: PipelineVisibility;
    created_by: string;
  },
): Promise<string | undefined> {
  const made = await tx
    .insertInto("pipelines")
    .values(row)
    .onConflict((oc) => oc.doNothing())
    .returning("pipeline_id")
    .executeTakeFirst();
  return made?.pipeline_id;
}

export async function updatePipeline(
  tx: MetadataTx,
  pipelineId: string,
  changes: { description?: string; visibility?: PipelineVisibility; latest_version?: string },
): Promise<void> {
  if (Object.keys(changes).length === 0) return;
  await tx.updateTable("pipelines").set(changes).where("pipeline_id", "=", pipelineId).execute();
}

const json = (spec: PipelineSpec) => sql<never>`${JSON.stringify(spec)}::jsonb`;

export async function insertDraft(
  tx: MetadataTx,
  draft: { pipeline_id: string; version: string; spec: PipelineSpec; created_by: string },
): Promise<void> {
  await tx
    .insertInto("pipeline_versions")
    .values({ ...draft, spec: json(draft.spec), published: false })
    .execute();
}

export async function updateDraft(tx: MetadataTx, versionId: string, spec: PipelineSpec): Promise<void> {
  await tx
    .updateTable("pipeline_versions")
    .set({ spec: json(spec) })
    .where("pipeline_version_id", "=", versionId)
    .execute();
}

export async function updatePublished(tx: MetadataTx, versionId: string): Promise<void> {
  await tx
    .updateTable("pipeline_versions")
    .set({ published: true })
    .where("pipeline_version_id", "=", versionId)
    .execute();
}
