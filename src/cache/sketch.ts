import { hash, randomBytes } from "node:crypto";
import type { Counted } from "./cache.ts";

const ROWS = 4;
const CELLS = 2 ** 14;

/**
 * A count-min sketch (Cormode and Muthukrishnan 2005) of one window: each key is counted in a cell of each row, and the
 * smallest of them is told. Half a megabyte; among 100,000 keys that were counted once, one more is told
 * a handful too much. Which cells are a key's is drawn anew for each, so that nobody can aim at another's.
 */
export class Sketch {
  readonly ends_at: number;
  readonly #cells = new Float64Array(ROWS * CELLS);
  readonly #seed = randomBytes(16).toString("hex");

  constructor(endsAt: number) {
    this.ends_at = endsAt;
  }

  estimate(key: string): number {
    return this.#least(this.#cellsOf(key));
  }

  /** Raises only those cells that say less than the key's new count: the others say too much already. */
  add(key: string, by: number, now: number): Counted {
    const cells = this.#cellsOf(key);
    const value = this.#least(cells) + by;
    for (const cell of cells) this.#cells[cell] = Math.max(this.#cells[cell] ?? 0, value);
    return { value, ttl_ms: this.ends_at - now };
  }

  #least(cells: number[]): number {
    return Math.min(...cells.map((cell) => this.#cells[cell] ?? 0));
  }

  #cellsOf(key: string): number[] {
    const digest = hash("sha256", `${this.#seed}${key}`, "buffer");
    return Array.from({ length: ROWS }, (_, row) => row * CELLS + (digest.readUInt32LE(row * 4) % CELLS));
  }
}
