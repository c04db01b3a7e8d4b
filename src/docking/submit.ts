import type { OrgPrincipal } from "../access/principal.ts";
import type { ResultsScope } from "../db/results.ts";
import { vinaParams } from "../engines/vina/schema.ts";
import { AppError } from "../errors.ts";
import { questionSigner } from "../jobs/question.ts";
import { type JobInput, type JobRequest, structureInput, submitJobs } from "../jobs/submit.ts";
import { allRefused, type IdentifiedRecord, identifyRecords, rejectedRecord } from "../molecules/identify.ts";
import { expandStereo, type IsomerRecord, registerIsomers } from "../molecules/isomers.ts";
import type { RejectedRecord } from "../molecules/schema.ts";
import { recipeNamed } from "../pipelines/recipe.ts";
import type { PublishedPipeline } from "../pipelines/store.ts";
import { forgetMissing } from "../result-cache/forget-missing.ts";
import { policyOf } from "../result-cache/policy.ts";
import type { CachePolicy } from "../result-cache/schema.ts";
import type { Services } from "../services.ts";
import { findSite } from "../sites/find.ts";
import type { Site } from "../sites/schema.ts";
import { type StructureRow, selectStructuresByIds } from "../structures/store.ts";
import { refuseLigand } from "./refuse.ts";
import type { DockingJob, SubmitDocking, SubmittedDocking } from "./schema.ts";

type Call = { services: Services; principal: OrgPrincipal };

/** What was found out before the transaction: chemistry of the ligands, the site, and the recipe. */
export type PreparedDocking = {
  items: IsomerRecord[];
  rejected: RejectedRecord[];
  site: Site;
  receptor: StructureRow;
  reference: StructureRow | null;
  pipeline: PublishedPipeline;
  policy: CachePolicy;
};

/**
 * Ligands, site and recipe, with no transaction on the organization open. Throws AppError not_found (the
 * site), bad_input (all ligands rejected, or one where that refuses all).
 */
export async function prepareDocking(call: Call, input: SubmitDocking): Promise<PreparedDocking> {
  const place = await siteOf(call, input.site);
  const { toolkit } = call.services;
  const { accepted, rejected } = await identifyRecords(toolkit, input.molecules);
  const fit: IdentifiedRecord[] = [];
  for (const item of accepted) {
    const refusal = refuseLigand(item);
    if (refusal === undefined) fit.push(item);
    else rejected.push(rejectedRecord(item.record, item.line, refusal.code, refusal.message));
  }
  const isomers = await expandStereo(toolkit, fit, input.stereo ?? "enumerate");
  rejected.push(...isomers.rejected);
  rejected.sort((a, b) => a.line - b.line);
  if (rejected.length > 0 && input.on_reject !== "skip") throw allRefused(rejected, input.molecules.length);
  const pipeline = await recipeNamed(call, "dock");
  const asked = requestsOf(
    isomers.items.map(({ chosen }) => ({ molecule_id: null, species: chosen.found.species })),
    place,
    input,
  );
  if (input.reuse !== false) await forgetMissing(call, asked.map(questionSigner(pipeline.spec)));
  const policy = await policyOf(call.services, call.principal.org_id);
  return { ...place, items: isomers.items, rejected, policy, pipeline };
}

/** What is asked, one request a ligand; it has its id once it is registered. */
function requestsOf(
  ligands: { molecule_id: string | null; species: { identity_key: string } }[],
  { site, receptor, reference }: Pick<PreparedDocking, "site" | "receptor" | "reference">,
  input: SubmitDocking,
): JobRequest[] {
  const common: JobInput[] = [{ ...structureInput("receptor", receptor), site_id: site.site_id }];
  if (reference !== null) common.push(structureInput("reference", reference));
  const params = { ...vinaParams(givenOf(input)), site_id: site.site_id };
  return ligands.map(({ molecule_id, species }) => ({
    inputs: [{ key: "ligand", molecule_id, structure_id: null, identity: species.identity_key }, ...common],
    params,
  }));
}

/** The site of a text with its receptor and reference ligand. Throws AppError not_found. */
export async function siteOf(
  { services, principal }: Call,
  text: string,
): Promise<Pick<PreparedDocking, "site" | "receptor" | "reference">> {
  return services.results.read(principal, async ({ tx }) => {
    const site = await findSite(tx, text);
    if (site === undefined)
      throw new AppError(
        "not_found",
        `no binding site "${text.slice(0, 60)}": \`aliquot site list\` shows them`,
      );
    const ids = [site.receptor_structure_id, site.reference_structure_id].filter((id) => id !== null);
    const rows = new Map((await selectStructuresByIds(tx, ids)).map((row) => [row.structure_id, row]));
    const receptor = rows.get(site.receptor_structure_id);
    if (receptor === undefined)
      throw new AppError("not_found", "the receptor of this site is not yours to see");
    return { site, receptor, reference: rows.get(site.reference_structure_id ?? "") ?? null };
  });
}

/** Registers the ligands and births one job each, in one transaction. */
export async function submitDocking(
  call: { scope: ResultsScope; principal: OrgPrincipal; prepared: PreparedDocking },
  input: SubmitDocking,
): Promise<SubmittedDocking> {
  const { scope, principal, prepared } = call;
  const { site, pipeline, items } = prepared;
  // A private site's poses would show it.
  const visibility = site.visibility === "private" ? "private" : (input.visibility ?? "organization");
  const owned = { owner_id: principal.user_id, visibility };
  const source_file = input.source_file ?? null;
  const registered = await registerIsomers(scope, { ...owned, source_file }, items);
  const jobs = await submitJobs(
    scope,
    {
      ...owned,
      pipeline,
      priority: input.priority ?? 5,
      reuse: input.reuse ?? true,
      policy: prepared.policy,
    },
    requestsOf(registered, prepared, input),
  );
  const answered = jobs.map((job, index): DockingJob => {
    const [item, ligand] = [items[index], registered[index]];
    const { isomer = null } = item ?? {};
    return {
      ...job,
      molecule_id: ligand?.molecule_id ?? "",
      smiles: ligand?.species.smiles ?? "",
      line: ligand?.line ?? index + 1,
      isomer: isomer === null ? null : `${isomer.number} of ${isomer.of}`,
    };
  });
  return { batch_id: null, site_id: site.site_id, jobs: answered, rejected: prepared.rejected };
}

function givenOf(input: SubmitDocking) {
  const { exhaustiveness, num_modes, energy_range_kcal_mol, seed } = input;
  return {
    ...(exhaustiveness === undefined ? {} : { exhaustiveness }),
    ...(num_modes === undefined ? {} : { num_modes }),
    ...(energy_range_kcal_mol === undefined ? {} : { energy_range_kcal_mol }),
    ...(seed === undefined ? {} : { seed }),
  };
}
