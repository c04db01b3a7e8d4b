import type { FastifyReply } from "fastify";
import { MOST } from "../limits/most.ts";
import { HttpError } from "./http-error.ts";
import { whenClosed } from "./within.ts";

/** How many streams, or exports, there may be: of one person, of an organization, and of all. */
export type Places = { person: number; organization: number; process: number };

type Holder = { user_id: string; org_id: string | null };

/** What a server has in its hands: requests that run, streams that are open, and whether it is leaving. */
export class Life {
  /** It answers, but no longer says that it is ready. */
  draining = false;
  #running = 0;
  #idle: (() => void)[] = [];
  readonly #streams = new Map<AbortController, Holder>();
  readonly #exports = new Map<object, Holder>();
  readonly #places: { streams: Places; exports: Places };

  constructor(streams: Partial<Places> = {}, exports: Partial<Places> = {}) {
    this.#places = {
      streams: { ...MOST.streams, ...streams },
      exports: { ...MOST.exports, ...exports },
    };
  }

  get running(): number {
    return this.#running;
  }

  get streams(): number {
    return this.#streams.size;
  }

  get exports(): number {
    return this.#exports.size;
  }

  /** Counts an answer until its last byte is sent or its asker has left. */
  count(reply: Pick<FastifyReply, "raw">): void {
    this.#running++;
    whenClosed(reply, () => {
      this.#running--;
      if (this.#running === 0) for (const tell of this.#idle.splice(0)) tell();
    });
  }

  /** Resolves when nothing runs. */
  idle(): Promise<void> {
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#idle.push(resolve));
  }

  /** A place for one stream of a person in an organization. Throws HttpError stopping, too_many_streams. */
  openStream(userId: string, orgId: string | null): Disposable & { signal: AbortSignal } {
    if (this.draining)
      throw new HttpError("stopping", "this server is stopping: follow it again in a moment", {
        headers: { "retry-after": "2" },
      });
    if (!hasPlace(this.#streams, this.#places.streams, userId, orgId))
      throw new HttpError(
        "too_many_streams",
        "so many streams are open already: close some, or ask again later",
        {
          headers: { "retry-after": "10" },
        },
      );
    const controller = new AbortController();
    this.#streams.set(controller, { user_id: userId, org_id: orgId });
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => void this.#streams.delete(controller),
    };
  }

  /** A place for one answer of rows or bytes that is sent as it is read. Throws HttpError too_many_exports. */
  openExport(userId: string, orgId: string | null): Disposable {
    if (!hasPlace(this.#exports, this.#places.exports, userId, orgId))
      throw new HttpError(
        "too_many_exports",
        "so many exports and files are being sent already: read them to their end, then ask again",
        { headers: { "retry-after": "2" } },
      );
    const held = {};
    this.#exports.set(held, { user_id: userId, org_id: orgId });
    return { [Symbol.dispose]: () => void this.#exports.delete(held) };
  }

  /** Tells all streams to end: whoever follows goes on elsewhere, after the last event that came. */
  endStreams(): void {
    for (const controller of this.#streams.keys()) controller.abort();
  }
}

function hasPlace(
  held: ReadonlyMap<object, Holder>,
  { person, organization, process }: Places,
  userId: string,
  orgId: string | null,
): boolean {
  const all = [...held.values()];
  const own = all.filter(({ user_id }) => user_id === userId).length;
  const theirs = all.filter(({ org_id }) => org_id === orgId).length;
  return all.length < process && theirs < organization && own < person;
}
