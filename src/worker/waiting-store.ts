import { sql } from "kysely";
import type { ResultsTx } from "../db/results.ts";
import type { TaskReadyFact } from "../outbox.ts";
import { columns, type TaskKey } from "./tasks-store.ts";

export type Look = TaskKey & { fence: number; signature: string; private_to: string | null };

/** The next look comes after half the time that the identical task has run so far, 2 to 30 s. */
const PAUSE = sql<number>`least(30, greatest(2, extract(epoch FROM now() - started_at) / 2))::float8`;

/**
 * Puts off ready tasks whose identical one still runs, without an attempt: each takes the fence of its claim, so that
 * whoever wakes it is heard. Returns what the queue is to be told; the others may start. Under the tasks' lock.
 */
export async function putOff(tx: ResultsTx, looks: Look[]): Promise<TaskReadyFact[]> {
  if (looks.length === 0) return [];
  const running = await holdRunning(tx, looks);
  const off = looks.flatMap((look) => {
    const ahead = running.find(
      ({ signature, private_to }) =>
        signature === look.signature && (private_to === null || private_to === look.private_to),
    );
    return ahead === undefined ? [] : [{ ...look, seconds: ahead.seconds }];
  });
  const rows = columns(off, "job_id", "task_name", "fence", "seconds");
  const told = await sql<TaskReadyFact>`
    UPDATE tasks t SET fence = l.fence, available_at = now() + make_interval(secs => l.seconds)
    FROM unnest(${rows.job_id}::uuid[], ${rows.task_name}::text[], ${rows.fence}::bigint[], ${rows.seconds}::float8[])
      AS l(job_id, task_name, fence, seconds) JOIN jobs j ON j.job_id = l.job_id
    WHERE t.job_id = l.job_id AND t.task_name = l.task_name
    RETURNING t.job_id, t.task_name, t.engine, j.priority, j.rank, t.available_at, t.fence`.execute(tx);
  return told.rows;
}

/** Held, so that one that is just being recorded is seen as ended, and nobody waits for what has come. */
async function holdRunning(tx: ResultsTx, looks: Look[]) {
  return tx
    .selectFrom("task_executions")
    .select(["signature", "private_to", PAUSE.as("seconds")])
    .where(sql<boolean>`signature = ANY (${looks.map((look) => look.signature)}::text[])`)
    .where("status", "=", "running")
    .forShare()
    .execute();
}

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

/** Woken at once; the others look by themselves within half a minute. */
const MOST_WOKEN = 1000;

/**
 * Wakes tasks that waited for one with such a signature. Rows that somebody holds are left alone: two that wake the
 * same ones would wait for each other, and whoever holds a row is about to decide on it.
 */
export async function wakeWaiting(tx: ResultsTx, signatures: string[]): Promise<TaskReadyFact[]> {
  if (signatures.length === 0) return [];
  const { rows } = await sql<TaskReadyFact>`
    WITH woken AS (
      SELECT job_id, task_name FROM tasks
      WHERE status = 'ready' AND signature IS NOT NULL AND signature = ANY (${[...new Set(signatures)]}::text[])
      ORDER BY job_id, task_name LIMIT ${MOST_WOKEN} FOR UPDATE SKIP LOCKED)
    UPDATE tasks t SET available_at = now() FROM woken w JOIN jobs j ON j.job_id = w.job_id
    WHERE t.job_id = w.job_id AND t.task_name = w.task_name
    RETURNING t.job_id, t.task_name, t.engine, j.priority, j.rank, t.available_at, t.fence`.execute(tx);
  return rows;
}
