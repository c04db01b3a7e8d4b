import { type AppError, type ErrorKind, type FieldError, toAppError } from "../errors.ts";
import { HTTP_CODES, HttpError } from "./http-error.ts";

/** An error as RFC 9457 has it, with our own members: code, request_id and fields. */
export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id: string;
  fields?: FieldError[];
};

export type ProblemAnswer = { status: number; headers: Record<string, string>; body: Problem };

export const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

export const TITLES: Record<ErrorKind, string> = {
  usage: "The request can't be understood",
  bad_input: "The input breaks a rule",
  unauthenticated: "Nobody is signed in",
  forbidden: "Not allowed",
  quota: "A limit is reached",
  conflict: "It is in another state",
  not_found: "Not found",
  idempotency_mismatch: "The key was used for another request",
  engine_refused: "The engine refuses it",
  crashed: "A program crashed",
  timeout: "A step took too long",
  lost_lease: "Somebody else has the work now",
  unavailable: "A part is away",
  store_unavailable: "The store is away",
  org_upgrading: "The organization is being upgraded",
  app_too_old: "This server is too old",
  damaged: "Stored bytes are damaged or lost",
  internal: "Something of ours broke",
};

/**
 * What is told of errors that are ours: their own words name hosts, files and statements, and stand in the log. Those
 * of `damaged` name an object by its hash, and what its asker can do about it.
 */
const OURS: Partial<Record<ErrorKind, string>> = {
  unavailable: "a part that this needs is away: ask again",
  store_unavailable: "the store of bytes is full or away: ask again later",
  org_upgrading: "the organization's database is being upgraded: ask again in a moment",
  app_too_old: "a database is newer than this server: its operator has to upgrade it",
};

/** Seconds after which what answered 503 is worth asking again. */
const AGAIN_S = 2;

/** Any thrown value as a problem. Pure; what is told of our own errors is their kind and where the log has them. */
export function problemOf(thrown: unknown, requestId: string): ProblemAnswer {
  const error = toAppError(thrown);
  const status = error.http;
  const body: Problem = {
    type: `/docs/errors#${error.kind}`,
    title: error instanceof HttpError ? HTTP_CODES[error.http_code].title : TITLES[error.kind],
    status,
    detail: short(detailOf(error)),
    code: error instanceof HttpError ? error.http_code : error.code,
    request_id: requestId,
    ...(error.fields.length === 0 ? {} : { fields: error.fields.map(shortField) }),
  };
  return { status, headers: headersOf(error, status), body };
}

/** Longest word, path and text that is said back: what somebody sends is not to come back twice as long. */
const WORD = 100;
const PATH = 500;
const TEXT = 2000;

function shortField(field: FieldError): FieldError {
  const { path, rule } = field;
  const said = path
    ?.split("/")
    .map((name) => cut(name, WORD))
    .join("/");
  return { ...field, ...(said === undefined ? {} : { path: cut(said, PATH) }), rule: short(rule) };
}

/** A text whose words are cut: the names in it are others'. */
function short(text: string): string {
  return cut(
    text.replace(/\S{101,}/g, (word) => cut(word, WORD)),
    TEXT,
  );
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1).toWellFormed()}…`;
}

function detailOf(error: AppError): string {
  if (error.http < 500 || error.kind === "damaged" || error instanceof HttpError) return error.message;
  return OURS[error.kind] ?? "something of ours broke: our log has it under this request_id";
}

function headersOf(error: AppError, status: number): Record<string, string> {
  return {
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
    ...(status === 503 || error.retry_after_s !== undefined
      ? { "retry-after": String(error.retry_after_s ?? AGAIN_S) }
      : {}),
    ...(error.retry_after_s === undefined ? {} : { "retry-after": String(error.retry_after_s) }),
    ...(error instanceof HttpError ? error.headers : {}),
  };
}
