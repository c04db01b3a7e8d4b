import { copyGraph, type Graph, type GraphBond, graphFromJson } from "./graph.ts";
import { readGraph } from "./identify.ts";
import { normalise } from "./normalise.ts";
import { type Rdkit, withMol } from "./rdkit.ts";

/**
 * Whether a molblock with coordinates is the species of a canonical SMILES, by identity key. Coordinates
 * define stereo everywhere, also where the drawing left it open because it is no choice (a guanidine's
 * C=N, an imine's N–H, a cage's bridgeheads), so what the drawing leaves open is left open in both.
 * Heavy atoms must stand in the SMILES' order. `mirrored`: it is the species, but each R of the SMILES is S at
 * its atom and the other way round, as a meso form can come out of 3D (myo-inositol does).
 */
export function matchesDrawing(rdkit: Rdkit, smiles: string, molblock: string): Comparison {
  const drawn = readText(rdkit, smiles);
  const embedded = readText(rdkit, molblock);
  if (drawn === null || embedded === null) return { same: false, mirrored: false, found: "nothing readable" };
  const expected = readGraph(rdkit, drawn).species.identity_key;
  const found = readGraph(rdkit, leaveOpen(drawn, embedded)).species;
  const [ours, theirs] = [chiralCodes(rdkit, smiles, drawn), chiralCodes(rdkit, molblock, embedded)];
  const mirrored =
    ours.size > 0 && [...ours].every(([atom, code]) => theirs.get(atom) === MIRRORED.get(code));
  return { same: found.identity_key === expected, mirrored, found: found.smiles };
}

export type Comparison = { same: boolean; mirrored: boolean; found: string };

const MIRRORED = new Map([
  ["(R)", "(S)"],
  ["(S)", "(R)"],
]);

/** R and S by place among the heavy atoms; not r and s, which a mirror leaves. */
function chiralCodes(rdkit: Rdkit, text: string, graph: Graph): Map<number, string> {
  const tags = withMol(rdkit, text, (mol) => mol.get_stereo_tags()) ?? "{}";
  const { CIP_atoms = [] } = JSON.parse(tags) as { CIP_atoms?: [number, string][] };
  const heavy = heavyAtoms(graph);
  return new Map(
    CIP_atoms.filter(([, code]) => MIRRORED.has(code)).map(([atom, code]) => [heavy.indexOf(atom), code]),
  );
}

function readText(rdkit: Rdkit, text: string): Graph | null {
  return withMol(rdkit, text, (mol) => normalise(graphFromJson(mol.get_json())));
}

function leaveOpen(drawn: Graph, embedded: Graph): Graph {
  const ours = heavyAtoms(drawn);
  const theirs = heavyAtoms(embedded);
  const sameOrder =
    ours.length === theirs.length &&
    ours.every((atom, place) => z(drawn, atom) === z(embedded, theirs[place]));
  // Other atoms: the keys will differ, and that is the answer.
  if (!sameOrder) return embedded;
  const copy = copyGraph(embedded);
  for (const [place, atom] of ours.entries()) {
    const twin = copy.atoms[theirs[place] ?? -1];
    if (twin && drawn.atoms[atom]?.stereo === "unspecified") twin.stereo = "unspecified";
  }
  const place = new Map(ours.map((atom, index) => [atom, theirs[index] ?? -1]));
  const defined = new Set(
    drawn.bonds
      .filter((bond) => bond.stereoAtoms.length > 0)
      .map((bond) => pair(place.get(bond.from), place.get(bond.to))),
  );
  for (const bond of copy.bonds) if (!defined.has(pair(bond.from, bond.to))) clear(bond);
  return copy;
}

function clear(bond: GraphBond): void {
  bond.stereo = "unspecified";
  bond.stereoAtoms = [];
}

function heavyAtoms(graph: Graph): number[] {
  return [...graph.atoms.keys()].filter((atom) => z(graph, atom) > 1);
}

function z(graph: Graph, atom: number | undefined): number {
  return atom === undefined ? 0 : (graph.atoms[atom]?.z ?? 0);
}

function pair(a: number | undefined, b: number | undefined): string {
  return `${Math.min(a ?? -1, b ?? -1)}-${Math.max(a ?? -1, b ?? -1)}`;
}
