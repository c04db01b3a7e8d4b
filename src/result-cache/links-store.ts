import { sql } from "kysely";
import type { ResultsDb } from "../db/results.ts";

/** A task that was answered from the cache, and where its rows are. */
export type ResultLink = {
  job_id: string;
  task_name: string;
  from_job_id: string;
  from_task_name: string;
  from_exec_id: string;
  /** When it was answered. */
  ended_at: string;
};

/** Tasks of these jobs whose results are rows of another job: the readers of results show those. */
export async function resultJobIds(db: ResultsDb, jobIds: string[]): Promise<ResultLink[]> {
  if (jobIds.length === 0) return [];
  const { rows } = await sql<ResultLink>`
    SELECT e.job_id, e.task_name, o.job_id AS from_job_id, o.task_name AS from_task_name, o.exec_id AS from_exec_id,
      e.ended_at
    FROM task_executions e JOIN task_executions o ON o.exec_id = e.cached_from
    WHERE e.job_id = ANY (${jobIds}::uuid[]) AND e.status = 'completed'`.execute(db);
  return rows;
}

/** What a reader adds to its rows: the job whose rows these are, where it is another than was asked for. */
export type Linked = { cached_from_job_id: string | null };

/**
 * Rows of several jobs as those who asked see them: the jobs' own, and for each task that was answered from the
 * cache the rows behind it under the asking job's id, marked. In the order of the jobs, and within one task by task as
 * they ended, those that ended together by their names; rows of a task keep their order.
 */
export function underAskingJobs<R extends { job_id: string | null; created_at: string }>(
  jobIds: string[],
  rows: R[],
  links: ResultLink[],
  isOf: (row: R, link: ResultLink) => boolean,
): (R & Linked)[] {
  const byJob = Map.groupBy(rows, (row) => row.job_id ?? "");
  const byAsker = Map.groupBy(links, (link) => link.job_id);
  return [...new Set(jobIds.map((id) => id.toLowerCase()))].flatMap((job_id) => {
    const own = [...Map.groupBy(byJob.get(job_id) ?? [], taskOf)].map(([task, made]) => ({
      at: Math.min(...made.map((row) => Date.parse(row.created_at))),
      name: typeof task === "string" ? task : "",
      rows: made.map((row) => ({ ...row, cached_from_job_id: null })),
    }));
    const linked = (byAsker.get(job_id) ?? []).map((link) => ({
      at: Date.parse(link.ended_at),
      name: link.task_name,
      rows: (byJob.get(link.from_job_id) ?? [])
        .filter((row) => isOf(row, link))
        .map((row) => underAsker(row, link)),
    }));
    return [...own, ...linked]
      .toSorted(
        (one, other) => one.at - other.at || Number(one.name > other.name) - Number(one.name < other.name),
      )
      .flatMap(({ rows: ofTask }) => ofTask);
  });
}

/** The task whose row it is; where rows do not say, a task has made one. */
function taskOf<R extends object>(row: R): unknown {
  return "task_name" in row ? row.task_name : row;
}

function underAsker<R extends { job_id: string | null }>(row: R, link: ResultLink): R & Linked {
  return {
    ...row,
    job_id: link.job_id,
    ...("task_name" in row ? { task_name: link.task_name } : {}),
    cached_from_job_id: link.from_job_id,
  };
}
