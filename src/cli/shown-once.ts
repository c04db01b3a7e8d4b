import { AppError } from "../errors.ts";
import type { Cli } from "./cli.ts";
import { askPassword, askSecrets } from "./prompt.ts";

/** A number of things in words: 1 key, 2 keys. */
export function many(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

/** An answer that was given before and got lost on the way: what was in it once is told to nobody again. */
export function lost(again: string): never {
  throw new AppError(
    "unavailable",
    `it was done, and the answer with the secret was lost: ${again} makes another one`,
  );
}

/** What a token is for, the token, and what whoever gets it does with it. */
export function tokenLines(what: string, token: string): string {
  return [
    `${what}, with this token, which can't be shown again:`,
    `  ${token}`,
    `give it to them alone; they run \`aliquot user password --token\`, or ask POST /v1/auth/reset`,
  ].join("\n");
}

/** A password that is typed, twice where somebody is there. Throws AppError usage. */
export async function newPassword(cli: Cli): Promise<string> {
  return (await provenPassword(cli)).password;
}

/**
 * The same, and before it another secret (`asked`: what it is), which standard input has in a line before.
 * Throws AppError usage.
 */
export async function provenPassword(cli: Cli, asked?: string): Promise<{ proof: string; password: string }> {
  const questions = asked === undefined ? [] : [`${asked}: `];
  const [password = "", proof = ""] = (
    await askSecrets(cli.io, [...questions, "new password: "])
  ).toReversed();
  if (asked !== undefined && proof === "") throw missing(asked);
  if (password === "")
    throw new AppError(
      "usage",
      "there is no password: type it, or give it on standard input, a line by itself",
    );
  if (cli.io.stdin.isTTY === true && (await askPassword(cli.io, "once more: ")) !== password)
    throw new AppError("usage", "these are two passwords: nothing was done");
  return { proof, password };
}

/** A token that somebody was given: never an argument, as other people of the machine see those. Throws AppError usage. */
export async function givenToken(cli: Cli): Promise<string> {
  const token = await askPassword(cli.io, "token: ");
  if (token === "") throw missing("token");
  return token;
}

function missing(what: string): AppError {
  return new AppError(
    "usage",
    `there is no ${what}: type it, or give it on standard input, a line by itself`,
  );
}
