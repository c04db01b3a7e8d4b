import { MOST_NAMES, type PipelineSpec, type TaskSpec } from "./schema.ts";

/**
 * What can be read of a spec whose shape has faults, so that they hide nothing else that is wrong with it: what is
 * of another type counts as empty, and a task that does not say what it waits for as one that waits for whatever it
 * takes from. Undefined where there are no tasks to look at, or more than are looked at. Pure. Single values may
 * still be of any type, and a right spec comes back as it is.
 */
export function readable(spec: unknown): PipelineSpec | undefined {
  const { inputs, params, tasks } = objectOf(spec);
  const names = Object.keys(objectOf(tasks));
  if (names.length === 0 || names.length > MOST_NAMES) return undefined;
  const each = Object.entries(objectOf(tasks)).map(([name, task]) => [name, readTask(task, name, names)]);
  return {
    ...(objectOf(spec) as PipelineSpec),
    ...(inputs === undefined ? {} : { inputs: insides(inputs) as PipelineSpec["inputs"] & object }),
    ...(params === undefined ? {} : { params: insides(params) as PipelineSpec["params"] & object }),
    tasks: Object.fromEntries(each),
  };
}

function readTask(task: unknown, name: string, names: readonly string[]): TaskSpec {
  const { after, inputs, params, ...plain } = objectOf(task);
  const isList = Array.isArray(after) && after.length <= MOST_NAMES && after.every(isText);
  const taken = [...Object.values(objectOf(inputs)), ...Object.values(objectOf(params))]
    .map((value) => objectOf(value)["$task"])
    .filter((before): before is string => isText(before) && before !== name && names.includes(before));
  return {
    ...(plain as TaskSpec),
    after: isList ? after : [...new Set(taken)],
    params: objectOf(params),
    ...(inputs === undefined ? {} : { inputs: objectOf(inputs) as TaskSpec["inputs"] & object }),
  };
}

function insides(record: unknown): Record<string, object> {
  return Object.fromEntries(Object.entries(objectOf(record)).map(([name, value]) => [name, objectOf(value)]));
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
