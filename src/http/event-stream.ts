import type { Principal } from "../access/principal.ts";
import type { Followed } from "../operation.ts";
import { problemOf } from "./problem.ts";

/** Proxies cut lines that are silent; and so often it is asked whether the asker may still hear. */
const BEAT_MS = 10_000;

/** What a browser waits before it comes back, where the line was cut. */
const RETRY_MS = 2000;

export type Following = {
  /** Throws where the asker is not let in any more. */
  again: () => Promise<Principal>;
  signal: AbortSignal;
  request_id: string;
  failed: (error: unknown) => void;
  beat_ms?: number;
};

/** Events of which the first is being waited for already. */
export type Begun = { events: AsyncIterator<Followed>; first: Promise<IteratorResult<Followed>> };

/**
 * What is followed, as text/event-stream: a comment where nothing happens, `end` when nothing more can, `error` with
 * a problem where it broke or the asker may hear no more. Where the signal ends it nothing is said: it goes on elsewhere.
 */
export async function* eventText({ events, first }: Begun, how: Following): AsyncGenerator<string> {
  const beat_ms = how.beat_ms ?? BEAT_MS;
  const coming = new Coming<IteratorResult<Followed>>();
  const stop = () => coming.wake();
  how.signal.addEventListener("abort", stop, { once: true });
  coming.listen(first);
  let asked = performance.now();
  try {
    yield `retry: ${RETRY_MS}\n\n`;
    while (!how.signal.aborted) {
      const result = await coming.within(beat_ms);
      if (how.signal.aborted) return;
      if (performance.now() - asked >= beat_ms || result === undefined) {
        await how.again();
        asked = performance.now();
      }
      if (result === undefined) yield ":\n\n";
      else if (result.done === true) return yield "event: end\ndata: {}\n\n";
      else {
        yield textOf(result.value);
        coming.listen(events.next());
      }
    }
  } catch (error) {
    how.failed(error);
    yield `event: error\ndata: ${JSON.stringify(problemOf(error, how.request_id).body)}\n\n`;
  } finally {
    how.signal.removeEventListener("abort", stop);
    void events.return?.()?.catch(() => {});
  }
}

function textOf({ id, event, data }: Followed): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/**
 * What comes, waited for again and again: each promise is listened to once, where a race at each beat would leave
 * something behind for as long as nothing happens.
 */
class Coming<T> {
  #came: PromiseSettledResult<T> | undefined;
  #wake = () => {};

  listen(promise: Promise<T>): void {
    this.#came = undefined;
    promise.then(
      (value) => this.#put({ status: "fulfilled", value }),
      (reason: unknown) => this.#put({ status: "rejected", reason }),
    );
  }

  /** Lets who waits go on with nothing. */
  wake(): void {
    this.#wake();
  }

  /** What came, or undefined where it does not come in time; throws what it was refused with. */
  async within(ms: number): Promise<T | undefined> {
    if (this.#came === undefined) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ms);
        this.#wake = resolve;
      });
      clearTimeout(timer);
    }
    if (this.#came?.status === "rejected") throw this.#came.reason;
    return this.#came?.value;
  }

  #put(came: PromiseSettledResult<T>): void {
    this.#came = came;
    this.#wake();
  }
}
