import type { ResultsScope, ResultsTx } from "../db/results.ts";
import type { AppError } from "../errors.ts";
import { privateTo } from "../jobs/schema.ts";
import { type LockedJob, lockJobs } from "../jobs/store.ts";
import { wakeWaiting } from "../jobs/waking-store.ts";
import type { Claim } from "../queue/claims-store.ts";
import { isSpared } from "./away.ts";
import { backoffSeconds } from "./backoff.ts";
import { countFailures, endExecution } from "./executions-store.ts";
import { goneFact, readyAgain, readyFact, type Started } from "./facts.ts";
import { Ledger } from "./ledger.ts";
import { upsertLeft } from "./left-store.ts";
import { jobOutcomes } from "./outcome.ts";
import type { Stored } from "./outputs.ts";
import { endTask, failTasks } from "./tasks-store.ts";

export type Failure = { error: AppError; logs_uri: string | null; left?: Stored };

/** With the longest pause after each, this is most of a working day. */
const MOST_UNCOUNTED = 50;

/**
 * A full disk, a database that is away, a program that can't be started say nothing of the task: the attempt is not
 * held against it, until it has gone on for so long that somebody should hear of it.
 */
function isCounted(error: AppError, failures: number): boolean {
  return failures >= MOST_UNCOUNTED || !isSpared(error);
}

/**
 * Ends an attempt that failed: again later where the kind of error allows it and attempts are left, else
 * the task and its job fail with the reason. Guarded by the fence like recording; returns false where
 * somebody else has the task now and nothing was changed.
 */
export async function failTask(
  scope: ResultsScope,
  claim: Claim,
  started: Started,
  failure: Failure,
): Promise<boolean> {
  const { tx } = scope;
  const { error } = failure;
  const { exec_id } = started.task;
  const ledger = new Ledger(await lockJobs(tx, [claim.job_id]));
  const job = ledger.job(claim.job_id);
  // Waits and given-back attempts are none of these.
  const failures = 1 + (await countFailures(tx, claim));
  const counted = isCounted(error, failures);
  const again = error.retryable && (!counted || started.attempt < started.max_attempts);
  const seconds = again ? backoffSeconds(failures, Math.random()) : null;
  const owned = await endTask(tx, { ...claim, exec_id }, { seconds, counted });
  if (job === undefined || owned === undefined) return false;
  await closeFailed(tx, ledger, exec_id, failure);
  const { code, message } = error;
  const metadata = { task: claim.task_name, attempt: started.attempt, code };
  logFailure(ledger, job, claim, { error, context: { ...metadata, exec_id, again } });
  if (seconds === null) {
    ledger.step(job.job_id, { event: "task_failed", detail: message, metadata });
    await failJobs(tx, ledger, [claim]);
    await upsertLeft(tx, claim, failure.left ?? new Map());
  } else {
    const delay_seconds = Math.round(seconds);
    ledger.step(job.job_id, {
      event: "retried",
      detail: message,
      metadata: { ...metadata, counted, delay_seconds },
    });
    ledger.change(job.job_id, { status: "running" });
    ledger.fact(readyFact(job, owned));
  }
  await ledger.write(tx);
  return true;
}

/** One of those that waited for it runs instead. */
async function closeFailed(tx: ResultsTx, ledger: Ledger, execId: string, failure: Failure): Promise<void> {
  const { code, message, kind, fields } = failure.error;
  const signature = await endExecution(tx, execId, {
    status: "failed",
    error_kind: kind,
    error: { code, message, fields },
    logs_uri: failure.logs_uri,
  });
  if (signature !== null)
    ledger.fact(...(await wakeWaiting(tx, [{ signature, answers: false }])).map(readyAgain));
}

/** A fault of ours is told apart from what an input or a program did. */
function logFailure(
  ledger: Ledger,
  job: LockedJob,
  claim: Claim,
  { error, context }: { error: Pick<AppError, "code" | "kind" | "message">; context: object },
): void {
  const entry = {
    entity_type: "job",
    entity_id: job.job_id,
    status: "failed",
    message: error.message.slice(0, 10_000),
    error_code: error.code,
    context: { engine: claim.engine, ...context },
    service: claim.engine,
    private_to: privateTo(job),
  };
  ledger.log({ event_type: "calculation_failed", ...entry });
  if (error.kind === "internal") ledger.log({ event_type: "error", ...entry, service: "worker" });
}

/** After tasks failed for good: what becomes of their jobs. Each fails unless another branch of it still runs. */
async function failJobs(tx: ResultsTx, ledger: Ledger, claims: Claim[]): Promise<void> {
  const outcomes = await jobOutcomes(tx, [...new Set(claims.map((claim) => claim.job_id))]);
  for (const [jobId, outcome] of outcomes) ledger.outcome(jobId, outcome);
  ledger.fact(...claims.map(goneFact));
}

export const VANISHED = {
  code: "lost_lease",
  kind: "lost_lease",
  message:
    "its workers vanished and no attempt is left: an input that ends its worker, or a machine out of memory",
} as const;

/**
 * Tasks whose workers all vanished have no attempt left: they fail instead of being started again, or an
 * input that kills its worker would go round for ever. The caller holds the locks, has closed their executions and
 * writes the ledger.
 */
export async function failLostTasks(tx: ResultsTx, ledger: Ledger, claims: Claim[]): Promise<void> {
  if (claims.length === 0) return;
  const { code, message } = VANISHED;
  await failTasks(tx, claims);
  for (const claim of claims) {
    const job = ledger.job(claim.job_id);
    if (job === undefined) continue;
    const metadata = { task: claim.task_name, code };
    ledger.step(job.job_id, { event: "lost", detail: "the worker vanished", metadata });
    ledger.step(job.job_id, { event: "task_failed", detail: message, metadata });
    logFailure(ledger, job, claim, { error: VANISHED, context: metadata });
  }
  await failJobs(tx, ledger, claims);
}
