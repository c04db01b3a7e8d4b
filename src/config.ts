import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { closestName } from "./edit-distance.ts";
import { AppError, type FieldError } from "./errors.ts";
import { faultOfUrl } from "./loopback.ts";
import { Secret } from "./secrets.ts";
import { SETTINGS, type SettingName, UNUSED } from "./settings.ts";

/** What the environment says, parsed and defaulted. The only reader of the environment. */
export type Config = {
  /** `ALIQUOT_HOME` as given; where none is given the home is looked for (home.ts). */
  home: string | undefined;
  org: string | undefined;
  /** External server; undefined means the embedded one. */
  database_url: string | undefined;
  database_direct_url: string | undefined;
  role_prefix: string;
  /** `RESULTS_DB_TEMPLATE` as given: a name with {org_id} or a URL with it in the path. */
  results_template: string | undefined;
  pool_size: number;
  max_overflow: number;
  results_pool_size: number;
  connections_max: number;
  pool_recycle_seconds: number;
  echo: boolean;
  slow_ms: number;
  api: ApiConfig;
  /** `ALIQUOT_URL`: commands ask this API; undefined: they work here. */
  url: string | undefined;
  storage_url: string | undefined;
  worker_slots: number;
  max_workers: number;
  lease_seconds: number;
  reconcile_seconds: number;
  xtb: { path?: string; version?: string };
  vina: { path?: string };
  admin_email: string;
  seed_org: string | undefined;
  log_level: "debug" | "info" | "warn" | "error";
  /** `PATH` of the process: where engines are looked for. */
  search_path: string;
};

/** How the API is reached, and how long what it gives out lasts. */
export type ApiConfig = {
  host: string;
  port: number;
  trusted_proxies: string[];
  jwt_issuer: string;
  jwt_audience: string;
  access_ttl_seconds: number;
  refresh_ttl_seconds: number;
  request_timeout_seconds: number;
  /** What Prometheus sends; undefined: nothing is measured for anybody. */
  metrics_token: Secret | undefined;
};

export type ParsedConfig = { config: Config; warnings: string[] };

type Env = Record<string, string | undefined>;

/** Reads settings and collects every problem, so that one error can name them all. */
class Reader {
  readonly problems: FieldError[] = [];
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  text(name: SettingName): string | undefined {
    const direct = this.#env[name];
    const file = this.#env[`${name}_FILE`];
    if (direct !== undefined && direct !== "") return direct;
    if (file === undefined || file === "") return undefined;
    try {
      return readFileSync(file, "utf8").trim();
    } catch {
      this.refuse(`${name}_FILE`, "names a file that can't be read");
      return undefined;
    }
  }

  whole(name: SettingName, fallback: number, min: number, max: number): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max && /^\d+$/.test(text)) return value;
    this.refuse(name, `must be a whole number from ${min} to ${max}`);
    return fallback;
  }

  oneOf<T extends string>(name: SettingName, allowed: readonly T[], fallback: T): T {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const found = allowed.find((choice) => choice === text.toLowerCase());
    if (found === undefined) this.refuse(name, `must be one of ${allowed.join(", ")}`);
    return found ?? fallback;
  }

  matching(name: SettingName, pattern: RegExp, rule: string): string | undefined {
    const text = this.text(name);
    if (text === undefined || pattern.test(text)) return text;
    this.refuse(name, rule);
    return undefined;
  }

  refuse(name: string, rule: string): void {
    this.problems.push({ path: name, rule });
  }
}

/**
 * Parses the environment. Pure but for `X_FILE`, which reads X from a file.
 * Throws one AppError (usage) that lists every problem by variable name, never by value.
 */
