import { sql } from "kysely";
import { jsonb, type ResultsTx, type Writing } from "../db/results.ts";
import { columns, type TaskKey } from "./tasks-store.ts";

export type CompletedExecution = TaskKey & {
  exec_id: string;
  /** Null where identical tasks were not to be asked. */
  signature: string | null;
  logs_uri: string | null;
  wall_seconds: number;
  cpu_seconds: number | null;
  service_name: string;
  schema_version: string;
  confidence_score: number;
  checks: object[];
  result_data: object;
};

/** Closes executions that completed and keeps the summary of each. */
export async function completeExecutions(tx: ResultsTx, executions: CompletedExecution[]): Promise<void> {
  if (executions.length === 0) return;
  await sql`WITH done AS (
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(executions)}::jsonb) AS d(exec_id uuid, job_id uuid, task_name text,
        signature text, logs_uri text, wall_seconds float8, cpu_seconds float8, service_name text, schema_version text,
        confidence_score float8, checks jsonb, result_data jsonb)),
    closed AS (
      UPDATE task_executions e SET status = 'completed', ended_at = now(), signature = d.signature, logs_uri = d.logs_uri,
        wall_seconds = d.wall_seconds, cpu_seconds = d.cpu_seconds
      FROM (SELECT x.exec_id FROM task_executions x JOIN done USING (exec_id) WHERE x.status = 'running'
        ORDER BY x.exec_id FOR UPDATE OF x) AS o JOIN done d USING (exec_id)
      WHERE e.exec_id = o.exec_id)
    INSERT INTO task_results (exec_id, job_id, task_name, service_name, schema_version, confidence_score, checks, result_data)
    SELECT exec_id, job_id, task_name, service_name, schema_version, confidence_score, checks, result_data FROM done`.execute(
    tx,
  );
}

export type CachedExecution = TaskKey & { exec_id: string; signature: string; canonical_exec_id: string };

/**
 * Closes executions that an earlier one answered. Its rows and files are linked and never copied: `cached_from` says
 * whose results these are, and the outputs name the same bytes. For one statement with what else is written.
 */
export function fromCacheWritings(executions: CachedExecution[]): Writing[] {
  const rows = columns(executions, "job_id", "task_name", "exec_id", "signature", "canonical_exec_id");
  const hits = sql`unnest(${rows.job_id}::uuid[], ${rows.task_name}::text[], ${rows.exec_id}::uuid[],
    ${rows.signature}::text[], ${rows.canonical_exec_id}::uuid[]) AS h(job_id, task_name, exec_id, signature, from_exec_id)`;
  const closed = sql`UPDATE task_executions e SET status = 'completed', ended_at = now(), signature = h.signature,
      cached_from = h.from_exec_id, wall_seconds = 0, cpu_seconds = 0
    FROM ${hits} WHERE e.exec_id = h.exec_id AND e.status = 'running'`;
  const linked = sql`INSERT INTO job_outputs (job_id, key, uri, content_type, size_bytes, checksum, molecule_id, structure_id)
    SELECT h.job_id, h.task_name || substr(o.key, char_length(c.task_name) + 1), o.uri, o.content_type, o.size_bytes,
      o.checksum, o.molecule_id, o.structure_id
    FROM ${hits} JOIN task_executions c ON c.exec_id = h.from_exec_id
    JOIN job_outputs o ON o.job_id = c.job_id AND starts_with(o.key, c.task_name || '/')`;
  return [closed, linked];
}

/** Of structures, those that are there and were made by that job. */
export async function selectMade(
  tx: ResultsTx,
  structures: { structure_id: string; job_id: string }[],
): Promise<Set<string>> {
  if (structures.length === 0) return new Set();
  const { structure_id, job_id } = columns(structures, "structure_id", "job_id");
  const { rows } = await sql<{ structure_id: string }>`SELECT s.structure_id
    FROM unnest(${structure_id}::uuid[], ${job_id}::text[]) AS k(structure_id, job_id)
    JOIN structures s ON s.structure_id = k.structure_id AND s.source = 'job:' || k.job_id`.execute(tx);
  return new Set(rows.map((row) => row.structure_id));
}

/** How many attempts at a task failed or lost their worker. */
export async function countFailures(tx: ResultsTx, { job_id, task_name }: TaskKey): Promise<number> {
  const row = await tx
    .selectFrom("task_executions")
    .select((e) => e.fn.countAll<number>().as("failures"))
    .where("job_id", "=", job_id)
    .where("task_name", "=", task_name)
    .where("status", "in", ["failed", "lost"])
    .executeTakeFirstOrThrow();
  return Number(row.failures);
}

/** Ends an attempt without a result. Returns the signature by which others may have waited for it. */
export async function endExecution(
  tx: ResultsTx,
  exec_id: string,
  end: { status: "failed" | "cancelled"; error_kind?: string; error?: object; logs_uri?: string | null },
): Promise<string | null> {
  const row = await tx
    .updateTable("task_executions")
    .set({
      status: end.status,
      ended_at: sql`now()`,
      error_kind: end.error_kind ?? null,
      error: end.error === undefined ? null : jsonb(end.error),
      logs_uri: end.logs_uri ?? null,
    })
    .where("exec_id", "=", exec_id)
    .returning("signature")
    .executeTakeFirst();
  return row?.signature ?? null;
}
