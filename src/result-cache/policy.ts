import { SETTING_KEYS } from "../orgs/setting-keys.ts";
import type { Services } from "../services.ts";
import type { CachePolicy } from "./schema.ts";
import { selectCacheSettings } from "./settings-store.ts";

/** How long a process believes an organization's settings, and what workers found. */
const BELIEVED_MS = 10_000;

type Believed = { policy: Promise<CachePolicy>; until: number };

/** By the door they were read through, so that two contexts of one process believe nothing of each other. */
const KNOWN = new WeakMap<object, Map<string, Believed>>();

/**
 * What an organization asks of results that answer again, believed for 10 s; who asks at once shares the answer.
 * Reads the metadata database: never inside a transaction. Throws AppError unavailable, not_found.
 */
export function policyOf({ metadata }: Pick<Services, "metadata">, orgId: string): Promise<CachePolicy> {
  const known = KNOWN.get(metadata) ?? new Map<string, Believed>();
  KNOWN.set(metadata, known);
  const believed = known.get(orgId);
  if (believed !== undefined && believed.until > performance.now()) return believed.policy;
  const policy = readPolicy({ metadata }, orgId);
  const mine = { policy, until: performance.now() + BELIEVED_MS };
  known.set(orgId, mine);
  policy.catch(() => {
    if (known.get(orgId) === mine) known.delete(orgId);
  });
  return policy;
}

async function readPolicy({ metadata }: Pick<Services, "metadata">, orgId: string): Promise<CachePolicy> {
  const { threshold, ttl_days, programs } = await metadata.system((tx) => selectCacheSettings(tx, orgId));
  return { threshold: threshold ?? SETTING_KEYS.cache_threshold.default, ttl_days, programs };
}
