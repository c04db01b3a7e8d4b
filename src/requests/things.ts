import { AppError } from "../errors.ts";
import {
  allRefused,
  type IdentifiedRecord,
  identifyRecords,
  rejectedRecord,
  turnOf,
} from "../molecules/identify.ts";
import { expandStereo, type IsomerRecord } from "../molecules/isomers.ts";
import type { RejectedRecord } from "../molecules/schema.ts";
import type { PublishedPipeline } from "../pipelines/store.ts";
import type { StructureRow } from "../structures/store.ts";
import { isDecided, type KnownSpecies } from "./known.ts";
import { readKnown, readStructures } from "./named.ts";
import type { Params } from "./params.ts";
import { type Causes, ofStructure, pointersInto } from "./paths.ts";
import { firstOf } from "./plan.ts";
import { readAgain } from "./read-again.ts";
import type { Call, EngineRequests, ReadingOptions, RequestPlan } from "./rules.ts";
import type { Things } from "./schema.ts";

/** What was found out before the transaction. */
export type PreparedThings = {
  /** What was drawn, and isomers of known molecules that leave some open. */
  isomers: IsomerRecord[];
  known: { species: KnownSpecies; params: Params }[];
  structures: { row: StructureRow; params: Params }[];
  rejected: RejectedRecord[];
  /** Known molecules that can't be computed, by their place among those. */
  refused: RejectedRecord[];
  /** JSON pointer to where in the request one of these was given. */
  pointerTo: (one: RejectedRecord) => string;
  /** Of `registered`: where to go on; null where that was all. */
  next_after: string | null;
};

/** How many things there are to compute. */
export function countThings({ isomers, known, structures }: PreparedThings): number {
  return isomers.length + known.length + structures.length;
}

/**
 * Chemistry of what is to be computed, with no transaction open. Throws AppError bad_input (all rejected, or one
 * where that refuses all), not_found (a molecule or structure that is not the asker's to see), engine_refused.
 */
export async function prepareThings(call: Call, plan: RequestPlan, things: Things): Promise<PreparedThings> {
  const { task, rules } = firstOf(plan.pipeline);
  const { options, pipeline } = plan;
  const page = await readKnown(call, plan, things);
  const records = things.molecules ?? [];
  const causes: Causes = new Map();
  const drawn = await drawnThings(
    call,
    plan,
    causes,
    await identifyRecords(call.services.toolkit, records, turnOf(call)),
  );
  const { known, ...read } = await knownThings(call, plan, causes, page.species);
  const structures = await prepareStructures(call, plan, things);
  const isomers = [...drawn.isomers, ...read.isomers];
  if (isomers.length + known.length > 0) refuseUntaken(pipeline, task, rules.molecule_key);
  if (structures.length > 0) refuseUntaken(pipeline, task, rules.structures?.key ?? rules.molecule_key);
  const bad = [...drawn.rejected, ...read.refused];
  const pointerTo = pointersInto(things, causes, read.refused);
  if (bad.length > 0 && (things.on_reject ?? "refuse") === "refuse")
    throw allRefused(bad, records.length + page.species.length, pointerTo);
  const paramsOf = ({ species }: IdentifiedRecord["found"]) =>
    rules.paramsOf(species, options, pipeline, task);
  const prepared: PreparedThings = {
    isomers,
    known: known.map(({ species, found }) => ({ species, params: paramsOf(found) })),
    structures,
    rejected: drawn.rejected,
    refused: read.refused,
    pointerTo,
    next_after: page.next_after,
  };
  if (bad.length === 0 && countThings(prepared) === 0 && things.registered === undefined)
    throw new AppError(
      "bad_input",
      "there is nothing to compute: give `molecules`, `molecule_ids`, `structure_ids` or `registered`",
    );
  return prepared;
}

/** Throws AppError bad_input where a graph's first task takes no thing of that kind, but another one. */
function refuseUntaken({ name, spec }: PublishedPipeline, task: string, key: string): void {
  const inputs = spec.tasks[task]?.inputs;
  if (inputs === undefined || Object.hasOwn(inputs, key)) return;
  const takes = Object.keys(inputs).join(", ") || "nothing";
  throw new AppError("bad_input", `pipeline ${name} is given a ${takes}, and this is a ${key}`);
}

