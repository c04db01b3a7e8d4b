import type { ResultsScope } from "../db/results.ts";
import { lockJobs } from "../jobs/store.ts";
import { wakeWaiting } from "../jobs/waking-store.ts";
import type { Claim } from "../queue/claims-store.ts";
import { endExecution } from "./executions-store.ts";
import { readyAgain, readyFact, type Started } from "./facts.ts";
import { Ledger } from "./ledger.ts";
import { putBackTask } from "./tasks-store.ts";
import { pauseBehind } from "./waiting-store.ts";

/**
 * Gives a running task back because its worker is told to end at once: ready again, and the attempt that
 * was cut short is not held against it. Under the fence; changes nothing where the task is no longer ours.
 */
export async function giveBackTask(scope: ResultsScope, claim: Claim, started: Started): Promise<void> {
  await putBack(scope, claim, started, { event: "given_back" });
}

/**
 * Puts a started task off because an identical one runs: ready again a while later, or as soon as that one ends, and
 * without an attempt. Under the fence; changes nothing where the task is no longer ours.
 */
export async function waitTask(
  scope: ResultsScope,
  claim: Claim,
  started: Started,
  behind: { exec_id: string; signature: string },
): Promise<void> {
  await putBack(scope, claim, started, { event: "waits", behind });
}

type Reason = { event: "given_back" } | { event: "waits"; behind: { exec_id: string; signature: string } };

async function putBack(scope: ResultsScope, claim: Claim, started: Started, reason: Reason): Promise<void> {
  const { tx } = scope;
  const { exec_id } = started.task;
  const ledger = new Ledger(await lockJobs(tx, [claim.job_id]));
  const job = ledger.job(claim.job_id);
  const behind = reason.event === "waits" ? reason.behind : null;
  const task = await putBackTask(
    tx,
    { ...claim, exec_id },
    {
      seconds: behind === null ? 0 : await pauseBehind(tx, behind.exec_id),
      signature: behind?.signature ?? null,
    },
  );
  if (job === undefined || task === undefined) return;
  const reserved = await endExecution(tx, exec_id, { status: "cancelled" });
  ledger.step(claim.job_id, {
    event: reason.event,
    metadata: {
      task: claim.task_name,
      attempt: started.attempt,
      ...(behind === null ? {} : { behind_exec_id: behind.exec_id }),
    },
  });
  ledger.change(claim.job_id, { status: "running" });
  ledger.fact(readyFact(job, task));
  // Another one that waits for this one's result goes first, as it is to be had at once.
  if (reserved !== null)
    ledger.fact(...(await wakeWaiting(tx, [{ signature: reserved, answers: false }])).map(readyAgain));
  await ledger.write(tx);
}
