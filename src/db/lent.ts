import type { Link } from "./connect.ts";
import { isConnectionLost } from "./postgres-errors.ts";

/** What a pool gives for a while: a connection, and the ways to another one and back. */
export type Loan = {
  link: Link;
  /** Gives a dead one back and takes another that was not idle meanwhile. Throws as a pool does. */
  renew(): Promise<Loan>;
  giveBack(broken: boolean): void;
};

type Answer = { command: string; rowCount: number | null; rows: unknown[] };

const BEGIN = /^(begin|start transaction)\b/i;
/** Said by who repeats the same few statements. People's questions are not among these: each has its own best plan. */
const REPEATS = /\bread write$/i;
const ROLE = /^SELECT set_config\('role', '([^']+)'/;
const END = /^(commit|rollback)$/i;

/**
 * A lent connection as Kysely sees one. It sends BEGIN together with the statement after it: one round
 * trip less in every transaction. And where that first message meets a connection that had died while
 * nobody looked, it takes another one and says it again, once: nothing was done yet. That is surer than
 * asking `SELECT 1` first, which costs a round trip and says nothing of the moment after it.
 */
export class LentClient {
  #loan: Loan | undefined;
  #begin: string | undefined;
  /** Whose statements the server may keep in this transaction. */
  #role: string | undefined;

  constructor(loan: Loan) {
    this.#loan = loan;
  }

  get processID(): number | undefined {
    return this.#loan?.link.processID;
  }

  /** Throws what the driver throws. */
  async query(text: string, values: readonly unknown[] = []): Promise<Answer> {
    if (BEGIN.test(text)) {
      this.#begin = text;
      return nothing("BEGIN");
    }
    const begin = this.#begin;
    this.#begin = undefined;
    const link = this.#loan?.link;
    // Nothing was begun, or it ended with its connection. What broke that has been told, and stays the error.
    if (END.test(text) && begin !== undefined) return nothing(text.toUpperCase());
    if (/^rollback$/i.test(text) && link?.lost !== false) return nothing("ROLLBACK");
    if (begin === undefined || link === undefined) return this.#link().query(text, values, this.#role);
    this.#role = REPEATS.test(begin) ? ROLE.exec(text)?.[1] : undefined;
    // Several statements in one message can't have values.
    if (values.length === 0) return this.#first(link, `${begin}; ${text}`);
    await this.#first(link, begin);
    return this.#link().query(text, values);
  }

  release(broken = false): void {
    this.#loan?.giveBack(broken);
    this.#loan = undefined;
  }

  #link(): Link {
    if (this.#loan === undefined) throw new Error("Connection terminated: it was given back");
    return this.#loan.link;
  }

  async #first(link: Link, text: string): Promise<Answer> {
    try {
      return await link.query(text, []);
    } catch (error) {
      if (!isConnectionLost(error)) throw error;
    }
    const { renew } = this.#loan as Loan;
    this.#loan = undefined;
    this.#loan = await renew();
    return this.#loan.link.query(text, []);
  }
}

function nothing(command: string): Answer {
  return { command, rowCount: 0, rows: [] };
}
