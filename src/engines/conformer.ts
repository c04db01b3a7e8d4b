import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { lost } from "../objects/damaged.ts";
import type { Services } from "../services.ts";
import { geometryHash } from "../structures/geometry.ts";
import { insertStructure, type StructureRow, selectOptionalConformer } from "../structures/store.ts";
import { generatorName } from "../toolkit/generator.ts";
import type { Lend, TaskContext } from "./adapter.ts";

/** A task's molecule and, where one was made before, its conformer of the task's seed. */
export type LoadedMolecule = {
  molecule: { molecule_id: string; smiles: string };
  conformer: StructureRow | null;
};

/** Seed of the 3D generator: the task's own. */
export function seedOf(params: Record<string, unknown>): number {
  return wholeOf(params["seed"]) ?? 42;
}

/** A whole number among parameters of unknown type. */
export function wholeOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) ? value : undefined;
}

/** Reads a molecule and looks for its conformer. Throws AppError bad_input where only a geometry is known. */
export async function loadMolecule(
  scope: ResultsScope,
  task: TaskContext,
  moleculeId: string,
): Promise<LoadedMolecule> {
  const molecule = await scope.tx
    .selectFrom("molecules")
    .select(["molecule_id", "smiles"])
    .where("molecule_id", "=", moleculeId)
    .executeTakeFirstOrThrow();
  if (molecule.smiles === null)
    throw new AppError("bad_input", "this molecule is known by a geometry only: name the structure");
  const { owner_id, visibility } = task;
  const conformer = await selectOptionalConformer(scope.tx, {
    molecule_id: moleculeId,
    source: generatorName(seedOf(task.params)),
    owner_id,
    visibility,
  });
  return { molecule: { molecule_id: moleculeId, smiles: molecule.smiles }, conformer: conformer ?? null };
}

/** A conformer with its file. */
export type Conformer = { row: StructureRow; bytes: Uint8Array };

/**
 * The conformer that was found, or a new one, which is stored before anything runs from it. One whose file is damaged or
 * lost is made again: the same generator and seed give the same bytes, and nobody else could give that file again.
 * Throws AppError damaged where they do not, store_unavailable, and what the generator refuses.
 */
export async function conformerOf(
  services: Services,
  lend: Lend,
  task: TaskContext,
  { molecule, conformer: known }: LoadedMolecule,
): Promise<Conformer> {
  const kept = known === null ? undefined : await keptBytes(services, task, known);
  if (known !== null && kept !== undefined) return { row: known, bytes: kept };
  const seed = seedOf(task.params);
  const conformer = await services.toolkit.embed(molecule.smiles, { seed });
  const bytes = Buffer.from(conformer.molblock);
  const stored = await services.objects.put(task.org_id, bytes);
  if (known !== null) {
    if (stored.uri !== known.uri) throw lost(known.uri);
    return { row: known, bytes };
  }
  const { generator, force_field, minimised } = conformer;
  const row = await lend((scope) =>
    insertStructure(scope.tx, {
      ...stored,
      molecule_id: molecule.molecule_id,
      kind: "conformer",
      name: null,
      format: "sdf",
      charge: null,
      multiplicity: null,
      geometry_hash: geometryHash(conformer.geometry),
      preparation: { generator, seed, force_field, minimised },
      source: generatorName(seed),
      owner_id: task.owner_id,
      visibility: task.visibility,
    }),
  );
  return { row, bytes };
}

/** The file of a conformer; undefined where it is damaged or lost. */
async function keptBytes(
  { objects }: Pick<Services, "objects">,
  { org_id }: TaskContext,
  { uri }: StructureRow,
): Promise<Uint8Array | undefined> {
  try {
    return await objects.get(org_id, uri);
  } catch (error) {
    if (error instanceof AppError && error.kind === "damaged") return undefined;
    throw error;
  }
}
