import { Type } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import type { ResultsTx } from "../db/results.ts";
import type { Recorded, RecordInput } from "../engines/adapter.ts";
import { AppError } from "../errors.ts";
import { selectMade } from "./executions-store.ts";

/** A summary is read with every task after it: what is large belongs into a file. */
const MOST_BYTES = 1024 ** 2;

const Seconds = Type.Number({ minimum: 0 });
const Hash = Type.String({ pattern: "^[0-9a-f]{64}$" });
const Shape = Type.Object({
  schema_version: Type.String({ minLength: 1 }),
  checks: Type.Array(
    Type.Object({
      name: Type.String({ minLength: 1 }),
      passed: Type.Boolean(),
      weight: Type.Number({ minimum: 0 }),
    }),
  ),
  confidence_score: Type.Number({ minimum: 0, maximum: 1 }),
  result_data: Type.Object({}),
  outputs: Type.Record(
    Type.String(),
    Type.Union([
      Type.Object({
        structure_id: Type.String({ minLength: 1 }),
        molecule_id: Type.Union([Type.String(), Type.Null()]),
      }),
      Type.Object({ value: Type.Unknown() }),
    ]),
  ),
  result_hash: Hash,
  near_hashes: Type.Optional(Type.Array(Hash)),
  wall_seconds: Seconds,
  cpu_seconds: Type.Union([Seconds, Type.Null()]),
});

/** Made by the first that is checked: made code is twenty times as fast as reading the shape for each. */
let compiled: Validator<Record<never, never>, typeof Shape> | undefined;

function isShaped(answer: unknown): boolean {
  compiled ??= Compile(Shape);
  return compiled.Check(answer);
}

/**
 * An engine's answer, believed only in the shape of one: JSON would turn NaN into null in silence, and what is missing
 * would be found by a later task. Throws AppError internal that says what is wrong.
 */
export function checkRecorded(answer: Recorded | undefined): Recorded {
  if (answer === undefined || !isShaped(answer))
    throw wrong("a field is missing, of another kind or no finite number");
  const bytes = Buffer.byteLength(JSON.stringify({ ...answer.result_data, ...answer.outputs }));
  if (bytes > MOST_BYTES) throw wrong(`it is ${bytes} bytes of JSON and may have ${MOST_BYTES}: keep a file`);
  return answer;
}

/**
 * What a task hands on as a structure is one that its job made, or that it was given. Throws AppError internal where
 * it is not there or another job's.
 */
export async function checkStructures(
  tx: ResultsTx,
  tasks: { input: RecordInput<unknown, unknown, unknown>; outputs: Recorded["outputs"] }[],
): Promise<void> {
  const named = tasks.flatMap(({ input, outputs }) =>
    Object.values(outputs).flatMap((output) =>
      "structure_id" in output && output.structure_id !== input.prepared.structure_id
        ? [{ structure_id: output.structure_id, job_id: input.task.job_id }]
        : [],
    ),
  );
  const made = await selectMade(tx, named);
  if (named.some(({ structure_id }) => !made.has(structure_id)))
    throw wrong("it hands on a structure that this job neither made nor was given");
}

function wrong(what: string): AppError {
  return new AppError("internal", `an engine's result is none: ${what}`);
}
