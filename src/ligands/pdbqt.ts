import { decimal } from "../canonical.ts";
import { AppError } from "../errors.ts";
import { connectedParts, neighbourLists } from "../structures/adjacency.ts";
import type { Ligand, PreparedLigand } from "./ligand.ts";
import { ligandRemarks } from "./remarks.ts";
import { countLargerRings } from "./rings.ts";
import { rotatableBonds } from "./rotors.ts";
import { type Branch, rigidFragments, torsionTree } from "./tree.ts";
import { autodockTypes } from "./types.ts";

/** Rings with more atoms than this have shapes of their own that Vina, which keeps rings, does not search. */
const LARGEST_RIGID_RING = 8;

/**
 * The PDBQT file of a ligand, coordinates in Å as they stand, and the way back. Equal ligands give equal
 * bytes. Remarks are those that Meeko reads (`SMILES`, `SMILES IDX`, `H PARENT`); Vina copies them to every
 * pose. Partial charges are written as zero: Vina's scoring reads none. AppError `engine_refused` with
 * code `unsupported_element`, or `ambiguous_parent` for several parts; `bad_input` for coordinates that the
 * format cannot hold.
 */
export function prepareLigand(ligand: Ligand): PreparedLigand {
  checkLigand(ligand);
  const { bonds, geometry } = ligand;
  const types = autodockTypes(ligand);
  const turning = rotatableBonds(ligand);
  const fragments = rigidFragments(geometry.elements.length, bonds, turning);
  const tree = torsionTree(
    fragments,
    bonds,
    turning,
    types.map((type) => type !== null),
  );
  const atoms = fileOrder(tree, writingOrder(ligand, types));
  const torsions = turning.filter(Boolean).length;
  const lines = [...ligandRemarks(ligand, atoms), ...writeTree(tree, atoms, atomLines(ligand, types, atoms))];
  return {
    ligand,
    pdbqt: `${[...lines, `TORSDOF ${torsions}`].join("\n")}\n`,
    atoms,
    torsions,
    fragments,
    rigid_macrocycles: countLargerRings(geometry.elements.length, bonds, LARGEST_RIGID_RING),
  };
}

function checkLigand({ geometry, bonds }: Ligand): void {
  const parts = connectedParts(neighbourLists(geometry.elements.length, bonds)).length;
  if (parts > 1)
    throw new AppError(
      "engine_refused",
      `the ligand has ${parts} parts: dock its parent without the others`,
      {
        code: "ambiguous_parent",
      },
    );
  const outside = geometry.positions_angstrom.findIndex(
    (position) => !position.every((value) => Number.isFinite(value) && Math.abs(value) < 999),
  );
  if (outside >= 0)
    throw new AppError(
      "bad_input",
      `atom ${outside + 1} of the ligand is not within 999 Å of the origin, as PDBQT needs: move the ligand`,
    );
}

/** For an atom, what is written for it: itself, if it is, and the polar hydrogens on it. */
type WritingOrder = (atom: number) => number[];

function writingOrder({ geometry, bonds }: Ligand, types: readonly (string | null)[]): WritingOrder {
  const neighbours = neighbourLists(geometry.elements.length, bonds);
  return (atom) => {
    if (geometry.elements[atom] === "H") return [];
    return [atom, ...(neighbours[atom] ?? []).filter((next) => types[next] === "HD")];
  };
}

/** All written atoms: a fragment's own, the one on its axis first, then those of its branches. */
function fileOrder(branch: Branch, written: WritingOrder): number[] {
  return [...ownOrder(branch, written), ...branch.branches.flatMap((each) => fileOrder(each, written))];
}

function ownOrder({ atoms, axis }: Branch, written: WritingOrder): number[] {
  const first = axis === null ? [] : [axis[1]];
  return [...first, ...atoms.filter((atom) => atom !== axis?.[1])].flatMap(written);
}

function writeTree(root: Branch, order: readonly number[], lines: readonly string[]): string[] {
  const serials = new Map(order.map((atom, index) => [atom, index + 1]));
  // The tree is walked in the order of the file, so the lines are simply used up.
  let next = 0;
  const own = ({ atoms }: Branch): string[] => {
    const count = atoms.filter((atom) => serials.has(atom)).length;
    next += count;
    return lines.slice(next - count, next);
  };
  const branches = (parent: Branch): string[] => parent.branches.flatMap(write);
  const write = (branch: Branch): string[] => {
    const axis = branch.axis?.map((atom) => String(serials.get(atom)).padStart(3)).join(" ");
    return [`BRANCH ${axis}`, ...own(branch), ...branches(branch), `ENDBRANCH ${axis}`];
  };
  return ["ROOT", ...own(root), "ENDROOT", ...branches(root)];
}

/** One ATOM line per written atom, in columns; atoms are numbered and, within an element, named in order. */
function atomLines(ligand: Ligand, types: readonly (string | null)[], order: readonly number[]): string[] {
  const { elements, positions_angstrom: positions } = ligand.geometry;
  const counts = new Map<string, number>();
  return order.map((atom, index) => {
    const element = elements[atom] ?? "";
    const count = (counts.get(element) ?? 0) + 1;
    counts.set(element, count);
    const name = atomName(element, count);
    const place = (positions[atom] ?? []).map((value) => decimal(value, 3).padStart(8)).join("");
    const serial = String(index + 1).padStart(5);
    return `ATOM  ${serial} ${name} UNL     1    ${place}  1.00  0.00     0.000 ${types[atom] ?? ""}`;
  });
}

/** Four columns; as in PDB files the element's symbol ends in the second. */
function atomName(element: string, count: number): string {
  const name = `${element.toUpperCase().padStart(2)}${count}`;
  return (name.length > 4 ? name.trim() : name).slice(0, 4).padEnd(4);
}
