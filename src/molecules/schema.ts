import { type Static, Type } from "typebox";
import {
  CREATED_AT,
  closed,
  count,
  flag,
  id,
  integer,
  list,
  MOST_IDS,
  nullable,
  OWNER,
  pageOfItems,
  text,
  time,
  UPDATED_AT,
  word,
  words,
} from "../fields.ts";
import { VISIBILITIES, Visibility } from "../jobs/schema.ts";
import { PageInput } from "../paging.ts";

export const MoleculeId = id("The molecule: one for each species, whoever registered it.");
const InchiKey = nullable(text(), "Standard InChIKey; null where the species has no InChI.");
const Smiles = nullable(
  text(),
  "Canonical SMILES of the normalised species; null where only a geometry is known.",
);
const Formula = Type.String({ description: "Hill formula.", examples: ["C9H8O4"] });
const Charge = integer("e", "Net charge.");
const IdentityKey = text(
  "What makes two records the same species: an InChIKey of the FixedH InChI, S1- and a hash of the CXSMILES, or G1- and a geometry hash.",
);
const Stereo = word(
  ["none", "defined", "partly", "undefined"],
  "Whether stereo is drawn: `none` there is none to draw, `defined` all of it, `partly`, `undefined` nothing of it.",
);
const unknown = "; null where it could not be computed.";
const optionalCount = (what: string) => nullable(count(what), `${what}${unknown}`);

/** A species as people see it, with the descriptors of its row. */
export const Molecule = Type.Object({
  molecule_id: MoleculeId,
  identity_key: IdentityKey,
  identity_kind: word(["inchi", "smiles", "geometry"], "Which rule made that key."),
  inchikey: InchiKey,
  compound_key: text("What all its salts, charge states and tautomers share."),
  smiles: Smiles,
  formula: Formula,
  charge: Charge,
  stereo_status: Stereo,
  heavy_atoms: count("Atoms other than hydrogen."),
  molecular_weight: nullable(Type.Number({ unit: "g/mol" }), `Average mass${unknown}`),
  exact_mass: nullable(Type.Number({ unit: "Da" }), `Monoisotopic mass${unknown}`),
  clogp: nullable(Type.Number({ unit: "1" }), `logP of octanol and water after Crippen${unknown}`),
  tpsa_angstrom2: nullable(Type.Number({ unit: "Å²" }), `Topological polar surface area${unknown}`),
  hbd: optionalCount("Hydrogen-bond donors"),
  hba: optionalCount("Hydrogen-bond acceptors"),
  rotatable_bonds: optionalCount("Bonds that turn freely"),
  rings: optionalCount("Rings"),
  fsp3: nullable(Type.Number({ unit: "1" }), `Share of the carbons that are sp3, 0 to 1${unknown}`),
});
export type Molecule = Static<typeof Molecule>;

/** A record, for examples. */
export const ASPIRIN = { text: "CC(=O)Oc1ccccc1C(=O)O", format: "smiles", name: "aspirin" };

/** One record that somebody brings. */
export const MoleculeRecord = closed({
  text: Type.String({
    maxLength: 1_000_000,
    description: "The record itself: a SMILES, or a MOL block.",
    examples: [ASPIRIN.text],
  }),
  format: word(["smiles", "molblock"], "What the record is written in."),
  name: Type.Optional(text("What you call it.", { maxLength: 500, examples: [ASPIRIN.name] })),
  line: Type.Optional(
    integer(
      "1",
      "Line or record in the file that it came from, from 1; its place in the list where left out.",
      {
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
      },
    ),
  ),
  properties: Type.Optional(
    Type.Record(Type.String(), Type.String({ maxLength: 1_000_000 }), {
      maxProperties: 1000,
      propertyNames: { maxLength: 500 },
      description: "What else its file says of it, by name: SD tags, or columns of a CSV. Kept as it is.",
      examples: [{ supplier_id: "Z-1042" }],
    }),
  ),
  tags: Type.Optional(
    list(words(undefined, { minLength: 1, maxLength: 100 }), "Words to find it by.", { maxItems: 20 }),
  ),
});
export type MoleculeRecord = Static<typeof MoleculeRecord>;

