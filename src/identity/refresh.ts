import { selectOptionalAccess } from "../access/access-store.ts";
import { auditEntry } from "../audit/entry.ts";
import { appendAudit } from "../audit/store.ts";
import type { MetadataTx } from "../db/metadata.ts";
import type { Session } from "./schema.ts";
import { accessAnswer, endOfSession, type SessionPerson, sessionOver } from "./session.ts";
import type { IdentityCall } from "./sign-in.ts";
import {
  endSession,
  lockOptionalRefresh,
  type RefreshRow,
  replaceRefresh,
  selectOptionalUnused,
} from "./tokens-store.ts";

/** As long as somebody whose connection broke, or whose second tab was slower, takes to ask again: our client does. */
export const GRACE_SECONDS = 10;

type Outcome = { session: Session } | { stolen: RefreshRow } | { over: true };

/**
 * The next tokens of a session, for its newest refresh token, which is used up by it. Where that one was used up in
 * the last ten seconds and its successor was not used yet, the same successor is given again: an answer was lost, or two
 * tabs asked. It is one line of tokens either way, so a thief and their victim can't both go on from it unnoticed. An
 * older token that comes again is somebody's copy: then the session ends, for both.
 * Throws AppError unauthenticated, for whatever reason.
 */
export async function refresh(call: IdentityCall, token: string): Promise<Session> {
  const { services } = call;
  const outcome = await services.metadata.system((tx) => decide(tx, call, token));
  if ("session" in outcome) return outcome.session;
  if ("stolen" in outcome) {
    const { user_id, session_id } = outcome.stolen;
    services.access.forget(user_id);
    services.log.warn(
      { user_id, session_id, address: call.principal.address ?? null },
      "a refresh token came twice: the session was ended",
    );
  }
  throw sessionOver();
}

async function decide(tx: MetadataTx, call: IdentityCall, token: string): Promise<Outcome> {
  const row = await lockOptionalRefresh(tx, token);
  if (row === undefined || row.revoked || row.is_expired) return { over: true };
  const access = await selectOptionalAccess(tx, row);
  if (access === undefined || !access.enabled) return { over: true };
  if (endOfSession(row.session_id, call.services.tokens.settings).getTime() <= Date.now())
    return { over: true };
  if (row.used_seconds_ago === null) return { session: await goOn(tx, call, row, access, token) };
  const successor = await selectOptionalUnused(tx, row.token_id);
  if (successor !== undefined && row.used_seconds_ago <= GRACE_SECONDS)
    return { session: await again(tx, call, row, access, { token, ...successor }) };
  await endSession(tx, row.session_id, row.user_id);
  const entry = auditEntry({
    action: "auth.refresh_reused",
    entity_type: "session",
    entity_id: row.session_id,
    metadata: { user_id: row.user_id },
  });
  await appendAudit(tx, [entry]);
  return { stolen: row };
}

async function goOn(
  tx: MetadataTx,
  { services: { tokens } }: IdentityCall,
  row: RefreshRow,
  person: SessionPerson,
  token: string,
): Promise<Session> {
  const answer = await accessAnswer(tx, tokens, person, row);
  const refresh_token = tokens.successor(token);
  const refresh_expires_at = await replaceRefresh(tx, row, {
    token: refresh_token,
    org_id: answer.org?.org_id ?? null,
    ttl_seconds: tokens.settings.refresh_ttl_seconds,
    ends_at: endOfSession(row.session_id, tokens.settings),
  });
  return { ...answer, refresh_token, refresh_expires_at };
}

async function again(
  tx: MetadataTx,
  { services: { tokens } }: IdentityCall,
  { session_id }: RefreshRow,
  person: SessionPerson,
  { token, org_id, expires_at }: { token: string; org_id: string | null; expires_at: string },
): Promise<Session> {
  const answer = await accessAnswer(tx, tokens, person, { session_id, org_id });
  return { ...answer, refresh_token: tokens.successor(token), refresh_expires_at: expires_at };
}
