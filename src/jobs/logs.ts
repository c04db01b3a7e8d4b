import type { OrgPrincipal } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import type { Services } from "../services.ts";
import { selectOptionalJob, selectRuns } from "./read-store.ts";
import { unpackText } from "./unpack.ts";

/** Of what a program printed, so much is shown. */
export const LOG_MIB = 16;

/** Of which attempt a log is wanted; what is left out is not looked at. */
export type LogWish = { task?: string; attempt?: number };

/** What a log needs to know of an attempt. */
type Run = {
  exec_id: string;
  task_name: string;
  attempt: number;
  status: string;
  logs_uri: string | null;
  cached_from_job_id: string | null;
};

/**
 * What the program printed in the last attempt of a job that has a log, of those that are asked for: the first of it,
 * where it is very much. Throws AppError
 * not_found: no such job or attempt, or it printed nothing here because another job answered it.
 */
export async function showLog(
  { results, objects }: Pick<Services, "results" | "objects">,
  principal: OrgPrincipal,
  jobId: string,
  wish: LogWish,
) {
  const { status, runs } = await results.read(principal, async ({ tx }) => {
    const job = await selectOptionalJob(tx, jobId);
    if (job === undefined) throw new AppError("not_found", "no such job");
    return { status: job.status, runs: await selectRuns(tx, jobId) };
  });
  const asked = runsAskedFor(runs, wish);
  const last = asked.findLast(({ logs_uri }) => logs_uri !== null);
  if (last === undefined || last.logs_uri === null)
    throw noLog({ job_id: jobId, status, executions: runs }, asked.at(-1));
  // Bytes outside of any transaction.
  const packed = await objects.get(principal.org_id, last.logs_uri);
  const { text: log, cut } = await unpackText(packed, LOG_MIB * 1024 * 1024);
  const { exec_id, task_name, attempt } = last;
  return { job_id: jobId, task_name, exec_id, attempt, log, cut };
}

/** The attempts that a wish means, as they began. */
export function runsAskedFor<R extends Pick<Run, "task_name" | "attempt">>(
  runs: R[],
  { task, attempt }: LogWish,
): R[] {
  return runs.filter(
    (run) =>
      (task === undefined || run.task_name === task) && (attempt === undefined || run.attempt === attempt),
  );
}

/** Why a job has no log to show: `last` is the last attempt of those that were asked for. */
export function noLog(
  { job_id, status, executions }: { job_id: string; status: string; executions: Run[] },
  last: Run | undefined,
): AppError {
  const because = (why: string) => new AppError("not_found", `job ${job_id} ${why}`);
  const from = last?.cached_from_job_id ?? null;
  if (from !== null) return because(`ran nothing: job ${from} answered it, and has the log`);
  if (last?.status === "running")
    return because("has no log yet: the program runs, and its log comes when it ends");
  if (last === undefined && executions.length > 0)
    return because(`has no such attempt: it has ${attemptsOf(executions)}`);
  return because(`has no log: it is ${status}`);
}

/** Attempts by task, as `dock 1, 2; refine 1`. */
function attemptsOf(runs: Run[]): string {
  return [...Map.groupBy(runs, ({ task_name }) => task_name)]
    .map(([task, some]) => `${task} ${some.map(({ attempt }) => attempt).join(", ")}`)
    .join("; ");
}
