import { statfsSync } from "node:fs";
import { sql } from "kysely";
import { ALIVE_SECONDS } from "../alive.ts";
import type { Context } from "../context.ts";
import { toAppError } from "../errors.ts";
import { selectPlaces } from "../orgs/store.ts";
import { selectQueueHealth } from "./store.ts";

export type Status = "ok" | "degraded" | "down";
export type Check = { name: string; status: Status; latency_ms: number | null; detail: string };
export type Health = { status: Status; checks: Check[] };

const LOW_DISK_BYTES = 1024 ** 3;
const OLD_FACT_SECONDS = 60;
const OLD_TASK_SECONDS = 600;

/** Looks at everything a running installation needs. A database that is down is a check that says so. */
export async function checkHealth(context: Context): Promise<Health> {
  const checks = [await timed("metadata database", () => pingMetadata(context)), disk(context.home)];
  if (checks[0]?.status !== "down") {
    checks.push(...(await organizations(context)), await timed("queue", () => queue(context)));
  }
  const worst = checks.some(({ status }) => status === "down")
    ? "down"
    : checks.some(({ status }) => status === "degraded")
      ? "degraded"
      : "ok";
  return { status: worst, checks };
}

type Finding = { status: Status; detail: string };

async function timed(name: string, work: () => Promise<Finding>): Promise<Check> {
  const started = performance.now();
  try {
    const finding = await work();
    return { name, latency_ms: Math.round((performance.now() - started) * 10) / 10, ...finding };
  } catch (error) {
    return { name, status: "down", latency_ms: null, detail: toAppError(error).message };
  }
}

async function pingMetadata(context: Context): Promise<Finding> {
  const version = await context.metadata.system(async (tx) => {
    const row = await sql<{ server_version: string }>`SHOW server_version`.execute(tx);
    return row.rows[0]?.server_version;
  });
  return { status: "ok", detail: `PostgreSQL ${version}, schema ${context.migrations.metadata.length}` };
}

async function organizations(context: Context): Promise<Check[]> {
  const places = await context.metadata.system(selectPlaces);
  const checks: Check[] = [];
  for (const place of places) {
    const name = `organization ${place.slug}`;
    checks.push(
      await timed(name, async () => {
        const facts = await context.results.forMachinery(place.org_id, async ({ tx }) => {
          const row = await sql<{ waiting: number; oldest_seconds: number | null }>`
            SELECT count(*) AS waiting, extract(epoch FROM now() - min(created_at))::float8 AS oldest_seconds
            FROM outbox WHERE relayed_at IS NULL`.execute(tx);
          return row.rows[0];
        });
        const late = (facts?.oldest_seconds ?? 0) > OLD_FACT_SECONDS;
        const lag = late
          ? `, the oldest ${Math.round(facts?.oldest_seconds ?? 0)} s: is \`aliquot up\` running?`
          : "";
        return {
          status: late ? "degraded" : "ok",
          detail: `schema ${place.schema_version}, ${facts?.waiting ?? 0} facts to relay${lag}`,
        };
      }),
    );
  }
  return checks;
}

async function queue(context: Context): Promise<Finding> {
  const { queued, leased, oldest_seconds, workers, engines } = await context.metadata.system((tx) =>
    selectQueueHealth(tx, ALIVE_SECONDS),
  );
  const starved = queued > leased && workers === 0;
  const old = (oldest_seconds ?? 0) > OLD_TASK_SECONDS;
  const detail = `${queued} tasks, ${leased} of them running, ${workers} workers (${engines.join(", ") || "no engine"})`;
  if (starved) return { status: "degraded", detail: `${detail}: tasks wait and no worker is alive` };
  return { status: old && leased === 0 ? "degraded" : "ok", detail };
}

function disk(home: string): Check {
  const { bavail, bsize } = statfsSync(home);
  const free = bavail * bsize;
  const detail = `${(free / 1024 ** 3).toFixed(1)} GiB free in the home`;
  return { name: "disk", status: free < LOW_DISK_BYTES ? "degraded" : "ok", latency_ms: null, detail };
}
