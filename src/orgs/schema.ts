import { type Static, Type } from "typebox";
import { PageInput } from "../paging.ts";

/** Words for an organization's state, as the table's CHECK has them. */
export const ORG_STATUSES = ["provisioning", "active", "suspended", "deleting", "deleted"] as const;
export type OrgStatus = (typeof ORG_STATUSES)[number];

/** No blank at either end. */
export const NAME_PATTERN = "^\\S(.*\\S)?$";
export const OrgName = Type.String({ minLength: 3, maxLength: 100, pattern: NAME_PATTERN });

export const OrgCreate = Type.Object({ name: OrgName }, { additionalProperties: false });

/** An organization as people name it: its name, its slug or its id. */
export const OrgText = Type.String({ minLength: 1, maxLength: 100 });
export const OrgNamed = Type.Object({ org: OrgText }, { additionalProperties: false });

export const Org = Type.Object({
  org_id: Type.String({ format: "uuid" }),
  name: Type.String(),
  slug: Type.String(),
  status: Type.Enum(ORG_STATUSES),
  database_name: Type.String(),
  schema_version: Type.Integer(),
});
export type Org = Static<typeof Org>;

/** An organization in lists: also when it will be dropped, or was. */
export const ListedOrg = Type.Intersect([
  Org,
  Type.Object({
    delete_after: Type.Optional(Type.String({ description: "Only of one that is being deleted." })),
    deleted_at: Type.Optional(Type.String({ description: "Only of a tombstone." })),
  }),
]);
export type ListedOrg = Static<typeof ListedOrg>;

export const OrgList = Type.Object(
  { ...PageInput.properties, status: Type.Optional(Type.Enum(ORG_STATUSES)) },
  { additionalProperties: false },
);

/** Days in which a deletion may be taken back; 0: none. */
export const DELETE_GRACE_DAYS = { default: 7, most: 365 } as const;

export const OrgDelete = Type.Object(
  { org: OrgText, grace_days: Type.Optional(Type.Integer({ minimum: 0, maximum: DELETE_GRACE_DAYS.most })) },
  { additionalProperties: false },
);

/** Where an organization stands after its life was changed. */
export const OrgLife = Type.Object({
  org_id: Type.String({ format: "uuid" }),
  name: Type.String(),
  slug: Type.String(),
  status: Type.Enum(ORG_STATUSES),
  delete_after: Type.Union([Type.String(), Type.Null()]),
  changed: Type.Boolean({ description: "False where it stood so before." }),
});
export type OrgLife = Static<typeof OrgLife>;

export const OrgCredentials = Type.Object({
  org_id: Type.String({ format: "uuid" }),
  credential_version: Type.Integer(),
});
export type OrgCredentials = Static<typeof OrgCredentials>;
