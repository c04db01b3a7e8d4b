import { Believed } from "../believed.ts";
import { SETTING_KEYS } from "../orgs/setting-keys.ts";
import type { Services } from "../services.ts";
import type { CachePolicy } from "./schema.ts";
import { selectCacheSettings } from "./settings-store.ts";

const POLICIES = new Believed<CachePolicy>();

/**
 * What an organization asks of results that answer again, believed for 10 s; who asks at once shares the answer.
 * Reads the metadata database: never inside a transaction. Throws AppError unavailable, not_found.
 */
export function policyOf({ metadata }: Pick<Services, "metadata">, orgId: string): Promise<CachePolicy> {
  return POLICIES.of(metadata, orgId, () => readPolicy({ metadata }, orgId));
}

async function readPolicy({ metadata }: Pick<Services, "metadata">, orgId: string): Promise<CachePolicy> {
  const { threshold, ttl_days, programs } = await metadata.system((tx) => selectCacheSettings(tx, orgId));
  return { threshold: threshold ?? SETTING_KEYS.cache_threshold.default, ttl_days, programs };
}
