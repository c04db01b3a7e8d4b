import { type Static, Type } from "typebox";
import { SUBMISSION_CHOICES, SubmittedJob, Uuid, VISIBILITIES } from "../jobs/schema.ts";
import { MoleculeRecord } from "../molecules/schema.ts";

/** Records in one call: they go through the toolkit. */
export const MOST_RECORDS = 1000;
/** Known molecules in one call: they are looked up. */
export const MOST_KNOWN = 10_000;

/** Things to compute: records that are read now, or what is registered already. */
export const THINGS = {
  molecules: Type.Optional(Type.Array(MoleculeRecord, { maxItems: MOST_RECORDS })),
  molecule_ids: Type.Optional(Type.Array(Uuid, { maxItems: MOST_KNOWN })),
  structure_ids: Type.Optional(Type.Array(Uuid, { maxItems: MOST_RECORDS })),
  /**
   * The organization's molecules, for a private request also your own, in the order of their ids: up to `limit` after
   * `after`.
   */
  registered: Type.Optional(
    Type.Object(
      {
        after: Type.Optional(Uuid),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_KNOWN })),
      },
      { additionalProperties: false },
    ),
  ),
  on_reject: SUBMISSION_CHOICES.on_reject,
};
const Things = Type.Object(THINGS);
export type Things = Static<typeof Things>;

const optionalId = Type.Union([Uuid, Type.Null()]);
const optionalText = Type.Union([Type.String(), Type.Null()]);

/** A job of a request, with what it computes: what was given, or an isomer of it. */
export const RequestedJob = Type.Intersect([
  SubmittedJob,
  Type.Object({
    molecule_id: optionalId,
    structure_id: optionalId,
    smiles: optionalText,
    name: optionalText,
    /** Line or record of what was given; null for what came by its id. */
    line: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
    /** `1 of 2` where the drawing left stereo open. */
    isomer: optionalText,
    /** Who sees the job: a private request may be answered by one of the organization's. */
    visibility: Type.Enum(VISIBILITIES),
  }),
]);
export type RequestedJob = Static<typeof RequestedJob>;
