import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../errors.ts";
import { isUuid, sha256 } from "../ids.ts";
import type { ObjectStore, StoredObject } from "./store.ts";

/**
 * Objects as files: `<root>/<org_id>/<2 hex>/<62 hex>`, addressed `object:<64 hex>`. Written aside,
 * synced, renamed, and the folder synced, so a crash leaves either nothing or the whole object.
 */
export function openFileStore(root: string): ObjectStore {
  return {
    put: (orgId, bytes) => guarded(() => put(root, orgId, bytes)),
    get: (orgId, uri) => guarded(() => get(root, orgId, uri)),
    has: (orgId, uri) => guarded(async () => (await sizeOf(pathOf(root, orgId, uri))) !== null),
    removeOrganization: (orgId) => guarded(() => rm(folderOf(root, orgId), { recursive: true, force: true })),
  };
}

async function put(root: string, orgId: string, bytes: Uint8Array): Promise<StoredObject> {
  if (bytes.byteLength === 0) throw new AppError("bad_input", "an object of 0 bytes can't be stored");
  const hash = sha256(bytes);
  const uri = `object:${hash}`;
  const path = pathOf(root, orgId, uri);
  const stored: StoredObject = { uri, size_bytes: bytes.byteLength, checksum: `sha256:${hash}` };
  const folder = dirname(path);
  if (await isWhole(path, bytes.byteLength, hash)) {
    // Who put it there may have died before its name was on the disk.
    await syncFolder(folder);
    return stored;
  }
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  // A new folder is durable once the one above it is synced, up to the first that was there.
  if (made !== undefined)
    for (let at = dirname(folder); at.length >= dirname(made).length; at = dirname(at)) await syncFolder(at);
  const aside = join(folder, `.${randomUUID()}`);
  try {
    await writeSynced(aside, bytes);
    await rename(aside, path);
    await syncFolder(folder);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
  return stored;
}

/** What is there already is believed only after it was read: a disk may have damaged it, and we have the bytes. */
async function isWhole(path: string, size: number, hash: string): Promise<boolean> {
  return (await sizeOf(path)) === size && sha256(await readFile(path)) === hash;
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function get(root: string, orgId: string, uri: string): Promise<Uint8Array> {
  const bytes = await readFile(pathOf(root, orgId, uri));
  if (`object:${sha256(bytes)}` === uri) return bytes;
  throw new AppError("store_unavailable", `object ${uri} is damaged: its bytes are not what its name says`);
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
    if (error instanceof AppError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") throw new AppError("not_found", "no such object", { cause: error });
    throw new AppError(
      "store_unavailable",
      `the object store can't be used (${code ?? "unknown"}): check its disk`,
      {
        cause: error,
      },
    );
  }
}
