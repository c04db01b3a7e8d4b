import type pg from "pg";
import type { ServerAddress } from "./address.ts";
import { openPool } from "./connect.ts";

type Entry<H> = { pool: pg.Pool; handle: H; users: number; ready: Promise<void> };

/**
 * Small pools, one a database, under one budget of connections. The least recently used idle pool
 * gives way to a new one; where all are in use, a newcomer waits. Nobody holds one pool while asking
 * for another, so the waiting always ends.
 */
export class PoolBudget<H> {
  readonly #size: number;
  readonly #most: number;
  readonly #wrap: (pool: pg.Pool) => H;
  /** Insertion order is order of use. */
  readonly #entries = new Map<string, Entry<H>>();
  readonly #waiting: (() => void)[] = [];

  constructor(size: number, budget: number, wrap: (pool: pg.Pool) => H) {
    this.#size = size;
    this.#most = Math.max(1, Math.floor(budget / size));
    this.#wrap = wrap;
  }

  /** Lends the handle of a database; `check` runs once, before the first use of a new pool. */
  async use<T>(
    key: string,
    address: ServerAddress,
    check: (handle: H) => Promise<void>,
    work: (handle: H) => Promise<T>,
  ): Promise<T> {
    const entry = await this.#take(key, address, check);
    try {
      await entry.ready;
    } catch (error) {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      this.#give(entry);
      void entry.pool.end().catch(() => {});
      throw error;
    }
    try {
      return await work(entry.handle);
    } finally {
      this.#give(entry);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const pools = [...this.#entries.values()].map((entry) => entry.pool);
    this.#entries.clear();
    await Promise.all(pools.map((pool) => pool.end()));
  }

  async #take(key: string, address: ServerAddress, check: (handle: H) => Promise<void>): Promise<Entry<H>> {
    for (;;) {
      const known = this.#entries.get(key);
      if (known !== undefined) {
        this.#entries.delete(key);
        this.#entries.set(key, known);
        known.users++;
        return known;
      }
      if (this.#makeRoom()) break;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const pool = openPool(address, `aliquot ${process.pid}`, this.#size);
    const handle = this.#wrap(pool);
    const entry: Entry<H> = { pool, handle, users: 1, ready: check(handle) };
    entry.ready.catch(() => {}); // every user awaits it and sees the error
    this.#entries.set(key, entry);
    return entry;
  }

  #makeRoom(): boolean {
    if (this.#entries.size < this.#most) return true;
    for (const [key, entry] of this.#entries) {
      if (entry.users > 0) continue;
      this.#entries.delete(key);
      void entry.pool.end().catch(() => {});
      return true;
    }
    return false;
  }

  #give(entry: Entry<H>): void {
    entry.users--;
    // All of them look again: one that finds its pool open would else keep the room from the next.
    if (entry.users === 0) for (const wake of this.#waiting.splice(0)) wake();
  }
}