export function parseConfig(env: Env): ParsedConfig {
  const read = new Reader(env);
  const url = databaseUrl(read);
  const xtbPath = read.text("XTB_PATH");
  const xtbVersion = read.matching("XTB_VERSION", /^\d+(\.\d+)*$/, "must be a version such as 6.5.1");
  const vinaPath = read.text("VINA_PATH");
  const config: Config = {
    home: read.text("ALIQUOT_HOME"),
    org: read.text("ALIQUOT_ORG"),
    database_url: url,
    database_direct_url: postgresUrl(read, "DATABASE_DIRECT_URL") ?? url,
    role_prefix:
      read.matching(
        "ALIQUOT_ROLE_PREFIX",
        /^[a-z][a-z0-9_]{0,30}$/,
        "must be lowercase letters, digits, _",
      ) ?? "aliquot_",
    results_template: resultsTemplate(read),
    pool_size: read.whole("DB_POOL_SIZE", 10, 1, 1000),
    max_overflow: read.whole("DB_MAX_OVERFLOW", 0, 0, 1000),
    results_pool_size: read.whole("DB_RESULTS_POOL_SIZE", 3, 1, 100),
    connections_max: read.whole("DB_CONNECTIONS_MAX", 60, 4, 10_000),
    pool_recycle_seconds: read.whole("DB_POOL_RECYCLE", 3600, 1, 86_400),
    echo: read.oneOf("DB_ECHO", ["true", "false", "1", "0"], "false").match(/^(true|1)$/) !== null,
    slow_ms: read.whole("DB_SLOW_MS", 1000, 1, 3_600_000),
    api: apiConfig(read),
    url: apiUrl(read),
    storage_url: read.matching("STORAGE_URL", /^file:\/\/\/./, "must be file:///an/absolute/path"),
    worker_slots: read.whole("WORKER_SLOTS", availableParallelism(), 1, 256),
    max_workers: read.whole("MAX_WORKERS", 8, 1, 256),
    lease_seconds: read.whole("LEASE_SECONDS", 30, 3, 3600),
    reconcile_seconds: read.whole("RECONCILE_SECONDS", 5, 1, 3600),
    xtb: {
      ...(xtbPath === undefined ? {} : { path: xtbPath }),
      ...(xtbVersion === undefined ? {} : { version: xtbVersion }),
    },
    vina: vinaPath === undefined ? {} : { path: vinaPath },
    admin_email: read.matching("ADMIN_EMAIL", /^\S+@\S+$/, "must be an e-mail address") ?? "admin@localhost",
    seed_org: read.text("SEED_ORG"),
    log_level: read.oneOf("LOG_LEVEL", ["debug", "info", "warn", "error"], "info"),
    search_path: env["PATH"] ?? "",
  };
  for (const name of unknownNames(env)) {
    if (name.startsWith("ALIQUOT_")) read.refuse(name, `is not a setting${hint(name)}`);
  }
  if (read.problems.length > 0) throw configError(read.problems);
  return { config, warnings: warningsOf(env) };
}

function apiConfig(read: Reader): ApiConfig {
  return {
    host: read.text("API_HOST") ?? "127.0.0.1",
    port: read.whole("API_PORT", 8000, 0, 65_535),
    trusted_proxies: (read.text("API_TRUSTED_PROXIES") ?? "").split(",").flatMap((part) => part.trim() || []),
    jwt_issuer: read.text("JWT_ISSUER") ?? "aliquot",
    jwt_audience: read.text("JWT_AUDIENCE") ?? "aliquot",
    access_ttl_seconds: read.whole("JWT_ACCESS_TTL", 900, 10, 900),
    refresh_ttl_seconds: read.whole("JWT_REFRESH_TTL", 30 * 86_400, 60, 365 * 86_400),
    request_timeout_seconds: read.whole("REQUEST_TIMEOUT", 30, 1, 3600),
    metrics_token: metricsToken(read),
  };
}

function metricsToken(read: Reader): Secret | undefined {
  const text = read.matching(
    "METRICS_TOKEN",
    /^[\x21-\x7e]{16,255}$/,
    "must be 16 to 255 characters without blanks",
  );
  return text === undefined ? undefined : new Secret(text);
}

