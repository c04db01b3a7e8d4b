import { type Static, Type } from "typebox";
import { closed, count, flag, id, integer, nullable, text, time, word } from "../fields.ts";
import { PageInput } from "../paging.ts";
import { UNSEEN } from "../words.ts";

/** Words for an organization's state, as the table's CHECK has them. */
export const ORG_STATUSES = ["provisioning", "active", "suspended", "deleting", "deleted"] as const;
export type OrgStatus = (typeof ORG_STATUSES)[number];

/** One line, and no blank at either end. */
export const NAME_PATTERN = `^[^\\s${UNSEEN}]([^${UNSEEN}]*[^\\s${UNSEEN}])?$`;
export const OrgName = Type.String({
  minLength: 3,
  maxLength: 100,
  pattern: NAME_PATTERN,
  description: "What it is called; unique, whatever the capitals.",
  examples: ["Institute of Catalysis"],
});

export const OrgCreate = closed({ name: OrgName });

/** An organization as people name it: its name, its slug or its id. */
export const OrgText = Type.String({
  minLength: 1,
  maxLength: 100,
  description: "The organization: its slug, its name or its id.",
  examples: ["institute-of-catalysis"],
});
export const OrgNamed = closed({ org: OrgText });

const OrgState = word(
  ORG_STATUSES,
  "How it stands: `provisioning` its database is being made, `active`, `suspended` nothing new begins, `deleting` it can be taken back still, `deleted` a tombstone.",
);

export const Org = Type.Object({
  org_id: id("The organization."),
  name: text("What it is called."),
  slug: text("Its name in addresses and commands."),
  status: OrgState,
  database_name: text("Name of its own database."),
  schema_version: count("Number of the last migration of that database."),
});
export type Org = Static<typeof Org>;

/** An organization in lists: also when it will be dropped, or was. */
export const ListedOrg = Type.Object({
  ...Org.properties,
  delete_after: Type.Optional(time("When its database will be dropped; only of one that is being deleted.")),
  deleted_at: Type.Optional(time("When that was dropped; only of a tombstone.")),
});
export type ListedOrg = Static<typeof ListedOrg>;

export const OrgList = closed({
  ...PageInput.properties,
  status: Type.Optional(
    word(ORG_STATUSES, "Only organizations that stand so; where left out, all but tombstones."),
  ),
});

/** Days in which a deletion may be taken back; 0: none. */
export const DELETE_GRACE_DAYS = { default: 7, most: 365 } as const;

export const OrgDelete = closed({
  org: OrgText,
  grace_days: Type.Optional(
    integer(
      "d",
      `Time in which it can be taken back; ${DELETE_GRACE_DAYS.default} where left out, 0 for none.`,
      {
        minimum: 0,
        maximum: DELETE_GRACE_DAYS.most,
      },
    ),
  ),
});

/** Where an organization stands after its life was changed. */
export const OrgLife = Type.Object({
  org_id: Org.properties.org_id,
  name: Org.properties.name,
  slug: Org.properties.slug,
  status: OrgState,
  delete_after: nullable(time(), "When its database will be dropped; null where it is not being deleted."),
  changed: flag("False where it stood so before."),
});
export type OrgLife = Static<typeof OrgLife>;

export const OrgCredentials = Type.Object({
  org_id: Org.properties.org_id,
  credential_version: integer("1", "Number of the password that holds now; raised by every change.", {
    minimum: 1,
  }),
});
export type OrgCredentials = Static<typeof OrgCredentials>;
