import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { withVersion } from "./create.ts";
import { diffSpecs, type SpecChange } from "./diff.ts";
import { findPipeline, usualVersion, versionNamed } from "./find.ts";
import type { PipelineRow, VersionRow } from "./schema.ts";
import { selectOptionalTemplate, selectSpec } from "./store.ts";

export type Compared = {
  pipeline_id: string;
  name: string;
  from: string;
  to: string;
  changes: SpecChange[];
};

/**
 * What changed between two versions, or from a template to a version. Without `to` it is the draft, else the latest;
 * without `from` the version published before it. Throws AppError not_found (also where there is nothing to compare
 * with).
 */
export async function comparePipeline(
  tx: MetadataTx,
  asked: { pipeline: string; from?: string; to?: string; template?: string },
): Promise<Compared> {
  const { pipeline, versions } = await findPipeline(tx, asked.pipeline);
  const { pipeline_id, name } = pipeline;
  const to = versionNamed(name, versions, asked.to ?? pipeline.draft_version ?? usualVersion(pipeline));
  const after = await selectSpec(tx, to.pipeline_version_id);
  if (asked.template !== undefined) {
    const template = await selectOptionalTemplate(tx, asked.template);
    if (template === undefined)
      throw new AppError("not_found", `no template "${asked.template.slice(0, 100)}"`);
    // Numbers of versions are each line's own.
    const changes = diffSpecs(withVersion(template.spec, after.version), after);
    return { pipeline_id, name, from: `template ${template.name}`, to: to.version, changes };
  }
  const from =
    asked.from === undefined ? before(pipeline, versions, to) : versionNamed(name, versions, asked.from);
  const changes = diffSpecs(await selectSpec(tx, from.pipeline_version_id), after);
  return { pipeline_id, name, from: from.version, to: to.version, changes };
}

/** The last version published before another one. */
function before({ name }: PipelineRow, versions: readonly VersionRow[], to: VersionRow): VersionRow {
  const found = versions.slice(0, versions.indexOf(to)).findLast((one) => one.published);
  if (found !== undefined) return found;
  throw new AppError(
    "not_found",
    `nothing of pipeline ${name} was published before version ${to.version}: name what to compare with, a version or a template`,
  );
}
