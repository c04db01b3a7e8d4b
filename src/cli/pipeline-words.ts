import type { SpecChange } from "../pipelines/diff.ts";
import type { Fault } from "../pipelines/faults.ts";
import { inOrder } from "../pipelines/graph.ts";
import type { PipelineParameter } from "../pipelines/parameters.ts";
import type { PipelineRow, PipelineSpec, TaskSpec, VersionRow } from "../pipelines/schema.ts";
import { table } from "./out.ts";

const WHOSE = { organization: "yours", system: "the system's", other: "another organization's" } as const;

export function pipelineTable({
  items,
  next_cursor,
}: {
  items: PipelineRow[];
  next_cursor: string | null;
}): string {
  const rows = items.map((row) => [
    row.name,
    row.latest_version,
    row.draft_version === null ? "" : `draft ${row.draft_version}`,
    WHOSE[row.whose],
    row.whose === "system" ? "" : row.visibility,
    // Another organization's stands for no name, so it is named by its id.
    row.whose === "other" ? row.pipeline_id : "",
    row.description.length > 60 ? `${row.description.slice(0, 59)}…` : row.description,
  ]);
  return [
    table(
      ["name", "version", "draft", "whose", "visibility", "id", "what it is for"],
      rows,
      "no pipeline: run `aliquot seed`",
    ),
    ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
  ].join("\n");
}

type Shown = PipelineRow & {
  versions: VersionRow[];
  version: string;
  published: boolean;
  spec: PipelineSpec;
  parameters: PipelineParameter[];
};

/** A pipeline's graph in words: what it is given, what may be chosen, and its tasks in the order that they run. */
export function describePipeline(shown: Shown): string {
  const { spec } = shown;
  const tasks = inOrder(spec).flatMap((name, index) => {
    const task = Object.hasOwn(spec.tasks, name) ? spec.tasks[name] : undefined;
    return task === undefined ? [] : [taskLines(name, task, index + 1)];
  });
  const state = shown.published ? "published" : "draft";
  const versions = shown.versions.map((one) => `${one.version}${one.published ? "" : " (draft)"}`).join(", ");
  return [
    `pipeline ${shown.name} (${WHOSE[shown.whose]}), version ${shown.version}, ${state}`,
    ...(shown.description === "" ? [] : [`  ${shown.description}`]),
    ...declared(shown),
    ...tasks,
    `versions: ${versions}`,
  ].join("\n");
}

function declared({ spec, parameters }: Shown): string[] {
  const given = Object.entries(spec.inputs ?? {}).map(([name, input]) => [
    name,
    input.optional === true ? `${input.kind}, optional` : input.kind,
    input.description ?? "",
  ]);
  const chosen = parameters.map((one) => [
    one.name,
    one.required ? "must be given" : one.default === null ? null : JSON.stringify(one.default),
    allowedOf(one),
    one.description ?? "",
  ]);
  return [
    ...(given.length === 0 ? [] : [table(["given", "kind", ""], given)]),
    ...(chosen.length === 0 ? [] : [table(["chosen", "default", "allowed", ""], chosen)]),
  ];
}

/** A list of values, or a range with its unit; a long list is in --json. */
function allowedOf({ allowed, minimum, maximum, unit }: PipelineParameter): string {
  const all = (allowed ?? []).map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
  if (all.length > 0)
    return all.length > 8 ? `${all.slice(0, 8).join(", ")}, … (${all.length})` : all.join(", ");
  const range =
    minimum !== null && maximum !== null
      ? `${minimum} to ${maximum}`
      : [minimum === null ? "" : `${minimum} or more`, maximum === null ? "" : `${maximum} at most`].join("");
  return [range, ...(unit === null ? [] : [unit])].join(" ");
}

function taskLines(name: string, task: TaskSpec, number: number): string {
  const after = task.after.length === 0 ? "" : `, after ${task.after.join(" and ")}`;
  const limit = task.time_limit_seconds === undefined ? "" : `, ${task.time_limit_seconds} s at most`;
  const inputs = Object.entries(task.inputs ?? {}).map(([key, value]) => `     ${key}: ${inWords(value)}`);
  const params = Object.entries(task.params).map(([key, value]) => `     ${key} = ${inWords(value)}`);
  return [
    `${number}. ${name}: ${task.task} ${task.task_version}${after}; ${task.max_attempts} attempts${limit}`,
    ...(task.inputs === undefined ? ["     all inputs of the job"] : inputs),
    ...params,
  ].join("\n");
}

/** A value or a reference, as people say it. */
function inWords(value: unknown): string {
  const { $input, $param, $task, output } = (value ?? {}) as Record<string, string | undefined>;
  if ($input !== undefined) return `the job's ${$input}`;
  if ($param !== undefined) return `as chosen: ${$param}`;
  if ($task !== undefined) return `${output} of ${$task}`;
  return JSON.stringify(value);
}

export function describeFaults({ items }: { items: Fault[] }): string {
  if (items.length === 0) return "nothing is wrong with it";
  return items
    .map(({ path, rule, severity }) => `${severity === "warning" ? "warning: " : ""}${path} ${rule}`)
    .join("\n");
}

export function describeChanges({
  name,
  from,
  to,
  changes,
}: {
  name: string;
  from: string;
  to: string;
  changes: SpecChange[];
}): string {
  const head = `pipeline ${name}: ${from} → ${to}`;
  if (changes.length === 0) return `${head}: the same graph`;
  return [head, ...changes.map(changeLine)].join("\n");
}

function changeLine({ path, change, old, new: now }: SpecChange): string {
  if (change === "added") return `+ ${path}  ${JSON.stringify(now)}`;
  if (change === "removed") return `- ${path}  ${JSON.stringify(old)}`;
  return `~ ${path}  ${JSON.stringify(old)} → ${JSON.stringify(now)}`;
}
