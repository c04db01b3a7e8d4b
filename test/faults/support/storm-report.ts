import type { Lab } from "../../support/worker.ts";
import type { StormPlan } from "./storm.ts";
import type { AskedBatches } from "./storm-batches.ts";
import type { Killed } from "./storm-kills.ts";
import type { Asked } from "./storm-work.ts";

export type Counts = Record<string, number>;

export type StormReport = {
  killed: Killed;
  /** What people did to batches. */
  deeds: Map<string, number>;
  jobs: Counts;
  items: Counts;
  batches: Counts;
  attempts: Counts;
  /** Jobs and batches that ended otherwise than they had to. */
  surprises: string[];
  violations: string[];
  acknowledged: number;
  lost: number;
  doubled: number;
  /** What was over when. */
  times: string[];
};

/** What became of everything that was asked. */
export async function countUp(
  { context, org }: Lab,
  asked: Asked[],
  batches: AskedBatches,
  violations: string[],
): Promise<Omit<StormReport, "killed" | "violations" | "times">> {
  const ask = <R extends object>(text: string) => context.superuser<R>(text, [], org.database_name);
  const counts = async (table: string) => {
    const rows = await ask<{ name: string; count: number }>(
      `SELECT status AS name, count(*) FROM ${table} GROUP BY 1 ORDER BY 1`,
    );
    return Object.fromEntries(rows.map(({ name, count }) => [name, count]));
  };
  const states = async (id: string, table: string) => {
    const rows = await ask<{ id: string; status: string }>(`SELECT ${id} AS id, status FROM ${table}`);
    return new Map(rows.map((row) => [row.id, row.status]));
  };
  const jobStates = await states("job_id", "jobs");
  const batchStates = await states("batch_id", "batch_jobs");
  const of = (...names: string[]) =>
    violations.filter((line) => names.some((name) => line.startsWith(name))).length;
  return {
    deeds: batches.deeds,
    jobs: await counts("jobs"),
    items: await counts("batch_items"),
    batches: await counts("batch_jobs"),
    attempts: await counts("task_executions"),
    surprises: [
      ...asked.flatMap(({ job_id, kind, cancelled }) => {
        const due = kind === "fails" ? "failed" : cancelled ? "cancelled" : "completed";
        const status = jobStates.get(job_id);
        return status === due ? [] : [`${kind} job ${job_id} is ${status ?? "lost"}, not ${due}`];
      }),
      ...batches.all.flatMap(({ batch_id, name, cancelled }) => {
        const due = cancelled ? "cancelled" : "completed";
        const status = batchStates.get(batch_id);
        return status === due ? [] : [`batch ${name} is ${status ?? "lost"}, not ${due}`];
      }),
    ],
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
  const { doing, programs } = report.killed;
  const total = [...doing.values()].reduce((sum, count) => sum + count, 0);
  return [
    `seed ${plan.seed}: ${total} killed outright, ${programs} of them with a program running, among ${plan.workers ?? 4} workers; ${report.times.join(", ")}`,
    ...[...doing]
      .toSorted(([, a], [, b]) => b - a)
      .map(([what, count]) => `  ${String(count).padStart(4)}  ${what}`),
    `jobs: ${report.acknowledged} acknowledged; ${list(Object.entries(report.jobs))}`,
    `batches: ${list(Object.entries(report.batches))}; done to them: ${list(report.deeds)}`,
    `items of batches: ${list(Object.entries(report.items))}`,
    `attempts: ${list(Object.entries(report.attempts))}`,
    `lost ${report.lost}, doubled ${report.doubled}, other violations ${report.violations.length - report.lost - report.doubled}, surprises ${report.surprises.length}`,
  ];
}
