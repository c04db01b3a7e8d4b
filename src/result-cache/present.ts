import type { Services } from "../services.ts";
import { dropEntry } from "./entries-store.ts";
import type { CacheEntry } from "./schema.ts";

/** Whether the bytes of every output of an entry are where it says. Outside of any transaction. */
export async function hasBytes(
  { objects }: Pick<Services, "objects">,
  orgId: string,
  entry: Pick<CacheEntry, "artifact_map">,
): Promise<boolean> {
  const uris = [...new Set(Object.values(entry.artifact_map))];
  const there = await Promise.all(uris.map((uri) => objects.has(orgId, uri)));
  return there.every(Boolean);
}

/**
 * Whether an entry can answer: its bytes are there. One whose bytes are gone is taken out, so the task runs and
 * its result takes the place. Outside of any transaction. Throws AppError store_unavailable, unavailable.
 */
export async function isPresent(
  services: Pick<Services, "objects" | "results">,
  orgId: string,
  entry: CacheEntry,
): Promise<boolean> {
  if (await hasBytes(services, orgId, entry)) return true;
  await services.results.forMachinery(orgId, ({ tx }) => dropEntry(tx, entry));
  return false;
}
