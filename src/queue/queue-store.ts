import { type RawBuilder, sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { BirthsFact, FactSource, TaskGoneFact, TaskReadyFact } from "../outbox.ts";
import { type LaneKey, wakeLanes } from "./lanes-store.ts";

/** Workers listen here; the message is the names of the engines that got something to do, with commas between. */
export const TASKS_CHANNEL = "aliquot_tasks";

/**
 * Takes what an organization's database told of its queue: births, then tasks that are ready, then those that are
 * gone; then its lanes are awake and workers called, when this transaction commits. The lanes stay locked until
 * then, so this is the last of it that may wait for anything.
 */
export async function projectQueue(
  tx: MetadataTx,
  source: FactSource,
  told: { births?: BirthsFact[]; ready?: TaskReadyFact[]; gone?: TaskGoneFact[] },
): Promise<void> {
  const { births = [], ready = [], gone = [] } = told;
  for (const birth of births) await insertBirths(tx, source, birth);
  await upsertReady(tx, source, ready);
  await dequeue(tx, source, gone);
  const engines = [...births.flatMap(({ tasks }) => tasks), ...ready].map(({ engine }) => engine);
  await announceTasks(tx, source.org_id, engines);
}

/** Wakes an organization's lanes for these engines, and calls workers that have them. */
export async function announceTasks(tx: MetadataTx, orgId: string, engines: string[]): Promise<void> {
  const distinct = [...new Set(engines)];
  if (distinct.length === 0) return;
  await wakeLanes(
    tx,
    distinct.map((engine): LaneKey => ({ org_id: orgId, engine })),
    { reached: true, call: { channel: TASKS_CHANNEL, message: distinct.toSorted().join(",") } },
  );
}

/** No pause of ours is longer: a time beyond it is a clock that went wrong, and such a task would never be claimed. */
export function noLater(time: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`least(${time}, now() + interval '1 day')`;
}

async function upsertReady(tx: MetadataTx, source: FactSource, ready: TaskReadyFact[]): Promise<void> {
  if (ready.length === 0) return;
  await sql`INSERT INTO task_queue AS q (org_id, job_id, task_name, generation, engine, priority, rank, available_at, fence)
    SELECT ${source.org_id}, f.job_id, f.task_name, ${source.generation}, f.engine, f.priority, f.rank, ${noLater(sql`f.available_at`)}, f.fence
    FROM jsonb_to_recordset(${JSON.stringify(ready)}::jsonb) AS f(job_id uuid, task_name text, engine text,
      priority smallint, rank bigint, available_at timestamptz, fence bigint)
    ON CONFLICT (org_id, job_id, task_name) DO UPDATE SET generation = excluded.generation, engine = excluded.engine,
      priority = excluded.priority, rank = excluded.rank, available_at = excluded.available_at, fence = excluded.fence,
      lease_owner = NULL, lease_expires_at = NULL
    WHERE q.fence <= excluded.fence`.execute(tx);
}

/** Born is ready at once: the time is of the clock of whoever submitted, and one that is ahead delays nothing. */
async function insertBirths(tx: MetadataTx, source: FactSource, births: BirthsFact): Promise<void> {
  await sql`INSERT INTO task_queue AS q (org_id, job_id, task_name, generation, engine, priority, rank, available_at, fence)
    SELECT ${source.org_id}, b.job_id, t.task_name, ${source.generation}, t.engine, ${births.priority},
      ${births.first_rank}::bigint + b.n - 1, least(${births.created_at}::timestamptz, now()), 0
    FROM unnest(${births.job_ids}::uuid[]) WITH ORDINALITY AS b(job_id, n),
      jsonb_to_recordset(${JSON.stringify(births.tasks)}::jsonb) AS t(task_name text, engine text)
    ON CONFLICT (org_id, job_id, task_name) DO UPDATE SET generation = excluded.generation, engine = excluded.engine,
      priority = excluded.priority, rank = excluded.rank, available_at = excluded.available_at, fence = excluded.fence,
      lease_owner = NULL, lease_expires_at = NULL
    WHERE q.generation < excluded.generation AND q.fence <= excluded.fence`.execute(tx);
}

/** Takes tasks out of the queue that are running no more, unless claimed again since. */
export async function dequeue(tx: MetadataTx, source: FactSource, gone: TaskGoneFact[]): Promise<void> {
  if (gone.length === 0) return;
  await sql`DELETE FROM task_queue q
    USING jsonb_to_recordset(${JSON.stringify(gone)}::jsonb) AS f(job_id uuid, task_name text, fence bigint)
    WHERE q.org_id = ${source.org_id} AND q.job_id = f.job_id AND q.task_name = f.task_name AND q.fence <= f.fence`.execute(
    tx,
  );
}
