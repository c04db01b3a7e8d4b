import { type Static, Type } from "typebox";
import { AppError } from "../errors.ts";
import { Uuid } from "../jobs/schema.ts";
import { operation } from "../operation.ts";
import { FailureGroup, groupFailures } from "./failures.ts";
import { retryFailed } from "./retry.ts";
import { RetriedJobs } from "./schema.ts";

const FILTER = {
  batch_id: Type.Optional(Uuid),
  code: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  /** Failed at or after this time, RFC 3339. */
  since: Type.Optional(Type.String({ minLength: 10, maxLength: 40 })),
  engine: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
};
const FailureQuery = Type.Object(FILTER, { additionalProperties: false });
/** With the last job of an earlier call, so that what fails at once is not run again and again. */
const RetryQuery = Type.Object(
  { ...FILTER, after: Type.Optional(Uuid), force: Type.Optional(Type.Boolean()) },
  { additionalProperties: false },
);
type RetryQuery = Static<typeof RetryQuery>;

export const listFailures = operation({
  name: "failure.list",
  summary: "What failed, by code, with examples",
  permission: "jobs:read",
  http: { method: "GET", path: "/failures" },
  tx: "results",
  input: FailureQuery,
  output: Type.Object({ items: Type.Array(FailureGroup), next_cursor: Type.Null() }),
  run: async ({ scope }, query) => ({
    items: await groupFailures(scope.tx, checkTime(query)),
    next_cursor: null,
  }),
});

export const retryFailures = operation({
  name: "failure.retry",
  summary: "Run failed jobs again that may do better: those of a code, a batch, an engine, or since a time",
  permission: "jobs:manage",
  http: { method: "POST", path: "/failures/retry" },
  tx: "results",
  input: RetryQuery,
  output: RetriedJobs,
  run: ({ scope }, query) => retryFailed(scope, checkTime(query)),
  told: ({ batch_id, code }, { retried }) => ({
    entity_type: "job",
    metadata: {
      retried,
      ...(code === undefined ? {} : { code }),
      ...(batch_id === undefined ? {} : { batch_id }),
    },
  }),
});

/** With the time as the database reads it, whatever form it was said in. Throws AppError bad_input where it is none. */
function checkTime(query: RetryQuery): RetryQuery {
  if (query.since === undefined) return query;
  const time = Date.parse(query.since);
  if (!Number.isNaN(time)) return { ...query, since: new Date(time).toISOString() };
  throw new AppError("bad_input", "since must be a time such as 2026-01-31T09:00:00Z", {
    fields: [{ path: "/since", rule: "must be a time" }],
  });
}
