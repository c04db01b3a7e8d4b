import { type Static, Type } from "typebox";
import {
  CREATED_AT,
  closed,
  count,
  EXAMPLE_ID,
  flag,
  id,
  integer,
  list,
  nullable,
  number,
  OWNER,
  text,
  triple,
  word,
} from "../fields.ts";
import { VISIBILITIES, Visibility } from "../jobs/schema.ts";
import type { Box } from "../structures/box.ts";
import { FileName } from "../structures/schema.ts";
import { UNSEEN } from "../words.ts";

/** Farther than any file of coordinates reaches: its columns hold 9,999. */
const FAR = { minimum: -100_000, maximum: 100_000 };

export const SiteId = id("The binding site.");
/** A site as people name it. */
export const SiteText = Type.String({
  minLength: 1,
  maxLength: 220,
  description: "The binding site: its id, its name (the newest version), or name@version.",
  examples: ["trypsin-s1", "trypsin-s1@2"],
});

/** How the box was chosen and what lies in it. */
export const SiteReport = Type.Object({
  box: word(["given", "around the reference"], "How the box was chosen."),
  padding_angstrom: nullable(
    Type.Number({ unit: "Å", minimum: 0 }),
    "Room on each side of the reference; null where the box was given.",
  ),
  receptor_waters_kept: list(text(), "Waters of the receptor: sites of one name may differ in nothing else."),
  receptor_heavy_atoms_in_box: count("Heavy atoms of the receptor in the box."),
  reference: nullable(text(), "What the reference ligand is called; null where there is none."),
  reference_heavy_atoms: nullable(count(), "Its heavy atoms; null where there is none."),
  symmetry_mate: nullable(
    text(),
    "The receptor's two-fold symmetry, by which poses are compared with the reference's image too; null where there is none.",
  ),
  notes: list(text(), "What else one should know, in words."),
});
export type SiteReport = Static<typeof SiteReport>;

/** How well a job redocked the reference. */
const SiteValidation = Type.Object({
  job_id: Type.Optional(id("Job that docked the reference ligand.")),
  affinity_kcal_mol: Type.Optional(number("kcal/mol", "Vina score of its first pose; lower is better.")),
  rmsd_reference_angstrom: Type.Optional(
    number("Å", "From its first pose to the reference: heavy atoms, in place.", { minimum: 0 }),
  ),
  best_rmsd_reference_angstrom: Type.Optional(
    number("Å", "The same of the pose that came nearest.", { minimum: 0 }),
  ),
  best_rmsd_rank: Type.Optional(integer("1", "Rank of that pose, from 1.", { minimum: 1 })),
  found: Type.Optional(flag("Whether the first pose is within the limit.")),
  limit_angstrom: Type.Optional(number("Å", "That limit.", { minimum: 0 })),
  seed: Type.Optional(integer("1", "Seed of the job's search.")),
});

/** A row of `binding_sites`. */
export const Site = Type.Object({
  site_id: SiteId,
  receptor_structure_id: id("The prepared receptor."),
  reference_structure_id: nullable(
    id(),
    "Ligand whose place is known, with which poses are compared; null where there is none.",
  ),
  center_x_angstrom: number("Å", "Middle of the box in the receptor's frame, x."),
  center_y_angstrom: number("Å", "Middle of the box in the receptor's frame, y."),
  center_z_angstrom: number("Å", "Middle of the box in the receptor's frame, z."),
  size_x_angstrom: number("Å", "Full side of the box along x.", { minimum: 0 }),
  size_y_angstrom: number("Å", "Full side of the box along y.", { minimum: 0 }),
  size_z_angstrom: number("Å", "Full side of the box along z.", { minimum: 0 }),
  name: text("What its owner calls it."),
  version: integer("1", "From 1 within its owner's name: a changed site is a new version.", { minimum: 1 }),
  report: Type.With(SiteReport, { description: "How the box was chosen and what lies in it." }),
  validation: Type.With(SiteValidation, {
    description: "How well a job redocked the reference ligand; empty where that was not tried.",
  }),
  owner_id: OWNER,
  visibility: Visibility,
  created_at: CREATED_AT,
});
export type Site = Static<typeof Site>;

/** A ligand whose place is known: a residue of the receptor's own file, or a file of its own. */
export const ReferenceWish = closed({
  residue: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 40,
      description:
        "A residue of the receptor's file: NAME, NAME:CHAIN:NUMBER or CHAIN:NUMBER. Instead of a file.",
      examples: ["BEN", "BEN:A:1"],
    }),
  ),
  file_name: Type.Optional(FileName),
  content_base64: Type.Optional(
    Type.String({
      maxLength: 1_000_000,
      description: "An SDF or MOL file in the receptor's frame, in base64. Instead of a residue.",
    }),
  ),
  smiles: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 2000,
      description:
        "What it is: checked against its atoms, bonds and stereo. Left out it is known by its atoms alone, and can't be redocked.",
      examples: ["NC(=[NH2+])c1ccccc1"],
    }),
  ),
});
export type ReferenceWish = Static<typeof ReferenceWish>;

export const ONE_LINE_PATTERN = `^[^${UNSEEN}]*[^${UNSEEN}\\s][^${UNSEEN}]*$`;

export const CreateSite = closed(
  {
    receptor_structure_id: id("A prepared receptor."),
    name: Type.Optional(
      // One line: a name is printed on other people's terminals.
      Type.String({
        maxLength: 200,
        pattern: ONE_LINE_PATTERN,
        description:
          "What you call it, in one line; named after receptor and reference where left out. Said again it makes a new version.",
        examples: ["trypsin-s1"],
      }),
    ),
    center_angstrom: Type.Optional(
      triple(
        "Å",
        "Middle of the box: x, y, z in the receptor's frame. With `size_angstrom`; both left out, the box is put around the reference.",
        FAR,
      ),
    ),
    size_angstrom: Type.Optional(triple("Å", "Full sides of the box: x, y, z. With `center_angstrom`.", FAR)),
    padding_angstrom: Type.Optional(
      number("Å", "Room on each side of the reference where the box is put around it; 5 where left out.", {
        minimum: 0,
        maximum: 30,
      }),
    ),
    large_box: Type.Optional(
      flag("True: sides above 30 Å are taken; refused otherwise, and where left out."),
    ),
    reference: Type.Optional(
      Type.With(ReferenceWish, {
        description:
          "Ligand whose place is known: poses are compared with it, and the box may be put around it.",
      }),
    ),
    visibility: Type.Optional(
      word(VISIBILITIES, "Who sees it: `organization` (where left out), or `private`, you and its admins."),
    ),
  },
  {
    examples: [
      {
        receptor_structure_id: EXAMPLE_ID,
        name: "trypsin-s1",
        center_angstrom: [-1.8, 14.3, 17],
        size_angstrom: [20, 20, 20],
      },
    ],
  },
);
export type CreateSite = Static<typeof CreateSite>;

export const CreatedSite = Type.Object({
  ...Site.properties,
  created: flag("False: there was such a site, and this is it."),
});

/** The box of a site. */
export function boxOf(site: Site): Box {
  return {
    center_angstrom: [site.center_x_angstrom, site.center_y_angstrom, site.center_z_angstrom],
    size_angstrom: [site.size_x_angstrom, site.size_y_angstrom, site.size_z_angstrom],
  };
}
