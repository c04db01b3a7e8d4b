import type { OrgPrincipal } from "../access/principal.ts";
import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { recipeNamed } from "../pipelines/recipe.ts";
import { chosenAmong } from "../requests/params.ts";
import { planOwn } from "../requests/plan.ts";
import { MOST_RECORDS } from "../requests/schema.ts";
import { type PreparedRequests, prepareRequests, submitRequests } from "../requests/submit.ts";
import { refuseIdle, XTB_CHOICES } from "../requests/xtb.ts";
import type { Services } from "../services.ts";
import type { SubmitCalculations, SubmittedCalculations } from "./schema.ts";

/**
 * Chemistry and recipe, with no transaction on the organization open. Throws AppError bad_input (nothing
 * or too much was asked, all rejected, or one rejected where that refuses all), engine_refused.
 */
export async function prepareCalculations(
  call: { services: Services; principal: OrgPrincipal },
  input: SubmitCalculations,
): Promise<PreparedRequests> {
  const { molecules = [], molecule_ids = [], structure_ids = [] } = input;
  const count = molecules.length + molecule_ids.length + structure_ids.length;
  if (count === 0)
    throw new AppError(
      "bad_input",
      "there is nothing to compute: give `molecules`, `molecule_ids` or `structure_ids`",
      { fields: [{ path: "/molecules", rule: "is missing, and so are molecule_ids and structure_ids" }] },
    );
  if (count > MOST_RECORDS)
    throw new AppError(
      "bad_input",
      `${count} inputs are more than ${MOST_RECORDS} in one call: make a batch of them`,
    );
  refuseIdle(input, input);
  const pipeline = await recipeNamed(call, input.task === "optimize" ? "xtb-optimize" : "xtb-singlepoint");
  const { visibility } = input;
  const asked = {
    params: chosenAmong(XTB_CHOICES, input),
    ...(visibility === undefined ? {} : { visibility }),
  };
  return prepareRequests(call, await planOwn(call, pipeline, asked), input);
}

/** Registers the molecules and births one job each, in one transaction. */
export async function submitCalculations(
  call: { scope: ResultsScope; principal: OrgPrincipal; prepared: PreparedRequests },
  input: SubmitCalculations,
): Promise<SubmittedCalculations> {
  return { batch_id: null, jobs: await submitRequests(call, input), rejected: call.prepared.rejected };
}
