import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../../src/config.ts";
import { openContext } from "../../src/context.ts";
import { parseAddress, type ServerAddress } from "../../src/db/address.ts";
import { withClient } from "../../src/db/connect.ts";
import { type EmbeddedOptions, ensureServer } from "../../src/db/embedded/server.ts";
import { rolesOf } from "../../src/db/roles.ts";
import { Secret } from "../../src/secrets.ts";
import { repairAppLogin } from "../../src/setup.ts";

/** What a test file needs to know of the server that the run shares. */
export type TestServer = {
  admin: ServerAddress;
  superuser: ServerAddress;
  /** One key a run: the login role of every metadata database is the same role with the same password. */
  secret: string;
  /** A metadata database with schema and seeds, to be cloned; nobody connects to it. */
  template: string;
  base: string;
};

export type OwnServer = TestServer & { options: EmbeddedOptions; stop(): Promise<void> };

/** How files find the server that the run's global set-up started. */
export const TEST_SERVER = "TEST_SERVER";

/**
 * Starts an embedded server in a fresh folder with a metadata template and the results template. It and
 * its folder go with `stop()`, or with this process however that ends: a guard waits at a pipe for it.
 */
export async function startTestServer(how: { fast: boolean } = { fast: true }): Promise<OwnServer> {
  const base = mkdtempSync(join(how.fast ? roomyFolder() : tmpdir(), "aliquot-test-"));
  const guard = startGuard(base);
  const stop = async () => {
    guard.stdin?.end();
    if (guard.exitCode === null && guard.signalCode === null) await once(guard, "exit");
    rmSync(base, { recursive: true, force: true });
  };
  try {
    chmodSync(base, 0o755);
    const options = { home: join(base, "home"), systemRoot: join(base, "system"), fast: how.fast };
    mkdirSync(options.home);
    const server = await ensureServer(options);
    const secret = randomBytes(32).toString("base64url");
    const template = "test_template";
    await makeTemplates(server.admin, secret, template, base);
    return { admin: server.admin, superuser: server.superuser, secret, template, base, options, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * A server that is there already instead of an embedded one: TEST_DATABASE_URL as its administrator, and
 * TEST_SUPERUSER_URL for what only tests may do. What a run made on it goes with `stop()`.
 */
export async function externalServer(
  env: Record<string, string | undefined>,
): Promise<(TestServer & { stop(): Promise<void> }) | undefined> {
  const { TEST_DATABASE_URL: admin_url, TEST_SUPERUSER_URL: superuser_url } = env;
  if (admin_url === undefined || superuser_url === undefined) return undefined;
  const [admin, superuser] = [parseAddress(admin_url), parseAddress(superuser_url)];
  const base = mkdtempSync(join(roomyFolder(), "aliquot-test-"));
  const secret = randomBytes(32).toString("base64url");
  const template = `test_template_${randomBytes(4).toString("hex")}`;
  const stop = async () => {
    await ask(superuser, superuser.database, `DROP DATABASE IF EXISTS ${template} WITH (FORCE)`);
    rmSync(base, { recursive: true, force: true });
  };
  try {
    await makeTemplates(admin, secret, template, base);
    return { admin, superuser, secret, template, base, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The database of a server that a Context is opened against. */
export function databaseUrl(server: ServerAddress, database: string): string {
  const password = encodeURIComponent(server.password);
  const place = new URLSearchParams({ host: server.host, port: String(server.port) });
  return `postgresql://${server.user}:${password}@localhost/${database}?${place}`;
}

async function makeTemplates(
  admin: ServerAddress,
  secret: string,
  template: string,
  base: string,
): Promise<void> {
  await withClient(admin, "aliquot tests", (client) => client.query(`CREATE DATABASE ${template}`));
  const { config } = parseConfig({ DATABASE_URL: databaseUrl(admin, template) });
  const home = join(base, "template-home");
  mkdirSync(home);
  // A server that is not ours alone has the login role of an earlier run, with that run's key.
  const roles = rolesOf("aliquot_");
  await repairAppLogin({ admin: { ...admin, database: template }, roles, secret: new Secret(secret) });
  await using context = await openContext({
    config,
    home,
    secret: new Secret(secret),
    say: () => {},
    prepare: true,
  });
  await context.provisioner.ensureTemplate();
}

/** Memory where there is room: Docker gives /dev/shm 64 MB. */
function roomyFolder(): string {
  try {
    const { bavail, bsize } = statfsSync("/dev/shm");
    if (bavail * bsize >= 2 ** 30) return "/dev/shm";
  } catch {} // no such folder on this system
  return tmpdir();
}

/**
 * A shell that outlives us by a moment: when its standard input ends, it ends the server below `base`,
 * wherever its lock file says that it is now, and deletes server, sockets and folder. In a group of its own,
 * so that Ctrl-C leaves it to its work.
 */
function startGuard(base: string): ChildProcess {
  const script = `
    read -r _
    for file in "$1"/home/postgres/postmaster.pid "$1"/system/clusters/*/postmaster.pid; do
      [ -f "$file" ] || continue
      { read -r pid; read -r data; read -r _; read -r _; read -r sockets; } < "$file"
      [ -d /proc/self ] && [ "$(readlink /proc/$pid/cwd)" != "$data" ] && continue
      kill -QUIT "$pid" 2>/dev/null
      n=0; while kill -0 "$pid" 2>/dev/null && [ $n -lt 200 ]; do sleep 0.05; n=$((n+1)); done
      case "$sockets" in */aliquot-*) rm -rf -- "$sockets";; esac
    done
    rm -rf -- "$1"`;
  const guard = spawn("/bin/sh", ["-c", script, "sh", base], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return guard;
}

let lazy: Promise<TestServer> | undefined;

/** The run's server; a file that is run without global set-up starts one of its own, once. */
export function testServer(): Promise<TestServer> {
  const shared = process.env[TEST_SERVER];
  if (shared !== undefined) return Promise.resolve(JSON.parse(shared) as TestServer);
  lazy ??= startTestServer();
  return lazy;
}

/** Rows of a statement as the superuser or, by default, the administrator; in the database named. */
export async function ask<R extends object = Record<string, unknown>>(
  server: ServerAddress,
  database: string,
  text: string,
  values: unknown[] = [],
): Promise<R[]> {
  return withClient({ ...server, database }, "aliquot tests", async (client) => {
    return (await client.query<R>(text, values)).rows;
  });
}
