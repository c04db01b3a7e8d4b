import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from "fastify";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { ALIVE_SECONDS } from "../alive.ts";
import type { Context } from "../context.ts";
import type { PoolStats } from "../db/pools.ts";
import { AppError } from "../errors.ts";
import { type EngineHealth, selectEngineHealth } from "../health/store.ts";
import { oncePer } from "../once-per.ts";
import type { Secret } from "../secrets.ts";
import { version } from "../version.ts";
import type { BodyBudget } from "./body-budget.ts";
import type { Life } from "./life.ts";
import { whenClosed } from "./within.ts";

/** Seconds, from an answer out of memory to one that met its limit. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30];
/** Several may scrape: the queue is looked at once in this time. */
const BELIEVED_MS = 5000;

/** What is measured. */
export type Measured = { context: Context; life: Life; bodies: BodyBudget };

/**
 * `/metrics` for Prometheus (text format 0.0.4), to whoever sends the token. Numbers of this process and of the shared
 * queue: no organization, person or thing is named in them. `count` says whether somebody who guesses may go on.
 */
export function addMetrics(
  app: FastifyInstance,
  token: Secret,
  measured: Measured,
  count: onRequestAsyncHookHandler,
): void {
  const registry = new Registry();
  addProcess(registry);
  addServer(registry, measured);
  addPools(registry, measured.context);
  addQueue(registry, measured.context);
  const requests = new Histogram({
    name: "http_request_duration_seconds",
    help: "Requests by operation (none: probes, pages and what is nowhere) and status, until the last byte is sent.",
    labelNames: ["operation", "status"],
    buckets: BUCKETS,
    registers: [registry],
  });
  app.addHook("onRequest", async (request, reply) => measure(requests, request, reply));
  app.route({
    method: ["GET", "HEAD"],
    url: "/metrics",
    async onRequest(request, reply) {
      if (isToken(request.headers.authorization, token)) return;
      await count.call(this, request, reply);
      throw new AppError("unauthenticated", "metrics are for who sends METRICS_TOKEN as a bearer token");
    },
    async handler(_request, reply) {
      return reply.type(registry.contentType).send(await registry.metrics());
    },
  });
}

function isToken(authorization: string | undefined, token: Secret): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(authorization ?? ""), digest(`Bearer ${token.reveal()}`));
}

function measure(
  requests: Histogram<"operation" | "status">,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const began = performance.now();
  whenClosed(reply, () => {
    const { operation = "none" } = request.routeOptions.config as { operation?: string };
    const status = String(reply.raw.statusCode);
    requests.observe({ operation, status }, (performance.now() - began) / 1000);
  });
}

/** Names that Prometheus's own clients give, so that dashboards there are fit. */
function addProcess(registry: Registry): void {
  const registers = [registry];
  new Gauge({ name: "aliquot_info", help: "Which version this is.", labelNames: ["version"], registers }).set(
    { version: version() },
    1,
  );
  gauge(registry, "process_start_time_seconds", "When it began, in Unix time.", () =>
    Math.floor(performance.timeOrigin / 1000),
  );
  gauge(registry, "process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss());
  gauge(registry, "nodejs_heap_size_used_bytes", "Heap in use.", () => process.memoryUsage().heapUsed);
  counter(registry, "process_cpu_seconds_total", "Processor time, of all its threads.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  counter(
    registry,
    "nodejs_eventloop_active_seconds_total",
    "Time in which the event loop was busy: near 1 a second it is full.",
    () => performance.eventLoopUtilization().active / 1000,
  );
}

function addServer(registry: Registry, { life, bodies }: Measured): void {
  gauge(registry, "aliquot_requests_running", "Requests under way, streams too.", () => life.running);
  gauge(registry, "aliquot_streams_open", "Streams of events that are followed.", () => life.streams);
  gauge(registry, "aliquot_exports_open", "Exports and files that are being sent.", () => life.exports);
  gauge(registry, "aliquot_body_bytes", "Bytes of bodies under way.", () => bodies.taken);
}

/** Connections of this process; who waits for one. */
function addPools(registry: Registry, { metadata, results }: Context): void {
  const connections = new Gauge({
    name: "aliquot_database_connections",
    help: "Connections of this process; `waiting` are those who wait for one, `budget` how many there may be.",
    labelNames: ["databases", "state"],
    registers: [registry],
    collect() {
      const states = ["budget", "open", "idle", "waiting"] as const;
      const both: [string, PoolStats][] = [
        ["metadata", metadata.stats()],
        ["results", results.stats()],
      ];
      for (const [databases, stats] of both)
        for (const state of states) connections.set({ databases, state }, stats[state]);
    },
  });
  gauge(
    registry,
    "aliquot_results_databases_broken",
    "Databases of organizations that refused the last connection of this process.",
    () => results.stats().broken,
  );
}

/** The queue of all organizations, by engine: what waits, what runs, for how long, and who works on it. */
function addQueue(registry: Registry, { metadata }: Context): void {
  const look = oncePer(BELIEVED_MS, () =>
    metadata.system((tx) => selectEngineHealth(tx, ALIVE_SECONDS)).catch(() => undefined),
  );
  const byEngine = (name: string, help: string, of: (engine: EngineHealth) => number) => {
    const each = new Gauge({
      ...{ name, help, labelNames: ["engine"], registers: [registry] },
      async collect() {
        // What is not known any more is not told as if it were.
        each.reset();
        for (const part of (await look()) ?? []) each.set({ engine: part.engine }, of(part));
      },
    });
  };
  const up = new Gauge({
    name: "aliquot_metadata_up",
    help: "1: the metadata database answered; 0: it did not, and nothing is said of the queue.",
    registers: [registry],
    async collect() {
      up.set((await look()) === undefined ? 0 : 1);
    },
  });
  byEngine("aliquot_tasks_waiting", "Tasks that wait for a worker.", ({ queued, leased }) => queued - leased);
  byEngine("aliquot_tasks_running", "Tasks that a worker has.", ({ leased }) => leased);
  byEngine(
    "aliquot_oldest_task_seconds",
    "For how long the oldest waits.",
    (part) => part.oldest_seconds ?? 0,
  );
  byEngine("aliquot_leases_expired", "Tasks whose worker fell silent.", ({ expired }) => expired);
  byEngine("aliquot_workers_alive", "Workers that were heard of lately.", ({ workers }) => workers);
}

function gauge(registry: Registry, name: string, help: string, look: () => number): void {
  const one: Gauge = new Gauge({ name, help, registers: [registry], collect: () => one.set(look()) });
}

function counter(registry: Registry, name: string, help: string, look: () => number): void {
  const one = new Counter({
    ...{ name, help, registers: [registry] },
    collect() {
      one.reset();
      one.inc(look());
    },
  });
}
