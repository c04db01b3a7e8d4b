import { type Static, Type } from "typebox";
import { CREATED_AT, closed, document, id, nullable, text, time, word } from "../fields.ts";
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

export const EventFilter = closed({
  type: Type.Optional(word(EVENT_TYPES, "Only events of this type.")),
  entity_type: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 100,
      description: "Only what happened to this kind of thing.",
      examples: ["job", "batch", "molecule", "service"],
    }),
  ),
  entity_id: Type.Optional(
    text("Only what happened to the thing of this id; with `entity_type`.", { minLength: 1, maxLength: 200 }),
  ),
  since: Type.Optional(Since),
  ...PageInput.properties,
});
export type EventFilter = Static<typeof EventFilter>;

export const EventRow = Type.Object({
  event_id: id("The event."),
  ts: time("When it happened."),
  event_type: word(EVENT_TYPES, "What happened; docs/events.md tells more of each."),
  entity_type: text("Kind of thing that it happened to: job, batch, molecule, service, …"),
  entity_id: nullable(text(), "Which one; null where it is none of many."),
  status: nullable(text(), "What became of it; null where that is no question."),
  message: nullable(text(), "The same in words; null where there is no more to say."),
  error_code: nullable(text(), "Code of an error; null of all else."),
  context: document("More of it, as docs/events.md says for each type."),
  service: nullable(text(), "Program or part that says so; null where a person did it."),
  user_id: nullable(id(), "Who did it; null: the system."),
  duration_ms: nullable(
    Type.Number({ unit: "ms", minimum: 0 }),
    "How long it took; null where that is no question.",
  ),
  created_at: CREATED_AT,
});
export type EventRow = Static<typeof EventRow>;
