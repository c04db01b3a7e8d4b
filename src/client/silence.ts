/** Ends a connection on which nothing comes any more, as after a cable was pulled. */
export class Silence {
  readonly #controller = new AbortController();
  readonly #longestMs: number;
  readonly signal: AbortSignal;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(outer: AbortSignal | undefined, longest_ms: number) {
    const { signal } = this.#controller;
    this.#longestMs = longest_ms;
    this.signal = outer === undefined ? signal : AbortSignal.any([outer, signal]);
    this.broken();
  }

  broken(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(), this.#longestMs);
  }

  /** Nothing is waited for now. */
  rest(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#controller.abort();
  }
}
