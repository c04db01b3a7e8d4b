import { distance } from "../structures/vectors.ts";
import { drawnHistidine } from "./drawn.ts";
import type { ReceptorOptions } from "./options.ts";
import type { PdbResidue } from "./pdb.ts";
import type { ReceptorReport } from "./report.ts";
import { atomOf, labelOf, placeOf } from "./residues.ts";
import { pickPlace, someOf } from "./select.ts";
import { type HistidineState, stateOf, templateOf } from "./templates.ts";

/** SG of two cysteines that are nearer than this, in Å, are a disulfide (2.05 Å; contacts begin at 3). */
export const DISULFIDE_LIMIT_ANGSTROM = 2.5;

/** States that are not what their amino acid is written in where nobody says otherwise. */
const UNUSUAL_STATES = new Set(["ASH", "CYX", "GLH", "HID", "HIP", "LYN"]);

/** The states of residues that a name leaves open: histidines and cysteines. */
export type States = Pick<ReceptorReport, "histidines" | "disulfides" | "protonation_states" | "notes"> & {
  /** The template's name for a residue in its state. */
  nameOf: (residue: PdbResidue) => string;
};

/**
 * Decides each histidine (the option, else the name in the file, else the hydrogens in the file where they
 * are unambiguous, else the default, HIE unless said) and finds the disulfides by distance. AppError
 * `bad_input` for an option that names no histidine.
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
    protonation_states: protein.flatMap((residue) => {
      const state = nameOf(residue);
      if (bridged.has(residue) || !UNUSUAL_STATES.has(state)) return [];
      const reason = histidines.get(residue)?.reason ?? "named_in_file";
      return [{ residue: placeOf(residue), name: residue.name, state, reason }];
    }),
    notes: [
      ...(lonely.length === 0
        ? []
        : [
            `CYX without a partner within 2.5 Å was written without hydrogen: ${someOf(lonely.map(labelOf))}`,
          ]),
      ...overruledDefault(histidines, options.default_histidine),
    ],
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
      if (residue.name !== "HIS")
        return [residue, { state: stateOf(residue.name) as HistidineState, reason: "named_in_file" }];
      const drawn = drawnHistidine(residue);
      if (drawn !== null) return [residue, { state: drawn, reason: "hydrogens_in_file" }];
      return [residue, { state: default_histidine, reason: "default" }];
    }),
  );
}

/** A default is for what is left open: who gave one is told where the file's hydrogens decided. */
function overruledDefault(
  histidines: ReadonlyMap<PdbResidue, Choice>,
  wished: HistidineState | undefined,
): string[] {
  const others = [...histidines].filter(
    ([, { state, reason }]) => reason === "hydrogens_in_file" && wished !== undefined && state !== wished,
  );
  if (others.length === 0) return [];
  const named = others.map(([residue, { state }]) => `${labelOf(residue)} ${state}`).join(", ");
  return [
    `the file's hydrogens decided, not the default ${wished}: ${named} (choose them one by one instead)`,
  ];
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
