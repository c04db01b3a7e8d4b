/**
 * A text that a regular expression as CHECKs have them lets through: anchors, literals, classes, groups,
 * alternatives and counts. `turn` chooses among what is possible, so that another turn gives another text.
 * Undefined where the expression has more than that; whoever asked tries the text anyway before it is used.
 */
export function sampleText(pattern: string, turn: number): string | undefined {
  const reader = { pattern, at: 0, turn };
  try {
    const text = alternatives(reader);
    return reader.at === pattern.length ? text : undefined;
  } catch (error) {
    if (error instanceof Unknown) return undefined;
    throw error;
  }
}

class Unknown extends Error {}

type Reader = { pattern: string; at: number; turn: number };

function alternatives(reader: Reader): string {
  const found = [sequence(reader)];
  while (reader.pattern[reader.at] === "|") {
    reader.at++;
    found.push(sequence(reader));
  }
  return found[reader.turn % found.length] ?? "";
}

function sequence(reader: Reader): string {
  let text = "";
  while (reader.at < reader.pattern.length && !"|)".includes(reader.pattern[reader.at] ?? ""))
    text += repeated(reader);
  return text;
}

function repeated(reader: Reader): string {
  const start = reader.at;
  const one = atom(reader);
  const [least, most] = count(reader);
  // The longer way shows more; one more than the least where there is no end.
  const times = Math.min(most, Math.max(least, 1 + (reader.turn % 3)));
  let text = "";
  const end = reader.at;
  for (let n = 0; n < times; n++) {
    text += n === 0 ? one : atom({ ...reader, at: start, turn: reader.turn + n });
  }
  reader.at = end;
  return text;
}

function count(reader: Reader): [least: number, most: number] {
  const rest = reader.pattern.slice(reader.at);
  const found = /^(?:([?*+])|\{(\d+)(,(\d*))?\})\??/.exec(rest);
  if (found === null) return [1, 1];
  reader.at += found[0].length;
  const [, sign, least, range, most] = found;
  if (sign !== undefined) return [sign === "+" ? 1 : 0, sign === "?" ? 1 : Number.POSITIVE_INFINITY];
  const low = Number(least);
  return [low, range === undefined ? low : most === "" ? Number.POSITIVE_INFINITY : Number(most)];
}

const CLASSES: Record<string, string> = { d: "0123456789", w: "abcxyz0189_", s: " ", S: "abcxyz019" };

function atom(reader: Reader): string {
  const sign = reader.pattern[reader.at++];
  if (sign === "^" || sign === "$") return "";
  if (sign === ".") return pick("abcxyz", reader.turn);
  if (sign === "[") return pick(members(reader), reader.turn);
  if (sign === "(") {
    const open = /^\?:/.exec(reader.pattern.slice(reader.at));
    if (open !== null) reader.at += 2;
    else if (reader.pattern[reader.at] === "?") throw new Unknown();
    const text = alternatives(reader);
    if (reader.pattern[reader.at++] !== ")") throw new Unknown();
    return text;
  }
  if (sign !== "\\") return sign ?? "";
  const escaped = reader.pattern[reader.at++] ?? "";
  const known = CLASSES[escaped];
  if (known !== undefined) return pick(known, reader.turn);
  if (/[A-Za-z0-9]/.test(escaped)) throw new Unknown();
  return escaped;
}

/** The characters of a class; of one that begins with ^, some common ones that it does not name. */
function members(reader: Reader): string {
  const end = reader.pattern.indexOf("]", reader.at + 1);
  if (end < 0) throw new Unknown();
  let body = reader.pattern.slice(reader.at, end);
  reader.at = end + 1;
  const not = body.startsWith("^");
  if (not) body = body.slice(1);
  if (body.includes("[:")) throw new Unknown();
  let all = "";
  for (let at = 0; at < body.length; at++) {
    const first = body[at] ?? "";
    const last = body[at + 1] === "-" ? body[at + 2] : undefined;
    if (first === "\\") all += CLASSES[body[++at] ?? ""] ?? body[at] ?? "";
    else if (last === undefined) all += first;
    else {
      for (let code = first.charCodeAt(0); code <= last.charCodeAt(0); code++)
        all += String.fromCharCode(code);
      at += 2;
    }
  }
  return not ? [..."abcxyz019-_"].filter((sign) => !all.includes(sign)).join("") : all;
}

function pick(signs: string, turn: number): string {
  if (signs === "") throw new Unknown();
  return signs[turn % signs.length] ?? "";
}
