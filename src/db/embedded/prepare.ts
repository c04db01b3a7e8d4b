import { rmSync } from "node:fs";
import { join } from "node:path";
import { chooseAccount } from "./account.ts";
import { adminAddress, requireSuperuserPassword, superuserAddress } from "./address.ts";
import { type Binaries, findBinaries } from "./binaries.ts";
import { bootstrap } from "./bootstrap.ts";
import { type Cluster, findCluster, placeCluster, refuseLost, requireUsable } from "./cluster.ts";
import { probe } from "./connect.ts";
import { makeCluster } from "./initdb.ts";
import { endOrphans, type Postmaster } from "./processes.ts";
import { makeSocketDir } from "./sockets.ts";
import { settle, startPostmaster } from "./start.ts";
import { type Home, makePassword, writeState } from "./state.ts";

export type PrepareOptions = { fast: boolean; maxConnections: number; report: (line: string) => void };

/**
 * Brings the server of a home up from whatever state it is in: makes the cluster, ends what a crash left,
 * starts, bootstraps. Every step finds out by itself whether it has been done. Returns whether it started a
 * server. Only for the holder of the lock. Throws `unavailable`, `forbidden`.
 */
export async function prepareCluster(home: Home, options: PrepareOptions): Promise<boolean> {
  const known = findCluster(home);
  if (known === undefined) refuseLost(home);
  const binaries = findBinaries(home, known?.account ?? chooseAccount());
  const cluster = known ?? (await createCluster(home, binaries, options));
  requireUsable(cluster, binaries.major);
  requireSuperuserPassword(home);
  const running = await settle(home, cluster.data_dir);
  const postmaster = running ?? (await startAfresh(home, cluster, binaries, options));
  const { uid, gid } = cluster.account;
  const { socket_dir } = postmaster;
  writeState(home, {
    data_dir: cluster.data_dir,
    uid,
    gid,
    socket_dir,
    version: binaries.version,
    home: home.path,
  });
  await finishBootstrap(home, postmaster, options.report);
  return running === undefined;
}

async function createCluster(home: Home, binaries: Binaries, options: PrepareOptions): Promise<Cluster> {
  const account = chooseAccount();
  const dataDir = placeCluster(home, account);
  options.report(`making a PostgreSQL ${binaries.version} cluster in ${dataDir}`);
  // Written before initdb: a cluster never exists whose password nobody has.
  const password = makePassword(home, "postgres-password");
  await makeCluster(dataDir, { binaries, account, password, fast: options.fast });
  return { data_dir: dataDir, account, major: binaries.major };
}

async function startAfresh(
  home: Home,
  cluster: Cluster,
  binaries: Binaries,
  options: PrepareOptions,
): Promise<Postmaster> {
  const { data_dir: dataDir, account } = cluster;
  const orphans = await endOrphans(dataDir);
  if (orphans > 0) options.report(`ended ${orphans} processes that outlived a killed server`);
  // Nothing of this cluster runs: a lock file that is still there names a dead or a foreign process, and
  // PostgreSQL would believe the latter.
  rmSync(join(dataDir, "postmaster.pid"), { force: true });
  const socketDir = makeSocketDir(dataDir, account);
  const { fast, maxConnections } = options;
  return startPostmaster(home, { dataDir, socketDir, account, binaries, fast, maxConnections });
}

async function finishBootstrap(
  home: Home,
  running: Postmaster,
  report: (line: string) => void,
): Promise<void> {
  const address = adminAddress(home, running);
  if (address !== undefined && (await probe(address)).kind === "ready") return;
  report("giving the server its application role and database");
  const password = makePassword(home, "admin-password");
  await bootstrap(superuserAddress(home, running), password, join(home.path, "postgres-password"));
}
