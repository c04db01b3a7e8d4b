import type { Static } from "typebox";
import { AppError } from "../errors.ts";
import { closed, id, pageOfItems } from "../fields.ts";
import { operation } from "../operation.ts";
import { PageInput, pageOf, pageWish } from "../paging.ts";
import { createSite, type PreparedSite, prepareSite } from "./create.ts";
import { findSite } from "./find.ts";
import { CreatedSite, CreateSite, Site, SiteId, SiteText } from "./schema.ts";
import { selectSites } from "./store.ts";
import { validateSite } from "./validate.ts";

export const createSiteOperation = operation<
  typeof CreateSite,
  typeof CreatedSite,
  PreparedSite,
  "site.create"
>({
  name: "site.create",
  summary: "Make a binding site: a prepared receptor, a box, and a ligand whose place is known",
  permission: "sites:write",
  http: { method: "POST", path: "/sites" },
  tx: "results",
  input: CreateSite,
  output: CreatedSite,
  prepare: prepareSite,
  run: createSite,
  told: (_input, site) => ({ entity_type: "binding_site", entity_id: site.site_id }),
});

export const listSites = operation({
  name: "site.list",
  summary: "Binding sites that you may see, newest first",
  permission: "sites:read",
  http: { method: "GET", path: "/sites" },
  tx: "results",
  input: PageInput,
  output: pageOfItems(Site, "Binding sites, newest first."),
  async run({ scope }, input) {
    const wish = pageWish(input);
    const rows = await selectSites(scope.tx, wish);
    return pageOf(wish, rows, (row) => ({ at: row.created_at, id: row.site_id }));
  },
});

export const showSite = operation({
  name: "site.show",
  summary: "One binding site, by id, name (its newest version) or name@version",
  permission: "sites:read",
  http: { method: "GET", path: "/sites/{site}" },
  tx: "results",
  input: closed({ site: SiteText }),
  output: Site,
  async run({ scope }, { site }) {
    const found = await findSite(scope.tx, site);
    if (found === undefined) throw new AppError("not_found", "no such binding site");
    return found;
  },
});

const ValidateSite = closed({
  site_id: SiteId,
  job_id: id("A completed job that docked the site's reference ligand there."),
});

export const validateSiteOperation = operation({
  name: "site.validate",
  summary: "Keep how well a completed job redocked the site's reference ligand",
  permission: "sites:write",
  http: { method: "POST", path: "/sites/{site_id}/validation" },
  tx: "results",
  input: ValidateSite,
  output: Site,
  run: ({ scope }, input: Static<typeof ValidateSite>) => validateSite(scope, input),
  told: (input) => ({ entity_type: "binding_site", entity_id: input.site_id, job_id: input.job_id }),
});
