import { type Static, Type } from "typebox";
import type { OrgPrincipal } from "../access/principal.ts";
import { readStructures } from "../batches/named.ts";
import type { ResultsScope } from "../db/results.ts";
import { ALPB_SOLVENTS, OPTIMIZATION_LEVELS, XTB_METHODS } from "../engines/xtb/schema.ts";
import { AppError } from "../errors.ts";
import { questionSigner } from "../jobs/question.ts";
import { SUBMISSION_CHOICES, SubmittedJob, Uuid } from "../jobs/schema.ts";
import { type JobRequest, structureInput, submitJobs } from "../jobs/submit.ts";
import { allRefused, type IdentifiedRecord, identifyRecords, rejectedRecord } from "../molecules/identify.ts";
import { registerRecords } from "../molecules/register.ts";
import { MoleculeRecord, RejectedRecord } from "../molecules/schema.ts";
import { recipeNamed } from "../pipelines/recipe.ts";
import type { PublishedPipeline } from "../pipelines/store.ts";
import { forgetMissing } from "../result-cache/forget-missing.ts";
import { policyOf } from "../result-cache/policy.ts";
import type { CachePolicy } from "../result-cache/schema.ts";
import type { Services } from "../services.ts";
import { readStructure } from "../structures/read.ts";
import type { StructureRow } from "../structures/store.ts";
import type { Identity } from "../toolkit/toolkit.ts";
import { checkStructure, refuseSpecies, speciesElectrons, structureElectrons } from "./species.ts";

/** What a person may ask of xtb for molecules and structures. */
export const SubmitCalculations = Type.Object(
  {
    molecules: Type.Optional(Type.Array(MoleculeRecord, { maxItems: 1000 })),
    structure_ids: Type.Optional(Type.Array(Uuid, { maxItems: 1000 })),
    task: Type.Enum(["optimize", "single_point"] as const),
    method: Type.Optional(Type.Enum(XTB_METHODS)),
    solvent: Type.Optional(Type.Enum(ALPB_SOLVENTS)),
    charge: Type.Optional(Type.Integer({ unit: "e", minimum: -100, maximum: 100 })),
    multiplicity: Type.Optional(Type.Integer({ unit: "1", minimum: 1, maximum: 100 })),
    /** Allows a charge other than the drawn one, at the drawn geometry's species. */
    vertical: Type.Optional(Type.Boolean()),
    seed: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
    optimization_level: Type.Optional(Type.Enum(OPTIMIZATION_LEVELS)),
    max_optimization_cycles: Type.Optional(Type.Integer({ unit: "1", minimum: 1, maximum: 100_000 })),
    large: Type.Optional(Type.Boolean()),
    ...SUBMISSION_CHOICES,
  },
  { additionalProperties: false },
);
export type SubmitCalculations = Static<typeof SubmitCalculations>;

export const SubmittedCalculations = Type.Object({
  batch_id: Type.Null(),
  jobs: Type.Array(SubmittedJob),
  rejected: Type.Array(RejectedRecord),
});
export type SubmittedCalculations = Static<typeof SubmittedCalculations>;

/** What was found out before the transaction: chemistry of the records, and the recipe. */
export type PreparedSubmission = {
  accepted: IdentifiedRecord[];
  rejected: RejectedRecord[];
  policy: CachePolicy;
  structures: StructureRow[];
  pipeline: PublishedPipeline;
};

const MOST = 1000;

/**
 * Chemistry and recipe, with no transaction on the organization open. Throws AppError bad_input (nothing
 * or too much was asked, all rejected, or one rejected where that refuses all), engine_refused.
 */
