import { sql } from "kysely";
import type { ResultsScope, ResultsTx } from "../db/results.ts";
import type { Recorded } from "../engines/adapter.ts";
import { AppError } from "../errors.ts";
import { insertEvents, type LockedJob, lockOptionalJob, type NewEvent, updateJob } from "../jobs/store.ts";
import { type Fact, insertOutbox } from "../outbox.ts";
import type { Claim } from "../queue/claims-store.ts";
import { goneFact, numbered, type Started } from "./facts.ts";
import { jobOutcome, outcomeChange, outcomeEvents } from "./outcome.ts";

export type Finished = {
  service_name: string;
  signature: string;
  logs_uri: string | null;
  /** Writes the engine's own rows, in this transaction. */
  write: (tx: ResultsTx) => Promise<Recorded>;
};

/**
 * Completes a task: results, outputs, execution, tasks that become ready, events and facts, all or
 * nothing, and only while the task is ours: a worker whose fence was overtaken changes nothing and gets
 * AppError lost_lease, so that its work is thrown away.
 */
export async function recordTask(
  scope: ResultsScope,
  claim: Claim,
  started: Started,
  finished: Finished,
): Promise<void> {
  const { tx } = scope;
  const job = await lockOptionalJob(tx, claim.job_id);
  const owned = await tx
    .updateTable("tasks")
    .set({ status: "completed", signature: finished.signature })
    .where("job_id", "=", claim.job_id)
    .where("task_name", "=", claim.task_name)
    .where("status", "=", "running")
    .where("fence", "=", claim.fence)
    .executeTakeFirst();
  if (job === undefined || owned.numUpdatedRows !== 1n) throw lostLease();
  const recorded = await finished.write(tx);
  await writeResult(tx, claim, started, finished, recorded);
  const ready = await makeReady(tx, claim, started);
  const events: Omit<NewEvent, "job_id" | "seq_no">[] = [
    { event: "task_completed", metadata: { task: claim.task_name, attempt: started.attempt } },
  ];
  const outcome = await jobOutcome(tx, claim.job_id);
  events.push(...outcomeEvents(outcome));
  await insertEvents(tx, numbered(events, claim.job_id, job.seq));
  const { wall_seconds, cpu_seconds } = recorded;
  const { outcome: found } = recorded.result_data as { outcome?: string };
  const fact = await updateJob(tx, job, {
    ...outcomeChange(outcome),
    seq: job.seq + events.length,
    metrics: { [claim.task_name]: { wall_seconds, cpu_seconds, outcome: found } },
  });
  await insertOutbox(tx, [
    { topic: "job", payload: fact },
    goneFact(claim),
    ...ready.map((task) => readyFact(job, task)),
  ]);
}

function lostLease(): AppError {
  return new AppError(
    "lost_lease",
    "another worker has this task now: what this one computed is thrown away",
  );
}

async function writeResult(
  tx: ResultsTx,
  claim: Claim,
  started: Started,
  finished: Finished,
  recorded: Recorded,
): Promise<void> {
  await tx
    .updateTable("task_executions")
    .set({
      status: "completed",
      ended_at: sql`now()`,
      signature: finished.signature,
      logs_uri: finished.logs_uri,
      wall_seconds: recorded.wall_seconds,
      cpu_seconds: recorded.cpu_seconds,
    })
    .where("exec_id", "=", started.task.exec_id)
    .execute();
  await tx
    .insertInto("task_results")
    .values({
      exec_id: started.task.exec_id,
      job_id: claim.job_id,
      task_name: claim.task_name,
      service_name: finished.service_name,
      schema_version: recorded.schema_version,
      confidence_score: recorded.confidence_score,
      checks: sql`${JSON.stringify(recorded.checks)}::jsonb`,
      result_data: sql`${JSON.stringify(recorded.result_data)}::jsonb`,
    })
    .execute();
}

type ReadyTask = { task_name: string; engine: string; fence: number };

/** Counts this task off from those after it; the ones that wait for nothing more become ready. */
async function makeReady(tx: ResultsTx, claim: Claim, started: Started): Promise<ReadyTask[]> {
  const after = Object.entries(started.spec.tasks)
    .filter(([, task]) => task.after.includes(claim.task_name))
    .map(([name]) => name);
  if (after.length === 0) return [];
  const rows = await sql<ReadyTask & { status: string }>`
    UPDATE tasks SET depends_left = depends_left - 1, available_at = now(),
      status = CASE WHEN depends_left = 1 THEN 'ready' ELSE status END
    WHERE job_id = ${claim.job_id} AND task_name = ANY (${after}::text[]) AND status = 'waiting'
    RETURNING task_name, engine, fence, status`.execute(tx);
  return rows.rows.filter((row) => row.status === "ready");
}

export function readyFact(job: LockedJob, task: ReadyTask, availableAt = new Date().toISOString()): Fact {
  return {
    topic: "task_ready",
    payload: {
      job_id: job.job_id,
      task_name: task.task_name,
      engine: task.engine,
      priority: job.priority,
      rank: job.rank,
      available_at: availableAt,
      fence: task.fence,
    },
  };
}
