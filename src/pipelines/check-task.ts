import { definitionOf, type TaskConfig, type TaskDefinition } from "./definition.ts";
import { type Fault, fault, hint, schemaFaults } from "./faults.ts";
import { ancestors, dependsOn } from "./graph.ts";
import {
  INPUT_KINDS,
  type InputRef,
  type PipelineSpec,
  SITE_PARAM,
  type TaskRef,
  type TaskSpec,
} from "./schema.ts";

type Definitions = readonly TaskDefinition[];
type Place = { spec: PipelineSpec; name: string; task: TaskSpec; definitions: Definitions };

/** A task's inputs and parameters against what is declared, what comes before it, and what its engine takes. */
export function checkTask(spec: PipelineSpec, name: string, definitions: Definitions): Fault[] {
  const task = spec.tasks[name];
  if (task === undefined) return [];
  const place: Place = { spec, name, task, definitions };
  const definition = definitionOf(definitions, task);
  return [...inputFaults(place, definition?.config), ...paramFaults(place, definition)];
}

function inputFaults(place: Place, config: TaskConfig | undefined): Fault[] {
  const { name, task } = place;
  const { inputs } = task;
  if (inputs === undefined) return [];
  const at = ["tasks", name, "inputs"];
  const each = Object.entries(inputs).flatMap(([key, reference]) =>
    inputFault(place, [...at, key], reference, config?.inputs, key),
  );
  if (config?.inputs === undefined) return each;
  const given = Object.keys(inputs);
  const all = Object.keys(config.inputs).join(" or ");
  if (config.one_input === true)
    return given.length === 1 ? each : [...each, fault(at, `must be one of ${all}: ${task.task} takes one`)];
  const missing = Object.entries(config.inputs)
    .filter(([key, { optional }]) => optional !== true && !given.includes(key))
    .map(([key]) => key);
  return missing.length === 0
    ? each
    : [...each, fault(at, `needs ${missing.join(", ")}: ${task.task} can't do without`)];
}

function inputFault(
  place: Place,
  at: string[],
  reference: InputRef | TaskRef,
  takes: TaskConfig["inputs"],
  key: string,
): Fault[] {
  const wanted = takes === undefined || !Object.hasOwn(takes, key) ? undefined : takes[key];
  if (takes !== undefined && wanted === undefined)
    return [fault(at, `${place.task.task} takes no input ${key}: ${hint(key, Object.keys(takes))}`)];
  // What is no reference, or a declared input of no kind, is told by its shape.
  if (!isReference(reference)) return [];
  if ("$task" in reference) {
    const output = taskOutput(place, at, reference);
    if ("faults" in output) return output.faults;
    const { kind } = output;
    if (kind === undefined || kind === wanted?.kind || (kind === "structure" && wanted === undefined))
      return [];
    const takesA = wanted?.kind ?? "structure";
    return [
      fault(at, `${key} takes a ${takesA}, and ${reference.output} of ${reference.$task} is a ${kind}`),
    ];
  }
  const declared = place.spec.inputs ?? {};
  const input = Object.hasOwn(declared, reference.$input) ? declared[reference.$input] : undefined;
  if (input === undefined)
    return [
      fault(
        [...at, "$input"],
        `${reference.$input} is no input of this pipeline: ${hint(reference.$input, Object.keys(declared))}`,
      ),
    ];
  if (wanted === undefined || !INPUT_KINDS.includes(input.kind)) return [];
  if (input.kind !== wanted.kind)
    return [fault(at, `${key} takes a ${wanted.kind}, and ${reference.$input} is a ${input.kind}`)];
  if (input.optional === true && wanted.optional !== true)
    return [fault(at, `${key} can't be done without, and ${reference.$input} is optional`)];
  return [];
}

function isReference(value: unknown): value is InputRef | TaskRef {
  const { $input, $task, output } = (value ?? {}) as Record<string, unknown>;
  return $task === undefined
    ? typeof $input === "string"
    : typeof $task === "string" && typeof output === "string";
}

