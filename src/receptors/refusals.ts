import { AppError, type FieldError } from "../errors.ts";
import { CLOSEST_ANGSTROM } from "../structures/bonds.ts";
import { addToGrid, type Grid, nearby } from "./grid.ts";
import type { PdbAtom, PdbResidue } from "./pdb.ts";
import {
  atomOf,
  hasMetal,
  heavyAtoms,
  isSameRun,
  labelOf,
  PEPTIDE_LIMIT_ANGSTROM,
  peptideLength,
  placeOf,
  type Role,
} from "./residues.ts";
import { someOf } from "./select.ts";
import { BACKBONE, hasTemplateAtom } from "./templates.ts";

/** What a receptor is to be made of, and what stands beside it. */
export type Selection = {
  /** Protein residues of the chosen chains, in file order. */
  protein: PdbResidue[];
  waters: PdbResidue[];
  /** Residues that nobody asked to leave out, with their roles. */
  considered: [residue: PdbResidue, role: Role][];
};

/** Of each kind: a file that is wrong throughout has tens of thousands of places. */
const MOST_FIELDS = 100;

type Place = { name: string; line: number; rule: string };
type Problem = { what: string; places: Place[]; advice: string };

/**
 * Refuses what cannot be prepared without guessing, all of it at once: nucleic acids, modified residues,
 * metals, alternate locations, residues without backbone, chain breaks, atoms in one place. AppError
 * `bad_input` with a field for each place (100 of a kind) and what to do about each kind.
 */
export function refuseWhatIsUnsupported(selection: Selection): void {
  const { protein, waters, considered } = selection;
  const written = [...protein, ...waters];
  const problems: Problem[] = [
    {
      what: "nucleic acids",
      places: placesOf(considered, (role) => role === "nucleic"),
      advice: "remove them from the file or choose the protein's chains",
    },
    {
      what: "modified or unknown residues",
      places: [
        ...placesOf(considered, (role) => role === "modified" || role === "unknown"),
        ...protein.flatMap(strangeAtoms),
      ],
      advice:
        "change them to standard ones in the file, as MSE to MET; what is no part of a chain may be named in drop_hets",
    },
    {
      what: "metals or ions",
      places: placesOf(considered, (role, residue) => role === "het" && hasMetal(residue)),
      advice: "none is modelled in this version: name in drop_hets what may be left out",
    },
    {
      what: "alternate locations",
      places: [...alternates(protein), ...waters.flatMap((water) => alternates([water]))],
      advice: "keep one location of each in the file",
    },
    {
      what: "residues without a complete backbone",
      places: protein.flatMap(missingBackbone),
      advice: "model or remove them in the file",
    },
    {
      what: "chain breaks",
      places: breaks(considered),
      advice: "model what is missing, or choose other chains",
    },
    { what: "atoms in one place", places: overlaps(written), advice: "correct the coordinates" },
  ].filter((problem) => problem.places.length > 0);
  if (problems.length === 0) return;
  const message = problems.map(
    ({ what, places, advice }) =>
      `${what}: ${someOf(
        places.map(({ name }) => name),
        5,
      )} (${advice})`,
  );
  const fields = problems.flatMap(({ what, places }) =>
    places
      .slice(0, MOST_FIELDS)
      .map(({ name, line, rule }): FieldError => ({ line, rule: `${what}: ${name}${rule}` })),
  );
  throw new AppError("bad_input", `this receptor cannot be prepared as it is: ${message.join("; ")}`, {
    fields,
  });
}

function placesOf(
  considered: Selection["considered"],
  isMeant: (role: Role, residue: PdbResidue) => boolean,
): Place[] {
  return considered
    .filter(([residue, role]) => isMeant(role, residue))
    .map(([residue]) => ({ name: labelOf(residue), line: lineOf(residue), rule: "" }));
}

/** Heavy atoms that a residue of this name does not have: it is more than its name says. */
function strangeAtoms(residue: PdbResidue): Place[] {
  const strange = heavyAtoms(residue).filter((atom) => !hasTemplateAtom(residue.name, atom.name));
  if (strange.length === 0) return [];
  const names = strange.map((atom) => atom.name).join(", ");
  const line = strange[0]?.line ?? lineOf(residue);
  return [{ name: labelOf(residue), line, rule: ` has atoms unknown to its template: ${names}` }];
}

/**
 * Places where one atom may stand in two ways, or one number is two residues. A single label leaves nothing
 * to choose.
 */
function alternates(residues: readonly PdbResidue[]): Place[] {
  const byPlace = Map.groupBy(residues, (residue) => `${residue.segment} ${placeOf(residue)}`);
  return [...byPlace.values()].flatMap((own) => {
    const [first] = own;
    const atoms = own.flatMap(heavyAtoms);
    const labels = new Set(atoms.map((atom) => atom.altloc));
    const names = new Set(atoms.map((atom) => atom.name));
    if (first === undefined || (own.length === 1 && labels.size < 2)) return [];
    const solid = labels.size - Number(labels.has(""));
    if (own.length === 1 && solid < 2 && names.size === atoms.length) return [];
    const rule = own.length > 1 ? ` is also ${own.slice(1).map(labelOf).join(", ")}` : "";
    const listed = [...labels].filter((label) => label !== "");
    return [
      {
        name: labelOf(first),
        line: lineOf(first),
        rule: `${rule} (locations ${listed.join(", ") || "unnamed"})`,
      },
    ];
  });
}

function missingBackbone(residue: PdbResidue): Place[] {
  const missing = BACKBONE.filter((name) => atomOf(residue, name) === undefined);
  if (missing.length === 0) return [];
  return [{ name: labelOf(residue), line: lineOf(residue), rule: ` lacks ${missing.join(", ")}` }];
}

function breaks(considered: Selection["considered"]): Place[] {
  const chain = considered.filter(([, role]) => role === "protein" || role === "modified");
  return chain.flatMap(([residue], index) => {
    const before = chain[index - 1]?.[0];
    if (before === undefined || !isSameRun(before, residue)) return [];
    const length = peptideLength(before, residue);
    // Without C or N it is the backbone that is missing, which is refused by that name.
    if (length < PEPTIDE_LIMIT_ANGSTROM || length === Number.POSITIVE_INFINITY) return [];
    const name = `${labelOf(before)} to ${labelOf(residue)}`;
    return [{ name, line: lineOf(residue), rule: `, C–N ${length.toFixed(2)} Å` }];
  });
}

function overlaps(residues: readonly PdbResidue[]): Place[] {
  const grid: Grid<{ residue: PdbResidue; atom: PdbAtom }> = new Map();
  const places: Place[] = [];
  for (const residue of residues) {
    for (const atom of heavyAtoms(residue)) {
      const [twin] = nearby(grid, atom.position, CLOSEST_ANGSTROM);
      // Only atoms apart enter the grid, so that no cube of it fills up.
      if (twin === undefined) addToGrid(grid, atom.position, { residue, atom });
      else if (atom.altloc === twin.item.atom.altloc)
        places.push({
          name: `${placeOf(residue)} ${atom.name}`,
          line: atom.line,
          rule: ` and ${placeOf(twin.item.residue)} ${twin.item.atom.name} are ${twin.distance.toFixed(2)} Å apart`,
        });
    }
  }
  return places;
}

function lineOf(residue: PdbResidue): number {
  return residue.atoms[0]?.line ?? 1;
}
