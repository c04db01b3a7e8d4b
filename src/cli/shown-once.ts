import { AppError } from "../errors.ts";
import type { Cli } from "./cli.ts";
import { askPassword } from "./prompt.ts";

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
    `give it to them alone; they run \`aliquot user password TOKEN\`, or ask POST /v1/auth/reset`,
  ].join("\n");
}

/** A password that is typed, twice where somebody is there. Throws AppError usage. */
export async function newPassword(cli: Cli): Promise<string> {
  const first = await askPassword(cli.io, "new password: ");
  if (first === "")
    throw new AppError(
      "usage",
      "there is no password: type it, or give it on standard input, a line by itself",
    );
  if (cli.io.stdin.isTTY === true && (await askPassword(cli.io, "once more: ")) !== first)
    throw new AppError("usage", "these are two passwords: nothing was done");
  return first;
}
