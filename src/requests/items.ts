import type { ResultsScope } from "../db/results.ts";
import type { JobInput, JobRequest } from "../jobs/submit.ts";
import { registerIsomers } from "../molecules/isomers.ts";
import type { Registered, Registrar } from "../molecules/register.ts";
import { structureIdentity } from "../structures/store.ts";
import { inputName, type Params } from "./params.ts";
import { firstOf } from "./plan.ts";
import type { RequestPlan } from "./rules.ts";
import type { PreparedThings } from "./things.ts";

/** One thing to run: what is its own beside what the plan shares. */
export type RequestItem = {
  input: JobInput;
  params: Params;
  name: string | null;
  smiles: string | null;
  /** Line or record of what was drawn. */
  source_row: number | null;
  /** `1 of 2`, of a drawing that left stereo open. */
  isomer: string | null;
};

/** Registers what is new and says what is to be run, in the caller's transaction. */
export async function makeItems(
  scope: ResultsScope,
  registrar: Registrar,
  plan: RequestPlan,
  things: PreparedThings,
): Promise<RequestItem[]> {
  return itemsOf(plan, things, await registerIsomers(scope, registrar, things.isomers));
}

/** The same where nothing is registered yet: a molecule has its id afterwards, and is not its question. */
export function itemsBefore(plan: RequestPlan, things: PreparedThings): RequestItem[] {
  const unregistered = things.isomers.map(({ drawn, chosen }) => ({
    molecule_id: "",
    created: false,
    species: chosen.found.species,
    line: drawn.line,
  }));
  return itemsOf(plan, things, unregistered);
}

function itemsOf(plan: RequestPlan, things: PreparedThings, registered: Registered[]): RequestItem[] {
  const { task, rules } = firstOf(plan.pipeline);
  const { pipeline, options } = plan;
  const key = inputName(pipeline, task, rules.molecule_key);
  const nothing = { name: null, source_row: null, isomer: null };
  const drawn = registered.map(({ molecule_id, species, line }, index): RequestItem => {
    const { drawn, isomer = null, molecule_id: came } = things.isomers[index] ?? {};
    const { name = null } = drawn?.record ?? {};
    return {
      input: { key, molecule_id, structure_id: null, identity: species.identity_key },
      params: rules.paramsOf(species, options, pipeline, task),
      name: name === null || isomer === null ? name : `${name} isomer ${isomer.number}`.slice(0, 500),
      smiles: species.smiles,
      source_row: came === undefined ? line : null,
      isomer: isomer === null ? null : `${isomer.number} of ${isomer.of}`,
    };
  });
  const known = things.known.map(({ species, params }): RequestItem => {
    const { molecule_id, identity_key, smiles } = species;
    const input = { key, molecule_id, structure_id: null, identity: identity_key };
    return { ...nothing, input, params, smiles };
  });
  const structureKey = inputName(pipeline, task, rules.structures?.key ?? rules.molecule_key);
  const structures = things.structures.map(({ row, params }): RequestItem => {
    const { molecule_id, structure_id, name } = row;
    const input = { key: structureKey, molecule_id, structure_id, identity: structureIdentity(row) };
    return { ...nothing, input, params, name, smiles: null };
  });
  return [...drawn, ...known, ...structures];
}

/** An item as a job of its own. */
export function requestOf(plan: RequestPlan, { input, params }: RequestItem): JobRequest {
  return { inputs: [input, ...plan.inputs], params: { ...plan.params, ...params } };
}
