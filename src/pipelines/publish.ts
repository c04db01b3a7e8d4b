import { require } from "../access/policy.ts";
import type { Principal } from "../access/principal.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { checkedSpec, notYours, SHARE } from "./create.ts";
import { findPipeline, versionNamed } from "./find.ts";
import { lockPipeline, selectSpec, selectVersions, updatePipeline, updatePublished } from "./store.ts";

export type Published = {
  pipeline_id: string;
  name: string;
  version: string;
  latest_version: string | null;
  /** False: it was published before. */
  changed: boolean;
};

/**
 * Publishes a draft: it is what jobs get from now on, and never changes again. A version that was published before is
 * left as it is. Throws AppError not_found, forbidden (also where it is public and the asker may not share), conflict
 * (there is no draft), bad_input (it no longer fits the task definitions).
 */
export async function publishPipeline(
  { tx, principal }: { tx: MetadataTx; principal: Principal },
  { pipeline: text, version }: { pipeline: string; version?: string },
): Promise<Published> {
  const { pipeline } = await findPipeline(tx, text);
  const { pipeline_id, name } = pipeline;
  if (pipeline.whose !== "organization") throw notYours(name);
  const visibility = await lockPipeline(tx, pipeline_id);
  if (visibility === undefined) throw notYours(name);
  // Read again behind the lock: somebody else may just have published it.
  const versions = await selectVersions(tx, pipeline_id);
  const draft = versions.findLast((one) => !one.published);
  if (version === undefined && draft === undefined)
    throw new AppError("conflict", `pipeline ${name} has no draft: \`pipeline.create\` makes one`);
  const meant =
    draft !== undefined && version === undefined ? draft : versionNamed(name, versions, version ?? "");
  if (meant.published) {
    const { latest_version } = (await findPipeline(tx, pipeline_id)).pipeline;
    return { pipeline_id, name, version: meant.version, latest_version, changed: false };
  }
  if (visibility === "public") require(principal, SHARE);
  await checkedSpec(tx, await selectSpec(tx, meant.pipeline_version_id), meant.version);
  await updatePublished(tx, meant.pipeline_version_id);
  await updatePipeline(tx, pipeline_id, { latest_version: meant.version });
  return { pipeline_id, name, version: meant.version, latest_version: meant.version, changed: true };
}
