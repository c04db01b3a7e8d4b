import { AppError, ERROR_KINDS, type ErrorKind, type FieldError } from "../errors.ts";

type Problem = {
  type?: unknown;
  detail?: unknown;
  title?: unknown;
  code?: unknown;
  request_id?: unknown;
  fields?: unknown;
};

/** What a status means where nothing else is said, as by a proxy that has nobody to ask. */
const KINDS: Record<number, ErrorKind> = {
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  412: "conflict",
  422: "bad_input",
  429: "quota",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

/** An answer that is an error, as the AppError that it was at the other side; when to ask again is in its Retry-After. */
export function errorOf(status: number, text: string, where: string, after_ms?: number): AppError {
  const problem = problemOf(text);
  const kind = kindOf(problem, status);
  const again = after_ms === undefined ? {} : { retry_after_s: Math.ceil(after_ms / 1000) };
  if (problem === undefined) {
    const from =
      kind === "not_found" ? "what answers there may be no Aliquot" : "look at what stands before it";
    return new AppError(kind, `${where} answered ${status} without saying why: ${from}`, again);
  }
  const { code, fields, request_id } = problem;
  const said = String(problem.detail ?? problem.title ?? `${where} answered ${status}`);
  // The path is ours: who asked can't mend it.
  const message =
    code === "unknown_route" ? `${where} has not what is asked: check its address, and its version` : said;
  return new AppError(kind, message, {
    ...again,
    ...(typeof code === "string" ? { told_code: code } : {}),
    fields: Array.isArray(fields) ? (fields as FieldError[]) : [],
    ...(typeof request_id === "string" ? { detail: `request ${request_id} to ${where}` } : {}),
  });
}

function problemOf(text: string): Problem | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isProblem = typeof value === "object" && value !== null && ("detail" in value || "title" in value);
    return isProblem ? value : undefined;
  } catch {
    return undefined;
  }
}

/** `/docs/errors#not_found` is a not_found; a kind of a newer API is what its status says. */
function kindOf(problem: Problem | undefined, status: number): ErrorKind {
  const named = String(problem?.type ?? "").split("#")[1] ?? "";
  if (Object.hasOwn(ERROR_KINDS, named)) return named as ErrorKind;
  return KINDS[status] ?? (status < 500 ? "usage" : "internal");
}
