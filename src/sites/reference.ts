import { AppError } from "../errors.ts";
import { extractHet } from "../receptors/het.ts";
import { readPdb } from "../receptors/pdb.ts";
import type { ReceptorReport } from "../receptors/report.ts";
import type { Bond, Geometry, Position } from "../structures/geometry.ts";
import { sameStereo } from "../structures/handedness.ts";
import { isomorphisms } from "../structures/isomorphisms.ts";
import { readStructure, sdfRecord } from "../structures/read.ts";
import type { StructureRow } from "../structures/store.ts";
import { transform } from "../structures/superpose.ts";
import type { ReferenceWish } from "./schema.ts";

/** A ligand whose place is known, heavy atoms only, as its file has it; bond orders are not relied on. */
export type ReferenceLigand = { label: string; geometry: Geometry; bonds: Bond[] };

/**
 * The reference ligand of a file: a residue of a PDB file, or the one record of an SD file with bonds. Throws
 * AppError bad_input where it is not there, has no bonds, or is one of several.
 */
export function readReference(format: string, bytes: Uint8Array, residue: string | null): ReferenceLigand {
  if (format === "pdb") return extractHet(readPdb(bytes), residue ?? "");
  const { geometry, bonds } = readStructure(format, bytes);
  if (bonds === undefined)
    throw new AppError("bad_input", "a reference ligand needs bonds: give it as SDF or MOL");
  if (sdfRecord(bytes, 2) !== "")
    throw new AppError("bad_input", "the reference file holds several records: give the one that is meant");
  return { label: "", ...heavyAtoms(geometry, bonds) };
}

/** Crystals show no hydrogens; without them a file and a residue give the same box. */
function heavyAtoms(geometry: Geometry, bonds: Bond[]): { geometry: Geometry; bonds: Bond[] } {
  const { elements, positions_angstrom } = geometry;
  const kept = [...elements.keys()].filter((atom) => elements[atom] !== "H");
  const place = new Map(kept.map((atom, index) => [atom, index]));
  return {
    geometry: {
      elements: kept.map((atom) => elements[atom] ?? ""),
      positions_angstrom: kept.flatMap((atom) => {
        const position = positions_angstrom[atom];
        return position === undefined ? [] : [position];
      }),
    },
    bonds: bonds.flatMap(({ from, to, order }) => {
      const [a, b] = [place.get(from), place.get(to)];
      return a === undefined || b === undefined ? [] : [{ from: a, to: b, order }];
    }),
  };
}

/** The same for a stored one: which residue it is stands in its preparation. */
export function storedReference(row: StructureRow, bytes: Uint8Array): ReferenceLigand {
  const { residue } = row.preparation as { residue?: string };
  return readReference(row.format, bytes, residue ?? null);
}

/** What a wish means for the receptor's file: a residue in it, or a file of its own. */
export function wishedResidue(wish: ReferenceWish): string | null {
  const given = [wish.residue, wish.content_base64].filter((part) => part !== undefined);
  if (given.length !== 1)
    throw new AppError("bad_input", "give the reference as a residue of the receptor's file, or as a file");
  return wish.residue ?? null;
}

/** Positions through the receptor's two-fold axis, or null where it has none. */
export function matePositions(geometry: Geometry, report: ReceptorReport): Position[] | null {
  const { symmetry } = report;
  if (symmetry === null) return null;
  return geometry.positions_angstrom.map((position) => transform(symmetry, position));
}

/**
 * Refuses a reference that is another chemistry than the molecule it is said to be: heavy atoms and bonds
 * (crystals show no hydrogens), then the handedness of centres and double bonds. `drawn` is any conformer of
 * that molecule. One with too many maps onto itself to try them all (seven CF3 groups) passes by atoms and bonds:
 * the map that would fit may be among the rest. Throws AppError bad_input.
 */
export function checkReferenceIs(
  reference: ReferenceLigand,
  drawn: { geometry: Geometry; bonds: Bond[] },
  smiles: string,
): void {
  const { maps, capped } = isomorphisms(
    { elements: drawn.geometry.elements, bonds: drawn.bonds },
    { elements: reference.geometry.elements, bonds: reference.bonds },
  );
  const [is, text] = [heavyFormula(reference.geometry), `"${smiles.slice(0, 60)}"`];
  if (maps.length === 0)
    throw another(
      `the reference ligand (${is}) is not ${text} (${heavyFormula(drawn.geometry)})`,
      "atoms or bonds differ",
    );
  if (!capped && !maps.some((map) => sameStereo(drawn, reference, map)))
    throw another(`the reference ligand is not ${text}`, "its stereo is another");
}

function another(what: string, why: string): AppError {
  const rule = `${what}: ${why}`;
  return new AppError("bad_input", rule, { fields: [{ path: "/reference/smiles", rule }] });
}

/** Elements and counts of the heavy atoms, carbon first: `C25N3O6S`. */
function heavyFormula(geometry: Geometry): string {
  const counts = new Map<string, number>();
  for (const element of geometry.elements)
    if (element !== "H") counts.set(element, (counts.get(element) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => Number(b === "C") - Number(a === "C") || (a < b ? -1 : 1))
    .map(([element, count]) => (count === 1 ? element : `${element}${count}`))
    .join("");
}
