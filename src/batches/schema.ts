import { type Static, Type } from "typebox";
import { StereoChoice } from "../docking/schema.ts";
import {
  CREATED_AT,
  closed,
  count,
  document,
  EXAMPLE_ID,
  flag,
  id,
  integer,
  list,
  nullable,
  OWNER,
  text,
  time,
  UPDATED_AT,
  word,
  words,
} from "../fields.ts";
import { Priority, SUBMISSION_CHOICES, Visibility } from "../jobs/schema.ts";
import { ASPIRIN, Rejected } from "../molecules/schema.ts";
import { PageInput } from "../paging.ts";
import { PipelineText, VersionText } from "../pipelines/schema.ts";
import { GivenParams, THINGS } from "../requests/schema.ts";
import { SiteText } from "../sites/schema.ts";

export const BATCH_STATUSES = [
  "pending",
  "in_progress",
  "paused",
  "completed",
  "failed",
  "cancelled",
] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];
/** States that a batch does not leave by itself. */
export const BATCH_ENDED: readonly BatchStatus[] = ["completed", "failed", "cancelled"];

/**
 * Of an item as people see it. What is stored says `processing` from the moment it has a job; whether that has begun
 * is the job's to say.
 */
export const ITEM_STATUSES = ["pending", "queued", "processing", "completed", "failed", "skipped"] as const;

/** Items of one batch where no quota says fewer. */
export const MOST_ITEMS = 1_000_000;
const { visibility, priority, reuse, source_file } = SUBMISSION_CHOICES;

export const CreateBatch = closed(
  {
    pipeline: Type.With(PipelineText, { maxLength: 200 }),
    version: Type.Optional(VersionText),
    name: Type.Optional(
      words("What you call it; named after its file or pipeline where left out.", {
        minLength: 1,
        maxLength: 200,
      }),
    ),
    params: Type.Optional(GivenParams),
    site: Type.Optional(SiteText),
    stereo: Type.Optional(StereoChoice),
    ...THINGS,
    seal: Type.Optional(
      flag("False: more is added before it is sealed. True, and where left out: these are all its items."),
    ),
    visibility,
    priority,
    reuse,
    source_file,
  },
  { examples: [{ pipeline: "xtb-optimize", name: "first screen", molecules: [ASPIRIN] }] },
);
export type CreateBatch = Static<typeof CreateBatch>;

export const BatchId = id("The batch.");
export const AddToBatch = closed(
  { batch_id: BatchId, ...THINGS },
  { examples: [{ batch_id: EXAMPLE_ID, molecules: [ASPIRIN] }] },
);
export type AddToBatch = Static<typeof AddToBatch>;

export const ItemCounts = Type.Object({
  pending: count("Items without a job yet."),
  queued: count("Items whose job waits for its turn."),
  processing: count("Items whose job has begun."),
  completed: count("Items whose job is completed."),
  failed: count("Items whose job failed."),
  skipped: count("Items that were left out, or cancelled."),
});
export type ItemCounts = Static<typeof ItemCounts>;
/** The same as the counters keep it: `processing` is all that have a job. */
export type BatchCounts = Omit<ItemCounts, "queued">;

export const NO_COUNTS: BatchCounts = { pending: 0, processing: 0, completed: 0, failed: 0, skipped: 0 };

export const BatchState = word(
  BATCH_STATUSES,
  "How it stands: `pending` none of its jobs was made yet, `in_progress`, `paused`; `completed` all items ended and at least one completed, `failed`, `cancelled`.",
);
const ItemState = word(
  ITEM_STATUSES,
  "How the item stands: `pending` without a job yet, `queued` its job waits, `processing` it has begun; `completed`, `failed`, or `skipped`: left out, or cancelled.",
);
const ItemError = Type.Object({
  code: text(
    "Why: a kind of error, or a chemist's reason; `duplicate` of an item that is the same as an earlier one.",
  ),
  message: text("The same in words."),
  item_no: Type.Optional(integer("1", "Of a duplicate: the earlier item.", { minimum: 1 })),
});
const sourceRow = (description: string) => nullable(Type.Integer({ unit: "1", minimum: 1 }), description);

