import { statfsSync } from "node:fs";
import { ALIVE_SECONDS } from "../alive.ts";
import type { Context } from "../context.ts";
import { newId } from "../ids.ts";
import { type Check, type Finding, type Status, timed } from "./check.ts";
import { checkOrganizations } from "./organizations.ts";
import {
  countAlive,
  type EngineHealth,
  selectConnections,
  selectEngineHealth,
  selectServerVersion,
} from "./store.ts";

export type Health = { status: Status; checks: Check[] };

const LOW_DISK_BYTES = 1024 ** 3;
const OLD_TASK_SECONDS = 600;
const CROWDED = 0.9;

/**
 * Looks at everything a running installation needs. A database that is down is a check that says so; that of one
 * organization makes the whole degraded, because the others go on.
 */
export async function checkHealth(context: Context): Promise<Health> {
  const checks = [
    await timed("metadata database", () => pingMetadata(context)),
    disk(context.home),
    await timed("cache", () => cache(context)),
  ];
  if (checks[0]?.status !== "down") {
    const { all, single } = await checkOrganizations(context);
    checks.push(all, await timed("queue", () => queue(context)), await timed("pools", () => pools(context)));
    return { status: worst(checks), checks: [...checks, ...single] };
  }
  return { status: worst(checks), checks };
}

function worst(checks: Check[]): Status {
  return checks.some(({ status }) => status === "down")
    ? "down"
    : checks.some(({ status }) => status === "degraded")
      ? "degraded"
      : "ok";
}

async function pingMetadata(context: Context): Promise<Finding> {
  const version = await context.metadata.system(selectServerVersion);
  return { status: "ok", detail: `PostgreSQL ${version}, schema ${context.migrations.metadata.length}` };
}

async function queue(context: Context): Promise<Finding> {
  const { workers, parts } = await context.metadata.system(async (tx) => ({
    workers: await countAlive(tx, ALIVE_SECONDS),
    parts: await selectEngineHealth(tx, ALIVE_SECONDS),
  }));
  const sum = (of: (part: EngineHealth) => number) => parts.reduce((total, part) => total + of(part), 0);
  const [queued, leased] = [sum((part) => part.queued), sum((part) => part.leased)];
  const oldest_seconds = Math.max(...parts.map((part) => part.oldest_seconds ?? 0), 0);
  const engines = parts.filter((part) => part.workers > 0).map((part) => part.engine);
  const starved = queued > leased && workers === 0;
  const old = oldest_seconds > OLD_TASK_SECONDS;
  const head = `${queued} tasks, ${leased} of them running, ${workers} workers (${engines.join(", ") || "no engine"})`;
  const busy = parts.filter((part) => part.queued > 0 || part.resting > 0);
  const detail = [head, ...busy.map(describeEngine)].join("; ");
  if (starved) return { status: "degraded", detail: `${detail}: tasks wait and no worker is alive` };
  return { status: old && leased === 0 ? "degraded" : "ok", detail };
}

function describeEngine({ engine, queued, leased, ...part }: EngineHealth): string {
  const words = [`${engine}: ${queued - leased} wait`];
  if (part.oldest_seconds !== null && part.oldest_seconds > 0)
    words.push(`the oldest ${Math.round(part.oldest_seconds)} s`);
  if (part.expired > 0) words.push(`${part.expired} leases ran out`);
  if (part.resting > 0) words.push(`${part.resting} lanes rest`);
  if (part.workers === 0 && queued > leased) words.push("no worker has it");
  return words.join(", ");
}

/** Connections of this process, and how much room the server has for everybody's. */
async function pools(context: Context): Promise<Finding> {
  const { used, most } = await context.metadata.system(selectConnections);
  const own = { metadata: context.metadata.stats(), results: context.results.stats() };
  const detail = Object.entries(own).map(
    ([name, { open, idle, waiting, budget }]) =>
      `${name} ${open} of ${budget} (${idle} idle, ${waiting} waiting)`,
  );
  const { broken, databases } = own.results;
  if (broken > 0) detail.push(`${broken} of ${databases} databases refused the last connection`);
  detail.push(`server ${used} of ${most}`);
  return { status: used > CROWDED * most || broken > 0 ? "degraded" : "ok", detail: detail.join(", ") };
}

/** Asks it for what it was given a moment ago. */
async function cache({ cache }: Context): Promise<Finding> {
  const key = `health:${newId()}`;
  await cache.set(key, key, 1000);
  const found = await cache.get(key);
  await cache.delete(key);
  if (found !== key) return { status: "degraded", detail: `${cache.kind}: it forgets at once` };
  const whose = cache.kind === "memory" ? "each process counts for itself" : "shared by all processes";
  return { status: "ok", detail: `${cache.kind}: ${whose} what rate limits and throttles count` };
}

function disk(home: string): Check {
  const { bavail, bsize } = statfsSync(home);
  const free = bavail * bsize;
  const detail = `${(free / 1024 ** 3).toFixed(1)} GiB free in the home`;
  return { name: "disk", status: free < LOW_DISK_BYTES ? "degraded" : "ok", latency_ms: null, detail };
}
