import { Type } from "typebox";
import { operation } from "../operation.ts";
import { explainJob } from "./explain.ts";
import { CacheStats, Explained, ExplainJob, PruneCache, Pruned } from "./operations-schema.ts";
import { policyOf } from "./policy.ts";
import { type PreparedPrune, preparePrune, pruneCache } from "./prune.ts";
import type { CachePolicy } from "./schema.ts";
import { cacheStats } from "./stats.ts";

const Nothing = Type.Object({}, { additionalProperties: false });

export const cacheStatsOperation = operation<typeof Nothing, typeof CacheStats, CachePolicy, "cache.stats">({
  name: "cache.stats",
  summary: "What the result cache holds and has saved",
  permission: "cache:read",
  http: { method: "GET", path: "/cache" },
  tx: "results",
  input: Nothing,
  output: CacheStats,
  prepare: ({ services, principal }) => policyOf(services, principal.org_id),
  run: ({ scope, prepared }) => cacheStats(scope.tx, prepared),
});

export const explainCacheOperation = operation({
  name: "cache.explain",
  summary: "Why a task of a job was or was not answered from the result cache",
  permission: "cache:read",
  http: { method: "GET", path: "/cache/jobs/{job_id}" },
  tx: "results",
  input: ExplainJob,
  output: Explained,
  run: ({ scope }, input) => explainJob(scope.tx, input),
});

export const pruneCacheOperation = operation<typeof PruneCache, typeof Pruned, PreparedPrune, "cache.prune">({
  name: "cache.prune",
  summary: "Take entries out of the result cache; results stay",
  permission: "cache:manage",
  http: { method: "POST", path: "/cache/prune" },
  tx: "results",
  input: PruneCache,
  output: Pruned,
  prepare: preparePrune,
  run: ({ scope, prepared }, input) => pruneCache(scope.tx, input, prepared),
  told: (_input, { dry_run, entries }) => ({ entity_type: "result_cache", metadata: { dry_run, entries } }),
});