export const AddMolecules = closed({
  records: list(MoleculeRecord, "The molecules.", { minItems: 1, maxItems: MOST_IDS }),
  visibility: Type.Optional(
    word(
      VISIBILITIES,
      "Who sees these registrations: `organization` (where left out), or `private`, you and its admins.",
    ),
  ),
  source_file: Type.Optional(
    words("Name of the file that they are from; kept with them.", { maxLength: 500 }),
  ),
});
export type AddMolecules = Static<typeof AddMolecules>;

export const AddedMolecule = Type.Object({
  molecule_id: MoleculeId,
  identity_key: IdentityKey,
  inchikey: InchiKey,
  smiles: Smiles,
  formula: Formula,
  charge: Charge,
  stereo_status: Stereo,
  created: flag("True: you saw no registration of it before."),
});
export type AddedMolecule = Static<typeof AddedMolecule>;

export const RejectedRecord = Type.Object({
  line: integer("1", "Line or record of what was given, from 1.", { minimum: 1 }),
  name: Type.Optional(text("What it was called, where it was called something.")),
  input: text("The record as it came, shortened where it is long."),
  code: text("Why: a chemist's reason such as `unparsable_input`, or a kind of error."),
  message: text("The same in words."),
});
export type RejectedRecord = Static<typeof RejectedRecord>;
/** As every answer that may refuse some of what was given lists them. */
export const Rejected = list(
  RejectedRecord,
  "Records that were refused, each with the reason; empty where all were taken.",
);

export const AddedMolecules = Type.Object({
  items: list(AddedMolecule, "The molecules, in the order of the records that were taken."),
  rejected: Rejected,
});
export type AddedMolecules = Static<typeof AddedMolecules>;

/** A search: all that is given must hold of one registration of the molecule. Capitals do not matter in names. */
export const ListMolecules = closed({
  ...PageInput.properties,
  name: Type.Optional(
    text(
      "How its name or external number begins, whatever its capitals; every character stands for itself.",
      {
        minLength: 1,
        maxLength: 500,
      },
    ),
  ),
  tag: Type.Optional(text("A tag that it has.", { minLength: 1, maxLength: 100 })),
  formula: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: "Its Hill formula.",
      examples: ["C9H8O4"],
    }),
  ),
});

const RegistrationName = nullable(text(), "What its owner calls it; null where that is nothing.");

/** A molecule as lists show it, with its newest registration that you may see (and that matches). */
export const ListedMolecule = Type.Object({
  ...Molecule.properties,
  registration_id: id("Its newest registration that you may see, and that is what was asked for."),
  name: RegistrationName,
  registered_at: time("When that registration was made."),
});
export const ListedMolecules = pageOfItems(ListedMolecule, "Molecules, newest registration first.");

/** A row of `registrations`. */
const Registration = Type.Object({
  registration_id: id("The registration."),
  molecule_id: MoleculeId,
  owner_id: OWNER,
  visibility: Visibility,
  project_id: nullable(id(), "Project that it belongs to; null where it is of none."),
  name: RegistrationName,
  external_id: nullable(text(), "Its number elsewhere; null where there is none."),
  supplier: nullable(text(), "Where it was bought; null where nobody said."),
  input_text: text("The record as it came."),
  source_file: nullable(text(), "File that it came from; null where nobody said."),
  source_row: nullable(Type.Integer({ unit: "1", minimum: 1 }), "Line or record there, from 1."),
  properties: Type.Record(Type.String(), Type.String(), {
    description: "What else its file said of it, by name: SD tags, or columns of a CSV.",
  }),
  tags: list(text(), "Words that its owner gave it."),
  created_at: CREATED_AT,
  updated_at: UPDATED_AT,
});

/** A row of `molecule_relations`. */
const Relation = Type.Object({
  parent_id: id("The species that stands for the other: parent of a salt, neutral form, what it was before."),
  child_id: id("The other species."),
  kind: word(
    ["salt_parent", "protomer", "tautomer", "stereoisomer", "became"],
    "How they are related; `became`: an optimisation turned the one into the other.",
  ),
  rule: text("Rule that said so, with its version."),
  tool_version: text("Program that applied it."),
  created_at: CREATED_AT,
});

export const ShownMolecule = Type.Object({
  ...Molecule.properties,
  registrations: list(Registration, "Registrations of it that you may see, oldest first."),
  relations: list(Relation, "Species that it is related to, among those that you may see."),
});
