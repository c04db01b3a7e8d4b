import type { Counted } from "./cache.ts";
import { Sketch } from "./sketch.ts";
import { Sweep } from "./sweep.ts";

/** Looking through all of them takes milliseconds: not for each that comes while they are too many. */
const FULL_SWEEP_MS = 1000;

type Counter = { value: number; ends_at: number };

/**
 * Counters with an end. None is given up before it for the sake of another: an attacker with many names would get rid
 * of the count that stops them. When there is no room, those that are new are counted in a sketch, which takes
 * the same memory for any number of them and may say too much of one, never too little.
 */
export class Counters {
  readonly #kept = new Map<string, Counter>();
  readonly #sweep = new Sweep(this.#kept);
  readonly #most: number;
  readonly #now: () => number;
  #sketch: Sketch | undefined;
  #swept = Number.NEGATIVE_INFINITY;

  constructor(most: number, now: () => number) {
    this.#most = most;
    this.#now = now;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(key: string): number | undefined {
    const now = this.#now();
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.ends_at > now) return kept.value;
    const shared = this.#overflow(now)?.estimate(key) ?? 0;
    return shared === 0 ? undefined : shared;
  }

  /** One that is shared stays: it counts for others too. */
  delete(key: string): void {
    this.#kept.delete(key);
  }

  count(key: string, by: number, ttl_ms: number): Counted {
    const now = this.#now();
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.ends_at > now) {
      kept.value = Math.max(0, kept.value + by);
      return { value: kept.value, ttl_ms: kept.ends_at - now };
    }
    // What was begun in the sketch goes on there: a count of its own would begin at nothing again.
    const shared = this.#overflow(now);
    if (shared !== undefined && shared.estimate(key) > 0) return shared.add(key, by, now);
    // What is taken back too late was forgotten already; the next window is not to begin below nothing.
    if (by < 0) return { value: 0, ttl_ms };
    this.#kept.delete(key);
    this.#sweep.some(now);
    if (!this.#hasRoom(now)) {
      this.#sketch = shared ?? new Sketch(now + ttl_ms);
      return this.#sketch.add(key, by, now);
    }
    this.#kept.set(key, { value: by, ends_at: now + ttl_ms });
    return { value: by, ttl_ms };
  }

  #overflow(now: number): Sketch | undefined {
    if (this.#sketch !== undefined && this.#sketch.ends_at <= now) this.#sketch = undefined;
    return this.#sketch;
  }

  #hasRoom(now: number): boolean {
    if (this.#kept.size < this.#most) return true;
    if (now - this.#swept < FULL_SWEEP_MS) return false;
    this.#swept = now;
    this.#sweep.all(now);
    return this.#kept.size < this.#most;
  }
}
