import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../errors.ts";
import { areCredentials, type Credentials, isRecord } from "./credentials-form.ts";

/** By the address of the API. */
type All = Record<string, unknown>;

/** Whoever holds the lock asks the API once or twice; who holds it for longer is gone. */
const STALE_MS = 120_000;
const PATIENCE_MS = 150_000;
const LOOK_MS = 25;

/**
 * `credentials.json` of a home, readable by its owner alone: what `login` left, per API. Changes are made under a
 * lock and written aside, so that of two commands that refresh at once none loses what the other was given.
 */
export class CredentialsFile {
  readonly #path: string;
  readonly #url: string;

  constructor(home: string, url: string) {
    this.#path = join(home, "credentials.json");
    this.#url = url;
  }

  /** Drops what is kept of every API whose address `isGone`; returns these addresses. Throws AppError unavailable. */
  static async forget(home: string, isGone: (url: string) => boolean): Promise<string[]> {
    const urls = Object.keys(new CredentialsFile(home, "").#all() ?? {}).filter(isGone);
    for (const url of urls) await new CredentialsFile(home, url).locked(async ({ keep }) => keep(undefined));
    return urls;
  }

  /**
   * Those of this API; undefined: nobody signed in to it. Throws AppError unauthenticated where what is there is not
   * what this program writes, unavailable.
   */
  read(): Credentials | undefined {
    const all = this.#all();
    if (all === undefined) throw this.#unknown();
    if (!Object.hasOwn(all, this.#url)) return undefined;
    const own = all[this.#url];
    if (areCredentials(own)) return own;
    throw this.#unknown();
  }

  /** Addresses of other APIs that somebody signed in to. Throws AppError unavailable. */
  others(): string[] {
    return Object.keys(this.#all() ?? {}).filter((url) => url !== this.#url);
  }

  /**
   * Lets nobody else change the file until `work` ended: what it reads through `now` is what is there, and what it
   * gives to `keep` (undefined: nothing any more) is there for the next one.
   */
  async locked<T>(
    work: (file: {
      now: () => Credentials | undefined;
      keep: (credentials: Credentials | undefined) => void;
    }) => Promise<T>,
  ): Promise<T> {
    const unlock = await this.#lock();
    try {
      return await work({ now: () => this.read(), keep: (credentials) => this.#write(credentials) });
    } finally {
      unlock();
    }
  }

  /** What there is; undefined: nothing that can be read as what it should be. Throws AppError unavailable. */
  #all(): All | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return {};
      throw this.#broken("can't be read", cause);
    }
    try {
      const all: unknown = JSON.parse(text);
      return isRecord(all) ? all : undefined;
    } catch {
      return undefined;
    }
  }

  /** Half of a file, or another version's. */
  #unknown(): AppError {
    return new AppError(
      "unauthenticated",
      `what ${this.#path} holds of your session can't be used: sign in again with \`aliquot login\``,
    );
  }

  #broken(what: string, cause: unknown): AppError {
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    return new AppError("unavailable", `${this.#path} ${what} (${code}): let yourself read and write it`, {
      cause,
    });
  }

  /** What was there and can't be used goes. */
  #write(credentials: Credentials | undefined): void {
    const { [this.#url]: _before, ...others } = this.#all() ?? {};
    const all: All = credentials === undefined ? others : { ...others, [this.#url]: credentials };
    const aside = `${this.#path}.${process.pid}.${randomBytes(4).toString("hex")}`;
    try {
      writeFileSync(aside, `${JSON.stringify(all, null, 2)}\n`, { mode: 0o600, flag: "wx", flush: true });
      renameSync(aside, this.#path);
    } catch (cause) {
      rmSync(aside, { force: true });
      throw this.#broken("can't be written", cause);
    }
  }

  /** A link that only one can make; what a killed command left is taken away. Throws AppError unavailable. */
  async #lock(): Promise<() => void> {
    const lock = `${this.#path}.lock`;
    const mark = `${lock}.${process.pid}.${randomBytes(4).toString("hex")}`;
    try {
      writeFileSync(mark, String(process.pid), { mode: 0o600, flag: "wx" });
    } catch (cause) {
      throw this.#broken("can't be written", cause);
    }
    const until = performance.now() + PATIENCE_MS;
    try {
      while (!taken(mark, lock)) {
        if (performance.now() > until)
          throw new AppError("unavailable", `${lock} is held by another command: end it, or remove the file`);
        clearStale(lock);
        await sleep(LOOK_MS);
      }
    } finally {
      rmSync(mark, { force: true });
    }
    return () => rmSync(lock, { force: true });
  }
}

function taken(mark: string, lock: string): boolean {
  try {
    linkSync(mark, lock);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw new AppError("unavailable", `can't make ${lock} (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
    });
  }
}

/** Its maker is gone, or takes far longer than it can. */
function clearStale(lock: string): void {
  try {
    const age = Date.now() - statSync(lock).mtimeMs;
    const pid = Number(readFileSync(lock, "utf8"));
    if (age < STALE_MS && isAlive(pid)) return;
    // Moved away before it is removed: of two that do this only one finds it, and nobody removes a new one unseen.
    const away = `${lock}.${process.pid}.stale`;
    renameSync(lock, away);
    if (Number(readFileSync(away, "utf8")) !== pid) linkSync(away, lock);
    rmSync(away, { force: true });
  } catch (cause) {
    if (!["ENOENT", "EEXIST"].includes(String((cause as NodeJS.ErrnoException).code))) throw cause;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}
