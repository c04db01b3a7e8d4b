import { AppError, type ErrorKind, type FieldError } from "../errors.ts";

/**
 * What can be wrong with a request before any operation is asked, or with the time it takes: the kind says whose
 * fault it is, the code is what a program looks at.
 */
export const HTTP_CODES = {
  malformed: { status: 400, kind: "usage", title: "The request can't be read" },
  no_organization: { status: 400, kind: "usage", title: "No organization" },
  unknown_route: { status: 404, kind: "not_found", title: "No such path" },
  method_not_allowed: { status: 405, kind: "usage", title: "Not with this method" },
  not_acceptable: { status: 406, kind: "usage", title: "Not in this form" },
  request_too_slow: { status: 408, kind: "usage", title: "The request did not arrive in time" },
  body_too_large: { status: 413, kind: "usage", title: "The body is too large" },
  uri_too_long: { status: 414, kind: "usage", title: "The address is too long" },
  unsupported_media_type: { status: 415, kind: "usage", title: "Not a body of this type" },
  headers_too_large: { status: 431, kind: "usage", title: "The headers are too large" },
  too_many_exports: { status: 429, kind: "quota", title: "Too many exports" },
  too_many_streams: { status: 429, kind: "quota", title: "Too many streams" },
  too_many_bodies: { status: 429, kind: "quota", title: "Too much at once" },
  asker_left: { status: 499, kind: "usage", title: "The asker has left" },
  unknown_coding: { status: 501, kind: "usage", title: "Not a coding of this server" },
  busy: { status: 503, kind: "unavailable", title: "This server is busy" },
  stopping: { status: 503, kind: "unavailable", title: "This server is stopping" },
  took_too_long: { status: 503, kind: "unavailable", title: "It took too long" },
} as const satisfies Record<string, { status: number; kind: ErrorKind; title: string }>;

export type HttpCode = keyof typeof HTTP_CODES;

/** For what leaves bytes of its request unread: the connection ends with the answer, and the rest is not waited for. */
export const CLOSE = { headers: { connection: "close" } };

/** An error of HTTP itself. Its message goes to the asker as it is. */
export class HttpError extends AppError {
  readonly http_code: HttpCode;
  readonly headers: Record<string, string>;

  constructor(
    code: HttpCode,
    message: string,
    options: { headers?: Record<string, string>; fields?: FieldError[]; cause?: unknown } = {},
  ) {
    const { headers, ...rest } = options;
    super(HTTP_CODES[code].kind, message, rest);
    this.http_code = code;
    this.headers = headers ?? {};
  }
  override get http(): number {
    return HTTP_CODES[this.http_code].status;
  }
}
