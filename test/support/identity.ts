import { principalOf } from "../../src/access/authenticate.ts";
import { AccessMemory } from "../../src/access/memory.ts";
import type { OrgPrincipal, Principal } from "../../src/access/principal.ts";
import { NOBODY } from "../../src/access/principal.ts";
import { TokenMaker } from "../../src/access/token-maker.ts";
import { MemoryCache } from "../../src/cache/memory.ts";
import { login } from "../../src/identity/operations.ts";
import type { Session } from "../../src/identity/schema.ts";
import { SignInThrottle } from "../../src/identity/throttle.ts";
import type { Org } from "../../src/orgs/schema.ts";
import { perform } from "../../src/perform.ts";
import { Secret } from "../../src/secrets.ts";
import { person, type TestContext } from "./context.ts";
import { testServer } from "./server.ts";

export const PASSWORD = "correct horse battery staple";

/** Services whose clock is ours: how long tokens, and what is believed, last. */
export type Clocked = TestContext & {
  clock: { ms: number };
  /** Waits that sign-ins had to take, in order; none of them takes time. */
  waits: number[];
  at(principalAddress: string): Principal;
};

/** The same context with a clock that stands still until it is told to go on. */
export async function withClock(context: TestContext): Promise<Clocked> {
  const clock = { ms: Date.parse("2030-01-01T00:00:00Z") };
  const now = () => clock.ms;
  const waits: number[] = [];
  const { secret } = await testServer();
  return {
    ...context,
    clock,
    waits,
    access: new AccessMemory({ now }),
    tokens: new TokenMaker(new Secret(secret), context.config.api, now),
    signIns: new SignInThrottle(new MemoryCache({ now }), async (ms) => void waits.push(ms)),
    at: (address) => ({ ...NOBODY, address }),
  };
}

/** A person with a role and a password. */
export async function withPassword(
  context: TestContext,
  org: Pick<Org, "org_id">,
  role: string,
  password = PASSWORD,
): Promise<OrgPrincipal> {
  const made = await person(context, org, role);
  await setPassword(context, made.user_id, password);
  return made;
}

const hashes = new Map<string, string>();

export async function setPassword(context: TestContext, userId: string, password: string): Promise<void> {
  const hash = hashes.get(password) ?? (await context.passwords.hash(password));
  hashes.set(password, hash);
  await context.superuser("UPDATE users SET hashed_password = $2 WHERE user_id = $1", [userId, hash]);
}

/** Signs in from an address. */
export function signInAs(
  services: Clocked,
  username: string,
  more: { password?: string; org?: string; address?: string } = {},
): Promise<Session> {
  const { address = "192.0.2.1", password = PASSWORD, ...rest } = more;
  return perform(services, login, services.at(address), { username, password, ...rest });
}

/** A person with a role who is signed in. */
export async function signInMember(
  services: Clocked,
  org: Pick<Org, "org_id">,
  role: string,
): Promise<{ ann: OrgPrincipal; session: Session }> {
  const ann = await withPassword(services, org, role);
  return { ann, session: await signInAs(services, ann.username) };
}

/** Who a bearer of this token or key is. */
export function bearer(services: Clocked, credential: string, address = "192.0.2.1"): Promise<Principal> {
  return principalOf(services, { authorization: `Bearer ${credential}`, address, request_id: "r-1" });
}
