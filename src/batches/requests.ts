import type { OrgPrincipal } from "../access/principal.ts";
import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { questionSigner } from "../jobs/question.ts";
import type { JobInput, JobRequest } from "../jobs/submit.ts";
import { allRefused, type IdentifiedRecord, identifyRecords, rejectedRecord } from "../molecules/identify.ts";
import { expandStereo, type IsomerRecord, registerIsomers } from "../molecules/isomers.ts";
import type { Registered, Registrar } from "../molecules/register.ts";
import type { MoleculeRecord, RejectedRecord } from "../molecules/schema.ts";
import type { TaskDefinition } from "../pipelines/definition.ts";
import { inOrder } from "../pipelines/graph.ts";
import { refuseJobParams } from "../pipelines/job-params.ts";
import type { Runnable } from "../pipelines/recipe.ts";
import type { PublishedPipeline } from "../pipelines/store.ts";
import { forgetMissing } from "../result-cache/forget-missing.ts";
import { type StructureRow, structureIdentity } from "../structures/store.ts";
import { isDecided, type KnownSpecies, speciesOf } from "./known.ts";
import { readKnown, readStructures } from "./named.ts";
import { checkComplete, inputName, type Params } from "./params.ts";
import { placesOf } from "./places.ts";
import type { AskedOfPipeline, Call, EngineRequests, RequestPlan } from "./request-rules.ts";
import { VINA_REQUESTS } from "./request-vina.ts";
import { XTB_REQUESTS } from "./request-xtb.ts";
import type { BatchThings } from "./schema.ts";

/** One line an engine. */
const REQUESTS: Record<string, EngineRequests> = { xtb: XTB_REQUESTS, vina: VINA_REQUESTS };

/** What was found out before the transaction. */
export type PreparedThings = {
  /** What was drawn, and isomers of known molecules that leave some open. */
  isomers: IsomerRecord[];
  known: { species: KnownSpecies; params: Params }[];
  structures: { row: StructureRow; params: Params }[];
  rejected: RejectedRecord[];
  /** Known molecules that can't be computed, by their place among those. */
  refused: RejectedRecord[];
  /** Of `registered`: where to go on; null where that was all. */
  next_after: string | null;
};

export type PreparedRequests = { plan: RequestPlan; things: PreparedThings; source_file: string | null };

/** One thing to run, as a batch keeps it: what is its own beside what the plan shares. */
export type RequestItem = {
  input: JobInput;
  params: Params;
  name: string | null;
  source_row: number | null;
};

/** The task that a pipeline begins with, and what its engine makes of things. Throws AppError bad_input. */
function firstOf(pipeline: PublishedPipeline): { task: string; rules: EngineRequests } {
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
  const places = await placesOf(call, pipeline, asked);
  const params = { ...asked.params, ...places.params };
  const plan = rules.plan(pipeline, task, { ...asked, params });
  checkComplete(pipeline, { ...plan.params, ...params });
  const inputs = [...plan.inputs, ...places.inputs];
  // A private site's poses would show it.
  return { ...plan, inputs, visibility: places.is_private ? "private" : plan.visibility };
}

/** Throws AppError bad_input where a graph declares an input that nothing here is given as: no job of it could start. */
function refuseUngiven({ name, spec }: PublishedPipeline, task: string, rules: EngineRequests): void {
  const given = new Set(
    [rules.molecule_key, rules.structure_key].flatMap((key) => {
      const value = key === null ? undefined : spec.tasks[task]?.inputs?.[key];
      return key === null ? [] : value !== undefined && "$input" in value ? [value.$input] : [key];
    }),
  );
  for (const dock of Object.values(spec.tasks))
    for (const key of dock.engine === "vina" ? ["receptor", "reference"] : []) {
      const value = dock.inputs?.[key];
      if (value !== undefined && "$input" in value) given.add(value.$input);
    }
  for (const [key, { optional }] of Object.entries(spec.inputs ?? {}))
    if (optional !== true && !given.has(key))
      throw new AppError("bad_input", `pipeline ${name} needs input ${key}, which nothing here is given as`);
}

