import { drawPassword, hashPassword, verifyPassword } from "../access/passwords.ts";
import { appendAudit } from "../audit/store.ts";
import type { MetadataDoor, MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { endSessions, revokeTokens } from "../identity/tokens-store.ts";
import { Secret } from "../secrets.ts";
import { passwordEntry } from "./audit.ts";
import { type AdminRow, selectOptionalAdmin, updateFirstPassword, updatePassword } from "./store.ts";

export type FirstPassword =
  /** Set to what was given. */
  | { state: "given" }
  /** Drawn and set; nobody can be told it again. */
  | { state: "drawn"; password: Secret }
  /** There is none, and none was asked for. */
  | { state: "none" }
  /** There was one, and it stays; `other` where what was given is not it. */
  | { state: "kept"; other: boolean };

/**
 * Gives the admin another password whatever the one before: the one given, else a drawn one, which can be told
 * this once. The admin's sessions end. Throws AppError unavailable (there is no admin: nobody seeded).
 */
export async function resetPassword(
  metadata: MetadataDoor,
  given: Secret | undefined,
): Promise<Extract<FirstPassword, { state: "given" | "drawn" }>> {
  const password = given ?? new Secret(drawPassword());
  const hash = await hashPassword(password.reveal());
  const chosen = given === undefined ? "drawn" : "given";
  await metadata.system(async (tx) => {
    const { user_id } = await adminIn(tx);
    await updatePassword(tx, user_id, hash);
    await revokeTokens(tx, user_id, "reset");
    await endSessions(tx, user_id);
    await appendAudit(tx, [passwordEntry(user_id, chosen, "user.reset_password")]);
  });
  return chosen === "drawn" ? { state: "drawn", password } : { state: "given" };
}

async function adminIn(tx: MetadataTx): Promise<AdminRow> {
  const admin = await selectOptionalAdmin(tx);
  if (admin === undefined) throw new AppError("unavailable", "there is no user admin: run `aliquot seed`");
  return admin;
}

/**
 * Gives the admin a first password: the one given, else with `draw` a drawn one. One that is set is never
 * changed. Two at once: one sets it, the other finds it kept.
 * Throws AppError unavailable (there is no admin: nobody seeded).
 */
export async function setFirstPassword(
  metadata: MetadataDoor,
  options: { given: Secret | undefined; draw: boolean },
): Promise<FirstPassword> {
  const admin = await metadata.system(adminIn);
  const { given } = options;
  if (admin.hashed_password !== null) {
    const other = given !== undefined && !(await verifyPassword(given.reveal(), admin.hashed_password));
    return { state: "kept", other };
  }
  if (given === undefined && !options.draw) return { state: "none" };
  const password = given ?? new Secret(drawPassword());
  const hash = await hashPassword(password.reveal());
  const chosen = given === undefined ? "drawn" : "given";
  const won = await metadata.system(async (tx) => {
    const set = await updateFirstPassword(tx, admin.user_id, hash);
    if (set) await appendAudit(tx, [passwordEntry(admin.user_id, chosen)]);
    return set;
  });
  if (!won) return { state: "kept", other: false };
  return chosen === "drawn" ? { state: "drawn", password } : { state: "given" };
}
