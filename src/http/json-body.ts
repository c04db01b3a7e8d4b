import { HttpError } from "./http-error.ts";

/** Deeper than any input of ours; what follows a value down must not run out of stack. */
const DEEPEST = 60;
/** A body of 32 MiB may be 16 million empty lists: some GiB of memory. */
const MOST_VALUES = 200_000;
/** No object of ours has a hundred fields; one of 100,000 names is copied and searched for a third of a second. */
const MOST_NAMES = 10_000;

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/**
 * A JSON document as it was sent, refused where two readers could understand it differently: names that stand twice,
 * bytes that are no UTF-8, halves of characters. Throws HttpError malformed, body_too_large.
 */
export function parseBody(bytes: Buffer): unknown {
  const text = textOf(bytes);
  if (text.trim() === "") return undefined;
  scan(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new HttpError("malformed", `the body is no JSON: ${placeOf(cause)}`, { cause });
  }
  if (/\\u[dD][89a-fA-F]/.test(text) && !isWellFormed(value))
    throw new HttpError("malformed", "the body holds half a character (a lone surrogate)");
  return value;
}

function textOf(bytes: Buffer): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw new HttpError("malformed", "the body is not in UTF-8", { cause });
  }
}

/** Where reading stopped; the parser's own words repeat what was sent. */
function placeOf(cause: unknown): string {
  const at = /position (\d+)/.exec(cause instanceof Error ? cause.message : "")?.[1];
  return at === undefined
    ? "it ends too early, or is written in another way"
    : `see its character ${Number(at) + 1}`;
}

/** Depth, size and names, before anything is made of the text; whether it is JSON at all the parser says. */
function scan(text: string): void {
  const open: (Set<string> | null)[] = [];
  let isName = false;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      const end = endOfString(text, at);
      const names = open.at(-1);
      if (isName && names != null) keepName(names, text.slice(at, end + 1));
      isName = false;
      at = end;
    } else if (code === 0x7b || code === 0x5b) {
      isName = code === 0x7b;
      if (open.push(isName ? new Set() : null) > DEEPEST)
        throw new HttpError("malformed", `the body is nested deeper than ${DEEPEST}`);
    } else if (code === 0x7d || code === 0x5d) {
      open.pop();
      isName = false;
    } else if (code === 0x2c) {
      isName = open.at(-1) != null;
      if (++values > MOST_VALUES)
        throw new HttpError(
          "body_too_large",
          `the body has more than ${MOST_VALUES} values: send less at once`,
        );
    }
  }
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

function keepName(names: Set<string>, quoted: string): void {
  const name = quoted.includes("\\") ? unescaped(quoted) : quoted.slice(1, -1);
  if (name === "__proto__") throw new HttpError("malformed", "the body has a field called __proto__");
  if (names.has(name))
    throw new HttpError("malformed", `${name.slice(0, 100)} stands twice in the body: give it once`, {
      fields: [{ path: `/${name.slice(0, 100)}`, rule: "must be given once" }],
    });
  if (names.size >= MOST_NAMES)
    throw new HttpError("body_too_large", `an object of the body has more than ${MOST_NAMES} names`);
  names.add(name);
}

function unescaped(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(isWellFormed);
  return Object.entries(value).every(([name, each]) => name.isWellFormed() && isWellFormed(each));
}