/** Throws AppError bad_input where a graph's first task takes no thing of that kind, but another one. */
function refuseUntaken({ name, spec }: PublishedPipeline, task: string, key: string): void {
  const inputs = spec.tasks[task]?.inputs;
  if (inputs === undefined || Object.hasOwn(inputs, key)) return;
  const takes = Object.keys(inputs).join(", ") || "nothing";
  throw new AppError("bad_input", `pipeline ${name} is given a ${takes}, and this is a ${key}`);
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

/**
 * Chemistry of what is to be computed, with no transaction open. Throws AppError bad_input (all rejected, or one
 * where that refuses all), not_found (a molecule or structure that is not the asker's to see), engine_refused.
 */
export async function prepareThings(
  call: Call,
  plan: RequestPlan,
  things: BatchThings,
): Promise<PreparedThings> {
  const { task, rules } = firstOf(plan.pipeline);
  const { toolkit } = call.services;
  const { options, pipeline } = plan;
  const page = await readKnown(call, plan, things);
  const records = things.molecules ?? [];
  const { accepted, rejected } = await identifyRecords(toolkit, records);
  const read = await readAgain(call, page.species);
  const refused = [...read.rejected];
  const fit = (list: RejectedRecord[]) => (item: IdentifiedRecord) => {
    const refusal = rules.refuse(item.found, options);
    if (refusal !== undefined)
      list.push(rejectedRecord(item.record, item.line, refusal.code, refusal.message));
    return refusal === undefined;
  };
  const drawn = await expanded(call, plan, accepted.filter(fit(rejected)));
  rejected.push(...drawn.rejected);
  const known: PreparedThings["known"] = [];
  const open: IdentifiedRecord[] = [];
  for (const item of read.found.filter(fit(refused))) {
    const species = read.speciesOf(item);
    if (rules.expands_stereo && !isDecided(species)) open.push(item);
    else known.push({ species, params: rules.paramsOf(item.found.species, options, pipeline, task) });
  }
  const isomers = await expanded(call, plan, open);
  refused.push(...isomers.rejected);
  for (const item of isomers.items) {
    const species = read.speciesOf(item.drawn);
    if (item.isomer !== null) drawn.items.push({ ...item, molecule_id: species.molecule_id });
    else known.push({ species, params: rules.paramsOf(item.chosen.found.species, options, pipeline, task) });
  }
  for (const list of [rejected, refused]) list.sort((a, b) => a.line - b.line);
  const structures = await prepareStructures(call, plan, things.structure_ids ?? []);
  if (drawn.items.length + known.length > 0) refuseUntaken(pipeline, task, rules.molecule_key);
  if (structures.length > 0) refuseUntaken(pipeline, task, rules.structure_key ?? rules.molecule_key);
  const none = drawn.items.length + known.length + structures.length === 0;
  const bad = [...rejected, ...refused];
  if (bad.length > 0 && (things.on_reject ?? "refuse") === "refuse")
    throw allRefused(bad, records.length + page.species.length);
  if (bad.length === 0 && none && things.registered === undefined)
    throw new AppError(
      "bad_input",
      "there is nothing to compute: give SMILES, a file, molecules or structures",
    );
  return { isomers: drawn.items, known, structures, rejected, refused, next_after: page.next_after };
}

/** Each with its stereo decided, where the engine asks for that. */
async function expanded({ services }: Call, plan: RequestPlan, items: IdentifiedRecord[]) {
  if (firstOf(plan.pipeline).rules.expands_stereo)
    return expandStereo(services.toolkit, items, plan.options.stereo ?? "enumerate");
  return {
    items: items.map((item): IsomerRecord => ({ drawn: item, chosen: item, isomer: null })),
    rejected: [],
  };
}

/**
 * Known molecules as the toolkit would say them: it is asked only about drawings that do not say all of themselves
 * (stereo, parts, radicals). What it says decides whether and how they are computed, and not what they are.
 */
async function readAgain({ services }: Call, known: KnownSpecies[]) {
  const records = new Map(
    known.map((species, index) => [
      { text: species.smiles ?? "", format: "smiles" as const, line: index + 1 } as MoleculeRecord,
      species,
    ]),
  );
  const open = [...records].flatMap(([record, species]) => (isDecided(species) ? [] : [record]));
  const { accepted, rejected } = await identifyRecords(services.toolkit, open);
  const again = new Map(accepted.map((item) => [item.record, item]));
  const found = [...records].flatMap(([record, species]): IdentifiedRecord[] => {
    const item = again.get(record);
    if (isDecided(species)) return [{ record, line: record.line ?? 1, found: speciesOf(species) }];
    return item === undefined ? [] : [item];
  });
  return {
    found,
    rejected,
    speciesOf: ({ record }: IdentifiedRecord) => records.get(record) as KnownSpecies,
  };
}

async function prepareStructures(
  call: Call,
  plan: RequestPlan,
  given: string[],
): Promise<PreparedThings["structures"]> {
  if (given.length === 0) return [];
  const { task, rules } = firstOf(plan.pipeline);
  if (rules.structure_key === null)
    throw new AppError("bad_input", `pipeline ${plan.pipeline.name} takes molecules: give no structures`);
  const found: PreparedThings["structures"] = [];
  for (const row of await readStructures(call, plan.visibility, given))
    found.push({ row, params: await rules.structureParamsOf(call, row, plan.options, plan.pipeline, task) });
  return found;
}

/** Registers what is new and says what is to be run, in the caller's transaction. */
export async function makeItems(
  scope: ResultsScope,
  registrar: Registrar,
  plan: RequestPlan,
  things: PreparedThings,
): Promise<RequestItem[]> {
  return itemsOf(plan, things, await registerIsomers(scope, registrar, things.isomers));
}

function itemsOf(plan: RequestPlan, things: PreparedThings, registered: Registered[]): RequestItem[] {
  const { task, rules } = firstOf(plan.pipeline);
  const { pipeline, options } = plan;
  const key = inputName(pipeline, task, rules.molecule_key);
  const drawn = registered.map(({ molecule_id, species, line }, index): RequestItem => {
    const { record } = things.isomers[index]?.drawn ?? {};
    const isomer = things.isomers[index]?.isomer ?? null;
    return {
      input: { key, molecule_id, structure_id: null, identity: species.identity_key },
      params: rules.paramsOf(species, options, pipeline, task),
      name:
        record?.name === undefined || isomer === null
          ? (record?.name ?? null)
          : `${record.name} isomer ${isomer.number}`.slice(0, 500),
      source_row: things.isomers[index]?.molecule_id === undefined ? line : null,
    };
  });
  const known = things.known.map(({ species, params }): RequestItem => {
    const { molecule_id, identity_key } = species;
    return {
      input: { key, molecule_id, structure_id: null, identity: identity_key },
      params,
      name: null,
      source_row: null,
    };
  });
  const structureKey = inputName(pipeline, task, rules.structure_key ?? rules.molecule_key);
  const structures = things.structures.map(({ row, params }): RequestItem => {
    const { molecule_id, structure_id, name } = row;
    const input = { key: structureKey, molecule_id, structure_id, identity: structureIdentity(row) };
    return { input, params, name, source_row: null };
  });
  return [...drawn, ...known, ...structures];
}

/** An item as a job of its own. */
export function requestOf(plan: RequestPlan, { input, params }: RequestItem): JobRequest {
  return { inputs: [input, ...plan.inputs], params: { ...plan.params, ...params } };
}

/** What `pipeline run` asks: chemistry, site and parameters, before the transaction. Throws as its two parts do. */
export async function prepareRequests(
  call: Call,
  runnable: Runnable,
  input: AskedOfPipeline & BatchThings & { source_file?: string; reuse?: boolean },
): Promise<PreparedRequests> {
  const plan = await planRequests(call, runnable, input);
  const things = await prepareThings(call, plan, input);
  if (input.reuse !== false) await forgetMissing(call, questionsOf(plan, things));
  return { plan, things, source_file: input.source_file ?? null };
}

/** What is asked, as the jobs will: a molecule that is new has its id once it is registered, and is not its question. */
function questionsOf(plan: RequestPlan, things: PreparedThings): string[] {
  const ids = things.isomers.map(({ drawn, chosen }) => ({
    molecule_id: "",
    created: false,
    species: chosen.found.species,
    line: drawn.line,
  }));
  const sign = questionSigner(plan.pipeline.spec);
  return itemsOf(plan, things, ids).map((item) => sign(requestOf(plan, item)));
}

/** Registers what is new and makes the requests that `submitJobs` takes, one a thing, in order. */
export async function makeRequests(
  scope: ResultsScope,
  principal: Pick<OrgPrincipal, "user_id">,
  prepared: PreparedRequests,
): Promise<JobRequest[]> {
  const { plan, things, source_file } = prepared;
  const registrar = { owner_id: principal.user_id, visibility: plan.visibility, source_file };
  const items = await makeItems(scope, registrar, plan, things);
  return items.map((item) => requestOf(plan, item));
}
