import type { ReceptorOptions } from "./options.ts";
import type { PdbResidue } from "./pdb.ts";
import type { ReceptorReport } from "./report.ts";
import { atomOf, labelOf, placeOf } from "./residues.ts";
import { pickPlace, someOf } from "./select.ts";
import { type HistidineState, stateOf, templateOf } from "./templates.ts";
import { distance } from "./vectors.ts";

/** SG of two cysteines that are nearer than this, in Å, are a disulfide (2.05 Å; contacts begin at 3). */
export const DISULFIDE_LIMIT_ANGSTROM = 2.5;

/** The states of residues that a name leaves open: histidines and cysteines. */
export type States = Pick<ReceptorReport, "histidines" | "disulfides" | "notes"> & {
  /** The template's name for a residue in its state. */
  nameOf: (residue: PdbResidue) => string;
};

/**
 * Decides each histidine (the option, else the name in the file, else the default, HIE unless said) and
 * finds the disulfides by distance. AppError `bad_input` for an option that names no histidine.
 */
export function statesOf(protein: readonly PdbResidue[], options: ReceptorOptions): States {
  const histidines = histidineStates(protein, options);
  const cysteines = protein.filter((residue) => templateOf(residue.name)?.parent === "CYS");
  const disulfides = disulfidesOf(cysteines);
  const bridged = new Set(disulfides.flatMap(({ pair }) => pair));
  const lonely = cysteines.filter((residue) => residue.name === "CYX" && !bridged.has(residue));
  const nameOf = (residue: PdbResidue) =>
    histidines.get(residue)?.state ?? (bridged.has(residue) ? "CYX" : residue.name);
  return {
    nameOf,
    histidines: [...histidines].map(([residue, choice]) => ({ residue: placeOf(residue), ...choice })),
    disulfides: disulfides.map(({ pair: [a, b], distance_angstrom }) => ({
      residues: [placeOf(a), placeOf(b)],
      distance_angstrom,
    })),
    notes:
      lonely.length === 0
        ? []
        : [`CYX without a partner within 2.5 Å was written without hydrogen: ${someOf(lonely.map(labelOf))}`],
  };
}

type Choice = Pick<ReceptorReport["histidines"][number], "state" | "reason">;

function histidineStates(
  protein: readonly PdbResidue[],
  { histidines: wishes = {}, default_histidine = "HIE" }: ReceptorOptions,
): Map<PdbResidue, Choice> {
  const all = protein.filter((residue) => templateOf(residue.name)?.parent === "HIS");
  const wished = new Map<PdbResidue, HistidineState>();
  for (const [selector, state] of Object.entries(wishes))
    wished.set(pickPlace(all, selector, "histidine", `histidines/${selector}`), state);
  return new Map(
    all.map((residue): [PdbResidue, Choice] => {
      const state = wished.get(residue);
      if (state !== undefined) return [residue, { state, reason: "chosen" }];
      if (residue.name === "HIS") return [residue, { state: default_histidine, reason: "default" }];
      return [residue, { state: stateOf(residue.name) as HistidineState, reason: "named_in_file" }];
    }),
  );
}

function disulfidesOf(cysteines: readonly PdbResidue[]) {
  const sulfurs = cysteines.flatMap((residue) => {
    const sulfur = atomOf(residue, "SG");
    return sulfur === undefined ? [] : [{ residue, position: sulfur.position }];
  });
  return sulfurs.flatMap((one, index) =>
    sulfurs.slice(index + 1).flatMap((other) => {
      const distance_angstrom = distance(one.position, other.position);
      if (distance_angstrom >= DISULFIDE_LIMIT_ANGSTROM) return [];
      return [{ pair: [one.residue, other.residue] as const, distance_angstrom }];
    }),
  );
}
