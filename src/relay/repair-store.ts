import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { ResultsTx } from "../db/results.ts";
import type { TaskReadyFact } from "../outbox.ts";
import { wakeLanes } from "../queue/lanes-store.ts";
import { isFar, isLate } from "./stuck-store.ts";

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

/** Jobs by id, compared between two databases: those that did not change since a time, up to the last of them. */
export type Portion = { count: number; digest: string; last: string | null };

const PORTION = 10_000;
const DIGEST = sql`coalesce(sum(('x' || left(md5(concat_ws(' ', job_id, seq, status)), 15))::bit(60)::bigint), 0)::text`;

/** The time from which on changes may still be on their way to the projection, as the results database says it. */
export async function selectSettled(tx: ResultsTx): Promise<string> {
  const found = await sql<{ at: string }>`SELECT now() - ${SETTLED} AS at`.execute(tx);
  return found.rows[0]?.at ?? "";
}

/** The next portion of jobs after one; `last` is null where there are no more behind it. */
export async function digestJobs(tx: ResultsTx, after: string, settled: string): Promise<Portion> {
  const found = await sql<Portion>`
    SELECT count(*) AS count, ${DIGEST} AS digest,
      CASE WHEN count(*) = ${PORTION} THEN max(job_id::text)::uuid END AS last
    FROM (SELECT job_id, seq, status FROM jobs WHERE job_id > ${after} AND updated_at < ${settled}
      ORDER BY job_id LIMIT ${PORTION}) AS portion`.execute(tx);
  return found.rows[0] as Portion;
}

/** The same jobs as the projection has them. */
export async function digestProjected(
  tx: MetadataTx,
  orgId: string,
  { after, last, settled }: { after: string; last: string | null; settled: string },
): Promise<Omit<Portion, "last">> {
  const found = await sql<Portion>`
    SELECT count(*) AS count, ${DIGEST} AS digest
    FROM (SELECT job_id, last_seq AS seq, status FROM jobs_meta WHERE org_id = ${orgId} AND job_id > ${after}
      AND (${last}::uuid IS NULL OR job_id <= ${last}) AND updated_at < ${settled}) AS portion`.execute(tx);
  return found.rows[0] as Portion;
}

export type JobMark = { job_id: string; seq: number; status: string };

/** Jobs after one and up to another, or to the end. */
export async function selectMarks(tx: ResultsTx, after: string, last: string | null): Promise<JobMark[]> {
  const found = await sql<JobMark>`SELECT job_id, seq, status FROM jobs
    WHERE job_id > ${after} AND (${last}::uuid IS NULL OR job_id <= ${last})`.execute(tx);
  return found.rows;
}

/** The same as the projection has them. */
export async function selectProjectedMarks(
  tx: MetadataTx,
  orgId: string,
  after: string,
  last: string | null,
): Promise<JobMark[]> {
  const found = await sql<JobMark>`SELECT job_id, last_seq AS seq, status FROM jobs_meta
    WHERE org_id = ${orgId} AND job_id > ${after} AND (${last}::uuid IS NULL OR job_id <= ${last})`.execute(
    tx,
  );
  return found.rows;
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
 * Sets back rows of these tasks that nobody holds and nobody could claim for long, because of a time or a fence far
 * beyond their task's: no fact can do so, because a row heeds none that is older. Returns how many.
 */
export async function resetStuck(tx: MetadataTx, orgId: string, tasks: TaskReadyFact[]): Promise<number> {
  const found = await sql<{ org_id: string; engine: string }>`
    UPDATE task_queue q SET available_at = least(q.available_at, now()),
      fence = CASE WHEN ${isFar(sql`f.fence`)} THEN f.fence ELSE q.fence END
    FROM jsonb_to_recordset(${JSON.stringify(tasks)}::jsonb)
      AS f(job_id uuid, task_name text, available_at timestamptz, fence bigint)
    WHERE q.org_id = ${orgId} AND q.job_id = f.job_id AND q.task_name = f.task_name AND q.lease_owner IS NULL
      AND (${isLate(sql`f.available_at`)} OR ${isFar(sql`f.fence`)})
    RETURNING q.org_id, q.engine`.execute(tx);
  await wakeLanes(tx, found.rows);
  return found.rows.length;
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
