import { sql } from "kysely";
import type { ResultsTx } from "../db/results.ts";
import type { TaskReadyFact } from "../outbox.ts";
import { columns, type TaskKey, taskKey } from "./tasks-store.ts";

/** What the queue is told of a task that was put off, and the task that it waits for where that has run for a while. */
export type PutOff = { told: TaskReadyFact; holder: (TaskKey & { exec_id: string }) | null };

/** An identical task that has run for so long, in s of the next pause, may have lost its worker. */
const OLD_SECONDS = 5;

export type Look = TaskKey & { fence: number; signature: string; private_to: string | null };

/** The next look comes after half the time that the identical task has run so far, 2 to 30 s. */
const PAUSE = sql<number>`least(30, greatest(2, extract(epoch FROM now() - started_at) / 2))::float8`;

/**
 * Puts off ready tasks whose identical one still runs, without an attempt: each takes the fence of its claim, so that
 * whoever wakes it is heard. Returns those; the others may start. Under the tasks' lock.
 */
export async function putOff(tx: ResultsTx, looks: Look[]): Promise<PutOff[]> {
  if (looks.length === 0) return [];
  const running = await holdRunning(tx, looks);
  const off = looks.flatMap((look) => {
    const ahead = running.find(
      ({ signature, private_to }) =>
        signature === look.signature && (private_to === null || private_to === look.private_to),
    );
    return ahead === undefined ? [] : [{ ...look, seconds: ahead.seconds, ahead }];
  });
  if (off.length === 0) return [];
  const rows = columns(off, "job_id", "task_name", "fence", "seconds");
  const told = await sql<TaskReadyFact>`
    UPDATE tasks t SET fence = l.fence, available_at = now() + make_interval(secs => l.seconds)
    FROM unnest(${rows.job_id}::uuid[], ${rows.task_name}::text[], ${rows.fence}::bigint[], ${rows.seconds}::float8[])
      AS l(job_id, task_name, fence, seconds) JOIN jobs j ON j.job_id = l.job_id
    WHERE t.job_id = l.job_id AND t.task_name = l.task_name
    RETURNING t.job_id, t.task_name, t.engine, j.priority, j.rank, t.available_at, t.fence`.execute(tx);
  return told.rows.map((row) => {
    const ahead = off.find((one) => taskKey(one) === taskKey(row))?.ahead;
    return { told: row, holder: ahead === undefined || ahead.seconds < OLD_SECONDS ? null : ahead };
  });
}

/**
 * Held, so that none of them is recorded before the queue knows who waits. One that somebody else holds is about to
 * end: whoever would wait for it starts and asks, and nobody here waits for a lock while holding others.
 */
async function holdRunning(tx: ResultsTx, looks: Look[]): Promise<Running[]> {
  const { rows } = await sql<Running>`
    SELECT e.exec_id, e.job_id, e.task_name, e.signature, e.private_to, ${PAUSE} AS seconds
    FROM task_executions e
    JOIN tasks t ON t.job_id = e.job_id AND t.task_name = e.task_name AND t.current_exec_id = e.exec_id
      AND t.status = 'running'
    WHERE e.status = 'running' AND e.signature = ANY (${looks.map((look) => look.signature)}::text[])
    ORDER BY e.exec_id FOR SHARE OF e SKIP LOCKED`.execute(tx);
  return rows;
}

type Running = TaskKey & { exec_id: string; signature: string; private_to: string | null; seconds: number };

/** For how many seconds a task is put off that met an identical one; 0 where that has ended since. */
export async function pauseBehind(tx: ResultsTx, execId: string): Promise<number> {
  const row = await tx
    .selectFrom("task_executions")
    .select(PAUSE.as("seconds"))
    .where("exec_id", "=", execId)
    .where("status", "=", "running")
    .forShare()
    .executeTakeFirst();
  return row?.seconds ?? 0;
}
