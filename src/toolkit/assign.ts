import { type Graph, neighboursOf } from "./graph.ts";

/** Turns one stereo element of a graph, or several together, the other way; in place. */
export type Flip = (graph: Graph) => void;

/** Sets atoms and double bonds (indices of `graph.bonds`) one way, in place. Answers what turns each of them. */
export function setStereo(graph: Graph, atoms: readonly number[], bonds: readonly number[]): Flip[] {
  for (const index of atoms) setAtom(graph, index, "cw");
  for (const index of bonds) setCis(graph, index);
  return [
    ...atoms.map((atom) => (own: Graph) => turnAtom(own, atom)),
    ...bonds.map((bond) => (own: Graph) => turnBond(own, bond)),
  ];
}

export function isSet(graph: Graph, atom: number): boolean {
  const stereo = graph.atoms[atom]?.stereo;
  return stereo === "cw" || stereo === "ccw";
}

export function turnAtom(graph: Graph, index: number): void {
  setAtom(graph, index, graph.atoms[index]?.stereo === "cw" ? "ccw" : "cw");
}

function setAtom(graph: Graph, index: number, stereo: "cw" | "ccw"): void {
  const atom = graph.atoms[index];
  if (atom) atom.stereo = stereo;
}

/** Cis, of the first other neighbours of its ends. */
function setCis(graph: Graph, index: number): void {
  const bond = graph.bonds[index];
  if (bond === undefined) return;
  const neighbours = neighboursOf(graph);
  const beside = (end: number) => neighbours[end]?.find((each) => each.bond !== bond)?.atom ?? -1;
  bond.stereo = "cis";
  bond.stereoAtoms = [beside(bond.from), beside(bond.to)];
}

function turnBond(graph: Graph, index: number): void {
  const bond = graph.bonds[index];
  if (bond) bond.stereo = bond.stereo === "cis" ? "trans" : "cis";
}
