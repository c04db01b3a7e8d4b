/** What was counted under a key, and how long that is remembered. */
export type Counted = { value: number; ttl_ms: number };

/**
 * Values that may be forgotten at any moment, and counters that are not forgotten before their time. What is here is
 * in a database too, or does not matter. Keys are `<purpose>:<id>`: the purpose is a word of ours, and what comes from
 * outside is in the id. Who floods one purpose takes nothing from the others. A purpose sets or counts, never both.
 */
export type Cache = {
  /** `memory` is of this process alone: another process counts for itself. */
  readonly kind: "memory" | "redis";
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttl_ms: number): Promise<void>;
  delete(key: string): Promise<void>;
  /**
   * Adds a whole number to a counter; the first to add begins its time, which is not prolonged. Never less than what
   * was added in that time; more where so many keys are counted that some must share. What is taken back (a number
   * below 0) begins no time, and leaves no counter below 0.
   */
  count(key: string, by: number, ttl_ms: number): Promise<Counted>;
};
