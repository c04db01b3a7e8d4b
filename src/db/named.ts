/** Names a connection may give; what comes after is sent as it was. */
const NAMES_MAX = 100;
/** Texts of which a connection remembers that it sent them once. */
const SEEN_MAX = 1000;
/** How long the plans of a connection are believed: a table may have grown from ten rows to ten thousand meanwhile. */
const BELIEVED_MS = 3000;

/** Rows of a statement above which planning is nothing beside them, and a plan for any number is worse than one for theirs. */
const ROWS_MAX = 100;

/** A list of columns that a migration makes longer; the server refuses to run what it kept of such a statement (0A000). */
const STAR = /\b(?:select|returning)\s+(?:"?\w+"?\.)?\*|,\s*"?\w+"?\.\*/i;
const WRITES = /^\s*(?:insert|update|delete)\b/i;
const RETURNS = /\breturning\b/i;

/**
 * What one connection's server keeps, and for how long. PostgreSQL keeps a named statement parsed, rewritten for its
 * role and, where that is as good, planned. A text is named as it is sent for the second time; each role has names of its
 * own, for what is kept under row security holds for one role and is made anew for another.
 *
 * Nothing is kept behind a pooler: the next statement may go to a server that never heard of the name.
 */
export class StatementNames {
  /** By role; a text without a name was sent once. */
  readonly #known = new Map<string, Map<string, string | undefined>>();
  readonly #askDirect: () => Promise<boolean>;
  #direct: boolean | undefined;
  #seen = 0;
  #named = 0;
  #since = performance.now();

  /** `askDirect` says whether nothing stands between us and the server; it is asked before the first name. */
  constructor(askDirect: () => Promise<boolean>) {
    this.#askDirect = askDirect;
  }

  /** The name under which a text is to be sent for a role; undefined: without one. */
  nameOf(role: string, text: string): string | undefined {
    if (this.#direct === false) return undefined;
    const texts = this.#textsOf(role);
    const name = texts.get(text);
    if (name !== undefined || this.#named >= NAMES_MAX) return name;
    if (!texts.has(text)) {
      if (this.#seen++ < SEEN_MAX && hasFixedColumns(text)) texts.set(text, undefined);
      return undefined;
    }
    if (!this.#isDirect()) return undefined;
    const given = `s${++this.#named}`;
    texts.set(text, given);
    return given;
  }

  /** True where plans are too old to be believed; from then on they count as made now. */
  outlived(): boolean {
    const now = performance.now();
    if (now - this.#since < BELIEVED_MS) return false;
    this.#since = now;
    return true;
  }

  #textsOf(role: string): Map<string, string | undefined> {
    const known = this.#known.get(role);
    if (known !== undefined) return known;
    const texts = new Map<string, string | undefined>();
    this.#known.set(role, texts);
    return texts;
  }

  /** Nobody waits for the answer: until it is there, nothing is named. */
  #isDirect(): boolean {
    if (this.#direct !== undefined) return this.#direct;
    this.#direct = false;
    this.#askDirect().then(
      (direct) => {
        this.#direct = direct;
      },
      () => {
        this.#direct = undefined;
      },
    );
    return false;
  }
}

/** True where a statement carries so many rows that it is better planned for them. */
export function isMany(values: readonly unknown[]): boolean {
  return values.some((value) => Array.isArray(value) && value.length > ROWS_MAX);
}

function hasFixedColumns(text: string): boolean {
  return !STAR.test(text) || (WRITES.test(text) && !RETURNS.test(text));
}
