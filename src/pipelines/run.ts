import { type Static, Type } from "typebox";
import type { OrgPrincipal } from "../access/principal.ts";
import { makeRequests, type PreparedRequests, prepareRequests } from "../batches/requests.ts";
import type { ResultsScope } from "../db/results.ts";
import { STEREO_MODES } from "../docking/schema.ts";
import { AppError } from "../errors.ts";
import { SUBMISSION_CHOICES, SubmittedJob, Uuid } from "../jobs/schema.ts";
import { submitJobs } from "../jobs/submit.ts";
import { MoleculeRecord, RejectedRecord } from "../molecules/schema.ts";
import { policyOf } from "../result-cache/policy.ts";
import type { CachePolicy } from "../result-cache/schema.ts";
import type { Services } from "../services.ts";
import { runnableNamed } from "./recipe.ts";
import { PipelineText, VersionText } from "./schema.ts";

const MOST = 1000;

export const RunPipeline = Type.Object(
  {
    pipeline: PipelineText,
    version: Type.Optional(VersionText),
    molecules: Type.Optional(Type.Array(MoleculeRecord, { maxItems: MOST })),
    molecule_ids: Type.Optional(Type.Array(Uuid, { maxItems: MOST })),
    structure_ids: Type.Optional(Type.Array(Uuid, { maxItems: MOST })),
    /** Where a pipeline docks: id, name or name@version. */
    site: Type.Optional(Type.String({ minLength: 1, maxLength: 220 })),
    stereo: Type.Optional(Type.Enum(STEREO_MODES)),
    params: Type.Optional(
      Type.Record(Type.String({ maxLength: 100 }), Type.Unknown(), { maxProperties: 100 }),
    ),
    ...SUBMISSION_CHOICES,
  },
  { additionalProperties: false },
);
export type RunPipeline = Static<typeof RunPipeline>;

export const RanPipeline = Type.Object({
  batch_id: Type.Null(),
  pipeline_id: Uuid,
  pipeline: Type.String(),
  pipeline_version: Type.String(),
  /** Engines of its tasks. */
  engines: Type.Array(Type.String()),
  jobs: Type.Array(SubmittedJob),
  rejected: Type.Array(RejectedRecord),
});
export type RanPipeline = Static<typeof RanPipeline>;

/** What was found out before the transaction. */
export type PreparedRun = PreparedRequests & { policy: CachePolicy };

/**
 * The pipeline and the chemistry of what it is run on, with no transaction on the organization open. Throws AppError
 * not_found (the pipeline, a site, a structure), conflict (it has no published version), bad_input.
 */
export async function prepareRun(
  call: { services: Services; principal: OrgPrincipal },
  { pipeline: text, version, ...input }: RunPipeline,
): Promise<PreparedRun> {
  const { molecules = [], molecule_ids = [], structure_ids = [] } = input;
  const count = molecules.length + molecule_ids.length + structure_ids.length;
  if (count > MOST)
    throw new AppError(
      "bad_input",
      `${count} inputs are more than ${MOST} in one call: \`aliquot batch create ${text}\` takes up to a million`,
    );
  const runnable = await runnableNamed(call, text, version);
  const policy = await policyOf(call.services, call.principal.org_id);
  return { ...(await prepareRequests(call, runnable, input)), policy };
}

/** Registers what is new and births one job for each molecule or structure, in one transaction. */
export async function runPipeline(
  call: { scope: ResultsScope; principal: OrgPrincipal; prepared: PreparedRun },
  input: RunPipeline,
): Promise<RanPipeline> {
  const { scope, principal, prepared } = call;
  const { pipeline, visibility } = prepared.plan;
  const requests = await makeRequests(scope, principal, prepared);
  const submission = {
    pipeline,
    owner_id: principal.user_id,
    visibility,
    priority: input.priority ?? 5,
    reuse: input.reuse ?? true,
    policy: prepared.policy,
  };
  return {
    batch_id: null,
    pipeline_id: pipeline.pipeline_id,
    pipeline: pipeline.name,
    pipeline_version: pipeline.version,
    engines: [...new Set(Object.values(pipeline.spec.tasks).map(({ engine }) => engine))],
    jobs: await submitJobs(scope, submission, requests),
    rejected: [...prepared.things.rejected, ...prepared.things.refused],
  };
}
