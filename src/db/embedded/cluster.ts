import { chmodSync, mkdirSync, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Account, accountOf, canEnter, isRoot } from "./account.ts";
import { codeOf, hashedName, readOptional, reasonOf, removeTree, unavailable } from "./files.ts";
import { endInitdb } from "./processes.ts";
import { findHome, type Home, readState, type ServerState } from "./state.ts";

/** A data folder that initdb has finished, with the account that owns it. */
export type Cluster = { data_dir: string; account: Account; major: string };

/** Inside the home, where a server's account can be let in. */
export function innerDataDir(home: Home): string {
  return join(home.path, "postgres");
}

/** Root's place for the cluster of a home that the server's account cannot enter. */
export function outerDataDir(home: Home): string {
  return join(home.systemRoot, "clusters", hashedName(home.path));
}

/**
 * The cluster of this home, or undefined where none is there. `state.json` names it, but a lost `state.json`
 * hides nothing. Throws `unavailable` where it is no cluster, or has another owner than it was made for.
 */
export function findCluster(home: Home): Cluster | undefined {
  const state = readState(home);
  if (state === undefined) return openCluster(innerDataDir(home)) ?? openCluster(outerDataDir(home));
  requireOwnFolder(home, state);
  const cluster = openCluster(state.data_dir);
  if (cluster !== undefined && cluster.account.uid !== state.uid) {
    throw unavailable(
      `the cluster ${state.data_dir} was made for user ${state.uid} and belongs to user ${cluster.account.uid}: give it back (chown -R ${state.uid}:${state.gid})`,
    );
  }
  return cluster;
}

/** Where a new cluster goes. Throws `unavailable` where the folder above it cannot be made. */
export function placeCluster(home: Home, account: Account): string {
  if (!isRoot() || canEnter(home.path, account)) return innerDataDir(home);
  const outer = outerDataDir(home);
  try {
    mkdirSync(dirname(outer), { recursive: true });
    for (const folder of [home.systemRoot, dirname(outer)]) chmodSync(folder, 0o755);
  } catch (error) {
    throw unavailable(
      `user ${account.uid}, who runs PostgreSQL for root, cannot enter ${home.path}, and ${dirname(outer)} cannot be made (${reasonOf(error)}): open the home to that user (chmod o+x), or set DATABASE_URL`,
      error,
    );
  }
  return join(realpathSync(dirname(outer)), basename(outer));
}

/** Deletes what commands that died during initdb left. Only for the holder of the lock. */
export async function removeLeftovers(dataDir: string): Promise<boolean> {
  const prefix = `${basename(dataDir)}.tmp-`;
  const leftovers = listFolder(dirname(dataDir)).filter((name) => name.startsWith(prefix));
  for (const path of leftovers.map((name) => join(dirname(dataDir), name))) {
    await endInitdb(path);
    removeTree(path);
  }
  return leftovers.length > 0;
}

/**
 * Throws `unavailable` where a cluster was made and is gone: starting empty would look like the loss of all
 * data to the one who only forgot to mount a volume.
 */
export function refuseLost(home: Home): void {
  const lost = readState(home)?.data_dir;
  if (lost === undefined) return;
  throw unavailable(
    `the database cluster of ${home.path} is gone: ${lost} does not exist. Mount or restore it, or start empty with \`aliquot down --purge\``,
  );
}

/** Throws `unavailable` unless the programs are of the cluster's major version and may run as its owner. */
export function requireUsable(cluster: Cluster, major: string): void {
  const { uid } = cluster.account;
  if (uid === 0 || !(isRoot() || uid === process.getuid?.())) {
    const todo = uid === 0 ? "give it to the user that it was made for" : "run as that user or as root";
    throw unavailable(`the cluster ${cluster.data_dir} belongs to user ${uid}: ${todo}`);
  }
  if (cluster.major === major) return;
  throw unavailable(
    `the cluster ${cluster.data_dir} is of PostgreSQL ${cluster.major}, and this aliquot brings ${major}: back up and restore with an aliquot that brings ${cluster.major}, or set DATABASE_URL to a PostgreSQL ${cluster.major} server`,
  );
}

/** The names in a folder; none where it is absent. */
export function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw unavailable(
      `cannot read ${folder}: ${reasonOf(error)}; run as the user that made it, or as root`,
      error,
    );
  }
}

/**
 * Throws `unavailable` unless a path from `state.json` is one that this code makes, and this home's own:
 * `--purge` deletes it. A copied home would name the original's cluster where that lies outside of it.
 */
export function requireOwnFolder(home: Home, state: ServerState): void {
  const { data_dir: dataDir, home: origin = home.path } = state;
  if (dataDir === innerDataDir(home)) return;
  const file = join(home.path, "state.json");
  if (basename(dirname(dataDir)) !== "clusters" || !/^[0-9a-f]{16}$/.test(basename(dataDir))) {
    throw unavailable(
      `${file} names ${dataDir}, which is no place for a cluster: delete that file, the cluster is found without it`,
    );
  }
  const original = origin === home.path ? undefined : findHome(origin, home.systemRoot);
  if (original === undefined || readState(original)?.data_dir !== dataDir) return;
  throw unavailable(
    `${home.path} is a copy of ${origin}, and the cluster ${dataDir} belongs to that: use the original, or delete ${file}, postgres-password and admin-password to start empty here`,
  );
}

function openCluster(path: string): Cluster | undefined {
  const stats = statFolder(path);
  if (stats === undefined) return undefined;
  const major = readOptional(join(path, "PG_VERSION"))?.trim();
  // An empty folder may be a mounted volume: initdb's result is renamed onto it.
  if (major === undefined && listFolder(path).length === 0) return undefined;
  if (major === undefined || major === "") {
    throw unavailable(`${path} holds files but no PostgreSQL cluster (no PG_VERSION): move them away`);
  }
  return { data_dir: realpathSync(path), account: accountOf(stats.uid, stats.gid), major };
}

function statFolder(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw unavailable(
      `cannot look at ${path}: ${reasonOf(error)}; run as the user that made it, or as root`,
      error,
    );
  }
}
