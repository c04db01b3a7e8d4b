import { type Static, Type } from "typebox";
import { Uuid, VISIBILITIES } from "../jobs/schema.ts";
import { PageInput } from "../paging.ts";

const optionalText = Type.Union([Type.String(), Type.Null()]);

/** A species as people see it, with the descriptors of its row. Masses in g/mol and Da. */
export const Molecule = Type.Object({
  molecule_id: Uuid,
  identity_key: Type.String(),
  identity_kind: Type.Enum(["inchi", "smiles", "geometry"] as const),
  inchikey: optionalText,
  compound_key: Type.String(),
  smiles: optionalText,
  formula: Type.String(),
  charge: Type.Integer({ unit: "e" }),
  stereo_status: Type.Enum(["none", "defined", "partly", "undefined"] as const),
  heavy_atoms: Type.Integer({ unit: "1" }),
  molecular_weight: Type.Union([Type.Number({ unit: "g/mol" }), Type.Null()]),
  exact_mass: Type.Union([Type.Number({ unit: "Da" }), Type.Null()]),
  clogp: Type.Union([Type.Number({ unit: "1" }), Type.Null()]),
  tpsa_angstrom2: Type.Union([Type.Number({ unit: "Å²" }), Type.Null()]),
  hbd: Type.Union([Type.Integer({ unit: "1" }), Type.Null()]),
  hba: Type.Union([Type.Integer({ unit: "1" }), Type.Null()]),
  rotatable_bonds: Type.Union([Type.Integer({ unit: "1" }), Type.Null()]),
  rings: Type.Union([Type.Integer({ unit: "1" }), Type.Null()]),
  fsp3: Type.Union([Type.Number({ unit: "1" }), Type.Null()]),
});
export type Molecule = Static<typeof Molecule>;

/** One record that somebody brings. */
export const MoleculeRecord = Type.Object(
  {
    text: Type.String({ maxLength: 1_000_000 }),
    format: Type.Enum(["smiles", "molblock"] as const),
    name: Type.Optional(Type.String({ maxLength: 500 })),
    /** Line or record in the file it came from, from 1. */
    line: Type.Optional(Type.Integer({ minimum: 1 })),
    properties: Type.Optional(Type.Record(Type.String(), Type.String())),
    tags: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { maxItems: 20 })),
  },
  { additionalProperties: false },
);
export type MoleculeRecord = Static<typeof MoleculeRecord>;

export const AddMolecules = Type.Object(
  {
    records: Type.Array(MoleculeRecord, { minItems: 1, maxItems: 1000 }),
    visibility: Type.Optional(Type.Enum(VISIBILITIES)),
    source_file: Type.Optional(Type.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
);
export type AddMolecules = Static<typeof AddMolecules>;

export const AddedMolecule = Type.Object({
  molecule_id: Uuid,
  identity_key: Type.String(),
  inchikey: optionalText,
  smiles: optionalText,
  formula: Type.String(),
  charge: Type.Integer({ unit: "e" }),
  stereo_status: Type.String(),
  /** True: you saw no registration of it before. */
  created: Type.Boolean(),
});
export type AddedMolecule = Static<typeof AddedMolecule>;

export const RejectedRecord = Type.Object({
  line: Type.Integer({ minimum: 1 }),
  /** What it was called, where it was. */
  name: Type.Optional(Type.String()),
  input: Type.String(),
  code: Type.String(),
  message: Type.String(),
});
export type RejectedRecord = Static<typeof RejectedRecord>;

export const AddedMolecules = Type.Object({
  items: Type.Array(AddedMolecule),
  rejected: Type.Array(RejectedRecord),
});
export type AddedMolecules = Static<typeof AddedMolecules>;

/** A search: all that is given must hold of one registration of the molecule. Capitals do not matter in names. */
export const ListMolecules = Type.Object(
  {
    ...PageInput.properties,
    /** How its name or external number begins; every character stands for itself. */
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
    tag: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    /** Hill formula, such as C9H8O4. */
    formula: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  },
  { additionalProperties: false },
);

/** A molecule as lists show it, with its newest registration that you may see (and that matches). */
export const ListedMolecules = Type.Object({
  items: Type.Array(
    Type.Intersect([
      Molecule,
      Type.Object({ registration_id: Uuid, name: optionalText, registered_at: Type.String() }),
    ]),
  ),
  next_cursor: optionalText,
});
