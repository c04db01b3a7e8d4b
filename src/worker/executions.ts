import { sql } from "kysely";
import type { ResultsScope, ResultsTx } from "../db/results.ts";
import type { TaskContext } from "../engines/adapter.ts";
import { insertEvents, type LockedJob, lockOptionalJob, type NewEvent, updateJob } from "../jobs/store.ts";
import { insertOutbox } from "../outbox.ts";
import type { PipelineSpec } from "../pipelines/schema.ts";
import type { Claim } from "../queue/claims-store.ts";
import { goneFact, numbered, type Started } from "./facts.ts";
import { failLostTask } from "./fail.ts";

/** Why a claim starts nothing: somebody newer has it, nothing is to be run, or there is no such job. */
export type NotStarted = { kind: "newer"; fence: number } | { kind: "gone" } | { kind: "absent" };

/**
 * Starts a claimed task: counts the attempt, marks the attempt before as lost, writes the execution and
 * the event. The fence guards it: an older claim changes nothing.
 */
export async function startTask(
  scope: ResultsScope,
  claim: Claim,
  workerId: string,
): Promise<Started | NotStarted> {
  const { tx } = scope;
  const job = await lockOptionalJob(tx, claim.job_id);
  if (job === undefined) return { kind: "absent" };
  const task = await lockOptionalTask(tx, claim);
  if (task === undefined || (task.status !== "ready" && task.status !== "running")) {
    // Told under the job's lock, so that a retry that comes next has its word after this one.
    await insertOutbox(tx, [goneFact(claim)]);
    return { kind: "gone" };
  }
  if (task.fence >= claim.fence) return { kind: "newer", fence: task.fence };
  if (task.attempt >= task.max_attempts) {
    await failLostTask(tx, job, claim);
    return { kind: "gone" };
  }
  const started = await tx
    .updateTable("tasks")
    .set((eb) => ({ status: "running", fence: claim.fence, attempt: eb("attempt", "+", 1) }))
    .where("job_id", "=", claim.job_id)
    .where("task_name", "=", claim.task_name)
    .returning(["attempt", "max_attempts"])
    .executeTakeFirstOrThrow();
  const events: Omit<NewEvent, "job_id" | "seq_no">[] = [];
  // A first attempt has none before it.
  if (started.attempt > 1 && (await loseOpenExecution(tx, claim))) {
    events.push({ event: "lost", detail: "the worker vanished", metadata: { task: claim.task_name } });
  }
  const exec = await tx
    .insertInto("task_executions")
    .values({
      job_id: claim.job_id,
      task_name: claim.task_name,
      attempt: started.attempt,
      status: "running",
      fence: claim.fence,
      worker_id: workerId,
      retries: started.attempt - 1,
      private_to: job.visibility === "private" ? job.owner_id : null,
    })
    .returning("exec_id")
    .executeTakeFirstOrThrow();
  await tx
    .updateTable("tasks")
    .set({ current_exec_id: exec.exec_id })
    .where("job_id", "=", claim.job_id)
    .where("task_name", "=", claim.task_name)
    .execute();
  events.push({
    event: "started",
    metadata: { task: claim.task_name, attempt: started.attempt, worker: workerId },
  });
  const seq = job.seq + events.length;
  await insertEvents(tx, numbered(events, claim.job_id, job.seq));
  const timings = job.status === "running" ? {} : { started_at: new Date().toISOString() };
  const fact = await updateJob(tx, job, { status: "running", seq, timings });
  await insertOutbox(tx, [{ topic: "job", payload: fact }]);
  return { kind: "started", ...started, ...(await readTask(scope, claim, exec.exec_id, job)) };
}

async function lockOptionalTask(tx: ResultsTx, claim: Claim) {
  return tx
    .selectFrom("tasks")
    .select(["status", "fence", "attempt", "max_attempts"])
    .where("job_id", "=", claim.job_id)
    .where("task_name", "=", claim.task_name)
    .forUpdate()
    .executeTakeFirst();
}

async function loseOpenExecution(tx: ResultsTx, claim: Claim): Promise<boolean> {
  const lost = await tx
    .updateTable("task_executions")
    .set({ status: "lost", ended_at: sql`now()`, error_kind: "lost_lease" })
    .where("job_id", "=", claim.job_id)
    .where("task_name", "=", claim.task_name)
    .where("status", "=", "running")
    .executeTakeFirst();
  return lost.numUpdatedRows > 0n;
}

async function readTask(
  scope: ResultsScope,
  claim: Claim,
  exec_id: string,
  job: Pick<LockedJob, "spec_hash" | "owner_id" | "visibility">,
): Promise<{ task: TaskContext; spec: PipelineSpec }> {
  const { tx } = scope;
  const row = await tx
    .selectFrom("jobs as j")
    .innerJoin("pipeline_specs as s", "s.spec_hash", "j.spec_hash")
    .select(["j.params", "s.spec"])
    .where("j.job_id", "=", claim.job_id)
    .executeTakeFirstOrThrow();
  const inputs = await tx
    .selectFrom("job_inputs")
    .select(["key", "molecule_id", "structure_id"])
    .where("job_id", "=", claim.job_id)
    .execute();
  const spec = row.spec as unknown as PipelineSpec;
  const own = spec.tasks[claim.task_name]?.params ?? {};
  const task: TaskContext = {
    org_id: scope.org_id,
    job_id: claim.job_id,
    task_name: claim.task_name,
    exec_id,
    owner_id: job.owner_id,
    visibility: job.visibility,
    params: { ...own, ...(row.params as Record<string, unknown>) },
    inputs,
  };
  return { task, spec };
}
