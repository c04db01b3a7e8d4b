import type { ServerResponse } from "node:http";
import { HttpError } from "./http-error.ts";

/** A stream costs little, but each looks at a database now and then. */
const MOST_STREAMS = 2000;
const MOST_STREAMS_EACH = 200;

/** What a server has in its hands: requests that run, streams that are open, and whether it is leaving. */
export class Life {
  /** It answers, but no longer says that it is ready. */
  draining = false;
  #running = 0;
  #idle: (() => void)[] = [];
  readonly #streams = new Map<AbortController, string>();
  readonly #places: { most: number; each: number };

  constructor({ most = MOST_STREAMS, each = MOST_STREAMS_EACH } = {}) {
    this.#places = { most, each };
  }

  get running(): number {
    return this.#running;
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** Counts an answer until its last byte is sent or its asker has left. */
  count(response: ServerResponse): void {
    this.#running++;
    response.once("close", () => {
      this.#running--;
      if (this.#running === 0) for (const tell of this.#idle.splice(0)) tell();
    });
  }

  /** Resolves when nothing runs. */
  idle(): Promise<void> {
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#idle.push(resolve));
  }

  /** A place for one stream of a person. Throws HttpError stopping, too_many_streams. */
  openStream(userId: string): Disposable & { signal: AbortSignal } {
    const own = [...this.#streams.values()].filter((each) => each === userId).length;
    if (this.draining)
      throw new HttpError("stopping", "this server is stopping: follow it again in a moment", {
        headers: { "retry-after": "2" },
      });
    if (this.#streams.size >= this.#places.most || own >= this.#places.each)
      throw new HttpError(
        "too_many_streams",
        "so many streams are open already: close some, or ask again later",
        {
          headers: { "retry-after": "10" },
        },
      );
    const controller = new AbortController();
    this.#streams.set(controller, userId);
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => void this.#streams.delete(controller),
    };
  }

  /** Tells all streams to end: whoever follows goes on elsewhere, after the last event that came. */
  endStreams(): void {
    for (const controller of this.#streams.keys()) controller.abort();
  }
}
