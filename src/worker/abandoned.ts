import type { ResultsScope } from "../db/results.ts";
import { lockJobs } from "../jobs/store.ts";
import { wakeWaiting } from "../jobs/waking-store.ts";
import { selectUnleased } from "../queue/leases-store.ts";
import type { Services } from "../services.ts";
import { readyAgain } from "./facts.ts";
import { Ledger } from "./ledger.ts";
import { freedBy, loseExecutions, type TaskKey } from "./tasks-store.ts";

/** A task behind a running execution that others wait for. */
export type Holder = TaskKey & { exec_id: string };

type Lend = <T>(work: (scope: ResultsScope) => Promise<T>) => Promise<T>;

/**
 * Looks in the queue whether workers still have the tasks that others wait for; executions of those that nobody has
 * are closed as lost, so that one that waits may run now. Their own task may be far back in the queue, and come
 * after all that wait for it. Returns whether one was closed. Throws AppError unavailable.
 */
export async function loseAbandoned(
  { metadata }: Pick<Services, "metadata">,
  lend: Lend,
  orgId: string,
  holders: Holder[],
): Promise<boolean> {
  if (holders.length === 0) return false;
  const unleased = await selectUnleased(metadata, orgId, holders);
  if (unleased.length === 0) return false;
  return lend((scope) => lose(scope, unleased));
}

/** By execution: the task may have been started again since the look. */
async function lose({ tx }: ResultsScope, holders: Holder[]): Promise<boolean> {
  const ledger = new Ledger(await lockJobs(tx, [...new Set(holders.map(({ job_id }) => job_id))]));
  const lost = await loseExecutions(
    tx,
    holders.map((holder) => ({ ...holder, error: null })),
  );
  for (const { job_id, task_name } of lost)
    ledger.step(job_id, { event: "lost", detail: "the worker vanished", metadata: { task: task_name } });
  ledger.fact(...(await wakeWaiting(tx, freedBy(lost))).map(readyAgain));
  await ledger.write(tx);
  return lost.length > 0;
}
