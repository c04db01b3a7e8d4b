/**
 * SQL as PostgreSQL prints it, made readable: one line, without casts of literals and doubled parentheses,
 * lists as IN, one-time sub-selects as the call that they hold. For people; it need not run.
 */
export function tidy(sql: string): string {
  const text = sql
    .replaceAll(/\s+/g, " ")
    .replaceAll(/\( SELECT (\w+\(\)) AS \w+\)/g, "$1")
    .replaceAll(/\(?'(-?\d+)'::integer\)?/g, "$1")
    .replaceAll(/'::(text|uuid|jsonb|interval|double precision)(\[\])?/g, "'")
    .replaceAll(/\((-?\w+)\)::(text|double precision)/g, "$1")
    .replaceAll(/(\w)::(text|double precision)\b/g, "$1")
    .replaceAll(/ = ANY \(ARRAY\[([^\]]*)\]\)/g, " IN ($1)")
    .replaceAll(/ <> ALL \(ARRAY\[([^\]]*)\]\)/g, " NOT IN ($1)")
    .replaceAll("'00000000-0000-0000-0000-000000000000'", "'0…0'");
  return bare(bare(text).replaceAll(COMPARISON, "$1").replaceAll(RANGE, "$1 BETWEEN $2 AND $3"));
}

const TERM = String.raw`-?[\w.]+(?:\([^()]*\))?|'[^']*'`;
/** A comparison in parentheses that stands among AND and OR: it needs none. Elsewhere it does. */
const COMPARISON = new RegExp(
  String.raw`(?<=^|\bAND |\bOR |\()\(((?:${TERM}) (?:=|<>|<|>|<=|>=|~|~~|IS|IN|NOT IN|\?) (?:NOT NULL|NULL|\([^()]*\)|${TERM}))\)(?= AND | OR |\)|$)`,
  "g",
);
const RANGE = /([\w.]+(?:\([^()]*\))?) >= (-?[\w.]+) AND \1 <= (-?[\w.]+)/g;

/** Without parentheses around the whole. */
export function bare(text: string): string {
  let inner = text.trim();
  while (inner.startsWith("(") && closing(inner, 0) === inner.length - 1) inner = inner.slice(1, -1).trim();
  return inner;
}

/** The parts of a condition that all must hold. */
export function conjuncts(condition: string): string[] {
  const text = bare(condition);
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "(") at = closing(text, at);
    else if (char === "'") at = text.indexOf("'", at + 1);
    else if (text.startsWith(" AND ", at) && !/BETWEEN \S+$/.test(text.slice(start, at))) {
      parts.push(bare(text.slice(start, at)));
      start = at + 5;
      at += 4;
    } else if (text.startsWith(" OR ", at)) return [text];
  }
  return [...parts, bare(text.slice(start))];
}

/** Where the parenthesis that opens at `open` closes; the end where it never does. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === "'") at = text.indexOf("'", at + 1);
    if (at < 0) break;
    if (text[at] === "(") depth++;
    if (text[at] === ")" && --depth === 0) return at;
  }
  return text.length;
}
