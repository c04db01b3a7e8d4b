import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { ResultsTx } from "../db/results.ts";
import type { TaskReadyFact } from "../outbox.ts";

/** Jobs by status, as JSON compares: how often each is there. */
export type Counts = { [status: string]: number };

/** Told within this time is still on its way. */
const SETTLED = sql`interval '1 minute'`;
const MOST_TASKS = 1000;

/** Jobs by status as the results database has them; null while facts of them are on their way. */
export async function countJobs(tx: ResultsTx): Promise<Counts | null> {
  const found = await sql<{ counts: Counts | null }>`
    SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM outbox WHERE relayed_at IS NULL)
      THEN (SELECT coalesce(jsonb_object_agg(status, n), '{}') FROM (SELECT status, count(*) AS n FROM jobs GROUP BY status) AS s)
      END AS counts`.execute(tx);
  return found.rows[0]?.counts ?? null;
}

/** The same as the projection has it. */
export async function countProjected(tx: MetadataTx, orgId: string): Promise<Counts> {
  const found = await sql<{ counts: Counts }>`
    SELECT coalesce(jsonb_object_agg(status, n), '{}') AS counts
    FROM (SELECT status, count(*) AS n FROM jobs_meta WHERE org_id = ${orgId} GROUP BY status) AS s`.execute(
    tx,
  );
  return found.rows[0]?.counts ?? {};
}

/**
 * Tasks that the queue should have had for a minute, as the queue would be told of them: ready ones that are due,
 * and running ones, whose leases it holds. Paused jobs' are not among them. In portions: those after the last one.
 */
export async function selectOpenTasks(
  tx: ResultsTx,
  after: { job_id: string; task_name: string },
): Promise<TaskReadyFact[]> {
  const found = await sql<TaskReadyFact>`
    SELECT t.job_id, t.task_name, t.engine, j.priority, j.rank, t.available_at, t.fence
    FROM tasks t JOIN jobs j ON j.job_id = t.job_id
    WHERE t.status IN ('ready', 'running') AND j.status IN ('queued', 'running') AND (t.job_id, t.task_name) > (${after.job_id}::uuid, ${after.task_name})
      AND t.updated_at < now() - ${SETTLED} AND t.available_at < now() - ${SETTLED}
    ORDER BY t.job_id, t.task_name LIMIT ${MOST_TASKS}`.execute(tx);
  return found.rows;
}

/** Those of these tasks that the queue has not. */
export async function selectMissing(
  tx: MetadataTx,
  orgId: string,
  tasks: TaskReadyFact[],
): Promise<TaskReadyFact[]> {
  const found = await sql<{ place: number }>`
    SELECT f.place FROM jsonb_to_recordset(${JSON.stringify(
      tasks.map(({ job_id, task_name }, place) => ({ job_id, task_name, place })),
    )}::jsonb) AS f(job_id uuid, task_name text, place int)
    WHERE NOT EXISTS (SELECT 1 FROM task_queue q
      WHERE q.org_id = ${orgId} AND q.job_id = f.job_id AND q.task_name = f.task_name)`.execute(tx);
  return found.rows.flatMap(({ place }) => tasks[place] ?? []);
}

/**
 * Those of these tasks that are still as they were, locked after their jobs: whoever ends one meanwhile has its word
 * after ours. A running one keeps its fence: the next claim is higher and takes it over.
 */
export async function lockUnchanged(tx: ResultsTx, tasks: TaskReadyFact[]): Promise<TaskReadyFact[]> {
  const rows = JSON.stringify(tasks);
  await sql`SELECT 1 FROM jobs WHERE job_id IN (SELECT job_id FROM jsonb_to_recordset(${rows}::jsonb) AS f(job_id uuid))
    ORDER BY job_id FOR UPDATE`.execute(tx);
  const found = await sql<TaskReadyFact>`
    SELECT t.job_id, t.task_name, t.engine, j.priority, j.rank, t.available_at, t.fence
    FROM jsonb_to_recordset(${rows}::jsonb) AS f(job_id uuid, task_name text, fence bigint)
    JOIN tasks t ON t.job_id = f.job_id AND t.task_name = f.task_name AND t.fence = f.fence
    JOIN jobs j ON j.job_id = t.job_id
    WHERE t.status IN ('ready', 'running') AND j.status IN ('queued', 'running')`.execute(tx);
  return found.rows;
}
