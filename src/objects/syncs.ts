import { close, fsync, open, write } from "node:fs";
import { promisify } from "node:util";

/** Bare descriptors: the handles of `fs/promises` cost as much again as what is done with them. */
const files = {
  open: promisify(open),
  write: promisify(write),
  fsync: promisify(fsync),
  close: promisify(close),
};

/** From so many on one sync of the file system is cheaper than one each. */
const MANY = 64;
/** How long they wait for others of their group, and only while others are being written. */
const LATE_MS = 25;
/** A sync of the file system waits for what others wrote there too: one that takes so long is not asked again. */
const TOO_LONG_MS = 1000;

/** Makes everything durable that a folder's file system holds. Rejects where it can't, or may have not. */
export type SyncAll = (folder: string) => Promise<void>;

type Waiting = { sync: () => Promise<void>; settle: PromiseWithResolvers<void> };

/**
 * Makes files and names below one folder durable, together where they come together. What is written before a sync
 * begins is in it; what comes meanwhile waits for the next one.
 */
export class Syncs {
  readonly #folder: string;
  /** Null: each alone. */
  #all: SyncAll | null;
  #next = new Map<string, Waiting>();
  #running = false;
  /** Being written or renamed now. */
  #busy = 0;
  #late: NodeJS.Timeout | undefined;

  /** `folder` and what is below it are on one file system. */
  constructor(folder: string, all: SyncAll | null) {
    this.#folder = folder;
    this.#all = all;
  }

  /** Writes a new file. Its bytes are durable when it resolves, its name is not. */
  async write(path: string, bytes: Uint8Array): Promise<void> {
    const file = await this.#doing(() => writeNew(path, bytes));
    try {
      await this.#sync(path, () => files.fsync(file));
    } finally {
      await files.close(file);
    }
  }

  /** Does what changes names in a folder. They are durable when it resolves. */
  async names(folder: string, change: () => Promise<void> = async () => {}): Promise<void> {
    await this.#doing(change);
    await this.#sync(folder, () => syncOne(folder));
  }

  async #doing<T>(work: () => Promise<T>): Promise<T> {
    this.#busy++;
    try {
      return await work();
    } finally {
      this.#busy--;
      // Once what follows this work has joined the group, or given up.
      queueMicrotask(() => this.#arrange());
    }
  }

  #sync(key: string, sync: () => Promise<void>): Promise<void> {
    const known = this.#next.get(key);
    if (known !== undefined) return known.settle.promise;
    const settle = Promise.withResolvers<void>();
    this.#next.set(key, { sync, settle });
    this.#arrange();
    return settle.promise;
  }

  #arrange(): void {
    if (this.#running || this.#next.size === 0) return;
    if (this.#busy === 0) void this.#go();
    else this.#late ??= setTimeout(() => void this.#go(), LATE_MS);
  }

  async #go(): Promise<void> {
    clearTimeout(this.#late);
    this.#late = undefined;
    if (this.#running) return;
    const group = [...this.#next.values()];
    this.#next = new Map();
    this.#running = true;
    const done = group.length >= MANY && (await this.#together());
    if (done) for (const { settle } of group) settle.resolve();
    else await Promise.all(group.map(({ sync, settle }) => sync().then(settle.resolve, settle.reject)));
    this.#running = false;
    this.#arrange();
  }

  /**
   * False where each must be synced alone. So must all later ones: the kernel tells an error in writing once, and it
   * may have met the file of one that waits for the next sync.
   */
  async #together(): Promise<boolean> {
    if (this.#all === null) return false;
    const began = performance.now();
    const done = await this.#all(this.#folder).then(
      () => true,
      () => false,
    );
    if (!done || performance.now() - began >= TOO_LONG_MS) this.#all = null;
    return done;
  }
}

async function writeNew(path: string, bytes: Uint8Array): Promise<number> {
  const file = await files.open(path, "wx", 0o600);
  try {
    for (let at = 0; at < bytes.byteLength; )
      at += (await files.write(file, bytes, at, bytes.byteLength - at, null)).bytesWritten;
    return file;
  } catch (error) {
    await files.close(file);
    throw error;
  }
}

async function syncOne(folder: string): Promise<void> {
  const opened = await files.open(folder, "r");
  try {
    await files.fsync(opened);
  } finally {
    await files.close(opened);
  }
}
