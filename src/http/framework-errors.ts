import type { FastifyError, FastifyRequest } from "fastify";
import { AppError } from "../errors.ts";
import { CLOSE, HttpError } from "./http-error.ts";

type Maker = (error: FastifyError) => HttpError;

/** The framework's own refusals in our words; what is not here is `internal`. */
const KNOWN: Record<string, Maker> = {
  FST_ERR_BAD_URL: () => new HttpError("malformed", "the path is not well encoded: % needs two hex digits"),
  FST_ERR_INVALID_URL: () => new HttpError("malformed", "the address can't be read"),
  FST_ERR_MAX_PARAM_LENGTH: () => new HttpError("uri_too_long", "a part of the path is too long"),
  FST_ERR_NOT_FOUND: () => unknownRoute(),
  FST_ERR_CTP_BODY_TOO_LARGE: () =>
    new HttpError("body_too_large", "the body is larger than is taken here: send less at once"),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => mediaType(),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new HttpError("malformed", "the body has another length than Content-Length says"),
  FST_ERR_CTP_INVALID_JSON_BODY: () => new HttpError("malformed", "the body is no JSON"),
};

/** What is said where nothing is. */
export function unknownRoute(): HttpError {
  return new HttpError("unknown_route", "nothing is at this path: GET /v1 lists what is");
}

/** What a body of another type gets. */
export function mediaType(): HttpError {
  return new HttpError("unsupported_media_type", "send the body as application/json, in UTF-8", {
    headers: { accept: "application/json" },
  });
}

/** What a body gets that is packed. */
export function contentCoding(): HttpError {
  return new HttpError("unsupported_media_type", "send the body as it is, without a Content-Encoding", {
    headers: { ...CLOSE.headers, "accept-encoding": "identity" },
  });
}

/** What may stand once: of two, we would believe the first and a proxy before us perhaps the second. */
const ONCE: readonly string[] = ["host", "authorization", "content-type"];

/**
 * Throws HttpError where a proxy before us could read a request differently: unknown_coding (bytes of a body in a way
 * that we don't unpack; RFC 9112, 6.1), malformed (a header twice; chunks in HTTP/1.0, which has none).
 */
export function assertPlainly({ raw, headers }: Pick<FastifyRequest, "raw" | "headers">): void {
  const names = raw.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const twice = ONCE.find((name) => names.indexOf(name) !== names.lastIndexOf(name));
  if (twice !== undefined) throw new HttpError("malformed", `${twice} stands twice: send it once`, CLOSE);
  const { "transfer-encoding": coding } = headers;
  if (coding === undefined) return;
  if (raw.httpVersion === "1.0")
    throw new HttpError("malformed", "HTTP/1.0 knows no Transfer-Encoding: send a Content-Length", CLOSE);
  if (coding.trim().toLowerCase() === "chunked") return;
  throw new HttpError(
    "unknown_coding",
    "of transfer codings there is chunked alone: send the body so",
    CLOSE,
  );
}

/**
 * An error of the framework as one of ours; anything else as it is. `cut`: the request's own connection broke before
 * it was whole, which is nobody's fault of ours.
 */
export function fromFramework(thrown: unknown, cut = false): unknown {
  if (thrown instanceof AppError) return thrown;
  if (cut) return new HttpError("asker_left", "the connection broke before the request was whole");
  const code = (thrown as { code?: unknown } | null)?.code;
  const make = typeof code === "string" && Object.hasOwn(KNOWN, code) ? KNOWN[code] : undefined;
  return make === undefined ? thrown : make(thrown as FastifyError);
}

const SOCKET: Record<string, () => HttpError> = {
  HPE_HEADER_OVERFLOW: () =>
    new HttpError(
      "headers_too_large",
      "address and headers together are too large: send long questions as a body",
    ),
  ERR_HTTP_REQUEST_TIMEOUT: () => new HttpError("request_too_slow", "the request did not arrive in time"),
};

/** What somebody gets whose bytes are no HTTP, came too slowly, or were too many. */
export function fromSocket(error: { code?: string }): HttpError {
  const make = error.code !== undefined && Object.hasOwn(SOCKET, error.code) ? SOCKET[error.code] : undefined;
  return make?.() ?? new HttpError("malformed", "this is not HTTP as we know it");
}
