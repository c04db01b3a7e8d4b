import { AppError } from "../errors.ts";
import { isUuid } from "../ids.ts";
import { isWords } from "../words.ts";
import { MYSELF, USERNAME_LONGEST } from "./schema.ts";

/** Where addresses of tombstones and services end (RFC 2606): nobody's mail goes there. */
export const NOWHERE = "invalid";

/** What stands where a person's name stood: the random end of their id, as its beginning is a time. */
export function tombstoneName(userId: string): string {
  return `erased-${userId.slice(-12)}`;
}

export function tombstoneEmail(userId: string): string {
  return `erased+${userId}@${NOWHERE}`;
}

/** The table asks every user for an address: a service has one that leads nowhere. */
export function serviceEmail(userId: string): string {
  return `service+${userId}@${NOWHERE}`;
}

function refused(field: string, rule: string): AppError {
  return new AppError("bad_input", `${field} ${rule}`, { fields: [{ path: `/${field}`, rule }] });
}

/**
 * ASCII alone, beginning with a letter or digit: a letter of another script looks like one of these, and two people
 * like one. No @, so that no name is taken for an address. Accounts from before keep their names.
 */
const USERNAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]*$/;

/** A new account's username. Throws AppError bad_input. */
export function usernameOf(name: string): string {
  if (name.length < 1 || name.length > USERNAME_LONGEST)
    throw refused("username", `must have 1 to ${USERNAME_LONGEST} characters`);
  if (!USERNAME.test(name))
    throw refused(
      "username",
      "must begin with a letter or a digit, and have none but letters (a to z, either case), digits and . _ -",
    );
  if (name.toLowerCase() === MYSELF || isUuid(name) || /^erased-/i.test(name))
    throw refused("username", "can't be this one: it means something else here");
  return name;
}

/** One way to write an address. Throws AppError bad_input. */
export function emailOf(text: string): string {
  const email = text.normalize("NFC");
  const length = [...email].length;
  if (length > 320 || !/^[^\s@\p{C}]+@[^\s@\p{C}]+$/u.test(email))
    throw refused("email", "must be an address such as ann@example.org");
  if (email.toLowerCase().endsWith(`@${NOWHERE}`))
    throw refused("email", `can't end in @${NOWHERE}: no mail goes there`);
  return email;
}

/** One way to write a role's name. Throws AppError bad_input. */
export function roleNameOf(text: string): string {
  const name = text.normalize("NFC");
  if (
    name.trim() !== name ||
    !isWords(name) ||
    /[\p{C},]/u.test(name) ||
    isUuid(name) ||
    [...name].length > 100
  )
    throw refused(
      "name",
      "must have 1 to 100 characters, no blank at either end, and neither commas nor unseen characters",
    );
  return name;
}
