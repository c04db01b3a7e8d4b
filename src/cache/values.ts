import { Sweep } from "./sweep.ts";

/** Of all values of one purpose together; one that is longer than a tenth of it is not kept at all. */
const MOST_CHARACTERS = 4 * 2 ** 20;

type Value = { value: string; ends_at: number };

/** Texts with an end. When there is no room the oldest goes: whoever asked for it finds it in a database again. */
export class Values {
  readonly #entries = new Map<string, Value>();
  readonly #sweep = new Sweep(this.#entries, ({ value }) => {
    this.#characters -= value.length;
  });
  readonly #most: number;
  readonly #now: () => number;
  #characters = 0;

  constructor(most: number, now: () => number) {
    this.#most = most;
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): string | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.ends_at > this.#now()) return entry?.value;
    this.delete(key);
    return undefined;
  }

  set(key: string, value: string, ttl_ms: number): void {
    const now = this.#now();
    this.delete(key);
    this.#sweep.some(now);
    if (value.length > MOST_CHARACTERS / 10) return;
    this.#entries.set(key, { value, ends_at: now + ttl_ms });
    this.#characters += value.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#most && this.#characters <= MOST_CHARACTERS) return;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#characters -= entry.value.length;
  }
}
