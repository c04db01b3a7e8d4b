import { timingSafeEqual } from "node:crypto";
import { sha256 } from "../ids.ts";
import type { Services } from "../services.ts";
import {
  type AccessRow,
  type KeyAccessRow,
  selectOptionalAccess,
  selectOptionalKeyAccess,
  sessionGoesOn,
  touchKey,
} from "./access-store.ts";
import { looksLikeKey, prefixOf } from "./api-key.ts";
import { credentialOf } from "./memory.ts";
import { IN_PERSON_PERMISSIONS, OPERATOR_PERMISSIONS, PERMISSIONS } from "./permissions.ts";
import { acting, NOBODY, type Principal } from "./principal.ts";
import { notBelieved } from "./refuse-ended.ts";
import type { Claims } from "./token-maker.ts";

/** How a request says who asks: its Authorization header, and where it comes from. */
export type Asking = {
  authorization: string | undefined;
  address: string;
  request_id: string;
  /**
   * Asked before a credential that this process does not know costs a look at the database; it may throw. With a
   * session where the token is one that we signed: nobody can guess those.
   */
  unknown?: (session?: string) => Promise<void>;
};

type Doors = Pick<Services, "metadata" | "access" | "tokens" | "log">;

/** An organization in one of these may be asked; a deleted one is as if it had never been. */
const REACHABLE: readonly (string | null)[] = ["active", "suspended", "deleting"];

/**
 * Who asks: nobody without a header, else the person of an access token or the owner of an API key, each sent as
 * `Bearer`. What they may do is believed for 10 s (services.access); a token that is known costs no database.
 * Throws AppError unauthenticated, which says nothing of why: the log has that under the request's id.
 */
export async function principalOf(services: Doors, asking: Asking): Promise<Principal> {
  const { authorization, address } = asking;
  if (authorization === undefined) return { ...NOBODY, address };
  const [, credential] = /^bearer +([\x21-\x7e]+) *$/i.exec(authorization) ?? [];
  try {
    if (credential === undefined) throw new Refused("not a bearer token");
    const principal = looksLikeKey(credential)
      ? await ofKey(services, credential, asking)
      : await ofSession(services, credential, asking);
    return { ...principal, address };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    services.log.info({ request_id: asking.request_id, address, why: error.message }, "credentials refused");
    throw notBelieved();
  }
}

/** Why a credential is not believed: for the log alone. */
class Refused extends Error {}

async function ofSession(
  { tokens, access, metadata }: Doors,
  token: string,
  { unknown }: Asking,
): Promise<Principal> {
  const claims = tokens.read(token);
  if (typeof claims === "string") throw new Refused(claims);
  const { session_id, user_id, org_id, expires_at } = claims;
  let isTold = false;
  const look = async () => {
    isTold = true;
    await unknown?.(session_id);
    return metadata.system(async (tx) => {
      if (!(await sessionGoesOn(tx, { user_id, session_id }))) throw new Refused("the session ended");
      return sessionPrincipal(await selectOptionalAccess(tx, { user_id, org_id }), claims);
    });
  };
  const credential = `session:${session_id}:${user_id}:${org_id}`;
  const known = await access.of(credential, look).catch(async (error: unknown) => {
    // Who shared another's look, and was refused by it, is of this session too, and no guess.
    if (!isTold) await unknown?.(session_id);
    throw error;
  });
  return { ...known, expires_at };
}

function sessionPrincipal(row: AccessRow | undefined, { org_id, session_id }: Claims): Principal {
  const access = usable(row, org_id);
  return { ...acting(access, org_id), via: "session", session_id };
}

/** Somebody who may act there at all. Throws Refused. */
function usable(access: AccessRow | undefined, orgId: string | null): AccessRow {
  if (access === undefined || !access.enabled) throw new Refused("the person is gone or disabled");
  if (orgId === null) return access;
  if (!REACHABLE.includes(access.org_status)) throw new Refused("the organization is gone");
  if (!access.is_member && !access.is_admin) throw new Refused("no longer a member");
  return access;
}

async function ofKey({ access, metadata }: Doors, key: string, { unknown }: Asking): Promise<Principal> {
  const prefix = prefixOf(key);
  if (prefix === undefined) throw new Refused("a mistyped key");
  const credential = `key:${credentialOf(key)}`;
  const isGuess = !access.knew(credential);
  const known = await access.of(credential, async () => {
    if (isGuess) await unknown?.();
    // What is written is when it was last used: lost in a crash, nobody misses it.
    return metadata.system(async (tx) => {
      const row = await selectOptionalKeyAccess(tx, prefix);
      if (row === undefined || !timingSafeEqual(Buffer.from(row.key_hash), Buffer.from(sha256(key))))
        throw new Refused("an unknown key");
      if (!row.is_usable) throw new Refused("the key was revoked, or it expired");
      const owner = usable(await selectOptionalAccess(tx, row), row.org_id);
      await touchKey(tx, row.key_id);
      return keyPrincipal(owner, row);
    }, "soon");
  });
  if (known.expires_at !== undefined && known.expires_at.getTime() <= Date.now())
    throw new Refused("the key expired");
  return known;
}

/**
 * A key acts for its owner in one organization. It may do what both its scopes say and its owner may at this moment;
 * without scopes, all that its owner may, but for the operator's permissions: those a scope must name. It never
 * operates the installation, and one with scopes does not see others' private rows as an admin does.
 */
function keyPrincipal(owner: AccessRow, row: KeyAccessRow): Principal {
  const own = acting(owner, row.org_id);
  const { scopes, expires_at, key_id } = row;
  const permissions = PERMISSIONS.filter(
    (name) =>
      own.permissions.has(name) &&
      !IN_PERSON_PERMISSIONS.includes(name) &&
      (scopes === null ? !OPERATOR_PERMISSIONS.includes(name) : scopes.includes(name)),
  );
  const withheld = [...own.permissions].filter(
    (name) => !IN_PERSON_PERMISSIONS.includes(name) && !permissions.includes(name),
  );
  return {
    ...own,
    is_admin: false,
    is_org_admin: own.is_org_admin && scopes === null,
    permissions: new Set(permissions),
    via: "key",
    session_id: null,
    key_id,
    withheld: new Set(withheld),
    ...(expires_at === null ? {} : { expires_at: new Date(expires_at) }),
  };
}
