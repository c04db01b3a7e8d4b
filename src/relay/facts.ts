import { type AuditEntry, belongsToChain } from "../audit/entry.ts";
import type { BirthsFact, JobFact, TaskGoneFact, TaskReadyFact } from "../outbox.ts";
import { isBirths, isJob, isTaskGone, isTaskReady } from "./fact-rules.ts";
import type { OutboxRow } from "./outbox-store.ts";

/** What a group of rows tells, ready to be projected: births first, of all else the last word. */
export type Told = {
  births: BirthsFact[];
  jobs: JobFact[];
  ready: TaskReadyFact[];
  gone: TaskGoneFact[];
  audit: AuditEntry[];
};

type One = { topic: string; payload: unknown };
type Queued = { topic: "task_ready"; payload: TaskReadyFact } | { topic: "task_gone"; payload: TaskGoneFact };

/**
 * Reads rows in their order; of one job, and of one task's place in the queue, only the last fact counts. Births
 * come first: what follows of their jobs was told after them. A row that holds a fact which is not of its shape
 * tells nothing at all: an organization's rows are written by its own people, and some may lie.
 */
export function readFacts(rows: OutboxRow[], orgId: string): { told: Told; refused: number[] } {
  const refused: number[] = [];
  const births: BirthsFact[] = [];
  const audit: AuditEntry[] = [];
  const jobs = new Map<string, JobFact>();
  const queue = new Map<string, Queued>();
  for (const row of rows) {
    const facts = factsOf(row);
    if (facts === undefined || !facts.every((fact) => isFact(fact, orgId))) {
      refused.push(row.outbox_id);
      continue;
    }
    for (const { topic, payload } of facts) {
      if (topic === "births") births.push(payload as BirthsFact);
      else if (topic === "audit") audit.push(payload as AuditEntry);
      else if (topic === "job") setLast(jobs, (payload as JobFact).job_id, payload as JobFact);
      else {
        const fact = { topic, payload } as Queued;
        setLast(queue, `${fact.payload.job_id} ${fact.payload.task_name}`, fact);
      }
    }
  }
  const latest = [...queue.values()];
  const ready = latest.flatMap((fact) => (fact.topic === "task_ready" ? [fact.payload] : []));
  const gone = latest.flatMap((fact) => (fact.topic === "task_gone" ? [fact.payload] : []));
  return { told: { births, jobs: [...jobs.values()], ready, gone, audit }, refused };
}

/** How many facts a row holds: those of births count as many as their jobs. */
export function countFacts(row: OutboxRow): number {
  const { facts, job_ids } = (row.payload ?? {}) as { facts?: unknown; job_ids?: unknown };
  if (row.topic === "facts" && Array.isArray(facts)) return facts.length;
  return row.topic === "births" && Array.isArray(job_ids) ? job_ids.length : 1;
}

/** The facts of a row; undefined where it is none of ours. */
function factsOf({ topic, payload }: OutboxRow): One[] | undefined {
  if (topic !== "facts") return [{ topic, payload }];
  const { facts } = (payload ?? {}) as { facts?: unknown };
  if (!Array.isArray(facts)) return undefined;
  const grouped = facts.every((fact: Partial<One> | null) => GROUPED.includes(fact?.topic ?? ""));
  return grouped ? (facts as One[]) : undefined;
}

const GROUPED = ["job", "task_ready", "task_gone"];

function isFact({ topic, payload }: One, orgId: string): boolean {
  if (typeof payload !== "object" || payload === null) return false;
  switch (topic) {
    case "job":
      return isJob(payload);
    case "task_ready":
      return isTaskReady(payload);
    case "task_gone":
      return isTaskGone(payload);
    case "births":
      return isBirths(payload);
    default:
      return topic === "audit" && belongsToChain(payload, orgId);
  }
}

/** The latest comes last, also in the order in which it is written. */
function setLast<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
}
