import { type OrgPrincipal, viewerOf } from "../access/principal.ts";
import { selectOptionalUsername } from "../access/store.ts";
import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { inOrder } from "../pipelines/graph.ts";
import type { PipelineSpec } from "../pipelines/schema.ts";
import type { Services } from "../services.ts";
import { selectJobParts, selectOptionalJob } from "./read-store.ts";
import type { JobDetail } from "./schema.ts";

/**
 * A job with all that hangs on it, and what its owner is called: tasks in the order of their graph, each with those it
 * comes `after`, when it may start (`next_attempt_at`) and whose identical task it waits for (`behind_job_id`). Throws
 * AppError not_found.
 */
export async function showJob(
  { metadata, results }: Pick<Services, "metadata" | "results">,
  principal: OrgPrincipal,
  jobId: string,
): Promise<JobDetail> {
  const job = await results.read(principal, (scope) => readJob(scope, jobId));
  // People are in the other database: it is asked when this one's transaction is over.
  const owner = await metadata.member(viewerOf(principal), (tx) => selectOptionalUsername(tx, job.owner_id));
  return { ...job, owner: owner ?? null };
}

async function readJob({ tx }: ResultsScope, jobId: string): Promise<Omit<JobDetail, "owner">> {
  const job = await selectOptionalJob(tx, jobId);
  if (job === undefined) throw new AppError("not_found", "no such job");
  const { tasks, ...parts } = await selectJobParts(tx, jobId);
  const spec = tasks[0]?.spec as unknown as PipelineSpec | undefined;
  const order = spec === undefined ? [] : inOrder(spec);
  const shown = tasks.map(({ spec: _recipe, ...task }) => ({
    ...task,
    after: spec?.tasks[task.task_name]?.after ?? [],
  }));
  shown.sort((a, b) => order.indexOf(a.task_name) - order.indexOf(b.task_name));
  // Its closed lists of words are the tables' own.
  return { ...job, tasks: shown, ...parts } as Omit<JobDetail, "owner">;
}
