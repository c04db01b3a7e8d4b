import { AppError } from "../errors.ts";
import { type StructureRow, selectStructuresByIds } from "../structures/store.ts";
import type { KnownSpecies } from "./known.ts";
import { selectKnown, selectRegistered } from "./known-store.ts";
import type { Call, RequestPlan } from "./rules.ts";
import type { Things } from "./schema.ts";

/**
 * Molecules that are registered already: those that were named, and the next of all that the organization has; a
 * private request takes the asker's own as well. Throws AppError not_found, bad_input (one that was named is private
 * and the request is not).
 */
export async function readKnown(
  { services, principal }: Call,
  { visibility }: Pick<RequestPlan, "visibility">,
  { molecule_ids = [], registered }: Things,
): Promise<{ species: KnownSpecies[]; next_after: string | null }> {
  if (molecule_ids.length === 0 && registered === undefined) return { species: [], next_after: null };
  return services.results.read(principal, async ({ tx }) => {
    const ids = [...new Set(molecule_ids.map((id) => id.toLowerCase()))];
    const named = await selectKnown(tx, ids);
    if (named.length < ids.length)
      throw new AppError(
        "not_found",
        `${ids.length - named.length} of ${ids.length} molecules are not there`,
      );
    refuseShown(
      visibility,
      named.flatMap(({ is_private, molecule_id }) =>
        is_private
          ? [{ what: `molecule ${molecule_id}`, path: pathOf("molecule_ids", molecule_ids, molecule_id) }]
          : [],
      ),
    );
    if (registered === undefined) return { species: named, next_after: null };
    const page = await selectRegistered(tx, registered, visibility === "private");
    return { species: [...named, ...page.species], next_after: page.next_after };
  });
}

/** Structures as they were named, also twice. Throws AppError as `readKnown` does. */
export async function readStructures(
  { services, principal }: Call,
  visibility: RequestPlan["visibility"],
  given: string[],
): Promise<StructureRow[]> {
  if (given.length === 0) return [];
  const ids = given.map((id) => id.toLowerCase());
  const rows = await services.results.read(principal, ({ tx }) => selectStructuresByIds(tx, ids));
  const byId = new Map(rows.map((row) => [row.structure_id, row]));
  const found = ids.map((id) => {
    const row = byId.get(id);
    if (row === undefined) throw new AppError("not_found", "no such structure");
    return row;
  });
  refuseShown(
    visibility,
    rows.flatMap(({ visibility, structure_id }) =>
      visibility === "private"
        ? [{ what: `structure ${structure_id}`, path: pathOf("structure_ids", given, structure_id) }]
        : [],
    ),
  );
  return found;
}

function pathOf(list: string, given: string[], id: string): string {
  return `/${list}/${given.findIndex((one) => one.toLowerCase() === id)}`;
}

/** The organization sees the jobs of what is computed for it, and so what they were given. */
function refuseShown(visibility: RequestPlan["visibility"], secret: { what: string; path: string }[]): void {
  const [first] = secret;
  if (visibility === "private" || first === undefined) return;
  const more = secret.length === 1 ? "" : ` and ${secret.length - 1} more are`;
  throw new AppError(
    "bad_input",
    `${first.what}${more === "" ? " is" : more} private, and everybody would see these jobs: say \`visibility: private\``,
    { fields: secret.slice(0, 100).map(({ path }) => ({ path, rule: "is private" })) },
  );
}
