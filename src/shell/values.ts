import pg from "pg";

const BOOL = 16;
const WHOLE = new Set([20, 21, 23, 26]);
const REAL = new Set([700, 701, 1700]);
const JSONS = new Set([114, 3802]);
const TIMESTAMPTZ = 1184;

/** Types whose values people expect at the right edge of a column. */
export function isNumeric(type: number): boolean {
  return WHOLE.has(type) || REAL.has(type);
}

/** Arrays of the types that people keep in arrays, with the type of their elements. */
const ARRAYS = new Map([
  [1000, BOOL],
  [1005, 21],
  [1007, 23],
  [1009, 25],
  [1015, 1043],
  [1016, 20],
  [1021, 700],
  [1022, 701],
  [1185, TIMESTAMPTZ],
  [1231, 1700],
  [2951, 2950],
]);
const TEXTS: number = 1009;

/**
 * How values of any statement arrive: numbers that JSON holds exactly are numbers, JSON is what it says,
 * arrays are arrays, and everything else is the server's own text, so that nothing is rounded, shifted to
 * another time zone or lost.
 */
export const SHELL_TYPES: pg.CustomTypesConfig = { getTypeParser: (type: number) => parserOf(type) };

type Parser = (text: string) => unknown;

function parserOf(type: number): Parser {
  if (type === BOOL) return (text) => text === "t";
  if (isNumeric(type)) return exact;
  if (JSONS.has(type)) return parse;
  // RFC 3339, as everywhere: the session speaks UTC.
  if (type === TIMESTAMPTZ) return (text) => text.replace(" ", "T").replace(/\+00$/, "Z");
  const element = ARRAYS.get(type);
  if (element === undefined) return (text) => text;
  const [cut, one] = [pg.types.getTypeParser(TEXTS, "text") as Parser, parserOf(element)];
  const each = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(each) : value === null ? null : one(String(value));
  return (text) => each(cut(text));
}

/** The number, or its text where a double would be another one (past 2^53, long decimals, NaN, Infinity). */
function exact(text: string): number | string {
  const value = Number(text);
  if (!Number.isFinite(value)) return text;
  if (String(value) === text) return value;
  // 1.50 is 1.5 and 1e+20 is 100000000000000000000: fifteen digits always survive a double.
  const digits = text.replace(/e.*$/i, "").replace(/\D/g, "").replace(/^0+/, "");
  return digits.length <= 15 ? value : text;
}

/** JSON, or its text where a number in it would be rounded. */
function parse(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return /\d{16}/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, "")) ? text : value;
}
