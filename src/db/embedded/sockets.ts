import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, rmSync, type Stats } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Account, canEnter, isRoot } from "./account.ts";
import { hashedName, reasonOf, unavailable } from "./files.ts";

/** Every server has a folder of its own, so they all use the same number in the socket's name. */
export const PORT = 5432;

/** A socket's path must fit into 104 bytes on macOS, 108 on Linux, with its closing zero. */
const LONGEST_PATH = 103;

/** The socket that clients connect to. */
export function socketPath(folder: string, port: number = PORT): string {
  return join(folder, `.s.PGSQL.${port}`);
}

/**
 * Makes the private (0700) socket folder of a data folder, empty, and returns its path. It has a short
 * hashed name below the temporary folder, because a home's path may be too long for a socket.
 * Throws `unavailable` where something foreign lies there already.
 */
export function makeSocketDir(dataDir: string, account: Account, tmp: string = tmpdir()): string {
  const folder = join(pickBase(tmp, account), `aliquot-${hashedName(dataDir)}`);
  try {
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (found === undefined) mkdirSync(folder, { mode: 0o700 });
    else refuseForeign(found, account);
    if (isRoot()) chownSync(folder, account.uid, account.gid);
    chmodSync(folder, 0o700);
    // No server runs, so these are leftovers. PostgreSQL believes a lock whose pid is in use again by
    // another process of the account, and would not start.
    for (const name of readdirSync(folder)) if (name.startsWith(".s.PGSQL.")) rmSync(join(folder, name));
    return folder;
  } catch (error) {
    throw unavailable(`cannot use the socket folder ${folder}: ${reasonOf(error)}; delete it`, error);
  }
}

/** In a folder that all users share, the name may be taken on purpose: a link, or a folder of somebody else. */
function refuseForeign(found: Stats, account: Account): void {
  const ours = found.uid === account.uid || (isRoot() && found.uid === 0);
  if (found.isDirectory() && ours) return;
  const what = found.isDirectory() ? `it belongs to user ${found.uid}` : "it is not a folder";
  throw new Error(what);
}

function pickBase(tmp: string, account: Account): string {
  const longest = socketPath(join(tmp, `aliquot-${hashedName("")}`));
  // PostgreSQL reads a comma as the end of a folder's name.
  const fits = Buffer.byteLength(longest) <= LONGEST_PATH && !/[,"]/.test(tmp);
  return fits && (!isRoot() || canEnter(tmp, account)) ? tmp : "/tmp";
}
