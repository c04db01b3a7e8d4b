import { execFile, spawn } from "node:child_process";
import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import type { ServerAddress } from "../db/address.ts";
import type { ShellTarget } from "../shell/session.ts";

const OLDEST = 15;
const DEBIAN = "/usr/lib/postgresql";
const ANSWER_MS = 5000;

/** A psql of version 15 or newer: on the PATH, else where Debian keeps them, the newest first. */
export async function findPsql(searchPath: string, debian = DEBIAN): Promise<string | undefined> {
  const places = searchPath.split(delimiter).filter((folder) => folder !== "");
  for (const path of [...places, ...debianFolders(debian)].map((folder) => join(folder, "psql"))) {
    if (!isProgram(path)) continue;
    const major = await versionOf(path, searchPath);
    if (major !== undefined && major >= OLDEST) return path;
  }
  return undefined;
}

function debianFolders(root: string): string[] {
  try {
    const majors = readdirSync(root).filter((name) => /^\d+$/.test(name));
    return majors.sort((a, b) => Number(b) - Number(a)).map((name) => join(root, name, "bin"));
  } catch {
    return [];
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Of "psql (PostgreSQL) 17.2 (Debian …)"; undefined where it says anything else, or nothing. */
async function versionOf(path: string, searchPath: string): Promise<number | undefined> {
  try {
    const { stdout } = await promisify(execFile)(path, ["--version"], {
      env: { PATH: searchPath },
      timeout: ANSWER_MS,
    });
    const [, major] = /\(PostgreSQL\) (\d+)/.exec(stdout) ?? [];
    return major === undefined ? undefined : Number(major);
  } catch {
    return undefined;
  }
}

/**
 * What psql needs to log in and to be the role from its first statement on, as environment variables: a
 * password never stands in a process list. Of what the caller has only that goes along which
 * psql needs.
 */
export function psqlEnv(
  env: Record<string, string | undefined>,
  { address, role, viewer }: ShellTarget,
): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && isPsqls(entry[0]),
  );
  const settings = {
    role,
    "app.current_org_id": viewer.org_id ?? "",
    "app.current_user_id": viewer.user_id,
    "app.is_org_admin": viewer.is_org_admin ? "on" : "off",
    timezone: "UTC",
  };
  return {
    ...Object.fromEntries(kept),
    PGHOST: address.host,
    PGPORT: String(address.port),
    PGUSER: address.user,
    PGPASSWORD: address.password,
    PGDATABASE: address.database,
    PGSSLMODE: sslMode(address.ssl),
    PGAPPNAME: "aliquot shell",
    PGCLIENTENCODING: "UTF8",
    PGOPTIONS: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(" "),
  };
}

/** What a psql and its pager and editor live on. Anything else may be a secret that they have no use for. */
const PSQLS =
  /^(PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TZ|TERM|TERMINFO|COLORTERM|NO_COLOR|COLUMNS|LINES|LANG|LANGUAGE|LC_\w+|PAGER|LESS\w*|EDITOR|VISUAL|INPUTRC|PSQL\w*|PG_COLORS?|PGSSLROOTCERT)$/;

function isPsqls(name: string): boolean {
  return PSQLS.test(name);
}

function sslMode(ssl: ServerAddress["ssl"]): string {
  if (ssl === undefined || ssl === false) return "disable";
  return ssl === true || ssl.rejectUnauthorized ? "verify-full" : "require";
}

/**
 * Hands the terminal to psql until it ends, with the name of the organization in the prompt where the
 * person's psqlrc says nothing else. Returns its exit code. Ctrl-C is psql's meanwhile.
 */
export async function runPsql(psql: string, env: Record<string, string>, name: string): Promise<number> {
  const ignore = () => {};
  process.on("SIGINT", ignore);
  try {
    const child = spawn(
      psql,
      ["--no-password", "-v", `PROMPT1=${name}%R%x> `, "-v", `PROMPT2=${name}%R%x> `],
      { env, stdio: "inherit" },
    );
    return await new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code) => resolve(code ?? 1));
    });
  } finally {
    process.off("SIGINT", ignore);
  }
}
