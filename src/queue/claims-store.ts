import { sql } from "kysely";
import type { MetadataDoor, MetadataTx } from "../db/metadata.ts";

/** A task that this worker holds until it lets go or its lease runs out. */
export type Claim = {
  org_id: string;
  generation: number;
  job_id: string;
  task_name: string;
  engine: string;
  fence: number;
  /** Who claimed it: a claim that was given back or taken over is nobody's to change. */
  worker_id: string;
};

/**
 * Claims up to `count` tasks for engines that the worker has: highest priority first, then by rank, past
 * rows that others are claiming. Suspended organizations are left alone. Each claim raises the fence.
 * Fair lanes between organizations take the place of the common order when the job engine brings them.
 */
export async function claimTasks(
  metadata: MetadataDoor,
  worker: { worker_id: string; engines: string[]; lease_seconds: number },
  count: number,
): Promise<Claim[]> {
  const { worker_id, engines, lease_seconds } = worker;
  if (engines.length === 0 || count <= 0) return [];
  return metadata.system(async (tx) => {
    const rows = await sql<Claim>`
      WITH picked AS (
        SELECT q.org_id, q.job_id, q.task_name FROM task_queue q
        JOIN organizations o ON o.org_id = q.org_id AND o.status = 'active'
        WHERE q.lease_owner IS NULL AND q.engine = ANY (${engines}::text[]) AND q.available_at <= now()
        ORDER BY q.priority DESC, q.rank, q.job_id
        LIMIT ${count} FOR UPDATE OF q SKIP LOCKED)
      UPDATE task_queue q SET lease_owner = ${worker_id}, fence = q.fence + 1,
        lease_expires_at = now() + make_interval(secs => ${lease_seconds})
      FROM picked p WHERE q.org_id = p.org_id AND q.job_id = p.job_id AND q.task_name = p.task_name
      RETURNING q.org_id, q.generation, q.job_id, q.task_name, q.engine, q.fence,
        q.lease_owner AS worker_id`.execute(tx);
    return rows.rows;
  });
}

/** Renews the leases of a worker and says that it lives. Returns the claims it still holds, as keys. */
export async function renewLeases(
  metadata: MetadataDoor,
  worker: { worker_id: string; lease_seconds: number },
  held: Claim[],
): Promise<Set<string>> {
  return metadata.system(async (tx) => {
    await tx
      .updateTable("workers")
      .set({ last_seen_at: sql`now()` })
      .where("worker_id", "=", worker.worker_id)
      .execute();
    if (held.length === 0) return new Set<string>();
    const rows = await sql<Claim>`
      UPDATE task_queue q SET lease_expires_at = now() + make_interval(secs => ${worker.lease_seconds})
      FROM jsonb_to_recordset(${JSON.stringify(held)}::jsonb) AS h(org_id uuid, job_id uuid, task_name text, fence bigint)
      WHERE q.org_id = h.org_id AND q.job_id = h.job_id AND q.task_name = h.task_name AND q.fence = h.fence
        AND q.lease_owner = ${worker.worker_id}
      RETURNING q.org_id, q.job_id, q.task_name, q.fence`.execute(tx);
    return new Set(rows.rows.map(claimKey));
  });
}

export function claimKey(claim: Pick<Claim, "org_id" | "job_id" | "task_name" | "fence">): string {
  return `${claim.org_id} ${claim.job_id} ${claim.task_name} ${claim.fence}`;
}

/** Gives a claim back unharmed, to be had again after `delay_seconds`; no attempt was counted. */
export async function releaseClaim(
  metadata: MetadataDoor,
  claim: Claim,
  delay_seconds: number,
): Promise<void> {
  await metadata.system((tx) =>
    mine(tx, claim)
      .set({
        lease_owner: null,
        lease_expires_at: null,
        available_at: sql`now() + make_interval(secs => ${delay_seconds})`,
      })
      .execute(),
  );
}

/** The results database knows a higher fence: the queue row is set to it and given back. */
export async function raiseFence(metadata: MetadataDoor, claim: Claim, fence: number): Promise<void> {
  await metadata.system((tx) =>
    mine(tx, claim).set({ lease_owner: null, lease_expires_at: null, fence }).execute(),
  );
}

/** Takes a row out of the queue whose task needs no running. */
export async function dropClaim(metadata: MetadataDoor, claim: Claim): Promise<void> {
  await metadata.system((tx) =>
    tx
      .deleteFrom("task_queue")
      .where("org_id", "=", claim.org_id)
      .where("job_id", "=", claim.job_id)
      .where("task_name", "=", claim.task_name)
      .where("fence", "=", claim.fence)
      .where("lease_owner", "=", claim.worker_id)
      .execute(),
  );
}

function mine(tx: MetadataTx, claim: Claim) {
  return tx
    .updateTable("task_queue")
    .where("org_id", "=", claim.org_id)
    .where("job_id", "=", claim.job_id)
    .where("task_name", "=", claim.task_name)
    .where("fence", "=", claim.fence)
    .where("lease_owner", "=", claim.worker_id);
}

/**
 * Gives back every lease that ran out, the later the more often that happened to a task: an input that ends
 * its workers must not take them one after another without a pause. Returns how many.
 */
export async function sweepLeases(metadata: MetadataDoor): Promise<number> {
  return metadata.system(async (tx) => {
    const result = await tx
      .updateTable("task_queue")
      .set({
        lease_owner: null,
        lease_expires_at: null,
        available_at: sql`now() + make_interval(secs => least(300, power(2, least(fence, 8))))`,
      })
      .where("lease_expires_at", "<", sql<string>`now()`)
      .executeTakeFirst();
    return Number(result.numUpdatedRows);
  });
}
