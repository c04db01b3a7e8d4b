import type { OrgPrincipal } from "../access/principal.ts";
import type { ResultsTx } from "../db/results.ts";
import type { Services } from "../services.ts";
import type { PruneCache, Pruned } from "./operations-schema.ts";
import { policyOf } from "./policy.ts";
import { hasBytes } from "./present.ts";
import { type EntryBytes, pruneEntries, selectEntryBytes } from "./prune-store.ts";
import type { CachePolicy } from "./schema.ts";

export type PreparedPrune = { policy: CachePolicy; missing: string[] };

const PAGE = 1000;

/** What has to be known before the transaction: the organization's settings, and whose bytes are gone. */
export async function preparePrune(
  { services, principal }: { services: Services; principal: OrgPrincipal },
  { missing }: PruneCache,
): Promise<PreparedPrune> {
  const policy = await policyOf(services, principal.org_id);
  if (missing !== true) return { policy, missing: [] };
  const gone: string[] = [];
  for (let after = ""; ; ) {
    const page: EntryBytes[] = await services.results.read(principal, ({ tx }) =>
      selectEntryBytes(tx, after, PAGE),
    );
    for (const entry of page)
      if (!(await hasBytes(services, principal.org_id, entry))) gone.push(entry.canonical_exec_id);
    after = page.at(-1)?.cache_key ?? "";
    if (page.length < PAGE) return { policy, missing: gone };
  }
}

/**
 * Takes entries out that the caller sees and may take out: those that are named, or the expired where none are.
 * Results stay; what an entry answered stays answered.
 */
export async function pruneCache(
  tx: ResultsTx,
  input: PruneCache,
  { policy, missing }: PreparedPrune,
): Promise<Pruned> {
  const { irreproducible = false, unused_days, all = false, dry_run = false } = input;
  const named = irreproducible || all || unused_days !== undefined || input.missing === true;
  const expired = input.expired ?? !named;
  const wish = { expired, irreproducible, unused_days: unused_days ?? null, missing, all };
  return { dry_run, ...(await pruneEntries(tx, wish, policy, !dry_run)) };
}

/** Takes out what has expired; a small chore of each organization. Returns how many went. */
export async function pruneExpired(tx: ResultsTx, policy: Pick<CachePolicy, "ttl_days">): Promise<number> {
  const wish = { expired: true, irreproducible: false, unused_days: null, missing: [], all: false };
  return (await pruneEntries(tx, wish, policy, true)).entries;
}

/** The cache's part of an organization's upkeep: what has expired goes. Throws AppError unavailable. */
export async function ageCache(
  services: Pick<Services, "metadata" | "results">,
  orgId: string,
): Promise<void> {
  const policy = await policyOf(services, orgId);
  await services.results.forMachinery(orgId, ({ tx }) => pruneExpired(tx, policy));
}
