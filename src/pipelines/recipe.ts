import { type OrgPrincipal, viewerOf } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import type { Services } from "../services.ts";
import { type PublishedPipeline, selectOptionalPublished } from "./store.ts";

/** The published pipeline of a name, as the principal sees it. Throws AppError unavailable where seeding left it out. */
export async function recipeNamed(
  { services, principal }: { services: Services; principal: OrgPrincipal },
  name: string,
): Promise<PublishedPipeline> {
  const pipeline = await services.metadata.member(viewerOf(principal), (tx) =>
    selectOptionalPublished(tx, name),
  );
  if (pipeline === undefined)
    throw new AppError("unavailable", `pipeline ${name} is missing: run \`aliquot seed\``);
  return pipeline;
}
