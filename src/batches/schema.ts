import { type Static, Type } from "typebox";
import { STEREO_MODES } from "../docking/schema.ts";
import { SUBMISSION_CHOICES, Uuid } from "../jobs/schema.ts";
import { RejectedRecord } from "../molecules/schema.ts";
import { VersionText } from "../pipelines/schema.ts";
import { THINGS } from "../requests/schema.ts";

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

export const CreateBatch = Type.Object(
  {
    pipeline: Type.String({ minLength: 1, maxLength: 200 }),
    /** Of the pipeline; the latest published one where none is named. */
    version: Type.Optional(VersionText),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    /** What all its jobs share, by the pipeline's or the engine's names. */
    params: Type.Optional(
      Type.Record(Type.String({ maxLength: 100 }), Type.Unknown(), { maxProperties: 100 }),
    ),
    /** Where a pipeline docks: id, name or name@version. */
    site: Type.Optional(Type.String({ minLength: 1, maxLength: 220 })),
    stereo: Type.Optional(Type.Enum(STEREO_MODES)),
    ...THINGS,
    /** False: more is added before it is sealed. */
    seal: Type.Optional(Type.Boolean()),
    visibility,
    priority,
    reuse,
    source_file,
  },
  { additionalProperties: false },
);
export type CreateBatch = Static<typeof CreateBatch>;

export const AddToBatch = Type.Object({ batch_id: Uuid, ...THINGS }, { additionalProperties: false });
export type AddToBatch = Static<typeof AddToBatch>;

const count = Type.Integer({ unit: "1", minimum: 0 });
export const ItemCounts = Type.Object({
  /** No job yet. */
  pending: count,
  /** With a job that waits for its turn. */
  queued: count,
  /** With a job that has begun. */
  processing: count,
  completed: count,
  failed: count,
  skipped: count,
});
export type ItemCounts = Static<typeof ItemCounts>;
/** The same as the counters keep it: `processing` is all that have a job. */
export type BatchCounts = Omit<ItemCounts, "queued">;

export const NO_COUNTS: BatchCounts = { pending: 0, processing: 0, completed: 0, failed: 0, skipped: 0 };

const optionalText = Type.Union([Type.String(), Type.Null()]);
const optionalNumber = (unit: string) => Type.Union([Type.Number({ unit, minimum: 0 }), Type.Null()]);

/** A batch with what became of its items. */
export const BatchRow = Type.Object({
  batch_id: Uuid,
  name: Type.String(),
  pipeline: Type.String(),
  pipeline_version: Type.String(),
  /** Programs that its jobs need. */
  engines: Type.Array(Type.String()),
  params: Type.Unknown(),
  status: Type.Enum(BATCH_STATUSES),
  priority: Type.Integer(),
  total_items: count,
  counts: ItemCounts,
  /**
   * Items that ended, a second. Under way: those of its own jobs, over the last minute or the last ten of them; ended:
   * all of its run. Null where it is paused or was cancelled, and where none did.
   */
  rate_per_s: optionalNumber("1/s"),
  /** Seconds to its end at that rate. */
  eta_s: optionalNumber("s"),
  /** Null: items are still being added. */
  sealed_at: optionalText,
  /** Line or record of its file that was added last; null where none was, and of a batch of no file. */
  last_source_row: Type.Union([Type.Integer(), Type.Null()]),
  source_file: optionalText,
  error: Type.Unknown(),
  started_at: optionalText,
  ended_at: optionalText,
  owner_id: Uuid,
  visibility: Type.Enum(["private", "organization"] as const),
  created_at: Type.String(),
  updated_at: Type.String(),
});
export type BatchRow = Static<typeof BatchRow>;

/** What running failed jobs again answers. */
export const RetriedJobs = Type.Object({
  retried: count,
  more: Type.Boolean(),
  /** Job to go on after at once; null: that was all, or the queue has no room for more now. */
  next_after: Type.Union([Uuid, Type.Null()]),
  /** Failed jobs that were left alone, by code: of a first call. */
  left_out: Type.Array(
    Type.Object({ code: Type.String(), why: Type.Enum(["final", "resting", "not_yours"] as const), count }),
  ),
});

/** What an addition answers. */
export const AddedItems = Type.Object({
  batch_id: Uuid,
  /** Items that will have a job. */
  added: count,
  /** Items left out: a record that can't be computed, or the same as an earlier item. */
  skipped: count,
  /** Records that were refused. */
  rejected: Type.Array(RejectedRecord),
  total_items: count,
  /** Of `registered`: where to go on; null where that was all. */
  next_after: Type.Union([Uuid, Type.Null()]),
});
export type AddedItems = Static<typeof AddedItems>;

export const BatchItem = Type.Object({
  item_no: Type.Integer(),
  status: Type.Enum(ITEM_STATUSES),
  name: optionalText,
  smiles: optionalText,
  /** The text of a record that was left out; of all others null. */
  input: optionalText,
  source_row: Type.Union([Type.Integer(), Type.Null()]),
  molecule_id: Type.Union([Uuid, Type.Null()]),
  structure_id: Type.Union([Uuid, Type.Null()]),
  job_id: Type.Union([Uuid, Type.Null()]),
  retry_count: Type.Integer(),
  error: Type.Unknown(),
});
export type BatchItem = Static<typeof BatchItem>;
