import type { OrgPrincipal } from "../access/principal.ts";
import type { ResultsTx } from "../db/results.ts";
import type { Services } from "../services.ts";
import type { PruneCache, Pruned } from "./operations-schema.ts";
import { policyOf } from "./policy.ts";
import { hasBytes } from "./present.ts";
import {
  type EntryBytes,
  NOTHING,
  PAGE,
  type PruneCounts,
  type PruneWish,
  pruneEntries,
  selectEntryBytes,
  sumOf,
} from "./prune-store.ts";
import type { CachePolicy } from "./schema.ts";

/** `before`: what went in transactions of its own. */
export type PreparedPrune = { policy: CachePolicy; missing: string[]; before: PruneCounts };

type Call = { services: Services; principal: OrgPrincipal };

/**
 * What has to be known before the transaction: the organization's settings, and whose bytes are gone. Of very many
 * entries all but the last page go now, a transaction each: as long as one is open, whoever records may wait for it.
 */
export async function preparePrune(call: Call, input: PruneCache): Promise<PreparedPrune> {
  const policy = await policyOf(call.services, call.principal.org_id);
  const missing = input.missing === true ? await selectMissing(call) : [];
  const before = input.dry_run === true ? NOTHING : await pruneMost(call, wishOf(input, missing), policy);
  return { policy, missing, before };
}

async function pruneMost(
  { services, principal }: Call,
  wish: PruneWish,
  policy: CachePolicy,
): Promise<PruneCounts> {
  const { entries } = await services.results.read(principal, ({ tx }) =>
    pruneEntries(tx, wish, policy, false),
  );
  let gone = NOTHING;
  for (let left = entries; left > PAGE; left -= PAGE) {
    const page = await services.results.transact(principal, ({ tx }) => pruneEntries(tx, wish, policy, true));
    gone = sumOf(gone, page);
    if (page.entries < PAGE) return gone;
  }
  return gone;
}

async function selectMissing({ services, principal }: Call): Promise<string[]> {
  const gone: string[] = [];
  for (let after = ""; ; ) {
    const page: EntryBytes[] = await services.results.read(principal, ({ tx }) =>
      selectEntryBytes(tx, after, PAGE),
    );
    const there = await Promise.all(page.map((entry) => hasBytes(services, principal.org_id, entry)));
    gone.push(...page.filter((_, at) => there[at] === false).map((entry) => entry.canonical_exec_id));
    after = page.at(-1)?.cache_key ?? "";
    if (page.length < PAGE) return gone;
  }
}

/** Entries that are named, or the expired where none are. */
function wishOf(input: PruneCache, missing: string[]): PruneWish {
  const { irreproducible = false, unused_days, all = false } = input;
  const named = irreproducible || all || unused_days !== undefined || input.missing === true;
  const expired = input.expired ?? !named;
  return { expired, irreproducible, unused_days: unused_days ?? null, missing, all };
}

/**
 * Takes entries out that the caller sees and may take out: those that are named, or the expired where none are.
 * Results stay; what an entry answered stays answered.
 */
export async function pruneCache(
  tx: ResultsTx,
  input: PruneCache,
  { policy, missing, before }: PreparedPrune,
): Promise<Pruned> {
  const { dry_run = false } = input;
  const last = await pruneEntries(tx, wishOf(input, missing), policy, !dry_run);
  return { dry_run, ...sumOf(before, last) };
}

/** Takes out a page of what has expired; a small chore of each organization. Returns how many went. */
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
  const page = () => services.results.forMachinery(orgId, ({ tx }) => pruneExpired(tx, policy));
  while ((await page()) === PAGE);
}
