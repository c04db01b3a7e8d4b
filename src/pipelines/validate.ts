import { Type } from "typebox";
import { checkTask } from "./check-task.ts";
import { definitionOf, type TaskDefinition } from "./definition.ts";
import { type Fault, fault, hint, schemaFaults, warning } from "./faults.ts";
import { circles, dependsOn } from "./graph.ts";
import { readable } from "./readable.ts";
import { referenceIn } from "./resolve.ts";
import { InputRef, MOST_NAMES, MOST_SPEC_BYTES, NAME, PipelineSpec, TaskRef, TaskSpec } from "./schema.ts";

const DEEPEST = 20;
const MOST_FAULTS = 100;

/** The outer shape; tasks are checked one by one, so that each tells all that is wrong with it. */
const { tasks: _each, ...outer } = PipelineSpec.properties;
const Outer = Type.Object({ ...outer, tasks: Type.Unknown() }, { additionalProperties: false });
const { inputs: _two, ...plain } = TaskSpec.properties;
const Task = Type.Object(
  { ...plain, inputs: Type.Optional(Type.Record(Type.String(), Type.Unknown())) },
  { additionalProperties: false },
);

/**
 * All that is wrong with a spec, each with its place and a rule in words: its shape, names, unknown tasks and
 * engines, circles, references to nothing, kinds that don't fit, parameters that an engine does not take. What is
 * declared and never used is a warning. Pure; no fault means that every job of it can be resolved and started.
 */
export function validateSpec(spec: unknown, definitions: readonly TaskDefinition[]): Fault[] {
  const sizes = sizeFaults(spec);
  if (sizes.length > 0) return sizes;
  const shape = shapeFaults(spec);
  const known = readable(spec);
  if (known === undefined) return shape.slice(0, MOST_FAULTS);
  const found = [...nameFaults(known), ...graphFaults(known), ...definitionFaults(known, definitions)];
  // References are followed in a graph that is one: behind a circle everything would come before everything.
  const tasks = Object.keys(known.tasks).flatMap((name) => checkTask(known, name, definitions));
  // Beside what can't be read nobody knows what is taken.
  const warnings = shape.length > 0 ? [] : unusedWarnings(known);
  return [...shape, ...found, ...tasks, ...warnings].slice(0, MOST_FAULTS);
}

/** What is too large or too deep to be looked at, and keys that are more than names to JavaScript. */
function sizeFaults(spec: unknown): Fault[] {
  const deep = walk(spec, [], (at) => {
    const key = at.at(-1) ?? "";
    if (at.length > DEEPEST) return fault(at, `is deeper than ${DEEPEST} levels`);
    return key in {}
      ? fault(at, `is called ${key}, which means something else to programs: rename it`)
      : null;
  });
  if (deep.length > 0) return deep.slice(0, MOST_FAULTS);
  const bytes = Buffer.byteLength(JSON.stringify(spec) ?? "");
  return bytes > MOST_SPEC_BYTES ? [fault([], `is ${bytes} bytes: ${MOST_SPEC_BYTES} at most`)] : [];
}

/** Visits every key; stops below one that has a fault. */
function walk(value: unknown, at: string[], check: (at: string[]) => Fault | null): Fault[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.keys(value).flatMap((key) => {
    const place = [...at, key];
    const found = check(place);
    return found === null ? walk((value as Record<string, unknown>)[key], place, check) : [found];
  });
}

function shapeFaults(spec: unknown): Fault[] {
  const whole = schemaFaults(Outer, spec, []);
  const tasks = (spec as { tasks?: unknown } | null)?.tasks;
  if (tasks === undefined) return whole;
  if (typeof tasks !== "object" || tasks === null || Array.isArray(tasks))
    return [...whole, fault(["tasks"], "must be an object: a task by each name")];
  const count = Object.keys(tasks).length;
  if (count === 0) return [...whole, fault(["tasks"], "must have a task")];
  if (count > MOST_NAMES) return [...whole, fault(["tasks"], `are ${count}: ${MOST_NAMES} at most`)];
  const each = Object.entries(tasks).flatMap(([name, task]) => taskShape(task, ["tasks", name]));
  return [...whole, ...each];
}

