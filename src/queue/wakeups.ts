import { setTimeout as sleep } from "node:timers/promises";
import type { ServerAddress } from "../db/address.ts";
import { type Listener, openListener } from "../db/connect.ts";
import type { Roles } from "../db/roles.ts";
import { toAppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Secret } from "../secrets.ts";
import { appPassword } from "../setup.ts";
import { version } from "../version.ts";
import { TASKS_CHANNEL } from "./queue-store.ts";

/** How often a worker asks where nobody can call it. */
export const POLL_MS = 250;
/** How often it asks although it is called: pauses end and quotas become free without a word. */
export const LISTENING_POLL_MS = 1000;

const FIRST_RETRY_MS = 250;
const MOST_RETRY_MS = 30_000;

/** What tells a worker that there may be something to claim. */
export type Wakeups = AsyncDisposable & {
  /** True while it listens; else `next` is a poll. */
  readonly listening: boolean;
  /**
   * Resolves when tasks for its engines came since the last time, when it is time to look all the same (at most
   * `ms`), or when `signal` aborts. Never rejects.
   */
  next(ms: number, signal: AbortSignal): Promise<void>;
};

/**
 * Listens for tasks of these engines on one connection of its own, past a pooler where DATABASE_DIRECT_URL says
 * how. A connection that is lost or not to be had is tried again, later each time; until then, and where only a
 * pooler is to be had, `next` polls. Returns at once.
 */
export function openWakeups(
  { admin, roles, secret, log }: { admin: ServerAddress; roles: Roles; secret: Secret; log: Logger },
  engines: string[],
): Wakeups {
  const address = { ...admin, user: roles.app, password: appPassword(secret).reveal() };
  return new Bell(address, engines, log);
}

class Bell implements Wakeups {
  readonly #address: ServerAddress;
  readonly #engines: string[];
  readonly #log: Logger;
  readonly #closed = new AbortController();
  readonly #done: Promise<void>;
  #listening = false;
  #rung = false;
  #ring = () => {};

  constructor(address: ServerAddress, engines: string[], log: Logger) {
    this.#address = address;
    this.#engines = engines;
    this.#log = log;
    this.#done = this.#listenForEver();
  }

  get listening(): boolean {
    return this.#listening;
  }

  async next(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      const over = new AbortController();
      const rung = new Promise<void>((resolve) => {
        this.#ring = resolve;
      });
      const most = Math.min(ms, this.#listening ? LISTENING_POLL_MS : POLL_MS);
      const pause = sleep(most, undefined, { signal: AbortSignal.any([over.signal, signal]) }).catch(
        () => {},
      );
      await Promise.race([rung, pause]);
      over.abort();
    }
    this.#rung = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#done;
  }

  #wake(): void {
    this.#rung = true;
    this.#ring();
  }

  #heard(message: string): void {
    if (message.split(",").some((engine) => this.#engines.includes(engine))) this.#wake();
  }

  async #listenForEver(): Promise<void> {
    const { signal } = this.#closed;
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      const began = performance.now();
      const found = await this.#listenOnce(signal);
      if (found === "pooler") return;
      // One that held for a while was a good one: the next is tried soon.
      if (performance.now() - began > MOST_RETRY_MS) retryMs = FIRST_RETRY_MS;
      await sleep(retryMs, undefined, { signal }).catch(() => {});
      retryMs = Math.min(MOST_RETRY_MS, retryMs * 2);
    }
  }

  /** Until the connection is lost or we are closed. */
  async #listenOnce(signal: AbortSignal): Promise<"lost" | "pooler"> {
    const gone = new AbortController();
    let listener: Listener | undefined;
    try {
      listener = await openListener(
        this.#address,
        `aliquot ${version()} wake-ups ${process.pid}`,
        TASKS_CHANNEL,
        {
          heard: (message) => this.#heard(message),
          lost: () => gone.abort(),
        },
      );
    } catch (error) {
      this.#log.warn({ err: toAppError(error).message }, "can't listen for tasks: asking instead");
      return "lost";
    }
    if (listener === undefined) {
      this.#log.warn(
        {},
        "a pooler stands before PostgreSQL: workers ask for tasks; DATABASE_DIRECT_URL lets them be called",
      );
      return "pooler";
    }
    this.#listening = true;
    this.#wake(); // what came while nobody listened
    await aborted(AbortSignal.any([gone.signal, signal]));
    this.#listening = false;
    await listener.close();
    return "lost";
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
