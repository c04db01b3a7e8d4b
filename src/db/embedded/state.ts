import { randomBytes } from "node:crypto";
import { accessSync, constants, realpathSync, rmSync, statSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import { isRoot } from "./account.ts";
import { type Owner, readOptional, reasonOf, unavailable, writeAside } from "./files.ts";

/** The folder a server belongs to. `owner` is set for root, who gives what it makes here to the folder's user. */
export type Home = { path: string; systemRoot: string; owner: Owner | undefined };

/** What a home remembers of its cluster: the truth about the rest lies in the data folder. */
export type ServerState = {
  data_dir: string;
  uid: number;
  gid: number;
  socket_dir: string;
  version: string;
  /** Where the home lay when this was written: tells a copied home from a moved one. */
  home?: string;
};

export type PasswordName = "postgres-password" | "admin-password";

const KEY = "embedded_server";

/** The home, its links resolved, or undefined where the folder is absent. Throws `unavailable` on a relative path. */
export function findHome(path: string, systemRoot = "/var/lib/aliquot"): Home | undefined {
  if (!isAbsolute(path))
    throw unavailable(`the home ${path} must be an absolute path: set ALIQUOT_HOME to one`);
  try {
    const real = realpathSync(path);
    const { uid, gid } = statSync(real);
    return { path: real, systemRoot: resolve(systemRoot), owner: isRoot() ? { uid, gid } : undefined };
  } catch {
    return undefined;
  }
}

/** The home, there and writable. Throws `unavailable` where it is not. */
export function openHome(path: string, systemRoot?: string): Home {
  const home = findHome(path, systemRoot);
  if (home === undefined) {
    throw unavailable(`the home ${path} does not exist or cannot be entered: make it, or set ALIQUOT_HOME`);
  }
  try {
    accessSync(home.path, constants.R_OK | constants.W_OK | constants.X_OK);
    return home;
  } catch (error) {
    throw unavailable(
      `the home ${path} cannot be written (${reasonOf(error)}): give user ${process.getuid?.()} write access, or set ALIQUOT_HOME to a folder that has it`,
      error,
    );
  }
}

/** What the home remembers of its cluster, or undefined. Throws `unavailable` where `state.json` makes no sense. */
export function readState(home: Home): ServerState | undefined {
  const entry = readStateFile(home)[KEY];
  if (entry === undefined) return undefined;
  if (!isServerState(entry)) throw senseless(home, `its "${KEY}" lacks a field`);
  return { ...entry, data_dir: resolve(home.path, entry.data_dir) };
}

/** Remembers the cluster (undefined: forgets it), keeping what else `state.json` holds. Throws `unavailable`. */
export function writeState(home: Home, state: ServerState | undefined): void {
  const { [KEY]: _old, ...others } = readStateFile(home);
  // A cluster inside the home is named relative to it, so that the home can be moved or copied.
  const inside = state !== undefined && !relative(home.path, state.data_dir).startsWith("..");
  const entry = inside ? { ...state, data_dir: relative(home.path, state.data_dir) } : state;
  const whole = entry === undefined ? others : { ...others, [KEY]: entry };
  const file = join(home.path, "state.json");
  if (Object.keys(whole).length === 0) rmSync(file, { force: true });
  else writeAside(file, `${JSON.stringify(whole, null, 2)}\n`, home.owner);
}

/** A password of this home, or undefined where its file is absent or empty. Throws `unavailable`. */
export function readPassword(home: Home, name: PasswordName): string | undefined {
  return readOptional(join(home.path, name))?.trim() || undefined;
}

/** A password of this home, made of 32 random bytes where there is none yet. Throws `unavailable`. */
export function makePassword(home: Home, name: PasswordName): string {
  const known = readPassword(home, name);
  if (known !== undefined) return known;
  const fresh = randomBytes(32).toString("base64url");
  writeAside(join(home.path, name), `${fresh}\n`, home.owner);
  return fresh;
}

/** Deletes the home's memory of its cluster and both passwords. Throws `unavailable`. */
export function forgetState(home: Home): void {
  rmSync(join(home.path, "postgres-password"), { force: true });
  rmSync(join(home.path, "admin-password"), { force: true });
  if (readOptional(join(home.path, "state.json")) !== undefined) writeState(home, undefined);
}

function readStateFile(home: Home): Record<string, unknown> {
  const text = readOptional(join(home.path, "state.json"));
  if (text === undefined || text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch (error) {
    throw senseless(home, reasonOf(error), error);
  }
  throw senseless(home, "it is no object");
}

function senseless(home: Home, why: string, cause?: unknown): Error {
  const file = join(home.path, "state.json");
  return unavailable(
    `${file} cannot be understood (${why}): delete it, the cluster is found without it`,
    cause,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isServerState(value: unknown): value is ServerState {
  if (!isRecord(value)) return false;
  const texts = [value["data_dir"], value["socket_dir"], value["version"]];
  const numbers = [value["uid"], value["gid"]];
  return texts.every((text) => typeof text === "string") && numbers.every((n) => Number.isInteger(n));
}
