import { AppError } from "../errors.ts";
import { openPool, type Pool } from "../toolkit/pool.ts";
import type { BcryptQuestion } from "./bcrypt-thread.ts";
import { hashPassword, verifyPassword } from "./passwords.ts";

/** Of the four threads that everything shares: files and names must not wait behind sign-ins. */
const AT_ONCE = 2;
/** Some 35 ms each, two at once: the last of them waits about a second. */
const MOST_WAITING = 64;

/** What the cost of a bcrypt hash may be: 2^14 rounds are a second, and who can write a hash must not take our time. */
const BCRYPT = /^\$2[aby]\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}$/;
const BCRYPT_SECONDS = 10;

/** A hash of nothing that anybody can say, at our cost: checking a person who does not exist takes as long. */
const NOBODYS_HASH = `$argon2id$v=19$m=19456,t=2,p=1$${"A".repeat(22)}$${"A".repeat(43)}`;

type Waiting = { start: () => void };

/**
 * Makes and checks hashes of passwords, a few at once: each takes 19 MiB and a core. Who is favoured goes first and
 * has a queue of their own, so that a flood of strangers keeps nobody out who is known here.
 * Beyond the queue it throws AppError unavailable.
 */
export class PasswordGate {
  readonly #lines: Record<"favoured" | "others", Waiting[]> = { favoured: [], others: [] };
  readonly #atOnce: number;
  readonly #most: number;
  #busy = 0;
  #bcrypt: Pool<BcryptQuestion, boolean> | undefined;

  constructor({ atOnce = AT_ONCE, waiting = MOST_WAITING }: { atOnce?: number; waiting?: number } = {}) {
    this.#atOnce = atOnce;
    this.#most = waiting;
  }

  /** As `hashPassword`. */
  hash(text: string): Promise<string> {
    return this.#turn(true, () => hashPassword(text));
  }

  /**
   * Whether the password has this hash, Argon2id or bcrypt. Without a hash the answer is no, and takes as long. A
   * hash that is neither is nobody's. A wrong one of somebody favoured is told when one of the others would be, or
   * whoever floods the queue would hear who is favoured. `looked` is called when it is known, also where that
   * can't be told then.
   */
  async verify(
    text: string,
    stored: string | null,
    { favoured = false, looked = () => {} }: { favoured?: boolean; looked?: () => void } = {},
  ): Promise<boolean> {
    const right = await this.#turn(favoured, async () => {
      if (stored !== null && BCRYPT.test(stored)) return this.#verifyBcrypt(text, stored);
      const same = await verifyPassword(text, stored ?? NOBODYS_HASH);
      return same && stored !== null;
    });
    looked();
    if (!right && favoured) await this.#turn(false, async () => {});
    return right;
  }

  /** How many are at work and how many wait. */
  get load(): { busy: number; waiting: number } {
    return { busy: this.#busy, waiting: this.#lines.favoured.length + this.#lines.others.length };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bcrypt?.close();
  }

  #verifyBcrypt(text: string, hash: string): Promise<boolean> {
    const here = import.meta.url;
    this.#bcrypt ??= openPool(new URL(`./bcrypt-thread${here.slice(here.lastIndexOf("."))}`, here), 1);
    return this.#bcrypt.ask({ text, hash }, BCRYPT_SECONDS);
  }

  async #turn<T>(favoured: boolean, work: () => Promise<T>): Promise<T> {
    await this.#admitted(favoured ? this.#lines.favoured : this.#lines.others);
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  async #admitted(line: Waiting[]): Promise<void> {
    if (this.#busy < this.#atOnce) {
      this.#busy++;
      return;
    }
    if (line.length >= this.#most)
      throw new AppError("unavailable", "too many sign in at once: try again in a few seconds");
    await new Promise<void>((resolve) => line.push({ start: resolve }));
  }

  /** Hands the place on without giving it back between. */
  #next(): void {
    const next = this.#lines.favoured.shift() ?? this.#lines.others.shift();
    if (next === undefined) this.#busy--;
    else next.start();
  }
}
