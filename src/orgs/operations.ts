import type { Principal } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import { pageOfItems } from "../fields.ts";
import { operation } from "../operation.ts";
import { pageOf, pageWish } from "../paging.ts";
import { createOrg } from "./create.ts";
import { findOrg } from "./find.ts";
import { type ListedRow, selectOrganizations } from "./life-store.ts";
import { ListedOrg, Org, OrgCreate, OrgList, OrgNamed } from "./schema.ts";

export * from "./life-operations.ts";

export const createOrgOperation = operation({
  name: "org.create",
  summary: "Make an organization with its own database",
  permission: "orgs:create",
  http: { method: "POST", path: "/orgs" },
  tx: "own",
  input: OrgCreate,
  output: Org,
  told: true,
  run: createOrg,
});

export const listOrgsOperation = operation({
  name: "org.list",
  summary: "Organizations that you may see, newest first; tombstones only where their status is asked for",
  permission: "orgs:read",
  http: { method: "GET", path: "/orgs" },
  tx: "own",
  input: OrgList,
  output: pageOfItems(ListedOrg, "Organizations, newest first."),
  async run({ services, principal }, { status, ...page }) {
    const wish = pageWish(page);
    const rows = await services.metadata.system((tx) =>
      selectOrganizations(tx, {
        ...wish,
        ...(status === undefined ? {} : { status }),
        ...visibleTo(principal),
      }),
    );
    const { items, next_cursor } = pageOf(wish, rows, (row) => ({ at: row.created_at, id: row.org_id }));
    return { items: items.map(listed), next_cursor };
  },
});

/** A key acts in one organization and learns of no other, whoever's it is. */
function visibleTo({ via, org_id, is_admin, user_id }: Principal): { org_id?: string; member?: string } {
  if (via === "key" && org_id !== null) return { org_id };
  return is_admin ? {} : { member: user_id };
}

function listed({ created_at: _, delete_after, deleted_at, ...org }: ListedRow): ListedOrg {
  return {
    ...org,
    ...(org.status === "deleting" && delete_after !== null ? { delete_after } : {}),
    ...(deleted_at === null ? {} : { deleted_at }),
  };
}

export const showOrgOperation = operation({
  name: "org.show",
  summary: "One organization",
  permission: "orgs:read",
  http: { method: "GET", path: "/orgs/{org}" },
  tx: "own",
  input: OrgNamed,
  output: ListedOrg,
  async run({ services, principal }, { org }) {
    return services.metadata.system(async (tx) => {
      const { org_id } = await findOrg(tx, principal, org);
      const [row] = await selectOrganizations(tx, { limit: 1, org_id });
      // Dropped between the two.
      if (row === undefined) throw new AppError("not_found", "no such organization");
      return listed(row);
    });
  },
});
