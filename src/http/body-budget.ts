import { CLOSE, HttpError } from "./http-error.ts";

/** Up to here a body counts for the small ones: signing in and cancelling must not wait for others' uploads. */
const SMALL_BYTES = 64 * 1024;
/** Two of the largest at once; what is made of a body is several times as large. */
const LARGE_TOGETHER = 64 * 1024 * 1024;
const SMALL_TOGETHER = 32 * 1024 * 1024;
/** Names and tokens. */
const STRANGERS_TOGETHER = 16 * 1024 * 1024;
/** Uploads are over in so many seconds, or close to it. */
const AGAIN_S = 2;

/** Who sends a body: somebody in an organization, or a stranger of a network. */
export type Sender = { user_id: string; org_id: string | null } | { network: string };

/** Which part of a purse one name may have in it. */
type Share = { name: string; part: number };

/** Bytes that there is room for, and those of each name. */
type Purse = { most: number; taken: number; readonly each: Map<string, number> };

/**
 * How many bytes of bodies one process has in its hands: each is charged as it arrives, for what a request only says of
 * its length costs nothing, and given back when it is answered. A person has a quarter of it, an organization half, so that
 * nobody keeps all others out. A body is among the small ones until it is larger. Strangers have room of their
 * own, an eighth of it from one network: whatever they send, who is signed in is not kept out.
 */
export class BodyBudget {
  readonly #small: Purse;
  readonly #large: Purse;
  readonly #strangers: Purse;

  constructor({ large = LARGE_TOGETHER, small = SMALL_TOGETHER, strangers = STRANGERS_TOGETHER } = {}) {
    this.#large = purseOf(large);
    this.#small = purseOf(small);
    this.#strangers = purseOf(strangers);
  }

  /** Bytes that are under way. */
  get taken(): number {
    return this.#small.taken + this.#large.taken + this.#strangers.taken;
  }

  /** Room for a body of somebody, of no bytes yet; who opens it disposes of it. */
  open(sender: Sender): BodyRoom {
    if (!("network" in sender)) return new BodyRoom(this.#small, this.#large, sharesOf(sender));
    const shares = [{ name: sender.network, part: 1 / 8 }];
    return new BodyRoom(this.#strangers, this.#strangers, shares);
  }
}

/** What one body has taken. */
export class BodyRoom implements Disposable {
  #purse: Purse;
  readonly #large: Purse;
  readonly #shares: readonly Share[];
  #bytes = 0;
  #isOpen = true;

  constructor(small: Purse, large: Purse, shares: readonly Share[]) {
    this.#purse = small;
    this.#large = large;
    this.#shares = shares;
  }

  /** Room for so many bytes more. Throws HttpError too_many_bodies, busy; what was taken before stays taken. */
  take(more: number): void {
    if (!this.#isOpen) return;
    const bytes = this.#bytes + more;
    const purse = bytes > SMALL_BYTES ? this.#large : this.#purse;
    const own = purse === this.#purse ? this.#bytes : 0;
    // What is larger than a share goes alone: else it could never be said at all.
    const isOver = (others: number, most: number) => others > 0 && others + bytes > most;
    for (const { name, part } of this.#shares)
      if (isOver((purse.each.get(name) ?? 0) - own, purse.most * part))
        throw new HttpError(
          "too_many_bodies",
          "you or your organization send too much at once: wait until what you sent is answered",
          again(),
        );
    if (isOver(purse.taken - own, purse.most))
      throw new HttpError("busy", "this server is sent too much at once: ask again in a moment", again());
    this.#charge(-this.#bytes);
    this.#purse = purse;
    this.#charge(bytes);
    this.#bytes = bytes;
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) this.#charge(-this.#bytes);
    this.#isOpen = false;
  }

  #charge(bytes: number): void {
    const { each } = this.#purse;
    this.#purse.taken += bytes;
    for (const { name } of this.#shares) {
      const all = (each.get(name) ?? 0) + bytes;
      if (all === 0) each.delete(name);
      else each.set(name, all);
    }
  }
}

function sharesOf({ user_id, org_id }: { user_id: string; org_id: string | null }): Share[] {
  const person = { name: user_id, part: 1 / 4 };
  return org_id === null ? [person] : [person, { name: org_id, part: 1 / 2 }];
}

function purseOf(most: number): Purse {
  return { most, taken: 0, each: new Map() };
}

/** The connection ends with the answer: what was not asked for is not waited for either. */
function again() {
  return { headers: { ...CLOSE.headers, "retry-after": String(AGAIN_S) } };
}
