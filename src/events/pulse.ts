import type { ResultsDb } from "../db/results.ts";
import type { ResultsDoor } from "../orgs/door.ts";

const LOOK_MS = 1000;

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
};

/**
 * Whether anything that is followed changed: one look a second into an organization's database for all that this
 * process follows in it, and none where nobody does. It sees no more than how things stand: who follows reads for
 * themselves.
 */
export class Pulse implements AsyncDisposable {
  readonly #results: Pick<ResultsDoor, "forMachinery">;
  readonly #lookMs: number;
  readonly #beats = new Map<string, Beat>();
  #closed = false;

  /** Another pace is for tests. */
  constructor(results: Pick<ResultsDoor, "forMachinery">, { look_ms = LOOK_MS }: { look_ms?: number } = {}) {
    this.#results = results;
    this.#lookMs = look_ms;
  }

  /** Watches one thing until it is disposed or `signal` aborts; `marks` says how such things stand. */
  watch(orgId: string, marks: Marks, id: string, signal: AbortSignal): Watch {
    const beat =
      this.#beats.get(orgId) ?? new Beat((work) => this.#results.forMachinery(orgId, work), this.#lookMs);
    const watch = new Watcher(marks, id, () => {
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

class Watcher implements Watch {
  readonly marks: Marks;
  readonly id: string;
  mark: string | undefined;
  readonly #left: () => void;
  closed = false;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(marks: Marks, id: string, left: () => void) {
    this.marks = marks;
    this.id = id;
    this.#left = left;
  }

  looked(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.#waiting ??= Promise.withResolvers<void>();
    return this.#waiting.promise;
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
  readonly #ask: (work: (scope: { tx: ResultsDb }) => Promise<void>) => Promise<void>;
  readonly #lookMs: number;
  #timer: NodeJS.Timeout | undefined;
  looking: Promise<void> | undefined;

  constructor(ask: (work: (scope: { tx: ResultsDb }) => Promise<void>) => Promise<void>, lookMs: number) {
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
    // A database that is away is looked at again: who reads it meanwhile is told why they can't.
    this.looking = this.#ask(({ tx }) => this.#mark(tx)).catch(() => {});
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
