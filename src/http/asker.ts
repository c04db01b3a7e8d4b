import type { FastifyReply, FastifyRequest } from "fastify";
import { type Access, CIRCUMSTANCES, OPERATOR_PERMISSIONS } from "../access/permissions.ts";
import { require } from "../access/policy.ts";
import { NOBODY, type Principal } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import { countRequest, giveBack } from "../limits/count-request.ts";
import type { Services } from "../services.ts";
import { HttpError } from "./http-error.ts";

/** How a request says who asks. */
export type Credentials = {
  authorization: string | undefined;
  address: string;
  request_id: string;
  unknown?: () => Promise<void>;
};

/** Who asks; throws AppError unauthenticated. Asked again of what lasts long. */
export type PrincipalOf = (services: Services, credentials: Credentials) => Promise<Principal>;

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
  // Who guesses at tokens has the limit of somebody without one, and is counted before a guess costs a transaction.
  let charged = false;
  const unknown = () => {
    charged = true;
    return count(services, NOBODY, request, reply);
  };
  const principal = await principalOf(services, { ...credentials, unknown }).catch(async (error: unknown) => {
    if (!charged) await unknown();
    throw error;
  });
  if (charged) await giveBack(services, request.ip);
  await count(services, principal, request, reply);
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

async function count(
  services: Services,
  principal: Principal,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const taken = await countRequest(services, principal, request.ip);
  reply.header("ratelimit-policy", taken.policy);
  reply.header("ratelimit", taken.limit);
  if (taken.allowed) return;
  throw new AppError("quota", `too many requests: ask again in ${taken.reset_s} s`, {
    retry_after_s: taken.reset_s,
  });
}
