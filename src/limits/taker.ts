import { isIPv6 } from "node:net";
import type { Principal } from "../access/principal.ts";
import type { Taker } from "./take.ts";

/**
 * What somebody who is nobody wants, each with counts of its own: who sends junk from an address, or renews sessions
 * there, keeps nobody else there from signing in. `guess` is a key that has to be looked up.
 */
export const WISHES = {
  sign_in: { purpose: "rate_limit_sign_in", per_minute: 60 },
  /** Everybody behind one address renews theirs every quarter of an hour. */
  refresh: { purpose: "rate_limit_refresh", per_minute: 120 },
  guess: { purpose: "rate_limit_guess", per_minute: 60 },
  /** A token that we signed, of a session that may have ended: it asks no more than one that goes on may. */
  session: { purpose: "rate_limit_session", per_minute: 600 },
  other: { purpose: "rate_limit_address", per_minute: 60 },
} as const;
export type Wish = keyof typeof WISHES;

const OF_OPERATIONS: Record<string, Wish> = { "auth.login": "sign_in", "auth.refresh": "refresh" };

/** What a request wants that says nothing of who asks. */
export function wishOf(operation: string | undefined): Wish {
  return OF_OPERATIONS[operation ?? ""] ?? "other";
}

/** Who a request counts for: its session or API key, else the person, and nobody by where they come from. */
export function takerOf(principal: Principal, address: string, wish: Wish = "other"): Taker {
  if (principal.via === "nobody")
    return { key: `${WISHES[wish].purpose}:${networkOf(address)}`, org_id: null };
  return {
    key: `rate_limit:${principal.session_id ?? principal.key_id ?? principal.user_id}`,
    org_id: principal.org_id,
  };
}

/** Of an IPv6 address its first 64 bits: who is given one is given all of that network. */
export function networkOf(address: string): string {
  const [plain = ""] = address.split("%");
  if (!isIPv6(plain)) return plain;
  const groups = groupsOf(plain);
  const isMapped = groups.slice(0, 6).join() === "0,0,0,0,0,ffff";
  if (!isMapped) return `${groups.slice(0, 4).join(":")}::/64`;
  const bytes = groups.slice(6).flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
  return bytes.join(".");
}

/** The eight groups, without leading zeros. A URL writes an IPv4 part as groups too. */
function groupsOf(address: string): string[] {
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const split = (text: string | undefined) => (text === undefined || text === "" ? [] : text.split(":"));
  const [first, last] = [split(head), split(tail)];
  return [...first, ...Array<string>(8 - first.length - last.length).fill("0"), ...last];
}
