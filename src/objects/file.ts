import { randomUUID } from "node:crypto";
import { stat as statBare } from "node:fs";
import { readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { AppError } from "../errors.ts";
import { isUuid, sha256 } from "../ids.ts";
import { damaged, lost } from "./damaged.ts";
import { Folders } from "./folders.ts";
import { Places } from "./places.ts";
import { readChecked } from "./read-checked.ts";
import type { ObjectStore, StoredObject } from "./store.ts";
import { type SyncAll, Syncs } from "./syncs.ts";

/** Not that of `fs/promises`, which looks for the caller's stack when a file is missing: most are, before they are put. */
const stat = promisify(statBare);
/** Puts at once, each with a file open: of thousands the first would be stored only with the last. */
const PUTS = 128;

/**
 * Objects as files: `<root>/<org_id>/<2 hex>/<62 hex>`, addressed `object:<64 hex>`. Written aside,
 * synced, renamed, and the folder synced, so a crash leaves either nothing or the whole object. Many that come at the
 * same time are synced together, by `all`; null: each alone.
 */
export function openFileStore(root: string, all: SyncAll | null = null): ObjectStore {
  const folders = new Folders();
  const puts = new Places(PUTS);
  const known = new Map<string, Syncs>();
  /** Until when there is nothing to sweep: it reads every folder. */
  const swept = new Map<string, number>();
  const syncsOf = (orgId: string): Syncs => {
    const syncs = known.get(orgId) ?? new Syncs(folderOf(root, orgId), all);
    known.set(orgId, syncs);
    return syncs;
  };
  return {
    put: (orgId, bytes) =>
      guarded(() => puts.in(async () => put({ root, folders, syncs: syncsOf(orgId) }, orgId, bytes))),
    get: (orgId, uri) => guarded(() => get(root, orgId, uri)),
    read: (orgId, uri) => read(root, orgId, uri),
    look: (orgId, uri, size_bytes) => guarded(() => look(root, orgId, uri, size_bytes)),
    has: (orgId, uri) => guarded(() => has(root, orgId, uri)),
    sweep: (orgId) =>
      guarded(async () => {
        if (performance.now() < (swept.get(orgId) ?? 0)) return 0;
        const count = await sweep(folderOf(root, orgId));
        swept.set(orgId, performance.now() + LEFT_MS);
        return count;
      }),
    removeOrganization: (orgId) =>
      guarded(async () => {
        folders.forget(folderOf(root, orgId));
        await rm(folderOf(root, orgId), { recursive: true, force: true });
        folders.forget(folderOf(root, orgId));
        known.delete(orgId);
      }),
  };
}

type Place = { root: string; folders: Folders; syncs: Syncs };

async function put({ root, folders, syncs }: Place, orgId: string, bytes: Uint8Array): Promise<StoredObject> {
  if (bytes.byteLength === 0) throw new AppError("bad_input", "an object of 0 bytes can't be stored");
  const hash = sha256(bytes);
  const uri = `object:${hash}`;
  const path = pathOf(root, orgId, uri);
  const stored: StoredObject = { uri, size_bytes: bytes.byteLength, checksum: `sha256:${hash}` };
  const folder = dirname(path);
  if (folders.isDurable(folder)) {
    // Another process may have removed it since, with its organization.
    if (await keep(syncs, path, bytes, hash).then(isDone, isMissing)) return stored;
  }
  await folders.make(folder, root, syncs);
  await keep(syncs, path, bytes, hash);
  return stored;
}

function isDone(): true {
  return true;
}

/** False for a folder that is not there; any other error is thrown on. */
function isMissing(error: unknown): false {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
  throw error;
}

async function keep(syncs: Syncs, path: string, bytes: Uint8Array, hash: string): Promise<void> {
  // Who put it there may have died before its name was on the disk: it is synced in either case.
  if (await isWhole(path, bytes.byteLength, hash)) await syncs.names(dirname(path));
  else await writeWhole(syncs, path, bytes);
}

/** Written aside, synced and renamed. */
async function writeWhole(syncs: Syncs, path: string, bytes: Uint8Array): Promise<void> {
  const aside = join(dirname(path), `.${randomUUID()}`);
  try {
    await syncs.write(aside, bytes);
    await syncs.names(dirname(path), () => rename(aside, path));
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

/** What is there already is believed only after it was read: a disk may have damaged it, and we have the bytes. */
async function isWhole(path: string, size: number, hash: string): Promise<boolean> {
  return (await sizeOf(path)) === size && sha256(await readFile(path)) === hash;
}

async function get(root: string, orgId: string, uri: string): Promise<Uint8Array> {
  try {
    const bytes = await readFile(pathOf(root, orgId, uri));
    if (`object:${sha256(bytes)}` === uri) return bytes;
  } catch (error) {
    throw await missing(error, root, orgId, uri);
  }
  throw damaged(uri);
}

async function* read(root: string, orgId: string, uri: string): AsyncGenerator<Uint8Array> {
  try {
    yield* readChecked(pathOf(root, orgId, uri), uri);
  } catch (error) {
    throw asAppError(await missing(error, root, orgId, uri));
  }
}

/** What a failed reading says of an object: that it is lost only where the store is there without it. */
async function missing(error: unknown, root: string, orgId: string, uri: string): Promise<unknown> {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") return error;
  await assertMounted(root, orgId);
  return lost(uri, error);
}

async function look(root: string, orgId: string, uri: string, size: number): Promise<void> {
  const found = await sizeOf(pathOf(root, orgId, uri));
  if (found === size) return;
  if (found !== null) throw damaged(uri);
  await assertMounted(root, orgId);
  throw lost(uri);
}

async function has(root: string, orgId: string, uri: string): Promise<boolean> {
  if ((await sizeOf(pathOf(root, orgId, uri))) !== null) return true;
  await assertMounted(root, orgId);
  return false;
}

/** An organization without a folder is one whose store is not mounted: nobody asks for what was never put. */
async function assertMounted(root: string, orgId: string): Promise<void> {
  if ((await sizeOf(folderOf(root, orgId))) !== null) return;
  throw new AppError(
    "store_unavailable",
    "the object store has no folder of this organization: is its disk mounted?",
  );
}

/** What a put that was killed left aside. Younger ones may be under way. */
const LEFT_MS = 24 * 3600 * 1000;

async function sweep(folder: string): Promise<number> {
  let swept = 0;
  const below = await readdir(folder).catch(() => []);
  for (const name of below) {
    const aside = (await readdir(join(folder, name)).catch(() => [])).filter((one) => one.startsWith("."));
    for (const one of aside) {
      const path = join(folder, name, one);
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
      if (Date.now() - mtimeMs < LEFT_MS) continue;
      await rm(path, { force: true });
      swept++;
    }
  }
  return swept;
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function folderOf(root: string, orgId: string): string {
  if (!isUuid(orgId)) throw new AppError("not_found", "no such object");
  return join(root, orgId);
}

/** Only a hash and an id become a path, never a name that somebody gave. */
function pathOf(root: string, orgId: string, uri: string): string {
  const hash = /^object:([0-9a-f]{64})$/.exec(uri)?.[1];
  if (hash === undefined) throw new AppError("not_found", "no such object");
  return join(folderOf(root, orgId), hash.slice(0, 2), hash.slice(2));
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asAppError(error);
  }
}

function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  return new AppError(
    "store_unavailable",
    `the object store can't be used (${code ?? "unknown"}): check its disk`,
    { cause: error },
  );
}
