import { type Static, Type } from "typebox";
import { AppError } from "../errors.ts";
import { closed, id, wholeList } from "../fields.ts";
import { operation } from "../operation.ts";
import { FailureGroup, groupFailures } from "./failures.ts";
import { retryFailed } from "./retry.ts";
import { FailureCode, RetriedJobs, RetryAfter, RetryForce } from "./schema.ts";

const FILTER = {
  batch_id: Type.Optional(id("Only what failed of this batch.")),
  code: Type.Optional(FailureCode),
  since: Type.Optional(
    Type.String({
      minLength: 10,
      maxLength: 40,
      description: "Only what failed at or after this: a day, or a time with its zone.",
      examples: ["2026-01-31", "2026-01-31T09:30:00Z"],
    }),
  ),
  engine: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 100,
      description: "Only jobs of which a task of this engine failed.",
      examples: ["xtb"],
    }),
  ),
};
const FailureQuery = closed(FILTER);
/** With the last job of an earlier call, so that what fails at once is not run again and again. */
const RetryQuery = closed({
  ...FILTER,
  after: Type.Optional(RetryAfter),
  force: Type.Optional(RetryForce),
});
type RetryQuery = Static<typeof RetryQuery>;

export const listFailures = operation({
  name: "failure.list",
  summary: "What failed, by code, with examples",
  permission: "jobs:read",
  http: { method: "GET", path: "/failures" },
  tx: "results",
  input: FailureQuery,
  output: wholeList(FailureGroup, "What failed, by code, the most frequent first."),
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
      ...(code === undefined || retried === 0 ? {} : { code }),
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
