import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Logger, run, runMigrations } from "graphile-worker";
import pg from "pg";
import { withClient } from "../src/db/connect.ts";
import { ensureServer } from "../src/db/embedded/server.ts";
import type { Lab } from "./lab.ts";

const DATABASE = "bench_graphile";
/** Tasks at once in its process, as in its own measurements. */
const CONCURRENT = 24;
const SILENT = new Logger(() => () => {});

/** graphile-worker in a database of its own on the lab's server: another queue in PostgreSQL, as the baseline of ours. */
export type Graphile = AsyncDisposable & {
  /** Version and settings, for people. */
  about(batch: number): string;
  /** Seconds from its start until the last of `count` queued tasks that do nothing is out of its table. */
  workOff(count: number, batch: number): Promise<number>;
};

export async function openGraphile({ home }: Lab): Promise<Graphile> {
  const { superuser } = await ensureServer({ home: home.path });
  await withClient(superuser, "bench", (client) => client.query(`CREATE DATABASE ${DATABASE}`));
  const pool = new pg.Pool({ ...superuser, database: DATABASE, max: CONCURRENT });
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  await runMigrations({ pgPool: pool, logger: SILENT });
  return {
    about: (batch) =>
      `graphile-worker ${versionOf("graphile-worker")}: concurrentJobs ${CONCURRENT}, localQueue.size ${batch}, completeJobBatchDelay 0`,
    workOff: (count, batch) => workOff(pool, count, batch),
    [Symbol.asyncDispose]: async () => {
      await pool.end();
      await withClient(superuser, "bench", (client) =>
        client.query(`DROP DATABASE ${DATABASE} WITH (FORCE)`),
      );
    },
  };
}

async function workOff(pool: pg.Pool, count: number, batch: number): Promise<number> {
  await pool.query(
    'SELECT graphile_worker.add_jobs(array_agg(json_populate_record(NULL::graphile_worker.job_spec, \'{"identifier":"noop"}\'))) FROM generate_series(1, $1)',
    [count],
  );
  await pool.query("VACUUM ANALYZE graphile_worker._private_jobs");
  const all = Promise.withResolvers<void>();
  let left = count;
  const noop = async () => {
    if (--left === 0) all.resolve();
  };
  const began = performance.now();
  const runner = await run({
    pgPool: pool,
    taskList: { noop },
    noHandleSignals: true,
    logger: SILENT,
    preset: {
      worker: { concurrentJobs: CONCURRENT, localQueue: { size: batch }, completeJobBatchDelay: 0 },
    },
  });
  await all.promise;
  await runner.stop();
  const seconds = (performance.now() - began) / 1000;
  const { rows } = await pool.query<{ left: number }>(
    "SELECT count(*)::int AS left FROM graphile_worker._private_jobs",
  );
  if (rows[0]?.left !== 0) throw new Error(`graphile-worker left ${rows[0]?.left} tasks in its table`);
  return seconds;
}

/** As pinned here; most packages export no package.json. */
function versionOf(name: string): string {
  const text = readFileSync(join(import.meta.dirname, "../package.json"), "utf8");
  return (JSON.parse(text) as { devDependencies: Record<string, string> }).devDependencies[name] ?? "";
}
