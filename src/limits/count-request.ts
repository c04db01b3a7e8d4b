import { NOBODY, type Principal } from "../access/principal.ts";
import { Believed } from "../believed.ts";
import { SETTING_KEYS } from "../orgs/setting-keys.ts";
import { selectSettings } from "../orgs/settings-store.ts";
import type { Services } from "../services.ts";
import { type Limits, type Taken, takeFrom, WINDOW_MS } from "./take.ts";
import { takerOf, WISHES, type Wish } from "./taker.ts";

const DEFAULTS: Limits = {
  each: SETTING_KEYS.rate_limit_per_minute.default,
  organization: SETTING_KEYS.rate_limit_organization_per_minute.default,
};

type Doors = Pick<Services, "cache" | "metadata">;

const LIMITS = new Believed<Limits>();

/**
 * Counts a request of a principal, and says whether it may be answered. Nobody's counts for where it comes from and for
 * what it wants. What an organization says of its limits is believed for 10 s; while it can't be asked the defaults
 * hold.
 */
export async function countRequest(
  doors: Doors,
  principal: Principal,
  address: string,
  wish: Wish = "other",
): Promise<Taken> {
  const limits =
    principal.via === "nobody"
      ? { each: WISHES[wish].per_minute, organization: 0 }
      : await limitsOf(doors, principal.org_id);
  return takeFrom(doors.cache, limits, takerOf(principal, address, wish));
}

/** Takes back what a place was charged for a credential that turned out to be somebody's. */
export async function giveBack({ cache }: Pick<Services, "cache">, place: string, wish: Wish): Promise<void> {
  await cache.count(takerOf(NOBODY, place, wish).key, -1, WINDOW_MS);
}

async function limitsOf(doors: Doors, orgId: string | null): Promise<Limits> {
  if (orgId === null) return DEFAULTS;
  return LIMITS.of(doors.metadata, orgId, () => readLimits(doors, orgId)).catch(() => DEFAULTS);
}

async function readLimits({ metadata }: Doors, orgId: string): Promise<Limits> {
  const { config } = await metadata.system((tx) => selectSettings(tx, orgId));
  return {
    each: perMinute(config["rate_limit_per_minute"]) ?? DEFAULTS.each,
    organization: perMinute(config["rate_limit_organization_per_minute"]) ?? DEFAULTS.organization,
  };
}

function perMinute(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : undefined;
}
