import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { SessionOrg } from "./schema.ts";

export type SignInRow = {
  user_id: string;
  username: string;
  email: string;
  hashed_password: string | null;
  enabled: boolean;
  is_admin: boolean;
};

function people(tx: MetadataTx) {
  return tx
    .selectFrom("users")
    .select(["user_id", "username", "email", "hashed_password", "enabled", "is_admin"]);
}

/** A person by username or confirmed address, whatever the case; service accounts have no password to sign in with. */
export async function selectOptionalPerson(tx: MetadataTx, name: string): Promise<SignInRow | undefined> {
  const wanted = sql<string>`lower(${name.normalize("NFC")})`;
  return (
    people(tx)
      .where((eb) =>
        eb.or([
          eb(eb.fn("lower", ["username"]), "=", wanted),
          eb.and([eb(eb.fn("lower", ["email"]), "=", wanted), eb("email_confirmed", "=", true)]),
        ]),
      )
      .where("kind", "=", "person")
      .where("erased_at", "is", null)
      // One's username may be another's address: then the username wins, so that a name always means the same one.
      .orderBy(sql`lower(username) = ${wanted}`, "desc")
      .executeTakeFirst()
  );
}

export async function selectOptionalPersonById(
  tx: MetadataTx,
  userId: string,
): Promise<SignInRow | undefined> {
  return people(tx)
    .where("user_id", "=", userId)
    .where("kind", "=", "person")
    .where("erased_at", "is", null)
    .executeTakeFirst();
}

/** Locks a person's row and notes that they signed in; false where they may no longer, or have another password by now. */
export async function noteSignIn(
  tx: MetadataTx,
  person: Pick<SignInRow, "user_id" | "hashed_password">,
  rehashed: string | undefined,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable("users")
    .set({
      last_login_at: sql<string>`now()`,
      ...(rehashed === undefined ? {} : { hashed_password: rehashed }),
    })
    .where("user_id", "=", person.user_id)
    .where("hashed_password", "=", person.hashed_password)
    .where("enabled", "=", true)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Sets a password; false where `former` is no longer the hash that is there. */
export async function updatePassword(
  tx: MetadataTx,
  userId: string,
  hash: string,
  former: string | null,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable("users")
    .set({ hashed_password: hash })
    .where("user_id", "=", userId)
    .where((eb) => eb("hashed_password", "is not distinct from", former))
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** How many organizations an operator, who may go everywhere, is told of. */
const MOST_ORGS = 200;

/** Organizations that somebody may act in, by name: their own, and for an operator all. */
export async function selectReachableOrgs(
  tx: MetadataTx,
  who: { user_id: string; is_admin: boolean },
): Promise<SessionOrg[]> {
  let query = tx
    .selectFrom("organizations as o")
    .select(["o.org_id", "o.slug", "o.name"])
    .where("o.status", "in", ["active", "suspended", "deleting"])
    .orderBy("o.name")
    .limit(MOST_ORGS);
  if (!who.is_admin)
    query = query.where("o.org_id", "in", (eb) =>
      eb.selectFrom("memberships").select("org_id").where("user_id", "=", who.user_id),
    );
  return query.execute();
}

/** The same for one organization by name, slug or id; undefined where it is not theirs, or there is none. */
export async function selectOptionalReachableOrg(
  tx: MetadataTx,
  who: { user_id: string; is_admin: boolean },
  text: string,
): Promise<SessionOrg | undefined> {
  const wanted = sql<string>`lower(${text.normalize("NFC")})`;
  const found = await sql<SessionOrg>`
    SELECT o.org_id, o.slug, o.name FROM organizations o
    WHERE o.status IN ('active', 'suspended', 'deleting')
      AND (o.org_id::text = ${wanted} OR lower(o.name) = ${wanted} OR o.slug = ${wanted})
      AND (${who.is_admin} OR EXISTS (
        SELECT FROM memberships m WHERE m.org_id = o.org_id AND m.user_id = ${who.user_id}))
    ORDER BY o.org_id::text = ${wanted} DESC, lower(o.name) = ${wanted} DESC LIMIT 1`.execute(tx);
  return found.rows[0];
}

/** Where the person acted last, as far as a session remembers it. */
export async function selectOptionalLastOrg(tx: MetadataTx, userId: string): Promise<string | undefined> {
  const row = await tx
    .selectFrom("tokens")
    .select("org_id")
    .where("user_id", "=", userId)
    .where("kind", "=", "refresh")
    .orderBy("token_id", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.org_id ?? undefined;
}

export type AccountRow = {
  username: string;
  email: string | null;
  kind: "person" | "service";
  is_admin: boolean;
};

/** An account as it is told of to itself; a service account's address is a placeholder, and nobody's. */
export async function selectOptionalAccount(tx: MetadataTx, userId: string): Promise<AccountRow | undefined> {
  return tx
    .selectFrom("users")
    .select(["username", "is_admin"])
    .select(sql<AccountRow["kind"]>`kind`.as("kind"))
    .select(sql<string | null>`CASE WHEN kind = 'person' THEN email END`.as("email"))
    .where("user_id", "=", userId)
    .where("erased_at", "is", null)
    .executeTakeFirst();
}
