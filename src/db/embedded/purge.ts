import { existsSync, lstatSync, readdirSync, renameSync, rmdirSync } from "node:fs";
import { basename, join } from "node:path";
import { innerDataDir, outerDataDir, removeLeftovers, requireOwnFolder } from "./cluster.ts";
import { removeTree } from "./files.ts";
import { endOrphans, findPostmaster, readPidFile, stopPostmaster } from "./processes.ts";
import { logFile } from "./start.ts";
import { forgetState, type Home, readState } from "./state.ts";

/**
 * Stops the server of a home and deletes its cluster, its socket folder, its log, its passwords and what
 * `state.json` remembers. Returns whether there was any of it. Only for the holder of the lock.
 * Throws `unavailable`, `forbidden`.
 */
export async function purgeCluster(home: Home): Promise<boolean> {
  const state = readState(home);
  if (state !== undefined) requireOwnFolder(home, state);
  const sockets = [state?.socket_dir];
  let found = state !== undefined;
  // All places: a lost `state.json` must not leave a cluster behind.
  const places = [innerDataDir(home), outerDataDir(home), state?.data_dir ?? innerDataDir(home)];
  for (const dataDir of new Set(places)) {
    if (existsSync(join(dataDir, "PG_VERSION"))) {
      found = true;
      sockets.push(readPidFile(dataDir)?.socket_dir);
      await stopAny(dataDir);
      // Out of the way in one step: a kill from here on leaves a leftover, not half a cluster.
      renameSync(dataDir, `${dataDir}.tmp-${process.pid}`);
    }
    found = (await removeLeftovers(dataDir)) || found;
  }
  for (const folder of sockets) if (folder !== undefined) removeSocketDir(folder);
  for (const log of [logFile(home), `${logFile(home)}.1`]) removeTree(log);
  for (const copy of readdirSync(home.path).filter((name) => /^pg-[\d.]+$/.test(name))) {
    removeTree(join(home.path, copy));
  }
  forgetState(home);
  return found;
}

/** Ends whatever runs on a data folder, its main process or what outlived it. Returns whether the former ran. */
export async function stopAny(dataDir: string): Promise<boolean> {
  const running = findPostmaster(dataDir);
  if (running !== undefined) await stopPostmaster(running, dataDir);
  await endOrphans(dataDir);
  return running !== undefined;
}

/** Bytes of all files below a folder. A file that goes while it is read counts nothing. */
export function treeSize(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const stats = lstatSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    bytes += stats?.isFile() ? stats.size : 0;
  }
  return bytes;
}

/** The path comes from a file, so only what looks like a socket folder of ours is deleted. */
function removeSocketDir(folder: string): void {
  if (!/^aliquot-[0-9a-f]{16}$/.test(basename(folder)) || !existsSync(folder)) return;
  for (const name of readdirSync(folder)) if (name.startsWith(".s.PGSQL.")) removeTree(join(folder, name));
  rmdirSync(folder);
}
