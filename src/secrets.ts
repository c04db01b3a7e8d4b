import { createHmac, randomBytes } from "node:crypto";
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { AppError } from "./errors.ts";

/** Text that prints as `[secret]` wherever it is logged, inspected or serialised. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }
  reveal(): string {
    return this.#text;
  }
  toString(): string {
    return "[secret]";
  }
  toJSON(): string {
    return "[secret]";
  }
  [inspect.custom](): string {
    return "[secret]";
  }
}

/**
 * The installation's key: `ALIQUOT_SECRET_KEY` (or its `_FILE`), else the home's `secret`, made once
 * with mode 0600. Every derived password hangs on it: losing it means rotating all of them.
 * Throws AppError: usage (too short), unavailable (the home can't hold it).
 */
export function secretKey(env: Record<string, string | undefined>, home: string): Secret {
  const given = env["ALIQUOT_SECRET_KEY"] ?? readGiven("ALIQUOT_SECRET_KEY_FILE", env);
  if (given !== undefined && given !== "") {
    if (given.length >= SHORTEST) return new Secret(given);
    throw new AppError("usage", "settings: ALIQUOT_SECRET_KEY must have at least 32 characters");
  }
  const path = join(home, "secret");
  const text = keptSecret(path);
  if (text.length >= SHORTEST) return new Secret(text);
  throw new AppError(
    "unavailable",
    `${path} is empty or was cut short: put it back from a backup, or give ALIQUOT_SECRET_KEY`,
  );
}

function keptSecret(path: string): string {
  try {
    if (!existsSync(path)) makeSecret(path);
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    const what = `can't keep a secret in ${path}: give ALIQUOT_SECRET_KEY or a writable home`;
    throw new AppError("unavailable", what, { cause });
  }
}

const SHORTEST = 32;

/** What a person must choose at least; one that is drawn is longer. */
const PASSWORD_SHORTEST = 12;

/**
 * The password that the environment chooses for the admin: `ADMIN_PASSWORD` (or its `_FILE`); undefined
 * where it chooses none. Throws AppError usage (too short, or the file can't be read).
 */
export function adminPassword(env: Record<string, string | undefined>): Secret | undefined {
  const direct = env["ADMIN_PASSWORD"];
  const given = direct === undefined || direct === "" ? readGiven("ADMIN_PASSWORD_FILE", env) : direct;
  if (given === undefined) return undefined;
  if ([...given].length >= PASSWORD_SHORTEST) return new Secret(given);
  throw new AppError("usage", `settings: ADMIN_PASSWORD must have at least ${PASSWORD_SHORTEST} characters`);
}

/** The key that commands show to an API: `ALIQUOT_API_KEY` (or its `_FILE`); undefined where none is given. */
export function apiKey(env: Record<string, string | undefined>): Secret | undefined {
  const given = env["ALIQUOT_API_KEY"] || readGiven("ALIQUOT_API_KEY_FILE", env);
  return given === undefined || given === "" ? undefined : new Secret(given);
}

function readGiven(name: string, env: Record<string, string | undefined>): string | undefined {
  const file = env[name];
  if (file === undefined || file === "") return undefined;
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new AppError("usage", `settings: ${name} names a file that can't be read`, { cause });
  }
}

/** Written aside and linked into place, so two first commands at once agree on one key. */
function makeSecret(path: string): void {
  const aside = `${path}.${process.pid}`;
  writeFileSync(aside, `${randomBytes(32).toString("base64url")}\n`, {
    mode: 0o600,
    flag: "wx",
    flush: true,
  });
  try {
    linkSync(aside, path);
  } catch (error) {
    if (!existsSync(path)) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Password of a login role: HMAC-SHA256 of the key over its purpose; stored nowhere. */
export function derivePassword(key: Secret, purpose: string): Secret {
  return new Secret(createHmac("sha256", key.reveal()).update(purpose).digest("base64url"));
}
