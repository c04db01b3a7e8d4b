import { type Static, Type } from "typebox";
import {
  about,
  CREATED_AT,
  closed,
  document,
  flag,
  id,
  integer,
  nullable,
  OWNER,
  text,
  word,
  words,
} from "../fields.ts";
import { VISIBILITIES, Visibility } from "../jobs/schema.ts";
import { PageInput } from "../paging.ts";

export const STRUCTURE_KINDS = ["conformer", "receptor", "ligand", "pose", "reference_ligand"] as const;
export const STRUCTURE_FORMATS = ["xyz", "sdf", "pdb", "mmcif", "pdbqt"] as const;

export const StructureId = id("The structure.");

/** What a file is called, where somebody brings one. */
export const FileName = words("What the file is called; kept as the name, and never a path.", {
  minLength: 1,
  maxLength: 200,
  examples: ["water.xyz"],
});

/** A row of `structures`, whatever its preparation says. */
export const STRUCTURE_COLUMNS = {
  structure_id: StructureId,
  molecule_id: nullable(id(), "Molecule whose structure it is; null where none is known."),
  kind: word(
    STRUCTURE_KINDS,
    "What it is: `conformer` of a molecule, `receptor` (prepared, or the file that one was made of), `ligand`, `pose` of a docking, or `reference_ligand` of a binding site.",
  ),
  name: nullable(text(), "What its owner calls it; null where that is nothing."),
  format: word(STRUCTURE_FORMATS, "What its bytes are written in."),
  uri: text("Where its bytes are."),
  record: integer("1", "Which record of the file it is, from 1: the poses of a docking are one file.", {
    minimum: 1,
  }),
  size_bytes: integer("B", "Bytes of the whole file.", { minimum: 0 }),
  checksum: text("sha256: and 64 hex digits over these bytes."),
  charge: nullable(Type.Integer({ unit: "e" }), "Net charge; null where it is not known."),
  multiplicity: nullable(
    Type.Integer({ unit: "1", minimum: 1 }),
    "Spin multiplicity 2S + 1; null where it is not known.",
  ),
  geometry_hash: nullable(
    text(),
    "Hash of elements and positions in their order; null where nothing is computed from it.",
  ),
  source: Type.String({
    description:
      "Where it comes from: `upload:` and a file, a generator, `prepared:` and a structure, or `job:` and a job.",
    examples: ["upload:aspirin.xyz"],
  }),
  owner_id: OWNER,
  visibility: Visibility,
  created_at: CREATED_AT,
};

/** How it was made, by whatever made it; each says its own part. */
const Preparation = Type.Object({
  generator: Type.Optional(text("Of a conformer: what made its positions.")),
  seed: Type.Optional(integer("1", "Of a conformer: what its generator began with.")),
  force_field: Type.Optional(
    nullable(text(), "Of a conformer: what it was relaxed with; null where nothing."),
  ),
  minimised: Type.Optional(flag("Of a conformer: whether that came to its end.")),
  optimized_by: Type.Optional(text("Of a result: program and version.")),
  method: Type.Optional(text("Of a result: method of that program.")),
  from_structure_id: Type.Optional(id("Of a result: structure that it began with.")),
  docked_by: Type.Optional(text("Of a pose: program and version.")),
  conformer_structure_id: Type.Optional(id("Of a pose: conformer that was docked.")),
  site_id: Type.Optional(id("Of a pose: binding site.")),
  residue: Type.Optional(text("Of a reference ligand: residue of the receptor's file.")),
  source_structure_id: Type.Optional(id("Of a receptor: the file that it was made of.")),
  options: Type.Optional(document("Of a receptor: what was asked for.")),
  report: Type.Optional(
    document("Of a receptor: every choice that was made, as `receptor.show` describes it."),
  ),
});

/** A row of `structures`. */
export const Structure = Type.Object({
  ...STRUCTURE_COLUMNS,
  preparation: about(Preparation, "How it was made; empty for a file as it came."),
});
export type Structure = Static<typeof Structure>;

export const AddStructure = closed({
  file_name: FileName,
  format: word(["xyz", "sdf"], "What the file is written in."),
  content_base64: Type.String({
    maxLength: 1_000_000,
    description: "The file's bytes, in base64. Of an SD file the first record is kept.",
    examples: ["MwoKTyAwIDAgMApIIDAuOTYgMCAwCkggLTAuMjQgMC45MyAwCg=="],
  }),
  charge: Type.Optional(
    integer("e", "Net charge; as the file says where left out, and 0 where it says nothing.", {
      minimum: -100,
      maximum: 100,
    }),
  ),
  multiplicity: Type.Optional(
    integer("1", "Spin multiplicity 2S + 1; where left out a calculation takes 1 unless it says another.", {
      minimum: 1,
      maximum: 100,
    }),
  ),
  visibility: Type.Optional(
    word(VISIBILITIES, "Who sees it: `organization` (where left out), or `private`, you and its admins."),
  ),
});

export const ListStructures = closed({
  ...PageInput.properties,
  kind: Type.Optional(word(STRUCTURE_KINDS, "Only structures of this kind.")),
});

export const ShowStructure = closed({ structure_id: StructureId });
export const ShownStructure = Type.Object({
  ...Structure.properties,
  content: text("Its bytes as text; of a file with several records its own record alone."),
});
