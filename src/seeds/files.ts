import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Static, type TArray, type TSchema, Type } from "typebox";
import { Check } from "typebox/value";
import { AppError } from "../errors.ts";

const Json = Type.Record(Type.String(), Type.Unknown());

export const TaskDefinitionSeed = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    version: Type.String({ minLength: 1 }),
    task_type: Type.String(),
    input_schema: Json,
    output_schema: Json,
    config: Json,
  },
  { additionalProperties: false },
);

export const TaskServiceSeed = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    kind: Type.Union([Type.Literal("engine"), Type.Literal("external")]),
  },
  { additionalProperties: false },
);

export const PipelineSeed = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    description: Type.String(),
    version: Type.String({ minLength: 1 }),
    spec: Type.Object({ version: Type.String(), tasks: Json }),
  },
  { additionalProperties: false },
);

export type Seeds = {
  taskDefinitions: Static<typeof TaskDefinitionSeed>[];
  taskServices: Static<typeof TaskServiceSeed>[];
  pipelines: Static<typeof PipelineSeed>[];
};

/** The files under `seeds/`, checked. Throws AppError internal on one that is not as its schema says. */
export async function readSeeds(): Promise<Seeds> {
  return {
    taskDefinitions: await readSeed("task_definitions", Type.Array(TaskDefinitionSeed)),
    taskServices: await readSeed("task_services", Type.Array(TaskServiceSeed)),
    pipelines: await readSeed("pipelines", Type.Array(PipelineSeed)),
  };
}

async function readSeed<T extends TSchema>(name: string, schema: TArray<T>): Promise<Static<TArray<T>>> {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  const value: unknown = JSON.parse(await readFile(join(root, "seeds", `${name}.json`), "utf8"));
  if (Check(schema, value)) return value as Static<TArray<T>>;
  throw new AppError("internal", `seeds/${name}.json is not as its schema says`);
}
