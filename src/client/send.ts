import { AppError } from "../errors.ts";
import { pause } from "./pause.ts";
import { errorOf } from "./problem.ts";
import type { WireRequest } from "./request.ts";
import type { Session } from "./session.ts";

/** What may pass is tried again so often at most, whatever time is left. */
const TRIES = 5;
const FIRST_PAUSE_MS = 200;

/** An error, and whether and when the same may go well. */
type Refused = { error: AppError; mayPass: boolean; after_ms: number | undefined };

/** Sends requests to one API: with who asks, within a time, and again where that is safe and may help. */
export class Sender {
  readonly url: string;
  readonly #timeoutMs: number;
  readonly #patienceMs: number;

  constructor(url: string, { timeout_ms, patience_ms }: { timeout_ms: number; patience_ms: number }) {
    this.url = url;
    this.#timeoutMs = timeout_ms;
    this.#patienceMs = patience_ms;
  }

  /** The answer's JSON. Throws AppError, and the signal's reason. */
  async send(request: WireRequest, session?: Session, signal?: AbortSignal): Promise<unknown> {
    const response = await this.open(request, session, { ...(signal === undefined ? {} : { signal }) });
    return response.json;
  }

  /**
   * The answer; its body read, but that of a `stream`. Throws AppError, and the signal's reason.
   */
  async open(
    request: WireRequest,
    session: Session | undefined,
    how: { signal?: AbortSignal; stream?: boolean; headers?: Record<string, string> } = {},
  ): Promise<{ json: unknown; response: Response }> {
    const patience_ms = Math.min(this.#patienceMs, request.haste?.patience_ms ?? this.#patienceMs);
    const until = performance.now() + patience_ms;
    let token = await session?.token();
    let renewed = false;
    for (let tries = 1; ; tries++) {
      const answer = await this.#once(request, token, how);
      if (!("error" in answer)) return answer;
      const { error, mayPass, after_ms } = answer;
      if (error.kind === "unauthenticated" && token !== undefined && !renewed) {
        renewed = true;
        const other = await session?.renew(token);
        if (other === undefined) throw error;
        token = other;
        continue;
      }
      const after = after_ms ?? FIRST_PAUSE_MS * 2 ** (tries - 1);
      const isLate = tries >= TRIES || performance.now() + after > until;
      if (!mayPass || isLate) throw error;
      await pause(after, how.signal);
    }
  }

  async #once(
    request: WireRequest,
    token: string | undefined,
    {
      signal,
      stream = false,
      headers = {},
    }: { signal?: AbortSignal; stream?: boolean; headers?: Record<string, string> },
  ): Promise<{ json: unknown; response: Response } | Refused> {
    const late = new AbortController();
    const timeout_ms = Math.min(this.#timeoutMs, request.haste?.timeout_ms ?? this.#timeoutMs);
    const timer = setTimeout(() => late.abort(), timeout_ms);
    try {
      const response = await fetch(`${this.url}/v1${request.path}`, {
        method: request.method,
        // A token does not follow to where somebody points.
        redirect: "manual",
        signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
        headers: {
          accept: stream ? "text/event-stream" : "application/json",
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(request.body === undefined ? {} : { "content-type": "application/json" }),
          ...(request.idempotencyKey === undefined ? {} : { "idempotency-key": request.idempotencyKey }),
          ...headers,
        },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      });
      if (response.ok && stream) return { json: undefined, response };
      const text = await response.text();
      if (response.ok) return { json: this.#parsed(text), response };
      return this.#refused(response, text, request.isSafe === true);
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      if (cause instanceof AppError) throw cause;
      return this.#lost(cause, request, late.signal.aborted ? timeout_ms : undefined);
    } finally {
      clearTimeout(timer);
    }
  }

  #parsed(text: string): unknown {
    try {
      return text === "" ? undefined : JSON.parse(text);
    } catch (cause) {
      throw new AppError("unavailable", `what answers at ${this.url} is no Aliquot: it sends no JSON`, {
        cause,
      });
    }
  }

  #refused(response: Response, text: string, isSafe: boolean): Refused {
    if (response.status >= 300 && response.status < 400) {
      const error = new AppError(
        "unavailable",
        `${this.url} points to ${response.headers.get("location") ?? "another place"}: name that one, if it is yours`,
      );
      return { error, mayPass: false, after_ms: undefined };
    }
    const after_ms = afterOf(response.headers.get("retry-after"));
    const error = errorOf(response.status, text, this.url, after_ms);
    // Too many at once were not begun, and pass; a quota that is used up has no such header, and doesn't.
    const mayPass =
      response.status === 503 ? isSafe && error.retryable : isRateLimit(response) && after_ms !== undefined;
    return { error, mayPass, after_ms };
  }

  #lost(cause: unknown, { isSafe, haste }: WireRequest, waited_ms: number | undefined): Refused {
    const { why, isOver } =
      waited_ms === undefined
        ? reasonOf(cause)
        : { why: `no answer within ${Math.round(waited_ms / 1000)} s`, isOver: haste === undefined };
    const error = new AppError("unavailable", `can't reach ${this.url}: ${why}`, { cause });
    return { error, mayPass: isSafe === true && !isOver, after_ms: undefined };
  }
}

function isRateLimit({ status, headers }: Response): boolean {
  return status === 429 && /\br=0\b/.test(headers.get("ratelimit") ?? "");
}

/** Seconds, or a date. */
function afterOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: "nobody listens there",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "its name can't be looked up now",
  ECONNRESET: "the connection was lost",
  UND_ERR_SOCKET: "the connection was lost",
  UND_ERR_CONNECT_TIMEOUT: "nothing answers there",
  ETIMEDOUT: "nothing answers there",
  EHOSTUNREACH: "no way leads there",
  ENETUNREACH: "no way leads there",
};

/** What answers is no TLS, or shows a certificate that isn't good: the same would come again. */
const CERTIFICATES: Record<string, string> = {
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet: is the clock here right?",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
};
const NO_TLS = "what listens there speaks no https: say http:// where it is on this machine";
const UNKNOWN_ISSUER = /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)/;
const UNTRUSTED =
  "nobody known here vouches for its certificate: name its issuer's file in NODE_EXTRA_CA_CERTS, if it is yours";

function faultOfTls(code: string): string | undefined {
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_PACKET_LENGTH_TOO_LONG") return NO_TLS;
  if (UNKNOWN_ISSUER.test(code)) return UNTRUSTED;
  if (code.startsWith("ERR_SSL_")) return `https to it failed (${code})`;
  return CERTIFICATES[code];
}

/** Why `fetch` failed, and whether it would fail the same way again: it says so in the cause of its error. */
function reasonOf(thrown: unknown): { why: string; isOver: boolean } {
  const cause = (thrown as { cause?: { code?: string; message?: string; errors?: { code?: string }[] } })
    .cause;
  const code = cause?.code ?? cause?.errors?.[0]?.code ?? "";
  const fault = faultOfTls(code);
  if (fault !== undefined) return { why: fault, isOver: true };
  const why = REASONS[code] ?? cause?.message ?? (thrown as Error).message;
  return { why, isOver: code === "ECONNREFUSED" };
}
