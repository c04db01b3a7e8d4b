import { type Static, Type } from "typebox";
import {
  about,
  count,
  flag,
  integer,
  list,
  nullable,
  number,
  SHA256_PATTERN,
  text,
  triple,
  word,
} from "../fields.ts";

export { HISTIDINE_STATES } from "./templates.ts";

/** Changes whenever the same file and options may give another receptor. */
export const RECEPTOR_PREPARER_VERSION = "2";

const Place = Type.String({
  description: "Chain:number with the insertion code; the number alone where the chain is blank.",
});
const ResidueName = text("The residue's name in the file.");
const Chain = text("Its chain; blank where the file has none.");

/** A rigid motion that lays each of two equal chains on the other. */
export const ReceptorSymmetry = Type.Object({
  chains: Type.Unsafe<[string, string]>(
    Type.Array(text("A chain."), { minItems: 2, maxItems: 2, description: "The two chains." }),
  ),
  residues: integer("1", "Pairs of CA that were laid on each other.", { minimum: 3 }),
  rmsd_angstrom: number("Å", "Root mean square distance of these pairs.", { minimum: 0 }),
  rotation: Type.Unsafe<[Vector, Vector, Vector]>(
    Type.Array(triple("1", "One row."), {
      minItems: 3,
      maxItems: 3,
      shape: "(3, 3)",
      description: "Rotation by rows: x → rotation · x + translation.",
    }),
  ),
  translation: triple("Å", "What is added after the rotation."),
});
export type ReceptorSymmetry = Static<typeof ReceptorSymmetry>;
type Vector = [number, number, number];

const HetLeftOut = Type.Object({
  label: text("Name:chain:number, as one asks for it."),
  name: ResidueName,
  chain: Chain,
  number: integer("1", "Its number in the file."),
  insertion_code: text("Its insertion code; blank where it has none."),
  atoms: count("Its heavy atoms."),
  reason: word(["not_protein", "dropped_by_request", "chain_not_chosen"], "Why it was left out."),
  bonded_to: nullable(
    Place,
    "Residue that is written and to which it is bonded, by distance; null where it is to none.",
  ),
});
export type HetLeftOut = Static<typeof HetLeftOut>;

const StateReason = word(
  ["chosen", "named_in_file", "hydrogens_in_file", "default"],
  "Who decided: the person, its name in the file, its hydrogens there, or nobody.",
);

/** Every choice that was made between a PDB file and the receptor made of it. */
export const ReceptorReport = Type.Object(
  {
    preparer_version: text(
      "Version of the rules; the same file and options give the same receptor within one.",
    ),
    source_sha256: Type.String({ pattern: SHA256_PATTERN, description: "SHA-256 of the file." }),
    models_in_file: integer("1", "Models in the file; the first is used.", { minimum: 1 }),
    old_format: flag("True: columns 73–80 hold the entry's name and line, as before 1996."),
    chains: list(
      Type.Object({
        chain: Chain,
        residues: count("Residues that were written."),
        first: about(Place, "The first of them."),
        last: about(Place, "The last of them."),
      }),
      "Chains that were written.",
    ),
    chains_left_out: list(Chain, "Chains that were left out."),
    waters_kept: list(Place, "Waters that were written."),
    waters_dropped: count("Waters that were left out."),
    hets_left_out: list(HetLeftOut, "What is neither protein nor water, and was left out."),
    histidines: list(
      Type.Object({
        residue: Place,
        state: word(["HID", "HIE", "HIP"], "Where its protons are: on ND1, on NE2, on both."),
        reason: StateReason,
      }),
      "State of each histidine.",
    ),
    protonation_states: list(
      Type.Object({
        residue: Place,
        name: ResidueName,
        state: text("The template that it was written by."),
        reason: StateReason,
      }),
      "Residues that are not in their usual state: ASH, GLH, LYN, HID, HIP, CYX without a partner.",
    ),
    disulfides: list(
      Type.Object({
        residues: Type.Unsafe<[string, string]>(
          Type.Array(Place, { minItems: 2, maxItems: 2, description: "The two cysteines." }),
        ),
        distance_angstrom: number("Å", "Between their sulfurs.", { minimum: 0 }),
      }),
      "Disulfide bridges.",
    ),
    termini: list(
      Type.Object({
        chain: Chain,
        n_terminus: about(Place, "The first residue."),
        n_hydrogens: count("Hydrogens on its nitrogen."),
        c_terminus: about(Place, "The last residue."),
        oxt: flag("Whether that has its OXT."),
      }),
      "Ends of the chains.",
    ),
    missing_atoms: list(
      Type.Object({
        residue: Place,
        name: ResidueName,
        atoms: list(text(), "Heavy atoms that the file lacks."),
      }),
      "Residues that are not complete; nothing is built for them.",
    ),
    hydrogens_dropped: count("Hydrogens of the file that were left out."),
    hydrogens_built: count("Hydrogens that were built."),
    heavy_atoms: count("Atoms other than hydrogen that were written."),
    atoms_written: count("All atoms that were written."),
    symmetry: nullable(ReceptorSymmetry, "Two-fold symmetry of a homodimer; null where there is none."),
    notes: list(text(), "What else one should know, in words."),
  },
  { description: "Every choice that was made between the file and the receptor." },
);
export type ReceptorReport = Static<typeof ReceptorReport>;
