import type pg from "pg";
import type { ServerAddress } from "./address.ts";
import { withClient } from "./connect.ts";
import { translateDbError } from "./postgres-errors.ts";

type Kept = { client: pg.Client; end(): void; ended: Promise<void>; timer?: NodeJS.Timeout };

/** Long enough for who makes one organization after the other. */
const IDLE_MS = 2000;

/**
 * Lends connections and keeps the last one to each server for a moment: the caches of a new session are
 * empty, which makes its first statements several times slower. The next one finds nothing of what a
 * session set or locked, and one that failed is closed. Idle it keeps no process alive.
 */
export class KeptClients implements AsyncDisposable {
  readonly #idle = new Map<string, Kept>();

  /** Who asked goes on while the connection is tidied or closed. Throws as `withClient` does. */
  async lend<T>(
    address: ServerAddress,
    application: string,
    work: (client: pg.Client) => Promise<T>,
  ): Promise<T> {
    const key = `${address.user}@${address.host}:${address.port}/${address.database}`;
    const kept = this.#take(key) ?? (await this.#open(key, address, application));
    try {
      const result = await work(kept.client);
      this.#keep(key, kept);
      return result;
    } catch (error) {
      kept.end();
      throw translateDbError(error);
    }
  }

  /** Closes those that are idle; what is lent still closes a moment after it comes back. */
  async [Symbol.asyncDispose](): Promise<void> {
    const idle = [...this.#idle];
    for (const [key, kept] of idle) this.#drop(key, kept);
    await Promise.all(idle.map(([, kept]) => kept.ended));
  }

  #take(key: string): Kept | undefined {
    const kept = this.#idle.get(key);
    this.#idle.delete(key);
    if (kept === undefined) return undefined;
    clearTimeout(kept.timer);
    hold(kept.client, true);
    return kept;
  }

  #keep(key: string, kept: Kept): void {
    if (this.#idle.has(key)) {
      kept.end();
      return;
    }
    this.#idle.set(key, kept);
    hold(kept.client, false);
    // Locks too. It goes before the next statement, whoever says that.
    kept.client.query("DISCARD ALL").catch(() => this.#drop(key, kept));
    kept.timer = setTimeout(() => this.#drop(key, kept), IDLE_MS).unref();
  }

  #drop(key: string, kept: Kept): void {
    if (this.#idle.get(key) === kept) this.#idle.delete(key);
    clearTimeout(kept.timer);
    hold(kept.client, true); // until it is closed
    kept.end();
  }

  /** Open until its `end` is called, or until the server hangs up. */
  #open(key: string, address: ServerAddress, application: string): Promise<Kept> {
    return new Promise((resolve, reject) => {
      const { promise, resolve: end } = Promise.withResolvers<void>();
      const ended: Promise<void> = withClient(address, application, async (client) => {
        const kept: Kept = { client, end, ended: ended.catch(() => {}) };
        client.once("end", () => this.#drop(key, kept));
        resolve(kept);
        await promise;
      });
      ended.catch(reject);
    });
  }
}

/** Whether it keeps this process alive; missing in the types of the driver. */
function hold(client: pg.Client, alive: boolean): void {
  const { ref, unref } = client as unknown as { ref(): void; unref(): void };
  (alive ? ref : unref).call(client);
}
