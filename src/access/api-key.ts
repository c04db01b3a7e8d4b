import { randomBytes, randomInt } from "node:crypto";
import { crc32 } from "node:zlib";

/*
 * `alq_<id>_<secret><check>`: twelve letters and digits that find the row and may be shown, 256 random bits in
 * base64url, and seven digits (base 36) of the CRC-32 of all that stands before them. Scanners find it by its form, and
 * a mistyped one is known without asking a database.
 */
const FORM = /^(alq_([a-z0-9]{12})_[A-Za-z0-9_-]{43})([a-z0-9]{7})$/;
const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";
const PREFIX_LENGTH = 12;
const SECRET_BYTES = 32;

/** A new key and the part of it that may be shown. */
export function drawKey(): { key: string; prefix: string } {
  const prefix = Array.from({ length: PREFIX_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join("");
  const body = `alq_${prefix}_${randomBytes(SECRET_BYTES).toString("base64url")}`;
  return { key: `${body}${checkOf(body)}`, prefix };
}

/** Whether a text means to be a key at all. */
export function looksLikeKey(text: string): boolean {
  return text.startsWith("alq_");
}

/** The part of a key that finds its row; undefined where it is none, or was mistyped. */
export function prefixOf(text: string): string | undefined {
  const [, body, prefix, check] = FORM.exec(text) ?? [];
  return body !== undefined && checkOf(body) === check ? prefix : undefined;
}

function checkOf(body: string): string {
  return crc32(body).toString(36).padStart(7, "0");
}
