import type { Peptide } from "./build.ts";
import { terminalHydrogens } from "./build.ts";
import { drawnHistidine, drawnHydrogens } from "./drawn.ts";
import type { PdbResidue } from "./pdb.ts";
import { labelOf } from "./residues.ts";
import { templateOf } from "./templates.ts";

/**
 * Amino acids that proteins have with fewer hydrogens as well. Of the others a hydrogen that is not drawn
 * tells nothing: refinement programs leave out those of hydroxyls.
 */
const LOSE_HYDROGENS = new Set(["ARG", "ASP", "CYS", "GLU", "HIS", "LYS", "TYR"]);

type Difference = { atom: string; drawn: number | null; written: number };

/**
 * A note for each way in which polar hydrogens of the file, which are dropped, differ from those that are
 * built: the residues, what is drawn, what was written, and how to have it otherwise.
 */
export function contradictionNotes(
  peptides: readonly Peptide[],
  nameOf: (residue: PdbResidue) => string,
): string[] {
  const found = peptides.flatMap((peptide) =>
    peptide.flatMap((residue, index) => {
      const state = nameOf(residue);
      const differences = differencesOf(residue, state, index === 0 ? terminalHydrogens(peptide) : null);
      if (differences.length === 0) return [];
      return [{ label: labelOf(residue), text: textOf(residue, state, differences) }];
    }),
  );
  return [...Map.groupBy(found, ({ text }) => text)].map(
    ([text, all]) => `${all.map(({ label }) => label).join(", ")}: ${text}`,
  );
}

function differencesOf(residue: PdbResidue, state: string, terminal: number | null): Difference[] {
  const template = templateOf(state);
  return [...(drawnHydrogens(residue) ?? [])].flatMap(([atom, drawn]): Difference[] => {
    const own = template?.donors.find((rule) => rule.atom === atom)?.hydrogens ?? 0;
    const written = atom === "N" ? (terminal ?? (residue.name === "PRO" ? 0 : 1)) : own;
    // Without any hydrogen drawn on it an end of the chain is left open, not neutral.
    const mayLose =
      atom === "N" ? terminal !== null && drawn !== 0 : LOSE_HYDROGENS.has(template?.parent ?? "");
    if (drawn === written || (drawn !== null && drawn < written && !mayLose)) return [];
    return [{ atom, drawn, written }];
  });
}

function textOf(residue: PdbResidue, state: string, differences: Difference[]): string {
  const drawn = differences.map(({ atom, drawn: count }) => `${count ?? "an unclear number"} on ${atom}`);
  const written = differences.map(({ atom, written: count }) => `${count} on ${atom}`);
  const advice = adviceOf(residue, state, differences);
  return `the file draws hydrogens ${drawn.join(", ")}, written ${written.join(", ")} (${advice})`;
}

/** What would give the residue as it is drawn. */
function adviceOf(residue: PdbResidue, state: string, differences: Difference[]): string {
  const extra = differences.filter((one) => one.drawn !== 0);
  const { atom, drawn } = extra[0] ?? { atom: "", drawn: 0 };
  const parent = templateOf(state)?.parent ?? state;
  if (parent === "HIS") {
    const seen = drawnHistidine(residue);
    return seen === null ? "choose its state if it is another" : `choose ${seen} for it to have it so`;
  }
  const acid = ACIDS[parent];
  if (acid !== undefined && extra.length < 2 && (atom === "" || /^O[DE]\d$/.test(atom))) {
    if (atom === "") return `name the residue ${parent} in the file to have it ionised`;
    const named = state === acid.name ? "" : `name the residue ${acid.name} in the file to keep it`;
    const moved =
      atom === acid.oxygen ? "" : `exchange the names of its oxygens: ${acid.name} has it on ${acid.oxygen}`;
    return [named, moved].filter((part) => part !== "").join(", and ");
  }
  if (state === "LYS" && atom === "NZ" && drawn === 2)
    return "name the residue LYN in the file to have it neutral";
  if (state === "LYN" && drawn === 3) return "name the residue LYS in the file to have it charged";
  if (state === "CYS" && atom === "") return "name the residue CYX in the file to write it without";
  if (state === "CYX" && atom === "SG")
    return residue.name === "CYX"
      ? "name the residue CYS in the file to have it as a thiol"
      : "its sulphur is within 2.5 Å of another: correct the coordinates if they are not bonded";
  return "no other state of it is modelled";
}

const ACIDS: Record<string, { name: string; oxygen: string }> = {
  ASP: { name: "ASH", oxygen: "OD2" },
  GLU: { name: "GLH", oxygen: "OE2" },
};
