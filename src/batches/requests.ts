import type { OrgPrincipal } from "../access/principal.ts";
import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import type { JobInput, JobRequest } from "../jobs/submit.ts";
import { allRefused, identifyRecords, rejectedRecord } from "../molecules/identify.ts";
import { expandStereo, type IsomerRecord, registerIsomers } from "../molecules/isomers.ts";
import type { Registrar } from "../molecules/register.ts";
import type { RejectedRecord } from "../molecules/schema.ts";
import { inOrder } from "../pipelines/graph.ts";
import type { PublishedPipeline } from "../pipelines/store.ts";
import { type StructureRow, selectStructuresByIds, structureIdentity } from "../structures/store.ts";
import { isDecided, type KnownSpecies, speciesOf } from "./known.ts";
import { selectKnown, selectRegistered } from "./known-store.ts";
import { inputName, type Params } from "./params.ts";
import type { AskedOfPipeline, Call, EngineRequests, RequestPlan } from "./request-rules.ts";
import { VINA_REQUESTS } from "./request-vina.ts";
import { XTB_REQUESTS } from "./request-xtb.ts";
import type { BatchThings } from "./schema.ts";

/** One line an engine. */
const REQUESTS: Record<string, EngineRequests> = { xtb: XTB_REQUESTS, vina: VINA_REQUESTS };

/** What was found out before the transaction. */
export type PreparedThings = {
  isomers: IsomerRecord[];
  known: { species: KnownSpecies; params: Params }[];
  structures: { row: StructureRow; params: Params }[];
  rejected: RejectedRecord[];
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

/** What the jobs of a pipeline share: parameters, site, options. Throws AppError bad_input, not_found (the site). */
export function planRequests(
  call: Call,
  pipeline: PublishedPipeline,
  asked: AskedOfPipeline,
): Promise<RequestPlan> {
  const { task, rules } = firstOf(pipeline);
  return rules.plan(call, pipeline, task, asked);
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
  const known = await readKnown(call, things);
  const decided = known.species.filter(isDecided);
  const records = [
    ...(things.molecules ?? []),
    // A drawing that does not say all of itself is read again: stereo, parts, radicals.
    ...known.species
      .filter((species) => !isDecided(species))
      .map((species) => ({ text: species.smiles ?? "", format: "smiles" as const })),
  ];
  const { accepted, rejected } = await identifyRecords(call.services.toolkit, records);
  const fit = accepted.filter((item) => {
    const refusal = rules.refuse(item.found, plan.options);
    if (refusal === undefined) return true;
    rejected.push(rejectedRecord(item.record, item.line, refusal.code, refusal.message));
    return false;
  });
  const expanded = rules.expands_stereo
    ? await expandStereo(call.services.toolkit, fit, plan.options.stereo ?? "enumerate")
    : { items: fit.map((item): IsomerRecord => ({ drawn: item, chosen: item, isomer: null })), rejected: [] };
  rejected.push(...expanded.rejected);
  const computed: PreparedThings["known"] = [];
  for (const species of decided) {
    const found = speciesOf(species);
    const refusal = rules.refuse(found, plan.options);
    if (refusal === undefined)
      computed.push({ species, params: rules.paramsOf(found.species, plan.options, plan.pipeline, task) });
    else {
      const record = { text: species.smiles ?? "", format: "smiles" as const };
      rejected.push(rejectedRecord(record, 1, refusal.code, refusal.message));
    }
  }
  rejected.sort((a, b) => a.line - b.line);
  const structures = await readStructures(call, plan, rules, task, things.structure_ids ?? []);
  const none = expanded.items.length + computed.length + structures.length === 0;
  if (rejected.length > 0 && (things.on_reject ?? "refuse") === "refuse")
    throw allRefused(rejected, records.length + decided.length);
  if (rejected.length === 0 && none && things.registered === undefined)
    throw new AppError(
      "bad_input",
      "there is nothing to compute: give SMILES, a file, molecules or structures",
    );
  return { isomers: expanded.items, known: computed, structures, rejected, next_after: known.next_after };
}

async function readKnown(
  { services, principal }: Call,
  { molecule_ids = [], registered }: BatchThings,
): Promise<{ species: KnownSpecies[]; next_after: string | null }> {
  if (molecule_ids.length === 0 && registered === undefined) return { species: [], next_after: null };
  return services.results.read(principal, async ({ tx }) => {
    const ids = [...new Set(molecule_ids.map((id) => id.toLowerCase()))];
    const named = await selectKnown(tx, ids);
    if (named.length < ids.length)
      throw new AppError(
        "not_found",
        `${ids.length - named.length} of ${ids.length} molecules are not there`,
      );
    if (registered === undefined) return { species: named, next_after: null };
    const page = await selectRegistered(tx, registered);
    return { species: [...named, ...page.species], next_after: page.next_after };
  });
}

async function readStructures(
  call: Call,
  plan: RequestPlan,
  rules: EngineRequests,
  task: string,
  given: string[],
): Promise<PreparedThings["structures"]> {
  if (given.length === 0) return [];
  if (rules.structure_key === null)
    throw new AppError("bad_input", `pipeline ${plan.pipeline.name} takes molecules: give no structures`);
  const ids = given.map((id) => id.toLowerCase());
  const rows = await call.services.results.read(call.principal, ({ tx }) => selectStructuresByIds(tx, ids));
  const byId = new Map(rows.map((row) => [row.structure_id, row]));
  const found: PreparedThings["structures"] = [];
  for (const id of ids) {
    const row = byId.get(id);
    if (row === undefined) throw new AppError("not_found", "no such structure");
    found.push({ row, params: await rules.structureParamsOf(call, row, plan.options, plan.pipeline, task) });
  }
  return found;
}

/** Registers what is new and says what is to be run, in the caller's transaction. */
export async function makeItems(
  scope: ResultsScope,
  registrar: Registrar,
  plan: RequestPlan,
  things: PreparedThings,
): Promise<RequestItem[]> {
  const { task, rules } = firstOf(plan.pipeline);
  const { pipeline, options } = plan;
  const key = inputName(pipeline, task, rules.molecule_key);
  const registered = await registerIsomers(scope, registrar, things.isomers);
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
      source_row: things.isomers[index]?.drawn.line ?? line,
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
  pipeline: PublishedPipeline,
  input: AskedOfPipeline & BatchThings & { source_file?: string },
): Promise<PreparedRequests> {
  const plan = await planRequests(call, pipeline, input);
  const things = await prepareThings(call, plan, input);
  return { plan, things, source_file: input.source_file ?? null };
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
