import type { ResultsScope } from "../../db/results.ts";
import { AppError } from "../../errors.ts";
import type { Ligand } from "../../ligands/ligand.ts";
import { prepareLigand } from "../../ligands/pdbqt.ts";
import { isReceptor, type Receptor } from "../../receptors/receptor.ts";
import type { Services } from "../../services.ts";
import { matePositions, storedReference } from "../../sites/reference.ts";
import { boxOf, type Site } from "../../sites/schema.ts";
import { selectOptionalSite } from "../../sites/store.ts";
import { sdfRecord } from "../../structures/read.ts";
import { parseMolblock } from "../../structures/sdf.ts";
import { type StructureRow, selectOptionalStructure } from "../../structures/store.ts";
import type { Lend, Prepared, TaskContext } from "../adapter.ts";
import { conformerOf, type LoadedMolecule, loadMolecule } from "../conformer.ts";
import { paramsAmong } from "../params.ts";
import { type ReferencePose, type VinaInput, VinaParams, vinaParams } from "./schema.ts";

/** What a short read in the organization's database says of a task's inputs. */
export type VinaLoaded = {
  ligand: LoadedMolecule;
  site: Site;
  receptor: Receptor;
  reference: StructureRow | null;
};

/**
 * The ligand, the site and its receptor. Throws AppError bad_input where one of them is gone, or the site is none of
 * the job's inputs: this reads as the system, and what a job was given was its asker's to see.
 */
export async function loadVina(scope: ResultsScope, task: TaskContext): Promise<VinaLoaded> {
  const moleculeId = task.inputs.find(({ key }) => key === "ligand")?.molecule_id;
  const siteId = task.params["site_id"];
  if (moleculeId == null || typeof siteId !== "string")
    throw new AppError("bad_input", "this job has no ligand or no binding site");
  if (!task.site_ids.includes(siteId.toLowerCase()))
    throw new AppError("bad_input", "the binding site is not among this job's inputs: submit it with `site`");
  const site = await selectOptionalSite(scope.tx, siteId);
  if (site === undefined) throw new AppError("bad_input", "the binding site of this job is gone");
  const receptor = await selectOptionalStructure(scope.tx, site.receptor_structure_id);
  if (receptor === undefined || !isReceptor(receptor))
    throw new AppError("bad_input", "the receptor of this job is gone");
  const reference =
    site.reference_structure_id === null
      ? undefined
      : await selectOptionalStructure(scope.tx, site.reference_structure_id);
  return {
    ligand: await loadMolecule(scope, task, moleculeId),
    site,
    receptor,
    reference: reference ?? null,
  };
}

/**
 * The receptor's bytes, the ligand's PDBQT from a stored conformer, the box, and the reference with its image
 * in the receptor's two-fold axis.
 */
export async function prepareVina(
  services: Services,
  lend: Lend,
  task: TaskContext,
  loaded: VinaLoaded,
): Promise<Prepared<VinaParams, VinaInput>> {
  const { site, receptor } = loaded;
  const bytesOf = (row: StructureRow) => services.objects.get(task.org_id, row.uri);
  const conformer = await conformerOf(services, lend, task, loaded.ligand);
  const { molecule } = loaded.ligand;
  const ligand = await readLigand(
    services,
    molecule.smiles,
    sdfRecord(conformer.bytes, conformer.row.record),
  );
  return {
    params: paramsAmong(VinaParams, vinaParams(), task.params, "Vina"),
    input: {
      receptor_pdbqt: Buffer.from(await bytesOf(receptor)).toString("latin1"),
      ligand: prepareLigand(ligand),
      box: boxOf(site),
      reference:
        loaded.reference === null
          ? null
          : referenceOf(loaded, loaded.reference, await bytesOf(loaded.reference)),
    },
    molecule_id: molecule.molecule_id,
    structure_id: conformer.row.structure_id,
  };
}

/** A conformer with what its coordinates do not say: charges and isotopes are in the molblock, aromaticity is perceived. */
async function readLigand(services: Services, smiles: string, molblock: string): Promise<Ligand> {
  const { geometry, bonds, charges, isotopes } = parseMolblock(molblock);
  const aromatic = await services.toolkit.aromaticAtoms(molblock);
  return { smiles, geometry, bonds, charges, isotopes, aromatic };
}

function referenceOf(loaded: VinaLoaded, row: StructureRow, bytes: Uint8Array): ReferencePose {
  const { geometry, bonds } = storedReference(row, bytes);
  return { geometry, bonds, mate: matePositions(geometry, loaded.receptor.preparation.report) };
}
