import type { PostgresPool } from "kysely";
import type { ServerAddress } from "./address.ts";
import { Breaker } from "./breaker.ts";
import type { Link, OpenLink } from "./connect.ts";
import { LentClient, type Loan } from "./lent.ts";
import { closing, outOfPatience, refused } from "./pool-errors.ts";
import { isServerFull } from "./postgres-errors.ts";

export type PoolSettings = {
  open: OpenLink;
  /** Connections of all databases together, each counted from its first byte until the server let it go. */
  budget: number;
  /** Connections of one database. */
  each: number;
  /** Of these, how many stay for a while when idle; the surplus closes after a second (`each`). */
  keep?: number;
  /** Age at which a connection is replaced. */
  recycle_seconds: number;
  /** How long somebody waits for a connection (15 s). */
  patience_ms?: number;
  /** Whether a database that refused a connection is left alone for a moment: where there are others. */
  breaks: boolean;
};

export type PoolStats = {
  budget: number;
  /** Connections that count: open, being opened, being closed. */
  open: number;
  idle: number;
  /** Who waits for a connection. */
  waiting: number;
  /** Databases that have connections, or refused the last one. */
  databases: number;
  /** Databases that refused the last connection. */
  broken: number;
};

const PATIENCE_MS = 15_000;
const IDLE_MS = 10_000;
const SURPLUS_MS = 1000;
/** How long it is remembered that a database failed which nobody asks for any more. */
const FORGET_MS = 60_000;

type Held = { link: Link; born: number; closing: boolean; timer?: NodeJS.Timeout };

/** One database: its connections, and how it answered when it was last asked for one. */
type Database<H> = {
  key: string;
  address: () => ServerAddress;
  handle: H;
  /** All that count, and of these the ones being opened and the idle ones, last used last. */
  open: number;
  opening: number;
  idle: Held[];
  /** Opened and not being closed: proof that the database can be reached. */
  alive: number;
  breaker: Breaker;
};

type Waiter<H> = { of: Database<H>; settle(held: Held): void; fail(error: unknown): void; over: boolean };

/**
 * Connections to many databases under one budget, which counts connections: a database that is quiet holds
 * only what it used in the last seconds, and the connection that has been idle longest gives way to whoever
 * waits. Who comes first is served first, unless it is their own database that keeps them. Nobody holds one
 * connection while asking for another, so the waiting ends; if it does not, it ends after `patience_ms`.
 *
 * While nothing proves that a database can be reached only one connection to it is tried, so one that does not
 * answer holds one place of the budget and keeps nobody else.
 */
export class PoolBudget<H> {
  readonly #settings: PoolSettings;
  readonly #wrap: (pool: PostgresPool) => H;
  readonly #databases = new Map<string, Database<H>>();
  /** Of all databases, the one idle for longest first. */
  readonly #idle = new Map<Held, Database<H>>();
  #queue: Waiter<H>[] = [];
  #open = 0;
  #closing = 0;
  #closed: (() => void) | undefined;

  constructor(settings: PoolSettings, wrap: (pool: PostgresPool) => H) {
    this.#settings = settings;
    this.#wrap = wrap;
  }

  /** The handle of a database. It opens nothing, and asks for no address, until it is asked something. */
  handle(key: string, address: () => ServerAddress): H {
    return this.#database(key, address).handle;
  }

  /** Databases whose key begins so are tried again at once, whatever happened before. */
  retry(prefix: string): void {
    for (const database of this.#databases.values()) {
      if (!database.key.startsWith(prefix)) continue;
      database.breaker.succeeded();
    }
    this.#serve();
  }

