import { type Static, Type } from "typebox";
import { closed, id, integer, list, MOST_IDS, nullable, text } from "../fields.ts";
import { SUBMISSION_CHOICES, SubmittedJob, Visibility } from "../jobs/schema.ts";
import { MoleculeRecord } from "../molecules/schema.ts";

/** Records in one call: they go through the toolkit. */
export const MOST_RECORDS = MOST_IDS;
/** Known molecules in one call: they are looked up. */
export const MOST_KNOWN = 10_000;

export const GivenMolecules = list(MoleculeRecord, "Molecules to compute, as records: one job each.", {
  maxItems: MOST_RECORDS,
});
export const GivenStructureIds = list(
  id(),
  "Structures that are kept already, computed as they are: one job each.",
  { maxItems: MOST_RECORDS },
);
export const givenMoleculeIds = (maxItems: number) =>
  list(id(), "Molecules that are registered already: one job each.", { maxItems });

/** What an engine's or a pipeline's own parameters look like where a request says them. */
export const GivenParams = Type.Record(Type.String(), Type.Unknown(), {
  maxProperties: 100,
  propertyNames: { maxLength: 100 },
  description:
    "Parameters by name, as `pipeline.show` lists them with what is allowed; each is checked against that. What is left out has its default.",
  examples: [{ exhaustiveness: 16, seed: 7 }],
});

/** Things to compute: records that are read now, or what is registered already. */
export const THINGS = {
  molecules: Type.Optional(GivenMolecules),
  molecule_ids: Type.Optional(givenMoleculeIds(MOST_KNOWN)),
  structure_ids: Type.Optional(GivenStructureIds),
  registered: Type.Optional(
    Type.With(
      closed({
        after: Type.Optional(
          id("Go on after this molecule: `next_after` of an earlier answer; from the first where left out."),
        ),
        limit: Type.Optional(
          integer("1", "Most molecules of this call; 10,000 where left out.", {
            minimum: 1,
            maximum: MOST_KNOWN,
          }),
        ),
      }),
      {
        description:
          "The organization's molecules (for a private request also your own), in the order of their ids. `{}` begins with the first.",
      },
    ),
  ),
  on_reject: SUBMISSION_CHOICES.on_reject,
};
const Things = Type.Object(THINGS);
export type Things = Static<typeof Things>;

/** A job of a request, with what it computes: what was given, or an isomer of it. */
export const RequestedJob = Type.Object({
  ...SubmittedJob.properties,
  molecule_id: nullable(id(), "Molecule that it computes; null where that is a structure without one."),
  structure_id: nullable(id(), "Structure that was given; null where a molecule was."),
  smiles: nullable(text(), "Canonical SMILES of that molecule; null where it has none."),
  name: nullable(text(), "What the record was called; null where that is nothing."),
  line: nullable(
    Type.Integer({ unit: "1", minimum: 1 }),
    "Line or record of what was given; null for what came by its id.",
  ),
  isomer: nullable(text(), "`1 of 2` where the drawing left stereo open; else null."),
  visibility: Type.With(Visibility, {
    description: "Who sees the job: a private request may be answered by one of the organization's.",
  }),
});
export type RequestedJob = Static<typeof RequestedJob>;
/** As every answer to a submission lists them. */
export const RequestedJobs = list(
  RequestedJob,
  "One for each thing that was taken, or for each isomer of it.",
);
export const NoBatch = Type.Null({ description: "Always null: these jobs are of no batch." });
