/**
 * One table of errors: a kind decides the HTTP status, the exit code and whether a task that met it
 * is tried again. Everything that can go wrong on purpose is an AppError of one of these kinds.
 */
export const ERROR_KINDS = {
  usage: { http: 400, exit: 2, retry: "final" },
  bad_input: { http: 422, exit: 1, retry: "final" },
  unauthenticated: { http: 401, exit: 4, retry: "final" },
  forbidden: { http: 403, exit: 4, retry: "final" },
  quota: { http: 429, exit: 4, retry: "final" },
  conflict: { http: 409, exit: 4, retry: "final" },
  not_found: { http: 404, exit: 3, retry: "final" },
  idempotency_mismatch: { http: 422, exit: 4, retry: "final" },
  engine_refused: { http: 422, exit: 1, retry: "final" },
  crashed: { http: 500, exit: 1, retry: "retry" },
  timeout: { http: 500, exit: 1, retry: "retry" },
  lost_lease: { http: 500, exit: 1, retry: "retry" },
  unavailable: { http: 503, exit: 5, retry: "retry" },
  store_unavailable: { http: 503, exit: 5, retry: "retry" },
  org_upgrading: { http: 503, exit: 5, retry: "retry" },
  app_too_old: { http: 503, exit: 5, retry: "final" },
  damaged: { http: 500, exit: 1, retry: "final" },
  internal: { http: 500, exit: 1, retry: "retry" },
} as const satisfies Record<string, { http: number; exit: number; retry: "retry" | "final" }>;

export type ErrorKind = keyof typeof ERROR_KINDS;

/** Kinds of errors that may pass: what met one of the others would meet it again. */
export const RETRYABLE_KINDS: readonly string[] = Object.entries(ERROR_KINDS).flatMap(([kind, { retry }]) =>
  retry === "retry" ? [kind] : [],
);

/** What is wrong with one part of an input; `code` where one record of many has a reason of its own. */
export type FieldError = { path?: string; line?: number; code?: string; rule: string };

export type AppErrorOptions = {
  cause?: unknown;
  fields?: FieldError[];
  /** A chemist's reason (`undefined_stereo`, `scf_not_converged`, …); the kind where there is none. */
  code?: ChemistryCode | RefusalCode;
  /** The code as another program said it, which may be newer than this one. */
  told_code?: string;
  /** What `--verbose` adds: program output, SQL, a stack. Never shown otherwise. */
  detail?: string;
  /** When asking again may help, in seconds, where that is known. */
  retry_after_s?: number;
};

/** Reasons a chemist recognises, finer than the kind (design §5.7). */
export const CHEMISTRY_CODES = [
  "unparsable_input",
  "ambiguous_parent",
  "undefined_stereo",
  "embedding_failed",
  "unsupported_element",
  "electron_parity",
  "scf_not_converged",
  "geometry_not_converged",
  "connectivity_changed",
  "box_misses_receptor",
  "ligand_larger_than_box",
  "too_large",
] as const;
export type ChemistryCode = (typeof CHEMISTRY_CODES)[number];

/** Refusals that a program tells apart from others of their kind, each with the HTTP status that it has. */
export const REFUSAL_CODES = { precondition_failed: 412 } as const;
export type RefusalCode = keyof typeof REFUSAL_CODES;

/** An error with a kind. The message says what, why, and what to do, in one line. */
export class AppError extends Error {
  readonly kind: ErrorKind;
  /** One of ours, or what an API said: its own have more (of HTTP), and a newer one has others. */
  readonly code: ErrorKind | ChemistryCode | RefusalCode | (string & {});
  readonly fields: FieldError[];
  readonly detail: string | undefined;
  readonly retry_after_s: number | undefined;

  constructor(kind: ErrorKind, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.kind = kind;
    this.code = options.told_code ?? options.code ?? kind;
    this.fields = options.fields ?? [];
    this.detail = options.detail;
    this.retry_after_s = options.retry_after_s;
  }

  get exit(): number {
    return ERROR_KINDS[this.kind].exit;
  }
  get http(): number {
    const own: Partial<Record<string, number>> = REFUSAL_CODES;
    return own[this.code] ?? ERROR_KINDS[this.kind].http;
  }
  get retryable(): boolean {
    return ERROR_KINDS[this.kind].retry === "retry";
  }
}

/** Any thrown value as an AppError: what is not one already is `internal`, with its stack as detail. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const detail = error instanceof Error ? (error.stack ?? message) : message;
  if (/^(ENOSPC|EDQUOT)$/.test(String((error as NodeJS.ErrnoException | null)?.code)))
    return new AppError("store_unavailable", `no space is left on the disk (${message}): make room`, {
      cause: error,
      detail,
    });
  return new AppError("internal", `something of ours broke: ${message}`, { cause: error, detail });
}

const UNREADABLE: Record<string, string> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EISDIR: "it is a folder",
  EACCES: "you may not read it",
};

/** The error of a file that somebody named and that can't be read, with the reason in words. */
export function unreadable(path: string, cause: unknown): AppError {
  const code = (cause as NodeJS.ErrnoException | null)?.code ?? "unknown";
  const why = Object.hasOwn(UNREADABLE, code) ? `: ${UNREADABLE[code]}` : ` (${code})`;
  return new AppError("bad_input", `can't read ${path}${why}`, { cause });
}
