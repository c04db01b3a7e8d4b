import { sql } from "kysely";
import type { ResultsTx } from "../db/results.ts";
import type { TaskReadyFact } from "../outbox.ts";

/** Woken at once, shared by the signatures; the others look by themselves within half a minute. */
const MOST_WOKEN = 1000;

/** A signature that nobody computes now, and whether an entry answers it: else one that waits is to compute it. */
export type Free = { signature: string; answers: boolean };

/**
 * Wakes tasks that waited for one with such a signature, but for those of paused batches: a thousand where they all
 * get an answer, and else one, as the others would only wait for it. Rows that somebody holds are left alone: two
 * that wake the same ones would wait for each other, and whoever holds a row is about to decide on it.
 */
export async function wakeWaiting(tx: ResultsTx, free: Free[]): Promise<TaskReadyFact[]> {
  if (free.length === 0) return [];
  const answers = new Map<string, boolean>();
  for (const one of free) answers.set(one.signature, one.answers || answers.get(one.signature) === true);
  const each = Math.max(1, Math.floor(MOST_WOKEN / [...answers.values()].filter(Boolean).length));
  const mosts = [...answers.values()].map((all) => (all ? each : 1));
  const { rows } = await sql<TaskReadyFact>`
    WITH woken AS (
      SELECT k.job_id, k.task_name FROM unnest(${[...answers.keys()]}::text[], ${mosts}::integer[]) AS s(signature, most)
      CROSS JOIN LATERAL (
        SELECT w.job_id, w.task_name FROM tasks w
        WHERE w.status = 'ready' AND w.signature IS NOT NULL AND w.signature = s.signature
          AND (SELECT j.status FROM jobs j WHERE j.job_id = w.job_id) <> 'pending'
        ORDER BY w.job_id, w.task_name LIMIT s.most FOR UPDATE SKIP LOCKED) AS k)
    UPDATE tasks t SET available_at = now() FROM woken w JOIN jobs j ON j.job_id = w.job_id
    WHERE t.job_id = w.job_id AND t.task_name = w.task_name
    RETURNING t.job_id, t.task_name, t.engine, j.priority, j.rank, t.available_at, t.fence`.execute(tx);
  return rows;
}
