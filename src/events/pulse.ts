import type { ResultsDb } from "../db/results.ts";
import { toAppError } from "../errors.ts";
import { type Logger, SILENT } from "../log.ts";
import type { ResultsDoor } from "../orgs/door.ts";
import { Turns } from "./turns.ts";

const LOOK_MS = 1000;
/** Of an organization's few connections, so many are for those who follow: what else is asked there must not wait. */
const READS_AT_ONCE = 2;

/** How things stand, each in a short text that changes whenever they do; what is not there is left out. */
export type Marks = (db: ResultsDb, ids: string[]) => Promise<Map<string, string>>;

/** One thing that somebody follows. */
export type Watch = Disposable & {
  /** As it stood when it was last looked at, `gone` where it is not there; undefined: it was not looked at yet. */
  readonly mark: string | undefined;
  /** True when nobody looks any more. */
  readonly closed: boolean;
  /** Resolves when it was looked at once more, or nobody will any more. Never rejects. */
  looked(): Promise<void>;
  /** A read of one's own, in its turn: all who follow are woken at once. Undefined where it was closed meanwhile. */
  read<T>(work: () => Promise<T>): Promise<T | undefined>;
};

type Options = { look_ms?: number; log?: Logger };

/**
 * Whether anything that is followed changed: one look a second into an organization's database for all that this
 * process follows in it, and none where nobody does. It sees no more than how things stand: who follows reads for
 * themselves.
 */
export class Pulse implements AsyncDisposable {
  readonly #results: Pick<ResultsDoor, "forMachinery">;
  readonly #lookMs: number;
  readonly #log: Logger;
  readonly #beats = new Map<string, Beat>();
  /** Looks that failed, by organization: an outage is said once, however many come and go meanwhile. */
  readonly #missed = new Map<string, number>();
  #closed = false;

  /** Another pace is for tests. */
  constructor(results: Pick<ResultsDoor, "forMachinery">, { look_ms = LOOK_MS, log = SILENT }: Options = {}) {
    this.#results = results;
    this.#lookMs = look_ms;
    this.#log = log;
  }

  /** Watches one thing until it is disposed or `signal` aborts; `marks` says how such things stand. */
  watch(orgId: string, marks: Marks, id: string, signal: AbortSignal): Watch {
    const beat = this.#beats.get(orgId) ?? new Beat((work) => this.#ask(orgId, work), this.#lookMs);
    const watch = new Watcher(marks, id, beat.turns, () => {
      signal.removeEventListener("abort", close);
      beat.remove(watch);
      if (beat.size === 0) this.#beats.delete(orgId);
    });
    const close = () => watch[Symbol.dispose]();
    if (this.#closed || signal.aborted) {
      watch[Symbol.dispose]();
      return watch;
    }
    signal.addEventListener("abort", close, { once: true });
    this.#beats.set(orgId, beat);
    beat.add(watch);
    return watch;
  }

  /** Asks an organization's database. Never throws: one that is away is looked at again. */
  async #ask(orgId: string, work: Work): Promise<void> {
    const missed = this.#missed.get(orgId) ?? 0;
    try {
      await this.#results.forMachinery(orgId, work);
      this.#missed.delete(orgId);
      if (missed > 0) this.#log.info({ org_id: orgId, missed }, "what is followed there is looked at again");
    } catch (error) {
      this.#missed.set(orgId, missed + 1);
      if (missed === 0)
        this.#log.warn(
          { org_id: orgId, err: toAppError(error).message },
          "what is followed there can't be looked at: it is tried again until it can",
        );
    }
  }

  /** How many things are followed, and in how many organizations. */
  get size(): { watches: number; organizations: number } {
    const watches = [...this.#beats.values()].reduce((sum, { size }) => sum + size, 0);
    return { watches, organizations: this.#beats.size };
  }

  /** Ends all watches, and waits for the looks that are under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const beats = [...this.#beats.values()];
    for (const beat of beats) beat.end();
    await Promise.all(beats.map((beat) => beat.looking));
  }
}

type Work = (scope: { tx: ResultsDb }) => Promise<void>;

class Watcher implements Watch {
  readonly marks: Marks;
  readonly id: string;
  readonly #turns: Turns;
  mark: string | undefined;
  readonly #left: () => void;
  closed = false;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(marks: Marks, id: string, turns: Turns, left: () => void) {
    this.marks = marks;
    this.id = id;
    this.#turns = turns;
    this.#left = left;
  }

  looked(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.#waiting ??= Promise.withResolvers<void>();
    return this.#waiting.promise;
  }

  async read<T>(work: () => Promise<T>): Promise<T | undefined> {
    return this.#turns.take(async () => (this.closed ? undefined : work()));
  }

  ring(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  [Symbol.dispose](): void {
    if (this.closed) return;
    this.closed = true;
    this.#left();
    this.ring();
  }
}

/** One organization's. */
class Beat {
  readonly #watchers = new Set<Watcher>();
  readonly turns = new Turns(READS_AT_ONCE);
  readonly #ask: (work: Work) => Promise<void>;
  readonly #lookMs: number;
  #timer: NodeJS.Timeout | undefined;
  looking: Promise<void> | undefined;

  constructor(ask: (work: Work) => Promise<void>, lookMs: number) {
    this.#ask = ask;
    this.#lookMs = lookMs;
  }

  get size(): number {
    return this.#watchers.size;
  }

  add(watcher: Watcher): void {
    this.#watchers.add(watcher);
    if (this.looking === undefined) this.#timer ??= setTimeout(() => void this.#look(), this.#lookMs);
  }

  remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  end(): void {
    for (const watcher of [...this.#watchers]) watcher[Symbol.dispose]();
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    // Where it failed they are woken too: who reads is told why they can't.
    this.looking = this.#ask(({ tx }) => this.#mark(tx));
    await this.looking;
    this.looking = undefined;
    for (const watcher of [...this.#watchers]) watcher.ring();
    if (this.#watchers.size > 0) this.#timer ??= setTimeout(() => void this.#look(), this.#lookMs);
  }

  async #mark(tx: ResultsDb): Promise<void> {
    for (const [marks, watchers] of Map.groupBy(this.#watchers, (watcher) => watcher.marks)) {
      const found = await marks(tx, [...new Set(watchers.map(({ id }) => id))]);
      for (const watcher of watchers) watcher.mark = found.get(watcher.id) ?? "gone";
    }
  }
}
