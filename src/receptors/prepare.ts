import type { Geometry } from "../structures/geometry.ts";
import { type Peptide, peptideAtoms, peptidesOf, terminalHydrogens, waterAtoms } from "./build.ts";
import { contradictionNotes } from "./contradictions.ts";
import { hetsLeftOut } from "./left-out.ts";
import type { ReceptorOptions } from "./options.ts";
import { type PdbFile, type PdbResidue, readPdb } from "./pdb.ts";
import { refuseWhatIsUnsupported } from "./refusals.ts";
import { RECEPTOR_PREPARER_VERSION, type ReceptorReport } from "./report.ts";
import { atomOf, heavyAtoms, labelOf, placeOf } from "./residues.ts";
import { formatRigidPdbqt, type ReceptorAtom } from "./rigid-pdbqt.ts";
import { chainName, someOf } from "./select.ts";
import { type Chosen, selectFrom } from "./selection.ts";
import { handednessNotes, refuseLooseAtoms } from "./shape.ts";
import { statesOf } from "./states.ts";
import { symmetryOf } from "./symmetry.ts";
import { templateOf } from "./templates.ts";

export type { ReceptorOptions };

/** A rigid receptor for Vina, what was decided on the way, and its heavy atoms in the order written. */
export type PreparedReceptor = { pdbqt: string; report: ReceptorReport; geometry: Geometry };

/**
 * Prepares a receptor from the bytes of a PDB file by residue templates: the first model's protein chains,
 * existing hydrogens dropped (they decide histidines that nobody named), polar ones built, AutoDock 4 types,
 * positions in Å as in the file. Nothing is left out without a line in the report. Same bytes and options, same PDBQT.
 * AppError `bad_input`: what `readPdb` refuses, no protein, a choice that names nothing or several, and
 * whatever would need a guess (`refuseWhatIsUnsupported`).
 */
export function prepareReceptor(bytes: Uint8Array, options: ReceptorOptions = {}): PreparedReceptor {
  const file = readPdb(bytes);
  const chosen = selectFrom(file, options);
  refuseWhatIsUnsupported(chosen);
  refuseLooseAtoms(chosen.protein);
  const states = statesOf(chosen.protein, options);
  const peptides = peptidesOf(chosen.protein);
  const protein = peptides.flatMap((peptide, index) => peptideAtoms(peptide, states.nameOf, index));
  const atoms = [...protein, ...waterAtoms(chosen.waters, protein, peptides.length)];
  const heavy = atoms.filter((atom) => atom.type !== "HD");
  const hets = hetsLeftOut(chosen, options.drop_hets ?? []);
  const missing_atoms = missingAtoms(chosen.protein);
  const report: ReceptorReport = {
    preparer_version: RECEPTOR_PREPARER_VERSION,
    source_sha256: file.sha256,
    models_in_file: file.models,
    old_format: file.old_format,
    chains: chainsOf(chosen),
    chains_left_out: chosen.leftOut,
    waters_kept: chosen.waters.map(placeOf),
    waters_dropped: chosen.watersInFile - chosen.waters.length,
    hets_left_out: hets,
    histidines: states.histidines,
    disulfides: states.disulfides,
    protonation_states: states.protonation_states,
    termini: peptides.flatMap(terminusOf),
    missing_atoms,
    hydrogens_dropped: countHydrogens([...chosen.protein, ...chosen.waters]),
    hydrogens_built: atoms.length - heavy.length,
    heavy_atoms: heavy.length,
    atoms_written: atoms.length,
    symmetry: symmetryOf(chosen.protein),
    notes: [
      ...notesOf(file, chosen, peptides),
      ...states.notes,
      ...contradictionNotes(peptides, states.nameOf),
      ...bondedNotes(hets),
      ...handednessNotes(chosen.protein),
    ],
  };
  return { pdbqt: formatRigidPdbqt(atoms), report, geometry: geometryOf(heavy) };
}

function chainsOf({ chains, protein }: Chosen): ReceptorReport["chains"] {
  return chains.flatMap((chain) => {
    const own = protein.filter((residue) => residue.chain === chain);
    const [first, last] = [own[0], own.at(-1)];
    if (first === undefined || last === undefined) return [];
    return [{ chain, residues: own.length, first: placeOf(first), last: placeOf(last) }];
  });
}

function terminusOf(peptide: Peptide): ReceptorReport["termini"] {
  const [first, last] = [peptide[0], peptide.at(-1)];
  if (first === undefined || last === undefined) return [];
  return [
    {
      chain: first.chain,
      n_terminus: placeOf(first),
      n_hydrogens: terminalHydrogens(peptide),
      c_terminus: placeOf(last),
      oxt: atomOf(last, "OXT") !== undefined,
    },
  ];
}

function missingAtoms(protein: readonly PdbResidue[]): ReceptorReport["missing_atoms"] {
  return protein.flatMap((residue) => {
    const wanted = templateOf(residue.name)?.atoms ?? [];
    const atoms = wanted.map(({ name }) => name).filter((name) => atomOf(residue, name) === undefined);
    return atoms.length === 0 ? [] : [{ residue: placeOf(residue), name: residue.name, atoms }];
  });
}

function countHydrogens(residues: readonly PdbResidue[]): number {
  return residues.reduce((sum, residue) => sum + residue.atoms.length - heavyAtoms(residue).length, 0);
}

function notesOf(file: PdbFile, { protein }: Chosen, peptides: Peptide[]): string[] {
  const notes: string[] = [];
  if (file.models > 1) notes.push(`the file holds ${file.models} models: the first was used`);
  if (file.atoms_left_over > 0)
    notes.push(`${file.atoms_left_over} atoms after the end of the model were not read`);
  if (!file.ended)
    notes.push("the file has no END record: if it was cut off between two lines, that cannot be seen");
  const labelled = protein.filter((residue) => heavyAtoms(residue).some((atom) => atom.altloc !== ""));
  if (labelled.length > 0)
    notes.push(`one alternate location only is in the file, and was used: ${someOf(labelled.map(labelOf))}`);
  const pieces = Map.groupBy(peptides, (peptide) => peptide[0]?.chain ?? "");
  for (const [chain, own] of pieces)
    if (own.length > 1)
      notes.push(
        `chain ${chainName(chain)} comes in ${own.length} pieces, parted by TER: each has its own ends`,
      );
  return notes;
}

function bondedNotes(hets: ReceptorReport["hets_left_out"]): string[] {
  return hets.flatMap(({ label, bonded_to }) =>
    bonded_to === null ? [] : [`${label} was left out, though it is bonded to ${bonded_to}`],
  );
}

function geometryOf(heavy: readonly ReceptorAtom[]): Geometry {
  return {
    // Every type written begins with its element, but aromatic carbon.
    elements: heavy.map(({ type }) => (type === "A" ? "C" : type.charAt(0))),
    positions_angstrom: heavy.map(({ position }) => position),
  };
}
