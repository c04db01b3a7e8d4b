import { type Static, Type } from "typebox";
import {
  ALWAYS_WHOLE,
  closed,
  count,
  flag,
  id,
  integer,
  list,
  nullable,
  number,
  SHA256_PATTERN,
  text,
  time,
  word,
} from "../fields.ts";
import { JobId, TASK_STATUSES } from "../jobs/schema.ts";

const Signature = Type.String({
  pattern: SHA256_PATTERN,
  description: "SHA-256 of all that decides a result.",
});
const confidence = (description: string) => number("1", description, { minimum: 0, maximum: 1 });

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

export const ExplainJob = closed({
  job_id: JobId,
  task_name: Type.Optional(
    text("Name of the task in its graph; its first task where left out.", { minLength: 1, maxLength: 100 }),
  ),
});

const Hit = Type.Object({
  job_id: id("Job whose result answered."),
  task_name: text("Its task."),
  exec_id: id("The attempt that computed it."),
});
const Nearest = Type.Object({
  job_id: id("Job whose result the entry is."),
  task_name: text("Its task."),
  signature: Signature,
  confidence_score: confidence("Share of its checks that passed, by their weights."),
  irreproducible: flag("True: its signature gave two results, and it answers nobody."),
  created_at: time("When it was made."),
  differences: count("Leaves of the two documents that differ."),
});
const FirstDifference = Type.Object({
  path: text("Where in both documents: a JSON Pointer."),
  here: Type.Optional(
    Type.Unknown({ description: "What this one says there, any JSON; absent where it says nothing." }),
  ),
  there: Type.Optional(
    Type.Unknown({ description: "What the entry's says there, any JSON; absent where it says nothing." }),
  ),
});

export const Explained = Type.Object({
  job_id: JobId,
  task_name: text("The task that is explained."),
  status: word(TASK_STATUSES, "How it stands."),
  tasks: list(text(), "All tasks of the job, by name."),
  signature: nullable(Signature, "SHA-256 of all that decides its result; null where nothing was signed."),
  document: nullable(
    Type.Record(Type.String(), Type.Unknown()),
    "What was signed; null where nothing was, or no entry of the signature is left.",
  ),
  reason: word(
    CACHE_REASONS,
    "`answered` from the cache; `computed`, as no entry could answer; `no_cache`: it was told to run; `not_run`: nothing of it is signed yet; `not_done`: it runs, or waits for an identical one; `no_result`: it failed or was cancelled.",
  ),
  is_entry: flag("Its own result is the entry that answers others."),
  hit: nullable(Hit, "What answered it; null where nothing did."),
  nearest: nullable(
    Nearest,
    "The entry that differs least, where none answered; null where there is none like it.",
  ),
  first_difference: nullable(
    FirstDifference,
    "The first place in which that differs; null where nothing does.",
  ),
});
export type Explained = Static<typeof Explained>;

const STATS = {
  entries: count("Results that may answer."),
  hits: count("How often they answered."),
  cpu_seconds_saved: number("s", "CPU time that this saved.", { minimum: 0 }),
  wall_seconds_saved: number("s", "Time of programs that this saved.", { minimum: 0 }),
  expired: count("Entries among them that are too old to answer."),
  irreproducible: count("Entries among them whose signature gave two results: they answer nobody."),
  oldest_created_at: nullable(time(), "When the oldest was made; null where there is none."),
  last_used_at: nullable(time(), "When one answered last, or was made; null where there is none."),
};

export const CacheStats = Type.Object({
  ...STATS,
  hit_rate: nullable(
    Type.Number({ unit: "1", minimum: 0, maximum: 1 }),
    "Hits of all that asked: each entry was asked for once before it was there. Null where nobody asked.",
  ),
  size_bytes: integer("B", "Bytes of their files.", { minimum: 0 }),
  threshold: confidence("Confidence from which a result answers here."),
  ttl_days: nullable(
    Type.Number({ unit: "d", minimum: 0 }),
    "Age from which it answers no more; null: never.",
  ),
  items: list(
    Type.Object({ pipeline: text("Name of a pipeline."), task_name: text("A task of it."), ...STATS }),
    "The same, task by task.",
  ),
  next_cursor: Type.Null({ description: ALWAYS_WHOLE }),
});
export type CacheStats = Static<typeof CacheStats>;

export const PruneCache = closed(
  {
    expired: Type.Optional(
      flag("True: those older than the organization's `cache_ttl_days`, or past a date of their own."),
    ),
    irreproducible: Type.Optional(flag("True: those whose signature gave two results.")),
    missing: Type.Optional(flag("True: those that lead to bytes that are gone.")),
    unused_days: Type.Optional(
      integer("d", "Those that answered nobody for so long.", { minimum: 1, maximum: 36_500 }),
    ),
    all: Type.Optional(flag("True: all of them.")),
    dry_run: Type.Optional(flag("True: only say what would go. False, and where left out: they go.")),
  },
  { examples: [{ unused_days: 90, dry_run: true }] },
);
export type PruneCache = Static<typeof PruneCache>;

export const Pruned = Type.Object({
  dry_run: flag("True: nothing went, this is what would."),
  entries: count("Entries that went; one that has several reasons counts under each of them."),
  expired: count("Of them, those that were too old."),
  irreproducible: count("Of them, those whose signature gave two results."),
  missing: count("Of them, those whose bytes are gone."),
  unused: count("Of them, those that answered nobody for long."),
});
export type Pruned = Static<typeof Pruned>;