/** An input is held against the one form that its key says, so that a slip in it is told, not that neither fits. */
function taskShape(task: unknown, at: string[]): Fault[] {
  const found = schemaFaults(Task, task, at);
  const inputs = (task as { inputs?: unknown } | null)?.inputs;
  if (typeof inputs !== "object" || inputs === null || Array.isArray(inputs)) return found;
  const each = Object.entries(inputs).flatMap(([key, value]) => {
    const isTask = typeof value === "object" && value !== null && Object.hasOwn(value, "$task");
    return schemaFaults(isTask ? TaskRef : InputRef, value, [...at, "inputs", key]);
  });
  return [...found, ...each];
}

const RECORDS = ["inputs", "params", "tasks"] as const;

function nameFaults(spec: PipelineSpec): Fault[] {
  return RECORDS.flatMap((record) => {
    const names = Object.keys(spec[record] ?? {});
    const many =
      names.length > MOST_NAMES ? [fault([record], `are ${names.length}: ${MOST_NAMES} at most`)] : [];
    const each = names.flatMap((name, index) => {
      const at = [record, name];
      if (!new RegExp(NAME).test(name))
        return [fault(at, "must begin with a letter and have letters, digits, _ and - only, 64 at most")];
      const twin = names.slice(0, index).find((other) => other.toLowerCase() === name.toLowerCase());
      return twin === undefined ? [] : [fault(at, `differs from ${twin} in case only: rename one`)];
    });
    return [...many, ...each];
  });
}

/** `after` that names no task or itself, and circles, each named once. */
function graphFaults(spec: PipelineSpec): Fault[] {
  const names = Object.keys(spec.tasks);
  const loose = Object.entries(spec.tasks).flatMap(([name, { after }]) =>
    after.flatMap((before, index) => {
      const at = ["tasks", name, "after", String(index)];
      if (before === name) return [fault(at, `is the task itself: ${name} → ${name}`)];
      if (!Object.hasOwn(spec.tasks, before))
        return [fault(at, `waits for ${before.slice(0, 64)}, which is no task here: ${hint(before, names)}`)];
      return after.indexOf(before) < index ? [fault(at, `names ${before} again`)] : [];
    }),
  );
  const round = circles(dependsOn(spec)).filter((circle) => circle.length > 2);
  const stuck = round.map((circle) =>
    fault(["tasks", circle[0] ?? "", "after"], `waits for itself: ${circle.join(" → ")}`),
  );
  return [...loose, ...stuck];
}

function definitionFaults(spec: PipelineSpec, definitions: readonly TaskDefinition[]): Fault[] {
  return Object.entries(spec.tasks).flatMap(([name, task]) => {
    const at = ["tasks", name];
    const { task: kind, task_version, engine: given } = task as Record<string, unknown>;
    // What is no text is told as that.
    if (typeof kind !== "string" || typeof task_version !== "string") return [];
    const found = definitionOf(definitions, task);
    if (found === undefined) {
      const versions = definitions.filter((one) => one.name === task.task).map(({ version }) => version);
      if (versions.length > 0)
        return [
          fault(
            [...at, "task_version"],
            `${task.task} has no version ${task.task_version}: it has ${versions.join(", ")}`,
          ),
        ];
      const names = [...new Set(definitions.map((one) => one.name))];
      return [fault([...at, "task"], `there is no task ${task.task}: ${hint(task.task, names)}`)];
    }
    const { engine } = found.config;
    return engine === given || typeof given !== "string"
      ? []
      : [fault([...at, "engine"], `${task.task} runs on ${engine}`)];
  });
}

/** What is declared and nothing takes. A task without `inputs` takes them all. */
function unusedWarnings(spec: PipelineSpec): Fault[] {
  const tasks = Object.values(spec.tasks);
  const values = tasks.flatMap((task) => [
    ...Object.values(task.params),
    ...Object.values(task.inputs ?? {}),
  ]);
  const used = (kind: "$input" | "$param") => new Set(values.map((value) => referenceIn(value, kind)));
  const [inputs, params] = [used("$input"), used("$param")];
  const takesAll = tasks.some((task) => task.inputs === undefined);
  const idle = (names: string[], seen: Set<string | undefined>) => names.filter((name) => !seen.has(name));
  return [
    ...(takesAll ? [] : idle(Object.keys(spec.inputs ?? {}), inputs).map((name) => ["inputs", name])),
    ...idle(Object.keys(spec.params ?? {}), params).map((name) => ["params", name]),
  ].map((at) => warning(at, "is declared, and no task takes it"));
}
