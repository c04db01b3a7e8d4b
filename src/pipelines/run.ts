import { type Static, Type } from "typebox";
import type { OrgPrincipal } from "../access/principal.ts";
import type { ResultsScope } from "../db/results.ts";
import { StereoChoice } from "../docking/schema.ts";
import { AppError } from "../errors.ts";
import { closed, list, text } from "../fields.ts";
import { SUBMISSION_CHOICES } from "../jobs/schema.ts";
import { ASPIRIN, Rejected } from "../molecules/schema.ts";
import { planRequests } from "../requests/plan.ts";
import {
  GivenMolecules,
  GivenParams,
  GivenStructureIds,
  givenMoleculeIds,
  MOST_RECORDS,
  NoBatch,
  RequestedJobs,
} from "../requests/schema.ts";
import { type PreparedRequests, prepareRequests, submitRequests } from "../requests/submit.ts";
import type { Services } from "../services.ts";
import { SiteText } from "../sites/schema.ts";
import { runnableNamed } from "./recipe.ts";
import { PipelineId, PipelineText, VersionText } from "./schema.ts";

export const RunPipeline = closed(
  {
    pipeline: PipelineText,
    version: Type.Optional(VersionText),
    molecules: Type.Optional(GivenMolecules),
    molecule_ids: Type.Optional(givenMoleculeIds(MOST_RECORDS)),
    structure_ids: Type.Optional(GivenStructureIds),
    site: Type.Optional(SiteText),
    stereo: Type.Optional(StereoChoice),
    params: Type.Optional(GivenParams),
    ...SUBMISSION_CHOICES,
  },
  { examples: [{ pipeline: "dock", site: "trypsin-s1", molecules: [ASPIRIN], params: { seed: 7 } }] },
);
export type RunPipeline = Static<typeof RunPipeline>;

export const RanPipeline = Type.Object({
  batch_id: NoBatch,
  pipeline_id: PipelineId,
  pipeline: text("Name of the pipeline."),
  pipeline_version: text("Version that the jobs run."),
  engines: list(text(), "Engines of its tasks."),
  jobs: RequestedJobs,
  rejected: Rejected,
});
export type RanPipeline = Static<typeof RanPipeline>;

/**
 * The pipeline and the chemistry of what it is run on, with no transaction on the organization open. Throws AppError
 * not_found (the pipeline, a site, a structure), conflict (it has no published version), bad_input.
 */
export async function prepareRun(
  call: { services: Services; principal: OrgPrincipal },
  { pipeline: text, version, ...input }: RunPipeline,
): Promise<PreparedRequests> {
  const { molecules = [], molecule_ids = [], structure_ids = [] } = input;
  const count = molecules.length + molecule_ids.length + structure_ids.length;
  if (count > MOST_RECORDS)
    throw new AppError(
      "bad_input",
      `${count} inputs are more than ${MOST_RECORDS} in one call: \`batch.create\` takes up to a million`,
    );
  const plan = await planRequests(call, await runnableNamed(call, text, version), input);
  return prepareRequests(call, plan, input);
}

/** Registers what is new and births one job for each molecule or structure, in one transaction. */
export async function runPipeline(
  call: { scope: ResultsScope; principal: OrgPrincipal; prepared: PreparedRequests },
  input: RunPipeline,
): Promise<RanPipeline> {
  const { plan, rejected } = call.prepared;
  const { pipeline } = plan;
  return {
    batch_id: null,
    pipeline_id: pipeline.pipeline_id,
    pipeline: pipeline.name,
    pipeline_version: pipeline.version,
    engines: [...new Set(Object.values(pipeline.spec.tasks).map(({ engine }) => engine))],
    jobs: await submitRequests(call, input),
    rejected,
  };
}
