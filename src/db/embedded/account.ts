import { spawnSync } from "node:child_process";
import { userInfo } from "node:os";
import { readOptional, unavailable } from "./files.ts";

/** The operating-system account that owns a cluster and runs its server. */
export type Account = {
  uid: number;
  gid: number;
  /** What `spawn` is given to become it: empty where this process is it already. */
  as: { uid?: number; gid?: number };
};

/** `nobody` on Debian and most others. PostgreSQL refuses an account without a passwd entry, so a free number won't do. */
const NOBODY = 65534;

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** An account of these numbers, as this process would spawn it. */
export function accountOf(uid: number, gid: number): Account {
  return { uid, gid, as: isRoot() ? { uid, gid } : {} };
}

/** The account of a user by name or number in the text of /etc/passwd, or undefined. */
export function findInPasswd(passwd: string, wanted: string | number): Account | undefined {
  for (const line of passwd.split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name === wanted || (uid !== undefined && uid !== "" && Number(uid) === wanted)) {
      if (Number(uid) > 0) return accountOf(Number(uid), Number(gid));
    }
  }
  return undefined;
}

/**
 * The account for a new cluster: this user, or for root (whom PostgreSQL refuses) `postgres`, else `nobody`.
 * Throws `unavailable` where the account has no passwd entry, as under `docker run --user 12345`.
 */
export function chooseAccount(): Account {
  if (isRoot()) return accountForRoot(readOptional("/etc/passwd") ?? "");
  const uid = process.getuid?.();
  const gid = process.getgid?.();
  if (uid === undefined || gid === undefined) {
    throw unavailable("the embedded PostgreSQL needs a Unix user: set DATABASE_URL to a PostgreSQL server");
  }
  requirePasswdEntry(uid);
  return accountOf(uid, gid);
}

/** Root's choice from the text of /etc/passwd. Throws `unavailable` where neither candidate is in it. */
export function accountForRoot(passwd: string): Account {
  const account = findInPasswd(passwd, "postgres") ?? findInPasswd(passwd, NOBODY);
  if (account !== undefined) return account;
  throw unavailable(
    `PostgreSQL does not run as root, and /etc/passwd has neither a user postgres nor uid ${NOBODY}: add a user postgres, run as another user, or set DATABASE_URL`,
  );
}

/** Throws `unavailable` where the user database does not know this user: initdb would refuse with less to go on. */
export function requirePasswdEntry(uid: number, lookUp: () => unknown = userInfo): void {
  try {
    lookUp();
  } catch (error) {
    throw unavailable(
      `user ${uid} has no entry in /etc/passwd, and PostgreSQL needs one: add one, start the container as a user that has one, or set DATABASE_URL`,
      error,
    );
  }
}

/**
 * Whether the account can enter a folder. Asked by entering it, not by reading modes, because access lists
 * and network file systems have their own mind. A shell does it: spawn's own `cwd` is entered before the
 * account changes, thus as root.
 */
export function canEnter(folder: string, account: Account): boolean {
  const args = ["-c", 'cd -- "$0"', folder];
  return spawnSync("/bin/sh", args, { ...account.as, cwd: "/", stdio: "ignore", env: {} }).status === 0;
}
