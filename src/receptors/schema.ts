import { type Static, Type } from "typebox";
import { VISIBILITIES } from "../jobs/schema.ts";
import { HISTIDINE_STATES } from "./report.ts";

const Label = Type.String({ minLength: 1, maxLength: 40 });
const Labels = Type.Array(Label, { maxItems: 1000 });

/** What a person may choose of a receptor; what is left out is decided and listed in the report. */
export const PrepareReceptor = Type.Object(
  {
    file_name: Type.String({ minLength: 1, maxLength: 200 }),
    /** The PDB file's bytes, base64. */
    content_base64: Type.String({ maxLength: 30_000_000 }),
    chains: Type.Optional(Labels),
    keep_waters: Type.Optional(Labels),
    drop_hets: Type.Optional(Labels),
    histidines: Type.Optional(Type.Record(Label, Type.Enum(HISTIDINE_STATES))),
    default_histidine: Type.Optional(Type.Enum(HISTIDINE_STATES)),
    visibility: Type.Optional(Type.Enum(VISIBILITIES)),
  },
  { additionalProperties: false },
);
export type PrepareReceptor = Static<typeof PrepareReceptor>;
