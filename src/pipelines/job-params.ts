import { AppError } from "../errors.ts";
import { definitionOf, type TaskDefinition } from "./definition.ts";
import { type Fault, fault, hint, schemaFaults } from "./faults.ts";
import { referenceIn } from "./resolve.ts";
import type { PipelineSpec } from "./schema.ts";

/**
 * What is wrong with a job's parameters: a name that the pipeline does not declare, or a value that one of its tasks
 * does not take. A graph that declares none takes what its tasks take. Pure.
 */
export function jobParamFaults(
  spec: PipelineSpec,
  given: Record<string, unknown>,
  definitions: readonly TaskDefinition[],
): Fault[] {
  const takes = takers(spec, definitions);
  const names = spec.params === undefined ? [...takes.keys()] : Object.keys(spec.params);
  return Object.entries(given).flatMap(([name, value]) => {
    const at = ["params", name];
    if (!names.includes(name)) return [fault(at, `is no parameter of this pipeline: ${hint(name, names)}`)];
    return (takes.get(name) ?? []).flatMap((schema) => schemaFaults(schema, value, at)).slice(0, 1);
  });
}

/** Schemas that a parameter's value must fit, of all tasks that take it, by the parameter's name. */
function takers(spec: PipelineSpec, definitions: readonly TaskDefinition[]): Map<string, object[]> {
  const found = new Map<string, object[]>();
  const add = (name: string, schema: object) => found.set(name, [...(found.get(name) ?? []), schema]);
  for (const task of Object.values(spec.tasks)) {
    const known = definitionOf(definitions, task)?.input_schema.properties ?? {};
    if (spec.params === undefined) for (const [key, schema] of Object.entries(known)) add(key, schema);
    for (const [key, value] of Object.entries(task.params)) {
      const name = referenceIn(value, "$param");
      const schema = Object.hasOwn(known, key) ? known[key] : undefined;
      if (name !== undefined && schema !== undefined) add(name, schema);
    }
  }
  return found;
}

/** Throws AppError bad_input that names each parameter that is wrong. */
export function refuseJobParams(
  { name, spec }: { name: string; spec: PipelineSpec },
  given: Record<string, unknown>,
  definitions: readonly TaskDefinition[],
): void {
  const faults = jobParamFaults(spec, given, definitions);
  const [first] = faults;
  if (first === undefined) return;
  throw new AppError(
    "bad_input",
    `pipeline ${name}: ${first.path.slice(1).replace("/", " ")} ${first.rule}`,
    {
      fields: faults.map(({ path, rule }) => ({ path, rule })),
    },
  );
}
