import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { inOrder } from "../pipelines/graph.ts";
import type { PipelineSpec } from "../pipelines/schema.ts";
import { selectJobParts, selectOptionalJob } from "./read-store.ts";
import type { JobDetail } from "./schema.ts";

/**
 * A job with all that hangs on it: tasks in the order of their graph, each with those it comes `after`, when it may
 * start (`next_attempt_at`) and whose identical task it waits for (`behind_job_id`). Throws AppError not_found.
 */
export async function showJob({ tx }: ResultsScope, jobId: string): Promise<JobDetail> {
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
  return { ...job, tasks: shown, ...parts };
}
