import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { chown } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServerAddress } from "../../src/db/address.ts";
import { withClient } from "../../src/db/connect.ts";
import type { Cleaner } from "./context.ts";

/** Debian keeps it where people who are not root don't look. */
const FOLDERS = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];

export const PGBOUNCER = FOLDERS.map((folder) => join(folder, "pgbouncer")).find((path) => existsSync(path));

export type Login = { user: string; password: string };

/**
 * Starts PgBouncer in transaction mode before a server that listens at a socket, with two server connections a
 * database and login. Returns where it listens; it ends with the test. It sets nothing that would make it
 * forgive us more than one out of the box does.
 */
export async function startPgBouncer(
  t: Cleaner,
  server: ServerAddress,
  logins: Login[],
): Promise<ServerAddress> {
  const folder = mkdtempSync(join(tmpdir(), "aliquot-bouncer-"));
  // It refuses to run as root; who owns the server's socket may enter its folder.
  const owner = statSync(server.host);
  const asRoot = process.getuid?.() === 0;
  const users = logins.map(({ user, password }) => `"${user}" "${password}"`).join("\n");
  const settings = `[databases]
* = host=${server.host} port=${server.port}
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = ${folder}
auth_type = scram-sha-256
auth_file = ${join(folder, "users.txt")}
pool_mode = transaction
default_pool_size = 2
max_client_conn = 200
logfile = ${join(folder, "log")}
`;
  writeFileSync(join(folder, "users.txt"), `${users}\n`, { mode: 0o600 });
  writeFileSync(join(folder, "ini"), settings);
  if (asRoot) {
    for (const path of [folder, join(folder, "users.txt"), join(folder, "ini")])
      await chown(path, owner.uid, owner.gid);
  }
  const bouncer = spawn(PGBOUNCER ?? "pgbouncer", ["-q", join(folder, "ini")], {
    stdio: "ignore",
    ...(asRoot ? { uid: owner.uid, gid: owner.gid } : {}),
  });
  const ended = new Promise<void>((resolve) => bouncer.once("exit", () => resolve()));
  const kill = () => void bouncer.kill("SIGKILL");
  process.once("exit", kill);
  t.after(async () => {
    process.off("exit", kill);
    bouncer.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const [first] = logins;
  const address = { ...server, host: folder, port: 6432, ...first };
  for (let tries = 0; ; tries++) {
    if (bouncer.exitCode !== null) throw new Error(`pgbouncer ended with ${bouncer.exitCode}`);
    const answers = await withClient(address, "aliquot tests", async () => true).catch((error) => error);
    if (answers === true) return address;
    if (tries > 200) {
      kill();
      throw answers;
    }
    await sleep(20);
  }
}
