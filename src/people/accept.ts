import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { selectOptionalToken, type UsableToken, useToken } from "../identity/tokens-store.ts";
import { newId } from "../ids.ts";
import { MOST } from "../limits/most.ts";
import { ofMember, type PeopleCall } from "./call.ts";
import { addUser, hashNew, refusingTaken } from "./create-user.ts";
import { countAccepted } from "./invitations-store.ts";
import { refuseFull } from "./member.ts";
import type { AcceptedInvitation, MemberAccept } from "./member-schema.ts";
import { insertMember, isMember, lockOrganizations, selectBelongings } from "./members-store.ts";
import { usernameOf } from "./names.ts";
import type { User } from "./schema.ts";
import { lockUser } from "./users-store.ts";

type NewPerson = { username: string; hashed_password: string };

/**
 * Joins an organization by an invitation: with a new account of the invited address where a name and a password for it
 * are given, else as who is signed in. An invitation is used once, also by two at once. No session follows: they sign in.
 * Throws AppError not_found (no such invitation is open), bad_input, forbidden (a key), conflict (a member already;
 * the name is taken), quota.
 */
export async function acceptInvitation(call: PeopleCall, input: MemberAccept): Promise<AcceptedInvitation> {
  const { principal, services } = call;
  if (principal.via === "key")
    throw new AppError("forbidden", "an API key may not join an organization: sign in with a password");
  // Looked for first: only who has an invitation makes us hash a password.
  const { email } = await services.metadata.system((tx) => openInvitation(tx, input.token));
  const isNew = principal.via === "nobody" || input.username !== undefined || input.password !== undefined;
  const person = isNew ? await newPerson(call, input, email) : undefined;
  return refusingTaken(person?.username ?? "", async () => {
    const answer = await services.metadata.system((tx) => join(tx, call, input.token, person));
    services.access.forget(answer.user_id);
    return answer;
  });
}

async function newPerson(
  call: PeopleCall,
  { username, password }: MemberAccept,
  email: string,
): Promise<NewPerson> {
  if (username === undefined || password === undefined) {
    const missing = username === undefined ? "username" : "password";
    throw new AppError("bad_input", `${missing} is needed to make an account`, {
      fields: [{ path: `/${missing}`, rule: "is needed to make an account" }],
    });
  }
  const name = usernameOf(username);
  return { username: name, hashed_password: await hashNew(call, { username: name, email }, password) };
}

type OpenInvitation = { [K in Exclude<keyof UsableToken, "user_id">]: NonNullable<UsableToken[K]> };

async function openInvitation(tx: MetadataTx, token: string): Promise<OpenInvitation> {
  const found = await selectOptionalToken(tx, "invite", token);
  if (found === undefined || found.org_id === null || found.email === null || found.role_id === null)
    throw notOpen();
  const { token_id, org_id, email, role_id } = found;
  return { token_id, org_id, email, role_id };
}

function notOpen(): AppError {
  return new AppError(
    "not_found",
    "no such invitation is open: it was used or taken back, or it ended; ask for another one",
  );
}

async function join(
  tx: MetadataTx,
  { principal, tools }: PeopleCall,
  token: string,
  person: NewPerson | undefined,
): Promise<AcceptedInvitation> {
  const invitation = await openInvitation(tx, token);
  const { org_id, role_id, email, token_id } = invitation;
  const user =
    person === undefined ? await lockUser(tx, principal.user_id) : await addInvited(tx, email, person);
  if (user?.enabled !== true) throw new AppError("forbidden", "you may do nothing any more");
  const [org] = await lockOrganizations(tx, [org_id]);
  const { user_id, username } = user;
  // Under the lock, once more: whoever took it back, or the organization away, was quicker.
  if (org === undefined || !(await useToken(tx, token_id))) throw notOpen();
  if (await isMember(tx, user_id, org_id))
    throw new AppError("conflict", `you are a member of ${org.name} already`);
  await refuseFull(tx, org);
  // This one is used already, and the organization is locked.
  if (person !== undefined && (await countAccepted(tx, org_id)) > MOST.accepted)
    throw new AppError(
      "quota",
      `${MOST.accepted} invitations of an organization are used in 24 hours at most: join with an account that is there, or try again tomorrow`,
    );
  await insertMember(tx, { user_id, org_id, role_ids: [role_id] });
  await tools.audit(tx, {
    ...ofMember(org_id, user_id, { invitation_id: token_id, role_ids: [role_id], new: person !== undefined }),
    user_id,
  });
  const roles = (await selectBelongings(tx, user_id)).find((one) => one.org_id === org_id)?.roles ?? [];
  const { name, slug } = org;
  return { user_id, username, org_id, slug, name, roles, created: person !== undefined };
}

/**
 * Whoever invites has the token, and may accept it themselves: it proves no address. So it is kept as one that nobody
 * confirmed, beside the account of whoever has it, of which nothing is told.
 */
async function addInvited(tx: MetadataTx, email: string, person: NewPerson): Promise<User> {
  return addUser(tx, {
    ...person,
    ...{ user_id: newId(), email, email_confirmed: false, kind: "person", is_admin: false },
  });
}
