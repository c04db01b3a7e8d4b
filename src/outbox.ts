import { sql } from "kysely";
import type { AuditEntry } from "./audit/entry.ts";
import type { ResultsTx, Writing } from "./db/results.ts";

/** Which organization and which generation of its database facts come from. */
export type FactSource = { org_id: string; generation: number };

export type JobFact = {
  job_id: string;
  pipeline_id: string | null;
  pipeline_version_id: string | null;
  submitted_by: string;
  status: string;
  priority: number;
  seq: number;
  /** Owner of a private job; null where the organization may see it. */
  private_to: string | null;
  created_at: string;
  updated_at: string;
};

export type TaskReadyFact = {
  job_id: string;
  task_name: string;
  engine: string;
  priority: number;
  rank: number;
  available_at: string;
  fence: number;
};

export type TaskGoneFact = { job_id: string; task_name: string; fence: number };

/**
 * Jobs of one recipe that were born together: `job_ids[k]` has rank `first_rank + k`, seq 1, and each of `tasks`
 * ready at `created_at` under fence 0.
 */
export type BirthsFact = {
  pipeline_id: string | null;
  pipeline_version_id: string | null;
  submitted_by: string;
  status: "queued";
  priority: number;
  private_to: string | null;
  created_at: string;
  first_rank: number;
  tasks: { task_name: string; engine: string }[];
  job_ids: string[];
};

/** What is told of one job or task, and may share a row with others. */
export type StateFact =
  | { topic: "job"; payload: JobFact }
  | { topic: "task_ready"; payload: TaskReadyFact }
  | { topic: "task_gone"; payload: TaskGoneFact };

/** What an organization's database tells the metadata database; the relay takes it there. */
export type Fact =
  | StateFact
  | { topic: "births"; payload: BirthsFact }
  | { topic: "audit"; payload: AuditEntry };

/** Facts that one row holds at most. */
export const FACTS_A_ROW = 500;
/** Jobs that one row of births holds at most. */
export const BIRTHS_A_ROW = 1000;

type Row = { topic: string; payload: unknown };

/** Transactions that told of jobs or tasks. */
const WITH_WORK = new WeakSet<ResultsTx>();

/** Whether a transaction told of jobs or tasks, and not only what the audit log is to know. */
export function hasToldOfWork(tx: ResultsTx): boolean {
  return WITH_WORK.has(tx);
}

/**
 * Writes facts beside the state they tell of, in its transaction, in their order. What is told of jobs and tasks
 * in one call shares a row: a row a fact cost more than the fact (docs/adr/0037).
 */
export async function insertOutbox(tx: ResultsTx, facts: Fact[]): Promise<void> {
  await outboxInsert(tx, facts)?.execute(tx);
}

/** The same, for who writes something else in the same statement of that transaction. */
export function outboxInsert(tx: ResultsTx, facts: Fact[]): Writing {
  if (facts.length === 0) return undefined;
  if (facts.some(({ topic }) => topic !== "audit")) WITH_WORK.add(tx);
  return sql`INSERT INTO outbox (topic, payload)
    SELECT t.topic, t.payload FROM jsonb_to_recordset(${JSON.stringify(packed(facts))}::jsonb)
      AS t(topic text, payload jsonb)`;
}

function packed(facts: Fact[]): Row[] {
  const rows: Row[] = [];
  let open: StateFact[] = [];
  const close = () => {
    const [only, ...more] = open;
    if (only !== undefined)
      rows.push(more.length === 0 ? only : { topic: "facts", payload: { facts: open } });
    open = [];
  };
  for (const fact of facts) {
    if (fact.topic === "births" || fact.topic === "audit") {
      close();
      rows.push(...(fact.topic === "births" ? portions(fact.payload) : [fact]));
      continue;
    }
    open.push(fact);
    if (open.length === FACTS_A_ROW) close();
  }
  close();
  return rows;
}

function portions(births: BirthsFact): Row[] {
  const { job_ids, first_rank } = births;
  return Array.from({ length: Math.ceil(job_ids.length / BIRTHS_A_ROW) }, (_, index) => {
    const from = index * BIRTHS_A_ROW;
    return {
      topic: "births",
      payload: {
        ...births,
        first_rank: first_rank + from,
        job_ids: job_ids.slice(from, from + BIRTHS_A_ROW),
      },
    };
  });
}
