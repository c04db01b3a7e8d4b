import { AppError } from "../errors.ts";

/** Where a server is and who we are there. `host` beginning with `/` is the folder of a Unix socket. */
export type ServerAddress = {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  ssl?: boolean | { rejectUnauthorized: boolean };
};

const LOCAL_HOSTS = new Set(["localhost", "127.0.0.1", "::1", "[::1]", ""]);

/**
 * A PostgreSQL URL as an address. Plain text to another machine is refused unless the URL says
 * `sslmode=disable`. Throws AppError usage.
 */
export function parseAddress(url: string): ServerAddress {
  const parsed = new URL(url);
  const socket = parsed.searchParams.get("host");
  const host = socket ?? decodeURIComponent(parsed.hostname);
  const ssl = sslOf(parsed.searchParams.get("sslmode"), socket !== null || LOCAL_HOSTS.has(host));
  return {
    host: host === "" ? "localhost" : host,
    port: Number(parsed.port || parsed.searchParams.get("port") || 5432),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    database: decodeURIComponent(parsed.pathname.slice(1)) || "aliquot",
    ...(ssl === undefined ? {} : { ssl }),
  };
}

function sslOf(mode: string | null, local: boolean): ServerAddress["ssl"] {
  if (mode === "disable" || (mode === null && local)) return undefined;
  if (mode === "require" || mode === "prefer" || mode === "allow") return { rejectUnauthorized: false };
  if (mode === "verify-full" || mode === "verify-ca") return true;
  if (mode !== null) throw new AppError("usage", `settings: DATABASE_URL has an unknown sslmode "${mode}"`);
  throw new AppError(
    "usage",
    "settings: DATABASE_URL names another machine without sslmode: add ?sslmode=verify-full (or disable, knowingly)",
  );
}