/** Records that were read, without those that can't be computed. */
async function drawnThings(
  call: Call,
  plan: RequestPlan,
  causes: Causes,
  { accepted, rejected }: { accepted: IdentifiedRecord[]; rejected: RejectedRecord[] },
): Promise<Pick<PreparedThings, "isomers" | "rejected">> {
  const { rules } = firstOf(plan.pipeline);
  const fit = fitting(rules, plan.options, causes, accepted);
  const { items, rejected: open } = await expanded(call, plan, fit.items);
  return { isomers: items, rejected: byLine([...rejected, ...fit.refused, ...open]) };
}

type Known = { species: KnownSpecies; found: IdentifiedRecord["found"] };

/** Molecules that are registered; what of them leaves stereo open becomes isomers where the engine wants them. */
async function knownThings(
  call: Call,
  plan: RequestPlan,
  causes: Causes,
  species: KnownSpecies[],
): Promise<Pick<PreparedThings, "isomers" | "refused"> & { known: Known[] }> {
  const { rules } = firstOf(plan.pipeline);
  const read = await readAgain(call, species);
  const fit = fitting(rules, plan.options, causes, read.found);
  const isOpen = (item: IdentifiedRecord) => rules.expands_stereo && !isDecided(read.speciesOf(item));
  const known = fit.items
    .filter((item) => !isOpen(item))
    .map((item): Known => ({ species: read.speciesOf(item), found: item.found }));
  const isomers: IsomerRecord[] = [];
  const { items, rejected } = await expanded(call, plan, fit.items.filter(isOpen));
  for (const item of items) {
    const of = read.speciesOf(item.drawn);
    if (item.isomer === null) known.push({ species: of, found: item.chosen.found });
    else isomers.push({ ...item, molecule_id: of.molecule_id });
  }
  return { isomers, known, refused: byLine([...read.rejected, ...fit.refused, ...rejected]) };
}

const byLine = (list: RejectedRecord[]) => list.sort((a, b) => a.line - b.line);

/** Those that the engine can compute; each of the others with its reason. */
function fitting(rules: EngineRequests, options: ReadingOptions, causes: Causes, given: IdentifiedRecord[]) {
  const refused: RejectedRecord[] = [];
  const items = given.filter(({ record, line, found }) => {
    const refusal = rules.refuse(found, options);
    if (refusal === undefined) return true;
    const rejected = rejectedRecord(record, line, refusal.code, refusal.message);
    causes.set(rejected, refusal.cause);
    refused.push(rejected);
    return false;
  });
  return { items, refused };
}

/** Each with its stereo decided, where the engine asks for that. */
async function expanded(call: Call, plan: RequestPlan, items: IdentifiedRecord[]) {
  if (firstOf(plan.pipeline).rules.expands_stereo)
    return expandStereo(call.services.toolkit, items, plan.options.stereo ?? "enumerate", turnOf(call));
  return {
    items: items.map((item): IsomerRecord => ({ drawn: item, chosen: item, isomer: null })),
    rejected: [],
  };
}

async function prepareStructures(
  call: Call,
  plan: RequestPlan,
  things: Things,
): Promise<PreparedThings["structures"]> {
  const given = things.structure_ids ?? [];
  if (given.length === 0) return [];
  const { pipeline, visibility, options } = plan;
  const { task, rules } = firstOf(pipeline);
  const { structures } = rules;
  if (structures === null)
    throw new AppError("bad_input", `pipeline ${pipeline.name} takes molecules: give no structures`);
  const rows = await readStructures(call, visibility, given);
  const params = new Map<StructureRow, Params>();
  for (const row of new Set(rows)) {
    const own = structures.paramsOf(call, row, options, pipeline, task);
    params.set(
      row,
      await own.catch((error: unknown) => {
        throw ofStructure(error, things, rows.indexOf(row));
      }),
    );
  }
  return rows.map((row) => ({ row, params: params.get(row) ?? {} }));
}
