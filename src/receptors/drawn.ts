import { distance } from "../structures/vectors.ts";
import type { PdbAtom, PdbResidue } from "./pdb.ts";
import { heavyAtoms } from "./residues.ts";
import { type HistidineState, standardAtomName } from "./templates.ts";

/** A hydrogen without a telling name is on the nearest heavy atom that is this near, in Å (N–H 1.0, S–H 1.34). */
const REACH_ANGSTROM = 1.3;
const SULFUR_REACH_ANGSTROM = 1.6;

/**
 * How many hydrogens a file draws on each N, O and S of a residue, by the templates' names; null where its
 * alternate locations tell different numbers. Null as a whole where the residue has no hydrogen at all:
 * then the file says nothing about protonation.
 */
export function drawnHydrogens(residue: PdbResidue): Map<string, number | null> | null {
  const hydrogens = residue.atoms.filter((atom) => atom.element === "H");
  if (hydrogens.length === 0) return null;
  const labels = new Set(hydrogens.map((atom) => atom.altloc).filter((label) => label !== ""));
  const borne = Map.groupBy(hydrogens, (hydrogen) => bearerOf(residue, hydrogen));
  const polar = heavyAtoms(residue).filter(isPolar);
  return new Map(
    polar.map((atom) => {
      // Of neutron structures H and D stand in one place, as two locations of one hydrogen.
      const counts = [...(labels.size === 0 ? [""] : labels)].map(
        (label) => (borne.get(atom) ?? []).filter(({ altloc }) => altloc === "" || altloc === label).length,
      );
      const [count = 0] = counts;
      return [standardAtomName(residue.name, atom.name), new Set(counts).size > 1 ? null : count];
    }),
  );
}

/** The state that a histidine's own hydrogens show; null where they leave it open. */
export function drawnHistidine(residue: PdbResidue): HistidineState | null {
  const drawn = drawnHydrogens(residue);
  const [delta, epsilon] = [drawn?.get("ND1"), drawn?.get("NE2")];
  if (delta === 1 && epsilon === 1) return "HIP";
  if (delta === 1 && epsilon === 0) return "HID";
  return delta === 0 && epsilon === 1 ? "HIE" : null;
}

/** By its name; by distance where the name tells nothing, as the `H` that converters write. */
function bearerOf(residue: PdbResidue, hydrogen: PdbAtom): PdbAtom | undefined {
  const heavy = heavyAtoms(residue);
  return bearerByName(heavy, hydrogen.name) ?? nearestOf(heavy, hydrogen);
}

/** HE2 is on NE2, HZ3 on NZ, HH12 on NH1: hydrogens are named after the place of what bears them, by all programs. */
function bearerByName(heavy: readonly PdbAtom[], name: string): PdbAtom | undefined {
  const place = /^\d*[HD](.+)$/.exec(name)?.[1] ?? "";
  const at = (wanted: string) => heavy.find((atom) => wanted !== "" && atom.name.slice(1) === wanted);
  return at(place) ?? at(place.replace(/\d$/, ""));
}

function nearestOf(heavy: readonly PdbAtom[], { position }: PdbAtom): PdbAtom | undefined {
  const near = heavy
    .map((atom) => ({ atom, apart: distance(atom.position, position) }))
    .filter(({ atom, apart }) => apart <= (atom.element === "S" ? SULFUR_REACH_ANGSTROM : REACH_ANGSTROM))
    .sort((a, b) => a.apart - b.apart);
  return near[0]?.atom;
}

function isPolar(atom: PdbAtom): boolean {
  return atom.element === "N" || atom.element === "O" || atom.element === "S";
}
