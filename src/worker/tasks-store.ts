import { sql } from "kysely";
import type { ResultsTx } from "../db/results.ts";
import type { PipelineSpec, TaskOutputs } from "../pipelines/schema.ts";

export type TaskKey = { job_id: string; task_name: string };

export type LockedTask = TaskKey & {
  status: string;
  fence: number;
  attempt: number;
  max_attempts: number;
  /** Of a ready task: that of the identical one which it waits for. */
  signature: string | null;
};

/** Name of a task among those of many jobs. */
export function taskKey({ job_id, task_name }: TaskKey): string {
  return `${job_id} ${task_name}`;
}

/** Columns of rows as arrays for `unnest`: a third of the time that the same rows take as JSON. */
export function columns<R, K extends keyof R>(rows: R[], ...names: K[]): { [N in K]: R[N][] } {
  return Object.fromEntries(names.map((name) => [name, rows.map((row) => row[name])])) as {
    [N in K]: R[N][];
  };
}

/** Tasks under lock, in one order everywhere; those that are not there are left out. The jobs are locked before. */
export async function lockTasks(tx: ResultsTx, keys: TaskKey[]): Promise<Map<string, LockedTask>> {
  const { job_id, task_name } = columns(keys, "job_id", "task_name");
  const { rows } = await sql<LockedTask>`
    SELECT t.job_id, t.task_name, t.status, t.fence, t.attempt, t.max_attempts, t.signature
    FROM tasks t JOIN unnest(${job_id}::uuid[], ${task_name}::text[]) AS k(job_id, task_name)
      ON t.job_id = k.job_id AND t.task_name = k.task_name
    ORDER BY t.job_id, t.task_name FOR UPDATE OF t`.execute(tx);
  return new Map(rows.map((row) => [taskKey(row), row]));
}

export type Start = TaskKey & { exec_id: string; fence: number; private_to: string | null };

/** Counts the attempts, turns tasks running under their fences, and opens an execution for each. */
export async function startRows(tx: ResultsTx, starts: Start[], workerId: string): Promise<void> {
  const rows = columns(starts, "job_id", "task_name", "exec_id", "fence", "private_to");
  await sql`WITH begun AS (
      UPDATE tasks t SET status = 'running', fence = s.fence, attempt = t.attempt + 1, current_exec_id = s.exec_id,
        signature = NULL
      FROM unnest(${rows.job_id}::uuid[], ${rows.task_name}::text[], ${rows.exec_id}::uuid[], ${rows.fence}::bigint[],
        ${rows.private_to}::uuid[]) AS s(job_id, task_name, exec_id, fence, private_to)
      WHERE t.job_id = s.job_id AND t.task_name = s.task_name
      RETURNING t.job_id, t.task_name, t.attempt, s.exec_id, s.fence, s.private_to)
    INSERT INTO task_executions (exec_id, job_id, task_name, attempt, status, fence, worker_id, retries, private_to)
    SELECT exec_id, job_id, task_name, attempt, 'running', fence, ${workerId}, attempt - 1, private_to FROM begun`.execute(
    tx,
  );
}

/** Gives locked tasks the fences of claims that start nothing: what is told of them later is heard. */
export async function takeFences(tx: ResultsTx, claims: (TaskKey & { fence: number })[]): Promise<void> {
  if (claims.length === 0) return;
  const { job_id, task_name, fence } = columns(claims, "job_id", "task_name", "fence");
  await sql`UPDATE tasks t SET fence = k.fence
    FROM unnest(${job_id}::uuid[], ${task_name}::text[], ${fence}::bigint[]) AS k(job_id, task_name, fence)
    WHERE t.job_id = k.job_id AND t.task_name = k.task_name`.execute(tx);
}

export type LostExecution = TaskKey & { signature: string | null };

/** Signatures that nobody computes now. */
export function freedBy(lost: LostExecution[]): { signature: string; answers: false }[] {
  return lost.flatMap(({ signature }) => (signature === null ? [] : [{ signature, answers: false }]));
}

