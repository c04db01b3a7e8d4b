import type { FastifyReply, FastifyRequest } from "fastify";
import type { Asking } from "../access/authenticate.ts";
import { type Access, CIRCUMSTANCES, OPERATOR_PERMISSIONS } from "../access/permissions.ts";
import { require } from "../access/policy.ts";
import { NOBODY, type Principal } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import { countRequest, giveBack } from "../limits/count-request.ts";
import { type Wish, wishOf } from "../limits/taker.ts";
import type { Services } from "../services.ts";
import { HttpError } from "./http-error.ts";

/** Who asks; throws AppError unauthenticated. Asked again of what lasts long. */
export type PrincipalOf = (services: Services, asking: Asking) => Promise<Principal>;

/** What is known of a request's asker before its body is read. */
export type Asker = { principal: Principal; again(): Promise<Principal> };

const ASKERS = new WeakMap<FastifyRequest, Asker>();

/** The asker that `admit` found. */
export function askerOf(request: FastifyRequest): Asker {
  const asker = ASKERS.get(request);
  if (asker === undefined) throw new Error("a route asks who asks, and nobody was admitted");
  return asker;
}

/** The same where somebody may not have been admitted. */
export function optionalAskerOf(request: FastifyRequest): Asker | undefined {
  return ASKERS.get(request);
}

/**
 * Who asks, whether they ask too much, and whether they may ask this: before the first byte of a body is read.
 * Throws AppError unauthenticated, quota, forbidden.
 */
export async function admit(
  services: Services,
  principalOf: PrincipalOf,
  access: Access,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const credentials = {
    authorization: authorizationOf(request),
    address: request.ip,
    request_id: request.id,
  };
  const again = () => principalOf(services, credentials);
  // Who guesses at keys has a limit of their own, and is counted before a guess costs a transaction. A token that we
  // signed counts for its session: others' guesses from the same address must not keep it out.
  let charged: [place: string, wish: Wish] | undefined;
  const unknown = (session?: string) => {
    charged = session === undefined ? [request.ip, "guess"] : [session, "session"];
    return count(services, NOBODY, reply, ...charged);
  };
  const principal = await principalOf(services, { ...credentials, unknown }).catch(async (error: unknown) => {
    if (charged === undefined) await unknown();
    throw error;
  });
  if (charged !== undefined) await giveBack(services, ...charged);
  await countAsker(services, principal, request, reply);
  // Who is in no organization may do nothing in one: what they lack is that, and no permission.
  if (principal.org_id === null && isOfOrganizations(principal, access)) throw noOrganization();
  require(principal, access);
  ASKERS.set(request, { principal, again });
}

function isOfOrganizations({ via, permissions }: Principal, access: Access): boolean {
  const held: readonly string[] = [...permissions];
  const others: readonly string[] = [...CIRCUMSTANCES, ...OPERATOR_PERMISSIONS];
  return via !== "nobody" && !others.includes(access) && !held.includes(access);
}

/** What somebody gets whose token names no organization, where one is needed. */
export function noOrganization(): HttpError {
  return new HttpError(
    "no_organization",
    "your token names no organization: sign in with one (org), or POST /v1/auth/switch",
  );
}

/** `X-API-Key` is another spelling of `Authorization: Bearer`. */
function authorizationOf({ headers }: FastifyRequest): string | undefined {
  const key = headers["x-api-key"];
  if (key === undefined) return headers.authorization;
  if (headers.authorization === undefined) return `Bearer ${String(key)}`;
  throw new HttpError("malformed", "Authorization and X-API-Key are both given: say who asks once");
}

/** Counts a request before it is answered, for its asker; nobody's for where they are and what they want. */
export function countAsker(
  services: Pick<Services, "cache" | "metadata">,
  principal: Principal,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const config = request.routeOptions.config as { operation?: string } | undefined;
  return count(services, principal, reply, request.ip, wishOf(config?.operation));
}

async function count(
  services: Pick<Services, "cache" | "metadata">,
  principal: Principal,
  reply: FastifyReply,
  place: string,
  wish: Wish,
): Promise<void> {
  const taken = await countRequest(services, principal, place, wish);
  reply.header("ratelimit-policy", taken.policy);
  reply.header("ratelimit", taken.limit);
  if (taken.allowed) return;
  throw new AppError("quota", `too many requests: ask again in ${taken.reset_s} s`, {
    retry_after_s: taken.reset_s,
  });
}