/** What a task before this one hands on, or what is wrong with the reference. An unknown task's has no kind. */
function taskOutput(
  { spec, name, definitions }: Place,
  at: string[],
  { $task, output }: TaskRef,
): { kind: "structure" | "value" | undefined } | { faults: Fault[] } {
  if (!Object.hasOwn(spec.tasks, $task))
    return {
      faults: [fault([...at, "$task"], `${$task} is no task here: ${hint($task, Object.keys(spec.tasks))}`)],
    };
  if ($task === name) return { faults: [fault([...at, "$task"], "is the task itself")] };
  if (!ancestors(dependsOn(spec), name).has($task))
    return { faults: [fault([...at, "$task"], `does not come before ${name}: put ${$task} into its after`)] };
  const source = spec.tasks[$task];
  const definition = source === undefined ? undefined : definitionOf(definitions, source);
  if (source === undefined || definition === undefined) return { kind: undefined };
  const outputs = definition.config.outputs ?? {};
  const found = Object.hasOwn(outputs, output) ? outputs[output] : undefined;
  if (found === undefined)
    return {
      faults: [
        fault(
          [...at, "output"],
          `${source.task} hands on no ${output}: ${hint(output, Object.keys(outputs))}`,
        ),
      ],
    };
  return { kind: found.kind };
}

function paramFaults(place: Place, definition: TaskDefinition | undefined): Fault[] {
  const { spec, name, task } = place;
  const at = ["tasks", name, "params"];
  const each = Object.entries(task.params).flatMap(([key, value]) =>
    paramFault(place, [...at, key], value, definition?.input_schema.properties, key),
  );
  // Without declared parameters a job's own stand over these: what is missing here may come with it.
  const required = spec.params === undefined ? [] : (definition?.input_schema.required ?? []);
  const missing = required.filter((key) => !Object.hasOwn(task.params, key));
  return missing.length === 0
    ? each
    : [...each, fault(at, `needs ${missing.join(", ")}: ${task.task} can't do without`)];
}

function paramFault(
  place: Place,
  at: string[],
  value: unknown,
  known: Record<string, object> | undefined,
  key: string,
): Fault[] {
  const schema = known === undefined || !Object.hasOwn(known, key) ? undefined : known[key];
  if (known !== undefined && schema === undefined)
    return [fault(at, `${place.task.task} has no parameter ${key}: ${hint(key, Object.keys(known))}`)];
  const reference = referenceOf(value);
  const declares = typeof reference === "object" && "$param" in reference ? reference.$param : undefined;
  // A site is somebody's: whoever runs the graph says which, and is asked whether they may see it.
  if (key === SITE_PARAM && (declares === undefined || hasDefault(place.spec, declares)))
    return [
      fault(at, `must be {"$param": name} of a parameter without a default: jobs say where with \`site\``),
    ];
  if (reference === undefined) return schema === undefined ? [] : schemaFaults(schema, value, at);
  if (reference === "odd")
    return [fault(at, 'is no reference: write {"$param": name} or {"$task": name, "output": name}')];
  if ("$task" in reference) {
    const output = taskOutput(place, at, reference);
    if ("faults" in output) return output.faults;
    if (output.kind !== "structure") return [];
    return [
      fault(
        at,
        `needs a value, and ${reference.output} of ${reference.$task} is a structure: it is an input`,
      ),
    ];
  }
  const declared = place.spec.params ?? {};
  const param = Object.hasOwn(declared, reference.$param) ? declared[reference.$param] : undefined;
  if (param === undefined)
    return [
      fault(
        [...at, "$param"],
        `${reference.$param} is no parameter of this pipeline: ${hint(reference.$param, Object.keys(declared))}`,
      ),
    ];
  if (schema === undefined || !Object.hasOwn(param, "default")) return [];
  return schemaFaults(schema, param.default, ["params", reference.$param, "default"]);
}

function hasDefault({ params = {} }: PipelineSpec, name: string): boolean {
  return Object.hasOwn(params, name) && Object.hasOwn(params[name] ?? {}, "default");
}

/** A parameter's value as a reference; undefined for a plain value, odd for what only looks like one. */
function referenceOf(value: unknown): { $param: string } | TaskRef | "odd" | undefined {
  if (!hasSign(value)) return undefined;
  const { $param, $task, output, ...rest } = value as Record<string, unknown>;
  if (Object.keys(rest).length > 0) return "odd";
  if (typeof $param === "string" && $task === undefined && output === undefined) return { $param };
  if (typeof $task === "string" && typeof output === "string" && $param === undefined)
    return { $task, output };
  return "odd";
}

/** True where a key anywhere in it begins like a reference's. */
function hasSign(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, inner]) => key.startsWith("$") || hasSign(inner));
}