export async function prepareCalculations(
  call: { services: Services; principal: OrgPrincipal },
  input: SubmitCalculations,
): Promise<PreparedSubmission> {
  const records = input.molecules ?? [];
  const count = records.length + (input.structure_ids?.length ?? 0);
  if (count === 0)
    throw new AppError("bad_input", "there is nothing to compute: give a SMILES, a file or a structure");
  if (count > MOST)
    throw new AppError(
      "bad_input",
      `${count} inputs are more than ${MOST} in one call: make a batch of them`,
    );
  commonParams(input);
  const { accepted, rejected } = await identifyRecords(call.services.toolkit, records);
  const fit: IdentifiedRecord[] = [];
  for (const item of accepted) {
    const refusal = refuseSpecies(item.found, input);
    if (refusal === undefined) fit.push(item);
    else rejected.push(rejectedRecord(item.record, item.line, refusal.code, refusal.message));
  }
  rejected.sort((a, b) => a.line - b.line);
  const none = fit.length === 0 && (input.structure_ids ?? []).length === 0;
  if (rejected.length > 0 && (none || input.on_reject !== "skip")) throw allRefused(rejected, records.length);
  const [structures, pipeline, policy] = await Promise.all([
    structuresOf(call, input),
    recipeNamed(call, input.task === "optimize" ? "xtb-optimize" : "xtb-singlepoint"),
    policyOf(call.services, call.principal.org_id),
  ]);
  const asked = requestsOf(
    fit.map(({ found }) => ({ molecule_id: null, species: found.species })),
    structures,
    input,
  );
  if (input.reuse !== false) await forgetMissing(call, asked.map(questionSigner(pipeline.spec)));
  return { accepted: fit, rejected, structures, pipeline, policy };
}

/** What is asked, one request each; a molecule has its id once it is registered. */
function requestsOf(
  molecules: { molecule_id: string | null; species: Identity }[],
  structures: StructureRow[],
  input: SubmitCalculations,
): JobRequest[] {
  const common = commonParams(input);
  return [
    ...molecules.map(({ molecule_id, species }) => ({
      inputs: [{ key: "molecule", molecule_id, structure_id: null, identity: species.identity_key }],
      params: { ...common, seed: input.seed ?? 42, ...speciesElectrons(species, input) },
    })),
    ...structures.map((row) => ({
      inputs: [structureInput("structure", row)],
      params: { ...common, ...structureElectrons(row, input) },
    })),
  ];
}

/** Registers the molecules and births one job each, in one transaction. */
export async function submitCalculations(
  call: { scope: ResultsScope; principal: OrgPrincipal; prepared: PreparedSubmission },
  input: SubmitCalculations,
): Promise<SubmittedCalculations> {
  const { scope, principal, prepared } = call;
  const visibility = input.visibility ?? "organization";
  const source_file = input.source_file ?? null;
  const registered = await registerRecords(
    scope,
    { owner_id: principal.user_id, visibility, source_file },
    prepared.accepted,
  );
  const jobs = await submitJobs(
    scope,
    {
      pipeline: prepared.pipeline,
      owner_id: principal.user_id,
      visibility,
      priority: input.priority ?? 5,
      reuse: input.reuse ?? true,
      policy: prepared.policy,
    },
    requestsOf(registered, prepared.structures, input),
  );
  return { batch_id: null, jobs, rejected: prepared.rejected };
}

/** Parameters that all jobs of one submission share. Throws AppError bad_input. */
export function commonParams(
  input: Pick<
    SubmitCalculations,
    "task" | "method" | "solvent" | "optimization_level" | "max_optimization_cycles" | "large"
  >,
): { [key: string]: unknown } {
  const { task, method, solvent, optimization_level, max_optimization_cycles, large } = input;
  if (method === "gfnff" && task === "single_point" && solvent !== undefined)
    throw new AppError("bad_input", "GFN-FF has no solvent here: leave --solvent out or use GFN2");
  return {
    task,
    method: method ?? "gfn2",
    solvent: solvent ?? null,
    ...(optimization_level === undefined ? {} : { optimization_level }),
    ...(max_optimization_cycles === undefined ? {} : { max_optimization_cycles }),
    ...(large === true ? { large } : {}),
  };
}

/** The structures that were named, each with charge and spin that its atoms can have, before any job is made. */
async function structuresOf(
  call: { services: Services; principal: OrgPrincipal },
  input: SubmitCalculations,
): Promise<StructureRow[]> {
  const named = await readStructures(call, input.visibility ?? "organization", input.structure_ids ?? []);
  for (const row of new Set(named)) {
    const bytes = await call.services.objects.get(call.principal.org_id, row.uri);
    checkStructure(row, readStructure(row.format, bytes, row.record).geometry.elements, input);
  }
  return named;
}
