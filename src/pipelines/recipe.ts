import { type OrgPrincipal, viewerOf } from "../access/principal.ts";
import { Believed } from "../believed.ts";
import { AppError } from "../errors.ts";
import type { Services } from "../services.ts";
import type { TaskDefinition } from "./definition.ts";
import { noPipeline } from "./find.ts";
import {
  type PublishedPipeline,
  selectDefinitions,
  selectOptionalPipeline,
  selectOptionalPublished,
  selectOptionalSystems,
} from "./store.ts";

const RECIPES = new Believed<PublishedPipeline>();

type Call = { services: Services; principal: OrgPrincipal };

/** A published pipeline, and the kinds of task that it may be made of. */
export type Runnable = { pipeline: PublishedPipeline; definitions: TaskDefinition[] };

/**
 * The published pipeline that somebody named, its latest version where none is named. Throws AppError not_found (also
 * where it is not the asker's to see), conflict (it has a draft only).
 */
export async function runnableNamed(
  { services, principal }: Call,
  text: string,
  version?: string,
): Promise<Runnable> {
  return services.metadata.member(viewerOf(principal), async (tx) => {
    const pipeline = await selectOptionalPublished(tx, text, version);
    if (pipeline !== undefined) return { pipeline, definitions: await selectDefinitions(tx) };
    const there = await selectOptionalPipeline(tx, text);
    if (there === undefined) throw noPipeline(text);
    if (version !== undefined)
      throw new AppError("not_found", `pipeline ${there.name} has no published version ${version}`);
    throw new AppError(
      "conflict",
      `pipeline ${there.name} has a draft only: \`pipeline.publish\` comes first`,
    );
  });
}

/**
 * The system's own pipeline of a name, believed for 10 s: it is the same for all organizations, and changes only where
 * a new program is seeded. Throws AppError unavailable where seeding left it out.
 */
export function recipeNamed({ services, principal }: Call, name: string): Promise<PublishedPipeline> {
  return RECIPES.of(services.metadata, name, async () => {
    const pipeline = await services.metadata.member(viewerOf(principal), (tx) =>
      selectOptionalSystems(tx, name),
    );
    if (pipeline !== undefined) return pipeline;
    throw new AppError("unavailable", `pipeline ${name} is missing: run \`aliquot seed\``);
  });
}
