import { sql } from "kysely";
import { ALIVE_SECONDS } from "../alive.ts";
import type { MetadataDoor } from "../db/metadata.ts";
import type { EngineProbe } from "../engines/engine.ts";

export type WorkerRow = {
  worker_id: string;
  host: string;
  pid: number;
  /** What names the process besides its pid (process-mark.ts). */
  process: string | null;
  version: string;
  engines: string[];
  slots: number;
};

/** Says that a worker is here and what it found, also again; engines' versions go to `task_services`. */
export async function announceWorker(
  metadata: MetadataDoor,
  worker: WorkerRow,
  probes: EngineProbe[],
): Promise<void> {
  await metadata.system(async (tx) => {
    await tx
      .insertInto("workers")
      .values(worker)
      .onConflict((on) => on.column("worker_id").doUpdateSet({ last_seen_at: sql`now()` }))
      .execute();
    for (const probe of probes) {
      await tx
        .updateTable("task_services")
        .set({
          status: probe.found ? "available" : "missing",
          version: probe.found ? probe.install.version : null,
          last_seen_at: sql`now()`,
        })
        .where("name", "=", probe.name)
        .execute();
    }
    await tx
      .deleteFrom("workers")
      .where("last_seen_at", "<", sql<string>`now() - interval '1 day'`)
      .execute();
  });
}

/** A worker that leaves in good order: no leases remain, so its row goes. */
export async function dismissWorker(metadata: MetadataDoor, workerId: string): Promise<void> {
  await metadata.system((tx) => tx.deleteFrom("workers").where("worker_id", "=", workerId).execute());
}

/** Live workers that offer an engine. */
export async function countWorkers(metadata: MetadataDoor, engine: string): Promise<number> {
  return metadata.system(async (tx) => {
    const row = await tx
      .selectFrom("workers")
      .select((eb) => eb.fn.countAll<number>().as("count"))
      .where("last_seen_at", ">", sql<string>`now() - make_interval(secs => ${ALIVE_SECONDS})`)
      .where("draining", "=", false)
      .where(sql<boolean>`${engine} = ANY (engines)`)
      .executeTakeFirstOrThrow();
    return row.count;
  });
}
