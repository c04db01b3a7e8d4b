import { type Static, Type } from "typebox";
import { Uuid, VISIBILITIES } from "../jobs/schema.ts";
import type { Box } from "../structures/box.ts";

const Axis = Type.Number({ unit: "Å" });
const Triple = Type.Tuple([Axis, Axis, Axis], { description: "x, y, z in Å" });

/** How the box was chosen and what lies in it. */
export const SiteReport = Type.Object({
  box: Type.Enum(["given", "around the reference"] as const),
  padding_angstrom: Type.Union([Type.Number({ unit: "Å" }), Type.Null()]),
  receptor_waters_kept: Type.Array(Type.String(), {
    description: "waters of the receptor: sites of one name may differ in nothing else",
  }),
  receptor_heavy_atoms_in_box: Type.Integer({ unit: "1" }),
  reference: Type.Union([Type.String(), Type.Null()]),
  reference_heavy_atoms: Type.Union([Type.Integer({ unit: "1" }), Type.Null()]),
  symmetry_mate: Type.Union([Type.String(), Type.Null()]),
  notes: Type.Array(Type.String()),
});
export type SiteReport = Static<typeof SiteReport>;

/** A row of `binding_sites`. */
export const Site = Type.Object({
  site_id: Uuid,
  receptor_structure_id: Uuid,
  reference_structure_id: Type.Union([Uuid, Type.Null()]),
  center_x_angstrom: Axis,
  center_y_angstrom: Axis,
  center_z_angstrom: Axis,
  size_x_angstrom: Axis,
  size_y_angstrom: Axis,
  size_z_angstrom: Axis,
  name: Type.String(),
  version: Type.Integer({ minimum: 1 }),
  report: SiteReport,
  validation: Type.Unknown(),
  owner_id: Uuid,
  visibility: Type.Enum(VISIBILITIES),
  created_at: Type.String(),
});
export type Site = Static<typeof Site>;

/** A ligand whose place is known: a residue of the receptor's own file, or a file of its own. */
export const ReferenceWish = Type.Object(
  {
    /** NAME, NAME:CHAIN:NUMBER or CHAIN:NUMBER of a residue in the receptor's file. */
    residue: Type.Optional(Type.String({ minLength: 1, maxLength: 40 })),
    file_name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    /** SDF or MOL in the receptor's frame, base64. */
    content_base64: Type.Optional(Type.String({ maxLength: 1_000_000 })),
    /** What it is: checked against its atoms and bonds; redocking needs it. */
    smiles: Type.Optional(Type.String({ minLength: 1, maxLength: 2000 })),
  },
  { additionalProperties: false },
);
export type ReferenceWish = Static<typeof ReferenceWish>;

export const CreateSite = Type.Object(
  {
    receptor_structure_id: Uuid,
    /** One line: a name is printed on other people's terminals. */
    name: Type.Optional(Type.String({ maxLength: 200, pattern: "^[^\\p{Cc}]*[^\\p{Cc}\\s][^\\p{Cc}]*$" })),
    /** Both, or neither: then the box is made around the reference. */
    center_angstrom: Type.Optional(Triple),
    size_angstrom: Type.Optional(Triple),
    padding_angstrom: Type.Optional(Type.Number({ unit: "Å", minimum: 0, maximum: 30 })),
    large_box: Type.Optional(Type.Boolean()),
    reference: Type.Optional(ReferenceWish),
    visibility: Type.Optional(Type.Enum(VISIBILITIES)),
  },
  { additionalProperties: false },
);
export type CreateSite = Static<typeof CreateSite>;

/** The box of a site. */
export function boxOf(site: Site): Box {
  return {
    center_angstrom: [site.center_x_angstrom, site.center_y_angstrom, site.center_z_angstrom],
    size_angstrom: [site.size_x_angstrom, site.size_y_angstrom, site.size_z_angstrom],
  };
}
