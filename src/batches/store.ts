import { sql } from "kysely";
import { jsonb, type ResultsDb, type ResultsTx } from "../db/results.ts";
import type { JobInput } from "../jobs/submit.ts";
import type { PageWish } from "../paging.ts";
import type { PipelineSpec } from "../pipelines/schema.ts";
import type { PublishedPipeline } from "../pipelines/store.ts";
import type { ReadingOptions, RequestPlan } from "../requests/rules.ts";
import { selectItemCounts } from "./progress-store.ts";
import type { BatchRow, BatchStatus, ItemCounts } from "./schema.ts";

/** First half of the key of the lock that a batch's life is changed under. */
const GATE = 7_242_011;

const gate = (batchId: string) => sql`${sql.lit(GATE)}, hashtext(${batchId}::uuid::text)`;

/**
 * Waits until nobody else makes jobs of a batch, adds to it or changes its state. It is taken before any row is
 * locked, so that rows keep their order: jobs, items, counters, batches.
 */
export async function lockGate(tx: ResultsTx, batchId: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(${gate(batchId)})`.execute(tx);
}

/** The same for several, in one order. */
export async function lockGates(tx: ResultsTx, batchIds: string[]): Promise<void> {
  if (batchIds.length === 0) return;
  await sql`SELECT pg_advisory_xact_lock(${sql.lit(GATE)}, g.key) FROM (SELECT DISTINCT hashtext(b::text) AS key
    FROM unnest(${batchIds}::uuid[]) AS b ORDER BY 1) AS g`.execute(tx);
}

/** Those of these batches of which nothing may run now. */
export async function selectResting(tx: ResultsTx, batchIds: string[]): Promise<Set<string>> {
  if (batchIds.length === 0) return new Set();
  const rows = await tx
    .selectFrom("batch_jobs")
    .select("batch_id")
    .where(sql<boolean>`batch_id = ANY (${batchIds}::uuid[])`)
    .where("status", "in", ["paused", "cancelled"])
    .execute();
  return new Set(rows.map(({ batch_id }) => batch_id));
}

/** The same without waiting: false where somebody else is at it. */
export async function tryGate(tx: ResultsTx, batchId: string): Promise<boolean> {
  const result = await sql<{
    held: boolean;
  }>`SELECT pg_try_advisory_xact_lock(${gate(batchId)}) AS held`.execute(tx);
  return result.rows[0]?.held === true;
}

export type NewBatch = {
  spec_hash: string;
  name: string;
  plan: RequestPlan;
  reuse: boolean;
  priority: number;
  owner_id: string;
};

export async function insertBatch(tx: ResultsTx, batch: NewBatch): Promise<string> {
  const { spec_hash, name, plan, reuse, priority, owner_id } = batch;
  const row = await tx
    .insertInto("batch_jobs")
    .values({
      ...{ spec_hash, name, reuse, priority, owner_id },
      params: jsonb(plan.params),
      inputs: jsonb(plan.inputs),
      options: jsonb(plan.options),
      visibility: plan.visibility,
    })
    .returning("batch_id")
    .executeTakeFirstOrThrow();
  return row.batch_id;
}

/** A batch with all that its jobs are made from. */
export type Batch = {
  batch_id: string;
  status: BatchStatus;
  sealed_at: string | null;
  started_at: string | null;
  total_items: number;
  next_item: number;
  priority: number;
  reuse: boolean;
  owner_id: string;
  project_id: string | null;
  spec_hash: string;
  plan: RequestPlan;
  /** Whether the asker may change it. */
  own: boolean;
};

export async function selectOptionalBatch(db: ResultsDb, batchId: string): Promise<Batch | undefined> {
  const row = await db
    .selectFrom("batch_jobs as b")
    .innerJoin("pipeline_specs as s", "s.spec_hash", "b.spec_hash")
    .select([
      "b.batch_id",
      "b.status",
      "b.sealed_at",
      "b.started_at",
      "b.total_items",
      "b.next_item",
      "b.priority",
    ])
    .select([
      "b.reuse",
      "b.owner_id",
      "b.project_id",
      "b.spec_hash",
      "b.params",
      "b.inputs",
      "b.options",
      "b.visibility",
    ])
    .select(["s.pipeline_id", "s.pipeline_version_id", "s.name", "s.version", "s.spec"])
    .select(sql<boolean>`may_write(b.owner_id)`.as("own"))
    .where("b.batch_id", "=", batchId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const {
    params,
    inputs,
    options,
    visibility,
    name,
    version,
    spec,
    pipeline_id,
    pipeline_version_id,
    ...batch
  } = row;
  const pipeline: PublishedPipeline = {
    pipeline_id: pipeline_id ?? "",
    pipeline_version_id: pipeline_version_id ?? "",
    ...{ name, version },
    spec: spec as unknown as PipelineSpec,
  };
  return {
    ...batch,
    status: batch.status as BatchStatus,
    plan: {
      pipeline,
      params: params as RequestPlan["params"],
      inputs: inputs as unknown as JobInput[],
      visibility: visibility as RequestPlan["visibility"],
      options: options as ReadingOptions,
    },
  };
}

export type BatchChange = {
  status?: BatchStatus;
  total_items?: number;
  next_item?: number;
  started_at?: string;
  ended_at?: string;
  sealed_at?: string;
};

/** Writes what changed of a batch; the caller holds its gate. */
export async function updateBatch(tx: ResultsTx, batchId: string, change: BatchChange): Promise<void> {
  await tx.updateTable("batch_jobs").set(change).where("batch_id", "=", batchId).execute();
}

export type BatchHead = {
  batch_id: string;
  name: string;
  pipeline: string;
  pipeline_version: string;
  engines: string[];
  params: Record<string, unknown>;
  status: BatchStatus;
  priority: number;
  total_items: number;
  sealed_at: string | null;
  options: ReadingOptions;
  error: BatchRow["error"];
  started_at: string | null;
  ended_at: string | null;
  owner_id: string;
  visibility: "private" | "organization";
  created_at: string;
  updated_at: string;
  counts: ItemCounts;
};

const NONE: ItemCounts = { pending: 0, queued: 0, processing: 0, completed: 0, failed: 0, skipped: 0 };

export type BatchFilter = PageWish & { status?: BatchStatus; batch_id?: string };

/** Batches, newest first, by keyset, with their counters. */
export async function selectBatches(db: ResultsDb, filter: BatchFilter): Promise<BatchHead[]> {
  let query = db
    .selectFrom("batch_jobs as b")
    .innerJoin("pipeline_specs as s", "s.spec_hash", "b.spec_hash")
    .select([
      "b.batch_id",
      "b.name",
      "s.name as pipeline",
      "s.version as pipeline_version",
      "b.params",
      "b.status",
    ])
    .select([
      "b.priority",
      "b.total_items",
      "b.sealed_at",
      "b.options",
      "b.error",
      "b.started_at",
      "b.ended_at",
    ])
    .select(["b.owner_id", "b.visibility", "b.created_at", "b.updated_at", "s.spec"])
    .orderBy("b.created_at", "desc")
    .orderBy("b.batch_id", "desc")
    .limit(filter.limit);
  if (filter.batch_id !== undefined) query = query.where("b.batch_id", "=", filter.batch_id);
  if (filter.status !== undefined) query = query.where("b.status", "=", filter.status);
  if (filter.before !== undefined) {
    const { at, id } = filter.before;
    query = query.where(sql<boolean>`(b.created_at, b.batch_id) < (${at}::timestamptz, ${id}::uuid)`);
  }
  const rows = await query.execute();
  const counts = await selectItemCounts(
    db,
    rows.map((row) => row.batch_id),
  );
  return rows.map(({ spec, ...row }) => {
    const { tasks } = spec as unknown as PipelineSpec;
    const engines = [...new Set(Object.values(tasks).map(({ engine }) => engine))];
    return { ...row, engines, counts: counts.get(row.batch_id) ?? NONE } as BatchHead;
  });
}
