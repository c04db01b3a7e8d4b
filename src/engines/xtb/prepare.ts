import { Check } from "typebox/value";
import type { ResultsScope } from "../../db/results.ts";
import { AppError } from "../../errors.ts";
import type { Services } from "../../services.ts";
import { type Geometry, geometryHash } from "../../structures/geometry.ts";
import { readStructure } from "../../structures/read.ts";
import {
  insertStructure,
  type StructureRow,
  selectOptionalConformer,
  selectOptionalStructure,
} from "../../structures/store.ts";
import { generatorName } from "../../toolkit/generator.ts";
import type { Lend, Prepared, TaskContext } from "../adapter.ts";
import { type XtbInput, XtbParams, xtbParams } from "./schema.ts";

/** What a short read in the organization's database says of a task's input. */
export type XtbLoaded = {
  molecule: { molecule_id: string; smiles: string } | null;
  structure: StructureRow | null;
};

/** The task's molecule or structure. Throws AppError bad_input where the recipe was given neither. */
export async function loadXtb(scope: ResultsScope, task: TaskContext): Promise<XtbLoaded> {
  const given = task.inputs[0];
  if (given?.structure_id != null) {
    const structure = await selectOptionalStructure(scope.tx, given.structure_id);
    if (structure === undefined) throw new AppError("bad_input", "the structure of this job is gone");
    return { molecule: null, structure };
  }
  const id = given?.molecule_id;
  if (id == null) throw new AppError("bad_input", "this job has neither a molecule nor a structure");
  const molecule = await scope.tx
    .selectFrom("molecules")
    .select(["molecule_id", "smiles"])
    .where("molecule_id", "=", id)
    .executeTakeFirstOrThrow();
  if (molecule.smiles === null)
    throw new AppError("bad_input", "this molecule is known by a geometry only: name the structure");
  const source = generatorName(seedOf(task.params));
  const { owner_id, visibility } = task;
  const conformer = await selectOptionalConformer(scope.tx, {
    molecule_id: id,
    source,
    owner_id,
    visibility,
  });
  return { molecule: { molecule_id: id, smiles: molecule.smiles }, structure: conformer ?? null };
}

/**
 * Coordinates, parameters, charge and multiplicity of a run. A molecule without a conformer of this
 * generator gets one, which is stored before anything runs from it.
 */
export async function prepareXtb(
  services: Services,
  lend: Lend,
  task: TaskContext,
  loaded: XtbLoaded,
): Promise<Prepared<XtbParams, XtbInput>> {
  const structure = loaded.structure ?? (await makeConformer(services, lend, task, loaded));
  const read = readStructure(structure.format, await services.objects.get(task.org_id, structure.uri));
  const charge = whole(task.params["charge"]) ?? structure.charge ?? read.charge ?? 0;
  const multiplicity = whole(task.params["multiplicity"]) ?? structure.multiplicity ?? 1;
  const input: XtbInput = { geometry: read.geometry, charge, multiplicity };
  if (read.bonds !== undefined) input.bonds = read.bonds;
  return {
    params: paramsOf(task.params),
    input,
    molecule_id: loaded.molecule?.molecule_id ?? structure.molecule_id,
    structure_id: structure.structure_id,
  };
}

async function makeConformer(
  services: Services,
  lend: Lend,
  task: TaskContext,
  loaded: XtbLoaded,
): Promise<StructureRow> {
  const { molecule } = loaded;
  if (molecule === null) throw new AppError("internal", "a task without structure has no molecule either");
  const seed = seedOf(task.params);
  const conformer = await services.toolkit.embed(molecule.smiles, { seed });
  const stored = await services.objects.put(task.org_id, Buffer.from(conformer.molblock));
  const { generator, force_field, minimised } = conformer;
  const geometry: Geometry = conformer.geometry;
  return lend((scope) =>
    insertStructure(scope.tx, {
      ...stored,
      molecule_id: molecule.molecule_id,
      kind: "conformer",
      name: null,
      format: "sdf",
      charge: null,
      multiplicity: null,
      geometry_hash: geometryHash(geometry),
      preparation: { generator, seed, force_field, minimised },
      source: generatorName(seed),
      owner_id: task.owner_id,
      visibility: task.visibility,
    }),
  );
}

function seedOf(params: Record<string, unknown>): number {
  return whole(params["seed"]) ?? 42;
}

function whole(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) ? value : undefined;
}

/** The engine's own parameters among those of the job. Throws AppError bad_input where one is wrong. */
function paramsOf(given: Record<string, unknown>): XtbParams {
  const known = Object.keys(xtbParams()).filter((name) => given[name] !== undefined);
  const params = xtbParams(
    Object.fromEntries(known.map((name) => [name, given[name]])) as Partial<XtbParams>,
  );
  if (Check(XtbParams, params)) return params;
  throw new AppError("bad_input", "the parameters of this job are not xtb's");
}
