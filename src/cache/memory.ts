import type { Cache, Counted } from "./cache.ts";

/** Beyond this the oldest goes: who floods us with new keys must not take our memory. */
const MOST_KEYS = 100_000;

type Entry = { value: string; ends_at: number };

/** The cache of one process. Time is `now`, in milliseconds. */
export class MemoryCache implements Cache {
  readonly kind = "memory" as const;
  readonly #entries = new Map<string, Entry>();
  readonly #most: number;
  readonly #now: () => number;

  constructor({
    most = MOST_KEYS,
    now = () => performance.now(),
  }: { most?: number; now?: () => number } = {}) {
    this.#most = most;
    this.#now = now;
  }

  async get(key: string): Promise<string | undefined> {
    return this.#alive(key)?.value;
  }

  async set(key: string, value: string, ttl_ms: number): Promise<void> {
    this.#put(key, { value, ends_at: this.#now() + ttl_ms });
  }

  async delete(key: string): Promise<void> {
    this.#entries.delete(key);
  }

  async count(key: string, by: number, ttl_ms: number): Promise<Counted> {
    const now = this.#now();
    const entry = this.#alive(key) ?? { value: "0", ends_at: now + ttl_ms };
    const value = Number(entry.value) + by;
    this.#put(key, { value: String(value), ends_at: entry.ends_at });
    return { value, ttl_ms: entry.ends_at - now };
  }

  #alive(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.ends_at > this.#now()) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  #put(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= this.#most) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
