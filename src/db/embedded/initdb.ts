import { spawn } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../errors.ts";
import { type Account, isRoot } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { removeLeftovers } from "./cluster.ts";
import { codeOf, reasonOf, removeTree, unavailable } from "./files.ts";

/** The superuser that initdb makes: for repairs and health, never for the application's own connections. */
export const SUPERUSER = "postgres_super";

export type InitdbOptions = { binaries: Binaries; account: Account; password: string; fast: boolean };

/**
 * Makes a cluster in `dataDir`: in a folder aside, renamed when whole, so that a kill at any moment leaves
 * a whole cluster or none. Throws `unavailable` with initdb's last line.
 */
export async function makeCluster(dataDir: string, options: InitdbOptions): Promise<void> {
  await removeLeftovers(dataDir);
  const aside = `${dataDir}.tmp-${process.pid}`;
  const passwordFile = `${aside}.password`;
  try {
    mkdirSync(aside, { mode: 0o700 });
    writeFileSync(passwordFile, options.password, { mode: 0o600, flag: "wx" });
    for (const path of isRoot() ? [aside, passwordFile] : []) {
      chownSync(path, options.account.uid, options.account.gid);
    }
    chmodSync(aside, 0o700);
    await runInitdb(aside, passwordFile, options);
    moveInPlace(aside, dataDir);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw unavailable(
      `cannot make a database cluster in ${dataDir}: ${reasonOf(error)}; make room or give access there`,
      error,
    );
  } finally {
    removeTree(passwordFile);
    removeTree(aside);
  }
}

/** A lock keeps commands of one machine apart; where two get here all the same, the first one wins. */
function moveInPlace(aside: string, dataDir: string): void {
  try {
    renameSync(aside, dataDir);
  } catch (error) {
    if (codeOf(error) !== "ENOTEMPTY" && codeOf(error) !== "EEXIST") throw error;
  }
}

/** The built-in C.UTF-8 sorts alike on every machine and after every update of its libraries. */
function initdbArguments(aside: string, passwordFile: string, fast: boolean): string[] {
  const linux = process.platform === "linux";
  const locale = linux ? ["--locale=C.UTF-8"] : ["--locale=C", "--builtin-locale=C.UTF-8"];
  // One syncfs in place of an fsync per file: 0.9 s where the default took 4 s.
  const sync = fast ? ["--no-sync"] : linux ? ["--sync-method=syncfs"] : [];
  return [
    ...["-D", aside, "-U", SUPERUSER, "-A", "scram-sha-256", `--pwfile=${passwordFile}`],
    ...["-E", "UTF8", "--locale-provider=builtin", ...locale, ...sync],
    ...["-c", "timezone=UTC", "-c", "log_timezone=UTC"],
  ];
}

async function runInitdb(aside: string, passwordFile: string, options: InitdbOptions): Promise<void> {
  const { binaries, account, fast } = options;
  // An empty environment: no PGDATA or locale of the caller matters, and no secret of it is kept.
  const child = spawn(join(binaries.folder, "bin/initdb"), initdbArguments(aside, passwordFile, fast), {
    ...account.as,
    cwd: "/",
    env: { LC_ALL: "C" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once("error", reject).once("close", (status, signal) => resolve(status ?? signal ?? "unknown"));
  });
  if (code === 0) return;
  throw unavailable(
    `initdb could not make ${aside.replace(/\.tmp-\d+$/, "")} (status ${code}): ${telling(output)}; mend that and try again, or set DATABASE_URL`,
  );
}

/** The last line that names a fault: initdb's very last one only says that it cleans up. */
export function telling(output: string): string {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  return (lines.findLast((line) => /error|fatal|panic|no space/i.test(line)) ?? lines.at(-1) ?? "").trim();
}
