import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import { AppError } from "../errors.ts";
import { showJob } from "../jobs/operations.ts";
import { perform } from "../perform.ts";
import type { Cli } from "./cli.ts";

const decompress = promisify(zstdDecompress);

/**
 * Prints what the program printed in the last attempt of a job, or in the one that is asked for. Throws AppError
 * not_found: there is no such attempt, or it printed nothing here because the cache answered it.
 */
export async function printLogs(
  cli: Cli,
  id: string,
  { task, attempt }: { task?: string; attempt?: number },
): Promise<void> {
  const { principal, org } = await cli.member();
  const context = await cli.context();
  const detail = await perform(context, showJob, principal, { job_id: id });
  const asked = detail.executions.filter(
    (row) =>
      (task === undefined || row["task_name"] === task) &&
      (attempt === undefined || row["attempt"] === attempt),
  );
  const last = asked.findLast((row) => row["logs_uri"] != null);
  if (last === undefined) throw noLog(id, detail, asked.at(-1));
  const bytes = await context.objects.get(org.org_id, String(last["logs_uri"]));
  const log = (await decompress(bytes)).toString("utf8");
  const { exec_id, task_name, attempt: which } = last;
  cli.out.result({ job_id: id, task_name, exec_id, attempt: which, log }, () => log.trimEnd());
}

type Row = Record<string, unknown>;

/** Attempts by task, as `dock 1, 2; refine 1`. */
function attemptsOf(executions: Row[]): string {
  const tasks = Map.groupBy(executions, (row) => String(row["task_name"]));
  return [...tasks]
    .map(([task, rows]) => `${task} ${rows.map((row) => String(row["attempt"])).join(", ")}`)
    .join("; ");
}

function noLog(
  id: string,
  { status, executions }: { status: string; executions: Row[] },
  last: Record<string, unknown> | undefined,
): AppError {
  const from = last?.["cached_from_job_id"];
  if (from != null)
    return new AppError(
      "not_found",
      `job ${id} ran nothing: job ${String(from)} answered it (\`aliquot job logs ${String(from)}\`)`,
    );
  if (last?.["status"] === "running")
    return new AppError(
      "not_found",
      `job ${id} has no log yet: the program runs, and its log comes when it ends`,
    );
  if (last === undefined && executions.length > 0)
    return new AppError("not_found", `job ${id} has no such attempt: it has ${attemptsOf(executions)}`);
  return new AppError("not_found", `job ${id} has no log: it is ${status}`);
}
