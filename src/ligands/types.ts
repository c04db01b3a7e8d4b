import { AppError } from "../errors.ts";
import { neighbourLists } from "../structures/adjacency.ts";
import type { Ligand } from "./ligand.ts";

/**
 * Elements that Vina 1.2.3 reads in a ligand and scores as what they are (tried one by one). It also takes
 * selenium, as sulfur, and metals, as hydrogen-bond donors of one size: neither would be the ligand drawn.
 */
const SUPPORTED = new Set(["H", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Br", "I", "At"]);
const POLAR = new Set(["N", "O", "F", "P", "S"]);

/** The elements among these that no ligand may have, each once: for a refusal from the drawing alone. */
export function unsupportedByVina(elements: readonly string[]): string[] {
  return [...new Set(elements)].filter((element) => !SUPPORTED.has(element));
}

/**
 * The AutoDock 4 type of each atom, shape (n_atoms); null for a hydrogen that is merged into its heavy
 * neighbour and not written. The rules are Meeko's (Forli lab, version 0.8, table ad4_types): aromatic C is
 * A; N takes hydrogen bonds (NA) unless it is charged or its lone pair is conjugated; O is OA; S with two
 * neighbours is SA; H on N, O, F, P or S is HD. AppError `engine_refused`, code `unsupported_element`, names
 * the first atom that Vina has no type for.
 */
export function autodockTypes(ligand: Ligand): (string | null)[] {
  const { elements } = ligand.geometry;
  const neighbours = neighbourLists(elements.length, ligand.bonds);
  const valences = valencesOf(ligand);
  const types = elements.map((element, atom) => {
    if (element === "C") return ligand.aromatic[atom] ? "A" : "C";
    if (element === "O") return "OA";
    if (element === "N") return nitrogenType(ligand, neighbours, valences, atom);
    if (element === "S") return neighbours[atom]?.length === 2 ? "SA" : "S";
    if (element === "H") return onPolarAtom(elements, neighbours[atom]) ? "HD" : null;
    if (SUPPORTED.has(element)) return element;
    throw unsupported(`atom ${atom + 1} is ${element}, and Vina has no atom type for ${element} in a ligand`);
  });
  if (types.every((type) => type === null || type === "HD"))
    throw unsupported("the ligand has hydrogen only, and Vina scores heavier atoms");
  return types;
}

function onPolarAtom(elements: string[], neighbours: number[] | undefined): boolean {
  return neighbours?.some((atom) => POLAR.has(elements[atom] ?? "")) ?? false;
}

/** N where the lone pair is used up: cations, and three neighbours next to what it conjugates with. */
function nitrogenType(ligand: Ligand, neighbours: number[][], valences: number[], atom: number): "N" | "NA" {
  if ((ligand.charges[atom] ?? 0) > 0) return "N";
  const around = neighbours[atom] ?? [];
  if (around.length !== 3) return "NA";
  const conjugated = around.some((next) => {
    if (ligand.aromatic[next]) return true;
    const element = ligand.geometry.elements[next];
    const connections = neighbours[next]?.length;
    // Amide, urea, enamine; then triazene and hydrazone.
    if (element === "C") return connections === 3 && valences[next] === 4;
    return element === "N" && connections === 2 && valences[next] === 3;
  });
  return conjugated ? "N" : "NA";
}

/** Sum of the Kekulé bond orders of each atom. */
function valencesOf(ligand: Ligand): number[] {
  const sums = ligand.geometry.elements.map(() => 0);
  for (const { from, to, order } of ligand.bonds) {
    sums[from] = (sums[from] ?? 0) + order;
    sums[to] = (sums[to] ?? 0) + order;
  }
  return sums;
}

function unsupported(why: string): AppError {
  return new AppError("engine_refused", `${why}: take it out, or dock another molecule`, {
    code: "unsupported_element",
  });
}
