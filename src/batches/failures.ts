import { type Static, Type } from "typebox";
import type { ResultsDb } from "../db/results.ts";
import { RETRYABLE_KINDS } from "../errors.ts";
import { Uuid } from "../jobs/schema.ts";
import { type FailureFilter, type FailureRow, selectFailures } from "./failures-store.ts";

const optionalText = Type.Union([Type.String(), Type.Null()]);
/** Of each code. */
const EXAMPLES = 3;

export const FailureGroup = Type.Object({
  code: Type.String(),
  count: Type.Integer({ unit: "1", minimum: 1 }),
  /** True: it may go well another time; else the input or the parameters have to change. */
  retryable: Type.Boolean(),
  /** True: left out when it was read, so there is no job to run again. */
  left_out: Type.Boolean(),
  first_at: Type.String(),
  last_at: Type.String(),
  examples: Type.Array(
    Type.Object({
      job_id: Type.Union([Uuid, Type.Null()]),
      batch_id: Type.Union([Uuid, Type.Null()]),
      /** Line or record of its batch's file. */
      source_row: Type.Union([Type.Integer(), Type.Null()]),
      name: optionalText,
      smiles: optionalText,
      /** The text of what was left out. */
      input: optionalText,
      message: optionalText,
    }),
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
