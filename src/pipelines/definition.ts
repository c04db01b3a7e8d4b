import { type Static, Type } from "typebox";
import { INPUT_KINDS } from "./schema.ts";

const closed = { additionalProperties: false };

/** What a kind of task takes and hands on, as its definition's `config` says it. */
export const TaskConfig = Type.Object(
  {
    engine: Type.String({ minLength: 1, maxLength: 100 }),
    max_attempts: Type.Integer({ minimum: 1, maximum: 10 }),
    /** Inputs by the engine's names. */
    inputs: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Object({ kind: Type.Enum(INPUT_KINDS), optional: Type.Optional(Type.Boolean()) }, closed),
      ),
    ),
    /** True: exactly one of the inputs, whichever. */
    one_input: Type.Optional(Type.Boolean()),
    /** What it hands on to later tasks, by name. */
    outputs: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Object(
          {
            kind: Type.Enum(["structure", "value"] as const),
            description: Type.Optional(Type.String()),
          },
          closed,
        ),
      ),
    ),
  },
  closed,
);
export type TaskConfig = Static<typeof TaskConfig>;

/** A kind of task that a pipeline may name. */
export type TaskDefinition = {
  name: string;
  version: string;
  /** JSON Schema of its parameters: properties by name, and those that it can't do without. */
  input_schema: { properties?: Record<string, object>; required?: string[] };
  config: TaskConfig;
};

/** The definition that a task of a graph names. */
export function definitionOf(
  definitions: readonly TaskDefinition[],
  task: { task: string; task_version: string },
): TaskDefinition | undefined {
  return definitions.find(({ name, version }) => name === task.task && version === task.task_version);
}
