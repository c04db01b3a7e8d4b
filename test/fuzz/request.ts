import type { Endpoint, Parameter } from "./document.ts";
import { type Source, spoiled, valid } from "./generate.ts";

export type Made = { url: string; method: string; headers: Record<string, string>; body: string | undefined };

/** One request to an endpoint: as its document says, or with something wrong in it. */
export function makeRequest(endpoint: Endpoint, source: Source): Made {
  const { random } = source;
  const wrong = random.chance(0.6);
  const given = new Map(
    endpoint.parameters
      .filter(({ in: place, required }) => place === "path" || required === true || random.chance(0.4))
      .map((parameter) => [parameter, valid(parameter.schema, source, parameter.name)]),
  );
  let body = endpoint.body === undefined ? undefined : valid(endpoint.body, source);
  const spoilsBody = wrong && body !== undefined && (given.size === 0 || random.chance(0.7));
  if (spoilsBody) body = spoiled(body, random);
  const victim = wrong && !spoilsBody && given.size > 0 ? random.pick([...given.keys()]) : undefined;
  if (victim !== undefined) given.set(victim, spoiled(given.get(victim), random));
  const text = body === undefined ? undefined : bodyText(body, source, spoilsBody);
  return {
    url: urlOf(endpoint, given, wrong && random.chance(0.05)),
    method: endpoint.method,
    headers: {
      ...headersOf(given),
      ...(text === undefined ? {} : { "content-type": contentType(source, wrong) }),
    },
    body: text,
  };
}

function urlOf(endpoint: Endpoint, given: Map<Parameter, unknown>, stray: boolean): string {
  let path = endpoint.path;
  const query = new URLSearchParams();
  for (const [{ name, in: place, style }, value] of given) {
    if (place === "path") path = path.replace(`{${name}}`, () => encodeURIComponent(asText(value)) || "%20");
    if (place !== "query") continue;
    for (const [key, item] of flat(name, value, style)) query.append(key, asText(item));
  }
  if (stray) query.append("unexpected", "1");
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

function flat(name: string, value: unknown, style: string | undefined): [string, unknown][] {
  if (Array.isArray(value)) return value.map((item) => [name, item]);
  if (style === "deepObject" && typeof value === "object" && value !== null)
    return Object.entries(value).map(([key, item]) => [`${name}[${key}]`, item]);
  return [[name, value]];
}

function headersOf(given: Map<Parameter, unknown>): Record<string, string> {
  const pairs = [...given].flatMap(([{ name, in: place }, value]) =>
    place === "header" ? [[name.toLowerCase(), asText(value).replace(/[^\x20-\x7e]/g, "")]] : [],
  );
  return Object.fromEntries(pairs.filter(([, text]) => text !== ""));
}

/** A lone surrogate can't be sent in a URL. */
const asText = (value: unknown) =>
  (typeof value === "string" ? value : (JSON.stringify(value) ?? "")).toWellFormed();

const BROKEN = [
  "",
  "{",
  "[]",
  "null",
  '"text"',
  '{"a":1,"a":2}',
  '{"a":1e999}',
  "\u0000",
  "{}{}",
  "[".repeat(2000),
];

function bodyText(body: unknown, { random }: Source, wrong: boolean): string {
  return wrong && random.chance(0.1) ? random.pick(BROKEN) : JSON.stringify(body);
}

function contentType({ random }: Source, wrong: boolean): string {
  const others = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/json; charset=latin1",
    "nonsense",
  ];
  return wrong && random.chance(0.05) ? random.pick(others) : "application/json";
}
