import { HttpError } from "./http-error.ts";
import { choicesOf, fieldsOf, type Shape, typesOf } from "./shape.ts";

/** Names and texts of a query as they were sent, decoded. */
export type Pair = [name: string, text: string];

/** Throws HttpError malformed on a percent sign without two hex digits, or bytes that are no UTF-8. */
export function pairsOf(query: string): Pair[] {
  if (query === "") return [];
  return query.split("&").flatMap((part): Pair[] => {
    if (part === "") return [];
    const at = part.indexOf("=");
    return at < 0 ? [[decoded(part), ""]] : [[decoded(part.slice(0, at)), decoded(part.slice(at + 1))]];
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch (cause) {
    throw new HttpError("malformed", "the query is not well encoded: % needs hex digits of UTF-8", { cause });
  }
}

/**
 * The fields that a query gives, each as its schema wants it: `a=1&a=2` where it is a list, `a[b]=1` where it is an
 * object. Text that can't be so, and names that nobody knows, stay as they are: the one validator refuses them.
 */
export function queryInput(pairs: Pair[], shape: Shape): [string, unknown][] {
  const fields = fieldsOf(shape);
  const flat = new Map<string, string[]>();
  const nested = new Map<string, Pair[]>();
  for (const [name, text] of pairs) {
    const [, head, key] = /^([^[\]]+)\[([^[\]]*)\]$/.exec(name) ?? [];
    if (head !== undefined && key !== undefined && isObject(fields[head])) put(nested, head, [key, text]);
    else put(flat, name, text);
  }
  const input = [...flat].map(([name, texts]): [string, unknown] => [
    name,
    flatValue(name, texts, fields[name]),
  ]);
  for (const [name, inner] of nested) input.push([name, objectOf(inner, fields[name] ?? {})]);
  return input;
}

function put<V>(lists: Map<string, V[]>, name: string, value: V): void {
  const list = lists.get(name);
  if (list === undefined) lists.set(name, [value]);
  else list.push(value);
}

function isObject(shape: Shape | undefined): boolean {
  return shape !== undefined && shape.type !== undefined && typesOf(shape).has("object");
}

function flatValue(name: string, texts: string[], shape: Shape | undefined): unknown {
  const [text = "", second] = texts;
  const list = shape === undefined ? undefined : choicesOf(shape).find(({ type }) => type === "array");
  if (list !== undefined) return texts.map((each, index) => asWanted(each, itemOf(list, index)));
  if (second === undefined) return shape === undefined ? text : asWanted(text, shape);
  if (shape === undefined) return texts;
  throw new HttpError("malformed", `${name} stands twice in the query: give it once`, {
    fields: [{ path: `/${name}`, rule: "must be given once" }],
  });
}

function itemOf({ items }: Shape, index: number): Shape {
  return (Array.isArray(items) ? items[index] : items) ?? {};
}

function objectOf(inner: Pair[], shape: Shape): object {
  const fields = fieldsOf(shape);
  const [others = {}] = Object.values(shape.patternProperties ?? {});
  const names = new Set<string>();
  return Object.fromEntries(
    inner.map(([key, text]) => {
      if (names.has(key)) throw new HttpError("malformed", `${key} stands twice in the query: give it once`);
      names.add(key);
      return [key, asWanted(text, Object.hasOwn(fields, key) ? (fields[key] ?? {}) : others)];
    }),
  );
}

const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;

/**
 * Text as the value that a schema wants. Where it may be text and something else, JSON decides: `1` is a number,
 * `"1"` in quotes is text.
 */
function asWanted(text: string, shape: Shape): unknown {
  const types = typesOf(shape);
  if (types.has("boolean") && (text === "true" || text === "false")) return text === "true";
  if ((types.has("number") || types.has("integer")) && NUMBER.test(text)) return Number(text);
  if (types.has("null") && text === "null") return null;
  if (types.has("string") && types.size > 1 && /^".*"$/s.test(text)) return unquoted(text);
  return text;
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}
