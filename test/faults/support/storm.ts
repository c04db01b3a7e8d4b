import { setTimeout as sleep } from "node:timers/promises";
import { toAppError } from "../../../src/errors.ts";
import type { Cleaner } from "../../support/context.ts";
import { checkInvariants } from "../../support/invariants.ts";
import { ask, type OwnServer } from "../../support/server.ts";
import { type Lab, openLab } from "../../support/worker.ts";
import { skipPauses } from "./settle.ts";
import { gather } from "./storm-crew.ts";
import { killAll } from "./storm-kills.ts";
import { type Asked, submitAll, submitBatches } from "./storm-work.ts";

export type StormPlan = {
  seed: number;
  jobs: number;
  /** Items of each of two batches, of which the second asks half the same; a third one is cancelled. */
  items: number;
  /** Processes killed at random moments or at a point, beside the servers. */
  kills: number;
  server_kills: number;
  workers?: number;
  limit_ms: number;
  /** Is told how far it is. */
  report?: (line: string) => void;
};

export type StormReport = {
  /** How often a process was killed, by what it was doing. */
  killed: Map<string, number>;
  jobs: Record<string, number>;
  items: Record<string, number>;
  attempts: Record<string, number>;
  /** Jobs that ended otherwise than they had to. */
  surprises: string[];
  violations: string[];
  acknowledged: number;
  lost: number;
  doubled: number;
  /** What was over when. */
  times: string[];
};

/**
 * Workers of their own processes compute jobs that are submitted meanwhile, while processes are killed outright at
 * random and at the points between the relay's steps, and PostgreSQL too. Afterwards every invariant is asked.
 */
export async function storm(t: Cleaner, server: OwnServer, plan: StormPlan): Promise<StormReport> {
  const began = performance.now();
  // A test server answers before its log is written; here a commit that was answered must outlive it.
  await ask(server.superuser, "postgres", "ALTER ROLE ALL SET synchronous_commit = on");
  const lab = await openLab(t, { server });
  const crew = await gather(t, lab, server, plan);
  const asked: Asked[] = [];
  const since = () => ((performance.now() - began) / 1000).toFixed(1);
  const times = [`ready ${since()} s`];
  const submitting = Promise.all([submitAll(lab, plan, asked), submitBatches(lab, plan)]).then(() =>
    times.push(`submitted ${since()} s`),
  );
  const killed = await killAll(crew, server, plan);
  times.push(`killed ${since()} s`);
  await submitting;
  await crew.calm();
  const end = began + plan.limit_ms;
  const promised = () => ({
    jobs: asked.map((job) => job.job_id),
    cancelled: asked.flatMap((job) => (job.cancelled ? [job.job_id] : [])),
    audited: asked.map(({ job_id }) => ({ action: "jobs.submit", job_id })),
  });
  let violations: string[] = ["nothing was asked"];
  while (violations.length > 0 && performance.now() < end) {
    await sleep(200);
    await skipPauses(lab.context).catch(() => {});
    violations = await checkInvariants(lab.context, promised()).catch((error: unknown) => [
      toAppError(error).message,
    ]);
  }
  times.push(`settled ${since()} s`);
  await crew.end();
  times.push(`ended ${since()} s`);
  return { killed, violations, times, ...(await countUp(lab, asked, violations)) };
}

async function countUp(
  { context, org }: Lab,
  asked: Asked[],
  violations: string[],
): Promise<
  Pick<StormReport, "jobs" | "items" | "attempts" | "surprises" | "acknowledged" | "lost" | "doubled">
> {
  const counts = async (text: string) => {
    const rows = await context.superuser<{ name: string; count: number }>(text, [], org.database_name);
    return Object.fromEntries(rows.map(({ name, count }) => [name, count]));
  };
  const rows = await context.superuser<{ job_id: string; status: string }>(
    "SELECT job_id, status FROM jobs",
    [],
    org.database_name,
  );
  const states = new Map(rows.map(({ job_id, status }) => [job_id, status]));
  const surprises = asked.flatMap(({ job_id, kind, cancelled }) => {
    const due = kind === "fails" ? "failed" : cancelled ? "cancelled" : "completed";
    const status = states.get(job_id);
    return status === due ? [] : [`${kind} job ${job_id} is ${status ?? "lost"}, not ${due}`];
  });
  const of = (...names: string[]) =>
    violations.filter((line) => names.some((name) => line.startsWith(name))).length;
  return {
    jobs: await counts("SELECT status AS name, count(*) FROM jobs GROUP BY 1 ORDER BY 1"),
    items: await counts("SELECT status AS name, count(*) FROM batch_items GROUP BY 1 ORDER BY 1"),
    attempts: await counts("SELECT status AS name, count(*) FROM task_executions GROUP BY 1 ORDER BY 1"),
    surprises,
    acknowledged: asked.length,
    lost: of("acknowledged job lost", "job not ended"),
    doubled: of(
      "completed twice",
      "result not there once",
      "calculations not there once",
      "two jobs for an item",
    ),
  };
}

/** The report as lines for people. */
export function table(plan: StormPlan, report: StormReport): string[] {
  const list = (counts: Iterable<[string, number]>) =>
    [...counts].map(([name, count]) => `${name} ${count}`).join(", ");
  const total = [...report.killed.values()].reduce((sum, count) => sum + count, 0);
  return [
    `seed ${plan.seed}: ${total} killed outright among ${plan.workers ?? 4} workers; ${report.times.join(", ")}`,
    ...[...report.killed]
      .toSorted(([, a], [, b]) => b - a)
      .map(([what, count]) => `  ${String(count).padStart(4)}  ${what}`),
    `jobs: ${report.acknowledged} acknowledged; ${list(Object.entries(report.jobs))}`,
    `items of batches: ${list(Object.entries(report.items))}`,
    `attempts: ${list(Object.entries(report.attempts))}`,
    `lost ${report.lost}, doubled ${report.doubled}, other violations ${report.violations.length - report.lost - report.doubled}`,
  ];
}
