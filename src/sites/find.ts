import type { ResultsDb } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { isUuid } from "../ids.ts";
import type { Site } from "./schema.ts";
import { selectOptionalSite, selectSitesNamed } from "./store.ts";

/** How many sites of one name an error lists. */
const MOST_LISTED = 5;

/**
 * A site by id, `name` (its newest version) or `name@version`, which wins where another site is called so. One's
 * own come before those of others; of others' sites with one name none is preferred. Undefined where there is
 * none; throws AppError bad_input where several people's sites are meant.
 */
export async function findSite(db: ResultsDb, text: string): Promise<Site | undefined> {
  if (isUuid(text)) return selectOptionalSite(db, text);
  const named = await selectSitesNamed(db, text);
  const [first] = named;
  if (first === undefined || first.own) return first?.site;
  const sites = named.map(({ site }) => site);
  const byVersion = sites.filter(({ name }) => name !== text);
  const meant = byVersion.length > 0 ? byVersion : sites;
  if (meant.length > 1) throw ambiguous(text, meant);
  return meant[0];
}

function ambiguous(text: string, sites: Site[]): AppError {
  const listed = sites
    .slice(0, MOST_LISTED)
    .map(({ name, version, site_id, owner_id }) => `${site_id} (${name}@${version} of user ${owner_id})`);
  const more = sites.length > MOST_LISTED ? ["…"] : [];
  return new AppError(
    "bad_input",
    `${sites.length} people have a site "${text.slice(0, 60)}": give the id of one: ${[...listed, ...more].join(", ")}`,
  );
}
