import { sql } from "kysely";
import { jsonb, type ResultsDb, type ResultsTx } from "../db/results.ts";
import { newId } from "../ids.ts";
import type { NewTask } from "../jobs/births-store.ts";
import { counting } from "./progress-store.ts";
import type { Batch } from "./store.ts";

/** Batches that something is to be done for: jobs to make, an end to state, or items of a cancelled one to skip. */
export async function selectOpenBatches(db: ResultsDb): Promise<string[]> {
  const result = await sql<{ batch_id: string }>`
    SELECT batch_id, priority, created_at FROM batch_jobs WHERE status IN ('pending', 'in_progress')
    UNION ALL
    SELECT batch_id, priority, created_at FROM batch_jobs WHERE status = 'cancelled' AND next_item <= total_items
    ORDER BY priority DESC, created_at`.execute(db);
  return result.rows.map((row) => row.batch_id);
}

/** Questions of the items from one number to below another that have no job yet. */
export async function selectQuestions(
  tx: ResultsTx,
  batchId: string,
  [from, to]: [number, number],
): Promise<string[]> {
  const rows = await tx
    .selectFrom("batch_items")
    .select("input_signature")
    .where("batch_id", "=", batchId)
    .where("item_no", ">=", from)
    .where("item_no", "<", to)
    .where("status", "=", "pending")
    .where("input_signature", "is not", null)
    .execute();
  return rows.map((row) => row.input_signature ?? "");
}

/**
 * Completes the items whose question a completed job answers, from one number to below another, and makes the jobs of
 * the others: job, inputs, tasks, first event, and the item's word of it. One statement inside the database: whoever
 * counted twice would hold the last counters while taking the first again, against the order of all others. Returns
 * the jobs by rank, and how many items were answered.
 */
export async function insertWindow(
  tx: ResultsTx,
  batch: Batch,
  [from, to]: [number, number],
  first_rank: number,
  tasks: NewTask[],
  answers: { input_signature: string; job_id: string }[],
): Promise<{ job_ids: string[]; answered: number }> {
  const { batch_id, plan, spec_hash, priority, reuse, project_id, owner_id } = batch;
  const { pipeline, visibility } = plan;
  // Made here: a call of new_id() for each cost more than the list.
  const ids = Array.from({ length: to - from }, newId);
  const questions = answers.map(({ input_signature }) => input_signature);
  const result = await sql<{ count: number; answered: number }>`
    WITH answered AS (
      UPDATE batch_items i SET status = 'completed', job_id = a.job_id
      FROM unnest(${questions}::text[], ${answers.map(({ job_id }) => job_id)}::uuid[]) AS a(input_signature, job_id)
      WHERE i.batch_id = ${batch_id} AND i.item_no >= ${from} AND i.item_no < ${to} AND i.status = 'pending'
        AND i.input_signature = a.input_signature
      RETURNING i.batch_id, i.item_no, 'pending' AS was, i.status
    ), picked AS MATERIALIZED (
      SELECT i.item_no, i.molecule_id, i.structure_id, i.input_key, i.params, i.input_signature, ids.job_id, i.k
      FROM (SELECT *, row_number() OVER (ORDER BY item_no) AS k FROM batch_items
        WHERE batch_id = ${batch_id} AND item_no >= ${from} AND item_no < ${to} AND status = 'pending'
          AND (input_signature IS NULL OR input_signature <> ALL (${questions}::text[]))) AS i
      JOIN unnest(${ids}::uuid[]) WITH ORDINALITY AS ids(job_id, k) ON ids.k = i.k
    ), born AS (
      INSERT INTO jobs (job_id, spec_hash, pipeline_id, pipeline_version_id, pipeline_version, status, input_signature,
        params, timings, priority, rank, seq, reuse, batch_id, project_id, owner_id, visibility)
      SELECT p.job_id, ${spec_hash}, ${pipeline.pipeline_id || null}::uuid, ${pipeline.pipeline_version_id || null}::uuid,
        ${pipeline.version}, 'queued', p.input_signature, ${jsonb(plan.params)} || p.params,
        jsonb_build_object('submitted_at', now()), ${priority}::smallint, ${first_rank}::bigint + p.k - 1, 1, ${reuse},
        ${batch_id}::uuid, ${project_id}::uuid, ${owner_id}::uuid, ${visibility}
      FROM picked p ORDER BY p.k
    ), own AS (
      INSERT INTO job_inputs (job_id, key, molecule_id, structure_id, site_id)
      SELECT job_id, input_key, molecule_id, structure_id, NULL FROM picked
      UNION ALL
      SELECT p.job_id, c.key, c.molecule_id, c.structure_id, c.site_id
      FROM picked p, jsonb_to_recordset(${jsonb(plan.inputs)}) AS c(key text, molecule_id uuid, structure_id uuid, site_id uuid)
    ), work AS (
      INSERT INTO tasks (job_id, task_name, engine, status, depends_left, max_attempts)
      SELECT p.job_id, t.* FROM picked p, jsonb_to_recordset(${jsonb(tasks)})
        AS t(task_name text, engine text, status text, depends_left integer, max_attempts integer)
    ), told AS (
      INSERT INTO job_events (job_id, seq_no, event) SELECT job_id, 1, 'submitted' FROM picked
    ), taken AS (
      UPDATE batch_items i SET status = 'processing', job_id = p.job_id FROM picked p
      WHERE i.batch_id = ${batch_id} AND i.item_no = p.item_no
      RETURNING i.batch_id, i.item_no, 'pending' AS was, i.status
    ), counted AS (${sql.raw(counting("(SELECT * FROM answered UNION ALL SELECT * FROM taken)"))})
    SELECT (SELECT count(*)::int FROM picked) AS count, (SELECT count(*)::int FROM answered) AS answered`.execute(
    tx,
  );
  const [{ count, answered } = { count: 0, answered: 0 }] = result.rows;
  return { job_ids: ids.slice(0, count), answered };
}

/** Leaves out the items of a cancelled batch that have no job, from one number to below another. */
export async function skipItems(tx: ResultsTx, batchId: string, [from, to]: [number, number]): Promise<void> {
  await sql`
    WITH left_out AS (
      UPDATE batch_items SET status = 'skipped',
        error = '{"code": "cancelled", "message": "its batch was cancelled before it had a job"}'
      WHERE batch_id = ${batchId} AND item_no >= ${from} AND item_no < ${to} AND status = 'pending'
      RETURNING batch_id, item_no, 'pending' AS was, status
    ), counted AS (${sql.raw(counting("left_out"))})
    SELECT count(*) FROM left_out`.execute(tx);
}
