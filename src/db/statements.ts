/** A statement of a text, and where in the text it begins. */
export type Statement = { text: string; offset: number };

/** What may hide a semicolon: comments, strings, quoted names and dollar-quoted bodies. */
const OPAQUE =
  /--[^\n]*|\/\*|\b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([A-Za-z_][A-Za-z_0-9]*)?\$|;/g;

/**
 * The statements of an SQL text, without their semicolons; comments alone are none. Bodies written as BEGIN
 * ATOMIC … END are not known: they have semicolons of their own.
 */
export function splitStatements(text: string): Statement[] {
  const found: Statement[] = [];
  let from = 0;
  const keep = (end: number) => {
    const offset = afterBlank(text, from, end);
    const body = text.slice(offset, end).trimEnd();
    if (body !== "") found.push({ text: body, offset });
    from = end + 1;
  };
  OPAQUE.lastIndex = 0;
  for (let match = OPAQUE.exec(text); match !== null; match = OPAQUE.exec(text)) {
    const [token] = match;
    if (token === ";") keep(match.index);
    else if (token === "/*") OPAQUE.lastIndex = endOfComment(text, match.index);
    else if (token.startsWith("$")) {
      const end = text.indexOf(token, match.index + token.length);
      OPAQUE.lastIndex = end < 0 ? text.length : end + token.length;
    }
  }
  keep(text.length);
  return found;
}

/** Where blanks and comments end. */
function afterBlank(text: string, from: number, end: number): number {
  let at = from;
  for (;;) {
    at += /^(?:\s|--[^\n]*(?:\n|$))*/.exec(text.slice(at, end))?.[0].length ?? 0;
    if (at >= end || !text.startsWith("/*", at)) return Math.min(at, end);
    at = endOfComment(text, at);
  }
}

/** Block comments nest. */
function endOfComment(text: string, start: number): number {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = start;
  let depth = 0;
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    depth += mark[0] === "/*" ? 1 : -1;
    if (depth === 0) return marks.lastIndex;
  }
  return text.length;
}
