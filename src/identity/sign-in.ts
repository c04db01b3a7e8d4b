import { needsRehash } from "../access/passwords.ts";
import type { Principal } from "../access/principal.ts";
import { auditEntry } from "../audit/entry.ts";
import { appendAudit } from "../audit/store.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { AppError, toAppError } from "../errors.ts";
import { newId } from "../ids.ts";
import type { OwnTools } from "../operation.ts";
import type { Services } from "../services.ts";
import { networkOf } from "./network.ts";
import {
  noteSignIn,
  type SignInRow,
  selectOptionalLastOrg,
  selectOptionalPerson,
  selectOptionalReachableOrg,
  selectReachableOrgs,
} from "./people-store.ts";
import type { Session, SignIn } from "./schema.ts";
import { accessAnswer } from "./session.ts";
import { deleteOldTokens, insertSession, knowsAddress } from "./tokens-store.ts";

export type IdentityCall = { services: Services; principal: Principal; tools: OwnTools };

/**
 * Signs a person in with a password and begins a session, in the organization that is named, else in that where they
 * acted last, else in their only one, else in none. A name that nobody has, an account without a password and
 * a wrong password get the same answer in the same time. A bcrypt hash, or one of another cost, is made anew.
 * Throws AppError: unauthenticated, forbidden (disabled, said only to who knows the password), not_found (an
 * organization that is not theirs), quota (too many attempts), unavailable (too many at once).
 */
export async function signIn(call: IdentityCall, input: SignIn): Promise<Session> {
  const { services } = call;
  const network = networkOf(call.principal.address);
  const { person, known } = await lookUp(services, input.username, network);
  const stored = person?.hashed_password ?? null;
  const attempt = { name: input.username, network, known };
  const failed = () => services.signIns.afterwards(() => noteFailure(call, person));
  const right = await services.signIns.attempt(attempt, async ({ blind, looked }) => {
    const how = { favoured: known, looked };
    const found = await services.passwords.verify(input.password, blind ? null : stored, how);
    if (!found) failed();
    return found;
  });
  if (person === undefined || !right)
    throw new AppError("unauthenticated", "the name or the password is wrong");
  const rehashed = needsRehash(stored ?? "") ? await services.passwords.hash(input.password) : undefined;
  return services.metadata.system((tx) => begin(tx, call, { person, network, rehashed, org: input.org }));
}

async function lookUp(
  { metadata, tokens }: Services,
  name: string,
  network: string,
): Promise<{ person: SignInRow | undefined; known: boolean }> {
  return metadata.system(async (tx) => {
    const person = await selectOptionalPerson(tx, name);
    // Of a name that nobody has it is asked too, or the answer would come one query sooner.
    const user_id = person?.user_id ?? newId();
    return { person, known: await knowsAddress(tx, user_id, tokens.addressTag(user_id, network)) };
  });
}

type Beginning = {
  person: SignInRow;
  network: string;
  rehashed: string | undefined;
  org: string | undefined;
};

async function begin(tx: MetadataTx, call: IdentityCall, how: Beginning): Promise<Session> {
  const { tokens } = call.services;
  const { person, network } = how;
  const { user_id } = person;
  if (!person.enabled)
    throw new AppError("forbidden", "this account is disabled: ask the operator of the installation");
  if (!(await noteSignIn(tx, person, how.rehashed)))
    throw new AppError("conflict", "the account was changed at this moment: sign in once more");
  const org_id = await firstOrg(tx, person, how.org);
  await deleteOldTokens(tx, user_id);
  const session_id = newId();
  const refresh_token = tokens.draw("refresh");
  const refresh_expires_at = await insertSession(tx, {
    session_id,
    user_id,
    org_id,
    token: refresh_token,
    address_tag: tokens.addressTag(user_id, network),
    ttl_seconds: tokens.settings.refresh_ttl_seconds,
  });
  await call.tools.audit(tx, { entity_type: "session", entity_id: session_id, org_id: null, user_id });
  const access = await accessAnswer(tx, tokens, person, { session_id, org_id });
  return { ...access, refresh_token, refresh_expires_at };
}

async function firstOrg(
  tx: MetadataTx,
  person: SignInRow,
  named: string | undefined,
): Promise<string | null> {
  if (named !== undefined) {
    const org = await selectOptionalReachableOrg(tx, person, named);
    if (org === undefined) throw new AppError("not_found", "no such organization");
    return org.org_id;
  }
  const last = await selectOptionalLastOrg(tx, person.user_id);
  // Asked of this one: the list of an operator's organizations ends somewhere.
  if (last !== undefined && (await selectOptionalReachableOrg(tx, person, last)) !== undefined) return last;
  const [only, second] = await selectReachableOrgs(tx, person);
  return only !== undefined && second === undefined ? only.org_id : null;
}

/**
 * The chain is kept for good, so it is not for an attacker to fill: of an account's failures within the hour the first
 * is told, then at 5, 10, 20, 50 and so on; of names that nobody has only how many, from 10 on. No name or address is
 * in it: what was typed may be a password, and an address is a person's. The log has addresses, and is rotated.
 */
async function noteFailure(
  { services, principal }: IdentityCall,
  person: SignInRow | undefined,
): Promise<void> {
  services.log.warn(
    { user_id: person?.user_id ?? null, address: principal.address ?? null },
    "a sign-in failed",
  );
  const { signIns } = services;
  const count = await (person === undefined ? signIns.countUnknown() : signIns.countFailure(person.user_id));
  if (!isTold(count) || (person === undefined && count < 10)) return;
  const entry = auditEntry({
    action: "auth.login_failed",
    entity_type: person === undefined ? "installation" : "user",
    entity_id: person?.user_id ?? null,
    metadata: { failures_within_hour: count },
  });
  await services.metadata
    .system((tx) => appendAudit(tx, [entry]))
    .catch((error: unknown) => {
      services.log.error({ err: toAppError(error).message }, "a failed sign-in could not be noted");
    });
}

/** 1, and 5, 10, 20, 50, 100, 200 … */
function isTold(count: number): boolean {
  return count === 1 || /^([125]0+|5)$/.test(String(count));
}
