import { AppError } from "../errors.ts";
import type { PipelineSpec, TaskOutputs, TaskSpec } from "./schema.ts";

export type ResolvedInput = { key: string; molecule_id: string | null; structure_id: string | null };

/** What a task gets when it starts: the engine's parameters and inputs, and how long one attempt may take. */
export type ResolvedTask = {
  params: Record<string, unknown>;
  inputs: ResolvedInput[];
  time_limit_seconds?: number;
};

type Job = { params: Record<string, unknown>; inputs: readonly ResolvedInput[] };
type Outputs = ReadonlyMap<string, TaskOutputs>;

/**
 * A task's parameters and inputs with every reference followed: to what the job was given, to defaults, and to
 * what earlier tasks handed on. Pure. A graph without declared `params` puts the job's flat over the task's own,
 * and a task without `inputs` gets all inputs of the job.
 * Throws AppError bad_input that names the reference with nothing behind it.
 */
export function resolveTask(
  spec: PipelineSpec,
  taskName: string,
  job: Job,
  outputs: Outputs = new Map(),
): ResolvedTask {
  const task = ownOf(spec.tasks, taskName);
  if (task === undefined) throw new AppError("bad_input", `this job's recipe has no task ${taskName}`);
  const { time_limit_seconds } = task;
  return {
    params: paramsOf(spec, taskName, task, job, outputs),
    inputs: inputsOf(spec, taskName, task, job, outputs),
    ...(time_limit_seconds === undefined ? {} : { time_limit_seconds }),
  };
}

function paramsOf(
  spec: PipelineSpec,
  taskName: string,
  task: TaskSpec,
  job: Job,
  outputs: Outputs,
): Record<string, unknown> {
  const own = Object.entries(task.params).map(([key, value]): [string, unknown] => {
    const place = `parameter ${key} of task ${taskName}`;
    const param = referenceIn(value, "$param");
    if (param !== undefined) return [key, paramOf(spec, param, job, place)];
    const before = referenceIn(value, "$task");
    if (before === undefined) return [key, value];
    const found = outputOf(outputs, before, value as { output: string }, place);
    if (!("value" in found))
      throw new AppError("bad_input", `${place} needs a value, and ${nameOf(before, value)} is a structure`);
    return [key, found.value];
  });
  const params = Object.fromEntries(own);
  return spec.params === undefined ? { ...params, ...job.params } : params;
}

function paramOf(spec: PipelineSpec, name: string, job: Job, place: string): unknown {
  if (Object.hasOwn(job.params, name)) return job.params[name];
  const declared = ownOf(spec.params ?? {}, name);
  if (declared !== undefined && Object.hasOwn(declared, "default")) return declared.default;
  throw new AppError("bad_input", `${place} is {"$param":"${name}"}, and this job has no ${name}: name one`);
}

function inputsOf(
  spec: PipelineSpec,
  taskName: string,
  task: TaskSpec,
  job: Job,
  outputs: Outputs,
): ResolvedInput[] {
  if (task.inputs === undefined) return job.inputs.map((input) => ({ ...input }));
  const missing: string[] = [];
  const found = Object.entries(task.inputs).flatMap(([key, value]): ResolvedInput[] => {
    const place = `input ${key} of task ${taskName}`;
    if ("$task" in value) {
      const output = outputOf(outputs, value.$task, value, place);
      if ("structure_id" in output) return [{ key, ...idsOf(output) }];
      throw new AppError(
        "bad_input",
        `${place} needs a structure, and ${nameOf(value.$task, value)} is a value`,
      );
    }
    const given = job.inputs.find((input) => input.key === value.$input);
    if (given !== undefined) return [{ key, ...idsOf(given) }];
    const absent = `${place} is {"$input":"${value.$input}"}, and this job has no ${value.$input}: give one`;
    if (ownOf(spec.inputs ?? {}, value.$input)?.optional !== true) throw new AppError("bad_input", absent);
    missing.push(absent);
    return [];
  });
  const [first] = missing;
  if (found.length === 0 && first !== undefined) throw new AppError("bad_input", first);
  return found;
}

function outputOf(
  outputs: Outputs,
  task: string,
  reference: { output: string },
  place: string,
): TaskOutputs[string] {
  const found = ownOf(outputs.get(task) ?? {}, reference.output);
  if (found !== undefined) return found;
  throw new AppError(
    "bad_input",
    `${place} needs ${nameOf(task, reference)}, and task ${task} has given none`,
  );
}

function idsOf({ molecule_id, structure_id }: { molecule_id: string | null; structure_id: string | null }) {
  return { molecule_id, structure_id };
}

function nameOf(task: string, reference: unknown): string {
  return `${(reference as { output: string }).output} of ${task}`;
}

/** The name in a reference of that kind; undefined for anything else. */
export function referenceIn(value: unknown, kind: "$param" | "$task" | "$input"): string | undefined {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, kind)) return undefined;
  const name = (value as Record<string, unknown>)[kind];
  return typeof name === "string" ? name : undefined;
}

function ownOf<T>(record: Record<string, T>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
