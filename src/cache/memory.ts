import { sha256 } from "../ids.ts";
import type { Cache, Counted } from "./cache.ts";
import { Counters } from "./counters.ts";
import { Values } from "./values.ts";

/** More purposes than we have words for: whoever makes them up shares one. */
const MOST_PURPOSES = 64;
/** Of a purpose; 20,000 counters are some 4 MB. */
const MOST_COUNTERS = 20_000;
const MOST_VALUES = 10_000;
const LONGEST_KEY = 200;

type Purpose = { counters: Counters; values: Values };

/**
 * The cache of one process. What expired is swept as others come, so that nothing runs where nobody asks; each
 * purpose has room of its own. Time is `now`, in milliseconds.
 */
export class MemoryCache implements Cache {
  readonly kind = "memory" as const;
  readonly #purposes = new Map<string, Purpose>();
  readonly #settings: { counters: number; values: number; now: () => number };

  constructor({
    counters = MOST_COUNTERS,
    values = MOST_VALUES,
    now = () => performance.now(),
  }: { counters?: number; values?: number; now?: () => number } = {}) {
    this.#settings = { counters, values, now };
  }

  async get(key: string): Promise<string | undefined> {
    const { values, counters } = this.#of(key);
    return values.get(keyOf(key)) ?? counters.get(keyOf(key))?.toString();
  }

  async set(key: string, value: string, ttl_ms: number): Promise<void> {
    this.#of(key).values.set(keyOf(key), value, ttl_ms);
  }

  async delete(key: string): Promise<void> {
    const { values, counters } = this.#of(key);
    values.delete(keyOf(key));
    counters.delete(keyOf(key));
  }

  async count(key: string, by: number, ttl_ms: number): Promise<Counted> {
    return this.#of(key).counters.count(keyOf(key), by, ttl_ms);
  }

  /** How much is held, in all purposes together. */
  get size(): { counters: number; values: number } {
    const all = [...this.#purposes.values()];
    const sum = (of: (purpose: Purpose) => number) => all.reduce((total, one) => total + of(one), 0);
    return { counters: sum(({ counters }) => counters.size), values: sum(({ values }) => values.size) };
  }

  #of(key: string): Purpose {
    const word = key.slice(0, key.indexOf(":"));
    const name = this.#purposes.has(word) || this.#purposes.size < MOST_PURPOSES ? word : "";
    const known = this.#purposes.get(name);
    if (known !== undefined) return known;
    const { counters, values, now } = this.#settings;
    const made = { counters: new Counters(counters, now), values: new Values(values, now) };
    this.#purposes.set(name, made);
    return made;
  }
}

/** A key of any length takes no more room than a short one. */
function keyOf(key: string): string {
  return key.length <= LONGEST_KEY ? key : sha256(key);
}
