import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import type { PipelineRow, VersionRow } from "./schema.ts";
import { selectOptionalPipeline, selectVersions } from "./store.ts";

/** A pipeline by name or id with its versions. Throws AppError not_found, also for one that is not the asker's to see. */
export async function findPipeline(
  tx: MetadataTx,
  text: string,
): Promise<{ pipeline: PipelineRow; versions: VersionRow[] }> {
  const pipeline = await selectOptionalPipeline(tx, text);
  if (pipeline === undefined) throw noPipeline(text);
  return { pipeline, versions: await selectVersions(tx, pipeline.pipeline_id) };
}

export function noPipeline(text: string): AppError {
  return new AppError("not_found", `no pipeline "${text.slice(0, 100)}": \`pipeline.list\` shows them`);
}

/** A version by its name. Throws AppError not_found that says which there are. */
export function versionNamed(name: string, versions: readonly VersionRow[], version: string): VersionRow {
  const found = versions.find((one) => one.version === version);
  if (found !== undefined) return found;
  const all = versions.map((one) => one.version).join(", ");
  throw new AppError("not_found", `pipeline ${name} has no version ${version}: it has ${all || "none"}`);
}

/** What is meant where no version is named: the latest published, else the draft. Throws AppError not_found. */
export function usualVersion({ name, latest_version, draft_version }: PipelineRow): string {
  const version = latest_version ?? draft_version;
  if (version !== null) return version;
  throw new AppError("not_found", `pipeline ${name} has no version yet: \`pipeline.create\` makes one`);
}
