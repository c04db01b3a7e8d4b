import { join } from "node:path";
import type { ServerAddress } from "../address.ts";
import { ADMIN } from "./bootstrap.ts";
import { unavailable } from "./files.ts";
import { SUPERUSER } from "./initdb.ts";
import type { Postmaster } from "./processes.ts";
import { type Home, readPassword } from "./state.ts";

/** The application's way to a running server, or undefined where its password file is lost. */
export function adminAddress(home: Home, running: Postmaster): ServerAddress | undefined {
  const password = readPassword(home, "admin-password");
  if (password === undefined) return undefined;
  return { host: running.socket_dir, port: running.port, user: ADMIN, password, database: ADMIN };
}

/** The superuser's way to a running server. Throws `unavailable` where its password file is lost. */
export function superuserAddress(home: Home, running: Postmaster): ServerAddress {
  const password = requireSuperuserPassword(home);
  return { host: running.socket_dir, port: running.port, user: SUPERUSER, password, database: "postgres" };
}

/** The superuser's password. Throws `unavailable` where its file is lost: the cluster keeps only a hash. */
export function requireSuperuserPassword(home: Home): string {
  const password = readPassword(home, "postgres-password");
  if (password !== undefined) return password;
  throw unavailable(
    `${join(home.path, "postgres-password")} is missing, and the server's superuser has no other password: put the file back from a backup, or start empty with \`aliquot down --purge\``,
  );
}
