/** What was counted under a key, and how long that is remembered. */
export type Counted = { value: number; ttl_ms: number };

/**
 * Values that may be forgotten at any moment: look-asides and rate limits. What is here is in a database too, or
 * does not matter. Keys are `<purpose>:<id>`; values are text.
 */
export type Cache = {
  /** `memory` is of this process alone: another process counts for itself. */
  readonly kind: "memory" | "redis";
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttl_ms: number): Promise<void>;
  delete(key: string): Promise<void>;
  /** Adds to a counter; the first to add begins its time, which is not prolonged. */
  count(key: string, by: number, ttl_ms: number): Promise<Counted>;
};
