import type { OrgPrincipal } from "../access/principal.ts";
import type { ResultsScope } from "../db/results.ts";
import { VinaParams } from "../engines/vina/schema.ts";
import { recipeNamed } from "../pipelines/recipe.ts";
import { chosenAmong } from "../requests/params.ts";
import { planOwn } from "../requests/plan.ts";
import { type PreparedRequests, prepareRequests, submitRequests } from "../requests/submit.ts";
import type { Services } from "../services.ts";
import type { SubmitDocking, SubmittedDocking } from "./schema.ts";

/**
 * Ligands, site and recipe, with no transaction on the organization open. Throws AppError not_found (the
 * site), bad_input (all ligands rejected, or one where that refuses all).
 */
export async function prepareDocking(
  call: { services: Services; principal: OrgPrincipal },
  input: SubmitDocking,
): Promise<PreparedRequests> {
  const { site, stereo, visibility } = input;
  const asked = {
    ...{ site, params: chosenAmong(VinaParams.properties, input) },
    ...(stereo === undefined ? {} : { stereo }),
    ...(visibility === undefined ? {} : { visibility }),
  };
  return prepareRequests(call, await planOwn(call, await recipeNamed(call, "dock"), asked), input);
}

/** Registers the ligands and births one job each, in one transaction. */
export async function submitDocking(
  call: { scope: ResultsScope; principal: OrgPrincipal; prepared: PreparedRequests },
  input: SubmitDocking,
): Promise<SubmittedDocking> {
  const { plan, rejected } = call.prepared;
  const site_id = plan.inputs.find((given) => given.site_id !== undefined)?.site_id ?? "";
  return { batch_id: null, site_id, jobs: await submitRequests(call, input), rejected };
}
