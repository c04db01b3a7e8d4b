import { type Static, Type } from "typebox";
import type { ResultsDb } from "../db/results.ts";
import { RETRYABLE_KINDS } from "../errors.ts";
import { flag, id, integer, list, nullable, text, time } from "../fields.ts";
import { type FailureFilter, type FailureRow, selectFailures } from "./failures-store.ts";

/** Of each code. */
const EXAMPLES = 3;

export const FailureGroup = Type.Object({
  code: text("Why: a kind of error, or a chemist's reason."),
  count: integer("1", "How many failed so.", { minimum: 1 }),
  retryable: flag("True: it may go well another time; else the input or the parameters have to change."),
  left_out: flag("True: left out when it was read, so there is no job to run again."),
  first_at: time("When the first of them failed."),
  last_at: time("When the last of them failed."),
  examples: list(
    Type.Object({
      job_id: nullable(id(), "The job; null where it was left out."),
      batch_id: nullable(id(), "Its batch; null where it is of none."),
      source_row: nullable(
        Type.Integer({ unit: "1", minimum: 1 }),
        "Line or record of its batch's file; null where it is of none.",
      ),
      name: nullable(text(), "What the record was called; null where that is nothing."),
      smiles: nullable(text(), "Canonical SMILES of its molecule; null where it has none."),
      input: nullable(text(), "The text of what was left out; of all others null."),
      message: nullable(text(), "Why, in words; null where nobody said."),
    }),
    `The newest of them, ${EXAMPLES} at most.`,
  ),
});
export type FailureGroup = Static<typeof FailureGroup>;

/** What failed, by code, the most frequent first, with the newest examples of each. */
export async function groupFailures(db: ResultsDb, filter: FailureFilter): Promise<FailureGroup[]> {
  const rows = await selectFailures(db, filter, EXAMPLES);
  const groups = Map.groupBy(rows, ({ code, left_out }) => `${left_out} ${code}`);
  return [...groups.values()].flatMap((examples) => {
    const [first] = examples;
    if (first === undefined) return [];
    const { code, count, left_out, first_at, last_at } = first;
    return [
      {
        ...{ code, count, left_out, first_at, last_at },
        retryable: !left_out && isRetryable(first),
        examples: examples.map(({ job_id, batch_id, source_row, name, smiles, input, message }) => ({
          ...{ job_id, batch_id, source_row, name, smiles, input, message },
        })),
      },
    ];
  });
}

/** By the kind of its error, as a worker decides it too. */
function isRetryable({ code, kind }: FailureRow): boolean {
  return RETRYABLE_KINDS.includes(kind ?? code);
}
