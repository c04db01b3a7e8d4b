import { type EndedJob, settleItems } from "../batches/settle.ts";
import { type ResultsTx, writeTogether } from "../db/results.ts";
import { eventLogsInsert, type NewEvent as LogEntry } from "../events/log.ts";
import { eventsInsert, type JobChange, type LockedJob, type NewEvent, updateJobs } from "../jobs/store.ts";
import { type Fact, outboxInsert } from "../outbox.ts";
import { type JobOutcome, outcomeChange, outcomeEvents } from "./outcome.ts";

type Step = Omit<NewEvent, "job_id" | "seq_no">;
type Change = Partial<Pick<JobChange, "status" | "error" | "timings" | "metrics">>;
type Page = { job: LockedJob; steps: Step[]; change: Change };

/**
 * What a transaction does to jobs, kept until all of it is known and then written together: events with dense
 * numbers, the jobs' rows, batches, the log and the facts, a statement each whatever the number of jobs.
 */
export class Ledger {
  readonly #pages: Map<string, Page>;
  readonly #facts: Fact[] = [];
  readonly #log: LogEntry[] = [];
  readonly #ended: EndedJob[] = [];

  /** `jobs` are under lock. */
  constructor(jobs: LockedJob[]) {
    this.#pages = new Map(jobs.map((job) => [job.job_id, { job, steps: [], change: {} }]));
  }

  job(jobId: string): LockedJob | undefined {
    return this.#pages.get(jobId)?.job;
  }

  step(jobId: string, step: Step): void {
    this.#pages.get(jobId)?.steps.push(step);
  }

  change(jobId: string, change: Change): void {
    const page = this.#pages.get(jobId);
    if (page === undefined) return;
    const metrics = { ...page.change.metrics, ...change.metrics };
    const timings = { ...page.change.timings, ...change.timings };
    page.change = { ...page.change, ...change, metrics, timings };
  }

  /** How a job stands after a task of it ended, with the event and the batch's item where that ended it. */
  outcome(jobId: string, outcome: JobOutcome): void {
    for (const step of outcomeEvents(outcome)) this.step(jobId, step);
    this.change(jobId, outcomeChange(outcome));
    if (outcome.status === "running" || this.job(jobId)?.batch_id == null) return;
    if (outcome.status === "completed") this.#ended.push({ job_id: jobId, status: "completed" });
    else {
      const { code, message } = outcome.error;
      this.#ended.push({ job_id: jobId, status: "failed", error: { code, message } });
    }
  }

  fact(...facts: Fact[]): void {
    this.#facts.push(...facts);
  }

  log(...entries: LogEntry[]): void {
    this.#log.push(...entries);
  }

  /** Writes it all, in the order of locks. */
  async write(tx: ResultsTx): Promise<void> {
    const pages = [...this.#pages.values()].filter(({ steps }) => steps.length > 0);
    const events = pages.flatMap(({ job, steps }) =>
      steps.map((step, index) => ({ job_id: job.job_id, seq_no: job.seq + 1 + index, ...step })),
    );
    const told = await updateJobs(
      tx,
      pages.map(({ job, steps, change }) => ({
        job,
        status: job.status,
        ...change,
        seq: job.seq + steps.length,
      })),
    );
    await settleItems(tx, this.#ended);
    const facts = [...told.map((payload): Fact => ({ topic: "job", payload })), ...this.#facts];
    await writeTogether(tx, [eventsInsert(events), eventLogsInsert(this.#log), outboxInsert(tx, facts)]);
  }
}
