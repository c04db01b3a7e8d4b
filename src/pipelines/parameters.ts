import { type Static, Type } from "typebox";
import { defaultsOf } from "../engines/defaults.ts";
import { flag, list, nullable, text } from "../fields.ts";
import { firstOf } from "../requests/plan.ts";
import { definitionOf, type TaskDefinition } from "./definition.ts";
import { referenceIn } from "./resolve.ts";
import type { PipelineSpec } from "./schema.ts";
import type { PublishedPipeline } from "./store.ts";

/** What may be chosen of a pipeline, and among what. */
export const PipelineParameter = Type.Object({
  name: text("What it is called."),
  description: nullable(text(), "What it is for; null where nobody said."),
  required: flag("True: a job must say it. It has no default, and none that depends on the molecule either."),
  default: Type.Unknown({
    description:
      "What holds where a job does not say it, any JSON; null also where that depends on the molecule, or leaving it out means something of its own.",
  }),
  allowed: nullable(list(Type.Unknown(), "Values."), "Values that it may have; null where that is no list."),
  minimum: nullable(Type.Number({ unit: "1" }), "Least value, in `unit`; null where there is none."),
  maximum: nullable(Type.Number({ unit: "1" }), "Largest value, in `unit`; null where there is none."),
  unit: nullable(text(), "Unit of a number; null of anything else, and of a pure number."),
});
export type PipelineParameter = Static<typeof PipelineParameter>;

type Schema = {
  anyOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  type?: string;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  unit?: string;
  description?: string;
};

/**
 * The parameters of a graph: those that it declares, with what the first task that takes each allows; of one that
 * declares none, what may be chosen of its first engine. A graph that begins with something else has none.
 */
export function parametersOf(
  pipeline: PublishedPipeline,
  definitions: readonly TaskDefinition[],
): PipelineParameter[] {
  const { params } = pipeline.spec;
  if (params === undefined) return ofEngine(pipeline);
  return Object.entries(params).map(([name, declared]) => {
    const schema = takenAs(pipeline.spec, definitions, name) ?? {};
    const has = Object.hasOwn(declared, "default");
    const given = { name, required: !has, default: declared.default ?? null };
    return { ...limitsOf(schema), ...given, description: declared.description ?? schema.description ?? null };
  });
}

function ofEngine(pipeline: PublishedPipeline): PipelineParameter[] {
  const first = startOf(pipeline);
  if (first === undefined) return [];
  const task = pipeline.spec.tasks[first.task];
  const defaults = { ...defaultsOf(task?.engine ?? ""), ...task?.params };
  return Object.entries(first.rules.choices).map(([name, schema]) => {
    const { description = null } = schema as Schema;
    return { ...limitsOf(schema), name, required: false, default: defaults[name] ?? null, description };
  });
}

function startOf(pipeline: PublishedPipeline) {
  try {
    return firstOf(pipeline);
  } catch {
    return undefined;
  }
}

/** What the first task that takes a declared parameter says of it. */
function takenAs(
  { tasks }: PipelineSpec,
  definitions: readonly TaskDefinition[],
  name: string,
): Schema | undefined {
  for (const task of Object.values(tasks)) {
    const [key] =
      Object.entries(task.params).find(([, value]) => referenceIn(value, "$param") === name) ?? [];
    const known = definitionOf(definitions, task)?.input_schema.properties ?? {};
    if (key !== undefined && Object.hasOwn(known, key)) return known[key] as Schema;
  }
  return undefined;
}

function limitsOf(schema: Schema): Pick<PipelineParameter, "allowed" | "minimum" | "maximum" | "unit"> {
  const [one, ...others] = (schema.anyOf ?? []).filter(({ type }) => type !== "null");
  if (one !== undefined && others.length === 0) return limitsOf(one);
  const { minimum, exclusiveMinimum, maximum, unit } = schema;
  const consts = (schema.anyOf ?? []).flatMap((part) => ("const" in part ? [part.const] : []));
  const listed = schema.enum ?? (consts.length > 0 ? consts : null);
  return {
    allowed: schema.type === "boolean" ? [true, false] : listed,
    minimum: minimum ?? exclusiveMinimum ?? null,
    maximum: maximum ?? null,
    unit: unit === undefined || unit === "1" ? null : unit,
  };
}
