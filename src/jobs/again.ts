import type { OrgPrincipal } from "../access/principal.ts";
import type { ResultsScope, ResultsTx } from "../db/results.ts";
import { AppError } from "../errors.ts";
import type { PipelineSpec } from "../pipelines/schema.ts";
import { structureIdentity } from "../structures/store.ts";
import { signed } from "./question.ts";
import type { SubmittedJob } from "./schema.ts";
import { type JobInput, submitJobs } from "./submit.ts";

/**
 * A new job with the recipe, input and parameters of another: always a new one, whose tasks the cache may answer.
 * Throws AppError not_found, also where one of its inputs or its site is not the caller's to see.
 */
export async function submitAgain(
  scope: ResultsScope,
  principal: OrgPrincipal,
  jobId: string,
  choices: { priority?: number; reuse?: boolean } = {},
): Promise<SubmittedJob> {
  const { tx } = scope;
  const job = await tx
    .selectFrom("jobs as j")
    .innerJoin("pipeline_specs as s", "s.spec_hash", "j.spec_hash")
    .select([
      "j.params",
      "j.priority",
      "j.visibility",
      "j.pipeline_id",
      "j.pipeline_version_id",
      "j.pipeline_version as version",
      "s.name",
      "s.spec",
    ])
    .where("j.job_id", "=", jobId)
    .executeTakeFirst();
  const inputs = await inputsOf(tx, jobId);
  if (job === undefined || inputs.length === 0) throw new AppError("not_found", "no such job");
  const request = { inputs, params: job.params as { [key: string]: unknown } };
  const spec = job.spec as unknown as PipelineSpec;
  const [submitted] = await submitJobs(
    scope,
    {
      pipeline: {
        pipeline_id: job.pipeline_id,
        pipeline_version_id: job.pipeline_version_id,
        name: job.name,
        version: job.version,
        spec,
      },
      owner_id: principal.user_id,
      visibility: job.visibility as "private" | "organization",
      priority: choices.priority ?? job.priority,
      reuse: choices.reuse ?? true,
    },
    signed(spec, [request]),
  );
  if (submitted === undefined) throw new AppError("internal", "a submission had no answer");
  return submitted;
}

/** Everything that a job names must be the caller's to see: an id that leads nowhere would make another question. */
async function inputsOf(tx: ResultsTx, jobId: string): Promise<JobInput[]> {
  const rows = await tx
    .selectFrom("job_inputs as i")
    .leftJoin("molecules as m", "m.molecule_id", "i.molecule_id")
    .leftJoin("structures as t", "t.structure_id", "i.structure_id")
    .leftJoin("binding_sites as b", "b.site_id", "i.site_id")
    .select(["i.key", "i.molecule_id", "i.structure_id", "i.site_id"])
    .select(["m.identity_key", "t.geometry_hash", "t.checksum"])
    .select(["t.structure_id as seen_structure_id", "b.site_id as seen_site_id"])
    .where("i.job_id", "=", jobId)
    .orderBy("i.key")
    .execute();
  return rows.map((row) => {
    const { key, molecule_id, structure_id, site_id } = row;
    // A structure is what it is by its content, also where its molecule's registration is gone.
    if (structure_id !== null && row.seen_structure_id === null) throw hidden(`structure (${key})`);
    const identity = structure_id === null ? row.identity_key : structureIdentity(row);
    if (identity === null) throw hidden("molecule");
    if (site_id !== row.seen_site_id) throw hidden("binding site");
    return { key, molecule_id, structure_id, ...(site_id === null ? {} : { site_id }), identity };
  });
}

function hidden(what: string): AppError {
  return new AppError("not_found", `the ${what} of this job is not yours to see`);
}
