import { AppError } from "../errors.ts";
import type { Geometry, Position } from "../structures/geometry.ts";
import { formatMolblock } from "../structures/molblock.ts";
import { transform } from "../structures/superpose.ts";
import { distance, NOWHERE } from "../structures/vectors.ts";
import type { PreparedLigand } from "./ligand.ts";
import { fragmentMotion } from "./motion.ts";

/** Vina moves fragments as they are; a bond that changes by more than this, in Å, was changed by something else. */
const BOND_ANGSTROM = 0.05;
/** The same for an atom's place within its rigid fragment; PDBQT's three decimals make 0.001 Å of it. */
const FIT_ANGSTROM = 0.1;

/**
 * All of a ligand's atoms in one pose, in the ligand's order, from the positions of its PDBQT atoms in file
 * order, shape (n_pdbqt_atoms, 3) in Å. Hydrogens that PDBQT leaves out ride on their rigid fragment, which
 * is laid from the conformer onto the pose. AppError `internal` where the number of positions is another.
 */
export function poseGeometry(prepared: PreparedLigand, positions: readonly Position[]): Geometry {
  const { atoms, ligand } = prepared;
  if (positions.length !== atoms.length)
    throw new AppError(
      "internal",
      `a pose of ${positions.length} atoms for a ligand written with ${atoms.length}`,
    );
  const placed = new Map(atoms.map((atom, index) => [atom, positions[index]] as const));
  for (const fragment of rigidBodies(prepared)) {
    const missing = fragment.own.filter((atom) => !placed.has(atom));
    if (missing.length === 0) continue;
    const motion = fragmentMotion(fragment.known.map(conformerOf(prepared)), pick(placed, fragment.known));
    for (const atom of missing) placed.set(atom, transform(motion, conformerOf(prepared)(atom)));
  }
  const all = [...ligand.geometry.elements.keys()];
  return { elements: [...ligand.geometry.elements], positions_angstrom: pick(placed, all) };
}

/**
 * What is wrong with a pose, a sentence each; none when it is the conformer with other torsions. Looks at
 * every bond's length (0.05 Å) and at every written atom's place in its rigid fragment (0.1 Å), by which a
 * mirrored centre shows too.
 */
export function checkPose(prepared: PreparedLigand, geometry: Geometry): string[] {
  const { geometry: conformer, bonds } = prepared.ligand;
  const label = (atom: number) => `${conformer.elements[atom]}${atom + 1}`;
  const problems: string[] = [];
  for (const { from, to } of bonds) {
    const [before, after] = [bondLength(conformer, from, to), bondLength(geometry, from, to)];
    if (Math.abs(after - before) <= BOND_ANGSTROM) continue;
    problems.push(`bond ${label(from)}–${label(to)} is ${after.toFixed(3)} Å, not ${before.toFixed(3)} Å`);
  }
  for (const { known } of rigidBodies(prepared)) {
    const there = known.map(positionIn(geometry));
    const motion = fragmentMotion(known.map(conformerOf(prepared)), there);
    const offs = known.map((atom, index) =>
      distance(transform(motion, conformerOf(prepared)(atom)), there[index]),
    );
    const worst = Math.max(...offs);
    if (worst <= FIT_ANGSTROM) continue;
    const atom = known[offs.indexOf(worst)] ?? -1;
    problems.push(`${label(atom)} is ${worst.toFixed(3)} Å from its place in its rigid fragment`);
  }
  return problems;
}

/**
 * One record of an SD file for a pose: Kekulé bonds, charges, isotopes and all hydrogens, stereo by the coordinates, and
 * the data items given, in their order. Ends with the line `$$$$`. AppError as of `formatMolblock`.
 */
export function poseSdf(
  { ligand }: PreparedLigand,
  geometry: Geometry,
  properties: Record<string, string | number>,
): string {
  const { smiles, bonds, charges, isotopes } = ligand;
  // Radicals are refused before they are docked, see `refuseLigand`.
  const radicals = charges.map(() => 0);
  const molblock = formatMolblock({ name: smiles, geometry, bonds, charges, isotopes, radicals });
  const items = Object.entries(properties).map(
    ([name, value]) => `> <${dataName(name)}>\n${dataText(value)}\n\n`,
  );
  return `${molblock}${items.join("")}$$$$\n`;
}

function dataName(name: string): string {
  return name.replace(/[<>\s]+/g, "_");
}

/** One line, that no reader takes for the next item or the end of the record. */
function dataText(value: string | number): string {
  return String(value)
    .replace(/[\r\n\0]+/g, " ")
    .replace(/^(?=[>$])/, " ");
}

/** A rigid fragment, and the written atoms that move with it: its own and those bonded to it across a rotor. */
type RigidBody = { own: number[]; known: number[] };

function rigidBodies({ ligand, atoms, fragments }: PreparedLigand): RigidBody[] {
  const written = new Set(atoms);
  return fragments.map((own) => {
    const inside = new Set(own);
    const across = ligand.bonds.flatMap(({ from, to }) => {
      if (inside.has(from) === inside.has(to)) return [];
      return [inside.has(from) ? to : from];
    });
    return { own, known: [...own.filter((atom) => written.has(atom)), ...across] };
  });
}

function conformerOf({ ligand }: PreparedLigand): (atom: number) => Position {
  return positionIn(ligand.geometry);
}

function positionIn({ positions_angstrom: positions }: Geometry): (atom: number) => Position {
  return (atom) => positions[atom] ?? NOWHERE;
}

function pick(placed: ReadonlyMap<number, Position | undefined>, atoms: readonly number[]): Position[] {
  return atoms.map((atom) => placed.get(atom) ?? NOWHERE);
}

function bondLength({ positions_angstrom: positions }: Geometry, from: number, to: number): number {
  return distance(positions[from], positions[to]);
}
