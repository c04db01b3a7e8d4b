import { randomUUID } from "node:crypto";
import type pg from "pg";
import { isUuid } from "../ids.ts";
import type { FillCheck, FillColumn } from "./fill-catalog.ts";
import { sampleText } from "./sample-text.ts";

const HEX = (turn: number) => "0123456789abcdef"[(turn + 10) % 16] ?? "a";

/** Texts that many CHECKs want in one form or another, beside what the CHECK itself tells. */
function commonTexts(turn: number): string[] {
  const n = turn + 1;
  return [
    `text ${n}`,
    `a${n}`,
    HEX(turn).repeat(64),
    `sha256:${HEX(turn).repeat(64)}`,
    `person${n}@example.org`,
    `file:///a/${n}`,
    `1.0.${n}`,
    "a",
    "",
  ];
}

function byType(base: string, turn: number, labels: string[] | null): string[] {
  const n = turn + 1;
  if (labels !== null) return labels;
  if (/^(smallint|integer|bigint)$/.test(base)) return [n, 1, 0, 2, 5, 10, 100, -1].map(String);
  if (/^(real|double precision|numeric)/.test(base)) return [0.5, n, 1, 0, 10, 100, -1].map(String);
  // One of its own, and one that another column of the same turn gets too, where they must be the same.
  if (base === "uuid") return [randomUUID(), `00000000-0000-7000-8000-${String(turn).padStart(12, "0")}`];
  if (base === "boolean") return turn % 2 === 0 ? ["true", "false"] : ["false", "true"];
  if (/^timestamp|^date$/.test(base))
    return [`2026-0${1 + (turn % 6)}-01`, "2026-07-01", "2100-01-01", "1970-01-01"];
  if (base === "time without time zone" || base === "time with time zone") return ["12:00:00"];
  if (base === "interval") return ["1 hour", "1 day", "0"];
  if (/^jsonb?$/.test(base)) return ["{}", "[]", `"text ${n}"`, String(n), "true"];
  if (base === "bytea") return [`\\x0${turn % 10}`, "\\x"];
  if (/^(inet|cidr)$/.test(base)) return ["127.0.0.1"];
  if (/range$/.test(base)) return ["empty"];
  return commonTexts(turn);
}

/**
 * Values to try for a column, as text, those that its CHECKs speak of first: words of closed lists, texts
 * that a pattern lets through, numbers beside a limit, documents with the keys that are asked for.
 */
export async function candidates(
  client: pg.ClientBase,
  column: FillColumn,
  checks: FillCheck[],
  turn: number,
): Promise<string[]> {
  const found = column.array
    ? arrays(byType(column.base, turn, column.labels), turn)
    : [...toldBy(column, checks, turn), ...byType(column.base, turn, column.labels)];
  const fallback = column.default === null ? [] : await defaultOf(client, column.default);
  // The default first on the first turn, and last later: what else may stand there is to be met too.
  const all =
    turn === 0 || /new_id|gen_random|nextval/.test(column.default ?? "")
      ? [...fallback, ...found]
      : [...found, ...fallback];
  return [...new Set(all)].filter((text) => fits(column, text));
}

async function defaultOf(client: pg.ClientBase, expression: string): Promise<string[]> {
  const found = await client.query<{ v: string | null }>(`SELECT (${expression})::text AS v`);
  const value = found.rows[0]?.v;
  return value == null ? [] : [value];
}

function arrays(elements: string[], turn: number): string[] {
  const one = elements.slice(0, 2).map((text) => `"${text.replace(/["\\]/g, "")}"`);
  const full = [`{${one[0] ?? ""}}`, `{${one.join(",")}}`];
  return turn % 2 === 0 ? [...full, "{}"] : ["{}", ...full];
}

/** What the texts of the CHECKs mention, in forms that the column's type takes. */
function toldBy({ base, name }: FillColumn, checks: FillCheck[], turn: number): string[] {
  const texts = checks.map((check) => check.text);
  const literals = texts.flatMap((text) =>
    [...text.matchAll(/'((?:[^']|'')*)'/g)].map((match) => (match[1] ?? "").replaceAll("''", "'")),
  );
  if (base === "uuid") return literals.filter(isUuid);
  if (/^jsonb?$/.test(base)) return documents(texts, literals);
  if (/^(smallint|integer|bigint|real|double precision|numeric)/.test(base)) {
    const numbers = texts.flatMap((text) =>
      [...text.matchAll(/-?\d+(\.\d+)?/g)].map((match) => Number(match[0])),
    );
    return numbers
      .flatMap((number) => [number, number + 1, number - 1])
      .slice(0, 12)
      .map(String);
  }
  if (!/^(text|character|name|citext)/.test(base)) return [];
  const patterns = texts.flatMap((text) =>
    [...text.matchAll(/~\*? '((?:[^']|'')*)'/g)].map((match) => match[1] ?? ""),
  );
  const samples = patterns
    .map((pattern) => sampleText(pattern.replaceAll("''", "'"), turn))
    .filter((text) => text !== undefined);
  // The last word of a list first, because that is the newest, and another one each turn.
  const words = literals.filter((word) => !patterns.includes(word) && word !== name).reverse();
  const at = words.length === 0 ? 0 : turn % words.length;
  const lengths = texts.flatMap((text) =>
    [...text.matchAll(/length\([^)]*\)+ (?:=|>=|>) (\d+)/g)].map((match) => Number(match[1])),
  );
  return [
    ...samples,
    ...words.slice(at),
    ...words.slice(0, at),
    ...lengths.map((length) => "x".repeat(Math.min(length + (turn % 2), 10_000))),
  ];
}

/** Documents with every key that is asked for, each with one kind of value. */
function documents(texts: string[], literals: string[]): string[] {
  const asked = texts.flatMap((text) =>
    [...text.matchAll(/(?:\?|->>?|#>>?) '((?:[^']|'')*)'/g)].map((match) => match[1] ?? ""),
  );
  if (asked.length === 0) return [];
  const kinds: unknown[] = [
    literals.find((word) => /^[a-z_]+$/.test(word) && !asked.includes(word)) ?? "a",
    [],
    {},
    1,
    true,
  ];
  const uniform = kinds.map((kind) => Object.fromEntries(asked.map((key) => [key, kind])));
  const mixed = asked
    .slice(0, 6)
    .map((odd) => Object.fromEntries(asked.map((key) => [key, key === odd ? "1" : []])));
  return [...uniform, ...mixed].map((document) => JSON.stringify(document));
}

/** Whether the text can be cast at all: one that can't would end the whole search. */
function fits({ base, array }: FillColumn, text: string): boolean {
  if (array) return true;
  if (/^(smallint|integer|bigint)$/.test(base))
    return /^-?\d+$/.test(text) && Math.abs(Number(text)) < 32_000;
  return true;
}
