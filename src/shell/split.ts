import { AppError } from "../errors.ts";

export type Split = {
  /** Statements that ended with a semicolon, without it; none of them empty. */
  statements: string[];
  /** What stands after the last semicolon: a statement that goes on, blanks or a comment. */
  rest: string;
};

/** A word, or what a semicolon may hide in: quotes, dollar quotes, comments. Unended ones reach to the end. */
const TOKEN =
  /--[^\n]*|\/\*|'|"|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w$]*|[;()]/g;

/**
 * Cuts SQL into statements as psql does: a semicolon ends one, unless it stands in quotes, in a comment,
 * in parentheses or in the BEGIN ATOMIC … END of a function. Pure; what is no SQL at all is cut as well and left for the server to refuse.
 */
export function splitSql(text: string): Split {
  const statements: string[] = [];
  let from = 0;
  let depth = 0;
  let escapes = false;
  let words: string[] = [];
  let blocks = 0;
  for (let at = 0; at < text.length; ) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (found === null) break;
    const [token] = found;
    at = TOKEN.lastIndex;
    if (token === "/*") at = endOfComment(text, at);
    else if (token === "'") at = endOfString(text, at, escapes);
    else if (token === '"') at = endOf(text, '"', at);
    else if (token.startsWith("$")) at = endOf(text, token, at);
    else if (token === "(") depth++;
    else if (token === ")") depth = Math.max(0, depth - 1);
    else if (token === ";" && depth === 0 && blocks === 0) {
      const statement = text.slice(from, at - 1).trim();
      if (!isBlank(statement)) statements.push(statement);
      from = at;
      words = [];
    } else if (depth === 0 && /^[a-z]+$/i.test(token)) {
      const word = token.toLowerCase();
      if (words.length < LEAD) words.push(word);
      blocks = Math.max(0, blocks + stepOf(word, blocks, words));
    }
    // E'it\'s': the letter stands right before the quote.
    escapes = /^e$/i.test(token) && text[at] === "'";
  }
  return { statements, rest: text.slice(from) };
}

/** As many words as tell whether a function is made: CREATE OR REPLACE FUNCTION. */
const LEAD = 4;

/** BEGIN ATOMIC … END of a function's body in SQL, and CASE … END in it: their semicolons end no statement. */
function stepOf(word: string, blocks: number, lead: string[]): number {
  if (word === "begin") return /^create (or replace )?(function|procedure)\b/.test(lead.join(" ")) ? 1 : 0;
  if (blocks === 0) return 0;
  return word === "case" ? 1 : word === "end" ? -1 : 0;
}

/** Whether there is nothing but blanks and comments. */
export function isBlank(text: string): boolean {
  return withoutLead(text) === "";
}

/**
 * The statements of a text, the last one with or without its semicolon.
 * Throws AppError usage: there is none, or one of them begins or ends a transaction or wants a stream.
 */
export function statementsOf(text: string): string[] {
  const { statements, rest } = splitSql(text);
  const all = isBlank(rest) ? statements : [...statements, rest.trim()];
  if (all.length === 0)
    throw new AppError("usage", "there is no SQL to run: say it with -c, or on standard input");
  for (const statement of all) refuseUnfit(statement);
  return all;
}

const TRANSACTION =
  /^(begin|start\s+transaction|commit|end|rollback|abort|savepoint|release|prepare\s+transaction)\b/i;
const STREAM = /^copy\b[^']*\b(from\s+stdin|to\s+stdout)\b/is;

/** Throws AppError usage for what can't be a statement of ours. */
export function refuseUnfit(statement: string): void {
  if (statement.includes("\0")) throw new AppError("usage", "the SQL holds a NUL character: remove it");
  const lead = withoutLead(statement);
  if (lead.startsWith("\\"))
    throw new AppError(
      "usage",
      `${lead.split(/\s/, 1)[0]} is no SQL: such commands work in an interactive shell alone`,
    );
  const found = TRANSACTION.exec(lead);
  if (found !== null)
    throw new AppError(
      "usage",
      `${found[0].toUpperCase()} is not taken here: statements that are given together are one transaction`,
    );
  if (STREAM.test(lead))
    throw new AppError(
      "usage",
      "COPY from or to the standard streams needs psql: start `aliquot shell` in a terminal",
    );
}

/** The text from its first word on. */
function withoutLead(text: string): string {
  let left = text.trimStart();
  for (;;) {
    if (left.startsWith("--")) left = left.replace(/^--[^\n]*/, "").trimStart();
    else if (left.startsWith("/*")) left = left.slice(endOfComment(left, 2)).trimStart();
    else return left;
  }
}

function endOf(text: string, mark: string, from: number): number {
  const end = text.indexOf(mark, from);
  return end < 0 ? text.length : end + mark.length;
}

/** A doubled quote ends and begins again, which comes to the same. */
function endOfString(text: string, from: number, escapes: boolean): number {
  if (!escapes) return endOf(text, "'", from);
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "'" && text[at + 1] === "'") at++;
    else if (text[at] === "'") return at + 1;
  }
  return text.length;
}

/** Comments in comments count, as in PostgreSQL. */
function endOfComment(text: string, from: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = from;
  for (let depth = 1; ; ) {
    const found = mark.exec(text);
    if (found === null) return text.length;
    depth += found[0] === "/*" ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
}
