import type { ResultsScope } from "../../db/results.ts";
import { AppError } from "../../errors.ts";
import type { Services } from "../../services.ts";
import { readStructure } from "../../structures/read.ts";
import { type StructureRow, selectOptionalStructure } from "../../structures/store.ts";
import type { Lend, Prepared, TaskContext } from "../adapter.ts";
import { conformerOf, type LoadedMolecule, loadMolecule, wholeOf } from "../conformer.ts";
import { paramsAmong } from "../params.ts";
import { type XtbInput, XtbParams, xtbParams } from "./schema.ts";

/** What a short read in the organization's database says of a task's input. */
export type XtbLoaded = { molecule: LoadedMolecule } | { structure: StructureRow };

/** The task's molecule or structure. Throws AppError bad_input where the recipe was given neither. */
export async function loadXtb(scope: ResultsScope, task: TaskContext): Promise<XtbLoaded> {
  const given = task.inputs[0];
  if (given?.structure_id != null) {
    const structure = await selectOptionalStructure(scope.tx, given.structure_id);
    if (structure === undefined) throw new AppError("bad_input", "the structure of this job is gone");
    return { structure };
  }
  if (given?.molecule_id == null)
    throw new AppError("bad_input", "this job has neither a molecule nor a structure");
  return { molecule: await loadMolecule(scope, task, given.molecule_id) };
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
  const { row: structure, bytes } =
    "structure" in loaded
      ? { row: loaded.structure, bytes: await services.objects.get(task.org_id, loaded.structure.uri) }
      : await conformerOf(services, lend, task, loaded.molecule);
  const { format, record } = structure;
  const read = readStructure(format, bytes, record);
  const charge = wholeOf(task.params["charge"]) ?? structure.charge ?? read.charge ?? 0;
  const multiplicity = wholeOf(task.params["multiplicity"]) ?? structure.multiplicity ?? 1;
  const input: XtbInput = { geometry: read.geometry, charge, multiplicity };
  if (read.bonds !== undefined) input.bonds = read.bonds;
  return {
    params: paramsAmong(XtbParams, xtbParams(), task.params, "xtb"),
    input,
    molecule_id: "molecule" in loaded ? loaded.molecule.molecule.molecule_id : structure.molecule_id,
    structure_id: structure.structure_id,
  };
}
