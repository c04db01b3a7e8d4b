import { AppError } from "../errors.ts";

/**
 * Where an operation is asked. Names in braces are fields of its input. `repeats: false`: it takes no key; `file`: its
 * answer is bytes.
 */
export type Route = { method: string; path: string; reads?: boolean; repeats?: boolean; file?: boolean };

/** A request as it goes out, below /v1. */
export type WireRequest = {
  method: string;
  path: string;
  body?: object;
  idempotencyKey?: string;
  /** It may be sent again: it changes nothing, or is done once however often it comes. */
  isSafe?: boolean;
  /** Where it must not wait as long as others: for one answer, after which it is sent again, and for all tries. */
  haste?: Haste;
};

export type Haste = { timeout_ms: number; patience_ms: number };

/**
 * A refresh token that is used up is good for ten seconds more, where the answer was lost. A dead connection says
 * nothing, so it is asked again while that holds: later it would look stolen, and the session would end.
 */
export const REFRESH_HASTE: Haste = { timeout_ms: 4_000, patience_ms: 9_000 };
const REFRESH = "auth.refresh";

/**
 * Input as a request: fields that the path names stand there, the rest of a GET or DELETE in the query (lists
 * repeated, objects as `params[key]=value`), else in the body. Throws AppError bad_input, not_found.
 */
export function requestOf(name: string, route: Route, input: object, key?: string): WireRequest {
  // What keeps no answer refuses a key, and is not sent again: nobody could tell whether it was done.
  const idempotencyKey = route.repeats === false ? undefined : key;
  const rest: Record<string, unknown> = { ...input };
  const path = route.path.replace(/\{(\w+)\}/g, (_, field: string) => {
    const value = rest[field];
    delete rest[field];
    return segment(name, field, value);
  });
  const method = route.method;
  const isRefresh = name === REFRESH;
  const isSafe = method === "GET" || route.reads === true || idempotencyKey !== undefined || isRefresh;
  const given = {
    ...{ method, isSafe },
    ...(isRefresh ? { haste: REFRESH_HASTE } : {}),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
  if (method !== "GET" && method !== "DELETE") return { ...given, path, body: rest };
  const query = queryOf(rest);
  return { ...given, path: query === "" ? path : `${path}?${query}` };
}

/** What a URL would take for a folder is no name of anything. */
function segment(name: string, field: string, value: unknown): string {
  if (value === undefined || value === null || value === "")
    throw new AppError("bad_input", `${name} needs ${field}`, {
      fields: [{ path: `/${field}`, rule: "is needed" }],
    });
  const text = String(value);
  if (text === "." || text === "..") throw new AppError("not_found", `nothing is called "${text}"`);
  return encodeURIComponent(text);
}

/** In an object text that reads like something else stands in quotes. */
function textOf(value: unknown): string {
  const isPlain =
    typeof value !== "string" || !/^(-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|null|".*")$/s.test(value);
  return isPlain ? String(value) : JSON.stringify(value);
}

function queryOf(fields: Record<string, unknown>): string {
  const query = new URLSearchParams();
  const add = (key: string, value: unknown): void => {
    if (value === undefined) return;
    if (Array.isArray(value)) for (const one of value) query.append(key, String(one));
    else if (typeof value === "object" && value !== null)
      for (const [inner, one] of Object.entries(value)) query.append(`${key}[${inner}]`, textOf(one));
    else query.append(key, String(value));
  };
  for (const [key, value] of Object.entries(fields)) add(key, value);
  return query.toString();
}
