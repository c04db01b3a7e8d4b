import { isSet } from "./assign.ts";
import { type Graph, neighboursOf } from "./graph.ts";
import { type Mol, type Rdkit, withMol } from "./rdkit.ts";
import { constitutionClasses, isCentre } from "./stereo.ts";

/**
 * The canonical SMILES of a molecule whose FixedH InChI is given, or another SMILES where that one names
 * another isomer: on symmetric rings with four marked atoms or more RDKit 2026.09 writes, of 64 drawings of
 * the nine inositols, ten (myo and scyllo) so that they read as another. Written from each atom in turn some
 * are right: of those the first by letters. None is for all-cis pentafluorocyclopentane, whose marks RDKit
 * drops when it reads them: the canonical one is given, and counts as undefined when it is read.
 */
export function namingSmiles(rdkit: Rdkit, mol: Mol, graph: Graph, inchi: string): string {
  const canonical = mol.get_smiles();
  const names = (text: string) =>
    withMol(rdkit, text, (again) => again.get_inchi("-FixedH") === inchi) ?? false;
  if (inchi === "" || !hasSymmetricRing(graph) || names(canonical)) return canonical;
  const others = [...graph.atoms.keys()].map((atom) =>
    mol.get_smiles(JSON.stringify({ rootedAtAtom: atom })),
  );
  return [...new Set(others)].sort().find(names) ?? canonical;
}

/** A ring with four configurations, one of them only by those of others. */
function hasSymmetricRing(graph: Graph): boolean {
  const rings = graph.rings
    .map((ring) => ring.filter((atom) => isSet(graph, atom)))
    .filter((ring) => ring.length >= 4);
  if (rings.length === 0) return false;
  const neighbours = neighboursOf(graph);
  const classes = constitutionClasses(graph, neighbours);
  return rings.flat().some((atom) => !isCentre(neighbours, classes, atom));
}
