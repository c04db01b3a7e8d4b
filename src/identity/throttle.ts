import { setTimeout as sleep } from "node:timers/promises";
import type { Cache } from "../cache/cache.ts";
import { AppError } from "../errors.ts";
import { sha256 } from "../ids.ts";

/** Who tries to sign in: the name as it was typed, whether somebody has it or not, and from which network. */
export type Attempt = {
  name: string;
  network: string;
  /** The account of this name signed in from there before. */
  known: boolean;
};

/**
 * Says whether the password is right; `blind`: whatever it is, it is not, and it takes as long to say so. `looked` is
 * called when that is known: what is thrown before counts for nothing, and what is thrown after it does.
 */
export type Check = (how: { blind: boolean; looked: () => void }) => Promise<boolean>;

const MINUTE_MS = 60_000;
const WINDOW_MS = 15 * MINUTE_MS;
const NAME_WINDOW_MS = 60 * MINUTE_MS;

/** Wrong passwords of one name from one network that are told to be wrong. */
const PAIR_MOST = 10;
/** Beyond those the right one is still taken where the name is known, so that few who guess there shut nobody out. */
const PAIR_CHECKED = 30;
/** Of all names from one network: an institute behind one address signs in every morning. */
const NETWORK_MOST = 100;
/** Wrong passwords of one name before whoever gives another waits; each further one makes it longer. */
const FREE_FAILURES = 20;
const STEP_MS = 100;
const LONGEST_WAIT_MS = 2000;
/** Those that wait at once for one name, and for all. */
const WAITING_NAME = 8;
const WAITING_ALL = 200;

/**
 * Slows down who guesses passwords, and locks no account: only a network, for a name or for all strangers. What is
 * counted is the name as it was typed, and every wrong password is answered by the same counts and waits, whether
 * somebody has that name, signed in from there before, or neither: by its limits nobody learns who there is, what
 * else they are called, or where they sit. What differs is what becomes of the *right* password: where the account
 * is known it is taken at once, also beyond the limits, 30 times in a window; elsewhere it waits, and is refused
 * beyond them as a wrong one is. Who goes on guessing in the owner's own network does keep their password out of
 * there, a window at a time: sessions that are refreshed, keys and every other network have nothing to do with it.
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
   * nothing, as where nobody could look. Counted before it is checked, so that a hundred at once are a hundred.
   * Throws AppError quota, and what `check` throws.
   */
  async attempt({ name: typed, network: from, known }: Attempt, check: Check): Promise<boolean> {
    const name = nameKey(typed);
    const pair = await this.#count(`login_pair:${name} ${from}`, 1, WINDOW_MS);
    if (pair.value > PAIR_CHECKED) throw tooMany(pair);
    const network = await this.#count(`login_network:${from}`, 1, WINDOW_MS);
    const all = await this.#count(`login_name:${name}`, 1, NAME_WINDOW_MS);
    const beyond = pair.value > PAIR_MOST ? pair : network.value > NETWORK_MOST ? network : undefined;
    const slow = async () => {
      if (beyond === undefined) await this.#slowed(name, all.value - FREE_FAILURES);
    };
    let looked = false;
    const checked = async () => {
      if (!known) await slow();
      return check({ blind: beyond !== undefined && !known, looked: () => (looked = true) });
    };
    const right = await checked().catch(async (error: unknown) => {
      if (!looked) {
        await this.#count(`login_pair:${name} ${from}`, -1, WINDOW_MS);
        await this.#takeBack(name, from);
      }
      throw error;
    });
    if (right) {
      await this.#cache.delete(`login_pair:${name} ${from}`);
      await this.#takeBack(name, from);
      return true;
    }
    if (beyond !== undefined) throw tooMany(beyond);
    // Who is known waits only here, and so as long as strangers did before.
    if (known) await slow();
    return false;
  }

  /** Wrong passwords of an account within the hour, whatever it was called, with this one. Told to nobody but the log. */
  async countFailure(userId: string): Promise<number> {
    return (await this.#count(`login_failed:${userId}`, 1, NAME_WINDOW_MS)).value;
  }

  /** Wrong names within the hour: these have no account that could be told of. */
  async countUnknown(): Promise<number> {
    return (await this.#count("login_unknown:all", 1, NAME_WINDOW_MS)).value;
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

  async #takeBack(name: string, network: string): Promise<void> {
    await this.#count(`login_network:${network}`, -1, WINDOW_MS);
    await this.#count(`login_name:${name}`, -1, NAME_WINDOW_MS);
  }

  #count(key: string, by: number, ttl_ms: number): ReturnType<Cache["count"]> {
    return this.#cache.count(key, by, ttl_ms);
  }

  async #slowed(name: string, failures: number): Promise<void> {
    if (failures <= 0) return;
    const waiting = this.#waiting.get(name) ?? 0;
    if (waiting >= WAITING_NAME || this.#waitingAll >= WAITING_ALL) throw tooMany({ ttl_ms: 1000 });
    this.#waiting.set(name, waiting + 1);
    this.#waitingAll++;
    try {
      await this.#wait(Math.min(LONGEST_WAIT_MS, failures * STEP_MS));
    } finally {
      const left = (this.#waiting.get(name) ?? 1) - 1;
      if (left === 0) this.#waiting.delete(name);
      else this.#waiting.set(name, left);
      this.#waitingAll--;
    }
  }
}

/** What was typed, whatever its case, as it is counted: people type passwords there too. */
function nameKey(typed: string): string {
  return sha256(typed.normalize("NFC").toLowerCase()).slice(0, 32);
}

function tooMany({ ttl_ms }: { ttl_ms: number }): AppError {
  const seconds = Math.max(1, Math.ceil(ttl_ms / 1000));
  const when = seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} minutes`;
  return new AppError("quota", `too many attempts to sign in: try again in ${when}`, {
    retry_after_s: seconds,
  });
}