function apiUrl(read: Reader): string | undefined {
  const text = read.text("ALIQUOT_URL");
  if (text === undefined) return undefined;
  const fault = faultOfUrl(text);
  if (fault === undefined) return new URL(text).href.replace(/\/+$/, "");
  read.refuse("ALIQUOT_URL", fault);
  return undefined;
}

function configError(problems: FieldError[]): AppError {
  const list = problems.map((problem) => `${problem.path} ${problem.rule}`).join("; ");
  return new AppError("usage", `settings: ${list}`, { fields: problems });
}

/** `DATABASE_URL`, or the same from its parts (`DB_HOST` …, `POSTGRES_HOST` …). */
function databaseUrl(read: Reader): string | undefined {
  const whole = postgresUrl(read, "DATABASE_URL");
  if (whole !== undefined) return whole;
  const host = read.text("DB_HOST") ?? read.text("POSTGRES_HOST");
  if (host === undefined) return undefined;
  const url = new URL("postgresql://localhost");
  if (host.startsWith("/")) url.searchParams.set("host", host);
  else url.hostname = host;
  url.port = String(read.whole("DB_PORT", 5432, 1, 65_535));
  url.username = encodeURIComponent(read.text("DB_USER") ?? read.text("POSTGRES_USER") ?? "aliquot");
  url.password = encodeURIComponent(read.text("DB_PASSWORD") ?? read.text("POSTGRES_PASSWORD") ?? "");
  url.pathname = `/${encodeURIComponent(read.text("DB_NAME") ?? read.text("POSTGRES_DB") ?? "aliquot")}`;
  return url.href;
}

/** A name or a URL that holds {org_id}; how long a name may be is checked where it is filled in. */
function resultsTemplate(read: Reader): string | undefined {
  const text = read.text("RESULTS_DB_TEMPLATE");
  if (text === undefined) return undefined;
  if (!text.includes("{org_id}")) {
    read.refuse(
      "RESULTS_DB_TEMPLATE",
      "must hold {org_id}, so that each organization gets a database of its own",
    );
    return undefined;
  }
  return text;
}

/** A PostgreSQL URL; a driver named in the scheme (`postgresql+asyncpg:`) is understood and dropped. */
function postgresUrl(read: Reader, name: SettingName): string | undefined {
  const text = read.text(name);
  if (text === undefined) return undefined;
  const plain = text.replace(/^postgres(ql)?(\+[a-z0-9]+)?:/, "postgresql:");
  if (plain.startsWith("postgresql://") && URL.canParse(plain)) return plain;
  read.refuse(name, "must be a URL such as postgresql://user:password@host:5432/database");
  return undefined;
}

function unknownNames(env: Env): string[] {
  return Object.keys(env).filter((name) => !(name.replace(/_FILE$/, "") in SETTINGS) && !(name in SETTINGS));
}

/** Names one edit away from a setting are pointed out; they may be anybody's, so they are no error. */
function warningsOf(env: Env): string[] {
  const warnings = unknownNames(env)
    .filter(
      (name) => !name.startsWith("ALIQUOT_") && closestName(name, Object.keys(SETTINGS), 1) !== undefined,
    )
    .map((name) => `${name} is set and is not a setting${hint(name)}`);
  return [...warnings, ...unused(env)];
}

function unused(env: Env): string[] {
  // Other programs are told by DEBUG what they should tell of: that is none of ours.
  const isOurs = (name: string) => name !== "DEBUG" || /^(1|true|yes|on)$/i.test(env[name] ?? "");
  return UNUSED.filter((name) => env[name] && isOurs(name)).map((name) => `${name} is ${SETTINGS[name]}`);
}

function hint(name: string): string {
  const near = closestName(name, Object.keys(SETTINGS), 3);
  return near === undefined ? "" : `; did you mean ${near}?`;
}
