import { AppError } from "../errors.ts";
import type { TaskDefinition } from "../pipelines/definition.ts";
import { inOrder } from "../pipelines/graph.ts";
import { refuseJobParams } from "../pipelines/job-params.ts";
import type { Runnable } from "../pipelines/recipe.ts";
import type { PublishedPipeline } from "../pipelines/store.ts";
import { checkComplete, type Params } from "./params.ts";
import { placesOf } from "./places.ts";
import type { AskedOfPipeline, Call, EngineRequests, RequestPlan } from "./rules.ts";
import { VINA_REQUESTS } from "./vina.ts";
import { refuseIdleDeclared, XTB_REQUESTS } from "./xtb.ts";

/** One line an engine. */
const REQUESTS: Record<string, EngineRequests> = { xtb: XTB_REQUESTS, vina: VINA_REQUESTS };

/** The task that a pipeline begins with, and what its engine makes of things. Throws AppError bad_input. */
export function firstOf(pipeline: PublishedPipeline): { task: string; rules: EngineRequests } {
  const [task = ""] = inOrder(pipeline.spec);
  const engine = pipeline.spec.tasks[task]?.engine ?? "nothing";
  const rules = Object.hasOwn(REQUESTS, engine) ? REQUESTS[engine] : undefined;
  if (rules !== undefined) return { task, rules };
  throw new AppError(
    "bad_input",
    `pipeline ${pipeline.name} begins with ${engine}, which is not given molecules: use one that begins with ${Object.keys(REQUESTS).join(" or ")}`,
  );
}

/**
 * What the jobs of a pipeline share: parameters, the sites of all its tasks that dock, options. Throws AppError
 * bad_input (also a parameter that only a later task takes), not_found (a site).
 */
export async function planRequests(
  call: Call,
  { pipeline, definitions }: Runnable,
  asked: AskedOfPipeline,
): Promise<RequestPlan> {
  const { task, rules } = firstOf(pipeline);
  refuseJobParams(pipeline, takenByTasks(asked.params ?? {}, rules, definitions), definitions);
  refuseUngiven(pipeline, task, rules);
  refuseIdleDeclared(pipeline.spec, asked.params ?? {});
  return planOwn(call, pipeline, asked);
}

/** The same for a recipe of ours whose parameters the operation's own schema has checked. */
export async function planOwn(
  call: Call,
  pipeline: PublishedPipeline,
  asked: AskedOfPipeline,
): Promise<RequestPlan> {
  const { task, rules } = firstOf(pipeline);
  refuseStereo(pipeline, rules, asked);
  const places = await placesOf(call, pipeline, asked);
  const params = { ...asked.params, ...places.params };
  const plan = rules.plan(pipeline, task, { ...asked, params });
  checkComplete(pipeline, { ...plan.params, ...params });
  // A private site's poses would show it.
  const visibility = places.is_private ? "private" : (asked.visibility ?? "organization");
  return { pipeline, visibility, ...plan, inputs: places.inputs };
}

/** Throws AppError bad_input where isomers are asked of an engine that computes a drawing as it is. */
function refuseStereo({ name }: PublishedPipeline, rules: EngineRequests, { stereo }: AskedOfPipeline): void {
  if (stereo === undefined || stereo === "refuse" || rules.expands_stereo) return;
  throw new AppError(
    "bad_input",
    `pipeline ${name} takes a drawing as it is and refuses open stereo: draw each centre, and leave \`stereo\` ${stereo} out`,
    { fields: [{ path: "/stereo", rule: "must be refuse here" }] },
  );
}

/** Throws AppError bad_input where a graph declares an input that nothing here is given as: no job of it could start. */
function refuseUngiven({ name, spec }: PublishedPipeline, task: string, rules: EngineRequests): void {
  const keys = [rules.molecule_key, ...(rules.structures === null ? [] : [rules.structures.key])];
  const given = keys.map((key) => {
    const value = spec.tasks[task]?.inputs?.[key];
    return value !== undefined && "$input" in value ? value.$input : key;
  });
  // Published before a docking took its site alone: what is published runs as it did, and its site gives them.
  for (const { engine, inputs } of Object.values(spec.tasks))
    for (const key of engine === "vina" ? ["receptor", "reference"] : []) {
      const value = inputs?.[key];
      if (value !== undefined && "$input" in value) given.push(value.$input);
    }
  for (const [key, { optional }] of Object.entries(spec.inputs ?? {}))
    if (optional !== true && !given.includes(key))
      throw new AppError("bad_input", `pipeline ${name} needs input ${key}, which nothing here is given as`);
}

/** Without what only says how the things are read, and is no task's. */
function takenByTasks(
  given: Params,
  { reading }: EngineRequests,
  definitions: readonly TaskDefinition[],
): Params {
  const known = (name: string) =>
    definitions.some(({ input_schema }) => Object.hasOwn(input_schema.properties ?? {}, name));
  return Object.fromEntries(Object.entries(given).filter(([name]) => !reading.includes(name) || known(name)));
}
