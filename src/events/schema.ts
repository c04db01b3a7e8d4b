import { type Static, Type } from "typebox";
import { Uuid } from "../jobs/schema.ts";
import { PageInput } from "../paging.ts";
import { Since } from "../since.ts";

/** What is told of an organization's work, for people, statistics and learning. */
export const EVENT_TYPES = [
  "calculation_started",
  "calculation_completed",
  "calculation_failed",
  "batch_started",
  "batch_completed",
  "batch_failed",
  "molecule_created",
  "molecule_deleted",
  "error",
  "performance_metric",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** `error_code` of what the relay set aside, and of what the reconciler put right; others are an error's own. */
export const FACT_REFUSED = "fact_refused";
export const REPAIRED = "repaired";
/** `status` of the `performance_metric` that tells of a reindex. */
export const REINDEXED = "reindexed";

export const EventFilter = Type.Object(
  {
    type: Type.Optional(Type.Enum(EVENT_TYPES)),
    /** Kind of thing it happened to: job, batch, molecule, service. */
    entity_type: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    entity_id: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    /** Not before this. */
    since: Type.Optional(Since),
    ...PageInput.properties,
  },
  { additionalProperties: false },
);
export type EventFilter = Static<typeof EventFilter>;

const Text = Type.Union([Type.String(), Type.Null()]);

export const EventRow = Type.Object({
  event_id: Uuid,
  ts: Type.String(),
  event_type: Type.Enum(EVENT_TYPES),
  entity_type: Type.String(),
  entity_id: Text,
  status: Text,
  message: Text,
  error_code: Text,
  context: Type.Unknown(),
  service: Text,
  user_id: Text,
  duration_ms: Type.Union([Type.Number({ unit: "ms" }), Type.Null()]),
  created_at: Type.String(),
});
export type EventRow = Static<typeof EventRow>;
