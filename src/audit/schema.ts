import { type Static, Type } from "typebox";
import {
  about,
  closed,
  count,
  document,
  flag,
  id,
  integer,
  list,
  nullable,
  pageOfItems,
  text,
  time,
} from "../fields.ts";
import { JobId } from "../jobs/schema.ts";
import { OrgText } from "../orgs/schema.ts";
import { PageInput } from "../paging.ts";
import { Since } from "../since.ts";

const optional = Type.Optional;

const system = optional(
  flag(
    "The installation's own log: the operator's to ask, who means it too where they are in no organization.",
  ),
);

/** Which rows of a chain. */
export const ListAudit = closed({
  system,
  since: optional(Since),
  until: optional(Since),
  user: optional(text("Who did it: a name, or an id.", { minLength: 1, maxLength: 200 })),
  action: optional(
    Type.String({
      pattern: "^[a-z]+(\\.[a-z_]+)?$",
      maxLength: 100,
      description: "What was done: `job.cancel`, or `job` for all that is done to jobs.",
    }),
  ),
  entity_type: optional(text("Kind of thing that it was done to.", { minLength: 1, maxLength: 100 })),
  entity_id: optional(text("Which one.", { minLength: 1, maxLength: 200 })),
  job_id: optional(
    about(
      JobId,
      "What was done to this job; also the submission that made it, where that named it: the first 100 of many jobs.",
    ),
  ),
  pipeline_id: optional(id("The pipeline concerned.")),
  ...PageInput.properties,
});
export type ListAudit = Static<typeof ListAudit>;

/** One link of the chain, as people read it. */
export const AuditRow = Type.Object({
  seq: integer("1", "Its place in the chain, from 1 without a gap.", { minimum: 1 }),
  audit_id: id("The row."),
  ts: time("When it was done."),
  user_id: nullable(id("A person."), "Who did it; null: nobody who was signed in, or the machinery."),
  username: nullable(Type.String(), "What they are called now; null where the asker is told of nobody such."),
  action: text("What was done: the operation's name."),
  entity_type: text("Kind of thing that it was done to."),
  entity_id: nullable(Type.String(), "Which one."),
  pipeline_id: nullable(id("A pipeline."), "The pipeline concerned."),
  job_id: nullable(id("A job."), "The job concerned."),
  metadata: document("More of it, without structures, results or secrets."),
  names: Type.Record(Type.String(), Type.String(), {
    description:
      "What the roles and people whose ids are in it are called now, by id: without those that are gone, or of whom the asker is told nothing. Not part of what is hashed.",
  }),
  hash: text("SHA-256 of the hash before it, a line feed, and the canonical JSON of this row."),
});
export type AuditRow = Static<typeof AuditRow>;

export const AuditPage = pageOfItems(AuditRow, "What was done, the last first.");

/** Which chains are verified; left out: that of the organization the asker is in. */
export const VerifyAudit = closed({
  org: optional(OrgText),
  system,
  all: optional(flag("Every organization's, and the installation's own: the operator's to ask.")),
});
export type VerifyAudit = Static<typeof VerifyAudit>;

export const VerifiedChain = Type.Object({
  org_id: nullable(id("An organization."), "Whose chain it is; null: the installation's own."),
  rows: count("Rows that are as they were written, up to the first that is not."),
  head: text(
    "Hash of its last row, as its head says: kept elsewhere, it shows whether the chain was rewritten.",
  ),
  first_bad_seq: nullable(
    Type.Integer({ unit: "1", minimum: 1 }),
    "Place of the first row that was changed, moved, put in or taken out; null: there is none.",
  ),
});
export type VerifiedChain = Static<typeof VerifiedChain>;

export const VerifiedAudit = Type.Object({
  ok: flag("Nothing was changed, as far as the chains can tell."),
  items: list(VerifiedChain, "One for each chain."),
});
export type VerifiedAudit = Static<typeof VerifiedAudit>;
