import type { ResultsTx } from "../db/results.ts";
import { selectNextRank } from "./births-store.ts";
import type { LockedJob } from "./store.ts";

/**
 * Ranks of locked jobs that come back to the queue: no sooner than a job that their source submitted now, in their
 * order among each other, so that a place from long ago is not before a colleague's. `tasks` are those of them that
 * are ready. A job with none keeps its rank, and is not among them.
 */
export async function laterRanks(
  tx: ResultsTx,
  jobs: LockedJob[],
  tasks: { job_id: string; engine: string }[],
): Promise<Map<string, number>> {
  const engines = new Map(tasks.map(({ job_id, engine }) => [job_id, engine]));
  const back = jobs.filter(({ job_id }) => engines.has(job_id)).toSorted((a, b) => a.rank - b.rank);
  const ranks = new Map<string, number>();
  const sources = Map.groupBy(back, (job) =>
    [job.batch_id ?? job.owner_id, job.priority, engines.get(job.job_id)].join(" "),
  );
  for (const group of sources.values()) {
    const [first] = group;
    if (first === undefined) continue;
    const engine = engines.get(first.job_id) ?? "";
    const next = await selectNextRank(tx, first.batch_id ?? first.owner_id, engine, first.priority);
    for (const [k, job] of group.entries()) ranks.set(job.job_id, Math.max(job.rank, next + k));
  }
  return ranks;
}
