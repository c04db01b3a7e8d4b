import { Type } from "typebox";
import { AppError } from "../errors.ts";
import { operation } from "../operation.ts";
import { createOrg, orgOf } from "./create.ts";
import { Org, OrgCreate } from "./schema.ts";
import { selectOptionalPlaceByText, selectPlaces } from "./store.ts";

const None = Type.Object({}, { additionalProperties: false });

export const createOrgOperation = operation({
  name: "org.create",
  summary: "Make an organization with its own database",
  permission: "orgs:create",
  http: { method: "POST", path: "/orgs" },
  tx: "own",
  input: OrgCreate,
  output: Org,
  told: (_input, org) => ({ entity_type: "organization", entity_id: org.org_id }),
  run: createOrg,
});

export const listOrgsOperation = operation({
  name: "org.list",
  summary: "Organizations that you may see",
  permission: "orgs:read",
  http: { method: "GET", path: "/orgs" },
  tx: "own",
  input: None,
  output: Type.Object({ items: Type.Array(Org), next_cursor: Type.Null() }),
  async run({ services, principal }) {
    const places = await services.metadata.system(selectPlaces);
    const mine = places.filter((place) => principal.is_admin || place.org_id === principal.org_id);
    return { items: mine.map(orgOf), next_cursor: null };
  },
});

export const showOrgOperation = operation({
  name: "org.show",
  summary: "One organization",
  permission: "orgs:read",
  http: { method: "GET", path: "/orgs/{org}" },
  tx: "own",
  input: Type.Object({ org: Type.String({ minLength: 1, maxLength: 100 }) }, { additionalProperties: false }),
  output: Org,
  async run({ services, principal }, { org }) {
    const place = await services.metadata.system((tx) => selectOptionalPlaceByText(tx, org));
    // Another's and a missing one look the same.
    if (place === undefined || !(principal.is_admin || place.org_id === principal.org_id)) {
      throw new AppError("not_found", "no such organization");
    }
    return orgOf(place);
  },
});