  stats(): PoolStats {
    const all = [...this.#databases.values()];
    return {
      budget: this.#settings.budget,
      open: this.#open,
      idle: this.#idle.size,
      waiting: this.#queue.length,
      databases: all.filter(({ open, breaker }) => open > 0 || breaker.tripped).length,
      broken: all.filter(({ breaker }) => breaker.tripped).length,
    };
  }

  /** Refuses newcomers, and resolves when the last connection is given back and closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = resolve;
    for (const waiter of this.#queue.splice(0)) waiter.fail(closing());
    for (const [held, database] of [...this.#idle]) this.#close(database, held);
    if (this.#open === 0) resolve();
    await promise;
  }

  #database(key: string, address: () => ServerAddress): Database<H> {
    const known = this.#databases.get(key);
    if (known !== undefined) return known;
    const handle = this.#wrap({
      // Kysely asks for the driver's own client; this is all that it uses of one without cursors.
      connect: () => this.#lend(key, address) as never,
      end: async () => {},
      options: {},
    });
    const counts = { open: 0, opening: 0, alive: 0, idle: [] };
    const database = { key, address, handle, ...counts, breaker: new Breaker() };
    this.#databases.set(key, database);
    return database;
  }

  async #lend(key: string, address: () => ServerAddress): Promise<LentClient> {
    return new LentClient(await this.#borrow(key, address));
  }

  async #borrow(key: string, address: () => ServerAddress): Promise<Loan> {
    const database = this.#database(key, address);
    const held = await this.#take(database);
    return {
      link: held.link,
      giveBack: (broken) => this.#giveBack(database, held, broken),
      renew: () => {
        this.#giveBack(database, held, true);
        // What lies idle beside a dead connection is likely as dead.
        for (const other of [...database.idle]) this.#close(database, other);
        return this.#borrow(key, address);
      },
    };
  }

  async #take(database: Database<H>): Promise<Held> {
    if (this.#closed !== undefined) throw closing();
    const idle = this.#queue.length > 0 ? undefined : this.#reuse(database, performance.now());
    return idle ?? this.#waitFor(database);
  }

  #waitFor(database: Database<H>): Promise<Held> {
    return new Promise((resolve, reject) => {
      const end = (finish: () => void) => {
        clearTimeout(timer);
        waiter.over = true;
        finish();
      };
      const waiter: Waiter<H> = {
        of: database,
        over: false,
        settle: (held) => end(() => resolve(held)),
        fail: (error) => end(() => reject(error)),
      };
      const patience = this.#settings.patience_ms ?? PATIENCE_MS;
      const timer = setTimeout(() => {
        this.#queue = this.#queue.filter((other) => other !== waiter);
        const crowded = database.open >= this.#settings.each ? "database" : "process";
        waiter.fail(outOfPatience(database.breaker.full ? "server" : crowded, patience, this.#settings));
        this.#tidy(database);
      }, patience);
      this.#queue.push(waiter);
      this.#serve();
    });
  }

  /** Gives everybody who can be helped what there is, in their order. */
  #serve(): void {
    const now = performance.now();
    let short = 0;
    const left: Waiter<H>[] = [];
    // What is decided below may call back at once and queue somebody; they are looked at in that call.
    const queue = this.#queue;
    this.#queue = [];
    for (const waiter of queue) {
      const database = waiter.of;
      const held = this.#reuse(database, now);
      if (held !== undefined) waiter.settle(held);
      else if (this.#isBroken(database, now)) waiter.fail(refused(database.breaker, now));
      else if (!this.#mayOpen(database, now)) left.push(waiter);
      else if (this.#open < this.#settings.budget) void this.#connect(database, waiter);
      else {
        left.push(waiter);
        // At once, and not after the others: who comes later must not take what this one needs closed.
        if (++short > this.#closing) this.#closeOldest();
      }
    }
    this.#queue = [...left, ...this.#queue];
  }

  #closeOldest(): void {
    const [oldest] = this.#idle;
    if (oldest !== undefined) this.#close(oldest[1], oldest[0]);
  }

  /** The idle connection that was used last, if there is one that is neither lost nor too old. */
  #reuse(database: Database<H>, now: number): Held | undefined {
    for (;;) {
      const held = database.idle.at(-1);
      if (held === undefined) return undefined;
      if (held.link.clean && !this.#isOld(held, now)) {
        this.#wake(database, held);
        return held;
      }
      this.#close(database, held);
    }
  }

  /** A database that was refused and of which nothing is open: who comes meanwhile is told so at once. */
  #isBroken(database: Database<H>, now: number): boolean {
    const { breaker, alive, opening } = database;
    if (!this.#settings.breaks || alive > 0 || !breaker.tripped) return false;
    return breaker.wait(now) > 0 || opening > 0;
  }

  #mayOpen(database: Database<H>, now: number): boolean {
    if (database.open >= this.#settings.each) return false;
    const { breaker, alive, opening } = database;
    if ((this.#settings.breaks || breaker.full) && breaker.wait(now) > 0) return false;
    return opening === 0 || (alive > 0 && !breaker.full && !breaker.tripped);
  }

  async #connect(database: Database<H>, waiter: Waiter<H>): Promise<void> {
    database.open++;
    database.opening++;
    this.#open++;
    let link: Link;
    try {
      link = await this.#settings.open(database.address());
    } catch (error) {
      database.opening--;
      this.#failed(database, waiter, error);
      this.#countOut(database);
      this.#serve();
      return;
    }
    database.opening--;
    database.alive++;
    database.breaker.succeeded();
    const held: Held = { link, born: performance.now(), closing: false };
    link.onLost(() => {
      if (this.#idle.has(held)) this.#close(database, held);
    });
    if (this.#closed !== undefined) waiter.fail(closing());
    if (waiter.over) this.#giveBack(database, held, false);
    else waiter.settle(held);
    this.#serve();
  }

  #failed(database: Database<H>, waiter: Waiter<H>, error: unknown): void {
    const { breaker } = database;
    const now = performance.now();
    const full = isServerFull(error);
    if (full) breaker.foundFull(now);
    else breaker.failed(now, error);
    this.#serveWhenTried(breaker);
    setTimeout(() => {
      if (breaker.error === error) breaker.succeeded();
      this.#tidy(database);
    }, FORGET_MS).unref();
    if (full && this.#closed === undefined) {
      // There is room again when somebody leaves, perhaps we ourselves: the waiter keeps place and patience.
      if (!waiter.over) this.#queue.unshift(waiter);
      this.#closeOldest();
      return;
    }
    waiter.fail(error);
    if (database.alive > 0) return;
    // These waited for this connection, and hear what the first one heard.
    for (const other of this.#queue) if (other.of === database) other.fail(error);
    this.#queue = this.#queue.filter((other) => !other.over);
  }

  /** Timers count whole milliseconds and may fire before their time: who came early would serve nobody, and be the last. */
  #serveWhenTried(breaker: Breaker): void {
    const left = breaker.wait(performance.now());
    if (left > 0) setTimeout(() => this.#serveWhenTried(breaker), Math.ceil(left)).unref();
    else this.#serve();
  }

  #giveBack(database: Database<H>, held: Held, broken: boolean): void {
    if (broken || !held.link.clean || this.#closed !== undefined || this.#isOld(held, performance.now())) {
      this.#close(database, held);
    } else {
      held.link.hold(false);
      database.idle.push(held);
      this.#idle.set(held, database);
      held.timer = setTimeout(() => {
        if (database.alive > (this.#settings.keep ?? this.#settings.each)) this.#close(database, held);
        else held.timer = setTimeout(() => this.#close(database, held), IDLE_MS - SURPLUS_MS).unref();
      }, SURPLUS_MS).unref();
    }
    this.#serve();
  }

  #wake(database: Database<H>, held: Held): void {
    clearTimeout(held.timer);
    this.#idle.delete(held);
    database.idle = database.idle.filter((other) => other !== held);
    held.link.hold(true);
  }

  /** Its place is free when the server has let it go, not before. */
  #close(database: Database<H>, held: Held): void {
    if (held.closing) return;
    held.closing = true;
    this.#wake(database, held);
    database.alive--;
    this.#closing++;
    void held.link.close().then(() => {
      this.#closing--;
      this.#countOut(database);
      this.#serve();
    });
  }

  #countOut(database: Database<H>): void {
    database.open--;
    this.#open--;
    this.#tidy(database);
    if (this.#open === 0) this.#closed?.();
  }

  /** Forgets a database of which there is nothing to remember. */
  #tidy(database: Database<H>): void {
    const waited = this.#queue.some((waiter) => waiter.of === database);
    if (database.open > 0 || waited || database.breaker.tripped) return;
    this.#databases.delete(database.key);
  }

  #isOld(held: Held, now: number): boolean {
    return now - held.born >= this.#settings.recycle_seconds * 1000;
  }
}
