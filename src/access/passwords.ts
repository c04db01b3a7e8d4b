import * as crypto from "node:crypto";
import { AppError } from "../errors.ts";

const PASSWORD_LONGEST = 1024;

/** OWASP's second choice for Argon2id: 19 MiB, two passes, one lane. */
const COST = { memory: 19_456, passes: 2, parallelism: 1 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** What a stored hash may ask of us: somebody who can write one must not be able to take our memory. */
const MOST = { memory: 1_048_576, passes: 16, parallelism: 16, bytes: 64 };

type Cost = typeof COST;
type Parsed = { cost: Cost; salt: Buffer; hash: Buffer };

/**
 * The Argon2id hash of a password as a PHC string, with a fresh salt. The same characters written another way
 * (composed, decomposed, full width) are the same password.
 * Throws AppError: usage (longer than 1,024 characters), unavailable (a Node older than 24.7).
 */
export async function hashPassword(text: string): Promise<string> {
  if (text.length > PASSWORD_LONGEST)
    throw new AppError("usage", `a password may have ${PASSWORD_LONGEST} characters at most`);
  const salt = crypto.randomBytes(SALT_BYTES);
  const hash = await derive(text, COST, salt, HASH_BYTES);
  const { memory, passes, parallelism } = COST;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${bare(salt)}$${bare(hash)}`;
}

/** Whether the password has this hash; false too for a hash that is none of ours, and for no hash at all. */
export async function verifyPassword(text: string, stored: string | null): Promise<boolean> {
  const parsed = parse(stored);
  if (parsed === undefined || text.length > PASSWORD_LONGEST) return false;
  const hash = await derive(text, parsed.cost, parsed.salt, parsed.hash.length);
  return crypto.timingSafeEqual(hash, parsed.hash);
}

/** Whether a password that was just verified should be hashed again: made with another cost, or by another way. */
export function needsRehash(stored: string): boolean {
  const cost = parse(stored)?.cost;
  return (
    cost === undefined ||
    cost.memory !== COST.memory ||
    cost.passes !== COST.passes ||
    cost.parallelism !== COST.parallelism
  );
}

/** Letters and digits that nobody takes for one another when reading them aloud or copying them by hand. */
const READABLE = "abcdefghjkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXYZ234679";

/** A drawn password in four groups: 24 characters of 51, which is 136 bits. */
export function drawPassword(): string {
  const group = () => Array.from({ length: 6 }, () => READABLE[crypto.randomInt(READABLE.length)]).join("");
  return [group(), group(), group(), group()].join("-");
}

function parse(stored: string | null): Parsed | undefined {
  const found = /^\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$([\w+/]+)\$([\w+/]+)$/.exec(
    stored ?? "",
  );
  if (found === null) return undefined;
  const [memory, passes, parallelism] = found.slice(1, 4).map(Number) as [number, number, number];
  const [salt, hash] = found.slice(4, 6).map((text) => Buffer.from(text, "base64")) as [Buffer, Buffer];
  const usable =
    memory <= MOST.memory &&
    memory >= 8 * parallelism &&
    passes >= 1 &&
    passes <= MOST.passes &&
    parallelism >= 1 &&
    parallelism <= MOST.parallelism &&
    salt.length >= 8 &&
    salt.length <= MOST.bytes &&
    hash.length >= 4 &&
    hash.length <= MOST.bytes;
  return usable ? { cost: { memory, passes, parallelism }, salt, hash } : undefined;
}

/** In a thread of libuv's pool: 30 ms in which everything else goes on. */
function derive(text: string, cost: Cost, nonce: Buffer, tagLength: number): Promise<Buffer> {
  // Node 24.0 to 24.6, or one built on an old OpenSSL, has none: said here, and not when this file is loaded.
  if (typeof crypto.argon2 !== "function")
    throw new AppError("unavailable", `Node ${process.version} has no Argon2: use Node 24.7 or newer`);
  const message = text.normalize("NFKC");
  return new Promise((resolve, reject) => {
    crypto.argon2("argon2id", { message, nonce, tagLength, ...cost }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

function bare(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
