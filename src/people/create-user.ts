import type { MetadataTx } from "../db/metadata.ts";
import { violates } from "../db/postgres-errors.ts";
import { AppError } from "../errors.ts";
import { refusePoor } from "../identity/change-password.ts";
import { newId } from "../ids.ts";
import { changePeople, ofUser, type PeopleCall } from "./call.ts";
import { emailOf, usernameOf } from "./names.ts";
import { issueReset } from "./reset-user.ts";
import type { CreatedUser, User, UserCreate } from "./schema.ts";
import { insertUser, type NewUser, selectOptionalUserById } from "./users-store.ts";

/**
 * Makes a person, with the password given, else with a token by which they choose one. They belong to no organization
 * yet. Throws AppError bad_input, conflict (the name or the address is taken), unavailable (too many passwords at once).
 */
export async function createUser(call: PeopleCall, input: UserCreate): Promise<CreatedUser> {
  const [username, email] = [usernameOf(input.username), emailOf(input.email)];
  const { password, operator: is_admin = false } = input;
  const hashed_password = password === undefined ? null : await hashNew(call, { username, email }, password);
  const user_id = newId();
  return refusingTaken(username, () =>
    changePeople<CreatedUser>(call, async (tx) => {
      const user = await addUser(tx, { user_id, username, email, kind: "person", is_admin, hashed_password });
      const reset =
        password === undefined
          ? await issueReset(tx, call, user_id)
          : { reset_token: null, reset_expires_at: null };
      return {
        answer: { ...user, ...reset },
        told: [
          ofUser(user_id, {
            operator: is_admin,
            password: password === undefined ? "to be chosen" : "given",
          }),
        ],
      };
    }),
  );
}

/** The hash of somebody's first password. Throws AppError bad_input, unavailable. */
export async function hashNew(
  { services }: PeopleCall,
  person: { username: string; email: string },
  password: string,
): Promise<string> {
  refusePoor(person, password, "password");
  return services.passwords.hash(password);
}

/** Inserts a user and reads them back. */
export async function addUser(tx: MetadataTx, row: NewUser): Promise<User> {
  await insertUser(tx, row);
  const user = await selectOptionalUserById(tx, row.user_id);
  if (user === undefined) throw new AppError("internal", "a user who was just made is not there");
  return user;
}

/** Says in words that a name or an address is somebody's already: the indexes decide, also of two at once. */
export async function refusingTaken<T>(username: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (violates(error, "users_username_key"))
      throw new AppError("conflict", `the name "${username}" is taken: choose another one`, { cause: error });
    if (violates(error, "users_email_key"))
      throw new AppError("conflict", "somebody has an account with this address already", { cause: error });
    throw error;
  }
}
