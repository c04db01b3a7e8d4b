import { type Static, Type } from "typebox";

/** Words for an organization's state, as the table's CHECK has them. */
export const ORG_STATUSES = ["provisioning", "active", "suspended", "deleting", "deleted"] as const;

/** No blank at either end. */
export const NAME_PATTERN = "^\\S(.*\\S)?$";
export const OrgName = Type.String({ minLength: 3, maxLength: 100, pattern: NAME_PATTERN });

export const OrgCreate = Type.Object({ name: OrgName }, { additionalProperties: false });

export const Org = Type.Object({
  org_id: Type.String({ format: "uuid" }),
  name: Type.String(),
  slug: Type.String(),
  status: Type.Enum(ORG_STATUSES),
  database_name: Type.String(),
  schema_version: Type.Integer(),
});
export type Org = Static<typeof Org>;
