import { join } from "node:path";
import type { ServerAddress } from "../address.ts";
import { adminAddress, superuserAddress } from "./address.ts";
import { findCluster } from "./cluster.ts";
import { probe } from "./connect.ts";
import { unavailable } from "./files.ts";
import { withLock } from "./lock.ts";
import { prepareCluster } from "./prepare.ts";
import { findPostmaster, readPidFile } from "./processes.ts";
import { purgeCluster, stopAny, treeSize } from "./purge.ts";
import { logFile } from "./start.ts";
import { findHome, type Home, openHome, readState } from "./state.ts";

export type { ServerAddress } from "../address.ts";

export type EmbeddedServer = {
  /** The application's role: LOGIN CREATEDB CREATEROLE, no superuser. It owns the database `aliquot`. */
  admin: ServerAddress;
  /** On the database `postgres`; for doctor and health alone. */
  superuser: ServerAddress;
  data_dir: string;
  pid: number;
  version: string;
  /** Whether this call started it. */
  started: boolean;
};

export type EmbeddedOptions = {
  /** Absolute, exists, writable. */
  home: string;
  /** Where clusters of root lie whose homes the server's account cannot enter; else /var/lib/aliquot. */
  systemRoot?: string;
  /** For tests alone: nothing is synced to disk. */
  fast?: boolean;
  /** 200 where not given. Counts when this call starts the server. */
  maxConnections?: number;
  /** Is told, in a line each, what takes time or was mended. */
  report?: (line: string) => void;
};

export type ServerStatus = {
  state: "absent" | "stopped" | "running";
  data_dir?: string;
  pid?: number;
  version?: string;
  port?: number;
  socket_dir?: string;
  size_bytes?: number;
};

/**
 * The server of a home: joined where it runs (one connection, no process), else made, repaired and started,
 * by one command at a time. It outlives this process. Throws `unavailable` (also for an unwritable home, a
 * lost password, another major version), `forbidden` (a process of another user is in the way).
 */
export async function ensureServer(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const home = openHome(options.home, options.systemRoot);
  const running = await joinServer(home);
  if (running !== undefined) return running;
  return withLock(lockOf(home), async () => {
    // Who held the lock before may have started it.
    const joined = await joinServer(home);
    if (joined !== undefined) return joined;
    const { fast = false, maxConnections = 200, report = () => {} } = options;
    const started = await prepareCluster(home, { fast, maxConnections, report });
    const server = await joinServer(home);
    if (server !== undefined) return { ...server, started };
    throw unavailable(`the embedded server started and went away again: see ${logFile(home)}`);
  });
}

/**
 * Stops the server of a home, cutting its clients; `absent` where it has no cluster.
 * Throws `unavailable`, `forbidden`.
 */
export async function stopServer(options: EmbeddedOptions): Promise<"stopped" | "not_running" | "absent"> {
  const home = findHome(options.home, options.systemRoot);
  if (home === undefined) return "absent";
  const cluster = findCluster(home);
  if (cluster === undefined) return "absent";
  return withLock(lockOf(home), async () => ((await stopAny(cluster.data_dir)) ? "stopped" : "not_running"));
}

/** What there is of a server, without starting or changing anything. Throws `unavailable` where it cannot be read. */
export async function serverStatus(options: EmbeddedOptions): Promise<ServerStatus> {
  const home = findHome(options.home, options.systemRoot);
  if (home === undefined) return { state: "absent" };
  const cluster = findCluster(home);
  if (cluster === undefined) return { state: "absent" };
  const version = readState(home)?.version ?? cluster.major;
  const known = { data_dir: cluster.data_dir, version, size_bytes: treeSize(cluster.data_dir) };
  const running = findPostmaster(cluster.data_dir);
  if (running === undefined) return { state: "stopped", ...known };
  const { pid, port, socket_dir } = running;
  return { state: "running", ...known, pid, port, socket_dir };
}

/**
 * Stops the server of a home and deletes its cluster, sockets, passwords, log and state. Returns whether
 * there was anything to delete. Throws `unavailable`, `forbidden`.
 */
export async function purgeServer(options: EmbeddedOptions): Promise<boolean> {
  const home = findHome(options.home, options.systemRoot);
  if (home === undefined) return false;
  return withLock(lockOf(home), () => purgeCluster(home));
}

function lockOf(home: Home): string {
  return join(home.path, "postgres.lock");
}

/** The running server, or undefined where there is something to do before one can work with it. */
async function joinServer(home: Home): Promise<EmbeddedServer | undefined> {
  const cluster = findCluster(home);
  if (cluster === undefined) return undefined;
  const running = readPidFile(cluster.data_dir);
  if (running?.status !== "ready") return undefined;
  const admin = adminAddress(home, running);
  if (admin === undefined) return undefined;
  // Whether the process exists is not asked: the socket answers, and only to the password of this cluster.
  const found = await probe(admin);
  if (found.kind !== "ready") return undefined;
  const superuser = superuserAddress(home, running);
  const { data_dir } = cluster;
  return { admin, superuser, data_dir, pid: running.pid, version: found.version, started: false };
}
