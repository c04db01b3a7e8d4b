import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { PipelineSpec } from "./schema.ts";

/** A published version of a pipeline, as a job takes it with it. */
export type PublishedPipeline = {
  pipeline_id: string;
  pipeline_version_id: string;
  name: string;
  version: string;
  spec: PipelineSpec;
};

/** The latest published version of a pipeline by name: the organization's own before the system's. */
export async function selectOptionalPublished(
  tx: MetadataTx,
  name: string,
): Promise<PublishedPipeline | undefined> {
  const row = await tx
    .selectFrom("pipelines as p")
    .innerJoin("pipeline_versions as v", (join) =>
      join.onRef("v.pipeline_id", "=", "p.pipeline_id").onRef("v.version", "=", "p.latest_version"),
    )
    .select(["p.pipeline_id", "v.pipeline_version_id", "p.name", "v.version", "v.spec"])
    .where("p.name", "=", name)
    .where("v.published", "=", true)
    // Another organization's public pipeline may be looked at, but never stands in for a name.
    .where((eb) => eb.or([eb("p.org_id", "is", null), eb("p.org_id", "=", sql<string>`app_org()`)]))
    .orderBy("p.org_id", (order) => order.asc().nullsLast())
    .executeTakeFirst();
  return row === undefined ? undefined : { ...row, spec: row.spec as unknown as PipelineSpec };
}