/** Marks the open executions of tasks as lost, or only one of them that is named, in one order. Returns those that were open. */
export async function loseExecutions(
  tx: ResultsTx,
  tasks: (TaskKey & { error: object | null; exec_id?: string })[],
): Promise<LostExecution[]> {
  if (tasks.length === 0) return [];
  const { job_id, task_name } = columns(tasks, "job_id", "task_name");
  const execs = tasks.map(({ exec_id }) => exec_id ?? null);
  const errors = tasks.map(({ error }) => (error === null ? null : JSON.stringify(error)));
  const { rows } = await sql<LostExecution>`
    UPDATE task_executions e SET status = 'lost', ended_at = now(), error_kind = 'lost_lease', error = o.error
    FROM (SELECT x.exec_id, k.error FROM task_executions x
      JOIN unnest(${job_id}::uuid[], ${task_name}::text[], ${errors}::jsonb[], ${execs}::uuid[])
        AS k(job_id, task_name, error, exec_id)
        ON x.job_id = k.job_id AND x.task_name = k.task_name AND x.exec_id = coalesce(k.exec_id, x.exec_id)
      WHERE x.status = 'running' ORDER BY x.exec_id FOR UPDATE OF x) AS o
    WHERE e.exec_id = o.exec_id
    RETURNING e.job_id, e.task_name, e.signature`.execute(tx);
  return rows;
}

/** What a job of tasks about to run was made from; `outputs` is what its completed tasks hand on, by name. */
export type JobMaterial = {
  job_id: string;
  spec_hash: string;
  pipeline_version: string;
  params: Record<string, unknown>;
  inputs: { key: string; molecule_id: string | null; structure_id: string | null; site_id: string | null }[];
  outputs: Record<string, TaskOutputs>;
};

/** A task that was answered from the cache hands on what the execution behind it did. */
export async function selectMaterial(tx: ResultsTx, jobIds: string[]): Promise<JobMaterial[]> {
  const { rows } = await sql<JobMaterial>`
    SELECT j.job_id, j.spec_hash, j.pipeline_version, j.params,
      coalesce((SELECT jsonb_agg(jsonb_build_object('key', i.key, 'molecule_id', i.molecule_id, 'structure_id', i.structure_id,
        'site_id', i.site_id) ORDER BY i.key) FROM job_inputs i WHERE i.job_id = j.job_id), '[]') AS inputs,
      coalesce((SELECT jsonb_object_agg(e.task_name, coalesce(r.result_data -> 'outputs', '{}'))
        FROM tasks t JOIN task_executions e ON e.exec_id = t.current_exec_id AND e.job_id = t.job_id
          AND e.task_name = t.task_name
        JOIN task_results r ON r.exec_id = coalesce(e.cached_from, e.exec_id)
        WHERE t.job_id = j.job_id AND t.status = 'completed'), '{}') AS outputs
    FROM jobs j WHERE j.job_id = ANY (${jobIds}::uuid[])`.execute(tx);
  return rows;
}

export async function selectSpecs(tx: ResultsTx, hashes: string[]): Promise<Map<string, PipelineSpec>> {
  const { rows } = await sql<{ spec_hash: string; spec: PipelineSpec }>`
    SELECT spec_hash, spec FROM pipeline_specs WHERE spec_hash = ANY (${[...new Set(hashes)]}::text[])`.execute(
    tx,
  );
  return new Map(rows.map((row) => [row.spec_hash, row.spec]));
}

export type Completion = TaskKey & { exec_id: string; fence: number; signature: string };

/** Name of an attempt at a task under its fence. */
export function attemptKey(attempt: Omit<Completion, "signature">): string {
  return `${taskKey(attempt)} ${attempt.fence} ${attempt.exec_id}`;
}

/**
 * Completes tasks that still run under these fences and executions; the others are not changed. Returns the keys of
 * those that were ours, by attempt: two attempts at one task may be handed over together.
 */
