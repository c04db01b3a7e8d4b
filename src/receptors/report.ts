import { type Static, Type } from "typebox";

export { HISTIDINE_STATES } from "./templates.ts";

/** Changes whenever the same file and options may give another receptor. */
export const RECEPTOR_PREPARER_VERSION = "2";

const Count = Type.Integer({ unit: "1", minimum: 0 });
const Place = Type.String({
  description: "chain:number with the insertion code; the number alone where the chain is blank",
});
const Vector = Type.Tuple([Type.Number(), Type.Number(), Type.Number()], { unit: "Å", shape: "3" });
const Row = Type.Tuple([Type.Number(), Type.Number(), Type.Number()], { unit: "1", shape: "3" });

/** A rigid motion that lays each of two equal chains on the other. */
export const ReceptorSymmetry = Type.Object({
  chains: Type.Tuple([Type.String(), Type.String()]),
  residues: Type.Integer({ unit: "1", minimum: 3, description: "pairs of CA that were laid on each other" }),
  rmsd_angstrom: Type.Number({ unit: "Å", minimum: 0 }),
  rotation: Type.Tuple([Row, Row, Row], { description: "by rows: x → rotation · x + translation" }),
  translation: Vector,
});
export type ReceptorSymmetry = Static<typeof ReceptorSymmetry>;

const HetLeftOut = Type.Object({
  label: Type.String({ description: "name:chain:number, as a het is asked for" }),
  name: Type.String(),
  chain: Type.String(),
  number: Type.Integer(),
  insertion_code: Type.String(),
  atoms: Type.Integer({ unit: "1", minimum: 0, description: "heavy atoms" }),
  reason: Type.Enum(["not_protein", "dropped_by_request", "chain_not_chosen"]),
  bonded_to: Type.Union([Place, Type.Null()], {
    description: "residue that is written and to which it is bonded, by distance",
  }),
});
export type HetLeftOut = Static<typeof HetLeftOut>;

/** Who decided a residue's state: the person, its name in the file, its hydrogens there, or nobody. */
const StateReason = Type.Enum(["chosen", "named_in_file", "hydrogens_in_file", "default"]);

/** Every choice that was made between a PDB file and the receptor made of it. */
export const ReceptorReport = Type.Object({
  preparer_version: Type.String(),
  source_sha256: Type.String({ pattern: "^[0-9a-f]{64}$" }),
  models_in_file: Type.Integer({ unit: "1", minimum: 1, description: "the first is used" }),
  old_format: Type.Boolean({ description: "columns 73–80 hold the entry's name and line, as before 1996" }),
  chains: Type.Array(Type.Object({ chain: Type.String(), residues: Count, first: Place, last: Place })),
  chains_left_out: Type.Array(Type.String()),
  waters_kept: Type.Array(Place),
  waters_dropped: Count,
  hets_left_out: Type.Array(HetLeftOut),
  histidines: Type.Array(
    Type.Object({
      residue: Place,
      state: Type.Enum(["HID", "HIE", "HIP"]),
      reason: StateReason,
    }),
  ),
  protonation_states: Type.Array(
    Type.Object({
      residue: Place,
      name: Type.String({ description: "the residue's name in the file" }),
      state: Type.String({ description: "the template it was written by" }),
      reason: StateReason,
    }),
    {
      description:
        "residues that are not in their usual state: ASH, GLH, LYN, HID, HIP, CYX without a partner",
    },
  ),
  disulfides: Type.Array(
    Type.Object({
      residues: Type.Tuple([Place, Place]),
      distance_angstrom: Type.Number({ unit: "Å", minimum: 0 }),
    }),
  ),
  termini: Type.Array(
    Type.Object({
      chain: Type.String(),
      n_terminus: Place,
      n_hydrogens: Count,
      c_terminus: Place,
      oxt: Type.Boolean({ description: "whether the last residue has its OXT" }),
    }),
  ),
  missing_atoms: Type.Array(
    Type.Object({ residue: Place, name: Type.String(), atoms: Type.Array(Type.String()) }),
  ),
  hydrogens_dropped: Count,
  hydrogens_built: Count,
  heavy_atoms: Count,
  atoms_written: Count,
  symmetry: Type.Union([ReceptorSymmetry, Type.Null()]),
  notes: Type.Array(Type.String()),
});
export type ReceptorReport = Static<typeof ReceptorReport>;
