import { type Static, Type } from "typebox";
import { Uuid } from "../jobs/schema.ts";

const Signature = Type.String({ pattern: "^[0-9a-f]{64}$" });
const optional = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);
const Seconds = Type.Number({ unit: "s", minimum: 0 });
const Count = Type.Integer({ unit: "1", minimum: 0 });

/**
 * answered: from the cache; computed: it ran, as no entry could answer; no_cache: it was told to run; not_run: it has
 * not come so far that anything is signed; not_done: signed, and it runs or waits for an identical one; no_result: it
 * failed or was cancelled, and leaves nothing that could be compared.
 */
export const CACHE_REASONS = [
  "answered",
  "computed",
  "no_cache",
  "not_run",
  "not_done",
  "no_result",
] as const;
export type CacheReason = (typeof CACHE_REASONS)[number];

export const ExplainJob = Type.Object(
  { job_id: Uuid, task_name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })) },
  { additionalProperties: false },
);

export const Explained = Type.Object({
  job_id: Uuid,
  task_name: Type.String(),
  status: Type.String(),
  /** All tasks of the job. */
  tasks: Type.Array(Type.String()),
  signature: optional(Signature),
  /** What was signed; null where nothing was, or no entry of the signature is left. */
  document: optional(Type.Record(Type.String(), Type.Unknown())),
  reason: Type.Enum(CACHE_REASONS),
  /** Its own result is the entry that answers others. */
  is_entry: Type.Boolean(),
  hit: optional(Type.Object({ job_id: Uuid, task_name: Type.String(), exec_id: Uuid })),
  nearest: optional(
    Type.Object({
      job_id: Uuid,
      task_name: Type.String(),
      signature: Signature,
      confidence_score: Type.Number({ minimum: 0, maximum: 1 }),
      irreproducible: Type.Boolean(),
      created_at: Type.String(),
      /** Leaves of the two documents that differ. */
      differences: Count,
    }),
  ),
  /** A JSON Pointer into both documents, and what each says there. */
  first_difference: optional(
    Type.Object({ path: Type.String(), here: Type.Unknown(), there: Type.Unknown() }),
  ),
});
export type Explained = Static<typeof Explained>;

const StatsRow = Type.Object({
  entries: Count,
  hits: Count,
  cpu_seconds_saved: Seconds,
  wall_seconds_saved: Seconds,
  expired: Count,
  irreproducible: Count,
  oldest_created_at: optional(Type.String()),
  last_used_at: optional(Type.String()),
});

export const CacheStats = Type.Intersect([
  StatsRow,
  Type.Object({
    /** Hits of all that asked: each entry was asked for once before it was there. Null where nobody asked. */
    hit_rate: optional(Type.Number({ minimum: 0, maximum: 1 })),
    size_bytes: Count,
    threshold: Type.Number({ minimum: 0, maximum: 1 }),
    ttl_days: optional(Type.Number({ unit: "d" })),
    items: Type.Array(
      Type.Intersect([Type.Object({ pipeline: Type.String(), task_name: Type.String() }), StatsRow]),
    ),
    next_cursor: Type.Null(),
  }),
]);
export type CacheStats = Static<typeof CacheStats>;

export const PruneCache = Type.Object(
  {
    /** Older than the organization's cache_ttl_days, or past a date of their own. */
    expired: Type.Optional(Type.Boolean()),
    /** Their signature gave two results. */
    irreproducible: Type.Optional(Type.Boolean()),
    /** Bytes that they lead to are gone. */
    missing: Type.Optional(Type.Boolean()),
    /** Answered nobody for this long. */
    unused_days: Type.Optional(Type.Integer({ unit: "d", minimum: 1, maximum: 36_500 })),
    all: Type.Optional(Type.Boolean()),
    /** Only say what would go. */
    dry_run: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
export type PruneCache = Static<typeof PruneCache>;

export const Pruned = Type.Object({
  dry_run: Type.Boolean(),
  /** Entries that went; one that has several reasons counts under each of them. */
  entries: Count,
  expired: Count,
  irreproducible: Count,
  missing: Count,
  unused: Count,
});
export type Pruned = Static<typeof Pruned>;
