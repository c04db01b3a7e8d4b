import { sha256 } from "./ids.ts";

/** What may be signed. Numbers are whole: a decimal is given as a string with stated places. */
export type Canonical = null | boolean | number | string | Canonical[] | { [key: string]: Canonical };

/**
 * Canonical JSON: keys sorted by UTF-16 code unit, no blanks, whole numbers only. Two equal values
 * give the same bytes on every machine, so the text can be hashed (signatures, audit chain).
 * Throws TypeError on a number with decimals, NaN or infinity: say its places with `decimal()`.
 */
export function canonicalJson(value: Canonical): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new TypeError(`${value} has no canonical form: use decimal()`);
    return String(value === 0 ? 0 : value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const fields = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Canonical)}`);
  return `{${fields.join(",")}}`;
}

/** A number as text with a stated count of decimals; negative zero becomes zero. */
export function decimal(value: number, places: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`${value} has no decimal form`);
  const text = value.toFixed(places);
  return value < 0 && value > -1 && /^-0(\.0*)?$/.test(text) ? text.slice(1) : text;
}

/** SHA-256 over the canonical JSON, as hex. */
export function signatureOf(value: Canonical): string {
  return sha256(canonicalJson(value));
}

/**
 * Any JSON value in canonical form: a number with decimals becomes the shortest text that reads back
 * as the same double, undefined fields are left out. Throws TypeError on NaN and infinities.
 */
export function canonical(value: unknown): Canonical {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : shortest(value);
  if (Array.isArray(value)) return value.map(canonical);
  const fields = Object.entries(value as object).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([key, field]) => [key, canonical(field)]));
}

function shortest(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`${value} has no canonical form`);
  return String(value);
}
