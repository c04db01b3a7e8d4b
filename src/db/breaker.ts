const FIRST_MS = 100;
const MOST_MS = 3000;
const FULL_FIRST_MS = 25;
const FULL_MOST_MS = 500;

/**
 * How a database answered when it was last asked for a connection, and so when it may be asked again. One
 * that is down is left alone for a time that doubles up to 3 s; one whose server is full for less, and with
 * some chance in it, so that those who wait for the same room don't come together. Time is the caller's.
 */
export class Breaker {
  #failures = 0;
  #fulls = 0;
  #until = 0;
  #error: unknown;

  /** The last connect failed, and not because the server was full. */
  get tripped(): boolean {
    return this.#failures > 0;
  }

  /** The last connect found the server full. */
  get full(): boolean {
    return this.#fulls > 0;
  }

  /** What the last failed connect threw. */
  get error(): unknown {
    return this.#error;
  }

  /** Milliseconds until it may be tried; 0 where it may be now. */
  wait(now: number): number {
    return Math.max(0, this.#until - now);
  }

  failed(now: number, error: unknown): void {
    this.#until = now + Math.min(MOST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures++;
    this.#fulls = 0;
    this.#error = error;
  }

  foundFull(now: number): void {
    const pause = Math.min(FULL_MOST_MS, FULL_FIRST_MS * 2 ** this.#fulls);
    this.#until = now + pause * (0.5 + Math.random() / 2);
    this.#fulls++;
    this.#failures = 0;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#fulls = 0;
    this.#until = 0;
    this.#error = undefined;
  }
}