/** A batch with what became of its items. */
export const BatchRow = Type.Object({
  batch_id: BatchId,
  name: text("What its owner calls it."),
  pipeline: text("Name of the pipeline that its jobs run."),
  pipeline_version: text("Version of that pipeline."),
  engines: list(text(), "Programs that its jobs need."),
  params: document("Parameters that all its jobs share, by name."),
  status: BatchState,
  priority: Priority,
  total_items: count("Items that it has."),
  counts: Type.With(ItemCounts, { description: "How many of them stand how." }),
  rate_per_s: nullable(
    Type.Number({ unit: "1/s", minimum: 0 }),
    "Items that ended, a second. Under way: those of its own jobs, over the last minute or the last ten of them; ended: all of its run. Null where it is paused or was cancelled, and where none did.",
  ),
  eta_s: nullable(
    Type.Number({ unit: "s", minimum: 0 }),
    "Time to its end at that rate; null where that is not known.",
  ),
  sealed_at: nullable(time(), "When it had all its items; null: they are still being added."),
  last_source_row: sourceRow(
    "Line or record of its file that was added last; null in a list, where none was, and of a batch of no file.",
  ),
  source_file: nullable(text(), "Name of the file that its items are from; null where nobody said."),
  error: nullable(
    Type.Object({ code: text("Why, as a kind of error."), message: text("The same in words.") }),
    "Why it failed as a whole; null where it did not.",
  ),
  started_at: nullable(time(), "When its first job was made; null before."),
  ended_at: nullable(time(), "When its last item ended; null before."),
  owner_id: OWNER,
  visibility: Visibility,
  created_at: CREATED_AT,
  updated_at: UPDATED_AT,
});
export type BatchRow = Static<typeof BatchRow>;

/** A batch's place after a change. */
export const ChangedBatch = Type.Object({
  batch_id: BatchId,
  status: BatchState,
  jobs: count("Jobs that this changed."),
});
export const SealedBatch = Type.Object({
  batch_id: BatchId,
  status: BatchState,
  sealed_at: BatchRow.properties.sealed_at,
  total_items: BatchRow.properties.total_items,
});

/** A code of failures, as `failure.list` counts them. */
export const FailureCode = Type.String({
  minLength: 1,
  maxLength: 100,
  description: "Only what failed with this code.",
  examples: ["timeout", "scf_not_converged"],
});
export const RetryAfter = id(
  "Go on after this job: `next_after` of an earlier answer; from the oldest where left out.",
);
export const RetryForce = flag(
  "True: also what would fail the same way again. Left alone otherwise, and where left out.",
);

/** What running failed jobs again answers. */
export const RetriedJobs = Type.Object({
  retried: count("Jobs that run again."),
  more: flag("True: there are more; ask again after `next_after`, or later where that is null."),
  next_after: nullable(
    id(),
    "Job to go on after at once; null: that was all, or the queue has no room for more now.",
  ),
  left_out: list(
    Type.Object({
      code: text("What they failed with."),
      why: word(
        ["final", "resting", "not_yours"],
        "`final` they would fail the same way, `resting` their batch is paused or cancelled, or `not_yours`.",
      ),
      count: count("How many they are."),
    }),
    "Failed jobs that were left alone, by code: of a first call; empty of one that goes on.",
  ),
});

/** What an addition answers. */
export const AddedItems = Type.Object({
  batch_id: BatchId,
  added: count("Items that will have a job."),
  skipped: count("Items left out: a record that can't be computed, or the same as an earlier item."),
  rejected: Rejected,
  total_items: count("Items that the batch has now."),
  next_after: nullable(id(), "Of `registered`: molecule to go on after; null where that was all."),
});
export type AddedItems = Static<typeof AddedItems>;

export const BatchItem = Type.Object({
  item_no: integer("1", "Its number, from 1, in the order of the request.", { minimum: 1 }),
  status: ItemState,
  name: nullable(text(), "What the record was called; null where that is nothing."),
  smiles: nullable(text(), "Canonical SMILES of its molecule; null where it has none."),
  input: nullable(text(), "The text of a record that was left out; of all others null."),
  source_row: sourceRow("Line or record of what was given; null for what came by its id."),
  molecule_id: nullable(id(), "Its molecule; null where there is none, or it could not be read."),
  structure_id: nullable(id(), "Its structure; null where a molecule was given."),
  job_id: nullable(id(), "Its job; null where there is none yet, and where it was left out."),
  retry_count: count("How often it was run again."),
  error: nullable(ItemError, "Why it failed or was left out; null where neither is so."),
});
export type BatchItem = Static<typeof BatchItem>;

/** Items go by number, and so do their pages. */
export const ItemQuery = closed({
  batch_id: BatchId,
  status: Type.Optional(Type.With(ItemState, { description: "Only items that stand so." })),
  cursor: Type.Optional(
    Type.String({
      pattern: "^[0-9]{1,9}$",
      description:
        "`next_cursor` of an earlier page: the number of its last item. The first page where left out.",
      examples: ["50"],
    }),
  ),
  limit: PageInput.properties.limit,
});