export async function completeTasks(tx: ResultsTx, completions: Completion[]): Promise<Set<string>> {
  const rows = columns(completions, "job_id", "task_name", "exec_id", "fence", "signature");
  const done = await sql<Omit<Completion, "signature">>`
    UPDATE tasks t SET status = 'completed', signature = c.signature
    FROM unnest(${rows.job_id}::uuid[], ${rows.task_name}::text[], ${rows.exec_id}::uuid[], ${rows.fence}::bigint[],
      ${rows.signature}::text[]) AS c(job_id, task_name, exec_id, fence, signature)
    WHERE t.job_id = c.job_id AND t.task_name = c.task_name AND t.status = 'running' AND t.fence = c.fence
      AND t.current_exec_id = c.exec_id
      AND EXISTS (SELECT FROM task_executions e WHERE e.exec_id = c.exec_id AND e.status = 'running')
    RETURNING t.job_id, t.task_name, t.fence, c.exec_id`.execute(tx);
  return new Set(done.rows.map(attemptKey));
}

export type ReadyTask = TaskKey & { engine: string; fence: number; available_at: string };

/** Counts completed tasks off from those after them. Returns the ones that wait for nothing more. */
export async function countOff(tx: ResultsTx, after: TaskKey[]): Promise<ReadyTask[]> {
  if (after.length === 0) return [];
  const { job_id, task_name } = columns(after, "job_id", "task_name");
  const { rows } = await sql<ReadyTask & { status: string }>`
    UPDATE tasks t SET depends_left = t.depends_left - a.done, available_at = now(),
      status = CASE WHEN t.depends_left = a.done THEN 'ready' ELSE t.status END
    FROM (SELECT job_id, task_name, count(*)::integer AS done
      FROM unnest(${job_id}::uuid[], ${task_name}::text[]) AS k(job_id, task_name) GROUP BY 1, 2) AS a
    WHERE t.job_id = a.job_id AND t.task_name = a.task_name AND t.status = 'waiting'
    RETURNING t.job_id, t.task_name, t.engine, t.fence, t.available_at, t.status`.execute(tx);
  return rows.filter((row) => row.status === "ready");
}

export type PutBack = TaskKey & { exec_id: string; fence: number };

/**
 * Makes a task ready again whose attempt came to nothing through no fault of its own, and does not hold the attempt
 * against it. Undefined where the task is no longer ours.
 */
export async function putBackTask(
  tx: ResultsTx,
  { job_id, task_name, exec_id, fence }: PutBack,
  { seconds, signature }: { seconds: number; signature: string | null },
): Promise<ReadyTask | undefined> {
  const { rows } = await sql<ReadyTask>`
    UPDATE tasks SET status = 'ready', available_at = now() + make_interval(secs => ${seconds}),
      max_attempts = max_attempts + 1, signature = ${signature}
    WHERE job_id = ${job_id} AND task_name = ${task_name} AND status = 'running' AND fence = ${fence}
      AND current_exec_id = ${exec_id}
    RETURNING job_id, task_name, engine, fence, available_at`.execute(tx);
  return rows[0];
}

/**
 * Ends a task's attempt: ready again after `seconds`, or failed for good where that is null. One that is not counted
 * leaves as many as there were. Undefined where the task is no longer ours.
 */
export async function endTask(
  tx: ResultsTx,
  { job_id, task_name, exec_id, fence }: PutBack,
  { seconds, counted }: { seconds: number | null; counted: boolean },
): Promise<ReadyTask | undefined> {
  const { rows } = await sql<ReadyTask>`
    UPDATE tasks SET status = ${seconds === null ? "failed" : "ready"},
      max_attempts = max_attempts + ${counted ? 0 : 1},
      available_at = CASE WHEN ${seconds}::float8 IS NULL THEN available_at ELSE now() + make_interval(secs => ${seconds}) END
    WHERE job_id = ${job_id} AND task_name = ${task_name} AND status = 'running' AND fence = ${fence}
      AND current_exec_id = ${exec_id}
    RETURNING job_id, task_name, engine, fence, available_at`.execute(tx);
  return rows[0];
}

/** Fails tasks that no attempt is left to, under the fences of the claims that found it. */
export async function failTasks(tx: ResultsTx, keys: (TaskKey & { fence: number })[]): Promise<void> {
  const { job_id, task_name, fence } = columns(keys, "job_id", "task_name", "fence");
  await sql`UPDATE tasks t SET status = 'failed', fence = k.fence
    FROM unnest(${job_id}::uuid[], ${task_name}::text[], ${fence}::bigint[]) AS k(job_id, task_name, fence)
    WHERE t.job_id = k.job_id AND t.task_name = k.task_name`.execute(tx);
}
