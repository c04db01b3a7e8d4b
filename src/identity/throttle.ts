import { setTimeout as sleep } from "node:timers/promises";
import type { Cache } from "../cache/cache.ts";
import { AppError } from "../errors.ts";

/** Who tries to sign in: an account, whether there is one or not, and from which network. */
export type Attempt = {
  account: string;
  network: string;
  /** The account signed in from there before. */
  known: boolean;
};

export type Tried = {
  right: boolean;
  /** Wrong passwords of this account within the hour, from anywhere, with this one. */
  failures: number;
};

const MINUTE_MS = 60_000;
const WINDOW_MS = 15 * MINUTE_MS;
const ACCOUNT_WINDOW_MS = 60 * MINUTE_MS;

/**
 * Of one account from one network; more where it is known, so that few who guess there shut out whom they sit beside.
 * Who goes on guessing there does, for passwords: see `SignInThrottle`.
 */
const PAIR_MOST = 10;
const KNOWN_PAIR_MOST = 30;
/** Of all accounts from one network: an institute behind one address signs in every morning. */
const NETWORK_MOST = 100;
/** Wrong passwords of one account before strangers wait; each further one makes it longer. */
const FREE_FAILURES = 20;
const STEP_MS = 100;
const LONGEST_WAIT_MS = 2000;
/** Strangers that wait at once for one account, and for all. */
const WAITING_ACCOUNT = 8;
const WAITING_ALL = 200;

/**
 * Slows down who guesses passwords, and locks no account: only a network, for an account or for all strangers. An
 * account from one network has few attempts; a network has more, for all accounts. From many networks at once an account
 * can only be slowed down: strangers wait, eight at a time, and where the account signed in before nobody waits. Who
 * goes on guessing in the owner's own network does keep their password out of there, a window at a time: sessions that
 * are refreshed, keys and every other network have nothing to do with it.
 */
export class SignInThrottle {
  readonly #cache: Cache;
  readonly #wait: (ms: number) => Promise<unknown>;
  readonly #waiting = new Map<string, number>();
  readonly #notes = new Set<Promise<void>>();
  #waitingAll = 0;

  constructor(cache: Cache, wait: (ms: number) => Promise<unknown> = (ms) => sleep(ms)) {
    this.#cache = cache;
    this.#wait = wait;
  }

  /**
   * Counts an attempt, waits where it must, and lets `check` say whether the password is right: then it counts for
   * nothing. Counted before it is checked, so that a hundred at once are a hundred. Throws AppError quota.
   */
  async attempt(who: Attempt, check: () => Promise<boolean>): Promise<Tried> {
    const pair = await this.#count(`login_pair:${who.account} ${who.network}`, 1, WINDOW_MS);
    refuseBeyond(who.known ? KNOWN_PAIR_MOST : PAIR_MOST, pair);
    const network = await this.#count(`login_network:${who.network}`, 1, WINDOW_MS);
    if (!who.known) refuseBeyond(NETWORK_MOST, network);
    const account = await this.#count(`login_account:${who.account}`, 1, ACCOUNT_WINDOW_MS);
    if (!who.known) await this.#slowed(who.account, account.value - FREE_FAILURES);
    const right = await check();
    if (right) {
      await this.#cache.delete(`login_pair:${who.account} ${who.network}`);
      await this.#count(`login_network:${who.network}`, -1, WINDOW_MS);
      await this.#count(`login_account:${who.account}`, -1, ACCOUNT_WINDOW_MS);
    }
    return { right, failures: account.value };
  }

  /** Wrong names within the hour, of whatever account: these have no account that could be told of. */
  async countUnknown(): Promise<number> {
    return (await this.#count("login_unknown:all", 1, ACCOUNT_WINDOW_MS)).value;
  }

  /**
   * What is noted of an attempt after its answer: whether there was an account to note it of must not show in
   * how long the answer took. `work` never rejects. Who closes the context waits for it.
   */
  afterwards(work: () => Promise<void>): void {
    const note = work().finally(() => this.#notes.delete(note));
    this.#notes.add(note);
  }

  /** When everything is noted. */
  async idle(): Promise<void> {
    while (this.#notes.size > 0) await Promise.all(this.#notes);
  }

  #count(key: string, by: number, ttl_ms: number): ReturnType<Cache["count"]> {
    return this.#cache.count(key, by, ttl_ms);
  }

  async #slowed(account: string, failures: number): Promise<void> {
    if (failures <= 0) return;
    const waiting = this.#waiting.get(account) ?? 0;
    if (waiting >= WAITING_ACCOUNT || this.#waitingAll >= WAITING_ALL) throw tooMany(1);
    this.#waiting.set(account, waiting + 1);
    this.#waitingAll++;
    try {
      await this.#wait(Math.min(LONGEST_WAIT_MS, failures * STEP_MS));
    } finally {
      const left = (this.#waiting.get(account) ?? 1) - 1;
      if (left === 0) this.#waiting.delete(account);
      else this.#waiting.set(account, left);
      this.#waitingAll--;
    }
  }
}

function refuseBeyond(most: number, { value, ttl_ms }: { value: number; ttl_ms: number }): void {
  if (value > most) throw tooMany(Math.max(1, Math.ceil(ttl_ms / 1000)));
}

function tooMany(seconds: number): AppError {
  const when = seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} minutes`;
  return new AppError("quota", `too many attempts to sign in: try again in ${when}`, {
    retry_after_s: seconds,
  });
}
