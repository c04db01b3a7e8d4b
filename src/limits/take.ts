import type { Cache } from "../cache/cache.ts";

/** A limit is of so long, from the first request on. */
export const WINDOW_MS = 60_000;

/** How many requests a minute takes: of one key, session or address, and of an organization together. */
export type Limits = { each: number; organization: number };

/** Who a request counts for: a key of the cache, and the organization where it is made in one. */
export type Taker = { key: string; org_id: string | null };

/** What became of a request, and what is left. */
export type Taken = {
  allowed: boolean;
  /** Value of the field RateLimit-Policy: the limits there are. */
  policy: string;
  /** Value of the field RateLimit: what is left of each limit that was asked, and for how long. */
  limit: string;
  /** Requests that are left, and seconds until there are more, of the limit that is nearest. */
  remaining: number;
  reset_s: number;
};

type Policy = { name: string; key: string; most: number };
type Look = { name: string; over: boolean; remaining: number; reset_s: number };

/**
 * Counts a request against what its asker, and then their organization, may ask in a minute. A window begins with its
 * first request. Who is over their own limit takes nothing from their colleagues.
 */
export async function takeFrom(cache: Cache, limits: Limits, { key, org_id }: Taker): Promise<Taken> {
  const policies: Policy[] = [{ name: "each", key, most: limits.each }];
  if (org_id !== null)
    policies.push({ name: "organization", key: `rate_limit:${org_id}`, most: limits.organization });
  const looks: Look[] = [];
  for (const policy of policies) {
    const look = await lookAt(cache, policy);
    looks.push(look);
    if (look.over) break;
  }
  const nearest = looks.reduce((a, b) => (b.over || (!a.over && b.remaining < a.remaining) ? b : a));
  return {
    allowed: !nearest.over,
    policy: policies.map(({ name, most }) => `"${name}";q=${most};w=${WINDOW_MS / 1000}`).join(", "),
    limit: looks.map(({ name, remaining, reset_s }) => `"${name}";r=${remaining};t=${reset_s}`).join(", "),
    remaining: nearest.remaining,
    reset_s: nearest.reset_s,
  };
}

async function lookAt(cache: Cache, { name, key, most }: Policy): Promise<Look> {
  const { value, ttl_ms } = await cache.count(key, 1, WINDOW_MS);
  const reset_s = Math.max(1, Math.ceil(ttl_ms / 1000));
  return { name, over: value > most, remaining: Math.max(0, most - value), reset_s };
}
