import type { EventRow } from "../events/schema.ts";

/** A page of events as `event.list` gives it, newest first. */
export type ReadEvents = (wish: {
  since?: string;
  cursor?: string;
  limit: number;
}) => Promise<{ items: EventRow[]; next_cursor: string | null }>;

/** An event bears the time at which its transaction began: one that took longer comes after younger ones. */
const OVERLAP_MS = 60_000;
/** So many looks that end at a page of known events, then one through all of the overlap. */
const SHORT_LOOKS = 10;

/**
 * Events as they come, each once, oldest first, however many there are between two looks. The only clock is that of
 * the events themselves: this machine's may be another. A look that fails has taken nothing and may be repeated.
 */
export class EventFeed {
  readonly #read: ReadEvents;
  readonly #page: number;
  /** Events of the overlap, and when they were made. */
  readonly #known = new Map<string, number>();
  #newest = Number.NEGATIVE_INFINITY;
  #first = Number.NEGATIVE_INFINITY;
  #looks = 0;

  constructor(read: ReadEvents, page = 1000) {
    this.#read = read;
    this.#page = page;
  }

  /** What there is from `since` on, at most the last `limit`; without `since` nothing: what comes now is news. */
  async begin({ since, limit }: { since?: string; limit?: number } = {}): Promise<EventRow[]> {
    if (since === undefined) {
      const [last] = (await this.#read({ limit: 1 })).items;
      if (last !== undefined) this.#take(await this.#window(Date.parse(last.created_at) - OVERLAP_MS));
      return [];
    }
    const first = Date.parse(since);
    const before = await this.#window(first);
    this.#first = first;
    this.#take(before);
    return before.slice(0, limit).toReversed();
  }

  /** What came since the last look. */
  async next(): Promise<EventRow[]> {
    const whole = this.#looks % SHORT_LOOKS === 0;
    const rows = await this.#window(Math.max(this.#first, this.#newest - OVERLAP_MS), !whole);
    this.#looks++;
    const news = rows.filter(({ event_id }) => !this.#known.has(event_id));
    this.#take(news);
    return news.toReversed();
  }

  /** All events from a time on, newest first; where a `short` look is enough, up to a page of known ones. */
  async #window(from: number, short = false): Promise<EventRow[]> {
    const rows: EventRow[] = [];
    const since = Number.isFinite(from) ? { since: new Date(from).toISOString() } : {};
    for (let cursor: string | null = null; ; ) {
      const page: Awaited<ReturnType<ReadEvents>> = await this.#read({
        ...since,
        ...(cursor === null ? {} : { cursor }),
        limit: this.#page,
      });
      rows.push(...page.items);
      cursor = page.next_cursor;
      if (cursor === null || (short && page.items.every((row) => this.#known.has(row.event_id)))) return rows;
    }
  }

  #take(rows: EventRow[]): void {
    for (const { event_id, created_at } of rows) {
      this.#known.set(event_id, Date.parse(created_at));
      this.#newest = Math.max(this.#newest, Date.parse(created_at));
    }
    for (const [id, at] of this.#known) if (at < this.#newest - 2 * OVERLAP_MS) this.#known.delete(id);
  }
}
