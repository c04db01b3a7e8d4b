import { setTimeout as sleep } from "node:timers/promises";

const HANDS = 8;
const PATIENCE_MS = 20_000;

/**
 * Work on many organizations by a few hands. One whose database hangs takes its hand for as long as our patience
 * lasts; then its work goes on alone, nobody waits for it, and it is not begun a second time until it ended.
 */
export class Hands {
  readonly #patienceMs: number;
  readonly #count: number;
  readonly #underWay = new Set<string>();

  constructor({ patienceMs = PATIENCE_MS, count = HANDS }: { patienceMs?: number; count?: number } = {}) {
    this.#patienceMs = patienceMs;
    this.#count = count;
  }

  /** Does the work for each, and tells `failed` of each that it failed for, however late. Never throws. */
  async each(
    orgIds: string[],
    work: (orgId: string) => Promise<unknown>,
    failed: (orgId: string, error: unknown) => void,
  ): Promise<void> {
    const queue = orgIds.values();
    const hand = async () => {
      for (const orgId of queue) {
        if (this.#underWay.has(orgId)) continue;
        await this.#patiently(this.#begin(orgId, work, failed));
      }
    };
    await Promise.all(Array.from({ length: this.#count }, hand));
  }

  async #begin(
    orgId: string,
    work: (orgId: string) => Promise<unknown>,
    failed: (orgId: string, error: unknown) => void,
  ): Promise<void> {
    this.#underWay.add(orgId);
    try {
      await work(orgId);
    } catch (error) {
      failed(orgId, error);
    } finally {
      this.#underWay.delete(orgId);
    }
  }

  async #patiently(begun: Promise<void>): Promise<void> {
    const over = new AbortController();
    const patience = sleep(this.#patienceMs, undefined, { signal: over.signal }).catch(() => {});
    await Promise.race([begun, patience]);
    over.abort();
  }
}
