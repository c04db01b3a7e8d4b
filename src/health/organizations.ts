import { toAppError } from "../errors.ts";
import { FACT_REFUSED, REINDEXED, REPAIRED } from "../events/schema.ts";
import type { OrgPlace } from "../orgs/place.ts";
import { selectPlaces } from "../orgs/store.ts";
import type { Services } from "../services.ts";
import { type Check, type Finding, timed } from "./check.ts";
import { selectOutboxHealth } from "./store.ts";

type Doors = Pick<Services, "metadata" | "results">;

const OLD_FACT_SECONDS = 60;
const AT_ONCE = 8;
/** Of more organizations only those are told one by one that are not well, and no more than this. */
const LISTED = 20;

/**
 * Looks into every organization's database, a few at once. The first check counts them, and never says `down`:
 * one that is down is no reason to call the others so. Those after it are single organizations.
 */
export async function checkOrganizations(doors: Doors): Promise<{ all: Check; single: Check[] }> {
  const found = new Map<string, Check>();
  const all = await timed("organizations", async () => {
    const places = await doors.metadata.system(selectPlaces);
    const queue = places.values();
    const hand = async () => {
      for (const place of queue) found.set(place.org_id, await checkOne(doors, place));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, hand));
    const checks = places.flatMap(({ org_id }) => found.get(org_id) ?? []);
    const count = (status: string) => checks.filter((check) => check.status === status).length;
    const counts = ["ok", "degraded", "down"].map((status) => [status, count(status)] as const);
    const detail = counts.filter(([, n]) => n > 0).map(([status, n]) => `${n} ${status}`);
    return {
      status: count("ok") === checks.length ? "ok" : "degraded",
      detail: checks.length === 0 ? "none yet" : detail.join(", "),
    };
  });
  const checks = [...found.values()];
  const unwell = checks.filter((check) => check.status !== "ok");
  const listed = checks.length <= LISTED ? checks : unwell.slice(0, LISTED);
  return { all, single: listed.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

async function checkOne(doors: Doors, place: OrgPlace): Promise<Check> {
  return timed(`organization ${place.slug}`, () => look(doors, place));
}

async function look({ results }: Doors, { org_id, state, schema_version }: OrgPlace): Promise<Finding> {
  if (state !== "active") return { status: "degraded", detail: `its database is not in use (${state})` };
  try {
    const { waiting, oldest_seconds, refused, repaired } = await results.forMachinery(org_id, (scope) =>
      selectOutboxHealth(scope, { refused: FACT_REFUSED, repaired: REPAIRED, reindexed: REINDEXED }),
    );
    const seconds = Math.round(oldest_seconds ?? 0);
    const late = seconds > OLD_FACT_SECONDS;
    const lag = late ? `, the oldest ${seconds} s: is \`aliquot up\` running?` : "";
    const aside = refused > 0 ? `, ${refused} facts set aside in a day: \`aliquot org reindex\`` : "";
    const mended = repaired > 0 ? `, ${repaired} repairs in a day: \`aliquot events --type error\`` : "";
    const detail = `schema ${schema_version}, ${waiting} facts to relay${lag}${aside}${mended}`;
    return { status: late || refused > 0 ? "degraded" : "ok", detail };
  } catch (error) {
    const { kind, message } = toAppError(error);
    return { status: kind === "org_upgrading" ? "degraded" : "down", detail: message };
  }
}
