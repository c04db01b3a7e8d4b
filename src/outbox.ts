import { sql } from "kysely";
import type { AuditEntry } from "./audit/entry.ts";
import type { ResultsTx } from "./db/results.ts";

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

/** What an organization's database tells the metadata database; the relay takes it there. */
export type Fact =
  | { topic: "job"; payload: JobFact }
  | { topic: "task_ready"; payload: TaskReadyFact }
  | { topic: "task_gone"; payload: TaskGoneFact }
  | { topic: "audit"; payload: AuditEntry };

/** Writes facts beside the state they tell of, in its transaction. */
export async function insertOutbox(tx: ResultsTx, facts: Fact[]): Promise<void> {
  if (facts.length === 0) return;
  await sql`INSERT INTO outbox (topic, payload)
    SELECT t.topic, t.payload FROM jsonb_to_recordset(${JSON.stringify(facts)}::jsonb) AS t(topic text, payload jsonb)`.execute(
    tx,
  );
}
