import type { Bond, Position } from "../structures/geometry.ts";
import type { Pool } from "./pool.ts";

export type EmbedRequest = { smiles: string; seed: number };
/** Atoms in the order of the SMILES, then hydrogens; right-handed Å; Kekulé bond orders. */
export type EmbeddedAtoms = {
  elements: string[];
  positions_angstrom: Position[];
  charges: number[];
  isotopes: number[];
  radicals: number[];
  bonds: Bond[];
};
export type ConformerReply =
  | { kind: "embedded"; atoms: EmbeddedAtoms; minimised: boolean; version: string }
  | { kind: "failed"; reason: string };
export type Conformers = Pool<EmbedRequest, ConformerReply>;

type Ocl = typeof import("openchemlib");
type OclMolecule = InstanceType<Ocl["Molecule"]>;

export const FORCE_FIELD = "MMFF94s+";

/** Embeds with OpenChemLib, loaded with its resources on the first request (about 50 ms). */
export function openEmbedder(): (request: EmbedRequest) => Promise<ConformerReply> {
  let loaded: Ocl | null = null;
  return async (request) => {
    if (loaded === null) {
      loaded = await import("openchemlib");
      loaded.Resources.registerFromNodejs();
    }
    return embed(loaded, request);
  };
}

function embed(ocl: Ocl, { smiles, seed }: EmbedRequest): ConformerReply {
  const drawn = ocl.Molecule.fromSmiles(smiles);
  const generator = new ocl.ConformerGenerator(seed);
  fragmentCache(generator).clear();
  const molecule = generator.getOneConformerAsMolecule(drawn);
  if (!molecule) return { kind: "failed", reason: "OpenChemLib found no 3D structure" };
  const minimised = minimise(ocl, molecule);
  if (minimised !== true) return { kind: "failed", reason: minimised };
  return {
    kind: "embedded",
    atoms: readAtoms(molecule),
    minimised: molecule.getAllAtoms() > 2,
    version: ocl.version,
  };
}

/** A Java map as it looks from JavaScript. */
type JavaMap = { clear(): void; get(key: unknown): unknown; put(key: unknown, value: unknown): unknown };

/**
 * OpenChemLib's cache of rigid fragments, to be emptied before each molecule. It is one for the process and
 * keyed by fragment alone, so that a ring built for another molecule, or from another seed, would be used
 * again: 12 of 31 drug-like molecules came out otherwise after others than first, amprenavir in another
 * fold, 2.7 kcal/mol away. The price is that rings are built anew, 0.5 to 4 s a molecule. There is no public
 * way to it: it is the only map with `clear`, `get` and `put` within a generator, and found by that.
 */
function fragmentCache(generator: InstanceType<Ocl["ConformerGenerator"]>): JavaMap {
  let level: object[] = [generator];
  for (let depth = 0; depth < 4; depth += 1) {
    level = level.flatMap((each) => Object.values(each).filter(isObject));
    const cache = level.find(isJavaMap);
    if (cache) return cache;
  }
  throw new Error("OpenChemLib's cache of fragments was not found: conformers would not be reproducible");
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isJavaMap(value: object): value is JavaMap {
  return ["clear", "get", "put"].every((name) => name in value);
}

/** True, or why not. MMFF94 has no types for boron, selenium, metals and most two-atom molecules. */
function minimise(ocl: Ocl, molecule: OclMolecule): true | string {
  // Two atoms have one length and no shape: what the generator gives is kept.
  if (molecule.getAllAtoms() <= 2) return true;
  try {
    if (runForceField(ocl, molecule)) return true;
    // The bend of three atoms exactly in line has no gradient (NaN): off the line it has.
    shake(molecule);
    return runForceField(ocl, molecule) || `the minimiser of ${FORCE_FIELD} did not succeed`;
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    return `the force field ${FORCE_FIELD} has no parameters for it (${what.slice(0, 80)})`;
  }
}

function runForceField(ocl: Ocl, molecule: OclMolecule): boolean {
  const field = new ocl.ForceFieldMMFF94(molecule, FORCE_FIELD, {});
  const code = field.minimise({ maxIts: 4000, gradTol: 1e-4, funcTol: 1e-6 });
  // 1 is "stopped at maxIts": a usable geometry that the engine optimises further.
  return code === 0 || code === 1;
}

/** Moves every atom by up to 0.02 Å, always in the same way: the same seed must give the same bytes. */
function shake(molecule: OclMolecule): void {
  for (let atom = 0; atom < molecule.getAllAtoms(); atom += 1) {
    molecule.setAtomX(atom, molecule.getAtomX(atom) + 0.02 * Math.sin(3 * atom + 1));
    molecule.setAtomY(atom, molecule.getAtomY(atom) + 0.02 * Math.sin(5 * atom + 2));
    molecule.setAtomZ(atom, molecule.getAtomZ(atom) + 0.02 * Math.sin(7 * atom + 3));
  }
}

function readAtoms(molecule: OclMolecule): EmbeddedAtoms {
  const indices = Array.from({ length: molecule.getAllAtoms() }, (_, index) => index);
  return {
    elements: indices.map((atom) => molecule.getAtomLabel(atom)),
    // OpenChemLib's axes are those of a screen: y and z are turned, or every centre would be mirrored.
    positions_angstrom: indices.map((atom) => [
      molecule.getAtomX(atom),
      -molecule.getAtomY(atom),
      -molecule.getAtomZ(atom),
    ]),
    charges: indices.map((atom) => molecule.getAtomCharge(atom)),
    isotopes: indices.map((atom) => molecule.getAtomMass(atom)),
    // OpenChemLib keeps 1 singlet, 2 doublet, 3 triplet, as a molblock writes them, four bits up.
    radicals: indices.map((atom) => molecule.getAtomRadical(atom) >> 4),
    bonds: Array.from({ length: molecule.getAllBonds() }, (_, bond) => {
      const ends = [molecule.getBondAtom(0, bond), molecule.getBondAtom(1, bond)] as const;
      return { from: Math.min(...ends), to: Math.max(...ends), order: molecule.getBondOrder(bond) };
    }),
  };
}
